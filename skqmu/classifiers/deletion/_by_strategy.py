"""A request to a classifier that holds a circuit, honoured by one of the strategies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from ...exceptions import MemberRecordError, TrainingDivergedError, UnlearningError
from ...training import Records
from ...unlearning import (
    Outcome,
    PrivacyView,
    RequestRows,
    Trainer,
    UnlearningRequest,
    guarded,
    importance_of,
    stop_source,
    tolerance_of,
)
from .._fitting import (
    REQUESTS,
    FitData,
    make_records,
    make_solver,
    resolved_batch_size,
    scaled_weights,
)
from .._head import head_view
from .._one_fit import fit_result
from ..state import fitted_state
from ._after import request_checkpoint, state_after
from ._carry_out import Done, Found, Way
from ._given import assuming, given_parts, notes_on, reach_of
from ._log_entry import LogEntry, digest_of, shortened
from ._meant_rows import forget_rows, reference_rows, retain_rows
from ._measures import Report, Spending
from ._sums import scaled_by_statistics, statistics_view
from ._watched import Watching

__all__ = ["ByStrategy", "RequestArguments", "possible_request"]

# What the log says of a request that was carried out: as it was meant; short of the
# mechanism's target; or at the cost of rows that stay.
_HONOURED = ("done", "short of target", "damaged")


@dataclass(frozen=True)
class RequestArguments:
    """Rows of a request, as they were passed; see `unlearn`."""

    X_forget: object = None
    y_forget: object = None
    index: object = None
    X_retain: object = None
    y_retain: object = None
    X_reference: object = None
    y_reference: object = None
    fingerprint_key: object = None
    ids: object = None

    def found_in(self, estimator, *, retained=True):
        """The rows that are meant: to forget, to retain and to compare with (`MeantRows`).

        Parameters
        ----------
        estimator : fitted classifier
        retained : bool, default=True
            Whether somebody looks at stored rows that stay: they are many.
        """
        key = self.fingerprint_key
        forget = forget_rows(estimator, self.X_forget, self.y_forget, self.index, key, self.ids)
        retain = None
        if retained or self.X_retain is not None or self.y_retain is not None:
            retain = retain_rows(estimator, forget, self.X_retain, self.y_retain, key)
        reference = reference_rows(estimator, forget, self.X_reference, self.y_reference, key)
        return forget, retain, reference


def possible_request(estimator, strategies, arguments):
    """What each strategy says to a request.

    Parameters
    ----------
    estimator : fitted classifier
    strategies : iterable of UnlearningStrategy
    arguments : RequestArguments

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
    rows = arguments.found_in(estimator)
    request = _request(estimator, *rows, Watching())
    refusals = []
    for strategy in strategies:
        try:
            _check_data_at_hand(estimator, strategy, *rows[1:])
            strategy.check(request)
            refusals.append(None)
        except (MemberRecordError, ValueError) as error:
            refusals.append(error)
    forget, retain, _ = rows
    n_retain = None if retain is None else len(retain)
    return len(forget), n_retain, refusals, stop_source(request)


