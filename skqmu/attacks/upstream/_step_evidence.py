"""From what refits show of each record, with it and without, to log-likelihood ratios."""

import numpy as np

from ._step_signals import N_EVENTS, OUTSIDE

__all__ = ["Evidence"]

# a spread below this is rounding
_SMALLEST = 1e-6


class Evidence:
    """Statistics of K refits on the n records of a pool.

    Parameters
    ----------
    numbers : ndarray of shape (K, n, m)
    events : iterable of K int8 arrays of shape (n, e)
    members : ndarray of bool of shape (K, n)
        Who each refit was fitted on.
    """

    def __init__(self, numbers, events, members):
        self._members = members
        # differences to one refit: sums of squares keep their digits
        self._origin = numbers[0]
        numbers = numbers - self._origin
        inside = members[:, :, None]
        self._sums = [np.where(side, numbers, 0.0).sum(axis=0) for side in (~inside, inside)]
        self._counts = [(~members).sum(axis=0), members.sum(axis=0)]
        within = np.where(
            inside, numbers - self._sums[1] / self._at_least_one(1), numbers
        ) - np.where(inside, 0.0, self._sums[0] / self._at_least_one(0))
        freedom = max(1, members.size - 2 * members.shape[1])
        m = numbers.shape[2]
        covariance = np.einsum("kni,knj->ij", within, within) / freedom
        self._covariance = covariance + _SMALLEST**2 * np.eye(m)
        self._tables = None
        for shadow, block in enumerate(events):
            if self._tables is None:
                self._tables = np.zeros((2, *block.shape, N_EVENTS), dtype=np.int32)
            for side, mask in enumerate((~members[shadow], members[shadow])):
                self._tables[side][mask] += _indicators(block[mask])
        self._average = self._shift(slice(None), *self._sums, *self._counts)[1].mean(axis=0)

    def _at_least_one(self, side):
        return np.maximum(self._counts[side], 1)[:, None]

    def _shift(self, rows, out, inside, n_out, n_in):
        """Return each record's centre and the shift that its membership makes."""
        mean_out = out[rows] / np.maximum(n_out[rows], 1)[:, None]
        mean_in = inside[rows] / np.maximum(n_in[rows], 1)[:, None]
        return (mean_out + mean_in) / 2, mean_in - mean_out

    def score(self, numbers, events, rows, without=None):
        """Return log-likelihood ratios of records of the pool.

        Parameters
        ----------
        numbers : ndarray of shape (k, m)
        events : ndarray of shape (k, e)
        rows : ndarray of int of shape (k,)
            Which records.
        without : int or None, default=None
            A refit whose numbers these are: what it contributed is left out.
        """
        sums, counts = [s[rows] for s in self._sums], [c[rows] for c in self._counts]
        numbers = numbers - self._origin[rows]
        tables = self._tables[:, rows].astype(np.float64)
        if without is not None:
            mine = self._members[without][rows]
            for side, mask in enumerate((~mine, mine)):
                sums[side] = sums[side] - np.where(mask[:, None], numbers, 0.0)
                counts[side] = counts[side] - mask
                tables[side][mask] -= _indicators(events[mask])
        centre, shift = self._shift(slice(None), *sums, *counts)
        total = self._ratio(numbers - centre, self._shrunk(shift, counts))
        return total + _log_ratio(tables, events)

    def _shrunk(self, shift, counts):
        """Draw each shift towards the average by as much as few refits make it uncertain."""
        noise = np.diag(self._covariance) * np.mean(
            1 / np.maximum(counts[0], 1) + 1 / np.maximum(counts[1], 1)
        )
        spread = self._spread_of_shifts()
        keep = np.clip(1 - noise / np.maximum(spread, 1e-300), 0.0, 1.0)
        return self._average + keep * (shift - self._average)

    def _spread_of_shifts(self):
        shift = self._shift(slice(None), *self._sums, *self._counts)[1]
        return ((shift - self._average) ** 2).mean(axis=0)

    def _ratio(self, deviation, shift):
        if not shift.shape[1]:
            return np.zeros(len(deviation))
        return (deviation * np.linalg.solve(self._covariance, shift.T).T).sum(axis=1)

    def score_outside(self, numbers, events, numbers_out, events_out):
        """Return log-likelihood ratios of records that no refit saw.

        Parameters
        ----------
        numbers : ndarray of shape (k, m)
        events : ndarray of shape (k, e)
        numbers_out : ndarray of shape (K, k, m)
            What the refits show of them.
        events_out : iterable of arrays of shape (k, e)
        """
        shift = np.broadcast_to(self._average, numbers.shape)
        total = self._ratio(numbers - numbers_out.mean(axis=0) - shift / 2, shift)
        if not events.shape[1]:
            return total
        tables = np.zeros((2, *events.shape, N_EVENTS))
        for block in events_out:
            tables[0] += _indicators(block)
        # with the record in, what is outside the range is at its end
        tables[1] = tables[0]
        tables[1][..., OUTSIDE - 1] += tables[1][..., OUTSIDE]
        tables[1][..., OUTSIDE] = 0
        return total + _log_ratio(tables, events)


def _indicators(events):
    return (events[..., None] == np.arange(N_EVENTS)).astype(np.int32)


def _log_ratio(tables, events):
    if not events.shape[1]:
        return np.zeros(len(events))
    chosen = np.take_along_axis(tables, events[None, ..., None].astype(np.int64), axis=-1)[..., 0]
    share = (chosen + 0.5) / (tables.sum(axis=-1) + 0.5 * N_EVENTS)
    return (np.log(share[1]) - np.log(share[0])).sum(axis=1)
