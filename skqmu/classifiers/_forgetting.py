"""What a classifier that can forget offers: `unlearn`, `is_member`, `release`."""

from .._validation import check_choice, check_is_fitted
from ..unlearning import resolve_strategy
from ._asked_members import are_members, ids_of
from ._known_fits import forget_known_fits
from ._log_trimming import TrimmingMixin
from ._many_requests import unlearn_many
from .deletion import (
    REPORTS,
    ByStrategy,
    RequestArguments,
    Watching,
    carry_out,
    predicting_copy,
)
from .state import Writing, exclusive, fitted_state, reads

__all__ = ["ForgettingMixin"]


class ForgettingMixin(TrimmingMixin):
    """Deletion requests on a fitted classifier with a member record."""

    unlearn_many = staticmethod(unlearn_many)

    @exclusive
    def unlearn(
        self,
        X_forget=None,
        y_forget=None,
        *,
        index=None,
        ids=None,
        X_retain=None,
        y_retain=None,
        X_reference=None,
        y_reference=None,
        strategy=None,
        fingerprint_key=None,
        report="sample",
        watch=None,
        stop_when=None,
        timeout=None,
    ):
        """Honour a deletion request.

        Name the rows by `X_forget` (every copy of each is forgotten, with a warning where they
        are more than the rows named; `y_forget` restricts the copies by label), by `index`
        (positions in the data given to `fit`), by `ids` (every row of each), or in words.

        Parameters
        ----------
        X_forget : array-like of shape (k, n_features) or str, default=None
            Rows, or, with ``store_data="rows"``, words for them: ``"class:LABEL"``,
            ``"ids:A,B"``, ``"ids:@FILE"``, ``"x0 >= 1.5"`` (columns of the rows that this
            classifier was given), ``"fraction:F"``; see :func:`skqmu.datasets.forget_split`.
        y_forget : array-like of shape (k,), default=None
        index : array-like of int, or of bool over the `fit` data, default=None
        ids : sequence of hashable, default=None
            Ids that were given to ``fit(ids=)``. With ``store_data="fingerprints"`` beside
            `X_forget`, which must hold all rows of theirs.
        X_retain : array-like of shape (m, n_features), default=None
            The rows that stay, where the classifier does not store them.
        y_retain : array-like of shape (m,), default=None
        X_reference : array-like, default=None
            Rows that were never trained on, for stop rules; default: `fit`'s validation
            part, if there is one.
        y_reference : array-like, default=None
        strategy : str or UnlearningStrategy, default=None
            For this request; None: the parameter `unlearning`.
        fingerprint_key : bytes, default=None
            The key given to `fit`, with ``store_data="fingerprints"``.
        report : {"none", "sample", "full"}, default="sample"
            How many rows are measured before and after, for the log: none; at most 200 of the
            forgotten and 200 of the retained ones; or all. (What a guard looks at is none of
            it.) With ``"full"`` the log also keeps every epoch of the mechanism.
        watch : callable, default=None
            Called as ``watch(epoch, model)`` before the request (epoch 0) and after each epoch of
            whatever it trains, with a model that only predicts. It sees everything and changes
            nothing, noise included; the log says, as ``watched``, what it took. It cannot end the
            run. See :func:`skqmu.metrics.unlearning_curve`.
        stop_when : StopWhen, default=None
            Ends the mechanism's run after the epoch at which a metric passes a bound, on rows that
            the mechanism may see; see :class:`skqmu.unlearning.StopWhen`.
        timeout : float or None, default=None
            Seconds to wait while another thread changes this estimator; None: as long as it
            takes.

        Returns
        -------
        self : object
            `unlearning_log_` has a new entry; `classes_` keeps a forgotten class.

        Raises
        ------
        NotATrainingSampleError
            Rows (or ids) that were never trained on; their positions are in its ``rows``.
        AlreadyForgottenError
            Rows (or ids) that were forgotten before.
        MemberRecordError, ValueError
            The request cannot be honoured with what is stored and passed.
        BusyError
            The time to wait is over.

        Notes
        -----
        A row that was trained on bit for bit means its exact copies. Any other means the nearest
        row within 1e-9 of each column's own size, and what equals that up to rounding: an
        upstream step gives one row other last bits than many. Whole numbers must be equal.

        Nothing changes unless all of it succeeds. A strategy that diverges, is interrupted or
        comes to the end of a budget leaves everything as it was but for an entry in the log,
        which says what was spent. Requests from several threads are carried out one after
        another; predictions meanwhile are the old model's.

        What `set_params` has set since `fit` acts at the next `fit`: a refit has the values that
        the classifier was fitted with. `backend`, `unlearning` and `verbose` act at once.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import QNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = QNNClassifier(max_iter=3, random_state=0).fit(X, y)
        >>> clf = clf.unlearn(X[:2])  # retrains, by default
        >>> clf = clf.unlearn(index=[7, 9], strategy="fine_tune")
        >>> [(entry["strategy"], entry["kind"]) for entry in clf.unlearning_log_]
        [('Retrain', 'exact'), ('FineTune', 'approximate')]
        >>> clf.unlearn(X[:1])
        Traceback (most recent call last):
            ...
        skqmu.exceptions.AlreadyForgottenError: 1 of 1 rows are already forgotten (rows 0); ...
        """
        check_is_fitted(self, "params_")
        check_choice("report", report, REPORTS)
        with Writing(self, fitted_params=True) as work:
            work.model._check_parameters()
            chosen = resolve_strategy(
                work.model.unlearning if strategy is None else strategy,
                "unlearning" if strategy is None else "strategy",
            )
            rows = RequestArguments(
                *(X_forget, y_forget, index),
                *(X_retain, y_retain),
                *(X_reference, y_reference),
                fingerprint_key,
                ids,
            )
            with work.model._backend().session():
                watching = Watching(watch, stop_when)
                carry_out(work, ByStrategy(work.model, chosen, rows, report, watching))
        return self

    @reads
    def is_member(self, X, y=None, *, fingerprint_key=None):
        """Which rows the model was trained on and has not forgotten.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Count a row only if it was trained on with this label.
        fingerprint_key : bytes, default=None
            As for `unlearn`.

        Returns
        -------
        ndarray of bool of shape (n_samples,)

        Raises
        ------
        MemberRecordError
            No record is kept.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import QNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = QNNClassifier(max_iter=3, random_state=0).fit(X[:100], y[:100])
        >>> clf.is_member(X[98:102]).tolist()
        [True, True, False, False]
        """
        check_is_fitted(self, "params_")
        return are_members(self, X, y, fingerprint_key)

    @property
    @reads
    def ids_(self):
        """Ids of the rows that are remembered, one a row; None without ids, or of hashed ones."""
        check_is_fitted(self, "params_")
        return ids_of(self)

    @reads
    def release(self):
        """A copy that only predicts: what one deploys.

        Returns
        -------
        estimator
            Without member record, optimizer state, history or log. It cannot `unlearn`.

        Examples
        --------
        >>> import pickle
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import QNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> X = X + 1 / 7  # numbers that are found in no other place
        >>> clf = QNNClassifier(max_iter=3, random_state=0).fit(X, y)
        >>> released = pickle.dumps(clf.release())
        >>> any(value.tobytes() in released for value in X.ravel())
        False
        """
        check_is_fitted(self, "params_")
        forget_known_fits()
        return predicting_copy(self, fitted_state(self).noise.spawn())
