"""Did it forget, and at what price: a model against its original and against oracles.

A drop against the original says how much changed; only the gap to an oracle (the same estimator
trained without the forget set) says whether that is what forgetting looks like.
"""

from dataclasses import dataclass, field

import numpy as np

from ._divergence import divergence_estimate, js_per_record, kl_per_record
from ._inputs import check_level
from ._interval import Estimate, accuracy_interval, bounded_mean, combine
from ._proba import class_union

_SETS = ("retain", "forget", "test")


def uqi_score(model, original, *, retain, forget, test):
    """Unlearning quality index of HQML (arXiv 2512.19253), kept for comparison.

    ``forget_drop - (retain_drop + test_drop) / 2``, each drop an accuracy of the original less
    that of the model.

    Parameters
    ----------
    model : fitted classifier
        After unlearning.
    original : fitted classifier
        Before unlearning.
    retain, forget, test : tuple of (X, y)

    Returns
    -------
    float
        Greater is "better"; it rewards forgetting MORE than retraining would, so it is never
        a headline: use :func:`tug_of_war_score`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.metrics import uqi_score
    >>> X, y = load_iris(return_X_y=True)
    >>> original = LogisticRegression(max_iter=500).fit(X, y)
    >>> model = LogisticRegression(max_iter=500).fit(X[50:], y[50:])  # class 0 is gone
    >>> retain, forget = (X[50::2], y[50::2]), (X[:50], y[:50])
    >>> round(uqi_score(model, original, retain=retain, forget=forget, test=retain), 2)
    1.0
    """
    forget_drop, retain_drop, test_drop = (
        float(_rightness(original, X, y).mean() - _rightness(model, X, y).mean())
        for X, y in (forget, retain, test)
    )
    return forget_drop - (retain_drop + test_drop) / 2


def tug_of_war_score(model, oracle, *, retain, forget, test):
    """Product over the three sets of ``1 - |accuracy gap to the oracle|`` (Zhao et al. 2024).

    Parameters
    ----------
    model : fitted classifier
    oracle : fitted classifier, or a list of them
        With a list, the gap is to their mean accuracy.
    retain, forget, test : tuple of (X, y)

    Returns
    -------
    float
        Between 0 and 1; 1 if every accuracy is the oracle's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.metrics import tug_of_war_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=500).fit(X, y)
    >>> oracle = LogisticRegression(max_iter=500).fit(X[50:], y[50:])
    >>> retain, forget = (X[50::2], y[50::2]), (X[:50], y[:50])
    >>> tug_of_war_score(model, oracle, retain=retain, forget=forget, test=retain)
    0.0
    """
    gaps = (gap_to_oracle(model, oracle, X, y) for X, y in (retain, forget, test))
    return float(np.prod([1 - abs(gap) for gap in gaps]))


def gap_to_oracle(model, oracle, X, y):
    """Accuracy of a model less the (mean) accuracy of oracles, on the same rows.

    Parameters
    ----------
    model : fitted classifier
    oracle : fitted classifier, or a list of them
    X : array-like of shape (n, d)
    y : array-like of shape (n,)

    Returns
    -------
    float
        Positive where the model is right more often.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from skqmu.metrics import gap_to_oracle
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DummyClassifier(strategy="constant", constant=0).fit(X, y)
    >>> oracle = DummyClassifier(strategy="constant", constant=2).fit(X, y)
    >>> gap_to_oracle(model, oracle, X[:60], y[:60])
    0.8333333333333334
    """
    return float(_rightness(model, X, y).mean() - _mean_rightness(_as_list(oracle), X, y).mean())


