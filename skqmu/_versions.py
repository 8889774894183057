"""Which version of what is installed, read without importing it."""

import importlib.metadata
import platform

__all__ = ["environment", "installed_versions", "numeric_versions", "package_versions"]

_PACKAGES = (
    "skqmu",
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "qiskit",
    "qiskit-aer",
    "qiskit-ibm-runtime",
    "qiskit-machine-learning",
    "matplotlib",
    "jinja2",
    "rich",
    "torch",
    "distributed",
    "skops",
)


def package_versions():
    """Return ``{package: version or None}`` from the installed metadata, importing nothing."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    if versions["skqmu"] is None:  # run from a source tree that is not installed
        import skqmu

        versions["skqmu"] = skqmu.__version__
    return versions


def installed_versions():
    """Return ``{package: version}`` of those that are installed."""
    return {name: found for name, found in package_versions().items() if found is not None}


def numeric_versions():
    """Versions of what the numbers of a cached model depend on beside its settings."""
    import numpy
    import sklearn

    import skqmu

    return skqmu.__version__, sklearn.__version__, numpy.__version__


def environment():
    """Return Python, system and machine, as far as numbers may depend on them."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.platform(),
        "machine": platform.machine(),
    }
