"""Which differences to retraining count, and how they are said."""

__all__ = ["finding", "is_bounded", "is_material", "largest_margins", "listed", "margins_in_words"]

# Models without randomness are all "significantly" different: below these a difference of the
# mean loss (nats), confidence or distance is real and of no account.
_MATERIAL = {"loss": 0.05, "distance": 0.02, "confidence": 0.02}
_PARTS = {
    "retain": "retained rows",
    "forget": "forgotten rows",
    "test": "held-out rows",
    "test_removed": "held-out rows of the removed class",
}
# those that "indistinguishable" bounds; a loss has no bound
_KINDS = {
    "accuracy": "accuracy",
    "auc": "attack AUC",
    "distance": "distance of answers",
    "confidence": "confidence",
}


def is_material(measure, gap):
    """Whether a difference is large enough to matter.

    Parameters
    ----------
    measure : Measure
    gap : dict
    """
    return abs(gap["value"]) > _MATERIAL.get(measure.kind, 0.0)


def is_bounded(measure):
    """Whether "indistinguishable" says something of this measure."""
    return measure.kind in _KINDS


def largest_margins(gaps):
    """Return ``{kind: the largest margin of its measures}``, for the kinds that are bounded.

    Parameters
    ----------
    gaps : dict of Measure to dict
    """
    margins = {}
    for measure, gap in gaps.items():
        if is_bounded(measure):
            margins[measure.kind] = max(gap["margin"], margins.get(measure.kind, 0.0))
    return {kind: margins[kind] for kind in _KINDS if kind in margins}


def margins_in_words(margins):
    """Return such as ``"0.05 (accuracy) and 0.07 (attack AUC)"``."""
    return listed(f"{margin:.2f} ({_KINDS[kind]})" for kind, margin in margins.items())


def listed(parts):
    """Return texts in one, with commas and an "and"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def finding(measure, gap):
    """Return a difference in words.

    Parameters
    ----------
    measure : Measure
    gap : dict
    """
    kind, name = measure.kind, measure.of
    band = _band(gap["oracle_low"], gap["oracle_high"])
    here = _number(gap["value"] + gap["oracle_mean"])
    if kind == "accuracy":
        return (
            f"{_PARTS[name]} are classified right {here} of the time here, {band} by retrained "
            "models"
        )
    if kind in ("loss", "confidence"):
        return f"the mean {kind} on {_PARTS[name]} is {here} here, {band} in retrained models"
    if kind == "distance":
        return (
            f"on {_PARTS[name]} the answers lie {here} from those of retrained models, {band} "
            "among themselves"
        )
    return f"the {name.replace('_', ' ')} attack has AUC {here} here, {band} on retrained models"


def _band(low, high):
    low, high = _number(low), _number(high)
    return low if low == high else f"{low} to {high}"


def _number(value):
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"
