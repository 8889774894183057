"""Steps and classifier of a pipeline, fitted anew on the rows that stay: all of it, or nothing."""

import inspect
import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples, column_or_1d

from ..exceptions import NotATrainingSampleError, UnlearningWarning
from ..unlearning import UPSTREAM, Assumption, Certificate, Retrain
from ._base import BaseUnlearningClassifier
from ._deletion import clear_leftovers, files_of
from ._given import assuming, given_parts, notes_on, reach_of
from ._log_entry import LogEntry
from ._members import tell_of_copies
from ._request import prepared_request
from ._shards import RemovedModels
from ._state import Writing, exclusive

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
    _check_request(last, X_retain, y_retain, sample_weight, request)
    told = _unlearn(
        last, steps, X_forget, y_forget, X_retain, y_retain, sample_weight, caches, request
    )
    for message in told:
        warnings.warn(message, UnlearningWarning, stacklevel=3)


@exclusive
def _unlearn(last, steps, X_forget, y_forget, X_retain, y_retain, sample_weight, caches, request):
    """Carry the request out while nobody else changes the classifier; returns warnings."""
    clear_leftovers(last)
    entry = LogEntry("Retrain", Retrain("same").get_params(deep=False), "exact", upstream="refit")
    spent = []
    with Writing(last, fitted_params=True) as work:
        try:
            asked = (X_forget, y_forget, X_retain, y_retain, request)
            about_copies = _checked(steps, work.model, entry, *asked)
            new_steps, new_last = clone(steps), clone(work.model)
            spent.append(new_last)
            Z = new_steps.fit_transform(X_retain, y_retain) if len(steps.steps) else X_retain
            _fit_last(new_last, last, Z, y_retain, sample_weight, request)
            told = _told_of(steps, caches)
            entry.done(
                **_facts_of(steps, new_last),
                notes=[*about_copies, *_notes(steps, new_last, len(y_retain)), *told],
            )
            new_last.unlearning_log_ = [*last.unlearning_log_, entry.facts]
            _leave_files(work.model, new_last)
            # in place: whoever holds a step must not keep the old one by accident
            changed = [
                (step, dict(vars(fresh)))
                for (_, step), (_, fresh) in zip(steps.steps, new_steps.steps, strict=True)
                if hasattr(step, "fit")
            ]
            work.become(new_last, beside=changed)
        except BaseException as error:
            if work.committed or entry.is_none(error):
                raise
            cost = next((m.fit_cost_ for m in spent if hasattr(m, "fit_cost_")), None)
            if isinstance(error, Exception) and cost is None:
                raise  # it came before any training: nothing is to be accounted for
            work.log(entry.failed(error, cost=cost))
            raise
    clear_leftovers(last)
    return told


