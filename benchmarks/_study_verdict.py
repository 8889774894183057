"""Whether a mechanism is where retraining is: it fails, it passes, or the data cannot say."""

from dataclasses import dataclass

import numpy as np
from _study_measures import SIGNALS

from skqmu.metrics import mean_interval

__all__ = ["Verdict", "auc_interval", "signals_of", "verdict"]

# Section "sound protocol": points of accuracy, and share of an oracle's gradient rows.
_POINT, _SHARE = 0.01, 0.1
# What "passes" takes: seeds and oracles enough for a spread, and attacks that could have
# told the two apart (an interval of a whole .2 overlaps with everything).
_FEWEST, _WIDEST = 5, 0.2
_SAME = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What a mechanism fails on, and why "passes" could not be said of it.

    Parameters
    ----------
    failed : tuple of str
        Conditions that the means do not meet.
    unresolved : tuple of str
        What the data lack. A condition that is not met needs no resolution; that all are
        met says something only if there was a chance to see otherwise.
    """

    failed: tuple
    unresolved: tuple

    @property
    def passes(self):
        """Whether every condition is met, and could have been found not to be."""
        return not self.failed and not self.unresolved

    def __str__(self):
        if self.failed:
            return "fails: " + ", ".join(self.failed)
        if self.unresolved:
            return "not resolved: " + ", ".join(self.unresolved)
        return "passes"


def verdict(rows, oracle_rows):
    """Judge a mechanism by its rows, in the mean over seeds.

    Parameters
    ----------
    rows : list of dict
        One a seed, from `Judge.row`.
    oracle_rows : list of dict
        From `Judge.oracle_rows`, the same oracles for all seeds.

    Returns
    -------
    Verdict
        Conditions: forget accuracy, retained and test accuracy within a point of the oracles'
        mean; the same forget accuracy for the weights themselves, filters of outputs taken
        off (a mask before an untouched model hides the class and forgets nothing); KL at most
        that of the oracle that is furthest from the others; attacks whose two-sided 95 %
        intervals overlap (over seeds; with one seed, over records); gradient rows at most a
        tenth of an oracle's.
    """

    def mean(name, of):
        return float(np.mean([row[name] for row in of]))

    def near(name, other=None):
        return abs(mean(name, rows) - mean(other or name, oracle_rows)) <= _POINT + 1e-9

    def inside(name):
        return mean(name, rows) <= max(row[name] for row in oracle_rows)

    def overlap(name):
        low, high = auc_interval(rows, name)
        low_oracle, high_oracle = auc_interval(oracle_rows, name)
        return low <= high_oracle and high >= low_oracle

    conditions = {
        "forget accuracy": near("acc_forget"),
        "forget accuracy of the weights": near("acc_forget_weights", "acc_forget"),
        "retain accuracy": near("acc_retain"),
        "test accuracy": near("acc_test_kept"),
        "KL forget": inside("kl_forget"),
        "KL other": inside("kl_other"),
        **{f"attack {name}": overlap(name) for name in signals_of(rows, oracle_rows)},
        "cost": mean("cost_share", rows) <= _SHARE,
    }
    return Verdict(
        tuple(name for name, met in conditions.items() if not met),
        tuple(_missing(rows, oracle_rows)),
    )


def _missing(rows, oracle_rows):
    """What the figures lack to be told from an oracle's."""
    for count, what in ((len(rows), "seed(s)"), (len(oracle_rows), "oracles")):
        if count < _FEWEST:
            yield f"{count} {what} of {_FEWEST}"
    signals = signals_of(rows, oracle_rows)
    blind = [name for name in signals if _blind([row[f"auc_{name}"] for row in rows])]
    if blind and ("rest" in blind or "rest" not in signals):
        yield "attacks that see nothing: " + ", ".join(blind)
    wide = [
        name
        for name in signals
        if any(np.ptp(auc_interval(of, name)) > _WIDEST for of in (rows, oracle_rows))
    ]
    if wide:
        yield f"intervals wider than {_WIDEST:g} of " + ", ".join(wide)


def signals_of(*groups):
    """Attacks that every row was put through (results of earlier versions lack the last)."""
    rows = [row for group in groups for row in group]
    return [name for name in SIGNALS if all(f"auc_{name}" in row for row in rows)]


def _blind(aucs):
    """Whether an attack gives the same to the last digit whatever the seed.

    Loss and LiRA read the probability of the removed class. A model that never gives it any
    leaves them nothing to read; what is left to attack is what it says of the other classes.
    """
    return len(aucs) > 1 and float(np.ptp(aucs)) < _SAME


def auc_interval(rows, name):
    """95 % interval of an AUC: over the rows (seeds, oracles), or of the only one."""
    if len(rows) == 1:
        return rows[0][f"auc_{name}_low"], rows[0][f"auc_{name}_high"]
    estimate = mean_interval([row[f"auc_{name}"] for row in rows])
    return estimate.low, estimate.high