class ByStrategy(Way):
    """A request to a classifier that holds a circuit.

    Parameters
    ----------
    model : classifier
        Working copy.
    strategy : UnlearningStrategy
    arguments : RequestArguments
    report : {"none", "sample", "full"}
    watching : Watching or None, default=None
        Who follows the epochs; None: nobody.
    """

    def __init__(self, model, strategy, arguments, report, watching=None):
        self.watching = Watching() if watching is None else watching
        self.model = model
        self.strategy = strategy
        self.arguments = arguments
        self.report = report
        self.spending = None

    def entry(self):
        strategy = self.strategy
        return LogEntry(type(strategy).__name__, strategy.get_params(deep=False), strategy.kind)

    def match(self):
        self.spending = Spending(self.model._network())
        retained = (
            fitted_state(self.model).statistics is None
            or self.report != "none"
            or "retain" in self.strategy.requires
        )
        forget, retain, reference = self.arguments.found_in(self.model, retained=retained)
        _check_data_at_hand(self.model, self.strategy, retain, reference)
        self.watching.check(self.strategy, reference)
        request = _request(self.model, forget, retain, reference, self.watching)
        self.strategy.check(request)
        return Found(
            n_forget=len(forget),
            n_more=forget.n_more,
            n_retain=None if retain is None else len(retain),
            classes_removed=self.model.classes_[request.removed_classes].tolist(),
            asked=(forget, retain, request),
            facts=forget.facts,
        )

    def carry_out(self, found):
        forget, retain, request = found.asked
        state = fitted_state(self.model)
        positions = None if retain is None else retain.trained_positions
        report = Report(request, self.report, state.seed)
        with self.spending.measuring():
            judged = self.strategy.kind == "approximate"
            baseline = report.begin(state.baseline, positions, judged=judged)
            if tolerance_of(self.strategy) is not None:
                request = _with_yardstick(request, baseline, positions)
        request = request.replace(watch=self.watching.on(self.model, request))
        try:
            outcome = self._outcome(request)
        except TrainingDivergedError as error:
            raise UnlearningError(
                f"{type(self.strategy).__name__} diverged and nothing was changed: {error}"
            ) from error
        with self.spending.measuring():
            measures = report.end(outcome.params)
        changes, notes = state_after(self.model, forget, retain, request, outcome)
        # An exact or certified result is what later requests are judged by, as a fit is.
        changes["baseline"] = None if baseline is None else baseline.without(forget.positions)
        facts = self._facts(request, outcome)
        notes = [*outcome.notes, *notes, *notes_on(given_parts(self.model))]
        return Done({**measures, **facts}, notes, changes)

    def costs(self):
        return {} if self.spending is None else self.spending.by_now()

    def _outcome(self, request):
        """What the strategy did, if it did what it claims and left what it must."""
        outcome = _run(self.model, self.strategy, request)
        _check_claim(self.strategy, outcome)
        # A refit brings circuit weights of its own, which its head was fitted to.
        if outcome.refit is None:
            outcome = replace(outcome, params=request.settled(outcome.params))
        if not np.isfinite(outcome.params).all():
            raise TrainingDivergedError(
                f"{type(self.strategy).__name__} gave non-finite parameters."
            )
        _check_statistics(self.strategy, request, outcome)
        return outcome

    def _facts(self, request, outcome):
        """What the log says of an outcome."""
        given = given_parts(self.model)
        origins = [] if request.head is None else [request.head.origin]
        history = outcome.history if self.report == "full" else shortened(outcome.history)
        return {
            "status": _status(outcome),
            "reference": outcome.reference,
            "target_reached": outcome.target_reached,
            "harm": None if outcome.harm is None else asdict(outcome.harm),
            "n_epochs": outcome.n_epochs,
            "n_steps": outcome.n_steps,
            "stop_reason": outcome.stop_reason,
            "history": history,
            "digests": [digest_of(self.model), digest_of(outcome.params)],
            "certificate": assuming(outcome.certificate, given, origins),
            "beyond_reach": reach_of(given),
            **self.watching.facts(),
        }


def _run(model, strategy, request):
    if len(request.forget) == 0 and "forget" in strategy.requires:
        return Outcome(
            params=request.params,
            stop_reason="nothing to unlearn",
            notes=[
                "the rows belonged to fit's validation part: they chose the epoch, and no gradient "
                "ever saw them; the parameters are unchanged."
            ],
            log_holds=True,
            head_state=fitted_state(model).head_state,
        )
    return guarded(strategy, request)


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


def _check_statistics(strategy, request, outcome):
    """Refuse a result whose sums, still those of before, would hold the forgotten rows."""
    fit = outcome.refit
    if request.statistics is not None and (fit is None or fit.statistics is None):
        raise UnlearningError(
            f"{type(strategy).__name__} says that it refits and brought no class statistics, of "
            "which a model with loss='linear' consists; nothing was changed. Return "
            "Outcome(refit=request.refit(None)) or that of request.statistics.refit."
        )


def _status(outcome):
    if outcome.harm is not None and outcome.harm.beyond:
        return "damaged"
    return "short of target" if outcome.target_reached is False else "done"


def _with_yardstick(request, baseline, positions):
    if baseline is None or request.retain is None or not len(request.retain):
        return request
    yardstick = baseline.yardstick(request.network, request.retain, positions)
    if yardstick is not None and len(request.removed_classes):
        network, removed = request.network, request.removed_classes
        yardstick = yardstick.without_classes(network, request.params, removed)
    return replace(request, yardstick=yardstick)


# ------------------------------------------------------------------- what the strategy sees


def _check_data_at_hand(estimator, strategy, retain, reference):
    state = fitted_state(estimator)
    if state.statistics is not None and not strategy.refits:
        raise ValueError(
            f"{type(strategy).__name__} moves weights, and a model with loss='linear' also keeps "
            "sums over its rows, which would still hold those to forget. Use "
            "'statistics_downdate', which subtracts them and costs the same for any number of "
            "rows, or 'retrain'."
        )
    if state.privacy is not None and not strategy.keeps_privacy:
        raise ValueError(
            f"{type(strategy).__name__} moves weights by rows without noise, and "
            f"{type(estimator).__name__}(privacy=...) has promised that no row shows. Use "
            "'private_by_training', which changes nothing and has a certificate, or 'retrain', "
            "which spends another private fit."
        )
    missing = strategy.requires - {"forget"}
    if retain is not None:
        missing -= {"retain"}
    if reference is not None:
        missing -= {"reference"}
    if retain is not None or strategy.importance_kinds <= set(state.importances):
        missing -= {"importance"}
    if state.updates is not None:
        missing -= {"update_log"}
    if state.structure.get("objective_noise"):
        missing -= {"objective_noise"}
    if not missing:
        return
    raise MemberRecordError(
        f"{type(strategy).__name__} needs {', '.join(sorted(missing))} data, which "
        f"{type(estimator).__name__}(store_data={estimator.store_data!r}) does not have: "
        + "; ".join(_WAYS_OUT[name] for name in sorted(missing))
        + "."
    )


