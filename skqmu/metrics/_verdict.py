"""One verdict from all that can tell a model from a retrained one.

No single figure will do: an untouched model whose forgotten logit is masked has the oracles'
accuracies. And no figure is a verdict that the sample cannot carry: what is not excluded is
"unresolved", however alike two numbers look.
"""

from dataclasses import dataclass

import numpy as np

from ._chance import chance_of_agreement, oracles_to_rule_out_chance
from ._gap import auc_gap, distance_gap, mean_gap
from ._inputs import check_level
from ._proba import aligned_probabilities
from .signals import asked, cross_entropy, membership_signal

__all__ = ["RetrainingVerdict", "retraining_verdict"]

# Models without randomness are all "significantly" different: below these a difference of the
# mean loss (nats), confidence or distance is real and of no account.
_MATERIAL = {"loss": 0.05, "distance": 0.02, "confidence": 0.02}
_PARTS = {
    "retain": "retained rows",
    "forget": "forgotten rows",
    "test": "held-out rows",
    "test_removed": "held-out rows of the removed class",
}
_KINDS = {
    "accuracy": "accuracy",
    "auc": "attack AUC",
    "distance": "distance of answers",
    "confidence": "confidence",
}
# a distance among oracles needs more than two of them
_FEWEST_ORACLES = 3


@dataclass(frozen=True)
class _Measure:
    """What is compared: a kind of figure, and the part or the attack that it is of."""

    kind: str
    of: str

    @property
    def key(self):
        return f"{self.kind}_{self.of}"


# of a class that no model saw, these are what the seed makes them
_BY_THE_SEED = {_Measure("distance", "forget"), _Measure("confidence", "forget")}


@dataclass(frozen=True)
class RetrainingVerdict:
    """Result of :func:`retraining_verdict`.

    Parameters
    ----------
    level : {"indistinguishable", "differs", "unresolved", "none"}
        ``"none"``: a single oracle, with which nothing can be said.
    sentence : str
        The verdict in words.
    findings : tuple of str
        Each difference that was found.
    gaps : dict of str to dict
        Every measure's difference to the oracles: ``value``, ``low``, ``high``, ``differs``,
        ``margin`` (the smallest delta within which it would be called equivalent),
        ``oracle_mean``, ``oracle_low``, ``oracle_high``. ``differs`` is None where nothing can
        be said: with one oracle, or where few may agree by chance.
    delta : float
    n_models, n_oracles, n_forget, n_nonmembers : int

    Examples
    --------
    >>> from skqmu.metrics import RetrainingVerdict
    >>> print(RetrainingVerdict("unresolved", "Too few rows.", (), {}, 0.1, 1, 3, 5, 5))
    Too few rows.
    """

    level: str
    sentence: str
    findings: tuple
    gaps: dict
    delta: float
    n_models: int
    n_oracles: int
    n_forget: int
    n_nonmembers: int

    def __str__(self):
        return self.sentence

    def to_dict(self):
        """Return ``level``, ``sentence`` and ``findings`` as plain values, for JSON.

        Returns
        -------
        dict
        """
        return {"level": self.level, "sentence": self.sentence, "findings": list(self.findings)}


