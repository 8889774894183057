"""What Study S trains: targets, oracles, shadows and what they forget, each fit once."""

import pickle
import warnings
from copy import copy
from functools import partial

import joblib
import numpy as np
from _study_files import keep, kept
from _study_s_settings import FORGET, data_of, make_estimator, mechanisms, training_rows
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin

from skqmu.attacks import ShadowPool
from skqmu.exceptions import UnlearningWarning

__all__ = ["Asked", "fresh", "pools_of", "target", "unlearned"]


def trained(estimator, X, y, work):
    """The fitted estimator: from `work` where the same was fitted before."""
    path = work / f"{joblib.hash((estimator.get_params(), X, y))}.pkl"
    fitted = kept(path)
    if fitted is None:
        keep(path, estimator.fit(X, y, classes=np.arange(10)))
        fitted = kept(path)
    return fitted


def target(setting, seed, folder, work, oracle=None):
    """A model of one seed: the original, or (`oracle` a number) retrained without the class."""
    data = data_of(setting, folder)
    rows = training_rows(data, seed)
    if oracle is None:
        return trained(make_estimator(setting, seed), data.X[rows], data.y[rows], work)
    rows = rows[data.y[rows] != FORGET]
    own = make_estimator(setting, 1000 + 100 * seed + oracle)
    return trained(own, data.X[rows], data.y[rows], work)


def fresh(model):
    """A copy that shares nothing."""
    return pickle.loads(pickle.dumps(model))


def unlearned(model, strategy, X, y):
    """The same object, after the request."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        return model.unlearn(X, y, strategy=strategy)


class Asked(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A network as the attacks see it: they ask about, and shadows share, a few rows only.

    The shadows' pool is the forget class with some company; a shadow is given half of that
    and adds half of the world's other rows, so that it trains on as many rows as a target.

    Parameters
    ----------
    estimator : HybridQNNClassifier
        Fitted in place, like a step of a pipeline: its parameters stay within reach.
    setting : Setting or None
    folder, work : Path or None
    random_state : int or None
        Of the rows that a shadow adds.
    """

    def __init__(self, estimator, setting=None, folder=None, work=None, random_state=None):
        self.estimator = estimator
        self.setting = setting
        self.folder = folder
        self.work = work
        self.random_state = random_state

    @classmethod
    def of(cls, fitted):
        """Around a fitted network."""
        asked = cls(fitted)
        asked.classes_ = fitted.classes_
        return asked

    def fit(self, X, y):
        """Train on the given rows and half of the world's rows outside the pool."""
        data = data_of(self.setting, self.folder)
        outside = np.setdiff1d(np.arange(len(data.y)), data.pool)
        rows = np.random.default_rng(self.random_state).permutation(outside)[: len(outside) // 2]
        X, y = np.concatenate([X, data.X[rows]]), np.concatenate([y, data.y[rows]])
        self.estimator = trained(self.estimator, X, y, self.work)
        self.classes_ = self.estimator.classes_
        return self

    def predict_proba(self, X):
        """Probabilities of the network."""
        return self.estimator.predict_proba(X)

    def predict(self, X):
        """Labels of the network."""
        return self.estimator.predict(X)

    def release(self):
        """A copy without the rows."""
        other = copy(self)
        other.estimator = self.estimator.release()
        return other


def _forgetting(shadow, X, y, strategy):
    unlearned(shadow.estimator, strategy, X, y)


def pools_of(setting, folder, work, n_jobs):
    """Shadow pools by mechanism: after it, and under "original" without any.

    The same shadows in each: what they were trained on and their seeds follow from one
    `random_state`, and each is fitted once.
    """
    data = data_of(setting, folder)
    X, y = data.X[data.pool], data.y[data.pool]
    shadow = Asked(make_estimator(setting, 0), setting, folder, work)
    forget = y == FORGET
    pools = {}
    for name, strategy in {"original": None, **mechanisms(setting)}.items():
        pool = ShadowPool(
            shadow,
            n_shadows=setting.n_shadows,
            unlearn=partial(_forgetting, strategy=strategy),
            memory=work / "shadows",
            n_jobs=n_jobs,
            random_state=0,
        )
        pools[name] = pool.fit(X, y, forget=None if strategy is None else forget)
    return pools
