"""Epsilon measured from below: models with a canary and without, told apart."""

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from .._fit_many import fit_many, last_step
from .._rows import join, take
from .._side_by_side import finished_jobs
from .._site_links import SiteLinksMixin
from .._validation import check_choice
from ..metrics import (
    epsilon_from_guesses,
    epsilon_from_rates,
    epsilon_of_gaussian,
    separation_bound,
)
from ._epsilon_result import EpsilonAuditResult
from ._estimators import entropy_from
from ._records import check_count, check_records

__all__ = ["EpsilonAudit"]

# Models that a worker fits side by side, and holds.
_AT_ONCE = 64
# Fitted attributes that hold what a model has learned.
_WEIGHTS = ("params_", "coef_", "intercept_", "coefs_", "intercepts_")
# Thresholds that are tried, on models that give no rate.
_N_THRESHOLDS = 101


class EpsilonAudit(MetaEstimatorMixin, SiteLinksMixin, BaseEstimator):
    """Lower bound on the epsilon of a training, with a level.

    A privacy promise is an upper bound, and holds if the code does what the proof supposes. This
    looks from the other side: whoever can tell models with a record from models without it, as
    often as this, shows that epsilon is at least so much. A bound above the promise refutes it; one
    below proves nothing.

    ``"many_runs"`` trains `n_models` models, half with one canary and half without, chooses a
    score and its threshold on half of them and counts on the others. With ``signal="weights"``,
    all rows in each step and a canary whose gradient is always cut, that is the strongest attack
    that there is, and a fault of the noise of a few per cent shows. ``"one_run"`` trains one model
    with each of `n_canaries` records in or out by a coin, and guesses: cheap, and weak where a
    model has few weights.

    Parameters
    ----------
    estimator : classifier
        Cloned, with its `random_state`: the auditor knows the start. Where its parameter
        ``privacy__n_public`` is None it is set to the rows that there may be, so that the number
        of rows, which is public, does not differ.
    method : {"many_runs", "one_run"}, default="many_runs"
    signal : {"weights", "loss"} or callable, default="weights"
        ``"weights"``: a linear score of all fitted weights, learned on half of the models
        (many runs only). ``"loss"``: minus the loss of the canary. A callable gets a fitted
        model, rows and labels and returns a score a row, greater where it thinks of a member.
    form : {"gaussian", "dp", "separation"}, default="gaussian"
        What the bound supposes: ``"dp"``, nothing but (epsilon, delta); ``"gaussian"``, that the
        trade-off curve is a Gaussian's; ``"separation"`` (many runs only), that scores are
        normal as well, which gives most. See :func:`skqmu.metrics.epsilon_from_rates`,
        :func:`skqmu.metrics.epsilon_from_guesses` and :func:`skqmu.metrics.separation_bound`.
    n_models : int, default=1000
        Of many runs, a multiple of 4.
    n_canaries : int, default=100
        Of one run, where `fit` is given none.
    n_guesses : int or None, default=None
        Of one run: half of them on the least suspicious canaries, half on the most. None: all.
    delta : float or None, default=None
        None: the estimator's ``privacy__delta``, or else 1e-5.
    level : float, default=0.95
    n_jobs : int or None, default=None
        As in joblib.
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
        Of canaries and coins.

    Attributes
    ----------
    result_ : EpsilonAuditResult
        The lower bound beside the upper one; prints both.
    epsilon_lower_ : float
    X_canary_, y_canary_ : the canaries

    Notes
    -----
    M. Jagielski et al., NeurIPS 2020 and M. Nasr et al., USENIX Security 2023 (many runs); T.
    Steinke et al., NeurIPS 2023 and S. Mahloujifar et al., ICML 2025 (one run). Canaries that
    `fit` is not given are rows of `X` with another label than their own.

    One setting in which nothing else blurs the noise: ``solver="sgd"`` without momentum and with
    a small learning rate, so that every step sees the same gradients, and a `clip` below the
    canary's gradient.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.attacks import EpsilonAudit
    >>> from skqmu.privacy import DifferentialPrivacy
    >>> X, y = load_iris(return_X_y=True)
    >>> X, y = X[::10, :2], y[::10]
    >>> privacy = DifferentialPrivacy(4.0, clip=0.1, classes=[0, 1, 2])
    >>> small = {"n_qubits": 2, "n_layers": 1, "observables": "z", "max_iter": 1}
    >>> clf = QNNClassifier(privacy=privacy, solver="sgd", momentum=0, random_state=0, **small)
    >>> audit = EpsilonAudit(clf, n_models=80, random_state=0).fit(X, y)
    >>> audit.result_.epsilon_stated > 3.99, audit.result_.refuted
    (True, False)
    """

    def __init__(
        self,
        estimator,
        *,
        method="many_runs",
        signal="weights",
        form="gaussian",
        n_models=1000,
        n_canaries=100,
        n_guesses=None,
        delta=None,
        level=0.95,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.signal = signal
        self.form = form
        self.n_models = n_models
        self.n_canaries = n_canaries
        self.n_guesses = n_guesses
        self.delta = delta
        self.level = level
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y, X_canary=None, y_canary=None):
        """Train the models and bound epsilon.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
            Rows that every model is trained on.
        y : array-like of shape (n,)
        X_canary : array-like of shape (k, n_features), default=None
            Records that may be there too, one for many runs; None: rows of `X` under another
            label.
        y_canary : array-like of shape (k,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Several canaries with ``method="many_runs"``.
        """
        self._check()
        self._delta()
        X, y = check_records(X, y, self.estimator)
        rng = np.random.default_rng(np.random.SeedSequence(entropy_from(self.random_state)))
        if X_canary is None:
            X_canary, y_canary = self._made_canaries(X, y, rng)
        else:
            X_canary, y_canary = check_records(X_canary, y_canary, self.estimator, suffix="_canary")
        n = len(y_canary)
        if self.method == "many_runs" and n != 1:
            raise ValueError(f"X_canary has {n} rows; many_runs tells models with ONE from others.")
        everything = join(X, X_canary), np.concatenate([y, y_canary])
        template = _with_public_number(clone(self.estimator), len(everything[1]))
        run = self._many_runs if self.method == "many_runs" else self._one_run
        self.result_ = run(template, *everything, len(y), rng)
        self.epsilon_lower_ = self.result_.epsilon_lower
        self.X_canary_, self.y_canary_ = X_canary, y_canary
        return self

    def _check(self):
        check_choice("method", self.method, ("many_runs", "one_run"))
        check_choice("form", self.form, ("gaussian", "dp", "separation"))
        check_count("n_models", self.n_models, 4)
        check_count("n_canaries", self.n_canaries, 1)
        if self.n_models % 4:
            raise ValueError(
                f"n_models={self.n_models} must be a multiple of 4: half of them have the canary, "
                "and half of each choose the threshold."
            )
        if not callable(self.signal):
            check_choice("signal", self.signal, ("weights", "loss"))
        if self.method == "one_run":
            for name, value, other in (
                ("signal", "weights", "'loss' or a callable"),
                ("form", "separation", "'gaussian' or 'dp'"),
            ):
                if getattr(self, name) == value:
                    raise ValueError(f"{name}={value!r} needs method='many_runs'; use {other}.")

    def _made_canaries(self, X, y, rng):
        """Rows of X, each under another label than its own."""
        n = 1 if self.method == "many_runs" else self.n_canaries
        classes, places = np.unique(y, return_inverse=True)
        if n > len(y) or len(classes) < 2:
            raise ValueError(
                f"{n} canaries cannot be made of {len(y)} rows in {len(classes)} classes: each is "
                "a row of its own with another label. Lower n_canaries, or pass X_canary."
            )
        rows = rng.choice(len(y), size=n, replace=False)
        moved = (places[rows] + rng.integers(1, len(classes), size=n)) % len(classes)
        return take(X, rows), classes[moved]

    def _delta(self):
        """At which both bounds are; an epsilon is stated at the estimator's own."""
        known = _parameters(self.estimator, "delta").values()
        stated = next(iter(known), None)
        if self.delta is not None and stated is not None and self.delta != stated:
            raise ValueError(
                f"delta={self.delta:g} is not privacy__delta={stated:g}, at which the estimator "
                "states its epsilon; two bounds at different deltas cannot be compared. Leave "
                "delta=None, or set privacy__delta."
            )
        return next(d for d in (self.delta, stated, 1e-5) if d is not None)

    def _many_runs(self, template, X, y, n_rows, rng):
        """Half of the models with the canary, which is the last row."""
        there = rng.permutation(np.arange(self.n_models) % 2 == 1)
        found, stated = self._fitted_signals(template, X, y, n_rows, there)
        # Half of each kind chooses score and threshold; what is counted is the other half's.
        chooses = np.zeros(self.n_models, dtype=bool)
        for kind in (there, ~there):
            chooses[np.flatnonzero(kind)[: self.n_models // 4]] = True
        score = _score_of(found[chooses], there[chooses])
        scores = score(found)
        parts = {
            (kind, half): scores[(there == kind) & (chooses == half)]
            for kind in (True, False)
            for half in (True, False)
        }
        threshold = self._threshold(parts[True, True], parts[False, True])
        inside, outside = parts[True, False], parts[False, False]
        n_found, n_false = int((inside >= threshold).sum()), int((outside >= threshold).sum())
        if self.form == "separation":
            mu = separation_bound(inside, outside, level=self.level)
            epsilon = epsilon_of_gaussian(mu, self._delta())
        else:
            epsilon = self._of_rates(n_found, len(inside), n_false, len(outside))
        n_correct = n_found + len(outside) - n_false
        return self._result(epsilon, stated, self.n_models, n_correct, len(inside) + len(outside))

    def _of_rates(self, *counts):
        options = {"delta": self._delta(), "level": self.level, "form": self.form}
        return epsilon_from_rates(*counts, **options)

    def _threshold(self, inside, outside):
        """Where the bound would be best on the models that choose."""
        candidates = np.quantile(
            np.concatenate([inside, outside]), np.linspace(0, 1, _N_THRESHOLDS)[1:-1]
        )
        n_in, n_out = len(inside), len(outside)
        tpr = ((inside[:, None] >= candidates).sum(axis=0) + 0.5) / (n_in + 1)
        fpr = ((outside[:, None] >= candidates).sum(axis=0) + 0.5) / (n_out + 1)
        if self.form == "dp":
            counts = (
                ((inside >= c).sum() for c in candidates),
                ((outside >= c).sum() for c in candidates),
            )
            bounds = [self._of_rates(a, n_in, b, n_out) for a, b in zip(*counts, strict=True)]
            if max(bounds) > 0:
                return candidates[int(np.argmax(bounds))]
        # Where both rates are known best, in the units in which they are compared.
        distance = ndtri(tpr) - ndtri(fpr)
        spread = sum(np.sqrt(r * (1 - r) / n_in) / _density(r) for r in (tpr, fpr))
        return candidates[int(np.argmax(distance - 2 * spread))]

    def _one_run(self, template, X, y, n_rows, rng):
        """Each canary, of the last rows, is there or not by a coin."""
        n = len(y) - n_rows
        n_guesses = n if self.n_guesses is None else self.n_guesses
        check_count("n_guesses", n_guesses, 1)
        if n_guesses > n:
            raise ValueError(f"n_guesses={n_guesses} is more than the {n} canaries.")
        there = rng.random(n) < 0.5
        rows = np.concatenate([np.arange(n_rows), n_rows + np.flatnonzero(there)])
        model = clone(template)
        _raise_first(fit_many([model], [take(X, rows)], [y[rows]], classes=np.unique(y)))
        canaries = np.arange(n_rows, len(y))
        scores = self._signal()(model, take(X, canaries), y[canaries])
        order = np.argsort(scores, kind="stable")
        n_out = n_guesses // 2
        n_correct = int((~there[order[:n_out]]).sum() + there[order[n - n_guesses + n_out :]].sum())
        epsilon = epsilon_from_guesses(
            n_correct, n_guesses, n, delta=self._delta(), level=self.level, form=self.form
        )
        return self._result(epsilon, _stated(model), 1, n_correct, n_guesses)

    def _signal(self):
        if callable(self.signal):
            return self.signal
        return {"weights": _weights_of, "loss": _minus_loss}[self.signal]

    def _fitted_signals(self, template, X, y, n_rows, there):
        """What is looked at, of shape (n_models, k), and the epsilon that the models state."""
        starts = range(0, self.n_models, _AT_ONCE)
        jobs = [
            (template, X, y, n_rows, there[start : start + _AT_ONCE], self._signal())
            for start in starts
        ]
        found = dict(finished_jobs(_signals_of, jobs, n_jobs=self.n_jobs))
        signals = np.concatenate([found[i][0] for i in range(len(jobs))])
        return signals, found[0][1]

    def _result(self, epsilon, stated, n_models, n_correct, n_guesses):
        return EpsilonAuditResult(
            epsilon_lower=float(epsilon),
            epsilon_stated=stated,
            delta=float(self._delta()),
            level=self.level,
            method=self.method,
            form=self.form,
            signal=getattr(self.signal, "__name__", "callable")
            if callable(self.signal)
            else self.signal,
            n_models=n_models,
            n_correct=n_correct,
            n_guesses=n_guesses,
        )


def _with_public_number(estimator, n):
    """The number of rows, which is public, is that with the canaries for all models."""
    known = _parameters(estimator, "n_public")
    return estimator.set_params(**{name: n for name, value in known.items() if value is None})


def _parameters(estimator, name):
    """Parameters of this name of whatever is given as `privacy`, in a pipeline too."""
    params = estimator.get_params(deep=True)
    return {k: value for k, value in params.items() if k.split("__")[-2:] == ["privacy", name]}


def _signals_of(template, X, y, n_rows, there, signal):
    """Fit models, some with the last row, and look at them."""
    models = [clone(template) for _ in there]
    both = [(take(X, np.arange(n_rows)), y[:n_rows]), (X, y)]
    Xs, ys = zip(*(both[int(inside)] for inside in there), strict=True)
    _raise_first(fit_many(models, Xs, ys, classes=np.unique(y)))
    canary = take(X, np.arange(n_rows, len(y))), y[n_rows:]
    return np.stack([np.ravel(signal(model, *canary)) for model in models]), _stated(models[0])


def _raise_first(failures):
    for error in failures.values():
        raise error


def _stated(model):
    """The epsilon that a fitted model promises, if it says so."""
    # not `epsilon_`: naive Bayes has one that is a variance
    spent = getattr(last_step(model), "privacy_spent_", None)
    return None if spent is None else float(spent["epsilon"])


def _weights_of(model, X, y):
    """All numbers that a model has learned."""
    inner = last_step(model)
    arrays = [getattr(inner, name) for name in _WEIGHTS if hasattr(inner, name)]
    if not arrays:
        raise TypeError(
            f"{type(inner).__name__} has none of the attributes {', '.join(_WEIGHTS)}; use "
            "signal='loss', or a callable that returns its weights."
        )
    flat = [np.ravel(part) for array in arrays for part in _parts(array)]
    return np.concatenate(flat)


def _parts(array):
    return array if isinstance(array, list | tuple) else [array]


def _minus_loss(model, X, y):
    proba = model.predict_proba(X)
    columns = np.searchsorted(model.classes_, y)
    return np.log(np.maximum(proba[np.arange(len(y)), columns], np.finfo(float).tiny))


def _score_of(signals, there):
    """A score of what was looked at, greater with the canary, from models that choose."""
    if signals.shape[1] == 1:
        sign = 1.0 if signals[there].mean() >= signals[~there].mean() else -1.0
        return lambda found: sign * found[:, 0]
    moving = signals.std(axis=0) > 0
    if not moving.any():
        return lambda found: np.zeros(len(found))
    scale = signals[:, moving].std(axis=0)
    rule = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    apart = signals[there].mean(axis=0) - signals[~there].mean(axis=0)
    spread = [signals[kind].std(axis=0).max() for kind in (there, ~there)]
    if max(spread) <= np.finfo(float).eps * np.abs(signals).max():
        # One model with the canary, one without: there is no noise to weigh.
        return lambda found: found @ apart
    rule.fit(signals[:, moving] / scale, there)
    return lambda found: rule.decision_function(found[:, moving] / scale)


def _density(rate):
    return np.exp(-(ndtri(rate) ** 2) / 2) / np.sqrt(2 * np.pi)
