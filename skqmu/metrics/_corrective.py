"""Was the damage of bad rows undone: a model against its original, oracles and clean training."""

from dataclasses import dataclass

import numpy as np

from ._forgetting_result import _as_list, _rightness
from ._gap import _variance
from ._inputs import check_level
from ._interval import Estimate, accuracy_interval, bounded_mean
from ._ratio import ratio_interval, two_part_half_width

__all__ = ["CorrectiveResult", "corrective_result", "forgotten_by_mistake"]


@dataclass(frozen=True)
class CorrectiveResult:
    """What :func:`corrective_result` measured; every number with its interval.

    Parameters
    ----------
    level : float
    n : int
        Held-out rows with right labels.
    n_references : int
        Models without the damage, which a share undone is measured by.
    accuracy : Estimate
        On the held-out rows.
    recovered : Estimate
        Accuracy of the model less that of the original, in [-1, 1].
    damage : Estimate
        Accuracy of the references less that of the original.
    undone : Estimate or None
        ``recovered / damage``; 0 for the original, 1 for the mean reference. Its interval is
        infinite where the sample does not show that there was any damage; None where the
        references are not better than the original.
    false_forgetting : Estimate or None
        Of the good rows that the original answers rightly, the share that the model does not.
    false_forgetting_of_references : tuple of float
        The same share for each reference.
    n_good : int
        Good rows that the original answers rightly.

    Examples
    --------
    >>> from skqmu.metrics import CorrectiveResult, Estimate
    >>> some = Estimate(0.1, 0.05, 0.15, 0.95)
    >>> CorrectiveResult(0.95, 200, 3, accuracy=Estimate(0.9, 0.85, 0.94, 0.95), recovered=some,
    ...                  damage=some, undone=Estimate(1.0, 0.6, 1.7, 0.95)).verdict
    'undone'
    """

    level: float
    n: int
    n_references: int
    accuracy: Estimate
    recovered: Estimate
    damage: Estimate
    undone: Estimate | None
    false_forgetting: Estimate | None = None
    false_forgetting_of_references: tuple = ()
    n_good: int = 0

    @property
    def verdict(self):
        """One word: by whether the interval of `undone` holds 0 (nothing) and 1 (all of it).

        ``"undone"`` (1 and not 0, or above 1), ``"part"`` (between), ``"left"`` (0 and not 1),
        ``"worse"`` (below 0), ``"unresolved"`` (both; also with one reference, whose spread over
        seeds is not known), ``"none"`` (no damage is shown). A word is what the rows do not
        speak against, and no proof: of few rows many shares are ``"undone"``.
        """
        if self.n_references < 2:
            return "unresolved"
        if self.undone is None or not self.damage.low > 0:
            return "none"
        low, high = self.undone.low, self.undone.high
        if low > 0:
            return "undone" if high >= 1 else "part"
        if high < 0:
            return "worse"
        return "left" if high < 1 else "unresolved"

    def to_dict(self):
        """Return plain Python values, for JSON; what is infinite or unknown is None.

        Returns
        -------
        dict
        """
        return {
            "level": self.level,
            "n": self.n,
            "n_references": self.n_references,
            "n_good": self.n_good,
            "verdict": self.verdict,
            **{
                name: _plain(getattr(self, name))
                for name in ("accuracy", "recovered", "damage", "undone", "false_forgetting")
            },
            "false_forgetting_of_references": list(self.false_forgetting_of_references),
        }

    def summary(self):
        """Return a table in plain text, one line a measure.

        Returns
        -------
        str
        """
        told = {
            "clean accuracy": self.accuracy,
            "recovered": self.recovered,
            "damage": self.damage,
            "damage undone (share)": self.undone,
            "false forgetting": self.false_forgetting,
        }
        lines = [
            f"{self.verdict}; {self.n} held-out rows, {self.n_references} reference(s); "
            f"{self.level:.0%} intervals in brackets"
        ]
        lines += [f"{name:<22} {'-' if value is None else value}" for name, value in told.items()]
        return "\n".join(lines)

    __str__ = summary


