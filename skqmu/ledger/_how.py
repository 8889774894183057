"""What the ledger keeps of a model's own log: how it forgot, what it claims, what it cannot reach.

Nothing that tells of the forgotten rows: no classes, no losses or accuracies on them, no numbers
in notes, no digests without a key.
"""

import platform
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from .._text import one_line, shortened
from .._versions import installed_versions
from ._subjects import final_step

__all__ = ["REASONS", "how_it_forgot", "method_limits"]

_FILES = "earlier versions of the model file: backups, snapshots, copies, unused blocks of the disk"
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?", re.I)
_DIGEST = re.compile(r"\bdigest [0-9a-f]{8,}")
_CERTIFICATE = ("kind", "epsilon", "delta", "residual_bound", "budget")
_MOST_NOTES, _LONGEST_NOTE = 20, 400

#: Why a request fails, in words that never hold what the error said: that may name rows.
REASONS = {
    "not a member": "nothing of the subject is in the model: it was never trained on, or is "
    "forgotten already",
    "failed": "the way to forget failed or diverged; the model is as it was",
}


def how_it_forgot(model: Any, before: int, beyond_reach: Sequence[str]) -> tuple[dict, dict]:
    """From the model's log, what many deletions say alike, and what this one says of itself.

    Parameters
    ----------
    model : estimator or Pipeline
        After it forgot.
    before : int
        Length of its log before.
    beyond_reach : sequence of str
        What the caller says that no request reaches.

    Returns
    -------
    method : dict
    result : dict
    """
    last = final_step(model)
    log = list(getattr(last, "unlearning_log_", ()))[before:]
    entry = log[-1] if log else {}
    certificate = entry.get("certificate") or {}
    reach = [entry.get("beyond_reach"), _FILES, *beyond_reach]
    method = {
        "model": type(last).__name__,
        "strategy": entry.get("strategy", "not said by the model"),
        "settings": _plain(entry.get("params", {})),
        "claim": entry.get("kind", "not said by the model"),
        "assumptions": _plain(certificate.get("assumptions", [])),
        "not_reached": [one_line(text) for text in reach if text],
        "notes": [_without_numbers(note) for note in entry.get("notes", ())][:_MOST_NOTES],
        "stopped": _without_numbers(entry.get("stop_reason") or ""),
        "versions": _versions(),
    }
    result = {
        "rows": sum(each.get("n_forget") or 0 for each in log),
        "seconds": round(sum(each.get("seconds") or 0 for each in log), 4),
        "certificate": {k: certificate[k] for k in _CERTIFICATE if k in certificate} or None,
        "target_reached": entry.get("target_reached"),
    }
    return method, {name: value for name, value in result.items() if value is not None}


def _without_numbers(text: str) -> str:
    return shortened(_NUMBER.sub("(not kept)", one_line(text)), _LONGEST_NOTE)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _DIGEST.sub("digest not kept", value)
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **installed_versions()}


_LIMITS = [
    "Whoever also holds an earlier version of the model may tell, by comparing both, who was "
    "deleted in between. Several requests in one batch make it harder, and do not prevent it.",
    "A membership check asks the model's own record; it proves nothing about copies that were "
    "made before, and nothing about what else was derived from the rows.",
    "Receipts are under a secret key: they prove something to whoever holds it, or to whom its "
    "holder answers.",
]
_OF_CLAIMS = {
    "exact": "Exact: one version of the model is distributed as one that never saw the rows, on "
    "the conditions that are named.",
    "certified": "Certified: one version of the model cannot be told from one that never saw the "
    "rows, beyond (epsilon, delta), on the conditions that are named.",
    "approximate": "Approximate: nothing is proven about what the model still knows of the rows; "
    "an audit measures it.",
}


def method_limits(claims: set[str]) -> list[str]:
    """What records must say of the claims in them."""
    return [text for claim, text in _OF_CLAIMS.items() if claim in claims] + _LIMITS
