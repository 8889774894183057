"""A model beside retrained ones, in every measure that could tell them apart."""

from dataclasses import dataclass

import numpy as np

from ._gap import auc_difference, distance_difference, mean_difference
from ._proba import aligned_probabilities
from .signals import asked, cross_entropy, membership_signal

__all__ = ["Comparison", "Measure", "compare", "parts_of_comparison"]


@dataclass(frozen=True)
class Measure:
    """What is compared: a kind of figure, and the part or the attack that it is of."""

    kind: str
    of: str

    @property
    def key(self):
        """Its name in reports."""
        return f"{self.kind}_{self.of}"

    @classmethod
    def named(cls, key):
        """The measure of that name."""
        return cls(*key.split("_", 1))


@dataclass(frozen=True)
class Comparison:
    """All differences of one model, or of runs of one mechanism, to retrained models.

    Attributes
    ----------
    differences : dict of Measure to Difference
    unseen : bool
        Whether forgotten rows are of classes that no oracle was trained on, and seeds decide
        how the oracles answer them.
    """

    differences: dict
    unseen: bool


def parts_of_comparison(forget, nonmembers, test, retain, test_removed):
    """Return ``{name: (X, y)}`` of the parts that are there.

    Raises
    ------
    ValueError
        A part holds no row.
    """
    parts = {"forget": forget, "test": test, "retain": retain, "test_removed": test_removed}
    parts = {name: pair for name, pair in parts.items() if pair is not None}
    for name, (_, y) in {**parts, "nonmembers": nonmembers}.items():
        if not len(y):
            raise ValueError(f"{name} holds no row.")
    return parts


def compare(models, oracles, parts, nonmembers, *, attacks, removed, with_distances):
    """Measure everything on all models, on the same rows in the same order.

    Parameters
    ----------
    models, oracles : list of fitted classifiers
    parts : dict of str to (X, y)
    nonmembers : tuple of (X, y)
    attacks : dict or None
        As in :func:`skqmu.metrics.retraining_verdict`.
    removed : array-like
    with_distances : bool
        Whether the oracles are enough for their distances among themselves.

    Returns
    -------
    Comparison
    """
    everyone, m = [*models, *oracles], len(models)
    unseen = bool(np.isin(parts["forget"][1], removed).any())
    found = {}
    for measure, values in _means(everyone, parts, unseen).items():
        bounded = measure.kind != "loss"
        found[measure] = mean_difference(values[:m], values[m:], bounded=bounded)
    proba = {
        name: aligned_probabilities(everyone, parts[name][0])[0] for name in ("forget", "test")
    }
    if with_distances:
        for name, p in proba.items():
            found[Measure("distance", name)] = distance_difference(p[:m], p[m:])
    for name, pairs in _scores(everyone, m, parts["forget"], nonmembers, attacks).items():
        found[Measure("auc", name)] = auc_difference(pairs[:m], pairs[m:])
    return Comparison(found, unseen and not _without_randomness(proba["forget"][m:]))


def _means(everyone, parts, unseen):
    means = {
        Measure("accuracy", name): np.array([_right(model, *pair) for model in everyone])
        for name, pair in parts.items()
    }
    X, y = parts["forget"]
    means[Measure("confidence", "forget")] = np.array(
        [_confidence(model, X, y) for model in everyone]
    )
    if not unseen:
        # a removed class has no loss to compare: an oracle may give it probability 0
        means[Measure("loss", "forget")] = np.array(
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


def _right(model, X, y):
    return (np.asarray(model.predict(X)) == np.asarray(y)).astype(float)


def _confidence(model, X, y):
    return membership_signal(model, X, y, "confidence")


def _minus_loss(model, X, y):
    return membership_signal(model, X, y, "loss")
