"""A deletion request from its arguments to the committed result: all of it, or nothing."""

from contextlib import contextmanager
from dataclasses import asdict, replace

import numpy as np

from .._owned import OwnedFile
from ..exceptions import (
    InputRowsError,
    TrainingDivergedError,
    UnlearningError,
)
from ..network import cross_entropy
from ..unlearning import Outcome, guarded, importance_of, tolerance_of
from ._baseline import Baseline
from ._given import assuming, given_parts, notes_on, reach_of
from ._log_entry import LogEntry
from ._members import tell_of_copies
from ._request import prepared_request, shares_rows
from ._state import put_in_place

__all__ = [
    "carry_out",
    "clear_leftovers",
    "files_of",
    "with_notes",
]


def _check_claim(strategy, outcome):
    """Refuse a claim that nothing proves: the word in the log is what people will quote."""
    claimed, certificate = strategy.kind, outcome.certificate
    if claimed != "approximate" and certificate is None:
        raise UnlearningError(
            f"{type(strategy).__name__} calls itself {claimed!r} and gave no certificate of it; "
            "nothing was changed. Return Outcome(certificate=Certificate(...)), or set "
            "kind='approximate'."
        )
    if claimed == "approximate" and certificate is not None:
        raise UnlearningError(
            f"{type(strategy).__name__} is approximate and gave a certificate "
            f"({certificate!r}); nothing was changed. An approximate mechanism certifies nothing."
        )


class _Spending:
    """What a request has spent, and what of it went into measuring before and after."""

    def __init__(self, network):
        self.network = network
        self.begun = network.meter.copy()
        self.measured = dict.fromkeys(vars(self.begun), 0)

    @contextmanager
    def measuring(self):
        before = self.network.meter.copy()
        try:
            yield
        finally:
            for name, amount in self.network.meter.since(before).items():
                self.measured[name] += amount

    def told(self):
        """For the log."""
        total = self.network.meter.since(self.begun)
        cost = {name: total[name] - measured for name, measured in self.measured.items()}
        return {"cost": cost, "measuring_cost": dict(self.measured)}


def carry_out(work, strategy, *, forget, retain, reference, fingerprint_key):
    """Find the rows, run the strategy, commit and log; or raise with nothing changed.

    Parameters
    ----------
    work : Writing
        On the estimator, with the parameters that it was fitted with.
    """
    model = work.model
    entry = LogEntry(type(strategy).__name__, strategy.get_params(deep=False), strategy.kind)
    spending = None
    try:
        spending = _Spending(model._network())
        asked = prepared_request(model, strategy, forget, retain, reference, fingerprint_key)
        forget, retain, request, refitted = asked
        # Before anything is done: who makes warnings errors keeps the copies.
        about_copies = tell_of_copies(forget.n_more, len(forget))
        entry.found(
            n_more=forget.n_more,
            n_forget=len(forget),
            n_retain=None if retain is None else len(retain),
            classes_removed=model.classes_[request.removed_classes].tolist(),
        )
        with spending.measuring():
            before = _measured(request, request.params)
            entry.facts["before"] = _quality(before)
            baseline = _baseline(model, strategy, request, retain, before)
            if tolerance_of(strategy) is not None:
                request = _with_yardstick(request, baseline, retain)
        outcome = _checked_outcome(model, strategy, request, refitted)
        with spending.measuring():
            after = _quality(_measured(request, outcome.params))
        notes = _put_after(model, forget, retain, request, refitted.get("trained"), outcome)
        facts = _facts_of(model, request, outcome, notes=[*about_copies, *outcome.notes, *notes])
        entry.done(after=after, **facts, **spending.told())
        # An exact or certified result is what later requests are judged by, as a fit is.
        model._baseline = baseline if baseline is None else baseline.without(forget.positions)
        model.unlearning_log_ = [*model.unlearning_log_, entry.facts]
        model._leftovers = files_of(model)
        model._artefacts = ()
        work.commit()
    except BaseException as error:
        if work.committed:
            raise  # an interrupt in the last moment: the request is done
        if entry.is_none(error):
            raise
        work.log(entry.failed(error, **({} if spending is None else spending.told())))
        if isinstance(error, TrainingDivergedError):
            raise UnlearningError(
                f"{type(strategy).__name__} diverged and nothing was changed: {error}"
            ) from error
        raise
    # Only now that the new state is in place: a failure must not cost the old one's files.
    clear_leftovers(work.estimator)


