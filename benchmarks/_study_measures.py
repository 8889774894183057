"""What both studies report of a model: accuracies, divergences from oracles, what attacks see."""

import warnings
from dataclasses import dataclass

import numpy as np

from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import kl_to_oracle, membership_result

__all__ = ["SIGNALS", "Judge", "Outputs", "masked"]

_SMALLEST = 1e-12
SIGNALS = ("loss", "confidence", "lira", "rest")


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
        At least two: each is judged by the others.
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
        # Rows of the forgotten rows' classes that no model was trained on.
        self.same_test = sound_test[np.isin(labels.test[sound_test], np.unique(labels.forget))]
        self.oracle_rows = [
            self._row(oracle, [*oracles[:k], *oracles[k + 1 :]]) for k, oracle in enumerate(oracles)
        ]

    def row(self, outputs, cost_share, weights=None):
        """All figures of a model, beside all oracles.

        `weights`: what the parameters say themselves, where `outputs` were filtered.
        """
        inside = self._accuracy(weights or outputs, "forget")
        row = self._row(outputs, self.oracles)
        return row | {"acc_forget_weights": inside, "cost_share": cost_share}

    def _row(self, outputs, oracles):
        kept, staying = self.kept_test, self.staying
        row = {
            "acc_retain": self._accuracy(outputs, "retain"),
            "acc_forget": self._accuracy(outputs, "forget"),
            "acc_test": self._accuracy(outputs, "test"),
            "acc_test_kept": self._accuracy(outputs, "test", kept),
            "confidence_forget": float(outputs.forget.max(axis=1).mean()),
        }
        drops = {
            part: self._accuracy(self.original, part) - row[f"acc_{part}"]
            for part in ("retain", "forget", "test")
        }
        row["uqi"] = drops["forget"] - (drops["retain"] + drops["test"]) / 2
        pairs = {
            "kl_forget": lambda o: kl_to_oracle(outputs.forget, o.forget, retained=staying),
            "kl_other": lambda o: kl_to_oracle(outputs.test[kept], o.test[kept], retained=staying),
            "agreement": lambda o: (outputs.test.argmax(1) == o.test.argmax(1)).mean(),
        }
        for name, figure in pairs.items():
            row[name] = float(np.mean([figure(oracle) for oracle in oracles]))
        return row | self._attacks(outputs, oracles)

    def _accuracy(self, outputs, part, rows=slice(None)):
        hits = getattr(outputs, part).argmax(axis=1) == getattr(self.labels, part)
        return float(hits[rows].mean())

    def _attacks(self, outputs, oracles):
        """AUC of the attacks: forgotten rows against unseen rows of their classes."""
        scores = {
            "loss": [np.log(np.maximum(p, _SMALLEST)) for p in self._true(outputs)],
            "confidence": [outputs.forget.max(axis=1), outputs.test[self.same_test].max(axis=1)],
            "lira": self._lira(outputs, oracles, self._true_logits),
            "rest": self._lira(outputs, oracles, self._rest_logits(oracles)),
        }
        row = {}
        for name, (members, others) in scores.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResolutionWarning)  # three rows, in Iris
                result = membership_result(members, others, n_resamples=2)
            row[f"auc_{name}"] = float(result.auc)
            row[f"auc_{name}_low"], row[f"auc_{name}_high"] = map(float, result.auc_interval)
        return row

    def _true(self, outputs):
        """Probability of the true class, on forgotten rows and on unseen ones of their classes."""
        rows, labels = outputs.test[self.same_test], self.labels.test[self.same_test]
        return [
            outputs.forget[np.arange(len(outputs.forget)), self.labels.forget],
            rows[np.arange(len(rows)), labels],
        ]

    def _lira(self, outputs, oracles, logits):
        """Offline LiRA: the oracles are the shadow models that never saw a record.

        Carlini et al. 2022: a logit, by its mean and (pooled, as there are few models)
        deviation over models trained without the record.
        """
        own = logits(outputs)
        out = [np.array(part) for part in zip(*map(logits, oracles), strict=True)]
        spread = np.concatenate([(o - o.mean(axis=0)).ravel() for o in out]).std()
        return [
            (phi - o.mean(axis=0)) / max(spread, _SMALLEST) for phi, o in zip(own, out, strict=True)
        ]

    def _true_logits(self, outputs):
        return [_logit(p) for p in self._true(outputs)]

    def _rest_logits(self, oracles):
        """From outputs to logits of the class that the oracles favour among those that stay.

        What the attacker turns to when a model gives the removed class no probability.
        """

        def rest(outputs):
            parts = (outputs.forget, outputs.test[self.same_test])
            return [_conditional(p, self.staying) for p in parts]

        favoured = [
            np.mean(part, axis=0).argmax(axis=1) for part in zip(*map(rest, oracles), strict=True)
        ]

        def logits(outputs):
            return [
                _logit(p[np.arange(len(p)), columns])
                for p, columns in zip(rest(outputs), favoured, strict=True)
            ]

        return logits


def _conditional(p, columns):
    """Probabilities of some classes, given that it is one of them."""
    kept = p[:, columns]
    return kept / np.maximum(kept.sum(axis=1, keepdims=True), _SMALLEST)


def _logit(p):
    p = np.clip(p, _SMALLEST, 1 - _SMALLEST)
    return np.log(p) - np.log1p(-p)
