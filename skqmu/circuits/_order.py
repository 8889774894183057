"""The order of parameters: by name as people number them, vectors by their places."""

import re
from collections.abc import Iterable

from qiskit.circuit import Parameter

__all__ = ["named_as_data", "natural_order", "stem"]

_DIGITS = re.compile(r"(\d+)")
_NUMBER = re.compile(r"[\[_]?\d+\]?$")
# What people call the parameters that hold features ("x" is what qiskit's feature maps do).
_DATA = {"x", "data", "input", "inputs", "feature", "features"}


def natural_order(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Return parameters in the order of their names, ``x2`` before ``x10``.

    Elements of a vector stand by their places in it.

    Examples
    --------
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.circuits._order import natural_order
    >>> [p.name for p in natural_order(map(Parameter, ["x10", "x2", "a", "x1"]))]
    ['a', 'x1', 'x2', 'x10']
    """
    return sorted(parameters, key=_key)


def _key(parameter):
    vector = getattr(parameter, "vector", None)
    name = parameter.name if vector is None else vector.name
    # A text is followed by a number and so on: like is compared with like.
    parts = [int(p) if i % 2 else p for i, p in enumerate(_DIGITS.split(name))]
    return parts, -1 if vector is None else parameter.index, parameter.name


def stem(parameter: Parameter) -> str:
    """Return the name of a parameter's vector, or its own name without the number at its end."""
    vector = getattr(parameter, "vector", None)
    return _NUMBER.sub("", parameter.name) if vector is None else vector.name


def named_as_data(parameter: Parameter) -> bool:
    """Whether a parameter is called as those that hold features are."""
    return stem(parameter).lower() in _DATA
