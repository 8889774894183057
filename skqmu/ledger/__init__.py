"""Deletion as a service: requests that are honoured exactly once, and the evidence of it.

The ledger knows models by their public methods only: `unlearn`, `is_member`, `unlearning_log_`, and
the files of :func:`skqmu.save`.
"""

from ._erasure_record import ErasureRecord
from ._honouring import Batch
from ._ledger import DeletionLedger
from ._policy import BatchingPolicy, DeletionCost
from ._requests import Request
from ._verification import Finding, Verification

__all__ = [
    "Batch",
    "BatchingPolicy",
    "DeletionCost",
    "DeletionLedger",
    "ErasureRecord",
    "Finding",
    "Request",
    "Verification",
]
