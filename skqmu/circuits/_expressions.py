"""Angles of a circuit as vectorised functions of (inputs, weights), with their chain rule.

Every distinct angle of a circuit is a column. Columns of one form (2 x[i] + .3 for several
i, say) are evaluated and differentiated together, for a whole batch at once.
"""

from collections import defaultdict

import numpy as np
from qiskit.circuit import ParameterExpression

from ..exceptions import CircuitError

__all__ = ["AngleMap", "affine_form", "parse_expression"]

# A node is ("x", i), ("w", i), ("c", value) or (operation, child, ...).
_BINARY = {"ADD", "SUB", "MUL", "DIV", "POW"}
_SWAPPED = {"RSUB": "SUB", "RDIV": "DIV", "RPOW": "POW"}
_UNARY = {
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
_VALUE = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": np.divide,
    "POW": np.power,
}


def parse_expression(expression, position):
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
        if name in _UNARY:
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


def affine_form(node):
    """Return ``(constant, {leaf: coefficient})``, or None where the node is not affine."""
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
            value = _VALUE[kind](*constants) if kind in _VALUE else _UNARY[kind][0](*constants)
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


def _shape_and_leaves(node, leaves):
    """Return the tree without its leaves' values, which are appended to `leaves`."""
    if node[0] in ("x", "w", "c"):
        leaves.append(node[1])
        return node[0]
    return (node[0], *(_shape_and_leaves(child, leaves) for child in node[1:]))


def _leaf_kinds(node):
    if node[0] in ("x", "w", "c"):
        return {node[0]}
    return set().union(*map(_leaf_kinds, node[1:]))


class _Group:
    """Columns of one form: the form, and the leaves' values for every column."""

    def __init__(self, form, leaves, columns):
        self.form = form
        self.leaves = [np.array(values) for values in zip(*leaves, strict=True)]
        self.columns = np.array(columns)

    def run(self, x, w):
        """Return the values and a tape of (node, child positions, value)."""
        leaves = iter(self.leaves)
        tape = []

        def visit(form):
            if isinstance(form, str):
                leaf = next(leaves)
                value = leaf if form == "c" else (x if form == "x" else w)[..., leaf]
                tape.append((form, leaf, value))
            else:
                children = [visit(child) for child in form[1:]]
                values = [tape[child][2] for child in children]
                function = _VALUE[form[0]] if form[0] in _VALUE else _UNARY[form[0]][0]
                tape.append((form[0], children, function(*values)))
            return len(tape) - 1

        with np.errstate(all="ignore"):
            visit(self.form)
        return tape[-1][2], tape

    @staticmethod
    def pull(tape, d_value, add):
        """Walk the tape back; call ``add(kind, index, d_leaf)`` at every parameter."""
        slopes = [None] * len(tape)
        slopes[-1] = d_value
        constant = []
        for kind, children, _ in tape:
            constant.append(
                kind == "c" if kind in ("x", "w", "c") else all(constant[c] for c in children)
            )
        for position in range(len(tape) - 1, -1, -1):
            kind, children, value = tape[position]
            slope = slopes[position]
            if constant[position]:
                continue
            if kind in ("x", "w"):
                add(kind, children, slope)
                continue
            inner = [tape[child][2] for child in children]
            for child, partial in zip(children, _partials(kind, inner, value), strict=True):
                if not constant[child]:
                    slopes[child] = slope * partial()


def _partials(kind, inner, value):
    """Return one function a child, so that only what is needed is computed."""
    if kind in _UNARY:
        return [lambda: _UNARY[kind][1](inner[0], value)]
    a, b = inner
    return {
        "ADD": [lambda: 1.0, lambda: 1.0],
        "SUB": [lambda: 1.0, lambda: -1.0],
        "MUL": [lambda: b, lambda: a],
        "DIV": [lambda: 1 / b, lambda: -a / b**2],
        "POW": [lambda: b * a ** (b - 1), lambda: value * np.log(a)],
    }[kind]