def corrective_result(model, *, original, references, test, good=None, level=0.95):
    """Measure how far a model got rid of what bad training rows did to its original.

    Parameters
    ----------
    model : fitted classifier
        After the bad rows, or those of them that are known, were forgotten.
    original : fitted classifier
        Trained on all rows, the bad ones among them.
    references : fitted classifier, or a list of them
        Without the damage: trained without the bad rows (what forgetting can reach), or on the
        rows as they were in truth (what the data could have given). They differ by their seeds.
    test : tuple of (X, y)
        Held-out rows with right labels, of the classes that the bad rows are of: an accuracy on
        them is `Acc_corr` of [1]_.
    good : tuple of (X, y), default=None
        Good training rows that nobody asked to be forgotten; without them no false forgetting.
    level : float, default=0.95

    Returns
    -------
    CorrectiveResult

    Raises
    ------
    ValueError
        A set is empty or no pair, there is no reference, or `X` and `y` do not fit together.

    See Also
    --------
    skqmu.datasets.corrupt : Makes rows bad, and keeps the truth.
    accuracy_recovered, neg_false_forgetting : Scorers.

    Notes
    -----
    The share undone is the ``acc_perc_restored`` of [2]_ (code), here with an interval: Fieller's
    (1954) for a ratio of means over the same rows, to whose variances half a disagreement each way
    is added (Agresti & Min, 2005), and with the spread of the references over seeds in the
    denominator (Student's t). It is about this model and this original: their own seeds are not
    in it. With one reference the spread is not known, and the interval is infinite.

    False forgetting is ours: [1]_ measures what the rest loses by its accuracy on held-out rows of
    classes that no bad row is of (`Acc_retain`), which there are not where all classes are hit.
    Retraining loses some rows, too: compare with ``false_forgetting_of_references``.

    References
    ----------
    .. [1] S. Goel et al., "Corrective machine unlearning", TMLR 2024, arXiv:2402.14015.
    .. [2] A. Warnecke et al., "Machine unlearning of features and labels", NDSS 2023,
       arXiv:2108.11577.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.datasets import corrupt, make_memorisation
    >>> from skqmu.metrics import corrective_result
    >>> X, y = make_memorisation(600, label_noise=0, random_state=0)
    >>> data = corrupt(X[:300], y[:300], rate=0.45, random_state=0)
    >>> original = LogisticRegression().fit(data.X, data.y)
    >>> oracle = LogisticRegression().fit(data.X[~data.bad], data.y[~data.bad])
    >>> result = corrective_result(original, original=original, references=[oracle],
    ...                            test=(X[300:], y[300:]))
    >>> result.undone.value
    0.0
    """
    references, level = _as_list(references), check_level(level)
    if not references:
        raise ValueError(
            "references needs a model without the damage: the same estimator, trained without the "
            "bad rows, or on right labels."
        )
    test, good = _pair("test", test), good if good is None else _pair("good", good)
    mine, before = _rightness(model, *test), _rightness(original, *test)
    theirs = np.array([_rightness(reference, *test) for reference in references])
    gained, gap = mine - before, theirs.mean(axis=0) - before
    # what other seeds would have given
    spread = {
        "seed_error": theirs.mean(axis=1).std(ddof=min(1, len(theirs) - 1)) / len(theirs) ** 0.5,
        "df": len(theirs) - 1,
    }
    half = two_part_half_width(_variance(gap, True), level=level, **spread)
    found = {
        "accuracy": accuracy_interval(int(mine.sum()), len(mine), level=level),
        "recovered": bounded_mean(gained, 1, level),
        "damage": Estimate(
            float(gap.mean()), max(-1.0, gap.mean() - half), min(1.0, gap.mean() + half), level
        ),
        "undone": ratio_interval(gained, gap, level=level, **spread) if gap.mean() > 0 else None,
    }
    if good is not None:
        found |= forgotten_by_mistake(model, original, references, good, level)
    return CorrectiveResult(level=level, n=len(gap), n_references=len(references), **found)


def _pair(name, rows):
    """Rows and their labels, or an error that says how they are passed."""
    if isinstance(rows, tuple | list) and len(rows) == 2:
        return rows
    raise ValueError(f"{name} must be a pair of rows and their labels: {name}=(X, y).")


def forgotten_by_mistake(model, original, references, good, level):
    """What a model, and each reference, lost of the good rows that the original knew."""
    knew = _rightness(original, *good) == 1
    n = int(knew.sum())
    if not n:
        return {}

    def lost(other):
        return int(n - _rightness(other, *good)[knew].sum())

    return {
        "false_forgetting": accuracy_interval(lost(model), n, level=level),
        "false_forgetting_of_references": tuple(lost(other) / n for other in references),
        "n_good": n,
    }


def _plain(estimate):
    if estimate is None:
        return None
    return {
        key: float(value) if np.isfinite(value) else None
        for key, value in zip(("value", "low", "high"), estimate[:3], strict=True)
    }