def retraining_verdict(
    model,
    oracles,
    *,
    forget,
    nonmembers,
    test,
    retain=None,
    test_removed=None,
    removed=(),
    attacks=None,
    delta=0.1,
    level=0.95,
):
    """Say whether a model can be told from retrained ones, or whether that is not resolved.

    Compared are, each with an interval over records and over the oracles' seeds: the accuracy
    on every part; the distance of the answers on forgotten and on held-out rows to the
    oracles', beside the oracles' distances among themselves; the mean confidence on forgotten
    rows; their mean loss, where rows of their classes stay; and the AUC of attacks that tell
    forgotten rows from unseen ones of their classes.

    Parameters
    ----------
    model : fitted classifier, or list of them
        Several are runs of one mechanism with different seeds; the verdict is then on their
        mean. :class:`RecordedAnswers` stand in for models whose answers are at hand.
    oracles : list of fitted classifiers
        Trained without the forgotten rows. A verdict needs 2, "indistinguishable" 3: two have
        one distance, which has no spread.
    forget : tuple of (X, y)
        The forgotten rows.
    nonmembers : tuple of (X, y)
        Rows that no model was trained on, of the forgotten rows' classes.
    test : tuple of (X, y)
        Held-out rows of the classes that stay.
    retain : tuple of (X, y), default=None
    test_removed : tuple of (X, y), default=None
        Held-out rows of `removed` classes.
    removed : array-like, default=()
        Classes of which no row stays.
    attacks : dict, default=None
        Further attacks: ``{name: (scores, oracle_scores)}`` with a pair (members,
        non-members) of score arrays for each model, and for each oracle. Thresholds on the
        confidence are always among the attacks, on the loss where `attacks` is None.
    delta : float, default=0.1
        What is held to be the same: a difference in an accuracy, an AUC, a share of
        probability.
    level : float, default=0.95

    Returns
    -------
    RetrainingVerdict
        ``level`` is ``"differs"`` where some measure differs (Bonferroni over all of them),
        ``"indistinguishable"`` where two one-sided tests put EVERY measure within `delta`
        (so a model that is further off in one of them passes at most 1 - `level` of the
        time), ``"unresolved"`` otherwise.

    Raises
    ------
    ValueError
        No oracle, no model, an empty part, ``delta`` outside (0, 1).

    See Also
    --------
    oracle_equivalence : The test of one measure, with the numbers that it would need.

    Notes
    -----
    How a model answers rows of a class of which no row stays is up to its seed, mostly for all
    rows at once. K oracles then agree, with the next retrained model elsewhere, up to
    ``p**K (1 - p) + (1 - p)**K p`` of the time, 12 % for K = 3 and the worst p, and their spread
    tells nothing of it. Distance and confidence on such rows are therefore findings only where
    that is at most half of ``1 - level`` (15 oracles at 0.95), or where all oracles answer
    exactly alike, so that no seed is at work; until then they leave the verdict unresolved, and
    its sentence says how many oracles would decide.

    The verdict is on answers, not on weights. An untouched model behind a filter that hides
    a removed class differs where its confidence or its answers on the class differ from
    retraining's, as they mostly do; where retraining gives the same answers (measured: class
    0 of Fashion-MNIST in Study H) no look at answers can tell the two apart.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.metrics import retraining_verdict
    >>> X, y = load_iris(return_X_y=True)
    >>> parts = {"forget": (X[0::3], y[0::3]), "nonmembers": (X[1::3], y[1::3]),
    ...          "test": (X[1::3], y[1::3])}
    >>> original = LogisticRegression(max_iter=500).fit(X, y)
    >>> oracle = LogisticRegression(max_iter=500).fit(X[2::3], y[2::3])
    >>> print(retraining_verdict(oracle, [oracle] * 3, **parts).level)
    indistinguishable
    >>> print(retraining_verdict(oracle, [oracle] * 2, **parts).level)
    unresolved
    """
    check_level(level)
    if not 0 < delta < 1:
        raise ValueError(f"delta={delta!r} must be between 0 and 1.")
    models = list(model) if isinstance(model, list | tuple) else [model]
    oracles = list(oracles)
    if not models or not oracles:
        raise ValueError(f"{len(models)} models and {len(oracles)} oracles: one of each needed.")
    parts = {"forget": forget, "test": test, "retain": retain, "test_removed": test_removed}
    parts = {name: pair for name, pair in parts.items() if pair is not None}
    for name, (_, y) in {**parts, "nonmembers": nonmembers}.items():
        if not len(y):
            raise ValueError(f"{name} holds no row.")
    sizes = {
        "n_models": len(models),
        "n_oracles": len(oracles),
        "n_forget": len(forget[1]),
        "n_nonmembers": len(nonmembers[1]),
    }
    options = {"level": level, "removed": removed}
    found = _measured(models, oracles, parts, nonmembers, attacks, options)
    judged, sentence, findings = _judged(found, sizes, delta, level)
    gaps = {measure.key: gap for measure, gap in found.items()}
    return RetrainingVerdict(judged, sentence, tuple(findings), gaps, float(delta), **sizes)


def _measured(models, oracles, parts, nonmembers, attacks, options):
    """Return the gap of every measure, as ``{_Measure: dict}``."""
    everyone, m = [*models, *oracles], len(models)
    unseen = np.isin(parts["forget"][1], options["removed"]).any()
    means = _means(everyone, parts, unseen)
    proba = {
        name: aligned_probabilities(everyone, parts[name][0])[0] for name in ("forget", "test")
    }
    scores = _scores(everyone, m, parts["forget"], nonmembers, attacks)
    compared = {_Measure(*name): (mean_gap, values) for name, values in means.items()}
    # two oracles have a single distance, which has no spread
    if len(oracles) >= _FEWEST_ORACLES:
        compared |= {_Measure("distance", n): (distance_gap, p) for n, p in proba.items()}
    compared |= {_Measure("auc", name): (auc_gap, pairs) for name, pairs in scores.items()}
    gaps = {}
    for measure, (compare, values) in compared.items():
        more = {"bounded": measure.kind != "loss"} if compare is mean_gap else {}
        gaps[measure] = compare(
            values[:m], values[m:], options["level"], family=len(compared), **more
        )
    if unseen and not _without_randomness(proba["forget"][m:]):
        _leave_chance_open(gaps, len(oracles), options["level"])
    return gaps


