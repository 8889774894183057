"""The epochs of a mechanism's run, followed by an audit: what each model answered, and the cost."""

import time

import numpy as np
from sklearn.pipeline import Pipeline

from .._rows import join
from .._watchable import shows_epochs
from ..attacks.tools import query_proba
from ..metrics import RecordedAnswers
from ._checked_settings import name_of

__all__ = ["Course", "check_curves", "curve_of"]

# Epochs that a report shows of a run: more would look the same.
_MOST = 60


def check_curves(curves, estimator):
    """Raise unless each mechanism's run can be followed where it is asked for.

    Parameters
    ----------
    curves : bool
    estimator : classifier
    """
    if not isinstance(curves, bool):
        raise ValueError(f"curves={curves!r} must be True or False.")
    if not curves or shows_epochs(estimator):
        return
    raise ValueError(
        f"curves=True needs a classifier whose unlearn takes watch=, by which it shows a model "
        f"after each epoch; that of {name_of(estimator)} does not. Leave curves out, or audit a "
        "QNNClassifier or HybridQNNClassifier."
    )


class Course:
    """What the models of one run answered, epoch by epoch, to all rows of an audit.

    Parameters
    ----------
    data : Data
    estimator : fitted classifier or Pipeline
        The one that forgets.
    """

    def __init__(self, data, estimator):
        self.answers = []
        self.seconds = self.cpu_seconds = 0.0
        self.n_rows = 0
        self._asks = join(data.X, data.X_test), estimator, estimator.classes_

    def __call__(self, epoch, shown):
        """Ask a model about all rows; what `unlearn` calls."""
        start, cpu = time.perf_counter(), time.process_time()
        X, estimator, classes = self._asks
        if shown is not estimator and isinstance(estimator, Pipeline):
            shown = Pipeline([*estimator.steps[:-1], ("model", shown)])
        proba = query_proba(shown, X, classes)
        self.answers.append(proba.astype(np.float32))
        self.n_rows += len(proba)
        self.seconds += time.perf_counter() - start
        self.cpu_seconds += time.process_time() - cpu

    def __getstate__(self):
        # no row and no model goes along with what was answered
        return {**vars(self), "_asks": None}


def curve_of(course, end, judge, oracles):
    """Return how far a run was from retraining at each epoch, as plain values.

    Parameters
    ----------
    course : Course
    end : Observation
        Of the model that the request left.
    judge : Judge
    oracles : list of Observation

    Returns
    -------
    dict
    """
    n = len(course.answers)
    shown = np.unique(np.linspace(0, n - 1, min(n, _MOST)).round().astype(int))
    answers = [RecordedAnswers(course.answers[k].astype(float)) for k in shown]
    gaps = [judge.gaps_alone(each, oracles) for each in [*answers, RecordedAnswers(end.proba)]]
    return {
        # the last one is the end: what was taken back there is taken back
        "epochs": [*shown.tolist(), n],
        "gaps": {
            key: {part: [gap[key][part] for gap in gaps] for part in ("value", "low", "high")}
            for key in gaps[0]
        },
        "oracles": {
            key: {part: gap[f"oracle_{part}"] - gap["oracle_mean"] for part in ("low", "high")}
            for key, gap in gaps[0].items()
        },
        "n_models": n,
        "n_rows": course.n_rows,
        "seconds": course.seconds,
    }
