"""scikit-learn's callback protocol, where the installed version has it (from 1.9)."""

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9: estimators work, `set_callbacks` is not there

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Estimators of a scikit-learn without callbacks."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "callback_context", "with_callbacks"]


def callback_context(estimator, max_subtasks):
    """Root context of one `fit`, or None where there are no callbacks to be told."""
    if not getattr(estimator, "_skl_callbacks", None):  # of the user, or of a meta-estimator
        return None
    return estimator._init_callback_context(max_subtasks=max_subtasks)
