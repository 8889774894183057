"""IBM hardware and its local fakes through the runtime: jobs that are journaled and retried."""

from ._runtime import RuntimeBackend

__all__ = ["RuntimeBackend"]
