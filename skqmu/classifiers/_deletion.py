"""A deletion request from its arguments to the committed result: all of it, or nothing."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .._validation import validate_data
from ..exceptions import (
    MemberRecordError,
    TrainingDivergedError,
    UnlearningError,
)
from ..network import cross_entropy
from ..unlearning import Outcome, UnlearningRequest, importance_of
from ._fitting import (
    REQUESTS,
    FitData,
    make_records,
    make_solver,
    resolved_batch_size,
    scaled_weights,
)
from ._matching import column_scale, match_rows

__all__ = ["BEYOND_REACH", "carry_out", "possible_request"]

BEYOND_REACH = (
    "copies made before the request (pickles, clones, released models), fitted pipeline steps "
    "before this estimator, and hyper-parameters that were chosen with the rows"
)


@dataclass(frozen=True)
class _Part:
    """Rows with their record entries (None where there is no record)."""

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    entries: np.ndarray | None = None
    held_out: np.ndarray | None = None
    positions: np.ndarray | None = None

    def __len__(self):
        return len(self.X)


def carry_out(estimator, strategy, *, forget, retain, reference, fingerprint_key):
    """Find the rows, run the strategy, commit and log; or raise with nothing changed."""
    forget, retain, request, refitted = _prepared(
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
        "before": _quality(request, request.params),
    }
    try:
        with estimator._backend().limit_threads():
            spent = request.network.meter.copy()
            outcome = _run(strategy, request)
            entry["cost"] = request.network.meter.since(spent)
            if request.trainable is not None:
                params = np.where(request.trainable, outcome.params, request.params)
                outcome = replace(outcome, params=params)
            if not np.isfinite(outcome.params).all():
                raise TrainingDivergedError(
                    f"{type(strategy).__name__} gave non-finite parameters."
                )
            entry["after"] = _quality(request, outcome.params)
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
        seconds=time.perf_counter() - started,
        n_epochs=outcome.n_epochs,
        n_steps=outcome.n_steps,
        stop_reason=outcome.stop_reason,
        history=outcome.history,
        certificate=outcome.certificate,
        notes=[*outcome.notes, *notes, *_discard_artefacts(estimator)],
        beyond_reach=BEYOND_REACH,
    )
    after = {
        "params_": outcome.params,
        "_moments": None,
        # A strategy that moved a solved head in another way leaves it without its state.
        "_head_state": outcome.head_state if trained is None else trained.head_state,
        "_members": members,
        "_artefacts": (),
        "_updates": _updates_after(estimator, forget, retain, trained, outcome),
        "_importances": _importances_after(estimator, request, trained),
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


def possible_request(estimator, strategy, X_forget, y_forget, arguments):
    """Rows to forget and to retain, if the strategy could honour the request; or raise."""
    arguments = dict(arguments)
    forget, retain, _, _ = _prepared(
        estimator,
        strategy,
        (X_forget, y_forget, arguments.pop("index", None)),
        (arguments.pop("X_retain", None), arguments.pop("y_retain", None)),
        (arguments.pop("X_reference", None), arguments.pop("y_reference", None)),
        arguments.pop("fingerprint_key", None),
    )
    if arguments:
        raise TypeError(f"unknown arguments: {', '.join(sorted(arguments))}.")
    return len(forget), 0 if retain is None else len(retain)


def _prepared(estimator, strategy, forget, retain, reference, fingerprint_key):
    """Find the rows and check that the strategy has what it needs; change nothing."""
    forget = _forget_part(estimator, *forget, fingerprint_key)
    retain = _retain_part(estimator, forget, *retain, fingerprint_key)
    reference = _reference_part(estimator, forget, *reference, fingerprint_key)
    _check_data_at_hand(estimator, strategy, retain, reference)
    request, refitted = _request(estimator, forget, retain, reference)
    strategy.check(request)
    return forget, retain, request, refitted


def _run(strategy, request):
    if len(request.forget) == 0 and "forget" in strategy.requires:
        return Outcome(
            params=request.params,
            stop_reason="nothing to unlearn",
            notes=[
                "the rows belonged to fit's validation part: they chose the epoch, and no gradient "
                "ever saw them; the parameters are unchanged."
            ],
        )
    return strategy.unlearn(request)


def _log_failure(estimator, entry, error, seconds):
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    if isinstance(error, TrainingDivergedError):
        status = "diverged"
    entry.pop("after", None)
    entry.update(status=status, error=f"{type(error).__name__}: {error}", seconds=seconds)
    estimator.unlearning_log_ = [*estimator.unlearning_log_, entry]


# ---------------------------------------------------------------------- finding the rows


def _forget_part(estimator, X, y, index, key):
    if (X is None) == (index is None):
        raise ValueError(
            "name the rows to forget either by X_forget= or by index= (positions in the fit data); "
            f"got {'neither' if X is None else 'both'}."
        )
    if not hasattr(estimator, "_members"):
        estimator._member_record()  # says that this is a released copy
    record = estimator._members
    if X is not None:
        if np.shape(X)[:1] == (0,):
            raise ValueError("X_forget holds no rows: there is nothing to forget.")
        X = validate_data(estimator, X, dtype=np.float64, reset=False)
    elif y is not None:
        raise ValueError("y_forget= goes with X_forget=; with index= the labels are known.")
    labels = None if y is None else estimator._encoded(y, len(X), "y_forget")

    if record.mode == "none":
        if X is None:
            record.require("index=")
        if labels is None:
            raise MemberRecordError(
                'y_forget= is needed: with store_data="none" no labels are kept.'
            )
        return _Part(X, labels, np.ones(len(X)))

    entries = record.locate(index) if X is None else record.find(X, labels, key)
    if len(entries) == 0:
        raise ValueError("index= names no rows: there is nothing to forget.")
    if np.delete(record.held_out, entries).all():
        raise ValueError(
            f"the request names all {np.count_nonzero(~record.held_out)} rows that the classifier "
            "was trained on; a model of nothing cannot be fitted: delete the estimator instead."
        )
    if record.mode == "rows":
        X = record.X[entries]
    elif X is None:
        raise MemberRecordError(
            'index= needs the rows themselves, and store_data="fingerprints" keeps hashes only; '
            "pass X_forget."
        )
    else:
        X = _rows_of_entries(record, X, entries, key)
    return _part_of_record(record, entries, X)


def _rows_of_entries(record, X, entries, key):
    """Rows in the order of `entries`, from passed rows that cover them."""
    rows = np.empty((len(entries), X.shape[1]))
    for row, matched in zip(X, record.match(X, key), strict=True):
        rows[np.isin(entries, matched)] = row
    return rows


def _retain_part(estimator, forget, X, y, key):
    """The rows that stay, stored or passed; None where there are none at hand."""
    record = estimator._members
    if X is None:
        if y is not None:
            raise ValueError("y_retain= goes with X_retain=.")
        if record.mode != "rows":
            return None
        entries = np.setdiff1d(np.arange(len(record)), forget.entries)
        return _part_of_record(record, entries, record.X[entries])
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = None if y is None else estimator._encoded(y, len(X), "y_retain")
    if record.mode == "none":
        if labels is None:
            raise MemberRecordError(
                'y_retain= is needed: with store_data="none" no labels are kept.'
            )
        shared = [i for i, m in enumerate(match_rows(X, forget.X, column_scale(X))) if len(m)]
        if shared:
            raise ValueError(
                f"{len(shared)} rows of X_retain are in X_forget too (rows {shared[:5]}); a row is "
                "either forgotten or retained."
            )
        return _Part(X, labels, np.ones(len(X)))
    entries = record.find(X, labels, key)
    shared = np.intersect1d(entries, forget.entries)
    if len(shared):
        raise ValueError(
            f"{len(shared)} rows of X_retain are among those to forget; a row is either forgotten "
            "or retained (every copy of a forgotten row is forgotten)."
        )
    rows = record.X[entries] if record.mode == "rows" else _rows_of_entries(record, X, entries, key)
    return _part_of_record(record, entries, rows)


def _part_of_record(record, entries, X):
    return _Part(
        X=X,
        labels=record.labels[entries],
        weights=record.weights[entries],
        entries=entries,
        held_out=record.held_out[entries],
        positions=record.positions[entries],
    )


def _reference_part(estimator, forget, X, y, key):
    record = estimator._members
    if X is None:
        if y is not None:
            raise ValueError("y_reference= goes with X_reference=.")
        if record.mode != "rows" or not record.held_out.any():
            return None
        entries = np.setdiff1d(np.flatnonzero(record.held_out), forget.entries)
        return _part_of_record(record, entries, record.X[entries])
    if y is None:
        raise ValueError("X_reference= needs y_reference=: stop rules compare within a class.")
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = estimator._encoded(y, len(X), "y_reference")
    if record.mode != "none":
        members = [
            i
            for i, entries in enumerate(record.match(X, key))
            if len(entries) and not record.held_out[entries].all()
        ]
        if members:
            raise ValueError(
                f"{len(members)} rows of X_reference were trained on (rows {members[:5]}); the "
                "stop rule compares with records that the model never saw."
            )
    return _Part(X, labels, np.ones(len(X)))


def _check_data_at_hand(estimator, strategy, retain, reference):
    missing = strategy.requires - {"forget"}
    if retain is not None:
        missing -= {"retain"}
    if reference is not None:
        missing -= {"reference"}
    if retain is not None or strategy.importance_kinds <= set(estimator._importances):
        missing -= {"importance"}
    if estimator._updates is not None:
        missing -= {"update_log"}
    if estimator._structure.get("objective_noise"):
        missing -= {"objective_noise"}
    if not missing:
        return
    ways = {
        "retain": 'pass X_retain and y_retain, or fit with store_data="rows"',
        "reference": "pass X_reference and y_reference (rows never trained on), or fit with "
        "early_stopping=True",
        "importance": 'pass X_retain and y_retain, fit with store_data="rows", or fit with '
        "unlearning= this strategy, so that fit measures importances",
        "objective_noise": "fit QNNClassifier(trainable='head', head='logistic', "
        "objective_noise=sigma) with sigma > 0",
        "update_log": "fit with log_updates=True (a request that changes the parameters in another "
        "way ends the log)",
    }
    raise MemberRecordError(
        f"{type(strategy).__name__} needs {', '.join(sorted(missing))} data, which "
        f"{type(estimator).__name__}(store_data={estimator.store_data!r}) does not have: "
        + "; ".join(ways[name] for name in sorted(missing))
        + "."
    )


# ------------------------------------------------------------------- what the strategy sees


def _request(estimator, forget, retain, reference):
    """The request, and a dict that receives the run if the strategy refits."""
    n_classes = len(estimator.classes_)
    parts = [part for part in (forget, retain) if part is not None]
    everything = FitData(
        X=np.concatenate([part.X for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        n_classes=n_classes,
    )
    with_record = estimator._members.mode != "none"
    if with_record:
        # The scale that training used: relative to all rows, not to those at hand.
        entries = np.concatenate([part.entries for part in parts])
        records = make_records(everything, None, estimator.classes_)
        records = records.replace(weights=_training_weights(estimator)[entries])
    else:
        records = make_records(everything, estimator.class_weight, estimator.classes_)
    forget_records = _trained(records[: len(forget)], forget)
    retain_records = None if retain is None else _trained(records[len(forget) :], retain)
    # Failed attempts do not count: asked again, a request makes the same draws.
    number = sum(entry["status"] == "done" for entry in estimator.unlearning_log_)
    refitted = {}
    network = estimator._network()

    def refit(seed):
        seed = np.random.SeedSequence(estimator._seed) if seed is None else seed
        data = FitData(retain.X, retain.labels, retain.weights, n_classes)
        refitted["trained"] = estimator._trained(data, seed)
        return refitted["trained"].run

    def importance(kind):
        if retain is None:
            return estimator._importances[kind]
        seen = np.concatenate([~part.held_out for part in parts]) if with_record else slice(None)
        return importance_of(network, estimator.params_, records[seen], kind)

    request = UnlearningRequest(
        network=network,
        params=estimator.params_,
        forget=forget_records,
        retain=retain_records,
        reference=None if reference is None else _plain_records(reference, n_classes),
        removed_classes=_removed_classes(estimator, forget, retain),
        seed=np.random.SeedSequence(estimator._seed, spawn_key=(REQUESTS + number,)),
        learning_rate_init=estimator.learning_rate_init,
        batch_size=resolved_batch_size(estimator, len(everything)),
        solver=lambda rate: make_solver(estimator, rate),
        refit=refit,
        importance=importance,
        trainable=estimator._trainable_mask(network),
        head=estimator._head_view(network, forget, retain),
        updates=[step for places, step in estimator._updates or () if _shares(places, forget)],
    )
    return request, refitted


def _training_weights(estimator):
    record = estimator._members
    return scaled_weights(record.labels, record.weights, estimator.class_weight, estimator.classes_)


def _trained(records, part):
    return records if part.held_out is None else records[~part.held_out]


def _plain_records(part, n_classes):
    data = FitData(part.X, part.labels, part.weights, n_classes)
    return make_records(data, None, np.arange(n_classes))


def _removed_classes(estimator, forget, retain):
    record = estimator._members
    if record.mode != "none":
        staying = np.delete(record.labels, forget.entries)
    elif retain is not None:
        staying = retain.labels
    else:
        return np.zeros(0, dtype=int)  # unknown: nothing says that the class is gone
    return np.setdiff1d(forget.labels, staying)


def _quality(request, params):
    """Loss and accuracy on both parts, for the log."""
    measured = {}
    for name in ("forget", "retain"):
        records = getattr(request, name)
        if records is None or not len(records):
            continue
        logits = request.network.logits(params, records.X)
        measured[f"{name}_loss"] = float(cross_entropy(logits, records.targets).mean())
        measured[f"{name}_accuracy"] = float((logits.argmax(axis=1) == records.labels).mean())
    return measured


# -------------------------------------------------------------------------------- after it


def _shares(places, part):
    """Whether a batch held a row of the part."""
    return bool(np.isin(places, part.positions).any())


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
        return [entry for entry in estimator._updates if not _shares(entry[0], forget)]
    return None


def _importances_after(estimator, request, trained):
    """What is stored, less the forgotten rows' part; a refit has measured it anew."""
    if trained is not None:
        return trained.importances
    return {
        kind: everyone.without(importance_of(request.network, request.params, request.forget, kind))
        if len(request.forget)
        else everyone
        for kind, everyone in estimator._importances.items()
    }


def _discard_artefacts(estimator):
    """Delete files of this estimator that hold what a forgotten row left in them."""
    notes = []
    for path in map(Path, dict.fromkeys(estimator._artefacts)):
        if not path.exists():
            continue
        told = f"the checkpoint {path} could not be deleted and still holds the old parameters."
        with suppress(OSError):
            path.unlink()
            told = f"the checkpoint {path.name} was deleted."
        notes.append(told)
    return notes
