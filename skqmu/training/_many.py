"""Many runs at once: each goes its own course, and their steps are taken side by side."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from ..network import models_at_once
from ._hook import Hook
from ._loop import Look, Step, course, step_alone, stepped, train
from ._many_pass import SideBySide, grouped
from ._objective import Objective
from ._solvers import Solver
from ._training_run import TrainingRun

__all__ = ["can_train_many", "many_obstacle", "train_many"]

# Runs that are on their way, for each that goes into a pass: enough to find others whose
# batches are as long.
_IN_FLIGHT = 4


def train_many(
    runs: Sequence[TrainingRun], hooks: Sequence[Sequence[Hook]] = ()
) -> dict[int, Exception]:
    """Train independent models, as many at once as their network takes.

    Each run ends as ``train(run, own_hooks)`` alone would have left it: parameters to rounding,
    the same history, end, kept epoch and costs, whoever is trained beside it. Runs whose networks
    are twins (:meth:`Network.twin`) go side by side; one for which there is a `many_obstacle`, or
    that has nobody to go with, is trained alone.

    Parameters
    ----------
    runs : sequence of M TrainingRun
        Each with a `Network` object of its own, by whose meter its costs are counted. Rows,
        seeds, solvers, schedules, batch sizes and `max_iter` may differ.
    hooks : sequence of M sequences of Hook, default=()
        Each run's own; they see their run as in `train`.

    Returns
    -------
    dict of int to Exception
        What ended a run before its time (`TrainingDivergedError`, an error of a hook, ...), by
        the run's number; the other runs are not touched by it.

    Raises
    ------
    ValueError
        Two runs share a network or a hook, or there are hooks for another number of runs.
    KeyboardInterrupt
        As any `BaseException` that is no `Exception`: every run is at its last step, and goes
        on from there when it is trained again.

    Notes
    -----
    Steps whose batches are as long share a pass; models of as many rows each and of one batch
    size always do. In a pass each model has matrix products and sums of its own, which is why its
    numbers are those of `train`. ``seconds`` of the history are a run's share of its passes.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, train_many
    >>> network = Network([Dense("head", 1, 2)])
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> runs = [
    ...     TrainingRun(
    ...         network=network.twin(),
    ...         objective=Objective({"train": records}),
    ...         solver=SGD(0.5),
    ...         point=Point(network.initial(np.random.default_rng(seed))),
    ...         seed=np.random.SeedSequence(seed),
    ...         max_iter=20,
    ...         batch_size=2,
    ...     )
    ...     for seed in range(3)
    ... ]
    >>> train_many(runs)
    {}
    >>> [run.epoch for run in runs], all(run.history[-1]["loss"] < 0.2 for run in runs)
    ([20, 20, 20], True)
    """
    hooks = list(hooks) or [()] * len(runs)
    if len(hooks) != len(runs):
        raise ValueError(f"{len(runs)} runs need as many sequences of hooks; got {len(hooks)}.")
    _check_apart("network", [[run.network] for run in runs], "give each run network.twin()")
    _check_apart("hook", hooks, "give each run hooks of its own")
    failures: dict[int, Exception] = {}
    for numbers in _cohorts(runs):
        members = [_Member(number, runs[number], hooks[number]) for number in numbers]
        if len(members) > 1 and not many_obstacle(members[0].run):
            failures.update(_Cohort(members).trained())
        else:
            failures.update(_one_after_another(members))
    return dict(sorted(failures.items()))


def can_train_many(run: TrainingRun) -> bool:
    """Whether `train_many` takes a run's steps side by side with those of others.

    Parameters
    ----------
    run : TrainingRun

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, can_train_many
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> can_train_many(run)
    True
    """
    return not many_obstacle(run)


def many_obstacle(run: TrainingRun) -> str:
    """Why a run is trained alone, in words; empty where it is not.

    Parameters
    ----------
    run : TrainingRun

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Dropout, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, many_obstacle
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network = Network([Dropout(0.5), Dense("head", 1, 2)])
    >>> objective = Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> many_obstacle(run)
    "layer 'dropout' trains in another way than it predicts"
    """
    network, objective = run.network, run.objective
    if not isinstance(run.solver, Solver):
        return f"solver {type(run.solver).__name__} looks at all records at once"
    if network.has_training_mode:
        names = [layer.name for layer in network.layers if layer.has_training_mode]
        return f"layer {names[0]!r} trains in another way than it predicts"
    if network.counts_circuits:
        return "circuits are sampled or paid for"
    if not network.takes_models:
        names = [layer.name for layer in network.layers if not layer.takes_models]
        return f"layer {names[0]!r} takes one model at a time"
    own = type(objective)
    changed = [
        name for name in ("inputs", "loss") if getattr(own, name) is not getattr(Objective, name)
    ]
    changed += [name for name in ("combine", "risk") if getattr(objective, name) is not None]
    if changed:
        return f"objective {own.__name__} has a {changed[0]} of its own"
    return ""


def _check_apart(what, owned, way_out):
    """Refuse what runs would change for one another."""
    seen = {}
    for number, things in enumerate(owned):
        for thing in things:
            other = seen.setdefault(id(thing), number)
            if other != number:
                raise ValueError(f"runs {other} and {number} share a {what}; {way_out}.")


def _cohorts(runs):
    """Numbers of runs that may go side by side: the same layers, solvers of one class."""
    cohorts = defaultdict(list)
    for number, run in enumerate(runs):
        layers = tuple(id(layer) for layer in run.network.layers)
        shapes = {records.X.shape[1:] for records in run.objective.streams.values()}
        by_record = run.objective.aggregate is not None
        alike = (layers, run.fixed.n_layers, type(run.solver), frozenset(shapes), by_record)
        cohorts[alike, many_obstacle(run)].append(number)
    return list(cohorts.values())


def _one_after_another(members):
    failures = {}
    for member in members:
        try:
            train(member.run, member.hooks)
        except Exception as error:
            failures[member.number] = error
    return failures


class _Member:
    """A run with its number, and what it asks for next."""

    def __init__(self, number, run, hooks):
        self.number, self.run, self.hooks = number, run, hooks
        self.asked = None
        self.sizes = ()
        self._course = course(run, hooks)

    def go_on(self):
        """Go on to the next request; returns whether there is one."""
        self.asked = next(self._course, None)
        if isinstance(self.asked, Step):
            self.sizes = tuple(len(rows) for _, rows in self.asked.batches)
        return self.asked is not None

    def close(self):
        """End the course where it is, if it has begun."""
        self._course.close()


class _Cohort:
    """Runs whose steps are taken side by side."""

    def __init__(self, members):
        self.waiting = iter(members)
        self.active = []
        self.failures = {}
        first = members[0].run
        self.passes = SideBySide(first.network.twin(), first.fixed.n_layers)

    def trained(self):
        """Train all of them; returns the errors by number."""
        with ExitStack() as ends:
            # However this ends, every run that is on its way then is closed.
            ends.callback(self._close_all)
            while self._fill_up():
                self._take_looks()
                self._take_steps()
        return self.failures

    def _close_all(self):
        with ExitStack() as ends:
            for member in self.active:
                ends.callback(member.close)

    def _fill_up(self):
        """Let waiting runs begin, up to as many as are worth it; returns whether there are any."""
        while len(self.active) < self._most():
            member = next(self.waiting, None)
            if member is None:
                break
            self.active.append(member)
            self._go_on(member)
        return bool(self.active)

    def _most(self):
        if not self.active:
            return 1
        passes = self.passes
        size = models_at_once(passes.network, sum(self.active[0].sizes), start=passes.start)
        return _IN_FLIGHT * size if size > 1 else 1

    def _go_on(self, member):
        try:
            if member.go_on():
                return
        except Exception as error:
            self.failures[member.number] = error
        self.active.remove(member)

    def _fail(self, member, error):
        self.failures[member.number] = error
        self.active.remove(member)
        member.close()

    def _take_looks(self):
        """Give hooks the logits that they are about to ask for."""
        looking = [member for member in self.active if isinstance(member.asked, Look)]
        wanted = [(member.run, records) for member in looking for records in member.asked.records]
        sizes = [(len(records),) for _, records in wanted]
        for group in grouped(sizes, self.passes.network):
            if len(group) > 1:
                runs, records = zip(*(wanted[place] for place in group), strict=True)
                # What goes wrong, goes wrong for its own run when the hook asks for itself.
                with suppress(Exception):
                    self.passes.look(runs, records)
        for member in looking:
            self._go_on(member)

    def _take_steps(self):
        stepping = [member for member in self.active if isinstance(member.asked, Step)]
        sizes = [member.sizes for member in stepping]
        for group in grouped(sizes, self.passes.network, start=self.passes.start):
            members = [stepping[place] for place in group]
            for member, outcome in zip(members, self._outcomes(members), strict=True):
                # One by one, hooks included: whoever interrupts finds no step that they missed.
                self._take(member, outcome)

    def _outcomes(self, members):
        """Where the members' steps lead; None for those who must find out alone."""
        if len(members) > 1:
            # An error of the pass does not say whose it is: alone, who is at fault fails alone.
            with suppress(Exception):
                return self.passes.step(
                    [member.run for member in members], [member.asked for member in members]
                )
        return [None] * len(members)

    def _take(self, member, outcome):
        run = member.run
        try:
            if outcome is None:
                step_alone(run, member.asked)
            else:
                self.passes.count(run, sum(member.sizes))
                if isinstance(outcome, Exception):
                    raise outcome
                stepped(run, member.asked, *outcome)
        except Exception as error:
            self._fail(member, error)
        else:
            self._go_on(member)
