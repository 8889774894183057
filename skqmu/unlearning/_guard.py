"""The guard of every approximate mechanism: what forgetting may cost those who stay."""

import warnings
from dataclasses import replace

import numpy as np

from .._spending import counting_the_most
from ..exceptions import DamageWarning, UnlearningWarning
from ..training import Hook
from ._harm import TOLERANCE

__all__ = ["Guard", "guarded"]

# Halvings of the stretch in which the harm became too much.
_BISECTIONS = 10
# Epochs of a repairing mechanism that are looked at where its end is damaged.
_LOOKED_AT = 8


class Guard(Hook):
    """Keep a run from costing retained rows more than the tolerance.

    A run that only climbs is judged each epoch, and each time that it has taken as many
    rows as the yardstick has: where it passes the tolerance it is taken back to the last
    point of the way that does not, and ends. A run that repairs what it costs is judged at
    its end: where that is damaged, the epoch nearest to the target that is not is taken; if
    there is none it stays as it is, and is told as damaged.

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
        self.repairs = repairs
        self.stop = stop
        self.notes = []
        self.harm = None
        self.stepped_in = False
        self.epochs = []
        self.n_rows = 0

    def _judged(self, params):
        self.harm = self.yardstick.harm(self.network, params, self.tolerance)
        return self.harm.beyond and not counting_the_most()

    def begin(self, run):
        self.start = self.good = run.params
        if self.repairs or not self._judged(run.params):
            return False
        if self.stop is not None and self.stop.met:
            return True
        run.stop_reason = "guard: earlier requests have cost as much as the tolerance allows"
        self.stepped_in = True
        return True

    def after_step(self, run):
        if self.repairs:
            return False
        self.n_rows += sum(len(rows) for _, rows in run.batches)
        return self.n_rows >= len(self.yardstick) and self._ends(run)

    def after_epoch(self, run):
        if self.repairs:
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
        run.stop_reason = "guard: going on would cost retained rows more than the tolerance"
        self.stepped_in = True

    def _held(self, params):
        beyond = self._judged(params)
        return None if beyond else self.harm

    def end(self, run):
        if not run.finished:
            return
        if counting_the_most():  # what follows where the end is damaged
            for _ in range(_LOOKED_AT if self.repairs else _BISECTIONS):
                self._judged(run.params)
        if not self.repairs:
            if not self.stepped_in:
                self._ends(run)  # a stop rule may have ended it within an epoch
            if self.harm is None:
                self._judged(run.params)
            return
        if not self._judged(run.params):
            return
        damaged, found = self.harm, []
        for number in self._some_epochs():
            if not self._judged(self.epochs[number]):
                away = -number if self.stop is None else self.stop.distance(self.epochs[number])
                found.append((away, number, self.harm))
        self.harm = damaged
        if found:
            _, best, self.harm = min(found, key=lambda row: row[:2])
            run.move(self.epochs[best])
            run.kept_epoch = best + 1
            run.stop_reason = f"guard: back to epoch {best + 1}, the later ones damage"
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


def tolerance_of(strategy):
    """Accuracy that a strategy may cost; None: it is not guarded."""
    if strategy.kind != "approximate":
        return None
    guard = getattr(strategy, "guard", "auto")
    return TOLERANCE if guard == "auto" else guard


def guarded(strategy, request):
    """Let a strategy unlearn, judge what it cost, and say so.

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
    """
    outcome = strategy.unlearn(request)
    tolerance = tolerance_of(strategy)
    notes = []
    if tolerance is not None:
        if request.yardstick is None:
            notes.append(
                f"{type(strategy).__name__} was not guarded: without retained rows nobody sees what "
                "the request costs them. Pass X_retain and y_retain, or fit with "
                'store_data="rows".'
            )
            warnings.warn(notes[-1], UnlearningWarning, stacklevel=3)
        else:
            outcome = _judged(strategy, request, outcome, tolerance)
    if outcome.harm is not None and outcome.harm.beyond:
        notes.append(
            f"after {type(strategy).__name__} the model is damaged: {outcome.harm}; tolerance "
            f"{outcome.harm.tolerance:g}. The way out: strategy='retrain', which starts from the "
            "rows that stay; a smaller learning_rate_init or max_iter; guard=None if it is meant."
        )
        warnings.warn(notes[-1], DamageWarning, stacklevel=3)
    elif outcome.target_reached is False:
        seen = "" if outcome.harm is None else f" ({outcome.harm})"
        notes.append(
            f"{type(strategy).__name__} ended short of its target ({outcome.stop_reason}){seen}: "
            "the rows may not be forgotten. The way out: strategy='retrain', more epochs "
            "(max_iter), or a greater tolerance (guard)."
        )
        warnings.warn(notes[-1], UnlearningWarning, stacklevel=3)
    return replace(outcome, notes=[*outcome.notes, *notes])


def _judged(strategy, request, outcome, tolerance):
    """The outcome with its harm; one that takes a single leap is made to leap less far."""

    def harm(params):
        return request.yardstick.harm(request.network, request.settled(params), tolerance)

    if outcome.harm is None:
        outcome = replace(outcome, harm=harm(outcome.params))
    leaps = not strategy.repairs and outcome.n_steps == 0
    if counting_the_most() and leaps:
        for _ in range(_BISECTIONS + 1):
            harm(outcome.params)
    if not (leaps and outcome.harm.beyond) or counting_the_most():
        return outcome

    def held(params):
        found = harm(params)
        return None if found.beyond else found

    params, found = last_that_holds(request.params, outcome.params, held)
    if found is None:  # damaged before it began
        params, found = request.params, harm(request.params)
        if not found.beyond:
            found = None
    return replace(
        outcome,
        params=params,
        harm=found,
        stop_reason=f"{outcome.stop_reason}; guard: as far as the tolerance allows",
        target_reached=False,
        log_holds=False,
    )
