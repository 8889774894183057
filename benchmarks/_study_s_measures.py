"""What Study S asks of a model: the published attack and the sound ones, with intervals."""

import warnings

import numpy as np
from _study_s_settings import FORGET
from _study_s_work import Asked

from skqmu.attacks import LiRAAttack, QNNOutputAttack, RMIAAttack
from skqmu.exceptions import ResolutionWarning, ThreatModelWarning
from skqmu.metrics import accuracy_interval, membership_result

__all__ = [
    "Rows",
    "accuracies",
    "auc_of",
    "auditor",
    "published_rates",
    "sound_rates",
    "thresholds",
]

_SMALLEST = 1e-12


class Rows:
    """The rows of one seed, by what they are to its models.

    Parameters
    ----------
    data : namespace
        From `data_of`.
    training : ndarray of int
        From `training_rows`.
    few : int or None, default=None
        At most so many rows of each kind, where asking costs.
    """

    def __init__(self, data, training, few=None):
        X, y = data.X, data.y
        outside = np.setdiff1d(np.flatnonzero(y == FORGET), training)
        kept = training[y[training] != FORGET]
        forget = training[y[training] == FORGET]
        self.forget = X[forget[:few]], y[forget[:few]]
        self.unseen = X[outside[:few]], y[outside[:few]]
        self.retain = X[kept[:few]], y[kept[:few]]
        self.test = data.X_test[:few], data.y_test[:few]
        # As in the study: half of the members, and as many others.
        shown = training[: len(training) // 2]
        held_out = np.arange(len(shown))
        if few is not None:  # a quarter of the forget class on both sides
            fourth, y_test = few // 4, data.y_test
            shown = np.concatenate([forget[:fourth], kept[: few - fourth]])
            fours, others = np.flatnonzero(y_test == FORGET), np.flatnonzero(y_test != FORGET)
            held_out = np.concatenate([fours[:fourth], others[: few - fourth]])
        self.shown = X[shown], y[shown]
        self.held_out = data.X_test[held_out], data.y_test[held_out]
        shown_fours = shown[y[shown] == FORGET]
        hidden = np.setdiff1d(forget[:few], shown_fours)
        self.forget_shown = X[shown_fours], y[shown_fours]
        self.forget_hidden = X[hidden], y[hidden]

    @property
    def fours(self):
        """Forgotten rows, then unseen rows of the class; and which are which."""
        X, y = (np.concatenate(both) for both in zip(self.forget, self.unseen, strict=True))
        return X, y, np.arange(len(y)) < len(self.forget[1])


def accuracies(model, rows):
    """Share of right answers on retained, forgotten and test rows."""
    X, y = rows.test
    stays = y != FORGET
    return {
        "acc_retain": float(model.score(*rows.retain)),
        "acc_forget": float(model.score(*rows.forget)),
        "acc_test": float(model.score(X, y)),
        "acc_test_kept": float(model.score(X[stays], y[stays])),
    }


def auditor(model, rows):
    """The published attack: trained on this very model's members and non-members."""
    X = np.concatenate([rows.shown[0], rows.held_out[0]])
    y = np.concatenate([rows.shown[1], rows.held_out[1]])
    with warnings.catch_warnings():
        # Told on the page instead: this attack is shown the target's members.
        warnings.simplefilter("ignore", ThreatModelWarning)
        return QNNOutputAttack(Asked.of(model), trained_on="target", random_state=0).fit(
            X, y, membership=np.arange(len(y)) < len(rows.shown[1])
        )


def published_rates(attack, model, rows):
    """Share of rows of the class that the attack calls members, with intervals.

    ``tpr``: members that the attack was shown, the published figure; ``tpr_hidden``: members
    that it was not shown; ``fpr``: rows that nobody trained on.
    """
    attack.set_params(target=Asked.of(model))
    parts = {"tpr": rows.forget_shown, "tpr_hidden": rows.forget_hidden, "fpr": rows.unseen}
    rates = {}
    for name, (X, y) in parts.items():
        flagged = np.asarray(attack.predict(X, y), dtype=bool)
        estimate = accuracy_interval(int(flagged.sum()), len(flagged))
        rates[name] = [float(estimate.value), float(estimate.low), float(estimate.high)]
    return rates


def thresholds(model, rows):
    """AUC of the attacks that need no shadows: loss and confidence."""
    X, y, member = rows.fours
    proba = model.predict_proba(X)
    true = proba[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    scores = {"loss": np.log(np.maximum(true, _SMALLEST)), "confidence": proba.max(axis=1)}
    return {name: auc_of(score, member) for name, score in scores.items()}


def sound_rates(model, pool, rows, attacks=("LiRA", "RMIA")):
    """AUC of attacks that learn from the shadows of a pool."""
    X, y, member = rows.fours
    kinds = {"LiRA": LiRAAttack, "RMIA": RMIAAttack}
    return {
        name: auc_of(kinds[name](Asked.of(model)).fit(pool=pool).decision_function(X, y), member)
        for name in attacks
    }


def auc_of(scores, member):
    """AUC and one true-positive rate of membership scores, with intervals over records."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResolutionWarning)
        result = membership_result(scores[member], scores[~member], fprs=(0.05,), n_resamples=2)
    point = result.operating_points[0]
    return {
        "auc": [float(result.auc), *map(float, result.auc_interval)],
        "tpr_at_5pct": [float(point.tpr), *map(float, point.tpr_interval)],
    }