def _checked_outcome(model, strategy, request, refitted):
    """What the strategy did, if it did what it claims and left what it must."""
    outcome = _run(model, strategy, request)
    _check_claim(strategy, outcome)
    # A refit brings circuit weights of its own, which its head was fitted to.
    if "trained" not in refitted:
        outcome = replace(outcome, params=request.settled(outcome.params))
    if not np.isfinite(outcome.params).all():
        raise TrainingDivergedError(f"{type(strategy).__name__} gave non-finite parameters.")
    return outcome


def _facts_of(model, request, outcome, *, notes):
    """What the log says of an outcome."""
    given = given_parts(model)
    origins = [] if request.head is None else [request.head.origin]
    return {
        "status": _status(outcome),
        "reference": outcome.reference,
        "target_reached": outcome.target_reached,
        "harm": None if outcome.harm is None else asdict(outcome.harm),
        "n_epochs": outcome.n_epochs,
        "n_steps": outcome.n_steps,
        "stop_reason": outcome.stop_reason,
        "history": outcome.history,
        "certificate": assuming(outcome.certificate, given, origins),
        "notes": [*notes, *notes_on(given)],
        "beyond_reach": reach_of(given),
    }


def _put_after(model, forget, retain, request, trained, outcome):
    """Give a working copy the state after the request; returns what is to be said about it."""
    members, notes = _members_after(model, forget, retain, trained)
    updates = _updates_after(model, forget, retain, trained, outcome)
    importances = _importances_after(model, request, trained, outcome.params)
    notes += _about_buffers(request, trained)
    model.params_ = outcome.params
    model._moments = None
    # A strategy that moved a solved head in another way leaves it without its state.
    model._head_state = outcome.head_state if trained is None else trained.head_state
    model._members = members
    model._updates = updates
    model._importances = importances
    if trained is None:
        return notes
    model.history_ = trained.run.history
    model.loss_curve_ = [row["loss"] for row in trained.run.history]
    model.loss_ = model.loss_curve_[-1]
    model.n_iter_ = len(trained.run.history)
    model.stop_reason_ = trained.run.stop_reason
    model.fit_cost_ = trained.run.cost
    if model._n_fits > 1:
        notes.append(
            f"the model came from {model._n_fits} calls of fit or partial_fit and was "
            "retrained by one fit on all the rows that stay."
        )
    return notes


def _run(estimator, strategy, request):
    if len(request.forget) == 0 and "forget" in strategy.requires:
        return Outcome(
            params=request.params,
            stop_reason="nothing to unlearn",
            notes=[
                "the rows belonged to fit's validation part: they chose the epoch, and no gradient "
                "ever saw them; the parameters are unchanged."
            ],
            log_holds=True,
            head_state=estimator._head_state,
        )
    return guarded(strategy, request)


def _about_buffers(request, trained):
    """What is to be said about running statistics, which no gradient reaches."""
    layout, given, moving = request.network.layout, request.network.given, request.network.trainable
    names = [n for n, part in layout.buffers.items() if moving is None or moving[part].any()]
    if not names:
        return []
    if trained is not None:
        anew, kept = (", ".join(n for n in names if (n in given) == old) for old in (False, True))
        told = [f"buffers (running statistics) of {anew} were computed anew from retained rows."]
        also = [f"buffers of {kept} started where they were given and saw retained rows alone."]
        return told * bool(anew) + also * bool(kept)
    return [
        f"buffers (running statistics) of {', '.join(names)} were derived from all rows that fit "
        "saw; the forgotten rows moved them no more, and what they left there fades only as "
        "retained rows pass. Retrain resets them."
    ]


def _measured(request, params):
    """Loss of each row of both parts, and whether it is right, by the part's name."""
    measured = {}
    for name in ("forget", "retain"):
        records = getattr(request, name)
        if records is None or not len(records):
            continue
        try:
            logits = request.network.logits(params, records.X)
        except InputRowsError as error:
            problem = f"{error.problem} (Rows of X_{name}.)"
            raise InputRowsError(problem, error.rows) from None
        loss = cross_entropy(logits, records.targets)
        measured[name] = (loss, logits.argmax(axis=1) == records.labels)
    return measured


