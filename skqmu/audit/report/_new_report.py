"""The data of a report that has no scenario yet, from the plan of an audit."""

import math
import secrets
from datetime import UTC, datetime

from ..._rows import n_columns
from ..._versions import environment, installed_versions
from ._again import again, withholds_seeds
from ._data_card import data_card
from ._format import SCHEMA

__all__ = ["describe", "json_values", "new_key"]


def new_key():
    """A key for digests, which is written nowhere."""
    return secrets.token_bytes(32)


def describe(plan):
    """Return the data of a report that has no scenario yet.

    Parameters
    ----------
    plan : Plan
    """
    data, withheld = plan.data, withholds_seeds(plan)
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": False,
        "seconds": 0.0,
        "settings": {
            "title": plan.title,
            "estimator": json_values(plan.estimator_facts),
            "mechanisms": list(plan.mechanisms),
            "attacks": list(plan.attacks),
            "n_shadows": plan.n_shadows,
            "n_oracles": plan.n_oracles,
            "repeats": plan.repeats,
            "until": plan.until,
            "max_seconds": plan.max_seconds,
            "delta": plan.delta,
            "prefit": plan.fitted is not None,
            "sequential": plan.sequential,
            "curves": plan.curves,
            "level": plan.level,
            "entropy": None if withheld else str(plan.entropy),
            "n_train": len(data.y),
            "n_test": len(data.y_test),
            "n_reference": len(data.y_reference),
            "n_features": n_columns(data.X),
            "n_classes": int(plan.n_classes),
        },
        "data": json_values(data_card(plan, plan.digest_key, plan.has_own_key)),
        "again": again(plan),
        "environment": environment(),
        "notes": list(data.notes),
        "versions": installed_versions(),
        "scenarios": [],
    }


def json_values(value):
    """Return `value` with what strict JSON cannot hold (nan, infinities) as None."""
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
