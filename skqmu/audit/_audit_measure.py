"""What is measured on one model: probabilities once, and every attack refitted against it."""

import warnings

import numpy as np

from .._rows import join, take
from ..attacks.tools import (
    PROBABILITY_EPS,
    AttackCase,
    cross_entropy,
    encode_labels,
    query_proba,
)
from ..exceptions import ResolutionWarning
from ..metrics import (
    RecordedAnswers,
    accuracy_interval,
    forgetting_result,
    gap_interval,
    membership_result,
    oracle_equivalence,
    retraining_differences,
    retraining_verdict,
)
from ._attacks import fit_attack

__all__ = ["Judge", "Observation", "without"]

# false-positive rates at which the true-positive rate is reported, where the sample allows
_FPRS = (0.1, 0.01, 0.001)
# losses kept for the picture: all of them, or this many quantiles
_MAX_LOSSES = 200
# what a probability floor of PROBABILITY_EPS, or of the metrics' 1e-8, leaves possible: an
# interval of a few records may be infinite, the quantity cannot
_HIGHEST = {"loss": -np.log(PROBABILITY_EPS), "kl": -np.log(1e-8), "js": np.log(2)}


class Observation(RecordedAnswers):
    """What a model answered, once, and how the attacks scored it.

    Rows are numbered: training rows first, then held-out rows, then these once more as they are
    in truth, where some were made bad; labels are column numbers.

    Parameters
    ----------
    proba : ndarray of shape (n_train + n_test, n_classes)
    scores : dict of str to (ndarray, ndarray)
        For each attack the scores of members and of non-members.
    threat_models : dict of str to dict
    """

    def __init__(self, proba, scores, threat_models):
        super().__init__(proba)
        self.scores, self.threat_models = scores, threat_models


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
    seed : int
        For what an attack itself draws; the same for every model.
    delta : float
        Differences below are none, where the sample can exclude larger ones.
    original : fitted classifier or None, default=None
        The version before the deletion, for an attacker who kept it.
    together : int, default=1
        How many requests one statement is about: their verdicts share the error.
    """

    def __init__(
        self,
        data,
        scenario,
        classes,
        attacks,
        pool,
        level,
        seed,
        delta,
        original=None,
        together=1,
    ):
        self.original, self.delta = original, delta
        self.verdict_level = 1 - (1 - level) / together
        self.data, self.scenario, self.classes = data, scenario, classes
        self.attacks, self.pool, self.level, self.seed = attacks, pool, level, seed
        labels, right = [data.y, data.y_test], data.y_test
        if data.truth is not None:  # these rows once more, as they are in truth
            right = data.truth.y_test
            labels.append(right)
        self.y = encode_labels(np.concatenate(labels), classes)
        n_train = len(data.y)
        held_out = len(self.y) - len(right) + np.arange(len(right))
        stays = ~np.isin(right, scenario.removed)
        #: row numbers of each part, by the names that the report uses
        self.rows = {
            "retain": np.flatnonzero(~scenario.forget),
            "forget": np.flatnonzero(scenario.forget),
            "test": held_out[stays],
        }
        if not stays.all():
            self.rows["test_removed"] = held_out[~stays]
        self.nonmembers = n_train + scenario.nonmembers
        removed = encode_labels(scenario.removed, classes, name="removed")
        self.kept = np.setdiff1d(np.arange(len(classes)), removed)

    # -- asking a model ------------------------------------------------------------------

    def observe(self, model):
        """Ask a model about all rows, and refit every attack against it (guard 3)."""
        X, y = self._attacked_rows()
        scores, threats = {}, {}
        n_members = len(self.scenario.members)
        case = AttackCase(
            target=model,
            pool=self.pool,
            X_public=self.data.X_test,
            y_public=self.data.y_test,
            random_state=self.seed,
            original=self.original,
            n_deleted=int(self.scenario.forget.sum()),
            n_rows=len(self.data.y),
        )
        for name in self.attacks:
            attack = fit_attack(name, case)
            values = attack.decision_function(X, y)
            scores[name] = values[:n_members], values[n_members:]
            threats[name] = attack.threat_model_.to_dict()
        return Observation(self.answers(model), scores, threats)

    def answers(self, model):
        """Return a model's probabilities of all rows, as they are numbered.

        Parameters
        ----------
        model : fitted classifier
        """
        data = self.data
        proba = query_proba(model, join(data.X, data.X_test), self.classes)
        if data.truth is None:
            return proba
        if data.truth.X_test is data.X_test:  # none but labels are bad: asked once
            return np.concatenate([proba, proba[len(data.y) :]])
        right = query_proba(model, data.truth.X_test, self.classes)
        return np.concatenate([proba, right])

    def _attacked_rows(self):
        members, nonmembers = self.scenario.members, self.scenario.nonmembers
        return (
            join(take(self.data.X, members), take(self.data.X_test, nonmembers)),
            np.concatenate([self.data.y[members], self.data.y_test[nonmembers]]),
        )

    # -- numbers -------------------------------------------------------------------------

    def part(self, name):
        """Return row numbers and label columns of a part, as the metrics take them."""
        return self.rows[name], self.y[self.rows[name]]

    def correct(self, observation, name):
        """Return for each row of a part whether the most probable class is right."""
        rows, y = self.part(name)
        return (observation.predict(rows) == y).astype(float)

    def accuracy(self, observation, name):
        """Return the accuracy on a part with its interval, as plain values."""
        right = self.correct(observation, name)
        estimate = accuracy_interval(int(right.sum()), len(right), level=self.level)
        return _plain({name: estimate}, {name: len(right)})[name]

    def losses(self, observation, name):
        """Return the cross-entropy of each row; ``"held_out"`` are the attacks' non-members."""
        rows = self.nonmembers if name == "held_out" else self.rows[name]
        return cross_entropy(observation.proba[rows], self.y[rows])

    def measure(self, observation, oracles, original):
        """Return everything that is reported of one model, as plain values.

        Parameters
        ----------
        observation : Observation
        oracles : list of Observation
            The oracles, without the model itself when it is one.
        original : Observation
        """
        with warnings.catch_warnings():
            # intervals as wide as the quantity and "unresolved" cells say it in the table
            warnings.simplefilter("ignore", ResolutionWarning)
            found = forgetting_result(
                observation,
                **{name: self.part(name) for name in ("retain", "forget", "test")},
                oracles=oracles,
                original=original,
                retained=self.kept,
                level=self.level,
            )
            attacks = {name: self.result(observation, name) for name in self.attacks}
        report = {
            "accuracy": _plain(found.accuracies, found.n),
            "loss": {
                name: self._mean_loss(observation, name)
                for name in ("retain", "forget", "held_out")
            },
            "attacks": attacks,
            "losses": {
                name: thinned(self.losses(observation, name)) for name in ("forget", "held_out")
            },
            "kl_to_oracle": _plain(found.kl, found.n, highest=_HIGHEST["kl"]),
            "js_to_oracle": _plain(found.js, found.n, highest=_HIGHEST["js"]),
            "agreement_with_oracle": _plain(found.agreement, found.n),
        }
        for name in ("uqi", "tug_of_war"):
            value = getattr(found, name)
            report[name] = None if value is None else _plain({name: value}, {})[name]
        if "test_removed" in self.rows:
            report["accuracy"]["test_removed"] = self.accuracy(observation, "test_removed")
        return report

    def _mean_loss(self, observation, name):
        losses = self.losses(observation, name)
        if len(losses) < 2:
            return {"value": float(losses.mean()), "low": None, "high": None, "n": len(losses)}
        # the metrics' bootstrap for skewed means, of the loss minus nothing
        mean = gap_interval(losses, np.zeros(len(losses)), level=self.level)
        mean = mean._replace(low=max(0.0, mean.low))
        return _plain({name: mean}, {name: len(losses)}, highest=_HIGHEST["loss"])[name]

    def equivalence(self, observation, oracles):
        """Return the metrics' equivalence tests of the accuracies, two oracles given.

        Parameters
        ----------
        observation : Observation
        oracles : list of Observation
        """
        if len(oracles) < 2:
            return {}
        return {
            f"accuracy_{name}": oracle_equivalence(
                self.correct(observation, name),
                np.array([self.correct(oracle, name) for oracle in oracles]),
                delta=self.delta,
                alpha=1 - self.level,
            ).to_dict()
            for name in self.rows
        }

    def verdict(self, observation, oracles):
        """Return the metrics' verdict on a model, from every measure and every attack.

        Parameters
        ----------
        observation : Observation
        oracles : list of Observation
            All of them.
        """
        compared = self._compared(observation, oracles)
        return retraining_verdict(**compared, delta=self.delta, level=self.verdict_level)

    def gaps_alone(self, answers, oracles):
        """Return the differences to the oracles that need no attack to be fitted.

        Parameters
        ----------
        answers : RecordedAnswers
        oracles : list of Observation
        """
        compared = {**self._compared(oracles[0], oracles), "model": answers, "attacks": {}}
        return retraining_verdict(**compared, delta=self.delta, level=self.verdict_level).gaps

    def differences(self, observation, oracles):
        """Return what this repeat says of a model, for a verdict over all of them.

        Parameters
        ----------
        observation : Observation
        oracles : list of Observation
            All of them.
        """
        at = self.data.table_rows
        rows = {name: at[rows] for name, rows in self.rows.items()}
        rows |= {"members": at[self.scenario.members], "nonmembers": at[self.nonmembers]}
        return retraining_differences(**self._compared(observation, oracles), rows=rows)

    def _compared(self, observation, oracles):
        """What both verdicts compare."""
        attacks = {
            name: ([observation.scores[name]], [oracle.scores[name] for oracle in oracles])
            for name in self.attacks
        }
        return {
            "model": observation,
            "oracles": oracles,
            "nonmembers": (self.nonmembers, self.y[self.nonmembers]),
            "removed": np.setdiff1d(np.arange(len(self.classes)), self.kept),
            "attacks": attacks,
            **{name: self.part(name) for name in self.rows},
        }

    def result(self, observation, name):
        """Return what an attack achieved, as plain values."""
        scores = observation.scores[name]
        with warnings.catch_warnings():
            # what few rows leave unresolved says so in the table
            warnings.simplefilter("ignore", ResolutionWarning)
            return membership_result(*scores, level=self.level, fprs=_FPRS).to_dict()


def without(items, position):
    """Return a list without one of its items."""
    return items[:position] + items[position + 1 :]


def _plain(estimates, sizes, highest=np.inf):
    """Return the metrics' estimates as dicts with the number of rows behind each."""
    return {
        name: {
            **{key: float(min(getattr(e, key), highest)) for key in ("value", "low", "high")},
            "n": sizes.get(name),
        }
        for name, e in estimates.items()
    }


def thinned(values):
    """Return sorted values, at most ``_MAX_LOSSES`` of them, evenly spaced in rank."""
    values = np.sort(values)
    if len(values) > _MAX_LOSSES:
        values = np.quantile(values, np.linspace(0, 1, _MAX_LOSSES))
    return [float(f"{value:.6g}") for value in values]