def _quality(measured):
    """Mean loss and accuracy on both parts, for the log."""
    quality = {}
    for name, (loss, hits) in measured.items():
        quality[f"{name}_loss"] = float(loss.mean())
        quality[f"{name}_accuracy"] = float(hits.mean())
    return quality


def _baseline(estimator, strategy, request, retain, before):
    """What harm is judged by; measured now where this is the first request since the fit."""
    if strategy.kind != "approximate":
        return None
    known = getattr(estimator, "_baseline", None)
    if known is not None or "retain" not in before:
        return known
    positions = _trained_positions(retain)
    return Baseline.of(request, positions, *before["retain"], estimator._seed)


def _with_yardstick(request, baseline, retain):
    if baseline is None or request.retain is None or not len(request.retain):
        return request
    yardstick = baseline.yardstick(request.retain, _trained_positions(retain))
    if yardstick is not None and len(request.removed_classes):
        network, removed = request.network, request.removed_classes
        yardstick = yardstick.without_classes(network, request.params, removed)
    return replace(request, yardstick=yardstick)


def _trained_positions(part):
    """Positions of the rows of a part that gradients saw; None without a member record."""
    return None if part.positions is None else part.positions[~part.held_out]


def _status(outcome):
    if outcome.harm is not None and outcome.harm.beyond:
        return "damaged"
    return "short of target" if outcome.target_reached is False else "done"


# -------------------------------------------------------------------------------- after it


def _members_after(estimator, forget, retain, trained):
    """The member record after the request, and what is to be said about it."""
    record = estimator._members
    if record.mode == "none":
        return record, []
    if trained is None:
        return record.without(forget.entries, X=forget.X), []
    # A refit saw the retained rows and no others.
    gone = np.setdiff1d(np.arange(len(record)), retain.entries)
    members = replace(record.without(gone, X=forget.X), held_out=trained.held_out)
    n_dropped = len(gone) - len(forget)
    if not n_dropped:
        return members, []
    return members, [
        f"{n_dropped} rows were neither named nor in X_retain: the model was retrained without "
        "them and they are no members any more."
    ]


def _updates_after(estimator, forget, retain, trained, outcome):
    if trained is not None and trained.updates is not None:
        return [(retain.positions[rows], step) for rows, step in trained.updates]
    if outcome.log_holds and estimator._updates is not None:
        left = [entry for entry in estimator._updates if not shares_rows(entry[0], forget)]
        # Every retained row had a part in a repair.
        repaired = outcome.repair is not None
        return [*left, (_trained_positions(retain), outcome.repair)] if repaired else left
    return None


def _importances_after(estimator, request, trained, params):
    """Measured anew where all rows that stay are at hand; else less the forgotten rows' part."""
    if trained is not None:
        return trained.importances
    after = {}
    for kind, everyone in estimator._importances.items():
        staying = 0.0 if request.retain is None else request.retain.weights.sum()
        if np.isclose(staying, everyone.weight - request.forget.weights.sum(), rtol=1e-9):
            after[kind] = importance_of(
                request.network, params, request.retain, kind, wanted=request.trainable
            )
        elif len(request.forget):
            part = importance_of(
                request.network, request.params, request.forget, kind, wanted=request.trainable
            )
            after[kind] = everyone.without(part)
        else:
            after[kind] = everyone
    return after


def files_of(estimator):
    """Files and folders of this estimator that hold what a row left in them: `OwnedFile` each."""
    journals = estimator._backend().artefacts(estimator._noise)
    files = [OwnedFile(path, "journal", estimator._noise.name) for path in journals]
    return tuple({file.path: file for file in (*files, *estimator._artefacts)}.values())


def clear_leftovers(estimator):
    """Delete the files of the state before the last request, and say so in its entry.

    The state names them, as `_leftovers`, until they are gone: where an interrupt came in
    between, whoever changes the estimator next does it.
    """
    if "_leftovers" not in vars(estimator):
        return
    notes = [note for files in estimator._leftovers for note in files.discard()]
    after = dict(vars(estimator))
    del after["_leftovers"]
    if after["unlearning_log_"]:
        after["unlearning_log_"] = with_notes(after["unlearning_log_"], notes)
    put_in_place([(estimator, after)])


def with_notes(log, notes):
    """The log with more notes in its last entry."""
    *earlier, last = log
    return [*earlier, {**last, "notes": [*last.get("notes", ()), *notes]}]
