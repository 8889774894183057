"""A deletion request to `UnlearningClassifier`: the model forgets, and the experiment ends."""

import copy
from contextlib import suppress

import numpy as np
from sklearn.utils.validation import _num_samples

from .._fit_many import last_step
from .._ids import ids_of_text
from .._row_layout import same_rows
from .._rows import as_table
from .._what_to_forget import parsed
from ..exceptions import AlreadyForgottenError, NotATrainingSampleError
from ._by_refit import ByRefit
from ._member_ids import AskedIds
from ._meta import ForgottenFits, forgets
from ._pipeline import unlearn
from .deletion import carry_out
from .state import changing_along, fitted_state, share_files

__all__ = ["forget_and_end"]

# What `fit` keeps to compare with, and a deletion request drops.
_EXPERIMENT = ("original_", "oracles_", "X_forget_", "y_forget_", "X_retain_", "y_retain_")


class _End:
    """The end of an experiment: a model in place, and all that knows forgotten rows dropped.

    Parameters
    ----------
    work : Writing
        On the `UnlearningClassifier`.
    model : fitted classifier
        That a request goes to.
    """

    def __init__(self, work, model):
        self.work = work
        self.model = model

    def places(self):
        """What is put in place at the moment at which the model changes: (object, dict)."""
        self._prepared()
        return self.work.places()

    def commit(self):
        """Put it in place now: the model is another library's, or had nothing to change."""
        self._prepared()
        self.work.commit()

    def _prepared(self):
        ended = self.work.model
        ended._become(estimator_=self.model, **_ended(ended))


def _ended(experiment):
    """Drop from a working copy what was kept to compare with; returns changes of its state."""
    dropped = [name for name in _EXPERIMENT if name in vars(experiment)]
    experiment._drop(*dropped)
    leftovers = [_Dropped(dropped)] if dropped else []
    if cached := fitted_state(experiment).cached_fits:
        leftovers.append(ForgottenFits(cached))
    return {"cached_fits": (), "leftovers": tuple(leftovers), "mask_ids": None}


class _Dropped:
    """What an experiment has kept and has no longer, to be told when it is over.

    Parameters
    ----------
    names : list of str
        Of attributes.
    """

    def __init__(self, names):
        self.names = names

    def discard(self):
        """What is to be said about it, a list of str."""
        return [
            f"the experiment ended with the request: {', '.join(self.names)}, which hold or know "
            "rows, were dropped; to compare again, fit on the rows that stay."
        ]


def forget_and_end(work, X_forget, y_forget, request):
    """Carry out a request to the model of an experiment, and end the experiment with it.

    Parameters
    ----------
    work : Writing
        On the `UnlearningClassifier`.
    X_forget, y_forget, request
        Of its `unlearn`.

    Returns
    -------
    bool
        Whether the rows had been forgotten by `fit`, so that only what was kept of them went.
    """
    experiment = work.estimator
    model, original = experiment.estimator_, getattr(experiment, "original_", None)
    if not forgets(model):
        _check_known(work.estimator, request)
        return _refit_and_end(work, X_forget, y_forget, **request)
    if model is original:
        model = copy.deepcopy(original)
    if original is not None:
        share_files(last_step(model), last_step(original))
    end = _End(work, model)
    refused = None
    try:
        # Where the model is ours, both change at the same moment.
        with changing_along(last_step(model), end.places):
            unlearn(model, X_forget, y_forget, **request)
    except BaseException as error:
        # Those of the mask are strangers to the model, not to what is kept beside it.
        if (
            isinstance(error, NotATrainingSampleError)
            and original is not None
            and _names_the_mask(experiment, X_forget, request, error)
        ):
            refused = error
        else:
            if not work.committed:
                _keep_failure(work, model)
            raise
    if not work.committed:
        end.commit()
    return refused is not None


def _check_known(experiment, request):
    """Refuse what a model that cannot forget by itself has no use for."""
    for name, value in request.items():
        if name not in ("index", "ids"):
            raise TypeError(
                f"{name}={value!r}: {type(experiment.estimator).__name__} has no unlearn, so that "
                "UnlearningClassifier fits it again without the rows; a request takes X_forget, "
                "y_forget, index and ids."
            )


def _refit_and_end(work, X_forget=None, y_forget=None, *, index=None, ids=None):
    """The same for a model that cannot forget itself: it is fitted again without the rows."""
    try:
        carry_out(work, ByRefit(work.model, (X_forget, y_forget, index, None, ids), _ended))
    except NotATrainingSampleError as error:
        experiment = work.estimator
        if not _names_the_mask(experiment, X_forget, {"index": index, "ids": ids}, error):
            raise
        _End(work, experiment.estimator_).commit()
        return True
    return False


def _names_the_mask(experiment, X, request, error):
    """Whether all rows of a request that the model refused are rows of the mask."""
    if not hasattr(experiment, "X_forget_"):
        return False
    asked = _asked_ids(X, request.get("ids"))
    if asked is not None:
        n_asked = len(asked.ids)
    elif isinstance(X, str):
        return False
    elif X is None:
        index = np.asarray(request.get("index"))
        n_asked = index.sum() if index.dtype == bool else len(np.unique(index))
    else:
        n_asked = _num_samples(X)
    if len(error.rows) < n_asked:
        return False  # the model knows the others: it must forget them first
    if isinstance(error, AlreadyForgottenError):
        return True
    if asked is not None:
        known = fitted_state(experiment).mask_ids
        return known is not None and all(map(len, known.entries(asked)[0]))
    return X is not None and bool(same_rows(as_table(X), experiment.X_forget_).all())


def _asked_ids(X, ids):
    """Ids that a request names, as they are or in words; None where it names rows."""
    if ids is not None:
        return AskedIds.of(ids)
    if isinstance(X, str) and (said := parsed(X, "X_forget")).kind == "ids":
        return AskedIds(ids_of_text(said.value, name="X_forget"), written=True)
    return None


def _keep_failure(work, model):
    """Keep a copy that failed, where its log says what was spent."""
    with suppress(AttributeError):  # an estimator of another kind may have no log
        if len(last_step(model).unlearning_log_) > len(work.estimator.unlearning_log_):
            work.model._become(estimator_=model)
            work.commit()