@dataclass(frozen=True)
class ForgettingResult:
    """What :func:`forgetting_result` measured; every number with its interval.

    Parameters
    ----------
    level : float
    n : dict of str to int
        Records in each set.
    n_oracles : int
    accuracies, drops, gaps : dict of {"retain", "forget", "test"} to Estimate
        The model's accuracy; the original's less the model's; the model's less the oracles'.
        Gaps and drops are paired on the same rows.
    uqi, tug_of_war : Estimate or None
        None without an original, or without an oracle, or without one of the three sets.
    kl, js : dict of set to Estimate
        Mean divergence from the oracles, in nats.
    agreement : dict of set to Estimate
        Share of rows labelled as the oracles label them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.metrics import forgetting_result
    >>> X, y = load_iris(return_X_y=True)
    >>> original = LogisticRegression(max_iter=500).fit(X, y)
    >>> model = LogisticRegression(max_iter=500).fit(X[30:], y[30:])
    >>> result = forgetting_result(model, forget=(X[:30], y[:30]), original=original)
    >>> print(result.drops["forget"])
    0.000 [-0.087, 0.087]
    """

    level: float
    n: dict
    n_oracles: int
    accuracies: dict = field(default_factory=dict)
    drops: dict = field(default_factory=dict)
    gaps: dict = field(default_factory=dict)
    uqi: Estimate | None = None
    tug_of_war: Estimate | None = None
    kl: dict = field(default_factory=dict)
    js: dict = field(default_factory=dict)
    agreement: dict = field(default_factory=dict)

    def to_dict(self):
        """Return plain Python values (infinities as strings), for JSON.

        Returns
        -------
        dict
        """
        out = {"level": self.level, "n": dict(self.n), "n_oracles": self.n_oracles}
        for name in ("accuracies", "drops", "gaps", "kl", "js", "agreement"):
            out[name] = {key: _plain(value) for key, value in getattr(self, name).items()}
        return {**out, "uqi": _plain(self.uqi), "tug_of_war": _plain(self.tug_of_war)}

    def summary(self):
        """Return a table in plain text, one line a set and measure.

        Returns
        -------
        str
        """
        lines = [f"{self.n_oracles} oracle(s); {self.level:.0%} intervals in brackets"]
        titles = {
            "accuracies": "accuracy",
            "drops": "drop from the original",
            "gaps": "gap to the oracle",
            "kl": "KL to the oracle",
            "js": "JS to the oracle",
            "agreement": "agreement with the oracle",
        }
        for name, title in titles.items():
            for key, value in getattr(self, name).items():
                lines.append(f"{title + ', ' + key:<34} {value}  (n = {self.n[key]})")
        for name, value in (("tug of war", self.tug_of_war), ("UQI", self.uqi)):
            if value is not None:
                lines.append(f"{name:<34} {value}")
        return "\n".join(lines)

    __str__ = summary


