"""What a privately trained model promises: the other side of what attacks on it find."""

from .._fit_many import last_step
from ..metrics import attack_limits

__all__ = ["promise_of"]


def promise_of(model):
    """Return what a fitted classifier promises of attacks on it, or None where it says nothing.

    Parameters
    ----------
    model : fitted classifier
        One that promises has ``privacy_spent_``, with ``"epsilon"`` and ``"delta"``. An
        ``epsilon_`` alone is no promise: naive Bayes has one that is a variance.

    Returns
    -------
    dict or None
        ``"epsilon"``, ``"delta"``, and what :func:`skqmu.metrics.attack_limits` makes of them.
    """
    spent = getattr(last_step(model), "privacy_spent_", None)
    if spent is None:
        return None
    promised = {name: float(spent[name]) for name in ("epsilon", "delta")}
    return {**promised, **attack_limits(**promised)}