_WAYS_OUT: Mapping[str, str] = {
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


def _request(estimator, forget, retain, reference, watching):
    state = fitted_state(estimator)
    n_classes = len(estimator.classes_)
    parts = [part for part in (forget, retain) if part is not None]
    records = _records_of(estimator, parts)
    # Failed attempts do not count: asked again, a request makes the same draws.
    number = sum(entry["status"] in _HONOURED for entry in estimator.unlearning_log_)
    network = estimator._network()
    trainable = estimator._trainable_mask(network)
    validation = reference is not None and reference.entries is not None
    solved = state.structure.get("trainable") == "head"

    def importance(kind, params):
        if retain is None:
            return state.importances[kind]
        recorded = state.members.mode != "none"
        seen = np.concatenate([~part.held_out for part in parts]) if recorded else slice(None)
        return importance_of(network, params, records[seen], kind, wanted=trainable)

    return UnlearningRequest(
        network=network,
        params=estimator.params_,
        seed=np.random.SeedSequence(state.seed, spawn_key=(REQUESTS + number,)),
        rows=RequestRows(
            forget=_trained_on(records[: len(forget)], forget),
            retain=None if retain is None else _trained_on(records[len(forget) :], retain),
            reference=None if reference is None else _plain_records(reference, n_classes),
            removed_classes=_removed_classes(state, forget, retain),
            reference_source="validation" if validation else "given",
        ),
        trainer=_trainer(estimator, (forget, retain), len(records), importance, watching),
        trainable=trainable,
        head=head_view(estimator, network, forget, retain) if solved else None,
        statistics=None
        if state.statistics is None
        else statistics_view(estimator, forget, watching.hooks),
        privacy=_privacy_view(state),
    )


def _privacy_view(state):
    if state.privacy is None:
        return None
    return PrivacyView(state.privacy, members_checked=state.members.mode != "none")


def _records_of(estimator, parts):
    """Rows of all parts as training saw them."""
    everything = FitData(
        X=np.concatenate([part.X for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        n_classes=len(estimator.classes_),
    )
    class_weight, classes = estimator.class_weight, estimator.classes_
    record = fitted_state(estimator).members
    if fitted_state(estimator).statistics is not None:
        records = Records(everything.X, np.eye(len(classes))[everything.labels], everything.weights)
        return records.replace(weights=scaled_by_statistics(estimator, parts))
    if record.mode == "none":
        return make_records(everything, class_weight, classes)
    # The scale that training used: relative to all rows, not to those at hand.
    entries = np.concatenate([part.entries for part in parts])
    records = make_records(everything, None, classes)
    weights = scaled_weights(record.labels, record.weights, class_weight, classes)
    return records.replace(weights=weights[entries])


def _trainer(estimator, parts, n_rows, importance, watching):
    """What a strategy may do with the classifier."""
    forget, retain = parts
    state = fitted_state(estimator)

    def refit(seed):
        seed = np.random.SeedSequence(state.seed) if seed is None else seed
        data = FitData(retain.X, retain.labels, retain.weights, len(estimator.classes_))
        own = {"checkpoint": request_checkpoint(estimator), "watching": watching.hooks()}
        return fit_result(estimator, data, seed, **own)

    return Trainer(
        learning_rate_init=estimator.learning_rate_init,
        batch_size=resolved_batch_size(estimator, n_rows),
        solver=lambda rate: make_solver(estimator, rate),
        refit=refit,
        importance=importance,
        updates=[step for places, step in state.updates or () if forget.are_in(places)],
        fit_loss=float(getattr(estimator, "loss_", np.nan)),
        alpha=float(estimator.alpha),
    )


def _trained_on(records, part):
    return records if part.held_out is None else records[~part.held_out]


def _plain_records(part, n_classes):
    data = FitData(part.X, part.labels, part.weights, n_classes)
    return make_records(data, None, np.arange(n_classes))


def _removed_classes(state, forget, retain):
    record = state.members
    if state.statistics is not None:
        counts = np.array(state.statistics.counts)
        left = counts - np.bincount(forget.labels, minlength=len(counts))
        return np.setdiff1d(forget.labels, np.flatnonzero(left > 0))
    if record.mode != "none":
        staying = np.delete(record.labels, forget.entries)
    elif retain is not None:
        staying = retain.labels
    else:
        return np.zeros(0, dtype=int)  # unknown: nothing says that the class is gone
    return np.setdiff1d(forget.labels, staying)
