"""Steps and classifier of a pipeline, fitted anew on the rows that stay: all of it, or nothing."""

import inspect
import warnings
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples, column_or_1d

from .._fit_many import fit_one
from ..exceptions import MemberRecordError, NotATrainingSampleError, UnlearningWarning
from ..unlearning import UPSTREAM, Assumption, Certificate, Retrain
from ._meta import ForgottenFits
from ._shards import RemovedModels, entries_beyond
from .deletion import (
    Done,
    Found,
    LogEntry,
    Way,
    assuming,
    carry_out,
    digest_of,
    entries_in_order,
    files_of,
    forget_rows,
    given_parts,
    notes_on,
    reach_of,
    retain_rows,
    shortened,
)
from .state import CircuitState, ShardedState, Writing, exclusive, fitted_state, kept_files

__all__ = ["explained", "flat_pipeline", "nested_pipelines", "refit"]

_CHOSEN = "no hyper-parameter was chosen with the forgotten rows"


def nested_pipelines(pipeline):
    """Yield the pipeline, the pipeline that is its last step, and so on."""
    while isinstance(pipeline, Pipeline):
        yield pipeline
        pipeline = pipeline.steps[-1][1]


def flat_pipeline(pipeline):
    """Return one pipeline of the same steps (the same objects), its last one no pipeline."""
    steps = []
    prefix = ""
    for part in nested_pipelines(pipeline):
        steps += [(f"{prefix}{name}", step) for name, step in part.steps[:-1]]
        name, last = part.steps[-1]
        name, prefix = f"{prefix}{name}", f"{prefix}{name}."
    return Pipeline([*steps, (name, last)])


def _leaves(name, step):
    """Yield (name, transformer) of a step taken apart, those without a fit left out."""
    if isinstance(step, Pipeline):
        parts = step.steps
    elif isinstance(step, FeatureUnion):
        parts = step.transformer_list
    elif isinstance(step, ColumnTransformer):
        parts = [(inner, part) for inner, part, _ in step.transformers]
    else:
        if hasattr(step, "fit"):
            yield name, step
        return
    for inner, part in parts:
        yield from _leaves(f"{name}.{inner}", part)


def _all_leaves(steps):
    return [leaf for name, step in steps.steps for leaf in _leaves(name, step)]


def cross_fitted(steps):
    """Names of the steps whose ``fit_transform`` is not ``fit`` and then ``transform``.

    There is no tag for it. A transformer that needs labels and has a ``fit_transform`` of its
    own has it to keep a row's label out of the row (cross-fitting).
    """
    return [
        f"{name} ({type(step).__name__})"
        for name, step in _all_leaves(steps)
        if hasattr(step, "__sklearn_tags__")
        and not isinstance(step, FrozenEstimator)
        and get_tags(step).target_tags.required
        and getattr(type(step), "fit_transform", None) is not TransformerMixin.fit_transform
    ]


@contextmanager
def explained(steps):
    """Context in which rows that are not found are explained by a step, where one may be why."""
    try:
        yield
    except NotATrainingSampleError as error:
        names = cross_fitted(steps)
        if not names:
            raise
        raise NotATrainingSampleError(
            f"{error} A step may be why: {', '.join(names)} makes of a row something else in "
            "fit than afterwards, so the classifier was trained on other numbers. Name the rows "
            "by index= (positions in the data given to fit), and leave X_retain out or, with "
            "upstream='refit', pass it in the order of fit.",
            rows=error.rows,
        ) from error


def refit(
    steps,
    last,
    X_forget,
    y_forget,
    *,
    caches=False,
    X_retain=None,
    y_retain=None,
    sample_weight=None,
    **request,
):
    """Fit all steps anew on the rows that stay; commit only when everything has worked.

    Parameters
    ----------
    steps : Pipeline
        The fitted steps before `last`; changed in place, as `last` is.
    last : fitted classifier with ``unlearn``
    caches : bool, default=False
        Whether the user's pipeline has a cache.
    X_forget, y_forget, X_retain, y_retain, sample_weight, request
        See :func:`skqmu.unlearn`.
    """
    timeout = request.pop("timeout", None)
    _check_request(last, X_retain, y_retain, sample_weight, request)
    going, staying = (X_forget, y_forget), (X_retain, y_retain, sample_weight)
    _unlearn(last, steps, going, staying, request, caches, timeout=timeout)
    for message in _about(steps, caches):
        warnings.warn(message, UnlearningWarning, stacklevel=3)


@exclusive
def _unlearn(last, steps, going, staying, request, caches, *, timeout=None):
    """Carry the request out while nobody else changes the classifier."""
    with Writing(last, fitted_params=True) as work:
        carry_out(work, ByRefit(steps, last, work.model, going, staying, request, caches))


