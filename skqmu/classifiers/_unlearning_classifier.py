"""`UnlearningClassifier`: train, forget and compare, as one estimator that can be searched."""

import copy
import inspect
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from .._fit_many import last_step
from .._rows import take
from .._searches import in_cross_validation
from .._site_links import SiteLinksMixin
from .._validation import (
    check_is_fitted,
    check_sample_weight,
    refuse_parameters_of_names,
    visual_block,
)
from .._what_to_forget import positions_of
from ..exceptions import UnlearningWarning
from ..unlearning import STRATEGIES, Retrain, resolve_strategy
from ._asked_members import are_members
from ._by_refit import record_of_experiment
from ._experiment import forget_and_end
from ._known_fits import sharing_fits
from ._member_ids import MemberIds, given_ids
from ._meta import (
    aligned_proba,
    as_memory,
    cached_fit,
    cached_fits,
    draw_seed,
    fit_clone,
    forgets,
    with_seed,
)
from ._pipeline import unlearn
from ._release import predict_only
from ._tables import checked_rows, checked_training
from .state import (
    MODEL,
    ExperimentState,
    StateMixin,
    Writing,
    exclusive,
    fitted_state,
    reads,
)

__all__ = ["UnlearningClassifier"]

# Of the draw that "fraction:F" makes, apart from the seeds of models.
_WORDS = (10**6,)


def _has(name):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


def _knows_members(self):
    return getattr(fitted_state(self), "members", None) is not None or _has("is_member")(self)


def _takes_strategies(estimator):
    if not forgets(estimator):
        return False
    last = last_step(estimator)
    return "strategy" in inspect.signature(last.unlearn).parameters


def _warn_nothing(reason):
    warnings.warn(f"{reason}: nothing was forgotten.", UnlearningWarning, stacklevel=4)


def _mask_of_words(forget, X, y, ids, seed):
    """Rows that words mean; in a fold of a search that holds none, no row (the scorers say so)."""
    drawn = int(np.random.SeedSequence(seed.entropy, spawn_key=_WORDS).generate_state(1)[0])
    mask = np.zeros(len(y), dtype=bool)
    try:
        mask[positions_of(forget, y, X=X, ids=ids, random_state=drawn)] = True
    except ValueError:
        if not in_cross_validation():
            raise
    if not mask.any() and not in_cross_validation():
        raise ValueError(f"forget={forget!r} selects no row: there is nothing to forget.")
    return mask


