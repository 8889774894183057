"""One verdict on a procedure: many originals, each unlearned, each beside oracles of its own."""

from dataclasses import dataclass

import numpy as np

from ._comparisons import Measure, compare, parts_of_comparison
from ._findings import (
    finding,
    is_bounded,
    is_material,
    largest_margins,
    margins_in_words,
)
from ._inputs import check_level
from ._repeated_gap import repeated_gap
from ._verdict import check_delta

__all__ = ["RepeatedVerdict", "RetrainingDifferences", "repeated_verdict", "retraining_differences"]


@dataclass(frozen=True)
class RetrainingDifferences:
    """What one repeat says of a mechanism; made by :func:`retraining_differences`.

    Parameters
    ----------
    measures : dict
        For each measure its difference to retraining, record by record.
    rows : dict
        For each measure the numbers of the rows that its records are.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import RecordedAnswers, retraining_differences
    >>> model = RecordedAnswers([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    >>> part, held_out = (np.array([0, 1]), [0, 1]), (np.array([2, 3]), [0, 1])
    >>> found = retraining_differences(
    ...     model, [model, model], forget=part, nonmembers=held_out, test=held_out
    ... )
    >>> found.measures["accuracy_forget"].value
    0.0
    """

    measures: dict
    rows: dict


def retraining_differences(
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
    rows=None,
):
    """Measure how one unlearned model differs from retrained ones, for a verdict over repeats.

    Parameters
    ----------
    model : fitted classifier
        The original of this repeat, after unlearning.
    oracles : list of fitted classifiers
        Retrained for this repeat alone. 2 at least.
    forget, nonmembers, test : tuple of (X, y)
    retain, test_removed : tuple of (X, y), default=None
    removed : array-like, default=()
    attacks : dict, default=None
        All of these as in :func:`retraining_verdict`.
    rows : dict, default=None
        ``{part: numbers}`` for ``"forget"``, ``"nonmembers"``, ``"test"`` and what else is
        given, and for ``"members"`` where `attacks` score other rows than all of `forget`:
        which row of the table each row is, so that it is known again in another repeat with
        another split. ``None``: all repeats have the same rows in the same order.

    Returns
    -------
    RetrainingDifferences

    Raises
    ------
    ValueError
        Fewer than 2 oracles, an empty part, numbers that do not fit a part.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import ExtraTreeClassifier
    >>> from skqmu.metrics import repeated_verdict, retraining_differences
    >>> X, y = load_iris(return_X_y=True)
    >>> parts = {"forget": (X[0::3], y[0::3]), "nonmembers": (X[1::3], y[1::3]),
    ...          "test": (X[1::3], y[1::3])}
    >>> def tree(seed):  # retrained without the forgotten rows
    ...     return ExtraTreeClassifier(random_state=seed).fit(X[2::3], y[2::3])
    >>> found = [
    ...     retraining_differences(tree(5 * r), [tree(5 * r + k) for k in range(1, 5)], **parts)
    ...     for r in range(12)
    ... ]
    >>> print(repeated_verdict(found).level)
    indistinguishable
    """
    oracles = list(oracles)
    if len(oracles) < 2:
        raise ValueError(f"{len(oracles)} oracle(s): their distances among themselves need 2.")
    parts = parts_of_comparison(forget, nonmembers, test, retain, test_removed)
    numbers = _numbers(rows, parts, nonmembers, attacks)
    compared = compare(
        [model],
        oracles,
        parts,
        nonmembers,
        attacks=attacks,
        removed=removed,
        with_distances=True,
    )
    found, of = {}, {}
    for measure, difference in compared.differences.items():
        found[measure.key] = difference
        if measure.kind != "auc":
            of[measure.key] = (numbers[measure.of],)
        elif measure.of in (attacks or {}):
            of[measure.key] = (numbers["members"], numbers["nonmembers"])
        else:
            of[measure.key] = (numbers["forget"], numbers["nonmembers"])
    for key, difference in found.items():
        if any(len(n) != len(side) for n, side in zip(of[key], difference.sides, strict=True)):
            raise ValueError(f"rows: there are not as many numbers as records behind {key}.")
    return RetrainingDifferences(found, of)


