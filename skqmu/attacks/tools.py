"""What audits, and attacks of one's own, are built from.

The rest of the library imports these names from here and no private module of this room.
They are documented where they are defined; they may change between releases.
"""

from ..metrics.signals import (
    PROBABILITY_EPS,
    SIGNALS,
    align_columns,
    cross_entropy,
    encode_labels,
)
from ._attack_case import AttackCase
from ._estimators import check_target, entropy_from, known_members, with_seed
from ._outputs import query_proba
from ._parallel import run_jobs
from ._records import RecordIndex, check_labels, record_keys, takes_nan
from ._shadow_template import shadow_template
from ._store import ShadowStore, cache_directory
from .targets import adapted, model_name

__all__ = [
    "PROBABILITY_EPS",
    "SIGNALS",
    "AttackCase",
    "RecordIndex",
    "ShadowStore",
    "adapted",
    "align_columns",
    "cache_directory",
    "check_labels",
    "check_target",
    "cross_entropy",
    "encode_labels",
    "entropy_from",
    "known_members",
    "model_name",
    "query_proba",
    "record_keys",
    "run_jobs",
    "shadow_template",
    "takes_nan",
    "with_seed",
]