class UnlearningClassifier(
    StateMixin, MetaEstimatorMixin, ClassifierMixin, SiteLinksMixin, BaseEstimator
):
    """Train an estimator, let it forget a part of its data, and keep what to compare with.

    One `fit` is the whole experiment, so that `GridSearchCV`, `cross_validate` and the
    scorers of :mod:`skqmu.metrics` can search over strategies like over anything else.

    Parameters
    ----------
    estimator : classifier
        One that can `unlearn` (or a pipeline that ends in one); with the strategy
        ``"retrain"`` any scikit-learn classifier or pipeline: it keeps its training rows here
        then, and is fitted again without those that are to be forgotten.
    strategy : str or UnlearningStrategy, default="retrain"
        Its parameters are searchable as ``strategy__*``. Set after `fit`, it is the strategy of
        the next call of `unlearn`; what else is set acts at the next `fit`.
    n_oracles : int, default=0
        Models to train from scratch on the retained rows, with fresh seeds: what scorers
        of the gap to retraining compare with.
    memory : str, joblib.Memory or None, default=None
        Caches base fits and oracles by parameters, rows and seed, so that candidates that
        differ in the strategy alone share them. An estimator without a fixed
        `random_state` is not cached. The cache holds models and rows: treat it like the data.
        `unlearn` deletes the entries that this estimator wrote or read.
    n_jobs : int or None, default=None
        For the oracles.
    random_state : int, RandomState instance or None, default=None
        Seeds of the oracles; where it is not None, also of every `random_state` of the
        estimator that is None.

    Attributes
    ----------
    estimator_ : classifier
        After unlearning.
    original_ : classifier
        Before it. What to compare with: it, `oracles_` and the rows below are there from
        `fit` to the first call of `unlearn`.
    oracles_ : list of classifiers
    X_forget_, y_forget_, X_retain_, y_retain_ : ndarray
    classes_ : ndarray of shape (n_classes,)

    Notes
    -----
    `fit` with a mask is an experiment: the rows of the mask are forgotten by `estimator_`, and
    kept beside it, with the model that knew them. `unlearn` is a deletion request, and ends the
    experiment: a model of the forgotten rows, and oracles that were trained on them, must not
    stay and would compare nothing any more. To compare again, fit on the rows that stay.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skqmu import QNNClassifier, UnlearningClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> forget = np.arange(150) < 5
    >>> clf = UnlearningClassifier(QNNClassifier(max_iter=5, random_state=0), n_oracles=1)
    >>> clf = clf.fit(scale(X), y, forget=forget)
    >>> len(clf.X_forget_), len(clf.oracles_)
    (5, 1)
    """

    def __init__(
        self,
        estimator,
        strategy="retrain",
        *,
        n_oracles=0,
        memory=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.n_oracles = n_oracles
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags
        tags.non_deterministic = inner.non_deterministic
        tags.target_tags.single_output = True
        tags.input_tags = inner.input_tags
        return tags

    def set_params(self, **params):
        """Set parameters of this classifier, or of its parts as ``<part>__<parameter>``.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : estimator
        """
        refuse_parameters_of_names(self, params, {"strategy": STRATEGIES})
        return super().set_params(**params)

    @exclusive
    def fit(self, X, y, forget=None, sample_weight=None, ids=None):
        """Train on all rows, then forget those of the mask.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        forget : array-like of bool of shape (n_samples,) or str, default=None
            A mask, because cross-validation slices it with the rows; or words, which every fold
            resolves on its own rows: ``"class:LABEL"``, ``"ids:A,B"``, ``"age >= 65"``,
            ``"fraction:F"`` (see :func:`skqmu.datasets.forget_split`); None: forget nothing.
        sample_weight : array-like of shape (n_samples,), default=None
        ids : array-like of shape (n_samples,) or "index", default=None
            Whose each row is, so that words here and requests later may name ids. An estimator
            that forgets must take them in its own ``fit``.

        Returns
        -------
        self : object

        Warns
        -----
        UnlearningWarning
            The mask names no row (a fold without any).
        """
        with Writing(self) as work, sharing_fits():
            work.model._fit(X, y, forget, sample_weight, ids)
            work.commit()
        return self

    def _checked_strategy(self):
        """The strategy; refuses one that the estimator cannot carry out, and wrong numbers."""
        strategy = resolve_strategy(self.strategy)
        if not isinstance(strategy, Retrain) and not _takes_strategies(self.estimator):
            raise TypeError(
                f"estimator={type(self.estimator).__name__} has no method unlearn that takes a "
                f"strategy, so strategy={self.strategy!r} cannot be carried out; use "
                "strategy='retrain' or a QNN classifier of skqmu."
            )
        if not isinstance(self.n_oracles, int | np.integer) or self.n_oracles < 0:
            raise ValueError(f"n_oracles={self.n_oracles!r} must be an integer >= 0.")
        return strategy

    def _fit(self, X, y, forget, sample_weight, ids):
        strategy = self._checked_strategy()
        memory = as_memory(self.memory)
        ids = None if ids is None else given_ids(ids, X, "rows")
        self._check_ids_are_taken(ids)
        X, y = checked_training(self, X, y)
        check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        root = draw_seed(self.random_state)
        if isinstance(forget, str):
            forget = _mask_of_words(forget, X, y, ids, root)
        mask = self._checked_mask(forget, len(y))
        classes = np.unique(y)
        staying = ~mask
        weights = None if sample_weight is None else sample_weight[staying]
        X_forget, X_retain = take(X, mask), take(X, staying)

        base_seed, *seeds = root.spawn(1 + self.n_oracles)
        base = self.estimator
        if self.random_state is not None:
            base = with_seed(base, base_seed, only_unset=True)
        known = [ids] if ids is not None and forgets(base) else []
        original, cached = cached_fit(memory, base, X, y, classes, sample_weight, *known)
        if not mask.any():
            unlearned = original
        elif forgets(self.estimator):
            unlearned = copy.deepcopy(original)
            self._forget(unlearned, X, y, mask, sample_weight, strategy)
        else:
            unlearned = fit_clone(base, X_retain, y[staying], classes, weights)
        oracles = [with_seed(self.estimator, seed) for seed in seeds]
        fitted = cached_fits(
            memory, oracles, X_retain, y[staying], classes, weights, n_jobs=self.n_jobs
        )
        earlier = getattr(fitted_state(self), "cached_fits", ())
        entries = [*earlier, cached, *(entry for _, entry in fitted)]
        kept = {repr(entry): entry for entry in entries if entry is not None}
        refits = self._refitting(base, X, y, sample_weight, mask, ids)
        self._become(
            ExperimentState(
                cached_fits=tuple(kept.values()),
                mask_ids=None if ids is None else MemberIds.of(ids[mask]),
                **refits,
            ),
            original_=original,
            estimator_=unlearned,
            oracles_=[oracle for oracle, _ in fitted],
            X_forget_=X_forget,
            y_forget_=y[mask],
            X_retain_=X_retain,
            y_retain_=y[staying],
            classes_=classes,
        )

    def _refitting(self, base, X, y, sample_weight, mask, ids):
        """State for a model that cannot forget itself: what to fit anew, and on which rows."""
        self._drop("unlearning_log_")
        if forgets(self.estimator):
            return {}
        labels = np.unique(y, return_inverse=True)[1]
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        members = record_of_experiment(X, labels, weights, mask, ids)
        self._become(ExperimentState(), unlearning_log_=[])
        return {"base": clone(base), "members": members}

    def _check_ids_are_taken(self, ids):
        """Refuse ids that a model which forgets by itself would not know."""
        last = last_step(self.estimator)
        if ids is None or not forgets(last) or "ids" in inspect.signature(last.fit).parameters:
            return
        raise TypeError(
            f"ids= must be known to the model that forgets, and {type(last).__name__}.fit takes "
            "none; leave them out, or use a classifier of skqmu."
        )

    @staticmethod
    def _forget(model, X, y, mask, sample_weight, strategy):
        trained = mask if sample_weight is None else mask & (sample_weight > 0)
        if not trained.any():
            _warn_nothing("every row of the mask has zero weight and was never trained on")
            return
        request = {"strategy": strategy} if _takes_strategies(model) else {}
        last = model.steps[-1][1] if hasattr(model, "steps") else model
        if getattr(last, "store_data", "rows") == "rows":
            # By position: a copy that the mask does not name stays, as it does for oracles.
            unlearn(model, index=np.flatnonzero(trained), **request)
            return
        staying = ~mask
        unlearn(
            model,
            take(X, trained),
            y[trained],
            X_retain=take(X, staying),
            y_retain=y[staying],
            **request,
        )

    @staticmethod
    def _checked_mask(forget, n_rows):
        if forget is None:
            return np.zeros(n_rows, dtype=bool)
        mask = np.asarray(forget)
        if mask.dtype != bool:
            raise ValueError(
                "forget must be a boolean mask over the rows, or words for them; got dtype "
                f"{mask.dtype}. Positions would not be sliced by cross-validation: use mask = "
                "np.isin(np.arange(len(X)), positions)."
            )
        if mask.shape != (n_rows,):
            raise ValueError(f"forget has shape {mask.shape}; expected ({n_rows},).")
        if mask.all():
            raise ValueError("forget names every row; at least one must be retained.")
        if not mask.any():
            _warn_nothing("forget names no row (a fold without any?)")
        return mask

    @exclusive
    def unlearn(self, X_forget=None, y_forget=None, *, timeout=None, **request):
        """Honour a deletion request, and end the experiment.

        By the strategy that is set now; other parameters that are set after `fit`, those of
        `estimator` among them, act at the next `fit`. Requests from several threads are
        carried out one after another.

        Parameters
        ----------
        X_forget : array-like of shape (k, n_features) or str, default=None
            Rows, or words for them; see `fit`.
        y_forget : array-like of shape (k,), default=None
        timeout : float or None, default=None
            Seconds to wait while another thread changes this estimator; None: as long as it
            takes.
        **request : dict
            ``index=``, ``ids=`` and more, as for the classifier's own `unlearn`; the strategy is
            this one's by default.

        Returns
        -------
        self : object
            Without what `fit` kept to compare with: `original_`, `oracles_` and the rows, and
            without the entries of the cache. The log says what was dropped and what could not
            be reached.

        Warns
        -----
        UnlearningWarning
            The rows are those of the mask, which `fit` forgot: what was kept of them is dropped.
        """
        check_is_fitted(self, "estimator_")
        if _takes_strategies(self.estimator_):
            request.setdefault("strategy", self.strategy)
        with Writing(self) as work:
            known = forget_and_end(work, X_forget, y_forget, request)
        if known:
            warnings.warn(
                "the rows were forgotten by fit(forget=); what was kept of them to compare with "
                "was dropped now.",
                UnlearningWarning,
                stacklevel=2,
            )
        return self

    def _logger(self):
        """The model whose log is this one's."""
        return self if "unlearning_log_" in vars(self) else last_step(self.estimator_)

    def _sk_visual_block_(self):
        return visual_block(estimator=self.estimator, strategy=self.strategy)

    @reads
    def release(self):
        """A copy that only predicts: what one deploys.

        Returns
        -------
        UnlearningClassifier
            Without rows, without what `fit` kept to compare with, and with the released copy of
            `estimator_` where its class has ``release``. It cannot `unlearn`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import QNNClassifier, UnlearningClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = UnlearningClassifier(QNNClassifier(max_iter=2, random_state=0))
        >>> released = clf.fit(X, y, forget=np.arange(150) < 5).release()
        >>> released.predict(X).shape, hasattr(released, "original_")
        ((150,), False)
        """
        check_is_fitted(self, "estimator_")
        copied = clone(self).set_params(memory=None)
        copied._become(
            ExperimentState(),
            estimator_=predict_only(self.estimator_),
            **{name: vars(self)[name] for name in MODEL if name in vars(self)},
        )
        return copied

    @property
    def unlearning_log_(self):
        """Log of the fitted estimator; of the requests to this one, where that cannot forget."""
        check_is_fitted(self, "estimator_")
        own = vars(self).get("unlearning_log_")
        return last_step(self.estimator_).unlearning_log_ if own is None else own

    @available_if(_knows_members)
    @reads
    def is_member(self, X, y=None):
        """Which rows the unlearned model was trained on and has not forgotten.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None

        Returns
        -------
        ndarray of bool of shape (n_samples,)
        """
        check_is_fitted(self, "estimator_")
        if fitted_state(self).members is not None:
            return are_members(self, X, y)
        return self.estimator_.is_member(X, y)

    @reads
    def predict(self, X):
        """Classes, by the model after unlearning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(checked_rows(self, X))

    @available_if(_has("predict_proba"))
    @reads
    def predict_proba(self, X):
        """Probabilities of `classes_`, by the model after unlearning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            A class that the model does not know has probability 0.
        """
        check_is_fitted(self, "estimator_")
        return aligned_proba(self.estimator_, checked_rows(self, X), self.classes_)
