"""`trim_log`: a log that does not grow without end, where something else keeps its entries."""

from .._validation import check_is_fitted
from .state import Writing, exclusive

__all__ = ["TrimmingMixin"]


class TrimmingMixin:
    """What drops entries of `unlearning_log_`."""

    @exclusive
    def trim_log(self, keep=0):
        """Drop all but the last entries of `unlearning_log_`.

        For a service that keeps them elsewhere (:class:`skqmu.ledger.DeletionLedger`): they are a
        part of every file of the model, and saving it takes longer with each.

        Parameters
        ----------
        keep : int, default=0
            How many of the last ones stay.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            `keep` is no whole number from 0.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import QNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = QNNClassifier(max_iter=3, random_state=0).fit(X, y)
        >>> clf = clf.unlearn(index=[0]).unlearn(index=[1]).trim_log(keep=1)
        >>> len(clf.unlearning_log_)
        1
        """
        check_is_fitted(self, "unlearning_log_")
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
            raise ValueError(f"keep={keep!r} must be a whole number from 0.")
        with Writing(self) as work:
            log = work.model.unlearning_log_
            work.model._become(unlearning_log_=log[max(0, len(log) - keep) :])
            work.commit()
        return self
