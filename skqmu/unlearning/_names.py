"""Strategies by name."""

from .._registry import NamedClasses
from .._validation import resolve
from ._strategy import UnlearningStrategy

__all__ = ["STRATEGIES", "resolve_strategy"]

STRATEGIES = NamedClasses("skqmu.unlearning", UnlearningStrategy)


def resolve_strategy(value: str | UnlearningStrategy, name: str = "strategy") -> UnlearningStrategy:
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
