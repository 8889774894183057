"""Retraining on what stays: the exact mechanism, and everyone's reference."""

from .._validation import StrOptions
from ._certificate import UPSTREAM, Assumption, Certificate
from ._outcome import Outcome
from ._strategy import UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["Retrain"]


class Retrain(UnlearningStrategy):
    """Fit again on the retained rows, with the class list fixed.

    Parameters
    ----------
    random_state : {"new", "same"}, default="new"
        ``"new"``: fresh seeds, so that the result is one draw of what training without the
        rows gives; ``"same"``: the seeds of the original fit, so that it equals ``fit`` on
        the retained rows bit by bit.

    Notes
    -----
    "Exact" compares one version of the model with one retrained without the rows: whoever also
    holds the version before the deletion may tell who was deleted.

    Exact by construction for everything inside the estimator. Steps of a pipeline before
    it, hyper-parameters chosen with the rows, copies of the model elsewhere, and values that
    a front-end was given (frozen, or as its start) are beyond its reach and named in the log.

    Examples
    --------
    >>> from skqmu.unlearning import Retrain
    >>> Retrain().kind
    'exact'
    """

    kind = "exact"
    source = "reference"
    damage = "none"
    formula = "fit on D_r"
    advice = "The reference, and the default: affordable here."
    refits = True
    keeps_privacy = True
    _parameter_constraints = {"random_state": [StrOptions({"new", "same"})]}

    def __init__(self, random_state: str = "new"):
        self.random_state = random_state

    @property
    def requires(self) -> frozenset[str]:
        return frozenset({"retain"})

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        seed = None if self.random_state == "same" else request.seed
        fit = request.refit(seed)
        return Outcome(
            params=fit.params,
            stop_reason=f"retrained from scratch ({fit.stop_reason})",
            n_epochs=len(fit.history),
            n_steps=fit.n_steps,
            history=fit.history,
            refit=fit,
            certificate=Certificate("exact", assumptions=[Assumption(UPSTREAM, checked=False)]),
        )
