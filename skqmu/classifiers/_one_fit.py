"""One fit from validated rows to its result; the estimator is as it was."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from ..exceptions import BudgetExceededError, InputRowsError
from ..training import FitResult, SklearnCallbacks, UpdateLog, train
from ..unlearning import importance_of, resolve_strategy
from ._fit_warnings import warn_of_ending, warn_of_inputs
from ._fitting import loop_hooks, make_records, make_run, validation_rows
from ._head import solve_head
from ._known_fits import are_shared, known_or_made
from ._on_statistics import make_statistics_run
from ._private_fits import (
    check_network_is_private,
    plan_of,
    private_objective,
    private_records,
)
from .state import fitted_state, origin

__all__ = ["alone", "ended", "fit_course", "fit_on_statistics", "fit_result"]


def fit_result(estimator, data, seed, *, watching=(), **how):
    """What a fit of validated data brings; arguments as of `fit_course`, and hooks that watch."""
    return alone(estimator, fit_course(estimator, data, seed, **how), watching)


def fit_on_statistics(estimator, program, statistics, watching=()):
    """What training on class statistics brings, from the start and with the steps of the fit."""
    seed = np.random.SeedSequence(fitted_state(estimator).seed)
    return alone(estimator, _on_statistics(estimator, program, statistics, 0, seed), watching)


def alone(estimator, course, watching=()):
    """Drive one course to its end, with further hooks that watch; returns what it returns."""
    try:
        run, hooks = next(course)
    except StopIteration as end:
        return end.value
    with estimator._backend().session():
        try:
            train(run, [*hooks, *watching])
        except BaseException as error:
            return ended(course, error)
        return ended(course)


def ended(course, error=None):
    """Let a course end after its run was trained, or was cut off by an error."""
    try:
        if error is None:
            next(course)
        else:
            course.throw(error)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a course asks for one run")


def fit_course(
    estimator,
    data,
    seed,
    *,
    start=None,
    context=None,
    given=None,
    max_iter=None,
    checkpoint=None,
    statistics=None,
):
    """One fit, as a generator: it asks for a run to be trained, and goes on when that is done.

    Whoever drives it trains the run, alone or beside others, in a session of the backend, and
    throws in what ended the training before its time.

    Parameters
    ----------
    estimator : classifier
        Working copy that knows its structure.
    data : FitData
    seed : numpy.random.SeedSequence
    start : Point or None, default=None
        To go on from; None: fresh parameters.
    context : object, default=None
        Of scikit-learn's callbacks.
    given : tuple, default=None
        ``(X, y, sample_weight)`` where it is a `fit`: it warns, and a run that is cut short
        keeps its last step.
    max_iter : int or None, default=None
        Epochs of a `partial_fit`; None: the estimator's own.
    checkpoint : path-like or None, default=None
        File to write after each epoch, and to go on from.
    statistics : ClassStatistics or None, default=None
        Of earlier rows, which a classifier with a linear loss trains on together with these.

    Yields
    ------
    tuple of (TrainingRun, list of Hook)
        Once; never where the head is solved.

    Returns
    -------
    FitResult
    """
    network = estimator._network(data.n_classes)
    with _rows_as_given(estimator, network, data, seed):
        if estimator._solves_head():
            goes_on = max_iter if start is None else start
            return _solved(estimator, network, data, seed, given, goes_on=goes_on)
        if estimator._trains_on_statistics():
            program = estimator._statistics_program(data.n_classes)
            network.count(forward_rows=len(data))
            own = program.of(data.X, data.labels, data.weights)
            statistics = own if statistics is None else statistics + own
            if given is not None:
                warn_of_inputs(estimator, network, estimator._initial_params(network, seed), data.X)
            how = (context, given, checkpoint)
            return (
                yield from _on_statistics(estimator, program, statistics, len(data), seed, *how)
            )
        how = (start, context, given, max_iter, checkpoint)
        course = _trained(estimator, network, data, seed, *how)
        if start is None and max_iter is None and are_shared():
            course = known_or_made(estimator, data, seed, course)
        return (yield from course)


def _trained(estimator, network, data, seed, start, context, given, max_iter, checkpoint):
    plan, objective = plan_of(estimator, len(data)), None
    if plan is None:
        records = make_records(data, estimator.class_weight, estimator.classes_)
    else:
        check_network_is_private(estimator, network)
        records = private_records(data, estimator.class_weight, estimator.classes_)
        objective = private_objective(estimator, network, records, plan)
    held_out, valid = np.zeros(len(data), dtype=bool), None
    if estimator.early_stopping and max_iter is None:
        held_out = validation_rows(data.labels, estimator.validation_fraction, seed)
        records, valid = records[~held_out], records[held_out]
    run = make_run(
        estimator, network, records, seed, start=start, max_iter=max_iter, objective=objective
    )
    if given is not None and plan is None:  # what a private fit warns of must not tell of rows
        warn_of_inputs(estimator, network, run.params, data.X)
    before = run.params
    log = UpdateLog() if estimator.log_updates else None

    def importances_to_keep():
        return {
            kind: importance_of(network, run.params, records, kind, wanted=run.objective.trainable)
            for kind in _importance_kinds_to_keep(estimator)
        }

    importances, stopped = yield from _to_its_end(
        estimator,
        run,
        context,
        given,
        checkpoint,
        valid=valid,
        extra=[log] * (log is not None),
        title="fit" if max_iter is None else "partial_fit",
        then=importances_to_keep,
    )
    updates = _logged(log, before, run.params, np.flatnonzero(~held_out))
    result = FitResult.of(run, held_out, updates=updates, importances=importances, stopped=stopped)
    if plan is None:
        return result
    return replace(result, privacy=plan, n_steps=plan.steps_per_epoch * run.epoch)


def _on_statistics(
    estimator, program, statistics, n_rows, seed, context=None, given=None, checkpoint=None
):
    """Train on sums over rows, of which `n_rows` are new to the record."""
    network = estimator._network(program.n_classes)
    run = make_statistics_run(estimator, network, program, statistics, seed)
    _, stopped = yield from _to_its_end(estimator, run, context, given, checkpoint)
    none_apart = np.zeros(n_rows, dtype=bool)
    return FitResult.of(run, none_apart, statistics=statistics, stopped=stopped)


def _to_its_end(
    estimator, run, context, given, checkpoint, *, valid=None, extra=(), title="fit", then=dict
):
    """Ask for a run to be trained; a `fit` that is cut short keeps its last step.

    Returns
    -------
    found : dict
        What `then` gave, which is part of the fit; empty where it was cut short.
    stopped : BaseException or None
    """
    found, stopped = {}, None
    with _told_to_callbacks(estimator, context, given, run) as told:
        hooks = [*told, *extra]
        hooks = loop_hooks(
            estimator, run, valid, extra_hooks=hooks, title=title, checkpoint=checkpoint
        )
        try:
            yield run, hooks
            found = then()
        except (KeyboardInterrupt, BudgetExceededError) as error:
            if given is None or (run.epoch == 0 and run.point.step == 0):
                raise
            stopped = error
        run.settle()  # with what `then` spent
    if given is not None and stopped is None and estimator.privacy is None:
        warn_of_ending(estimator, run)
    return found, stopped


@contextmanager
def _told_to_callbacks(estimator, context, given, run):
    """Context of a run that scikit-learn's callbacks follow; yields the hooks for it."""
    if context is None:
        yield []
        return
    X, y, sample_weight = given
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    described = {"X": X, "y": y, "metadata": metadata}
    fitted = origin(estimator)
    context.call_on_fit_task_begin(estimator=fitted, **described)
    yield [SklearnCallbacks(fitted, context, described, estimator._reconstruction)]
    context.call_on_fit_task_end(
        estimator=fitted,
        reconstruction_attributes=lambda: estimator._reconstruction(run.params),
        **described,
    )


