"""Pickles that take along what a user's script defines."""

try:
    import cloudpickle
except ImportError:  # joblib below 1.6 brings its own copy
    from joblib.externals import cloudpickle

__all__ = ["cloudpickle"]
