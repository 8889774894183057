"""A deletion request from its arguments to the committed result: all of it, or nothing."""

import time
from dataclasses import replace

import numpy as np

from .._owned import OwnedFile
from ..exceptions import (
    InputRowsError,
    TrainingDivergedError,
    UnlearningError,
)
from ..network import cross_entropy
from ..unlearning import Outcome, importance_of
from ._given import assuming, given_parts, notes_on, reach_of
from ._members import tell_of_copies
from ._request import prepared_request, shares_rows

__all__ = ["carry_out", "discard_artefacts"]


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


def carry_out(estimator, strategy, *, forget, retain, reference, fingerprint_key):
    """Find the rows, run the strategy, commit and log; or raise with nothing changed."""
    forget, retain, request, refitted = prepared_request(
        estimator, strategy, forget, retain, reference, fingerprint_key
    )
    # Before anything is done: who makes warnings errors keeps the copies.
    about_copies = tell_of_copies(forget.n_more, len(forget))
    started = time.perf_counter()
    entry = {
        "strategy": type(strategy).__name__,
        "params": strategy.get_params(deep=False),
        "kind": strategy.kind,
        "status": "done",
        "n_requested": len(forget) - forget.n_more,
        "n_forget": len(forget),
        "n_retain": None if retain is None else len(retain),
        "classes_removed": estimator.classes_[request.removed_classes].tolist(),
    }
    try:
        with estimator._noise.undone_on_failure():
            begun = request.network.meter.copy()
            entry["before"] = _quality(request, request.params)
            spent = request.network.meter.copy()
            outcome = _run(estimator, strategy, request)
            _check_claim(strategy, outcome)
            entry["cost"] = request.network.meter.since(spent)
            # A refit brings circuit weights of its own, which its head was fitted to.
            if "trained" not in refitted:
                outcome = replace(outcome, params=request.settled(outcome.params))
            if not np.isfinite(outcome.params).all():
                raise TrainingDivergedError(
                    f"{type(strategy).__name__} gave non-finite parameters."
                )
            entry["after"] = _quality(request, outcome.params)
            total = request.network.meter.since(begun)
            entry["measuring_cost"] = {k: v - entry["cost"][k] for k, v in total.items()}
    except BaseException as error:
        _log_failure(estimator, entry, error, time.perf_counter() - started)
        if isinstance(error, TrainingDivergedError):
            raise UnlearningError(
                f"{type(strategy).__name__} diverged and nothing was changed: {error}"
            ) from error
        raise

    trained = refitted.get("trained")
    members, notes = _members_after(estimator, forget, retain, trained)
    given = given_parts(estimator)
    origins = [] if request.head is None else [request.head.origin]
    entry.update(
        seconds=time.perf_counter() - started,
        n_epochs=outcome.n_epochs,
        n_steps=outcome.n_steps,
        stop_reason=outcome.stop_reason,
        history=outcome.history,
        certificate=assuming(outcome.certificate, given, origins),
        notes=[
            *about_copies,
            *outcome.notes,
            *notes,
            *_about_buffers(request, trained),
            *notes_on(given),
            *discard_artefacts(estimator),
        ],
        beyond_reach=reach_of(given),
    )
    after = {
        "params_": outcome.params,
        "_moments": None,
        # A strategy that moved a solved head in another way leaves it without its state.
        "_head_state": outcome.head_state if trained is None else trained.head_state,
        "_members": members,
        "_artefacts": (),
        "_updates": _updates_after(estimator, forget, retain, trained, outcome),
        "_importances": _importances_after(estimator, request, trained, outcome.params),
        "unlearning_log_": [*estimator.unlearning_log_, entry],
    }
    if trained is not None:
        history = trained.run.history
        after.update(
            history_=history,
            loss_curve_=[row["loss"] for row in history],
            loss_=history[-1]["loss"],
            n_iter_=len(history),
            stop_reason_=trained.run.stop_reason,
            fit_cost_=trained.run.cost,
        )
        if estimator._n_fits > 1:
            entry["notes"].append(
                f"the model came from {estimator._n_fits} calls of fit or partial_fit and was "
                "retrained by one fit on all the rows that stay."
            )
    vars(estimator).update(after)


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
    return strategy.unlearn(request)


def _log_failure(estimator, entry, error, seconds):
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    if isinstance(error, TrainingDivergedError):
        status = "diverged"
    entry.pop("after", None)
    entry.update(status=status, error=f"{type(error).__name__}: {error}", seconds=seconds)
    estimator.unlearning_log_ = [*estimator.unlearning_log_, entry]


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


def _quality(request, params):
    """Loss and accuracy on both parts, for the log."""
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
        measured[f"{name}_loss"] = float(cross_entropy(logits, records.targets).mean())
        measured[f"{name}_accuracy"] = float((logits.argmax(axis=1) == records.labels).mean())
    return measured


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
        return [entry for entry in estimator._updates if not shares_rows(entry[0], forget)]
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


def discard_artefacts(estimator, heir=None):
    """Delete files of this estimator that hold what a forgotten row left in them.

    Parameters
    ----------
    estimator : fitted classifier
    heir : fitted classifier, default=None
        One that takes its place: it keeps none of these files.

    Returns
    -------
    list of str
        What was deleted, and what is beyond reach: files that others keep, too.
    """
    journals = estimator._backend().artefacts(estimator._noise)
    files = [OwnedFile(path, "journal", estimator._noise.name) for path in journals]
    files = {file.path: file for file in (*files, *estimator._artefacts)}
    for file in () if heir is None else heir._artefacts:
        if file.path in files:
            file.let_go()
    return [note for file in files.values() for note in file.discard()]