class AngleMap:
    """All angles of a circuit: values, and the pull-back of their derivatives.

    Parameters
    ----------
    expressions : list of float or ParameterExpression
    inputs, weights : list of Parameter

    Attributes
    ----------
    nodes : list
        One tree a column.
    is_sampled : ndarray of bool
        Whether the column depends on an input, hence on the record.
    n_columns : int
    sampled_weights : bool
        Whether some column depends on an input and a weight.
    """

    def __init__(self, expressions, inputs, weights):
        position = {p: ("x", i) for i, p in enumerate(inputs)}
        position.update({p: ("w", i) for i, p in enumerate(weights)})
        self.n_inputs, self.n_weights = len(inputs), len(weights)
        self.expressions = list(expressions)
        self.nodes = [parse_expression(expression, position) for expression in expressions]
        self.n_columns = len(self.nodes)
        self.is_sampled = np.array(["x" in _leaf_kinds(n) for n in self.nodes], dtype=bool)
        self.sampled_weights = any({"x", "w"} <= _leaf_kinds(node) for node in self.nodes)
        self._shared = self._grouped(~self.is_sampled)
        self._sampled = self._grouped(self.is_sampled)
        # A column's place among the shared, or among the sampled, columns.
        self.place = (
            np.where(self.is_sampled, np.cumsum(self.is_sampled), np.cumsum(~self.is_sampled)) - 1
        )
        self.n_shared = int(np.sum(~self.is_sampled))
        self.n_sampled = self.n_columns - self.n_shared

    def _grouped(self, mask):
        """Group the masked columns by form; an affine column is ``scale * leaf + shift``."""
        forms = defaultdict(lambda: ([], []))
        for place, column in enumerate(np.flatnonzero(mask)):
            node = self.nodes[column]
            affine = affine_form(node)
            if affine is not None and len(affine[1]) <= 1:
                constant, slopes = affine
                leaf = next(iter(slopes), None)
                if leaf is None:
                    node = ("c", constant)
                elif (constant, slopes[leaf]) != (0.0, 1.0):
                    node = ("ADD", ("MUL", ("c", slopes[leaf]), leaf), ("c", constant))
                else:
                    node = leaf
            leaves = []
            form = _shape_and_leaves(node, leaves)
            forms[form][0].append(leaves)
            forms[form][1].append(place)
        return [_Group(form, *members) for form, members in forms.items()]

    def evaluate(self, inputs, weights):
        """Return ``(shared, sampled, tape)``.

        Parameters
        ----------
        inputs : ndarray of shape (..., B, n_inputs)
        weights : ndarray of shape (..., n_weights)

        Returns
        -------
        shared : ndarray of shape (..., n_shared)
        sampled : ndarray of shape (..., B, n_sampled)
        tape : object
            For :meth:`pullback`.

        Raises
        ------
        ValueError
            When an expression is not finite at these numbers.
        """
        models = np.broadcast_shapes(inputs.shape[:-2], weights.shape[:-1])
        shared = np.empty((*models, self.n_shared))
        sampled = np.empty((*models, inputs.shape[-2], self.n_sampled))
        rows = weights[..., None, :]
        tapes = []
        for groups, target, w in ((self._shared, shared, weights), (self._sampled, sampled, rows)):
            for group in groups:
                value, tape = group.run(inputs, w)
                if not np.all(np.isfinite(value)):
                    self._refuse(group, value, target is sampled)
                target[..., group.columns] = value
                tapes.append((group, tape))
        return shared, sampled, (models, inputs.shape[-2], tapes)

    def _refuse(self, group, value, sampled):
        bad = np.argwhere(
            ~np.isfinite(np.broadcast_to(value, (*value.shape[:-1], group.columns.size)))
        )
        kind = np.flatnonzero(self.is_sampled if sampled else ~self.is_sampled)
        expression = self.expressions[kind[group.columns[bad[0][-1]]]]
        where = f" for row {bad[0][-2]}" if sampled else ""
        raise ValueError(
            f"the angle {expression} is not a finite number{where}; keep inputs and weights inside "
            "the domain of the expression."
        )

    def pullback(self, tape, d_shared, d_sampled, *, per_sample=False):
        """Return ``(d_inputs, d_weights)`` of shapes (..., B, n_inputs) and (..., n_weights).

        `d_shared` has shape (..., n_shared), or (..., B, n_shared) with `per_sample`; then
        `d_weights` has shape (..., B, n_weights).
        """
        models, n_rows, tapes = tape
        d_inputs = np.zeros((*models, n_rows, self.n_inputs))
        d_weights = np.zeros((*models, *((n_rows,) if per_sample else ()), self.n_weights))

        def add_shared(kind, index, slope):
            _scatter(d_weights, index, slope)

        def add_sampled(kind, index, slope):
            if kind == "x":
                _scatter(d_inputs, index, slope)
            else:
                _scatter(d_weights, index, slope if per_sample else slope.sum(axis=-2))

        for group, steps in tapes[: len(self._shared)]:
            if per_sample:
                steps = [
                    (kind, info, value[..., None, :] if np.ndim(value) > 1 else value)
                    for kind, info, value in steps
                ]
            group.pull(steps, d_shared[..., group.columns], add_shared)
        for group, steps in tapes[len(self._shared) :]:
            group.pull(steps, d_sampled[..., group.columns], add_sampled)
        return d_inputs, d_weights

    def weight_slopes(self, tape):
        """Return ``{(column, weight): slope}`` of the columns' derivatives by weights.

        A slope is an array that broadcasts against (B,). Only for one model.
        """
        slopes = {}
        for number, (group, steps) in enumerate(tape[2]):
            sampled = number >= len(self._shared)
            columns = np.flatnonzero(self.is_sampled if sampled else ~self.is_sampled)
            columns = columns[group.columns]

            def add(kind, index, slope, columns=columns):
                if kind == "w":
                    slope = np.broadcast_to(slope, (*slope.shape[:-1], len(columns)))
                    for i, (column, weight) in enumerate(zip(columns, index, strict=True)):
                        key = (int(column), int(weight))
                        slopes[key] = slopes.get(key, 0.0) + slope[..., i]

            group.pull(steps, np.ones(len(columns)), add)
        return slopes


def _scatter(target, index, values):
    """Add columns of `values` to columns `index` of `target`; an index may repeat."""
    if len(set(index.tolist())) == len(index):
        target[..., index] += values
        return
    onto = np.zeros((len(index), target.shape[-1]))
    onto[np.arange(len(index)), index] = 1.0
    target += values @ onto
