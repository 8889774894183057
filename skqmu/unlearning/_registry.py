"""Strategies by name."""

from .._validation import resolve
from ._ascent import GradientAscent
from ._base import UnlearningStrategy
from ._relabel import LabelComplement
from ._retrain import Retrain

__all__ = ["STRATEGIES", "resolve_strategy"]

STRATEGIES = {
    "gradient_ascent": GradientAscent,
    "label_complement": LabelComplement,
    "retrain": Retrain,
}


def resolve_strategy(value, name="strategy"):
    """Turn a name into a strategy with its defaults; pass a strategy through.

    Parameters
    ----------
    value : str or UnlearningStrategy
    name : str, default="strategy"
        The parameter that `value` was given as, for messages.

    Returns
    -------
    UnlearningStrategy

    Examples
    --------
    >>> from skqmu.unlearning import resolve_strategy
    >>> resolve_strategy("retrain")
    Retrain()
    """
    strategy = resolve(name, value, STRATEGIES, UnlearningStrategy)
    strategy.validate()
    return strategy
