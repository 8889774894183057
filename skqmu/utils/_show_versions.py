"""What a bug report needs: versions, platform, thread pools; read without importing them."""

import os
import platform
import sys

from skqmu._versions import package_versions

__all__ = ["show_versions"]


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
