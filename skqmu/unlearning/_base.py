"""What a strategy is, what it is given, and what it gives back."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator

from .._validation import Interval, StrOptions, validate_params
from ..training import SGD, Adam, Hook, Point, Records, TrainingRun, train
from ._stop import StopRule

__all__ = ["HeadView", "LoopStrategy", "Outcome", "UnlearningRequest", "UnlearningStrategy"]


@dataclass(frozen=True)
class HeadView:
    """A head on fixed quantum features, as the strategies that solve it see it.

    Parameters
    ----------
    kind : {"softmax", "ridge", "logistic"}
    exact : bool
        Whether features carried no sampling noise at fit and carry none now.
    same_features : bool
        Whether the backend gives the features that fit used, measured on two fixed rows.
    complete : bool or None
        Whether forgotten and retained rows together are all that the head was solved on, by
        their summed weight; None: no retained rows are at hand.
    weights_known : bool
        Whether the forgotten rows' weights in the loss are those that fit used.
    members_checked : bool
        Whether a member record says that the rows were trained on.
    penalty, noise : float
        Strength of the penalty, and standard deviation of the random linear term.
    weights : ndarray of shape (D, K)
        On the features, intercept last.
    state : dict
        What `fit` or the last request left: Gram matrix and moment, or residual bounds.
    forget_weights, retain_weights : ndarray
        Weights of the rows in the loss, as given.
    features : callable
        From rows to features of shape (n, D).
    signs : callable
        From class indices to +-1, shape (n, K).
    params_of : callable
        From weights on the features to the flat vector.
    origin : Assumption
        Where the circuit weights come from.

    Examples
    --------
    >>> from skqmu.unlearning import HeadView
    >>> HeadView.__dataclass_params__.frozen
    True
    """

    kind: str
    exact: bool
    same_features: bool
    complete: bool | None
    weights_known: bool
    members_checked: bool
    penalty: float
    noise: float
    weights: np.ndarray
    state: dict
    forget_weights: np.ndarray
    retain_weights: np.ndarray | None
    features: Callable
    signs: Callable
    params_of: Callable
    origin: object


@dataclass(frozen=True)
class UnlearningRequest:
    """A deletion request as a strategy sees it.

    Parameters
    ----------
    network : Network
    params : ndarray of shape (n_parameters,)
        The trained parameters; never changed in place.
    forget : Records
        Rows to forget that the parameters were trained on.
    retain : Records or None
        Rows that stay; None when the classifier keeps none and none were passed.
    reference : Records or None
        Rows that were not trained on: the validation part, or ``X_reference``.
    removed_classes : ndarray of int
        Classes of which no row stays.
    seed : numpy.random.SeedSequence
        Of this request alone.
    learning_rate_init, batch_size : float, int
        The classifier's own.
    solver : callable
        From a learning rate to the classifier's kind of solver, fresh.
    refit : callable
        From a `numpy.random.SeedSequence` or None (the fit's own) to the finished run of a
        fit on the retained rows with the class list fixed.
    importance : callable
        From a kind (``"fisher"``, ``"qfi"``) and parameters to the `Importance` of these to
        all rows that were trained on, forgotten and retained. Where the rows are not at
        hand it is that which `fit` measured at its own parameters.
    updates : list of ndarray
        Logged steps whose batch held a forgotten row, each of shape (n_parameters,).
    trainable : ndarray of bool of shape (n_parameters,) or None
        Parameters that `fit` trained; None: all. The others stay as they are.
    head : HeadView or None
        Where the circuit is fixed.

    Examples
    --------
    >>> from skqmu.unlearning import UnlearningRequest
    >>> UnlearningRequest.__dataclass_params__.frozen
    True
    """

    network: object
    params: np.ndarray
    forget: Records
    retain: Records | None
    reference: Records | None
    removed_classes: np.ndarray
    seed: np.random.SeedSequence
    learning_rate_init: float
    batch_size: int
    solver: Callable
    refit: Callable
    importance: Callable
    updates: list
    trainable: np.ndarray | None = None
    head: HeadView | None = None

    def settled(self, params):
        """`params` with those that `fit` did not train as they were."""
        return params if self.trainable is None else np.where(self.trainable, params, self.params)


@dataclass(frozen=True)
class Outcome:
    """What a strategy did.

    Parameters
    ----------
    params : ndarray of shape (n_parameters,)
    stop_reason : str
    n_epochs, n_steps : int
    history : list of dict
    certificate : object or None
        What the result is proven to satisfy; None: nothing is.
    notes : list of str
        What the sender of the request must know; logged.
    log_holds : bool
        Whether what is left of a log of updates still adds up to the parameters.
    head_state : dict or None
        Replaces the state of a solved head.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import Outcome
    >>> Outcome(np.zeros(2), "dampened once").certificate is None
    True
    """

    params: np.ndarray
    stop_reason: str
    n_epochs: int = 0
    n_steps: int = 0
    history: list = field(default_factory=list)
    certificate: object = None
    notes: list = field(default_factory=list)
    log_holds: bool = False
    head_state: dict | None = None


class UnlearningStrategy(BaseEstimator, ABC):
    """Base of all mechanisms.

    A concrete strategy states `kind`, `source` and `requires`, and what it does in
    `unlearn`. Strategies are values: `get_params`, `clone`, pickle and grid search work.

    Attributes
    ----------
    kind : {"exact", "certified", "approximate"}
        What the mechanism may claim. Only an exact or certified one gives a certificate.
    source : str
        The paper.
    formula : str
        In one line, for tables.
    advice : str
        In one line, for someone who has to choose.
    classifier_params : dict
        Parameters that a classifier must have been fitted with, such as
        ``{"log_updates": True}``: what examples, docs and check suites set.

    Examples
    --------
    >>> from skqmu.unlearning import Retrain, UnlearningStrategy
    >>> isinstance(Retrain(), UnlearningStrategy)
    True
    """

    kind = "approximate"
    source = ""
    formula = ""
    advice = ""
    classifier_params = {}
    _parameter_constraints = {}

    @property
    def requires(self):
        """Data that the strategy, as parametrised, cannot do without (frozenset of str)."""
        return frozenset({"forget"})

    @property
    def importance_kinds(self):
        """Kinds of importance that the strategy compares (frozenset of str)."""
        return frozenset()

    @abstractmethod
    def unlearn(self, request):
        """Return an `Outcome` for an `UnlearningRequest`; change nothing in place."""

    def validate(self):
        """Check the parameters; called before anything is touched."""
        validate_params(self)

    def gradient_rows(self, n_forget, n_retain):
        """Rows that gradients are taken of, at most: the cost before it is spent."""
        return 0

    def check(self, request):
        """Refuse a request that the strategy cannot honour; called before `unlearn`."""


class LoopStrategy(UnlearningStrategy):
    """A mechanism that the shared training loop carries out.

    Subclasses give `objective`; the loop, the solver, the stop rule and the book-keeping
    are here.

    Parameters
    ----------
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int
        Epochs at most; an epoch is one pass over the longest stream of records.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own; its moments start afresh.

    Examples
    --------
    >>> from skqmu.unlearning import FineTune, LoopStrategy
    >>> isinstance(FineTune(), LoopStrategy)
    True
    """

    _parameter_constraints = {
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "solver": [StrOptions({"adam", "sgd"}), None],
    }

    def __init__(self, *, learning_rate_init=None, max_iter=50, batch_size=None, solver=None):
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.solver = solver

    @abstractmethod
    def objective(self, request):
        """The `Objective` that the loop optimises."""

    def hooks(self, request):
        """Hooks of the loop, a list; ascents return their stop rule."""
        return []

    def gradient_rows(self, n_forget, n_retain):
        return self.max_iter * sum(self._stream_rows(n_forget, n_retain).values())

    def _stream_rows(self, n_forget, n_retain):
        """Rows of each stream in an epoch, at most: the shorter one comes round again."""
        sizes = {"forget": n_forget, "retain": n_retain}
        names = self.requires & set(sizes)
        return {name: max(sizes[n] for n in names) for name in names}

    def start(self, request):
        """Parameters that the loop starts from, shape (n_parameters,)."""
        return request.params

    def _solver(self, request):
        rate = self.learning_rate_init or request.learning_rate_init
        if self.solver is None:
            return request.solver(rate)
        return Adam(rate) if self.solver == "adam" else SGD(rate)

    def unlearn(self, request):
        hooks = self.hooks(request)
        counter = _Steps()
        objective = self.objective(request)
        if request.trainable is not None:
            mine = True if objective.trainable is None else objective.trainable
            objective.trainable = request.trainable & mine
        run = train(
            TrainingRun(
                network=request.network,
                objective=objective,
                solver=self._solver(request),
                point=Point(request.settled(self.start(request))),
                seed=request.seed,
                max_iter=self.max_iter,
                batch_size=self.batch_size or request.batch_size,
            ),
            [counter, *hooks],
        )
        return Outcome(
            params=run.params,
            stop_reason=run.stop_reason,
            n_epochs=run.epoch,
            n_steps=counter.n,
            history=run.history,
            notes=[note for hook in hooks for note in getattr(hook, "notes", ())],
        )


class Ascent(LoopStrategy):
    """A loop strategy that raises the forget loss, and must know when to stop.

    Parameters
    ----------
    stop : {"auto"} or None, default="auto"
        ``"auto"``: end where unseen records stand (see `StopRule`); None: run for
        `max_iter` epochs, as published.
    """

    _parameter_constraints = {
        **LoopStrategy._parameter_constraints,
        "stop": [StrOptions({"auto"}), None],
    }

    def __init__(
        self, *, learning_rate_init=None, max_iter=50, batch_size=None, solver=None, stop="auto"
    ):
        super().__init__(
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            batch_size=batch_size,
            solver=solver,
        )
        self.stop = stop

    def hooks(self, request):
        return [StopRule(request)] if self.stop == "auto" else []


class _Steps(Hook):
    def __init__(self):
        self.n = 0

    def after_step(self, run):
        self.n += 1
        return False
