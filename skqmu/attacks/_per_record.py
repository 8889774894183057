"""Attacks that compare a record's signal with what shadows say of this very record."""

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from .._rows import take
from ..metrics.signals import align_columns
from ._attack import ShadowAttack
from ._guards import warn_if_outside_pool, warn_if_pool_differs

__all__ = ["PerRecordAttack", "masked_median", "masked_moments"]

ONLINE = "online scores."


@dataclass(frozen=True)
class _Learned:
    """What the calibration needs: statistics without each shadow, and the records outside."""

    left_out: list
    outsiders: object


class PerRecordAttack(ShadowAttack):
    """Base class of LiRA and RMIA: reduce shadow outputs to statistics of each record.

    A subclass turns probabilities into a signal (:meth:`_observe`), the signals of all
    shadows into statistics of each record (:meth:`_summarise`), and a signal with its
    statistics into a score (:meth:`_compare`). Only the statistics are kept, so memory
    does not depend on the number of shadows. Records of the pool have shadows inside and
    outside; for all others every shadow is outside, and they get the offline score.
    """

    _target_population = None
    # whether shadows trained on a record take part in its score; a parameter of most
    online = True

    @abstractmethod
    def _observe(self, proba, y):
        """Return the signal, shape (..., n), of probabilities of shape (..., n, C)."""

    @abstractmethod
    def _summarise(self, signals, inside):
        """Return statistics, arrays of shape (n,), of signals (n_shadows, n).

        `inside` (n_shadows, n) says which shadows were trained on which record.
        """

    def _join(self, statistics):
        """Return what is known of the whole pool together (pooled variances)."""
        return {}

    @abstractmethod
    def _compare(self, signal, statistics, whole, population):
        """Return scores of shape (n,)."""

    def _outsiders(self, pool, **given):
        """Return what the shadows say of a population beside the pool; None: there is none."""
        return None

    def _population(self, outsiders, model, signal, statistics):
        """Return what a population says of the model under attack.

        `outsiders` is what :meth:`_outsiders` returned; `model` is the number of a shadow, or
        None for the target; `signal` and `statistics` are the model's on the pool's records.
        """
        return None

    # -- pool -----------------------------------------------------------------------------

    def _signals(self, pool, outputs, y):
        """Yield rows and the shadows' signals on them, shape (n_shadows, n_rows)."""
        for rows, block in outputs.blocks():
            yield rows, self._observe(self._aligned(pool, block), y[rows])

    def _aligned(self, pool, block):
        flat = block.reshape(-1, block.shape[-1])
        aligned = align_columns(flat, pool.classes_, self.target_classes_)
        return aligned.reshape(*block.shape[:-1], -1)

    def _reduce(self, pool, outputs, y, inside, without=(None,)):
        """Return statistics of the records, once for each shadow in `without` left out.

        One pass over the blocks serves all: reading the outputs is what costs.
        """
        parts = [[] for _ in without]
        for rows, signals in self._signals(pool, outputs, y):
            for part, shadow in zip(parts, without, strict=True):
                keep = np.arange(pool.n_shadows) != (-1 if shadow is None else shadow)
                part.append(self._summarise(signals[keep], inside[:, rows][keep]))
        return [{k: np.concatenate([p[k] for p in part]) for k in part[0]} for part in parts]

    def _adopt(self, pool, X_pool):
        pool = super()._adopt(pool, X_pool)
        _check_shadows(type(self).__name__, pool.n_shadows)
        return pool

    def _make_pool(self):
        _check_shadows(type(self).__name__, self.n_shadows)
        return super()._make_pool()

    def _learn(self, pool, y, **given):
        outsiders = self._outsiders(pool, **given)
        shadows = self._calibration_shadows(pool)
        self.statistics_, *left_out = self._reduce(
            pool, pool.outputs(), y, pool.members_, [None, *shadows]
        )
        self._whole = self._join(self.statistics_)
        if self.uses_population:
            signal = self._observe(self._ask(pool.X_), y)
            self._target_population = self._population(outsiders, None, signal, self.statistics_)
        return _Learned(left_out, outsiders)

    def _shadow_scores(self, pool, y, shadows, learned):
        for s, statistics in zip(shadows, learned.left_out, strict=True):
            proba = align_columns(pool.outputs().one(s), pool.classes_, self.target_classes_)
            signal = self._observe(proba, y)
            population = self._population(learned.outsiders, s, signal, statistics)
            yield self._compare(signal, statistics, self._join(statistics), population)

    # -- target ---------------------------------------------------------------------------

    def _score(self, X, y, labels):
        pool = self.shadow_pool_
        signal = self._observe(self._ask(X), y)
        at = pool.locate(X, labels)
        scores = np.empty(signal.shape)
        known = at >= 0
        if known.any():
            statistics = {name: values[at[known]] for name, values in self.statistics_.items()}
            scores[known] = self._compare(
                signal[known], statistics, self._whole, self._target_population
            )
        if not known.all():
            outputs = pool.query(take(X, np.flatnonzero(~known)))
            outside = np.zeros(outputs.shape[:2], dtype=bool)
            (statistics,) = self._reduce(pool, outputs, y[~known], outside)
            scores[~known] = self._compare(
                signal[~known], statistics, self._whole, self._target_population
            )
        return scores

    def _check_fairness(self, X, labels, membership):
        in_pool = self.shadow_pool_.locate(X, labels) >= 0
        if not warn_if_pool_differs(in_pool, membership) and self.online:
            warn_if_outside_pool(in_pool)

    def _stated(self, X, labels):
        in_pool = self.shadow_pool_.locate(X, labels) >= 0
        if not self.online or in_pool.all():
            return self.threat_model_
        which = (
            f"online scores for {in_pool.sum()} of {in_pool.size} evaluated records, offline "
            "scores for the others, which are not in the pool."
            if in_pool.any()
            else f"offline scores: none of {in_pool.size} evaluated records is in the pool."
        )
        notes = [note for note in self.threat_model_.notes if note != ONLINE]
        return dataclasses.replace(self.threat_model_, notes=(which, *notes))

    def _facts(self):
        return {"notes": (ONLINE if self.online else "offline scores.",)}


def _check_shadows(name, n_shadows):
    if n_shadows < 4:
        raise ValueError(
            f"n_shadows={n_shadows}: {name} needs 4 shadows at least (2 with each record, 2 "
            "without, and one of them plays the target when probabilities are calibrated)."
        )


def masked_median(values, mask):
    """Return the median over axis 0 of the entries where `mask`; NaN where there is none."""
    count = mask.sum(axis=0)
    ordered = np.sort(np.where(mask, values, np.inf), axis=0)
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, values.shape[0] - 1)
    columns = np.arange(values.shape[1])
    median = (ordered[low, columns] + ordered[high, columns]) / 2
    return np.where(count > 0, median, np.nan)


def masked_moments(values, mask):
    """Return mean, sum of squared deviations and number, over axis 0 where `mask`."""
    count = mask.sum(axis=0)
    mean = np.where(mask, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(mask, values - mean, 0.0) ** 2).sum(axis=0)
    return np.where(count > 0, mean, np.nan), squares, count
