"""Deletion from class statistics: exact, at a cost that does not depend on the rows that stay."""

from ._certificate import UPSTREAM, Assumption, Certificate
from ._outcome import Outcome
from ._strategy import UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["StatisticsDowndate"]


class StatisticsDowndate(UnlearningStrategy):
    """Take the rows out of the class statistics of a linear loss, and train again on the rest.

    A loss that is linear in expectation values knows the rows by ``S_c = sum w |x><x|`` alone.
    The forgotten rows' share is subtracted, bit by bit what it added, and the circuit is
    trained from the start of the fit with its steps: what `fit` without the rows gives, however
    many rows stay, none of which is looked at.

    "Exact" compares one version of the model with one retrained without the rows: whoever also
    holds the version before the deletion, and its statistics, sees the deleted row's state as
    their difference (:func:`skqmu.attacks.statistics_scores`).

    Notes
    -----
    For ``QNNClassifier(loss="linear")``. The statistics count as stored data: they are in every
    pickle of the estimator, and :meth:`~skqmu.QNNClassifier.release` drops them. Refused where
    the rows' weights or bits are not those that were added, and where the encoding gives other
    states than it gave then (another machine's sines). After a request that retrained with a
    new seed this one goes back to the start of the fit.

    The whole call does not depend on the number of rows with ``report="none"`` (otherwise the
    retained rows are copied and some are measured), but for finding the row among the stored
    ones, which is a comparison a row. Summation form: Cao & Yang 2015 (Towards making systems
    forget with machine unlearning); that the training data of a whole circuit are such a sum
    is ours.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> X = scale(X)
    >>> clf = QNNClassifier(loss="linear", max_iter=5, random_state=0).fit(X, y)
    >>> clf = clf.unlearn(X[:3], strategy="statistics_downdate", report="none")
    >>> without = QNNClassifier(loss="linear", max_iter=5, random_state=0).fit(X[3:], y[3:])
    >>> bool((clf.params_ == without.params_).all())
    True
    """

    kind = "exact"
    source = "Cao & Yang 2015 (summation form)"
    damage = "none"
    formula = "S_c -= sum_f w |x_f><x_f|; train on S"
    advice = "Exact at a cost that no number of rows changes, where a linear loss is model enough."
    requires = frozenset({"forget"})
    refits = True
    classifier_params = {
        "loss": "linear",
        "trainable": "all",
        "observables": "zz",
        "batch_size": "auto",
        "early_stopping": False,
    }

    def check(self, request: UnlearningRequest) -> None:
        view = request.statistics
        name = type(self).__name__
        if view is None:
            raise ValueError(
                f"{name} subtracts from class statistics, and this classifier keeps none; fit "
                "QNNClassifier(loss='linear', ...), or use the strategy 'retrain'."
            )
        if not view.same_encoding:
            raise ValueError(
                f"{name} must subtract what fit added, and rows have other states here: the sines "
                "of this machine or the encoding of this version differ. Send the request where "
                "the model was fitted, or use the strategy 'retrain'."
            )
        if not view.weights_known:
            raise ValueError(
                f"{name} needs the forgotten rows' sample weights, and store_data='none' kept none "
                "of them; fit with store_data='rows' or 'fingerprints', or use the strategy "
                "'retrain'."
            )
        if view.bits_known is False:
            raise ValueError(
                f"{name} must subtract, bit by bit, what fit added, and a row of the request "
                "equals a fitted one up to rounding only. Pass the rows as they were given to fit, "
                "fit with store_data='rows', or use the strategy 'retrain'."
            )

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        view = request.statistics
        fit = view.refit(view.known - view.of_forgotten())
        return Outcome(
            params=fit.params,
            stop_reason=f"statistics downdated and trained on ({fit.stop_reason})",
            n_epochs=len(fit.history),
            n_steps=fit.n_steps,
            history=fit.history,
            refit=fit,
            subtracted=True,
            certificate=Certificate(
                "exact",
                assumptions=[
                    Assumption("rows have the states that fit added", checked=True),
                    Assumption(
                        "the rows are those of fit, bit by bit", checked=bool(view.bits_known)
                    ),
                    Assumption("the rows were trained on", checked=view.members_checked),
                    Assumption(UPSTREAM, checked=False),
                ],
            ),
        )
