"""The finding in one sentence: what still differs from retraining, or what could not be seen."""

__all__ = ["BEARABLE_MARGIN", "verdict"]

# differences below this are called "indistinguishable" when the sample can exclude larger ones
BEARABLE_MARGIN = 0.1
# Models without randomness are all "significantly" different: below these, in nats, a
# difference of the mean loss or divergence is real and of no account.
_MATERIAL = {"loss": 0.05, "kl": 0.05}

_PARTS = {
    "retain": "retained rows",
    "forget": "forgotten rows",
    "test": "held-out rows",
    "test_removed": "held-out rows of the removed class",
}


def verdict(gaps, scenario, level, n_oracles):
    """Say how a model compares with retraining.

    Parameters
    ----------
    gaps : dict
        From :meth:`Judge.gaps`.
    scenario : dict
        With ``n_members`` and ``n_nonmembers``.
    level : float
    n_oracles : int

    Returns
    -------
    dict
        ``level``: ``"differs"``, ``"indistinguishable"``, ``"unresolved"`` (no difference
        found, but the sample is too small to exclude one above ``BEARABLE_MARGIN``) or
        ``"none"`` (a single oracle); ``sentence``; ``findings``, a list of sentences.

    Examples
    --------
    >>> from skqmu.audit._verdict import verdict
    >>> gap = {"value": .3, "low": .2, "high": .4, "differs": True, "margin": .39,
    ...        "oracle_mean": .5, "oracle_low": .49, "oracle_high": .51}
    >>> found = verdict({"auc_loss": gap}, {"n_members": 30, "n_nonmembers": 30}, .95, 3)
    >>> print(found["sentence"])
    Differs from retraining: the loss attack has AUC 0.80 here, 0.49 to 0.51 on retrained models.
    """
    if n_oracles < 2:
        return {
            "level": "none",
            "sentence": "No verdict: a single oracle does not show how far retrained models differ "
            "among themselves (use n_oracles=3 or more).",
            "findings": [],
        }
    findings = [_finding(key, gap) for key, gap in gaps.items() if _is_finding(key, gap)]
    if findings:
        text = "; ".join(findings)
        return {
            "level": "differs",
            "sentence": f"Differs from retraining: {text}.",
            "findings": findings,
        }
    auc = _margin(gaps, "auc_")
    accuracy = _margin(gaps, "accuracy_")
    within = f"{accuracy:.2f} (accuracy) and {auc:.2f} (attack AUC)"
    if max(auc, accuracy) <= BEARABLE_MARGIN:
        sentence = f"Indistinguishable from retraining within {within} at {level:.0%}."
        return {"level": "indistinguishable", "sentence": sentence, "findings": []}
    return {
        "level": "unresolved",
        "sentence": (
            f"No difference from retraining found, but {scenario['n_members']} forgotten and "
            f"{scenario['n_nonmembers']} held-out rows with {n_oracles} oracles cannot exclude one "
            f"of up to {within}."
        ),
        "findings": [],
    }


def _margin(gaps, prefix):
    return max((gap["margin"] for key, gap in gaps.items() if key.startswith(prefix)), default=0.0)


def _is_finding(key, gap):
    return gap["differs"] and abs(gap["value"]) > _MATERIAL.get(key.partition("_")[0], 0.0)


def _finding(key, gap):
    kind, _, name = key.partition("_")
    band = _band(gap["oracle_low"], gap["oracle_high"])
    here = _number(gap["value"] + gap["oracle_mean"])
    if kind == "accuracy":
        return (
            f"{_PARTS[name]} are classified right {here} of the time here, {band} by retrained "
            "models"
        )
    if kind == "loss":
        return f"the mean loss on {_PARTS[name]} is {here} here, {band} in retrained models"
    if kind == "kl":
        return (
            f"on {_PARTS[name]} the divergence to retrained models is {here}, {band} among "
            "themselves"
        )
    return f"the {name.replace('_', ' ')} attack has AUC {here} here, {band} on retrained models"


def _band(low, high):
    low, high = _number(low), _number(high)
    return low if low == high else f"{low} to {high}"


def _number(value):
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"