class ByRefit(Way):
    """A request to a pipeline whose steps are fitted anew with its classifier.

    Parameters
    ----------
    steps : Pipeline
        Before `last`.
    last, model : classifier, and its working copy
    going : tuple
        ``(X_forget, y_forget)``.
    staying : tuple
        ``(X_retain, y_retain, sample_weight)``.
    request : dict
        ``index``, ``ids`` and ``fingerprint_key``, where they are given.
    caches : bool
    """

    def __init__(self, steps, last, model, going, staying, request, caches):
        self.steps = steps
        self.last = last
        self.model = model
        self.going = going
        self.staying = staying
        self.request = request
        self.caches = caches
        self.refitted = None

    def entry(self):
        params = Retrain("same").get_params(deep=False)
        return LogEntry("Retrain", params, "exact", upstream="refit")

    def match(self):
        X_retain, y_retain, _ = self.staying
        steps, by_order = self.steps, self._by_order()
        X_forget, y_forget = self.going
        rows = X_forget is not None and not isinstance(X_forget, str)
        if rows and len(steps.steps) and _num_samples(X_forget):
            X_forget = steps.transform(X_forget)
        Z = None
        if not by_order:
            Z = steps.transform(X_retain) if len(steps.steps) else X_retain
        with explained(steps):
            forget, retain = self._rows(X_forget, y_forget, Z, None if by_order else y_retain)
        classes = self.model.classes_
        if by_order and not np.array_equal(classes[retain.labels], np.asarray(y_retain)):
            raise ValueError(
                f"{', '.join(by_order)} makes it impossible to recognise rows, so X_retain is "
                "checked by its labels, and they are not those of the "
                f"{len(retain)} rows that stay, in the order of fit."
            )
        return Found(
            n_forget=len(forget),
            n_more=forget.n_more,
            n_retain=len(y_retain),
            classes_removed=classes[np.setdiff1d(forget.labels, retain.labels)].tolist(),
            asked=self._ids_that_stay(forget, retain, Z, y_retain),
            facts=forget.facts,
        )

    def _ids_that_stay(self, forget, retain, Z, y_retain):
        """Whose each row of `X_retain` is (`MemberIds`); None where nobody knows."""
        ids = fitted_state(self.model).members.ids
        if ids is None:
            return None
        if Z is None:  # in the order of fit
            return ids.taken(retain.entries)
        key = self.request.get("fingerprint_key")
        return ids.taken(entries_in_order(self.model, forget, Z, y_retain, key))

    def _by_order(self):
        """Steps that let no row be recognised, where the request goes by positions."""
        by_position = any(self.request.get(name) is not None for name in ("index", "ids"))
        return cross_fitted(self.steps) if by_position else []

    def _rows(self, X_forget, y_forget, Z, y_retain):
        key = self.request.get("fingerprint_key")
        if not isinstance(fitted_state(self.model), CircuitState | ShardedState):
            raise TypeError(
                f"upstream='refit' checks the request against the member record of the last "
                f"step, and {type(self.model).__name__} has none that it knows; end the pipeline "
                "in a classifier of skqmu (not in a search or UnlearningClassifier around it)."
            )
        how = self.request.get("index"), key, self.request.get("ids")
        forget = forget_rows(self.model, X_forget, y_forget, *how)
        retain = retain_rows(self.model, forget, Z, y_retain, key)
        if retain is None:
            raise MemberRecordError(
                "index= (or ids=) with a step that cross-fits needs the rows in the order of fit, "
                f"and store_data={self.model.store_data!r} keeps none; fit with store_data='rows'."
            )
        return forget, retain

    def carry_out(self, found):
        X_retain, y_retain, sample_weight = self.staying
        steps, new_steps = self.steps, clone(self.steps)
        new_last = self.refitted = clone(self.model)
        Z = new_steps.fit_transform(X_retain, y_retain) if len(steps.steps) else X_retain
        _fit_last(new_last, self.last, Z, y_retain, sample_weight, self.request)
        # in place: whoever holds a step must not keep the old one by accident
        changed = [
            (step, dict(vars(fresh)))
            for (_, step), (_, fresh) in zip(steps.steps, new_steps.steps, strict=True)
            if hasattr(step, "fit")
        ]
        notes = [*_notes(steps, new_last, len(y_retain)), *_about(steps, self.caches)]
        facts = _facts_of(steps, self.model, new_last)
        changes = {"leftovers": _leftovers(self.model, new_last)}
        if found.asked is not None:
            members = fitted_state(new_last).members
            ids = found.asked.taken(members.positions)
            changes["members"] = replace(members, ids=ids)
        return Done(facts, notes, changes, fresh=new_last, beside=changed)

    def costs(self):
        cost = getattr(self.refitted, "fit_cost_", None)
        return None if cost is None else {"cost": cost}


