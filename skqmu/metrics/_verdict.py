"""One verdict from all that can tell a model from a retrained one.

No single figure will do: an untouched model whose forgotten logit is masked has the oracles'
accuracies. And no figure is a verdict that the sample cannot carry: what is not excluded is
"unresolved", however alike two numbers look.
"""

from dataclasses import dataclass

from ._chance import chance_of_agreement, oracles_to_rule_out_chance
from ._comparisons import Measure, compare, parts_of_comparison
from ._findings import finding, is_material, largest_margins, margins_in_words
from ._inputs import check_level

__all__ = ["RetrainingVerdict", "check_delta", "retraining_verdict"]

# a distance among oracles needs more than two of them
_FEWEST_ORACLES = 3
# numbers that an unresolved verdict may ask for
_MORE_ORACLES = (5, 7, 10, 15, 20, 30, 50)
# of a class that no model saw, these are what the seed makes them
_BY_THE_SEED = {Measure("distance", "forget"), Measure("confidence", "forget")}


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
    check_delta(delta)
    models = list(model) if isinstance(model, list | tuple) else [model]
    oracles = list(oracles)
    if not models or not oracles:
        raise ValueError(f"{len(models)} models and {len(oracles)} oracles: one of each needed.")
    parts = parts_of_comparison(forget, nonmembers, test, retain, test_removed)
    sizes = {
        "n_models": len(models),
        "n_oracles": len(oracles),
        "n_forget": len(forget[1]),
        "n_nonmembers": len(nonmembers[1]),
    }
    compared = compare(
        models,
        oracles,
        parts,
        nonmembers,
        attacks=attacks,
        removed=removed,
        with_distances=len(oracles) >= _FEWEST_ORACLES,
    )
    family = len(compared.differences)
    found = {
        measure: difference.gap(level, family)
        for measure, difference in compared.differences.items()
    }
    if compared.unseen:
        _leave_chance_open(found, len(oracles), level)
    judged, sentence, findings = _judged(found, sizes, delta, level)
    if judged == "unresolved" and len(oracles) >= _FEWEST_ORACLES and not _left_open(found):
        sentence = f"{sentence[:-1]}; {_way_out(compared.differences, len(oracles), delta, level)}."
    gaps = {measure.key: gap for measure, gap in found.items()}
    return RetrainingVerdict(judged, sentence, tuple(findings), gaps, float(delta), **sizes)


def check_delta(delta):
    """Raise unless `delta` is a difference that can be called none.

    Parameters
    ----------
    delta : float
    """
    if not 0 < delta < 1:
        raise ValueError(f"delta={delta!r} must be between 0 and 1.")


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


def _judged(gaps, sizes, delta, level):
    k = sizes["n_oracles"]
    if k < 2:
        return "none", (
            "No verdict: a single oracle does not show how far retrained models differ among "
            f"themselves (use n_oracles={_FEWEST_ORACLES} or more)."
        ), []  # fmt: skip
    material = {measure: gap for measure, gap in gaps.items() if is_material(measure, gap)}
    findings = [finding(measure, gap) for measure, gap in material.items() if gap["differs"]]
    if findings:
        return "differs", f"Differs from retraining: {'; '.join(findings)}.", findings
    open_ = [finding(measure, gap) for measure, gap in _left_open(gaps).items()]
    if open_:
        return "unresolved", _by_chance(open_, k, level), []
    margins = largest_margins(gaps)
    within = margins_in_words(margins)
    if k >= _FEWEST_ORACLES and max(margins.values()) <= delta:
        return (
            "indistinguishable",
            f"Indistinguishable from retraining within {within} at {100 * level:.4g}%.",
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


def _left_open(gaps):
    # False is a difference that was not found, None one that chance may have made
    return {m: gap for m, gap in gaps.items() if gap["differs"] is None and is_material(m, gap)}


def _way_out(differences, n_oracles, delta, level):
    """Say how many oracles would decide if all figures stayed, or that they alone would not.

    Student's t makes intervals of few oracles wide: of nine measures together, at 95 %, 13
    deviations to each side with 3 oracles, 4 with 10. Of few models of one mechanism fewer oracles
    may give narrower intervals (Welch's degrees of freedom); nobody is to throw some away for it.
    """
    for k in (more for more in _MORE_ORACLES if more > n_oracles):
        gaps = {m: d.gap(level, len(differences), k) for m, d in differences.items()}
        if any(gap["differs"] and is_material(measure, gap) for measure, gap in gaps.items()):
            return f"if the figures stay, {k} oracles would show a difference (n_oracles={k})"
        if max(largest_margins(gaps).values()) <= delta:
            return f"if the figures stay, {k} oracles would exclude {delta:g} (n_oracles={k})"
    return "more oracles alone would not decide; more rows, or repeats, may"


def _by_chance(differences, n_oracles, level):
    needed = oracles_to_rule_out_chance(_share_of_chance(level))
    return (
        f"Not resolved: {'; '.join(differences)}. But no row of a removed class stays, so the "
        f"seed decides how its rows are answered, and {n_oracles} oracles agree by chance where "
        f"one more retrained model does not up to {chance_of_agreement(n_oracles):.0%} of the "
        f"time (use n_oracles={needed} or more)."
    )
