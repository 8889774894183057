"""Parameter expressions as small trees, rebuilt from qiskit's record of the operations."""

from collections import defaultdict
from typing import Any

import numpy as np
from qiskit.circuit import ParameterExpression

from ..exceptions import CircuitError

__all__ = [
    "UNARY",
    "VALUE",
    "affine_form",
    "leaf_kinds",
    "leaves_of",
    "parse_expression",
    "split_leaves",
]

# A node is ("x", i), ("w", i), ("c", value) or (operation, child, ...).
_BINARY = {"ADD", "SUB", "MUL", "DIV", "POW"}
_SWAPPED = {"RSUB": "SUB", "RDIV": "DIV", "RPOW": "POW"}
UNARY: dict[str, Any] = {
    "SIN": (np.sin, lambda u, v: np.cos(u)),
    "COS": (np.cos, lambda u, v: -np.sin(u)),
    "TAN": (np.tan, lambda u, v: 1 + v * v),
    "ASIN": (np.arcsin, lambda u, v: 1 / np.sqrt(1 - u * u)),
    "ACOS": (np.arccos, lambda u, v: -1 / np.sqrt(1 - u * u)),
    "ATAN": (np.arctan, lambda u, v: 1 / (1 + u * u)),
    "EXP": (np.exp, lambda u, v: v),
    "LOG": (np.log, lambda u, v: 1 / u),
    "ABS": (np.abs, lambda u, v: np.sign(u)),
    "SIGN": (np.sign, lambda u, v: np.zeros_like(u)),
    "CONJ": (lambda u: u, lambda u, v: np.ones_like(u)),
}
VALUE: dict[str, Any] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": np.divide,
    "POW": np.power,
}


def parse_expression(expression: Any, position: dict) -> tuple:
    """Return the expression as a tree of nodes.

    Parameters
    ----------
    expression : float or ParameterExpression
    position : dict of Parameter to node
        ``("x", i)`` or ``("w", i)`` for each known parameter.

    Raises
    ------
    CircuitError
        For a parameter that is neither input nor weight, a complex number, or an operation
        that has no real derivative.

    Examples
    --------
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.circuits.lowering import parse_expression
    >>> x = Parameter("x")
    >>> parse_expression(x.sin(), {x: ("x", 0)}), parse_expression(1.5, {})
    (('SIN', ('x', 0)), ('c', 1.5))
    """
    if not isinstance(expression, ParameterExpression):
        return ("c", _real(expression))
    if expression in position:
        return position[expression]
    missing = [p for p in expression.parameters if p not in position]
    if missing:
        raise CircuitError(
            f"circuit parameter {missing[0].name!r} is neither in inputs nor in weights; list it "
            "in one of them, or bind it with circuit.assign_parameters."
        )
    if not expression.parameters:
        return ("c", _real(expression.numeric()))
    if expression.is_symbol():
        return position[next(iter(expression.parameters))]
    return _replay(expression, position)


def _real(value):
    value = complex(value)
    if value.imag:
        raise CircuitError(f"angles are real; an expression holds the complex number {value}.")
    return float(value.real)


def _replay(expression, position):
    """Rebuild the tree from qiskit's record of the operations, a stack machine."""
    stack = []
    for step in expression._qpy_replay:
        name = str(step.op).rsplit(".", 1)[-1]
        operands = [
            None if side is None else parse_expression(side, position)
            for side in (step.lhs, step.rhs)
        ]
        if name in UNARY:
            stack.append((name, stack.pop() if operands[0] is None else operands[0]))
        elif name in _BINARY or name in _SWAPPED:
            # An operand that is not stated is on the stack, the right one on top.
            right = stack.pop() if operands[1] is None else operands[1]
            left = stack.pop() if operands[0] is None else operands[0]
            if name in _SWAPPED:
                name, left, right = _SWAPPED[name], right, left
            stack.append((name, left, right))
        else:
            raise CircuitError(
                f"operation {name!r} in the angle {expression} has no derivative here; bind the "
                "parameter or rewrite the expression."
            )
    return stack.pop()


def affine_form(node: tuple) -> tuple[float, dict] | None:
    """Return ``(constant, {leaf: coefficient})``, or None where the node is not affine.

    Parameters
    ----------
    node : tuple
        A tree as `parse_expression` gives it.

    Returns
    -------
    tuple of (float, dict) or None

    Examples
    --------
    >>> from skqmu.circuits.lowering import affine_form
    >>> affine_form(("ADD", ("MUL", ("c", 2.0), ("x", 0)), ("c", 1.0)))
    (1.0, {('x', 0): 2.0})
    >>> affine_form(("MUL", ("x", 0), ("w", 0))) is None
    True
    """
    kind = node[0]
    if kind == "c":
        return node[1], {}
    if kind in "xw":
        return 0.0, {node: 1.0}
    forms = [affine_form(child) for child in node[1:]]
    if None in forms:
        return None
    if kind == "CONJ":
        return forms[0]
    if all(not slopes for _, slopes in forms):
        constants = [np.float64(constant) for constant, _ in forms]
        with np.errstate(all="ignore"):
            value = VALUE[kind](*constants) if kind in VALUE else UNARY[kind][0](*constants)
        return float(value), {}
    if kind in ("ADD", "SUB"):
        sign = 1.0 if kind == "ADD" else -1.0
        (a, slopes_a), (b, slopes_b) = forms
        slopes = defaultdict(float, slopes_a)
        for leaf, slope in slopes_b.items():
            slopes[leaf] += sign * slope
        return a + sign * b, dict(slopes)
    if kind == "MUL":
        (a, slopes_a), (b, slopes_b) = forms
        if not slopes_a:
            return a * b, {leaf: a * slope for leaf, slope in slopes_b.items()}
        if not slopes_b:
            return a * b, {leaf: b * slope for leaf, slope in slopes_a.items()}
    if kind == "DIV" and not forms[1][1] and forms[1][0]:
        (a, slopes_a), (b, _) = forms
        return a / b, {leaf: slope / b for leaf, slope in slopes_a.items()}
    if kind == "POW" and forms[1] == (1.0, {}):
        return forms[0]
    return None


def split_leaves(node, leaves):
    """Return the tree without its leaves' values, which are appended to `leaves`."""
    if node[0] in ("x", "w", "c"):
        leaves.append(node[1])
        return node[0]
    return (node[0], *(split_leaves(child, leaves) for child in node[1:]))


def leaves_of(form):
    """Return the kinds of a form's leaves, in the order of evaluation."""
    if isinstance(form, str):
        return [form]
    return [kind for child in form[1:] for kind in leaves_of(child)]


def leaf_kinds(node):
    """Return the set of kinds of a node's leaves."""
    if node[0] in ("x", "w", "c"):
        return {node[0]}
    return set().union(*map(leaf_kinds, node[1:]))
