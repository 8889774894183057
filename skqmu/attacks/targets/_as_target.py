"""Which adapter a model needs, if any; and what to do where nobody can tell."""

import copy

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from ._adapter import TargetAdapter, is_a
from ._answer_table import TableTarget
from ._black_box import BlackBoxTarget
from ._qiskit_ml_model import QiskitMLTarget
from ._skorch_net import SkorchTarget
from ._torch_module import TorchTarget

__all__ = ["adapted", "as_target", "model_name"]


def as_target(model, *, classes=None, **settings):
    """Put any model into the adapter with which attacks and audits can ask it.

    Parameters
    ----------
    model : object
        A fitted `VQC` or `NeuralNetworkClassifier` of qiskit-machine-learning
        (:class:`QiskitMLTarget`); a `torch.nn.Module`, of PennyLane too
        (:class:`TorchTarget`); a net of skorch (:class:`SkorchTarget`); a pair ``(X, answers)``
        (:class:`TableTarget`); a function, or another object with ``predict_proba`` or
        ``predict`` (:class:`BlackBoxTarget`). A classifier of scikit-learn is returned as it
        is; a pipeline gets the adapter around its last step, where that needs one.
    classes : array-like of labels, int or None, default=None
        Labels of the answers' columns, in their order; an int n stands for 0 to n - 1. May be
        left out where the model says them.
    **settings : object
        Parameters of the adapter, such as ``output="logits"``, ``retrain=function``,
        ``shots=1024``.

    Returns
    -------
    classifier
        A classifier in scikit-learn's sense, fitted where `model` was.

    Raises
    ------
    TypeError
        The model is no classifier in any of these ways.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Around a classifier that is not to be fitted.

    Notes
    -----
    Attacks call this themselves where nothing has to be said: classifiers of
    qiskit-machine-learning, nets of skorch, objects with ``predict_proba`` and ``classes_``.

    An audit trains originals, oracles and shadows. Classifiers of qiskit-machine-learning and
    nets of skorch are trained anew from their own parts; whatever else there is needs
    ``retrain=``.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks import QuantileAttack, as_target
    >>> def answer(X):
    ...     second = 1 / (1 + np.exp(-3 * X[:, 0]))
    ...     return np.column_stack((1 - second, second))
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = np.where(X[:, 0] > 0, "yes", "no")
    >>> target = as_target(answer, classes=["no", "yes"])
    >>> target
    BlackBoxTarget(...)
    >>> QuantileAttack(target, random_state=0).fit(X[:40], y[:40]).predict(X[40:], y[40:]).shape
    (20,)
    """
    if classes is not None:
        settings["classes"] = classes
    if isinstance(model, TargetAdapter):
        return copy.copy(model).set_params(**settings) if settings else model
    if isinstance(model, tuple) and len(model) == 2:
        return _checked(TableTarget(*model, **settings))
    if isinstance(model, FrozenEstimator):
        inner = as_target(model.estimator, **settings)
        return model if inner is model.estimator else inner
    kind = _kind(model)
    if kind is not None:
        return _checked(kind(model, **settings))
    if isinstance(model, Pipeline):
        return _with_last_step(model, as_target(model.steps[-1][1], **settings))
    if not settings and not isinstance(model, type) and _speaks_scikit_learn(model):
        return model
    answers = any(hasattr(model, name) for name in ("predict_proba", "predict"))
    if isinstance(model, type) or not (answers or callable(model)):
        raise TypeError(
            f"model={model!r} of type {type(model).__name__} cannot be asked about rows: pass a "
            "fitted classifier, a function from rows to answers, a torch.nn.Module, or a pair "
            "(X, answers)."
        )
    return _checked(BlackBoxTarget(model, **settings))


def _kind(model):
    """The adapter for a model of a known package; None: it is of no such."""
    if is_a(model, "qiskit_machine_learning.algorithms", "NeuralNetworkClassifier"):
        return QiskitMLTarget
    if is_a(model, "skorch", "NeuralNetClassifier") or is_a(
        model, "skorch", "NeuralNetBinaryClassifier"
    ):
        return SkorchTarget
    if is_a(model, "torch.nn", "Module"):
        return TorchTarget
    return None


def _checked(target):
    """The adapter, if it says all that it must; else what is missing."""
    if isinstance(target, TorchTarget) and target.output is None:
        raise ValueError(
            f"output is missing: a module does not say what its outputs are. {_call(target.model)}"
        )
    fitted = target.__sklearn_is_fitted__()
    if fitted and getattr(target, "classes_", None) is None:
        raise ValueError(
            f"classes is missing: a {target._model_name()} does not say which of its answers is "
            f"about which label. {_call(getattr(target, 'model', None))}"
        )
    return target


def _speaks_scikit_learn(model):
    """Whether a model has parameters and tags, as the rest of the library asks for them."""
    if not hasattr(model, "get_params"):
        return False
    try:
        get_tags(model)
    except AttributeError:  # ClassifierMixin without BaseEstimator
        return False
    return True


def _call(model):
    """What to write for a model that does not say all."""
    more = ', output="logits"' if is_a(model, "torch.nn", "Module") else ""
    if not callable(model) and not hasattr(model, "predict_proba") and model is not None:
        more = ', output="labels"'
    return (
        "Pass skqmu.attacks.as_target(model, classes=[label of the first column, ...]"
        f"{more}): see its documentation for what answers may be."
    )


def _with_last_step(pipeline, last):
    if last is pipeline.steps[-1][1]:
        return pipeline
    # a list of its own: the pipeline that was given keeps its steps
    return copy.copy(pipeline).set_params(**{pipeline.steps[-1][0]: last})


def model_name(estimator):
    """Name of a classifier's class, or of what stands in its adapter.

    Parameters
    ----------
    estimator : classifier or adapter

    Returns
    -------
    str

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.attacks.tools import model_name
    >>> model_name(LogisticRegression())
    'LogisticRegression'
    """
    held = isinstance(estimator, TargetAdapter)
    return estimator._model_name() if held else type(estimator).__name__


def adapted(model):
    """A model as attacks and audits ask it, where that can be told; else as it is, or an error.

    Parameters
    ----------
    model : object
        A classifier, a pipeline, an adapter, or a model of another library.

    Raises
    ------
    TypeError
        Something must be said first; names `as_target`, and how to call it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.attacks.tools import adapted
    >>> model = LogisticRegression()
    >>> adapted(model) is model
    True
    >>> class Classifier:  # of another library
    ...     classes_ = np.array(["no", "yes"])
    ...
    ...     def predict_proba(self, X):
    ...         return np.full((len(X), 2), 0.5)
    >>> adapted(Classifier()).predict(np.zeros((1, 3)))
    array(['no'], dtype='<U3')
    """
    if isinstance(model, type) or model is None:
        return model
    inner = model
    while isinstance(inner, FrozenEstimator):
        inner = inner.estimator
    if isinstance(inner, Pipeline):
        last = adapted(inner.steps[-1][1])
        return model if last is inner.steps[-1][1] else _with_last_step(inner, last)
    kind = _kind(inner)
    if isinstance(inner, TargetAdapter):
        _checked(inner)
        return model
    plain = isinstance(inner, str | bytes | int | float | list | dict)
    if kind is None and (plain or _speaks_scikit_learn(inner)):
        return model
    try:
        return as_target(inner)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"a {type(inner).__name__} is no classifier of scikit-learn, and cannot be asked as it "
            f"is: {error}"
        ) from error