def _facts_of(steps, last, new_last):
    """What the log says of a pipeline that was fitted anew."""
    given = given_parts(new_last)
    return {
        "n_epochs": getattr(new_last, "n_iter_", None),
        "stop_reason": f"retrained from scratch ({getattr(new_last, 'stop_reason_', 'fitted')})",
        "history": shortened(getattr(new_last, "history_", [])),
        "digests": [digest_of(last), digest_of(new_last)],
        "certificate": assuming(_certificate(steps), given),
        "beyond_reach": reach_of(given),
    }


def _notes(steps, new_last, n_rows):
    names = ", ".join(name for name, _ in steps.steps) or "none"
    return [
        f"steps fitted anew on the {n_rows} rows that stay: {names}; the classifier retrained on "
        "what they make of the rows. Positions count in X_retain from here on.",
        *notes_on(given_parts(new_last)),
    ]


def _fit_last(new_last, last, Z, y, sample_weight, request):
    key = request.get("fingerprint_key")
    more = {} if key is None else {"fingerprint_key": key}
    if getattr(new_last, "checkpoint", None) is not None:
        # The file is the old model's until everything has worked.
        new_last.set_params(checkpoint=None)
    fit_one(new_last, Z, y, sample_weight, last.classes_, **more)


def _certificate(steps):
    assumption = UPSTREAM if _frozen(steps) else _CHOSEN
    return Certificate("exact", assumptions=[Assumption(assumption, checked=False)])


def _frozen(steps):
    return [name for name, step in _all_leaves(steps) if isinstance(step, FrozenEstimator)]


def _about(steps, caches):
    notes = []
    if frozen := _frozen(steps):
        notes.append(f"frozen steps were left as they are: {', '.join(frozen)}.")
    if caches:
        notes.append(
            "the pipeline's cache (memory=) still holds steps fitted on the forgotten rows; "
            "clear it."
        )
    return notes


def _check_request(last, X_retain, y_retain, sample_weight, request):
    if X_retain is None or y_retain is None:
        raise ValueError(
            "upstream='refit' needs X_retain and y_retain, the raw rows that stay: the pipeline "
            "does not keep what it was fitted on, and the classifier's record holds rows as the "
            "old steps made them."
        )
    if _num_samples(X_retain) != len(column_or_1d(y_retain)):
        raise ValueError(
            f"X_retain has {_num_samples(X_retain)} rows and y_retain {len(y_retain)} labels."
        )
    strategy = request.pop("strategy", None)
    if strategy is not None and strategy != "retrain" and type(strategy).__name__ != "Retrain":
        raise ValueError(
            f"strategy={strategy!r} starts from weights fitted to the old steps' coordinates; "
            "upstream='refit' retrains the classifier: leave strategy out."
        )
    if request.pop("X_reference", None) is not None or request.pop("y_reference", None) is not None:
        raise ValueError("X_reference is of no use with upstream='refit', which only retrains.")
    sharded = isinstance(fitted_state(last), ShardedState)
    known = {"index", "ids"} if sharded else {"index", "ids", "fingerprint_key"}
    if unknown := sorted(set(request) - known):
        raise TypeError(
            f"unlearn takes no {', '.join(unknown)} with upstream='refit' and a "
            f"{type(last).__name__}; besides the rows it takes {', '.join(sorted(known))} and "
            "sample_weight."
        )
    record = getattr(fitted_state(last), "members", None)
    if sample_weight is None and record is not None and len(record) and np.ptp(record.weights):
        raise ValueError(
            "the classifier was fitted with unequal weights; pass sample_weight=, of X_retain."
        )
    if sample_weight is not None and "sample_weight" not in inspect.signature(last.fit).parameters:
        raise ValueError(f"{type(last).__name__}.fit takes no sample_weight.")


def _leftovers(last, new_last):
    """Files of the old model, for the new one to delete when it is in place."""
    if isinstance(fitted_state(last), CircuitState):
        files = files_of(last)
        paths = {file.path for file in files}
        for file in kept_files(new_last):
            if file.path in paths:
                file.let_go()
        return files
    both = last, new_last
    removed = [[model for slices in each.models_ for model in slices] for each in both]
    stale = entries_beyond(*(fitted_state(each).cached_fits for each in both))
    models = RemovedModels(*removed, fitted_state(last).folder)
    return (models, *[ForgottenFits(stale)] * bool(stale))