def _numbers(rows, parts, nonmembers, attacks):
    """Return ``{part: row numbers}``, by position where the caller gave none."""
    sizes = {name: len(y) for name, (_, y) in {**parts, "nonmembers": nonmembers}.items()}
    sizes["members"] = sizes["forget"]
    for own, _ in (attacks or {}).values():
        sizes["members"] = len(own[0][0])
    if rows is None:
        return {name: np.arange(n) for name, n in sizes.items()}
    rows = {"members": rows.get("forget"), **rows}
    missing = [name for name in sizes if rows.get(name) is None]
    if missing:
        raise ValueError(f"rows lacks {', '.join(map(repr, missing))}; got {sorted(rows)}.")
    return {name: np.asarray(rows[name]) for name in sizes}


@dataclass(frozen=True)
class RepeatedVerdict:
    """Result of :func:`repeated_verdict`.

    Parameters
    ----------
    level : {"indistinguishable", "differs", "unresolved"}
    sentence : str
        The verdict in words; where it is not resolved, with what it would take.
    findings : tuple of str
        Each difference that was found.
    gaps : dict of str to dict
        For each measure, over the repeats: ``value`` (the mean difference to retraining),
        ``low`` and ``high`` (given the table), ``rows_low`` and ``rows_high`` (for other tables
        of as many rows, too),
        ``differs``, ``margin``, ``oracle_mean``, ``oracle_low``, ``oracle_high`` (the oracles'
        mean over repeats, and its range), ``each`` (the difference in each repeat).
    delta : float
    n_repeats : int
    repeats_needed : int or None
        About how many repeats would decide if differences and spreads stay what they are;
        None where it is decided, or no number would do.
    rows_needed : int or None
        About how many rows of each part it would take to show equivalence, where no number of
        repeats does.

    Examples
    --------
    >>> from skqmu.metrics import RepeatedVerdict
    >>> print(RepeatedVerdict("unresolved", "Too few.", (), {}, 0.1, 2, 9, None))
    Too few.
    """

    level: str
    sentence: str
    findings: tuple
    gaps: dict
    delta: float
    n_repeats: int
    repeats_needed: int | None
    rows_needed: int | None

    def is_settled(self, most):
        """Whether going on is of no use: it is decided, or repeats are not what is missing.

        Parameters
        ----------
        most : int
            How many repeats there could be.

        Returns
        -------
        bool
        """
        if self.level != "unresolved":
            return True
        only_found = self.rows_needed is not None
        return self.repeats_needed is None or (only_found and self.repeats_needed > most)

    def __str__(self):
        return self.sentence

    def to_dict(self):
        """Return ``level``, ``sentence``, ``findings`` and the numbers as plain values, for JSON.

        Returns
        -------
        dict
        """
        return {
            "level": self.level,
            "sentence": self.sentence,
            "findings": list(self.findings),
            "n_repeats": self.n_repeats,
            "repeats_needed": self.repeats_needed,
            "rows_needed": self.rows_needed,
        }


