"""What a request did to rows: losses and accuracies before and after, as much as is asked for."""

from contextlib import contextmanager

import numpy as np

from ...exceptions import InputRowsError
from ...network import cross_entropy
from .._baseline import Baseline, sampled_rows

__all__ = ["MOST_MEASURED", "REPORTS", "Report", "Spending"]

REPORTS = ("none", "sample", "full")
# Rows of each part that a sample holds.
MOST_MEASURED = 200


class Spending:
    """What a request has spent, and what of it went into measuring before and after."""

    def __init__(self, network):
        self.network = network
        self.begun = network.meter.copy()
        self.measured = dict.fromkeys(vars(self.begun), 0)

    @contextmanager
    def measuring(self):
        """Context of work that is no part of the mechanism."""
        before = self.network.meter.copy()
        try:
            yield
        finally:
            for name, amount in self.network.meter.since(before).items():
                self.measured[name] += amount

    def by_now(self):
        """Cost and measuring cost, for the log."""
        total = self.network.meter.since(self.begun)
        cost = {name: total[name] - measured for name, measured in self.measured.items()}
        return {"cost": cost, "measuring_cost": dict(self.measured)}


class Report:
    """Measurements of one request, before and after, on the same rows.

    Parameters
    ----------
    request : UnlearningRequest
    amount : {"none", "sample", "full"}
    seed : int
        Of the fit; says which rows a sample holds.

    Attributes
    ----------
    rows : dict of str to ndarray of int
        Of each part that is measured (``"forget"``, ``"retain"``), places in it.
    """

    def __init__(self, request, amount, seed):
        self.request = request
        self.seed = seed
        most = {"none": 0, "sample": MOST_MEASURED, "full": None}[amount]
        self.rows = {
            name: sampled_rows(len(records), seed, most)
            for name in ("forget", "retain")
            if most != 0 and (records := getattr(request, name)) is not None and len(records)
        }
        self.before = None

    def begin(self, baseline, positions, *, judged):
        """Measure before; returns the baseline, taken now where there is none and it is judged.

        Parameters
        ----------
        baseline : Baseline or None
            What later damage is judged by since the last fit.
        positions : ndarray of int or None
            Of the retained rows.
        judged : bool
            Whether the mechanism's harm is.
        """
        rows = dict(self.rows)
        retain = self.request.retain
        taken = judged and baseline is None and retain is not None and len(retain) > 0
        if taken:
            sample = sampled_rows(len(retain), self.seed, Baseline.MOST_ROWS)
            rows["retain"] = np.union1d(sample, rows.get("retain", sample))
        measured = self._measured(self.request.params, rows)
        self.before = {
            name: tuple(values[np.isin(rows[name], own)] for values in measured[name])
            for name, own in self.rows.items()
        }
        if not taken:
            return baseline if judged else None
        values = (each[np.isin(rows["retain"], sample)] for each in measured["retain"])
        return Baseline.of(self.request, sample, positions, *values, self.seed)

    def end(self, params):
        """Measure after; returns what the log says."""
        after = self._measured(params, self.rows)
        return {
            "before": _quality(self.before),
            "after": _quality(after),
            "n_measured": {name: len(rows) for name, rows in self.rows.items()},
        }

    def _measured(self, params, rows):
        """Loss of each row, and whether it is right, by the part's name."""
        measured = {}
        for name, chosen in rows.items():
            records = getattr(self.request, name)[chosen]
            try:
                logits = self.request.network.logits(params, records.X)
            except InputRowsError as error:
                problem = f"{error.problem} (Rows of X_{name}.)"
                raise InputRowsError(problem, [chosen[i] for i in error.rows]) from None
            loss = cross_entropy(logits, records.targets)
            measured[name] = (loss, logits.argmax(axis=1) == records.labels)
        return measured


def _quality(measured):
    """Mean loss and accuracy of each part, for the log."""
    quality = {}
    for name, (loss, hits) in measured.items():
        quality[f"{name}_loss"] = float(loss.mean())
        quality[f"{name}_accuracy"] = float(hits.mean())
    return quality
