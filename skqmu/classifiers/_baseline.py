"""What the model of the last fit made of some rows: what later damage is judged by."""

from dataclasses import dataclass, replace

import numpy as np

from ..unlearning import Yardstick

__all__ = ["Baseline"]

# Rows that are looked at: paired with themselves, a loss of two points of accuracy shows to
# within one.
_MOST_ROWS = 500
# Child of the fit's seed that chooses them.
_SAMPLE = 3_000_000


@dataclass(frozen=True)
class Baseline:
    """Loss of some retained rows at the last fit, and whether they were right.

    Taken at the first approximate request after a fit, when its parameters are still those
    of the fit. Rows are known by their positions, so that forgotten ones can be left out;
    where no member record is kept, by their class alone.

    Attributes
    ----------
    positions : ndarray of int of shape (n,) or None
        In the data given to `fit`.
    labels : ndarray of int of shape (n,)
    loss, hits : ndarray of shape (n,)
    """

    positions: np.ndarray | None
    labels: np.ndarray
    loss: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(cls, positions, labels, loss, hits, seed):
        """Of a sample, fixed by the seed, of rows that were measured."""
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SAMPLE,)))
        rows = np.sort(rng.permutation(len(labels))[:_MOST_ROWS])
        return cls(
            None if positions is None else positions[rows], labels[rows], loss[rows], hits[rows]
        )

    def without(self, positions):
        """Without what is known of rows that were forgotten."""
        if self.positions is None or positions is None:
            return self
        stay = ~np.isin(self.positions, positions)
        return replace(
            self,
            positions=self.positions[stay],
            labels=self.labels[stay],
            loss=self.loss[stay],
            hits=self.hits[stay],
        )

    def yardstick(self, records, positions):
        """`Yardstick` over those of the given retained rows that the baseline knows.

        Parameters
        ----------
        records : Records
        positions : ndarray of int or None

        Returns
        -------
        Yardstick or None
            None: it knows none.
        """
        if self.positions is not None and positions is not None:
            _, rows, known = np.intersect1d(positions, self.positions, return_indices=True)
            if len(rows):
                return Yardstick(records[rows], self.loss[known], self.hits[known])
        rows = np.flatnonzero(np.isin(records.labels, self.labels))[:_MOST_ROWS]
        if not len(rows):
            return None
        records = records[rows]
        loss, hits = (
            np.array([values[self.labels == label].mean() for label in records.labels])
            for values in (self.loss, self.hits)
        )
        return Yardstick(records, loss, hits)