def repeated_verdict(repeats, *, delta=0.1, level=0.95, share=1.0):
    """Say whether a procedure can be told from retraining, from independent repeats of it.

    The estimand is the mean difference to retraining over seeds and splits, given the table.
    Its interval is a t-interval over the repeats, which are independent given the table. A
    procedure that is retraining in law differs on no rows on average: that interval decides
    what differs. Equivalence is to hold for other tables of as many rows, too: its margins add
    what the table's rows bring, estimated from what each of them contributes. Repeats shrink
    the first part, which seeds and splits make, and not the second.

    Parameters
    ----------
    repeats : list of RetrainingDifferences
        2 at least, in the order in which they were made.
    delta : float, default=0.1
        What is held to be the same, as in :func:`retraining_verdict`.
    level : float, default=0.95
    share : float, default=1
        The part of the error ``1 - level`` that this look may spend, where there are several:
        the shares of all looks add up to at most 1 (a union bound, which holds whatever the
        looks have in common; Lan & DeMets, 1983, spend less of it by their joint law).
        Intervals hold at all looks together then (Jennison & Turnbull, 1989).

    Returns
    -------
    RepeatedVerdict
        ``"differs"`` where some measure does, by more than is of no account, at its part of
        the error (Bonferroni over the measures); else ``"indistinguishable"`` where two
        one-sided tests put every measure within `delta`; else ``"unresolved"``, with the
        number of repeats that would decide, or of rows where the rows alone leave more open
        than `delta`.

    Raises
    ------
    ValueError
        Fewer than 2 repeats, repeats of different measures, ``delta``, ``level`` or ``share``
        out of range.

    See Also
    --------
    retraining_verdict : The verdict on one model, or on a few that share their oracles.

    Notes
    -----
    In one run oracles may agree by chance on rows of a removed class
    (:func:`retraining_verdict` says why), and tell nothing of their spread. Here chance would
    have to repeat itself in every repeat.

    Examples
    --------
    See :func:`retraining_differences`.

    >>> from skqmu.metrics import repeated_verdict
    >>> repeated_verdict([])
    Traceback (most recent call last):
    ...
    ValueError: 0 repeat(s): a spread over repeats needs 2 at least.
    """
    check_level(level)
    check_delta(delta)
    if not 0 < share <= 1:
        raise ValueError(f"share={share!r} must be in (0, 1].")
    if len(repeats) < 2:
        raise ValueError(f"{len(repeats)} repeat(s): a spread over repeats needs 2 at least.")
    keys = repeats[0].measures.keys()
    if any(repeat.measures.keys() != keys for repeat in repeats):
        raise ValueError("repeats have different measures: give all of them the same parts.")
    found = {
        Measure.named(key): repeated_gap(
            [repeat.measures[key] for repeat in repeats], [repeat.rows[key] for repeat in repeats]
        )
        for key in keys
    }
    error = (1 - level) * share
    tails = error / (2 * len(found)), error
    gaps = {measure: gap.to_dict(1 - error, tails) for measure, gap in found.items()}
    judged, sentence, findings, needed = _judged(found, gaps, tails, delta, level, len(repeats))
    return RepeatedVerdict(
        level=judged,
        sentence=sentence,
        findings=tuple(findings),
        gaps={measure.key: gap for measure, gap in gaps.items()},
        delta=float(delta),
        n_repeats=len(repeats),
        **needed,
    )


def _judged(found, gaps, tails, delta, level, n_repeats):
    nothing = {"repeats_needed": None, "rows_needed": None}
    material = {measure: gap for measure, gap in gaps.items() if is_material(measure, gap)}
    findings = [finding(measure, gap) for measure, gap in material.items() if gap["differs"]]
    if findings:
        sentence = (
            f"Differs from retraining, on average over {n_repeats} repeats: {'; '.join(findings)}."
        )
        return "differs", sentence, findings, nothing
    margins = largest_margins(gaps)
    within = margins_in_words(margins)
    if max(margins.values()) <= delta:
        sentence = (
            f"Indistinguishable from retraining within {within} at {level:.0%}, on average over "
            f"{n_repeats} repeats."
        )
        return "indistinguishable", sentence, [], nothing
    needed = _needed(found, material, tails, delta)
    sentence = (
        f"No difference from retraining found, but {n_repeats} repeats cannot exclude one of up "
        f"to {within}; {_way_out(needed, delta)}."
    )
    return "unresolved", sentence, [], needed


def _needed(found, material, tails, delta):
    """Return how many repeats would decide, and how many rows, if all stays as it is."""
    bounded = [gap for measure, gap in found.items() if is_bounded(measure)]
    same = max(gap.repeats_to_show_equivalence(tails[1], delta) for gap in bounded)
    other = min((found[measure].repeats_to_find(tails[0]) for measure in material), default=np.inf)
    unknown = [gap for gap in bounded if not gap.knows_rows]
    if np.isinf(same) and unknown:
        # until each row has come twice there is no saying that repeats would not do
        n_repeats = len(unknown[0].each)
        same = np.ceil(max(n_repeats * 2 / gap.times for gap in unknown))
    rows = [
        gap.rows_to_show_equivalence(tails[1], delta)
        for gap in bounded
        if np.isinf(same) and gap.rows_part(tails[1]) > delta
    ]
    fewest = min(same, other)
    return {
        "repeats_needed": int(fewest) if np.isfinite(fewest) else None,
        "rows_needed": max(rows, default=None),
    }


def _way_out(needed, delta):
    repeats, rows = needed["repeats_needed"], needed["rows_needed"]
    if rows is not None:
        found = f", and a difference would be found with about {repeats} repeats" if repeats else ""
        return (
            f"no number of repeats would show that there is none, for the table's rows alone leave "
            f"more open than {delta:g}: about {rows} rows of each part would{found}"
        )
    if repeats is not None:
        return f"about {repeats} repeats would decide if differences stay what they are"
    return (
        f"more repeats would hardly decide, for a difference lies about as far from 0 as from "
        f"{delta:g} in view of what the rows leave open: more rows, or another delta, would"
    )