def forgetting_result(
    model,
    *,
    retain=None,
    forget=None,
    test=None,
    original=None,
    oracles=(),
    retained=None,
    level=0.95,
    random_state=None,
):
    """Measure forgetting and its price on up to three sets of records.

    Parameters
    ----------
    model : fitted classifier
        After unlearning.
    retain, forget, test : tuple of (X, y), default=None
        Sets to measure on; all models are asked for the same rows here.
    original : fitted classifier, default=None
        Before unlearning; without it no drops.
    oracles : list of fitted classifiers, default=()
        Trained without the forget set; without them no gaps.  Several are averaged a record;
        whether the model lies within THEIR spread is :func:`oracle_equivalence`'s question.
    retained : array-like, default=None
        Classes that are left when a whole one was forgotten; divergences are restricted to
        them.  By default, the classes that every oracle knows.
    level : float, default=0.95
    random_state : int, RandomState instance, Generator or None, default=None
        Of the bootstrap behind the divergences' intervals; None is one fixed seed.

    Returns
    -------
    ForgettingResult

    Raises
    ------
    ValueError
        No set of records at all.

    Notes
    -----
    Accuracies: Clopper and Pearson (1934).  Drops and gaps: Bonett and Price (2012), paired.
    Divergences: studentised bootstrap over records.  UQI: Zou and Donner's (2008) sum of
    intervals.  Tug of war: the product of folded intervals at Bonferroni's level.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.metrics import forgetting_result
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=500).fit(X[::2], y[::2])
    >>> oracle = LogisticRegression(max_iter=500).fit(X[::3], y[::3])
    >>> result = forgetting_result(model, test=(X[1::2], y[1::2]), oracles=[oracle])
    >>> abs(result.gaps["test"].value) < 0.1
    True
    """
    check_level(level)
    oracles = _as_list(oracles)
    sets = dict(zip(_SETS, (retain, forget, test), strict=True))
    sets = {name: pair for name, pair in sets.items() if pair is not None}
    if not sets:
        raise ValueError("give at least one of retain, forget and test as a pair (X, y).")
    if oracles and retained is None:
        retained = _common_classes([model, *oracles])
    out = {name: {} for name in ("n", "accuracies", "drops", "gaps", "kl", "js", "agreement")}
    strict = {}
    for name, (X, y) in sets.items():
        right = _rightness(model, X, y)
        out["n"][name] = len(right)
        out["accuracies"][name] = accuracy_interval(int(right.sum()), len(right), level=level)
        if original is not None:
            out["drops"][name] = bounded_mean(_rightness(original, X, y) - right, 1, level)
        if not oracles:
            continue
        gap = right - _mean_rightness(oracles, X, y)
        out["gaps"][name] = bounded_mean(gap, 1, level)
        strict[name] = bounded_mean(gap, 1, 1 - (1 - level) / 3)
        kl = np.mean([kl_per_record(model, o, X, retained=retained) for o in oracles], axis=0)
        js = np.mean([js_per_record(model, o, X, retained) for o in oracles], axis=0)
        out["kl"][name] = divergence_estimate(kl, level, random_state)
        out["js"][name] = divergence_estimate(js, level, random_state)
        out["agreement"][name] = _agreement(model, oracles, X, level)
    uqi = tug = None
    if len(out["drops"]) == 3:
        drops = [out["drops"][name] for name in ("forget", "retain", "test")]
        uqi = combine(drops, [1, -0.5, -0.5])
    if len(strict) == 3:
        tug = _tug_of_war(list(strict.values()), level)
    return ForgettingResult(
        level=float(level), n_oracles=len(oracles), uqi=uqi, tug_of_war=tug, **out
    )


def _tug_of_war(gaps, level):
    value = low = high = 1.0
    for gap in gaps:
        far = max(abs(gap.low), abs(gap.high))
        near = 0.0 if gap.low <= 0 <= gap.high else min(abs(gap.low), abs(gap.high))
        value, low, high = value * (1 - abs(gap.value)), low * (1 - far), high * (1 - near)
    return Estimate(float(value), float(low), float(high), float(level))


def _agreement(model, oracles, X, level):
    labels = np.asarray(model.predict(X))
    same = np.mean([np.asarray(o.predict(X)) == labels for o in oracles], axis=0)
    if len(oracles) == 1:
        return accuracy_interval(int(same.sum()), len(same), level=level)
    # A mean of several oracles' agreement is no count: one record at either end of [0, 1].
    shifted = bounded_mean(2 * same - 1, 1, level)
    value, low, high, _ = ((x + 1) / 2 for x in shifted)
    return Estimate(value, low, high, float(level))


def _common_classes(models):
    """Classes that all models know, or None if all know the same."""
    union = class_union(models)
    common = [c for c in union if all(c in np.asarray(m.classes_) for m in models)]
    return None if len(common) == len(union) else common


def _rightness(model, X, y):
    y = np.asarray(y)
    if len(y) == 0:
        raise ValueError("an accuracy needs at least one record; the set is empty.")
    predicted = np.asarray(model.predict(X))
    if predicted.shape != y.shape:
        raise ValueError(f"X gives {predicted.shape} predictions and y has shape {y.shape}.")
    return (predicted == y).astype(float)


def _mean_rightness(oracles, X, y):
    if not oracles:
        raise ValueError("at least one oracle is needed: the same estimator, trained without D_f.")
    return np.mean([_rightness(oracle, X, y) for oracle in oracles], axis=0)


def _as_list(models):
    return list(models) if isinstance(models, list | tuple) else [models]


def _plain(estimate):
    if estimate is None:
        return None
    return [float(x) if np.isfinite(x) else str(float(x)) for x in estimate]
