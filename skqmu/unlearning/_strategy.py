"""What a strategy is."""

from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._site_links import SiteLinksMixin
from .._validation import Interval, StrOptions, validate_params
from ..training import SGD, Adam, Hook, Objective, Point, TrainingRun, train
from ._guard import Guard, most_repaired_rows, tolerance_of
from ._outcome import Outcome
from ._repair import most_rows
from ._stop import StopRule
from ._unlearning_request import UnlearningRequest

__all__ = ["GUARDED", "Ascent", "LoopStrategy", "UnlearningStrategy"]

# Constraint of the parameter `guard`, which every approximate mechanism has.
GUARDED = {"guard": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"}), None]}


class UnlearningStrategy(SiteLinksMixin, BaseEstimator, ABC):
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
    damage : {"none", "some", "much"}
        What retained rows are expected to lose before the guard repairs it.
    refits : bool
        Whether its result is a fit of its own on what stays, in as many epochs. No other
        mechanism takes rows out of a model that keeps sums over them (``loss="linear"``).
    keeps_privacy : bool
        Whether it may follow a private fit: it looks at no row, or fits anew by private training.
        Every other mechanism would let rows into the parameters without noise.
    has_epochs : bool
        Whether it is a run over epochs, which `StopWhen` could end.
    repairs : bool
        Whether the mechanism trains on retained rows too, or refits them: its way may cost
        what its end gives back. One that only leaps is made to leap less far by the guard.

    Notes
    -----
    The guard. What an approximate mechanism costs is judged on up to 500 retained rows, the
    same ones at each request, against the model of the last `fit` (or exact request). It
    may be the tolerance ``guard``, 0.02 of accuracy by default, and five times as much of
    loss. What costs more is repaired by brief training on the retained rows, an ascent then
    goes on; what that does not mend is taken back as far as it has to be; what cannot be
    taken back raises a `DamageWarning`. Where circuits are counted nothing is repaired.
    Unless a class is removed, the loss beside the rows (see `rows_beside`) counts as well and
    is taken back, not repaired: a model can be repaired until it knows the rows by heart.
    A strategy without the parameter `guard` is judged as by default.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu import QNNClassifier
    >>> from skqmu.unlearning import Outcome, UnlearningStrategy
    >>> class Fade(UnlearningStrategy):
    ...     formula = "factor * theta"
    ...
    ...     def __init__(self, factor=0.9):
    ...         self.factor = factor
    ...
    ...     def unlearn(self, request):
    ...         return Outcome(self.factor * request.params, f"multiplied by {self.factor}")
    >>> X, y = np.linspace(-2, 2, 20)[:, None], np.repeat([0, 1], 10)
    >>> model = QNNClassifier(unlearning=Fade(), max_iter=60, random_state=0).fit(X, y)
    >>> model.unlearn(X[:2], y[:2]).unlearning_log_[-1]["stop_reason"]
    'multiplied by 0.9'
    """

    kind = "approximate"
    source = ""
    formula = ""
    advice = ""
    classifier_params: dict[str, Any] = {}
    damage = "some"
    refits = False
    keeps_privacy = False
    repairs = True
    has_epochs = False
    _parameter_constraints: dict[str, list] = {}

    @property
    def requires(self) -> frozenset[str]:
        """Data that the strategy, as parametrised, cannot do without (frozenset of str)."""
        return frozenset({"forget"})

    @property
    def importance_kinds(self) -> frozenset[str]:
        """Kinds of importance that the strategy compares (frozenset of str)."""
        return frozenset()

    @abstractmethod
    def unlearn(self, request: UnlearningRequest) -> Outcome:
        """Return an `Outcome` for an `UnlearningRequest`; change nothing in place.

        Parameters
        ----------
        request : UnlearningRequest
            The model's network and parameters, the rows to forget and those that stay.

        Returns
        -------
        Outcome

        Raises
        ------
        ValueError or UnlearningError
            What was given cannot do; nothing is changed then.
        """

    def validate(self) -> None:
        """Check the parameters; called before anything is touched.

        Raises
        ------
        ValueError
            Names the parameter that is out of its range.
        """
        validate_params(self)

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        """Rows that gradients are taken of, at most: the cost before it is spent.

        Parameters
        ----------
        n_forget, n_retain : int
            Rows to forget, and rows that stay.

        Returns
        -------
        int
        """
        return 0

    def check(self, request: UnlearningRequest) -> None:
        """Refuse a request that the strategy cannot honour; called before `unlearn`.

        Parameters
        ----------
        request : UnlearningRequest

        Raises
        ------
        ValueError
            Says what is missing, and the way out.
        """


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
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu import QNNClassifier
    >>> from skqmu.training import Objective
    >>> from skqmu.unlearning import LoopStrategy
    >>> class Doubt(LoopStrategy):
    ...     formula = "min CE(D_r) + CE(p, U on D_f)"
    ...     requires = frozenset({"forget", "retain"})
    ...
    ...     def objective(self, request):
    ...         even = np.full_like(request.forget.targets, 1 / request.forget.targets.shape[1])
    ...         forget = request.forget.replace(targets=even)
    ...         return Objective({"retain": request.retain, "forget": forget})
    >>> X, y = np.linspace(-2, 2, 20)[:, None], np.repeat([0, 1], 10)
    >>> model = QNNClassifier(unlearning=Doubt(max_iter=3), max_iter=60, random_state=0).fit(X, y)
    >>> model.unlearn(X[:2], y[:2]).unlearning_log_[-1]["n_epochs"]
    3
    """

    _parameter_constraints = {
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "solver": [StrOptions({"adam", "sgd"}), None],
        **GUARDED,
    }

    has_epochs = True

    def __init__(
        self,
        *,
        learning_rate_init: float | None = None,
        max_iter: int = 50,
        batch_size: int | None = None,
        solver: str | None = None,
        guard: float | str | None = "auto",
    ):
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.solver = solver
        self.guard = guard

    @abstractmethod
    def objective(self, request: UnlearningRequest) -> Objective:
        """The `Objective` that the loop optimises.

        Parameters
        ----------
        request : UnlearningRequest

        Returns
        -------
        Objective

        Raises
        ------
        ValueError
            The strategy's parameters leave nothing of this network that could move.
        """

    def hooks(self, request: UnlearningRequest) -> list[Hook]:
        """Hooks of the loop, a list; ascents return their stop rule.

        Parameters
        ----------
        request : UnlearningRequest

        Returns
        -------
        list of Hook
        """
        return []

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        own = self.max_iter * sum(self._stream_rows(n_forget, n_retain).values())
        return own + most_repaired_rows(self, n_retain)

    def _stream_rows(self, n_forget, n_retain):
        """Rows of each stream in an epoch, at most: the shorter one comes round again."""
        sizes = {"forget": n_forget, "retain": n_retain}
        names = self.requires & set(sizes)
        return {name: max(sizes[n] for n in names) for name in names}

    def start(self, request: UnlearningRequest) -> np.ndarray:
        """Parameters that the loop starts from, shape (n_parameters,).

        Parameters
        ----------
        request : UnlearningRequest

        Returns
        -------
        ndarray of shape (n_parameters,)
        """
        return request.params

    def schedule(self, run: TrainingRun) -> float:
        """Factor of the learning rate in an epoch of the run; 1 throughout where not overridden.

        Parameters
        ----------
        run : TrainingRun
            Its `epoch` is the one that begins.

        Returns
        -------
        float
        """
        return 1.0

    def _solver(self, request):
        rate = self.learning_rate_init or request.learning_rate_init
        if self.solver is None:
            return request.solver(rate)
        return Adam(rate) if self.solver == "adam" else SGD(rate)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        hooks = self.hooks(request)
        counter = _Steps()
        objective = self.objective(request)
        if request.trainable is not None:
            objective.restrict(request.trainable)
        stop = next((hook for hook in hooks if isinstance(hook, StopRule)), None)
        guard = self._guard(request, objective, stop)
        watching = [] if request.watch is None else [request.watch.hook(own=True)]
        run = train(
            TrainingRun(
                network=request.network,
                objective=objective,
                solver=self._solver(request),
                point=Point(request.settled(self.start(request))),
                seed=request.seed,
                max_iter=self.max_iter,
                batch_size=self.batch_size or request.batch_size,
                schedule=self.schedule,
            ),
            [counter, *hooks, *([] if guard is None else [guard]), *watching],
        )
        stepped_in = guard is not None and guard.stepped_in
        return Outcome(
            params=run.params,
            stop_reason=run.stop_reason,
            n_epochs=run.epoch,
            n_steps=counter.n,
            history=run.history,
            notes=[note for hook in hooks for note in getattr(hook, "notes", ())],
            reference=None if stop is None else stop.reference,
            target_reached=_target_reached(stop, stepped_in),
            harm=None if guard is None else guard.harm,
            stepped_in=stepped_in,
            reached=None if stop is None else stop.reached,
            acceptable=None if stop is None else stop.acceptable,
        )

    def _guard(self, request, objective, stop):
        tolerance = tolerance_of(self)
        if request.yardstick is None or tolerance is None:
            return None
        return Guard(
            request.network,
            request.yardstick,
            tolerance,
            repairs="retain" in objective.streams,
            stop=stop,
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
        self,
        *,
        learning_rate_init: float | None = None,
        max_iter: int = 50,
        batch_size: int | None = None,
        solver: str | None = None,
        stop: str | None = "auto",
        guard: float | str | None = "auto",
    ):
        super().__init__(
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            batch_size=batch_size,
            solver=solver,
            guard=guard,
        )
        self.stop = stop

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        estimate = most_rows(n_retain) if self.stop == "auto" else 0
        return super().gradient_rows(n_forget, n_retain) + estimate

    def hooks(self, request: UnlearningRequest) -> list[Hook]:
        return [StopRule(request)] if self.stop == "auto" else []


def _target_reached(stop, stepped_in):
    """None where the mechanism has no target that could be missed, and was not taken back."""
    if stop is None:
        return False if stepped_in else None
    return stop.met and not stepped_in


class _Steps(Hook):
    def __init__(self):
        self.n = 0

    def after_step(self, run):
        self.n += 1
        return False
