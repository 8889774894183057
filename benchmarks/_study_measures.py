"""What both studies report of a model: accuracies, divergences from oracles, what attacks see."""

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import kl_to_oracle, membership_result

__all__ = ["Judge", "Outputs", "masked"]

_SMALLEST = 1e-12


@dataclass(frozen=True)
class Outputs:
    """Probabilities of one model on the retained, forgotten and test rows."""

    retain: np.ndarray
    forget: np.ndarray
    test: np.ndarray


def masked(outputs, column):
    """The baseline that must fail: an untouched model whose forgotten logit is masked."""

    def mask(p):
        p = p.copy()
        p[:, column] = 0.0
        return p / np.maximum(p.sum(axis=1, keepdims=True), _SMALLEST)

    return Outputs(mask(outputs.retain), mask(outputs.forget), mask(outputs.test))


class Judge:
    """One forget set, its oracles, and the figures of any model beside them.

    Parameters
    ----------
    labels : Outputs
        Class indices in place of probabilities.
    original : Outputs
    oracles : list of Outputs
    removed : int or None
        The class of which no row stays.
    sound_test : ndarray of int
        Test rows that no stop rule has seen.
    """

    def __init__(self, labels, original, oracles, removed, sound_test):
        self.labels = labels
        self.original = original
        self.oracles = oracles
        self.sound_test = sound_test
        n_classes = original.test.shape[1]
        self.staying = [c for c in range(n_classes) if c != removed]
        # Test rows of the classes that stay are what a model is still for.
        self.kept_test = sound_test[np.isin(labels.test[sound_test], self.staying)]
        self.floor = self._floor()
        self.oracle_rows = [self._figures(oracle) for oracle in oracles]

    def _floor(self):
        """Largest divergence between two oracles, on forgotten and on other rows."""
        pairs = [
            *combinations(self.oracles, 2),
            *((b, a) for a, b in combinations(self.oracles, 2)),
        ]
        if not pairs:
            return {"kl_forget": float("nan"), "kl_other": float("nan")}
        return {
            name: max(getattr(self, f"_{name}")(a, b) for a, b in pairs)
            for name in ("kl_forget", "kl_other")
        }

    def _kl_forget(self, model, oracle):
        return kl_to_oracle(model.forget, oracle.forget, retained=self.staying)

    def _kl_other(self, model, oracle):
        rows = self.kept_test
        return kl_to_oracle(model.test[rows], oracle.test[rows], retained=self.staying)

    def _accuracy(self, outputs, part, rows=slice(None)):
        hits = getattr(outputs, part).argmax(axis=1) == getattr(self.labels, part)
        return float(hits[rows].mean())

    def _figures(self, outputs):
        row = {
            "acc_retain": self._accuracy(outputs, "retain"),
            "acc_forget": self._accuracy(outputs, "forget"),
            "acc_test": self._accuracy(outputs, "test"),
            "acc_test_kept": self._accuracy(outputs, "test", self.kept_test),
        }
        drops = {
            part: self._accuracy(self.original, part) - row[f"acc_{part}"]
            for part in ("retain", "forget", "test")
        }
        row["uqi"] = drops["forget"] - (drops["retain"] + drops["test"]) / 2
        return row | self._attacks(outputs)

    def _attacks(self, outputs):
        """AUC of loss and confidence: forgotten rows against test rows of their classes."""
        same = self.sound_test[
            np.isin(self.labels.test[self.sound_test], np.unique(self.labels.forget))
        ]
        signals = {
            "loss": lambda p, y: np.log(np.maximum(p[np.arange(len(p)), y], _SMALLEST)),
            "confidence": lambda p, y: p.max(axis=1),
        }
        row = {}
        for name, signal in signals.items():
            members = signal(outputs.forget, self.labels.forget)
            others = signal(outputs.test[same], self.labels.test[same])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResolutionWarning)  # three rows, in Iris
                result = membership_result(members, others, n_resamples=2)
            row[f"auc_{name}"] = float(result.auc)
            row[f"auc_{name}_low"], row[f"auc_{name}_high"] = map(float, result.auc_interval)
        return row

    def row(self, outputs, cost_share):
        """All figures of a model, the gaps to the oracles and the verdict."""
        row = self._figures(outputs)
        row["kl_forget"] = float(np.mean([self._kl_forget(outputs, o) for o in self.oracles]))
        row["kl_other"] = float(np.mean([self._kl_other(outputs, o) for o in self.oracles]))
        row["agreement"] = float(
            np.mean([(outputs.test.argmax(1) == o.test.argmax(1)).mean() for o in self.oracles])
        )
        row["cost_share"] = cost_share
        row["checks"] = self._checks(row)
        row["passes"] = all(row["checks"].values())
        return row

    def _mean(self, name):
        return float(np.mean([row[name] for row in self.oracle_rows]))

    def _checks(self, row):
        """Section A's conditions, one seed at a time."""
        overlap = all(
            row[f"auc_{name}_low"] <= max(o[f"auc_{name}_high"] for o in self.oracle_rows)
            and row[f"auc_{name}_high"] >= min(o[f"auc_{name}_low"] for o in self.oracle_rows)
            for name in ("loss", "confidence")
        )
        return {
            "forget accuracy": abs(row["acc_forget"] - self._mean("acc_forget")) <= 0.01,
            "retain accuracy": abs(row["acc_retain"] - self._mean("acc_retain")) <= 0.01,
            "test accuracy": abs(row["acc_test_kept"] - self._mean("acc_test_kept")) <= 0.01,
            "KL forget": row["kl_forget"] <= self.floor["kl_forget"],
            "KL other": row["kl_other"] <= self.floor["kl_other"],
            "attacks": overlap,
            "cost": row["cost_share"] <= 0.1,
        }
