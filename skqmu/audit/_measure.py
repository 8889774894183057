"""What is measured on one model: probabilities once, and every attack refitted against it."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, t

from skqmu.attacks import LiRAAttack, ThresholdAttack
from skqmu.attacks._outputs import SIGNALS, cross_entropy, encode_labels, query_proba
from skqmu.audit._compare import auc_gap, mean_gap
from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import membership_result

__all__ = ["ATTACKS", "Judge", "Observation", "without"]

# false-positive rates at which the true-positive rate is reported, where the sample allows
_FPRS = (0.1, 0.01, 0.001)
# losses kept for the picture: all of them, or this many quantiles
_MAX_LOSSES = 200


def _threshold(signal):
    def make(target, n_shadows):
        return ThresholdAttack(target, signal=signal, n_shadows=n_shadows)

    return make


def _lira(online):
    def make(target, n_shadows):
        return LiRAAttack(target, online=online, n_shadows=n_shadows)

    return make


#: Attacks by name: ``make(target, n_shadows)``; the second says which need shadows.
ATTACKS = {
    **{signal: (_threshold(signal), False) for signal in SIGNALS},
    "lira": (_lira(True), True),
    "lira_offline": (_lira(False), True),
}


@dataclass
class Observation:
    """What a model answered, and how the attacks scored it.

    Attributes
    ----------
    train, test : ndarray of shape (n, n_classes)
        Probabilities on the training and the held-out rows.
    scores : dict of str to (ndarray, ndarray)
        For each attack the scores of members and of non-members.
    threat_models : dict of str to dict
    """

    train: np.ndarray
    test: np.ndarray
    scores: dict
    threat_models: dict


class Judge:
    """Measures models on one scenario, all on the same rows in the same order (guard 6).

    Parameters
    ----------
    data : Data
    scenario : Scenario
    classes : ndarray
        The original's labels: the columns of all probabilities.
    attacks : tuple of str
    pool : ShadowPool or None
        Shadows that all attacks share; None when no attack needs any.
    level : float
    """

    def __init__(self, data, scenario, classes, attacks, pool, level):
        self.data, self.scenario, self.classes = data, scenario, classes
        self.attacks, self.pool, self.level = attacks, pool, level
        self.y = encode_labels(data.y, classes)
        self.y_test = encode_labels(data.y_test, classes)
        stays = ~np.isin(data.y_test, scenario.removed)
        #: rows by the names that the report uses: (on the training side?, mask or indices)
        self.rows = {
            "retain": (True, ~scenario.forget),
            "forget": (True, scenario.forget),
            "test": (False, stays),
        }
        if not stays.all():
            self.rows["test_removed"] = (False, ~stays)
        self.kept = np.setdiff1d(
            np.arange(len(classes)), encode_labels(scenario.removed, classes, name="removed")
        )

    # -- asking a model ------------------------------------------------------------------

    def observe(self, model):
        """Ask a model about all rows, and refit every attack against it (guard 3)."""
        X, y = self._attacked_rows()
        scores, threats = {}, {}
        n_members = len(self.scenario.members)
        for name in self.attacks:
            make, _ = ATTACKS[name]
            if self.pool is None:
                attack = make(model, 0).fit(self.data.X_test, self.data.y_test)
            else:
                attack = make(model, self.pool.n_shadows).fit(pool=self.pool)
            values = attack.decision_function(X, y)
            scores[name] = values[:n_members], values[n_members:]
            threats[name] = attack.threat_model_.to_dict()
        return Observation(
            train=query_proba(model, self.data.X, self.classes),
            test=query_proba(model, self.data.X_test, self.classes),
            scores=scores,
            threat_models=threats,
        )

    def _attacked_rows(self):
        members, nonmembers = self.scenario.members, self.scenario.nonmembers
        return (
            np.concatenate([self.data.X[members], self.data.X_test[nonmembers]]),
            np.concatenate([self.data.y[members], self.data.y_test[nonmembers]]),
        )

    # -- numbers -------------------------------------------------------------------------

    def _part(self, observation, name):
        """Return probabilities and label columns of the rows called `name`."""
        on_train, rows = self.rows[name]
        proba, y = (observation.train, self.y) if on_train else (observation.test, self.y_test)
        return proba[rows], y[rows]

    def correct(self, observation, name):
        """Return for each row of a part whether the most probable class is right."""
        proba, y = self._part(observation, name)
        return (proba.argmax(axis=1) == y).astype(float)

    def losses(self, observation, name):
        """Return the cross-entropy of each row; ``"held_out"`` are the attacks' non-members."""
        if name == "held_out":
            rows = self.scenario.nonmembers
            return cross_entropy(observation.test[rows], self.y_test[rows])
        return cross_entropy(*self._part(observation, name))

    def divergence(self, observation, oracle, name):
        """Return KL(oracle || model) of each row, over the classes that stay, renormalised."""
        p, q = (
            np.maximum(self._part(source, name)[0][:, self.kept], 1e-12)
            for source in (oracle, observation)
        )
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        return (p * np.log(p / q)).sum(axis=1)

    def measure(self, observation, oracles):
        """Return everything that is reported of one model, as plain values.

        Parameters
        ----------
        observation : Observation
        oracles : list of Observation
            The oracles, without the model itself when it is one.
        """
        report = {
            "accuracy": {name: self._accuracy(observation, name) for name in self.rows},
            "loss": {
                name: mean_estimate(self.losses(observation, name), self.level)
                for name in ("retain", "forget", "held_out")
            },
            "attacks": {name: self._result(observation, name) for name in self.attacks},
            "losses": {
                name: thinned(self.losses(observation, name)) for name in ("forget", "held_out")
            },
        }
        if oracles:
            report["kl_to_oracle"] = {
                name: mean_estimate(self._mean_divergence(observation, oracles, name), self.level)
                for name in ("retain", "forget", "test")
            }
            report["agreement_with_oracle"] = {
                name: mean_estimate(
                    np.mean([self._agrees(observation, o, name) for o in oracles], axis=0),
                    self.level,
                    highest=1.0,
                )
                for name in ("retain", "forget", "test")
            }
        return report

    def _agrees(self, observation, oracle, name):
        mine, theirs = (
            self._part(source, name)[0].argmax(axis=1) for source in (observation, oracle)
        )
        return (mine == theirs).astype(float)

    def gaps(self, observation, oracles):
        """Return the differences to retraining; see :func:`skqmu.audit._compare.gap_summary`.

        Parameters
        ----------
        observation : Observation
        oracles : list of Observation
            All of them.
        """
        means = {f"accuracy_{name}": (self.correct, name, True) for name in self.rows}
        if self.scenario.kind == "subset":
            # a removed class has no loss to compare: an oracle may give it probability 0
            means["loss_forget"] = (self.losses, "forget", False)
        divergences = {f"kl_{name}": name for name in ("forget", "test") if len(oracles) > 2}
        options = {
            "level": self.level,
            "family": len(means) + len(divergences) + len(self.attacks),
        }
        gaps = {}
        for key, (values, name, bounded) in means.items():
            theirs = np.array([values(oracle, name) for oracle in oracles])
            gaps[key] = mean_gap(values(observation, name), theirs, bounded=bounded, **options)
        for key, name in divergences.items():
            theirs = np.array(
                [self._mean_divergence(o, without(oracles, i), name) for i, o in enumerate(oracles)]
            )
            gaps[key] = mean_gap(
                self._mean_divergence(observation, oracles, name), theirs, **options
            )
        for name in self.attacks:
            gaps[f"auc_{name}"] = auc_gap(
                observation.scores[name], [o.scores[name] for o in oracles], **options
            )
        return gaps

    def _mean_divergence(self, observation, oracles, name):
        return np.mean([self.divergence(observation, o, name) for o in oracles], axis=0)

    def _accuracy(self, observation, name):
        correct = self.correct(observation, name)
        count, n = int(correct.sum()), len(correct)
        low, high = binomtest(count, n).proportion_ci(self.level, method="exact")
        return {"value": count / n, "low": float(low), "high": float(high), "n": n}

    def _result(self, observation, name):
        with warnings.catch_warnings():
            # the table says "unresolved" in the very cell: no need to say it twice
            warnings.simplefilter("ignore", ResolutionWarning)
            result = membership_result(*observation.scores[name], level=self.level, fprs=_FPRS)
        return result.to_dict()


def without(items, position):
    """Return a list without one of its items."""
    return items[:position] + items[position + 1 :]


def mean_estimate(values, level, *, highest=np.inf):
    """Return the mean of values in [0, `highest`] with its t interval, cut at those bounds.

    Parameters
    ----------
    values : ndarray of shape (n,)
    level : float
    highest : float, default=inf

    Returns
    -------
    dict
        ``value``, ``low``, ``high`` (None for a single value) and ``n``.
    """
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return {"value": mean, "low": None, "high": None, "n": n}
    half = float(t.isf((1 - level) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return {"value": mean, "low": max(0.0, mean - half), "high": min(highest, mean + half), "n": n}


def thinned(values):
    """Return sorted values, at most ``_MAX_LOSSES`` of them, evenly spaced in rank."""
    values = np.sort(values)
    if len(values) > _MAX_LOSSES:
        values = np.quantile(values, np.linspace(0, 1, _MAX_LOSSES))
    return [float(f"{value:.6g}") for value in values]
