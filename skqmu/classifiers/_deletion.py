"""A deletion request from its arguments to the committed result: all of it, or nothing."""

import shutil
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from ..exceptions import (
    TrainingDivergedError,
    UnlearningError,
)
from ..network import cross_entropy
from ..unlearning import Outcome, guarded, importance_of, tolerance_of
from ._baseline import Baseline
from ._request import prepared_request, shares_rows

__all__ = ["BEYOND_REACH", "carry_out", "discard_artefacts"]

BEYOND_REACH = (
    "copies made before the request (pickles, clones, released models), fitted pipeline steps "
    "before this estimator, and hyper-parameters that were chosen with the rows"
)


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
    started = time.perf_counter()
    entry = {
        "strategy": type(strategy).__name__,
        "params": strategy.get_params(deep=False),
        "kind": strategy.kind,
        "status": "done",
        "n_forget": len(forget),
        "n_retain": None if retain is None else len(retain),
        "classes_removed": estimator.classes_[request.removed_classes].tolist(),
    }
    try:
        with estimator._noise.undone_on_failure():
            begun = request.network.meter.copy()
            before = _measured(request, request.params)
            entry["before"] = _quality(before)
            baseline = _baseline(estimator, strategy, request, retain, before)
            if tolerance_of(strategy) is not None:
                request = _with_yardstick(request, baseline, retain)
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
            entry["after"] = _quality(_measured(request, outcome.params))
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
    entry.update(
        status=_status(outcome),
        reference=outcome.reference,
        target_reached=outcome.target_reached,
        harm=None if outcome.harm is None else asdict(outcome.harm),
        seconds=time.perf_counter() - started,
        n_epochs=outcome.n_epochs,
        n_steps=outcome.n_steps,
        stop_reason=outcome.stop_reason,
        history=outcome.history,
        certificate=outcome.certificate,
        notes=[
            *outcome.notes,
            *notes,
            *_about_buffers(request.network, trained),
            *discard_artefacts(estimator),
        ],
        beyond_reach=BEYOND_REACH,
    )
    after = {
        "params_": outcome.params,
        "_moments": None,
        # A strategy that moved a solved head in another way leaves it without its state.
        "_head_state": outcome.head_state if trained is None else trained.head_state,
        "_members": members,
        "_artefacts": (),
        # An exact or certified result is what later requests are judged by, as a fit is.
        "_baseline": baseline if baseline is None else baseline.without(forget.positions),
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
    return guarded(strategy, request)


def _log_failure(estimator, entry, error, seconds):
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    if isinstance(error, TrainingDivergedError):
        status = "diverged"
    entry.pop("after", None)
    entry.update(status=status, error=f"{type(error).__name__}: {error}", seconds=seconds)
    estimator.unlearning_log_ = [*estimator.unlearning_log_, entry]


def _about_buffers(network, trained):
    """What is to be said about running statistics, which no gradient reaches."""
    if not network.layout.buffers:
        return []
    names = ", ".join(network.layout.buffers)
    if trained is not None:
        return [f"buffers (running statistics) of {names} were computed anew from retained rows."]
    return [
        f"buffers (running statistics) of {names} were derived from all rows that fit saw; the "
        "forgotten rows moved them no more, and what they left there fades only as retained rows "
        "pass. Retrain resets them."
    ]


def _measured(request, params):
    """Loss of each row of both parts, and whether it is right, by the part's name."""
    measured = {}
    for name in ("forget", "retain"):
        records = getattr(request, name)
        if records is None or not len(records):
            continue
        logits = request.network.logits(params, records.X)
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
    return Baseline.of(positions, request.retain.labels, *before["retain"], estimator._seed)


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
            after[kind] = importance_of(request.network, params, request.retain, kind)
        elif len(request.forget):
            part = importance_of(request.network, request.params, request.forget, kind)
            after[kind] = everyone.without(part)
        else:
            after[kind] = everyone
    return after


def discard_artefacts(estimator):
    """Delete files of this estimator that hold what a forgotten row left in them."""
    notes = []
    journals = estimator._backend().artefacts(estimator._noise)
    for path in map(Path, dict.fromkeys([*estimator._artefacts, *journals])):
        if not path.exists():
            continue
        is_journal = path.is_dir()
        kind, held = ("journal", "results") if is_journal else ("checkpoint", "parameters")
        told = f"the {kind} {path} could not be deleted and still holds the old {held}."
        with suppress(OSError):
            shutil.rmtree(path) if is_journal else path.unlink()
            told = f"the {kind} {path.name} was deleted."
        notes.append(told)
    return notes
