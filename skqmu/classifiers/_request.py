"""From the arguments of a deletion request to what a strategy sees; nothing is changed."""

from dataclasses import dataclass, replace

import numpy as np

from .._matching import RowLaw, match_rows
from .._validation import validate_data
from ..exceptions import MemberRecordError
from ..unlearning import (
    RequestRows,
    Trainer,
    UnlearningRequest,
    importance_of,
    stop_source,
)
from ._fitting import (
    REQUESTS,
    FitData,
    make_records,
    make_solver,
    resolved_batch_size,
    scaled_weights,
)
from ._members import more_than_named

__all__ = ["HONOURED", "possible_request", "prepared_request", "shares_rows"]

# What the log says of a request that was carried out: as it was meant; short of the
# mechanism's target; or at the cost of rows that stay.
HONOURED = ("done", "short of target", "damaged")


@dataclass(frozen=True)
class _Part:
    """Rows with their record entries (None where there is no record).

    `n_more` of them were not named: they are copies of rows that were.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    entries: np.ndarray | None = None
    held_out: np.ndarray | None = None
    positions: np.ndarray | None = None
    n_more: int = 0

    def __len__(self):
        return len(self.X)


def possible_request(
    estimator,
    strategies,
    X_forget,
    y_forget,
    *,
    index=None,
    X_retain=None,
    y_retain=None,
    X_reference=None,
    y_reference=None,
    fingerprint_key=None,
):
    """What each strategy says to a request.

    Returns
    -------
    n_forget : int
    n_retain : int or None
        None: no retained rows are at hand.
    refusals : list of (MemberRecordError or ValueError or None)
        None: the strategy could honour the request.
    source : str
        What a stop rule would go by.

    Raises
    ------
    ValueError
        The request is wrong by itself.
    """
    parts = _parts(
        estimator,
        (X_forget, y_forget, index),
        (X_retain, y_retain),
        (X_reference, y_reference),
        fingerprint_key,
    )
    request, _ = _request(estimator, *parts)
    refusals = []
    for strategy in strategies:
        try:
            _check_data_at_hand(estimator, strategy, *parts[1:])
            strategy.check(request)
            refusals.append(None)
        except (MemberRecordError, ValueError) as error:
            refusals.append(error)
    forget, retain, _ = parts
    n_retain = None if retain is None else len(retain)
    return len(forget), n_retain, refusals, stop_source(request)


def prepared_request(estimator, strategy, forget, retain, reference, fingerprint_key):
    """Find the rows and check that the strategy has what it needs; change nothing."""
    parts = _parts(estimator, forget, retain, reference, fingerprint_key)
    _check_data_at_hand(estimator, strategy, *parts[1:])
    request, refitted = _request(estimator, *parts)
    strategy.check(request)
    return parts[0], parts[1], request, refitted


def _parts(estimator, forget, retain, reference, fingerprint_key):
    forget = _forget_part(estimator, *forget, fingerprint_key)
    retain = _retain_part(estimator, forget, *retain, fingerprint_key)
    return forget, retain, _reference_part(estimator, forget, *reference, fingerprint_key)


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

    n_more = 0
    if X is None:
        entries = record.locate(index)
    else:
        matches = record.meant(X, labels, key)
        entries, n_more = np.unique(np.concatenate(matches)), more_than_named(matches)
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
    return replace(_part_of_record(record, entries, X), n_more=n_more)


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
        shared = [i for i, m in enumerate(match_rows(X, forget.X, RowLaw.of(X))) if len(m)]
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
        # A copy of a held-out row may have been trained on.
        copies = record.match(record.X[entries])
        entries = entries[[bool(record.held_out[c].all()) for c in copies]]
        return _part_of_record(record, entries, record.X[entries]) if len(entries) else None
    if y is None:
        raise ValueError("X_reference= needs y_reference=: stop rules compare within a class.")
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = estimator._encoded(y, len(X), "y_reference")
    if record.mode != "none":
        members = [
            i
            for i, entries in enumerate(record.match(X, key))
            if not record.held_out[entries].all() or np.isin(entries, forget.entries).any()
        ]
        if members:
            raise ValueError(
                f"{len(members)} rows of X_reference were trained on or are to be forgotten (rows "
                f"{members[:5]}); the stop rule compares with records that the model never saw."
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
    records = _records_of(estimator, parts)
    # Failed attempts do not count: asked again, a request makes the same draws.
    number = sum(entry["status"] in HONOURED for entry in estimator.unlearning_log_)
    network = estimator._network()
    trainable = estimator._trainable_mask(network)
    validation = reference is not None and reference.entries is not None

    def importance(kind, params):
        if retain is None:
            return estimator._importances[kind]
        recorded = estimator._members.mode != "none"
        seen = np.concatenate([~part.held_out for part in parts]) if recorded else slice(None)
        return importance_of(network, params, records[seen], kind, wanted=trainable)

    trainer, refitted = _trainer(estimator, forget, retain, len(records), importance)
    request = UnlearningRequest(
        network=network,
        params=estimator.params_,
        seed=np.random.SeedSequence(estimator._seed, spawn_key=(REQUESTS + number,)),
        rows=RequestRows(
            forget=_trained(records[: len(forget)], forget),
            retain=None if retain is None else _trained(records[len(forget) :], retain),
            reference=None if reference is None else _plain_records(reference, n_classes),
            removed_classes=_removed_classes(estimator, forget, retain),
            reference_source="validation" if validation else "given",
        ),
        trainer=trainer,
        trainable=trainable,
        head=estimator._head_view(network, forget, retain),
    )
    return request, refitted


def _records_of(estimator, parts):
    """Rows of all parts as training saw them."""
    everything = FitData(
        X=np.concatenate([part.X for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        n_classes=len(estimator.classes_),
    )
    if estimator._members.mode == "none":
        return make_records(everything, estimator.class_weight, estimator.classes_)
    # The scale that training used: relative to all rows, not to those at hand.
    entries = np.concatenate([part.entries for part in parts])
    records = make_records(everything, None, estimator.classes_)
    return records.replace(weights=_training_weights(estimator)[entries])


def _trainer(estimator, forget, retain, n_rows, importance):
    """What a strategy may do with the classifier, and a dict that receives the run of a refit."""
    refitted = {}

    def refit(seed):
        seed = np.random.SeedSequence(estimator._seed) if seed is None else seed
        data = FitData(retain.X, retain.labels, retain.weights, len(estimator.classes_))
        refitted["trained"] = estimator._trained(data, seed)
        return refitted["trained"].run

    trainer = Trainer(
        learning_rate_init=estimator.learning_rate_init,
        batch_size=resolved_batch_size(estimator, n_rows),
        solver=lambda rate: make_solver(estimator, rate),
        refit=refit,
        importance=importance,
        updates=[step for places, step in estimator._updates or () if shares_rows(places, forget)],
        fit_loss=float(getattr(estimator, "loss_", np.nan)),
    )
    return trainer, refitted


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


def shares_rows(places, part):
    """Whether a batch held a row of the part."""
    return bool(np.isin(places, part.positions).any())
