"""Deletion from a model that never told whether a row was there."""

from numbers import Real

from .._validation import Interval
from ..privacy import DifferentialPrivacy, group_privacy
from ._certificate import UPSTREAM, Assumption, Certificate
from ._outcome import Outcome
from ._privacy_view import PrivacyView
from ._strategy import UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["PrivateByTraining"]


class PrivateByTraining(UnlearningStrategy):
    """Change nothing: private training has promised already what a deletion asks for.

    A fit with `privacy` gives the same parameters, up to (epsilon, delta), whether one row's
    place is empty or not. Of m rows that is (m epsilon, delta sum_{i<m} e^{i epsilon}), m
    counting copies and all rows deleted in this way since the fit. The row leaves the member
    record; parameters, and with them every answer, stay as they are, so that nobody who holds
    two versions sees a difference.

    Parameters
    ----------
    max_epsilon : float or None, default=None
        What the certificate may come to; a request beyond it is refused. None: any, while
        delta is below 1.

    Notes
    -----
    The certificate is about the parameters, which is what
    :meth:`~skqmu.QNNClassifier.release` gives away. Loss curve and log, of which training took
    no care, still come from the deleted rows and stay with the estimator. What is compared with
    is training with the rows' places empty and the public number of rows unchanged
    (:class:`skqmu.privacy.DifferentialPrivacy`).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.privacy import DifferentialPrivacy
    >>> X, y = load_iris(return_X_y=True)
    >>> privacy = DifferentialPrivacy(epsilon=1.0, delta=1e-5, classes="public")
    >>> clf = QNNClassifier(privacy=privacy, max_iter=5).fit(X, y)
    >>> clf = clf.unlearn(X[:2], strategy="private_by_training")
    >>> certificate = clf.unlearning_log_[-1]["certificate"]
    >>> certificate["kind"], round(certificate["epsilon"], 2)
    ('certified', 2.0)
    """

    kind = "certified"
    source = "Dwork & Roth 2014, theorem 2.2 (group privacy); Abadi et al. 2016 (training)"
    damage = "none"
    formula = "theta stays; (m eps, delta sum_{i<m} e^{i eps})"
    advice = "Nothing to do, where training was private: the price was paid in accuracy."
    requires = frozenset({"forget"})
    keeps_privacy = True
    classifier_params = {"privacy": DifferentialPrivacy(0.2, delta=1e-8, classes="public")}
    _parameter_constraints = {"max_epsilon": [Interval(Real, 0, None, closed="neither"), None]}

    def __init__(self, max_epsilon: float | None = None):
        self.max_epsilon = max_epsilon

    def check(self, request: UnlearningRequest) -> None:
        view = request.privacy
        name = type(self).__name__
        if view is None:
            raise ValueError(
                f"{name} rests on private training, and this classifier was not trained so; fit "
                "QNNClassifier(privacy=DifferentialPrivacy(...)), or use the strategy 'retrain'."
            )
        m, epsilon, delta = self._promised(view, request)
        told = f"{m} deleted rows, copies and earlier ones counted, come to epsilon={epsilon:.4g}"
        way_out = "Use the strategy 'retrain', which spends another private fit."
        if delta >= 1:
            raise ValueError(
                f"{name} promises nothing any more: {told} at delta={delta:.3g}, and a delta of 1 "
                f"allows everything. {way_out}"
            )
        if self.max_epsilon is not None and epsilon > self.max_epsilon:
            raise ValueError(
                f"{name}(max_epsilon={self.max_epsilon:g}) allows less: {told}. {way_out}"
            )

    def _promised(self, view: PrivacyView, request: UnlearningRequest) -> tuple[int, float, float]:
        record, m = view.record, view.record.n_deleted + len(request.forget)
        return m, *group_privacy(record.epsilon, record.plan.delta, m)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        view = request.privacy
        m, epsilon, delta = self._promised(view, request)
        return Outcome(
            params=request.params,
            stop_reason="private by training: nothing to change",
            log_holds=True,
            notes=[
                f"the promise is about {m} rows, all that were deleted since the fit; loss curve, "
                "history and log are not private and stay with this estimator: release() drops "
                "them."
            ],
            certificate=Certificate(
                "certified",
                epsilon=epsilon,
                delta=delta,
                assumptions=[
                    Assumption(
                        "the rows are all those that were trained on under this name, copies among "
                        "them",
                        checked=view.members_checked,
                    ),
                    Assumption(
                        "what is given away is the released model: no loss, log or score",
                        checked=False,
                    ),
                    Assumption("no request was chosen by looking at the model", checked=False),
                    Assumption(UPSTREAM, checked=False),
                ],
            ),
        )