def _means(everyone, parts, unseen):
    means = {
        ("accuracy", name): np.array([_right(model, *pair) for model in everyone])
        for name, pair in parts.items()
    }
    X, y = parts["forget"]
    means["confidence", "forget"] = np.array([_confidence(model, X, y) for model in everyone])
    if not unseen:
        # a removed class has no loss to compare: an oracle may give it probability 0
        means["loss", "forget"] = np.array(
            [cross_entropy(*asked(model, X, y)) for model in everyone]
        )
    return means


def _scores(everyone, n_models, forget, nonmembers, attacks):
    """Return for each attack the scores (members, non-members) of every model."""
    scores = {name: [*own, *theirs] for name, (own, theirs) in (attacks or {}).items()}
    signals = {"confidence": _confidence}
    if attacks is None:
        signals["loss"] = _minus_loss
    for name, signal in signals.items():
        pairs = [(signal(model, *forget), signal(model, *nonmembers)) for model in everyone]
        scores.setdefault(name, pairs)
    return scores


def _without_randomness(proba):
    """Whether retraining gives the very same answers, so that no seed decides anything."""
    return len(proba) > 1 and all(np.array_equal(proba[0], other) for other in proba[1:])


def _leave_chance_open(gaps, n_oracles, level):
    """Mark what seems to differ and may be oracles that agree by chance: ``differs`` is None.

    Attacks compare rows of one kind, all unseen by the oracles, and the oracles' accuracy on a
    class that they do not know is 0 whatever the seed: both keep their intervals.
    """
    if chance_of_agreement(n_oracles) <= _share_of_chance(level):
        return
    for measure, gap in gaps.items():
        if measure in _BY_THE_SEED and gap["differs"]:
            gap["differs"] = None


def _share_of_chance(level):
    # the other half of the error is left to the intervals
    return (1 - level) / 2


def _right(model, X, y):
    return (np.asarray(model.predict(X)) == np.asarray(y)).astype(float)


def _confidence(model, X, y):
    return membership_signal(model, X, y, "confidence")


def _minus_loss(model, X, y):
    return membership_signal(model, X, y, "loss")


def _judged(gaps, sizes, delta, level):
    k = sizes["n_oracles"]
    if k < 2:
        return "none", (
            "No verdict: a single oracle does not show how far retrained models differ among "
            f"themselves (use n_oracles={_FEWEST_ORACLES} or more)."
        ), []  # fmt: skip
    material = {measure: gap for measure, gap in gaps.items() if _is_material(measure, gap)}
    findings = [_finding(measure, gap) for measure, gap in material.items() if gap["differs"]]
    if findings:
        return "differs", f"Differs from retraining: {'; '.join(findings)}.", findings
    # False is a difference that was not found, None one that chance may have made
    open_ = [_finding(measure, gap) for measure, gap in material.items() if gap["differs"] is None]
    if open_:
        return "unresolved", _by_chance(open_, k, level), []
    margins = {kind: _margin(gaps, kind) for kind in _KINDS}
    margins = {kind: margin for kind, margin in margins.items() if margin is not None}
    within = _listed(f"{margins[kind]:.2f} ({_KINDS[kind]})" for kind in margins)
    if k >= _FEWEST_ORACLES and max(margins.values()) <= delta:
        return (
            "indistinguishable",
            f"Indistinguishable from retraining within {within} at {level:.0%}.",
            [],
        )
    sentence = (
        f"No difference from retraining found, but {sizes['n_forget']} forgotten and "
        f"{sizes['n_nonmembers']} unseen rows with {k} oracles cannot exclude one of up to {within}"
    )
    if k < _FEWEST_ORACLES:
        sentence += (
            f"; how far the answers of {k} oracles lie apart has no spread to compare with "
            f"(use {_FEWEST_ORACLES} or more)"
        )
    return "unresolved", f"{sentence}.", []


def _margin(gaps, kind):
    found = [gap["margin"] for measure, gap in gaps.items() if measure.kind == kind]
    return max(found, default=None)


def _listed(parts):
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _by_chance(differences, n_oracles, level):
    needed = oracles_to_rule_out_chance(_share_of_chance(level))
    return (
        f"Not resolved: {'; '.join(differences)}. But no row of a removed class stays, so the "
        f"seed decides how its rows are answered, and {n_oracles} oracles agree by chance where "
        f"one more retrained model does not up to {chance_of_agreement(n_oracles):.0%} of the "
        f"time (use n_oracles={needed} or more)."
    )


def _is_material(measure, gap):
    return abs(gap["value"]) > _MATERIAL.get(measure.kind, 0.0)


def _finding(measure, gap):
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