def _importance_kinds_to_keep(estimator):
    """Importances that a later request will need and could not compute any more."""
    if estimator.store_data == "rows":
        return ()
    strategy = resolve_strategy(estimator.unlearning, "unlearning")
    return sorted(strategy.importance_kinds)


def _logged(log, before, after, rows):
    """Steps with the rows of their batches; None where they do not add up.

    A log that an interrupt made miss a step is none.
    """
    if log is None:
        return None
    moved = sum(step for _, _, step in log.updates)
    if not np.allclose(before + moved, after, rtol=1e-9, atol=1e-12):
        return None
    return [(rows[batch], step) for _, batch, step in log.updates]


def _solved(estimator, network, data, seed, given, *, goes_on):
    if goes_on is not None:
        raise ValueError(
            f"head={estimator.head!r} is solved at once and cannot go on from earlier data; use "
            "fit with warm_start=False, or head='softmax'."
        )
    if given is not None:
        warn_of_inputs(estimator, network, estimator._initial_params(network, seed), data.X)
    with estimator._backend().session():
        return solve_head(estimator, network, data, seed)


@contextmanager
def _rows_as_given(estimator, network, data, seed):
    """Let an error that names rows of a batch name those of the data that was given.

    The rows are asked once more, all at once and in order: batches are drawn, a validation
    part is set aside, and rows of zero weight are left out.
    """
    try:
        yield
    except InputRowsError as error:
        rows = ()  # where only weights that were trained in the meantime made them fail
        try:
            network.logits(estimator._initial_params(network, seed), data.X)
        except InputRowsError as all_at_once:
            rows = all_at_once.rows
        found = InputRowsError(error.problem, rows)
        raise (found if data.positions is None else found.at(data.positions)) from None
