"""What a bug report needs: versions, platform, thread pools; read without importing them."""

import importlib.metadata
import os
import platform
import sys

__all__ = ["package_versions", "show_versions"]

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


def _system_info():
    """Return what the machine is, without its name, its user or any path's owner."""
    return {
        "python": sys.version.replace("\n", " "),
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
    }


def show_versions():
    """Print the versions of skqmu, of what it stands on, and of the thread pools.

    Nothing that identifies a person or an account is printed.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn alone.

    Examples
    --------
    >>> from skqmu import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    System
                      python: ...
    """
    from threadpoolctl import threadpool_info

    print("\nSystem")
    for name, value in _system_info().items():
        print(f"{name:>24}: {value}")
    print("\nPackages")
    for name, version in package_versions().items():
        print(f"{name:>24}: {version or 'not installed'}")
    pools = threadpool_info()
    if pools:
        print("\nThread pools that this process has loaded")
        for pool in pools:
            print(
                f"{pool['internal_api']:>24}: {pool['num_threads']} threads, "
                f"version {pool['version']}"
            )