def _facts_of(steps, new_last):
    """What the log says of a pipeline that was fitted anew."""
    given = given_parts(new_last)
    return {
        "n_epochs": getattr(new_last, "n_iter_", None),
        "stop_reason": f"retrained from scratch ({getattr(new_last, 'stop_reason_', 'fitted')})",
        "history": getattr(new_last, "history_", []),
        "certificate": assuming(_certificate(steps), given),
        "cost": getattr(new_last, "fit_cost_", None),
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
    fit_params = {} if sample_weight is None else {"sample_weight": sample_weight}
    if "classes" in inspect.signature(new_last.fit).parameters:
        fit_params["classes"] = last.classes_
    if request.get("fingerprint_key") is not None:
        fit_params["fingerprint_key"] = request["fingerprint_key"]
    if getattr(new_last, "checkpoint", None) is not None:
        new_last.checkpoint = None  # the file is the old model's until everything has worked
    new_last.fit(Z, y, **fit_params)


def _certificate(steps):
    assumption = UPSTREAM if _frozen(steps) else _CHOSEN
    return Certificate("exact", assumptions=[Assumption(assumption, checked=False)])


def _frozen(steps):
    return [name for name, step in _all_leaves(steps) if isinstance(step, FrozenEstimator)]


def _told_of(steps, caches):
    told = []
    if frozen := _frozen(steps):
        told.append(f"frozen steps were left as they are: {', '.join(frozen)}.")
    if caches:
        told.append(
            "the pipeline's cache (memory=) still holds steps fitted on the forgotten rows; "
            "clear it."
        )
    return told


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
    known = {"index"} if hasattr(last, "_entries") else {"index", "fingerprint_key"}
    if unknown := sorted(set(request) - known):
        raise TypeError(
            f"unlearn takes no {', '.join(unknown)} with upstream='refit' and a "
            f"{type(last).__name__}; besides the rows it takes {', '.join(sorted(known))} and "
            "sample_weight."
        )
    record = getattr(last, "_members", None)
    if sample_weight is None and record is not None and len(record) and np.ptp(record.weights):
        raise ValueError(
            "the classifier was fitted with unequal weights; pass sample_weight=, of X_retain."
        )
    if sample_weight is not None and "sample_weight" not in inspect.signature(last.fit).parameters:
        raise ValueError(f"{type(last).__name__}.fit takes no sample_weight.")


def _checked(steps, last, entry, X_forget, y_forget, X_retain, y_retain, request):
    """Write down whom a request concerns that was found to be right; returns notes on copies."""
    by_order = request.get("index") is not None and cross_fitted(steps)
    if X_forget is not None and len(steps.steps) and _num_samples(X_forget):
        X_forget = steps.transform(X_forget)
    Z = X_retain
    if by_order:
        Z = None
    elif len(steps.steps):
        Z = steps.transform(X_retain)
    with explained(steps):
        if isinstance(last, BaseUnlearningClassifier):
            found = _asked(last, X_forget, y_forget, Z, None if by_order else y_retain, **request)
        elif hasattr(last, "_entries"):
            found = _asked_of_shards(last, X_forget, y_forget, Z, y_retain, **request)
        else:
            raise TypeError(
                f"upstream='refit' checks the request against the member record of the last "
                f"step, and {type(last).__name__} has none that it knows; end the pipeline in a "
                "classifier of skqmu (not in a search or UnlearningClassifier around it)."
            )
    forgotten, staying, n_more = found
    about_copies = tell_of_copies(n_more, len(forgotten))
    if by_order and not np.array_equal(last.classes_[staying], np.asarray(y_retain)):
        raise ValueError(
            f"{', '.join(by_order)} makes it impossible to recognise rows, so X_retain is checked "
            f"by its labels, and they are not those of the {len(staying)} rows that stay, in the "
            "order of fit."
        )
    entry.found(
        n_more=n_more,
        n_forget=len(forgotten),
        n_retain=len(y_retain),
        classes_removed=last.classes_[np.setdiff1d(forgotten, staying)].tolist(),
        notes=about_copies,
    )
    return about_copies


def _asked(last, X_forget, y_forget, Z, y_retain, *, index=None, fingerprint_key=None):
    """Label columns of the rows that go and of those that stay; how many are unnamed copies."""
    forget, retain, _, _ = prepared_request(
        last, Retrain(), (X_forget, y_forget, index), (Z, y_retain), (None, None), fingerprint_key
    )
    return forget.labels, retain.labels, forget.n_more


def _asked_of_shards(last, X_forget, y_forget, Z, y_retain, *, index=None):
    record = last._record()
    entries, n_more = last._entries(X_forget, y_forget, index)
    staying = np.setdiff1d(np.arange(len(record)), entries)
    if Z is not None:
        staying = record.find(np.asarray(Z, dtype=float), np.searchsorted(last.classes_, y_retain))
        shared = np.intersect1d(staying, entries)
        if len(shared):
            raise ValueError(
                f"{len(shared)} rows of X_retain are among those to forget; a row is either "
                "forgotten or retained (every copy of a forgotten row is forgotten)."
            )
    if not len(staying):
        raise ValueError("the request names all rows; delete the estimator instead.")
    return record.labels[entries], record.labels[staying], n_more


def _leave_files(last, new_last):
    """Let the new model name the old one's files, to be deleted when it is in place."""
    if isinstance(last, BaseUnlearningClassifier):
        files = files_of(last)
        new_last._leftovers = files
        paths = {file.path for file in files}
        for file in new_last._artefacts:
            if file.path in paths:
                file.let_go()
    else:
        removed = [
            [model for slices in each.models_ for model in slices] for each in (last, new_last)
        ]
        new_last._leftovers = (RemovedModels(*removed, last._folder),)
