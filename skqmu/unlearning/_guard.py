"""The guard of every approximate mechanism: what forgetting may cost those who stay."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from .._spending import counting_upper_bound
from ..exceptions import DamageWarning, UnlearningWarning
from ..training import Hook
from ._harm import TOLERANCE
from ._outcome import Outcome
from ._repair import brief_training, child, most_rows
from ._unlearning_request import UnlearningRequest

if TYPE_CHECKING:
    from ._strategy import UnlearningStrategy

__all__ = ["Guard", "guarded", "most_repaired_rows", "tolerance_of", "unguarded"]

# Halvings of the stretch in which the harm became too much.
_BISECTIONS = 10
# Epochs of a repairing mechanism that are looked at where its end is damaged.
_LOOKED_AT = 8
# How many times the tolerance an ascent may go beyond it where that can be repaired.
_REACH = 4
# Times that a result is repaired, and the mechanism goes on from there: one that repairs
# by itself, and one that only climbs or leaps.
_ROUNDS = {True: 2, False: 8}


class Guard(Hook):
    """Keep a run from costing retained rows more than the tolerance.

    A run that only climbs is judged each epoch, and each time that it has taken as many
    rows as the yardstick has: where it passes the tolerance it is taken back to the last
    point of the way that does not, and ends. A run that repairs what it costs is judged at
    its end. Where that is damaged and cannot be repaired, because circuits are counted, the
    epoch nearest to the target that is not damaged is taken, if there is one.

    Parameters
    ----------
    network : Network
    yardstick : Yardstick
    tolerance : float
    repairs : bool
        Whether the run trains on retained rows too.
    stop : StopRule or None
        Knows how far an epoch is from the target; None: the later one, the better.

    Attributes
    ----------
    harm : Harm or None
        At the end.
    stepped_in : bool
        Whether the run was taken back.
    """

    def __init__(self, network, yardstick, tolerance, *, repairs, stop=None):
        self.network = network
        self.yardstick = yardstick
        self.tolerance = tolerance
        # What is repaired afterwards may go further at a time.
        self.reach = tolerance if repairs or not _can_repair(network) else _REACH * tolerance
        self.repairs = repairs
        self.stop = stop
        self.notes = []
        self.harm = None
        self.stepped_in = False
        self.epochs = []
        self.n_rows = 0

    def _judged(self, params):
        self.harm = self.yardstick.harm(self.network, params, self.tolerance)
        return replace(self.harm, tolerance=self.reach).beyond and not counting_upper_bound()

    def begin(self, run):
        self.start = self.good = run.params
        if self.repairs or not self._judged(run.params):
            return False
        if self.stop is not None and self.stop.met:
            return True
        self.stepped_in = True
        return run.stop("guard: retained rows are beyond the tolerance before it begins")

    def after_step(self, run):
        if self.repairs:
            return False
        self.n_rows += sum(len(rows) for _, rows in run.batches)
        return self.n_rows >= len(self.yardstick) and self._ends(run)

    def after_epoch(self, run):
        if self.repairs:
            if not _can_repair(self.network):
                self.epochs.append(run.params)
            return False
        return self._ends(run)

    def _ends(self, run):
        if self.stepped_in:
            return True
        if run.params is self.good:
            return False
        self.n_rows = 0
        if not self._judged(run.params):
            self.good = run.params
            return False
        self._take_back(run)
        return True

    def _take_back(self, run):
        params, self.harm = last_that_holds(self.good, run.params, self._held)
        run.move(params)
        run.stop("guard: going on would cost retained rows more than the tolerance")
        self.stepped_in = True

    def _held(self, params):
        beyond = self._judged(params)
        return None if beyond else self.harm

    def end(self, run):
        if not run.finished:
            return
        if counting_upper_bound():  # what follows where the end is damaged
            counted = 0 if _can_repair(self.network) else _LOOKED_AT
            for _ in range(counted if self.repairs else _BISECTIONS):
                self._judged(run.params)
        if not self.repairs:
            if not self.stepped_in:
                self._ends(run)  # a stop rule may have ended it within an epoch
            if self.harm is None:
                self._judged(run.params)
            return
        if not self._judged(run.params) or _can_repair(self.network):
            return
        damaged, found = self.harm, []
        for number in self._some_epochs():
            if not self._judged(self.epochs[number]):
                away = -number if self.stop is None else self.stop.distance(self.epochs[number])
                found.append((away, number, self.harm))
        self.harm = damaged
        if found:
            _, best, self.harm = min(found, key=lambda row: row[:2])
            run.move(self.epochs[best], kept_epoch=best + 1)
            run.stop(f"guard: back to epoch {best + 1}, the later ones damage")
            self.stepped_in = True

    def _some_epochs(self):
        n = len(self.epochs)
        return np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(int)) if n else ()


def last_that_holds(good, bad, held):
    """The point nearest to `bad` on the way from `good` that holds, by bisection.

    Parameters
    ----------
    good, bad : ndarray of shape (n_parameters,)
    held : callable
        From parameters to what is to be returned with them; None: they do not hold.
    """
    low, high, found = 0.0, 1.0, held(good)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        answer = held(good + middle * (bad - good))
        if answer is None:
            high = middle
        else:
            low, found = middle, answer
    return good + low * (bad - good), found


def tolerance_of(strategy: "UnlearningStrategy") -> float | None:
    """Accuracy that a strategy may cost retained rows.

    Parameters
    ----------
    strategy : UnlearningStrategy

    Returns
    -------
    float or None
        None: it is not guarded; what is exact or certified never is.

    Examples
    --------
    >>> from skqmu.unlearning import GradientAscent, tolerance_of
    >>> tolerance_of(GradientAscent()), tolerance_of(GradientAscent(guard=None))
    (0.02, None)
    """
    if strategy.kind != "approximate":
        return None
    guard: Any = getattr(strategy, "guard", "auto")
    return TOLERANCE if guard == "auto" else guard


def unguarded(strategy: "UnlearningStrategy") -> "UnlearningStrategy":
    """A copy of a strategy without its guard; one that has none is returned as it is.

    Parameters
    ----------
    strategy : UnlearningStrategy

    Returns
    -------
    UnlearningStrategy

    Examples
    --------
    >>> from skqmu.unlearning import FineTune, unguarded
    >>> unguarded(FineTune())
    FineTune(guard=None)
    """
    if "guard" not in strategy.get_params(deep=False):
        return strategy
    return clone(strategy).set_params(guard=None)


def most_repaired_rows(strategy, n_retain):
    """Rows that repairs take gradients of, at most."""
    if tolerance_of(strategy) is None:
        return 0
    return most_rows(n_retain) * _ROUNDS[strategy.repairs]


# Numbers of seeds, after those of the repairs.
_GOING_ON = 100


def guarded(strategy: "UnlearningStrategy", request: UnlearningRequest) -> Outcome:
    """Let a strategy unlearn, judge what it cost, repair that, and say what is left.

    Parameters
    ----------
    strategy : UnlearningStrategy
    request : UnlearningRequest

    Returns
    -------
    Outcome

    Warns
    -----
    DamageWarning
        The result costs retained rows more than the tolerance.
    UnlearningWarning
        It ends short of its target, or nobody could see what it cost.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(max_iter=40, random_state=0).fit(X, y)
    >>> clf = clf.unlearn(X[:10], strategy="neg_grad_plus")
    >>> clf.unlearning_log_[-1]["harm"]["tolerance"]
    0.02
    """
    outcome = strategy.unlearn(request)
    if not np.isfinite(outcome.params).all():
        return outcome  # nothing that could be judged: whoever asked refuses it
    tolerance = tolerance_of(strategy)
    notes, name = [], type(strategy).__name__
    if tolerance is not None:
        if request.yardstick is not None:
            outcome = _Judge(strategy, request, tolerance).judged(outcome)
        elif not np.array_equal(outcome.params, request.params):
            notes.append(
                f"{name} was not guarded: without retained rows nobody sees what the request costs "
                "them. Pass X_retain and y_retain, or fit with store_data='rows'."
            )
            warnings.warn(notes[-1], UnlearningWarning, stacklevel=3)
    if not outcome.target_reached and outcome.acceptable is not None:
        outcome = replace(outcome, target_reached=outcome.acceptable(outcome.params))
    if outcome.harm is not None and outcome.harm.beyond:
        # The log has the figures; the warning tells them.
        what = f"after {name} the model is damaged"
        notes.append(f"{what}.")
        warnings.warn(
            f"{what}: {outcome.harm}; tolerance {outcome.harm.tolerance:g}. The way out: "
            "strategy='retrain', which starts from the rows that stay; a smaller "
            "learning_rate_init or max_iter; guard=None if it is meant.",
            DamageWarning,
            stacklevel=3,
        )
    elif outcome.target_reached is False:
        what = f"{name} ended short of its target"
        notes.append(f"{what}: the rows may not be forgotten.")
        seen = "" if outcome.harm is None else f" ({outcome.harm})"
        warnings.warn(
            f"{what} ({outcome.stop_reason}){seen}: the rows may not be forgotten. The way out: "
            "strategy='retrain', more epochs (max_iter), or a greater tolerance (guard).",
            UnlearningWarning,
            stacklevel=3,
        )
    return replace(outcome, notes=[*outcome.notes, *notes])


class _Judge:
    """What becomes of an outcome that cost too much, or that was taken back."""

    def __init__(self, strategy, request, tolerance):
        self.strategy = strategy
        self.request = request
        self.tolerance = tolerance
        self.n_repairs = 0

    def harm(self, params, tolerance=None):
        tolerance = self.tolerance if tolerance is None else tolerance
        settled = self.request.settled(params)
        return self.request.yardstick.harm(self.request.network, settled, tolerance)

    def judged(self, outcome):
        if outcome.harm is None:
            outcome = replace(outcome, harm=self.harm(outcome.params))
        n_rounds = _ROUNDS[self.strategy.repairs] if _can_repair(self.request.network) else 0
        while self.n_repairs < n_rounds and self._to_repair(outcome):
            outcome = self._repaired(outcome)
            # Going on is for the last time but one: a result that stands has been repaired.
            if outcome.target_reached is False and self.n_repairs < n_rounds:
                outcome = self._going_on(outcome)
        # What climbs or leaps can do so less far, and what is known by heart is not mended.
        harm, whole = outcome.harm, self.strategy.repairs
        if harm.beyond_beside or (not whole and (harm.beyond or counting_upper_bound())):
            outcome = self._shortened(outcome)
        if self.n_repairs:
            note = f"repaired by training on the retained rows ({self.n_repairs} times)."
            outcome = replace(outcome, notes=[*outcome.notes, f"guard: {note}"])
        return outcome

    def _to_repair(self, outcome):
        return outcome.harm.beyond_on_rows or outcome.stepped_in or counting_upper_bound()

    def _repaired(self, outcome):
        """The outcome with parameters that are comfortably within the tolerance, if it can be."""

        def enough(run):
            return not self.harm(run.params, self.tolerance / 2).beyond_on_rows

        self.n_repairs += 1
        run = brief_training(self.request, outcome.params, enough, number=self.n_repairs)
        told = "guard: repaired on the retained rows"
        reason = outcome.stop_reason.removesuffix(f"; {told}")
        return replace(
            outcome,
            params=run.params,
            n_epochs=outcome.n_epochs + run.epoch,
            history=[*outcome.history, *run.history],
            stop_reason=f"{reason}; {told}",
            harm=self.harm(run.params),
            target_reached=None if outcome.reached is None else outcome.reached(run.params),
            stepped_in=False,
            repair=run.params - outcome.params + (0 if outcome.repair is None else outcome.repair),
            head_state=None,
        )

    def _going_on(self, before):
        """The mechanism once more, from where the repair ended."""
        seed = child(self.request.seed, _GOING_ON + self.n_repairs)
        outcome = self.strategy.unlearn(self.request.replace(params=before.params, seed=seed))
        return replace(
            outcome,
            harm=self.harm(outcome.params) if outcome.harm is None else outcome.harm,
            n_epochs=before.n_epochs + outcome.n_epochs,
            n_steps=before.n_steps + outcome.n_steps,
            history=[*before.history, *outcome.history],
            notes=list(dict.fromkeys([*before.notes, *outcome.notes])),
        )

    def _shortened(self, outcome):
        """The way from where it began as far as the tolerance allows."""

        def held(params):
            found = self.harm(params)
            return None if found.beyond else found

        start = self.request.params
        params, found = last_that_holds(start, outcome.params, held)
        if found is None:  # damaged before it began
            params, found = start, self.harm(start)
        return replace(
            outcome,
            params=params,
            harm=found,
            stop_reason=f"{outcome.stop_reason}; guard: as far as the tolerance allows",
            target_reached=False,
            log_holds=False,
        )


def _can_repair(network):
    """Whether training on retained rows is only a matter of time."""
    return not network.counts_circuits
