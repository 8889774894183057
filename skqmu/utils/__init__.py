"""Helpers for users of the package: what is installed, and public check suites."""

from skqmu.utils._show_versions import show_versions

__all__ = ["show_versions"]
