"""Any metric at each epoch of one unlearning run."""

import copy
import time
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline

from .._watchable import shows_epochs

__all__ = ["UnlearningCurve", "unlearning_curve"]

_ROWS = ("X_forget", "X_retain", "X_reference")


@dataclass(frozen=True)
class UnlearningCurve:
    """Result of :func:`unlearning_curve`.

    Parameters
    ----------
    epochs : ndarray of int of shape (n,)
        0 is before the request; the last one is the end, when the request was honoured: what a
        stop rule or a guard took back is taken back there.
    scores : dict of str to ndarray of shape (n,)
        By the metric's name and the part's, such as ``"accuracy, test"``.
    intervals : dict of str to ndarray of shape (2, n)
        Lower and upper ends, of those that have any.
    stop_reason : str or None
        As the model's log has it.
    seconds : float
        That measuring took, beside the request's own.
    n_rows : int
        Rows that models were asked about, all epochs together: what measuring cost.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import UnlearningCurve
    >>> curve = UnlearningCurve(np.arange(3), {"accuracy, test": np.array([0.9, 0.8, 0.8])})
    >>> curve.end["accuracy, test"]
    0.8
    """

    epochs: np.ndarray
    scores: dict
    intervals: dict = field(default_factory=dict)
    stop_reason: str | None = None
    seconds: float = 0.0
    n_rows: int = 0

    @property
    def end(self):
        """Each score of the model that the request left (dict of str to float)."""
        return {name: float(values[-1]) for name, values in self.scores.items()}

    def to_dict(self):
        """Return all of it as plain values, for JSON.

        Returns
        -------
        dict
        """
        return {
            "epochs": self.epochs.tolist(),
            "scores": {name: values.tolist() for name, values in self.scores.items()},
            "intervals": {name: np.asarray(p).tolist() for name, p in self.intervals.items()},
            "stop_reason": self.stop_reason,
            "seconds": self.seconds,
            "n_rows": self.n_rows,
        }


def unlearning_curve(estimator, X_forget, y_forget=None, *, parts, scoring="accuracy", **request):
    """Let a copy of a model forget, and measure it after each epoch.

    Parameters
    ----------
    estimator : fitted classifier or Pipeline
        Its last step has ``unlearn`` with ``watch=``, as skqmu's classifiers do. It is left as it
        is: a copy forgets.
    X_forget, y_forget : array-like
        The request; see the classifier's ``unlearn``.
    parts : dict of str to (X, y)
        Rows on which every metric is measured: forgotten, retained, held-out, as you like. They
        are only looked at; to end a run by a metric there is
        :class:`skqmu.unlearning.StopWhen`, on rows that the mechanism may see.
    scoring : str, callable, list of str, or dict of str to (str or callable), default="accuracy"
        Any of scikit-learn's scorers, or ``scorer(model, X, y)``. A callable of a list or alone is
        known by its ``__name__``.
    **request : object
        ``strategy=``, ``X_reference=``, ``stop_when=`` and more, for ``unlearn``.

    Returns
    -------
    UnlearningCurve

    Raises
    ------
    TypeError
        The classifier's ``unlearn`` takes no ``watch``: nothing can be seen of its epochs.
    ValueError
        `parts` holds nothing.

    Notes
    -----
    It costs the request, and a prediction of all rows of all parts for each epoch and metric:
    `n_rows`, on a sampled backend with the shots of each.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.metrics import unlearning_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(max_iter=10, random_state=0).fit(X[::2], y[::2])
    >>> curve = unlearning_curve(clf, X[:20:2], y[:20:2], strategy="fine_tune",
    ...                          parts={"forgotten": (X[:20:2], y[:20:2]),
    ...                                 "held out": (X[1::2], y[1::2])})
    >>> sorted(curve.scores)
    ['accuracy, forgotten', 'accuracy, held out']
    >>> len(curve.epochs) == len(curve.scores["accuracy, held out"])
    True
    """
    if not parts:
        raise ValueError("parts is empty; name rows, such as {'held out': (X_test, y_test)}.")
    scorers = _scorers(scoring)
    model = copy.deepcopy(estimator)
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    _check_watchable(last)
    before = model[:-1] if isinstance(model, Pipeline) and len(model.steps) > 1 else None
    request = {"X_forget": X_forget, **request}
    if y_forget is not None:
        request["y_forget"] = y_forget
    if before is not None:
        for name in _ROWS:
            if request.get(name) is not None and not isinstance(request[name], str):
                request[name] = before.transform(request[name])
    found, clock = {}, [0.0]

    def measure(epoch, shown):
        begun = time.perf_counter()
        if before is not None:
            shown = Pipeline([*model.steps[:-1], ("model", shown)])
        for part, (X, y) in parts.items():
            for name, scorer in scorers.items():
                value = float(scorer(shown, X, y))
                found.setdefault(f"{name}, {part}", []).append(value)
        clock[0] += time.perf_counter() - begun

    last.unlearn(**request, watch=measure)
    measure(None, last)
    n = len(next(iter(found.values())))
    log = getattr(last, "unlearning_log_", None)
    return UnlearningCurve(
        epochs=np.arange(n),
        scores={name: np.array(values) for name, values in found.items()},
        stop_reason=log[-1].get("stop_reason") if log else None,
        seconds=clock[0],
        n_rows=n * len(scorers) * sum(len(y) for _, y in parts.values()),
    )


def _check_watchable(classifier):
    """Raise unless a classifier's ``unlearn`` lets somebody watch its epochs."""
    if shows_epochs(classifier):
        return
    raise TypeError(
        f"{type(classifier).__name__} has no unlearn(watch=...), by which it would show a model "
        "after each epoch; QNNClassifier and HybridQNNClassifier have."
    )


def _scorers(scoring):
    """Return ``{name: scorer}``."""
    if isinstance(scoring, str) or callable(scoring):
        scoring = [scoring]
    if not isinstance(scoring, dict):
        scoring = {each if isinstance(each, str) else _name(each): each for each in scoring}
    if not scoring:
        raise ValueError("scoring names no metric; 'accuracy' is one.")
    return {name: get_scorer(each) for name, each in scoring.items()}


def _name(scorer):
    return getattr(scorer, "__name__", type(scorer).__name__)
