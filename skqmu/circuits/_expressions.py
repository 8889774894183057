"""Angles of a circuit as vectorised functions of (inputs, weights), with their chain rule.

Every angle of a circuit is a column. Columns of one form (2 x[i] + .3 for several i, say) are
evaluated and differentiated together, for a whole batch at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from qiskit.circuit import Parameter, ParameterVector

from ..exceptions import InputRowsError
from ._trees import (
    UNARY,
    VALUE,
    affine_form,
    leaf_kinds,
    leaves_of,
    parse_expression,
    split_leaves,
)

__all__ = ["AngleMap", "contiguous"]

# Forms that are finite wherever inputs and weights are.
_ALWAYS_FINITE = {"x", "w", "c", *(("ADD", ("MUL", "c", kind), "c") for kind in "xw")}


def contiguous(index: ArrayLike) -> np.ndarray | slice:
    """Return an index array as a slice where it counts up by one: slices are cheaper.

    Parameters
    ----------
    index : array-like of int of shape (n,)

    Returns
    -------
    slice or ndarray of int of shape (n,)

    Examples
    --------
    >>> from skqmu.circuits.lowering import contiguous
    >>> contiguous([2, 3, 4]), contiguous([2, 4])
    (slice(2, 5, None), array([2, 4]))
    """
    index = np.asarray(index, dtype=int)
    if len(index) and np.array_equal(index, np.arange(index[0], index[0] + len(index))):
        return slice(int(index[0]), int(index[0]) + len(index))
    return index


class _Leaf:
    """The parameters at one place of a form, one a column."""

    def __init__(self, index):
        self.index = np.array(index)
        self.at = contiguous(self.index)
        self.repeats = len(set(index)) < len(index)

    def add(self, values, target):
        """Add columns of `values` to the parameters' columns of `target`."""
        if self.repeats:
            onto = np.zeros((len(self.index), target.shape[-1]))
            onto[np.arange(len(self.index)), self.index] = 1.0
            # A product a model, not one of all: its last bits do not depend on how many there are.
            target += (values[:, None] @ onto)[:, 0] if values.ndim == 2 else values @ onto
        else:
            target[..., self.at] += values


class _Group:
    """Columns of one form: the form, and the leaves' values for every column."""

    def __init__(self, form, leaves, columns):
        self.form = form
        kinds = leaves_of(form)
        self.leaves = [
            np.array(values) if kind == "c" else _Leaf(values)
            for kind, values in zip(kinds, zip(*leaves, strict=True), strict=True)
        ]
        self.columns = contiguous(columns)
        self.always_finite = form in _ALWAYS_FINITE

    def run(self, x, w):
        """Return the values and a tape of (node, child positions, value)."""
        if isinstance(self.form, str):
            leaf = self.leaves[0]
            value = leaf if self.form == "c" else (x if self.form == "x" else w)[..., leaf.at]
            return value, [(self.form, leaf, value)]
        leaves = iter(self.leaves)
        tape = []

        def visit(form):
            if isinstance(form, str):
                leaf = next(leaves)
                value = leaf if form == "c" else (x if form == "x" else w)[..., leaf.at]
                tape.append((form, leaf, value))
            else:
                children = [visit(child) for child in form[1:]]
                values = [tape[child][2] for child in children]
                function = VALUE[form[0]] if form[0] in VALUE else UNARY[form[0]][0]
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
    if kind in UNARY:
        return [lambda: UNARY[kind][1](inner[0], value)]
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

    Raises
    ------
    CircuitError
        As :func:`parse_expression`.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.circuits.lowering import AngleMap
    >>> x, w = Parameter("x"), Parameter("w")
    >>> angles = AngleMap([2 * x + 0.5, x * w, w], inputs=[x], weights=[w])
    >>> shared, sampled, tape = angles.evaluate(np.array([[1.0], [2.0]]), np.array([3.0]))
    >>> shared, sampled
    (array([3.]), array([[2.5, 3. ],
           [4.5, 6. ]]))
    >>> d_inputs, d_weights = angles.pullback(tape, np.ones(1), np.ones((2, 2)))
    >>> d_inputs.ravel(), d_weights
    (array([5., 5.]), array([4.]))
    """

    def __init__(
        self,
        expressions: Iterable,
        inputs: Sequence[Parameter] | ParameterVector,
        weights: Sequence[Parameter] | ParameterVector,
    ):
        position = {p: ("x", i) for i, p in enumerate(inputs)}
        position.update({p: ("w", i) for i, p in enumerate(weights)})
        self.n_inputs, self.n_weights = len(inputs), len(weights)
        self.expressions = list(expressions)
        self.nodes = [parse_expression(expression, position) for expression in expressions]
        self.n_columns = len(self.nodes)
        self.is_sampled = np.array(["x" in leaf_kinds(n) for n in self.nodes], dtype=bool)
        self.sampled_weights = any({"x", "w"} <= leaf_kinds(node) for node in self.nodes)
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
            form = split_leaves(node, leaves)
            forms[form][0].append(leaves)
            forms[form][1].append(place)
        return [_Group(form, *members) for form, members in forms.items()]

    def evaluate(
        self, inputs: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Any]:
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
                if not (group.always_finite or np.isfinite(value).all()):
                    self._refuse(group, value, target is sampled)
                target[..., group.columns] = value
                tapes.append((group, tape))
        return shared, sampled, (models, inputs.shape[-2], tapes)

    def _refuse(self, group, value, sampled, what=""):
        own = np.flatnonzero(self.is_sampled if sampled else ~self.is_sampled)[group.columns]
        bad = np.argwhere(~np.isfinite(np.broadcast_to(value, (*value.shape[:-1], len(own)))))
        expression = self.expressions[own[bad[0][-1]]]
        where = " for {rows}" if sampled else ""
        problem = (
            f"{what}the angle {expression} is not a finite number{where}; keep inputs and "
            "weights inside the domain of the expression."
        )
        if not sampled:
            raise ValueError(problem)
        raise InputRowsError(problem, np.unique(bad[bad[:, -1] == bad[0][-1], -2]))

    def pullback(
        self, tape: Any, d_shared: np.ndarray, d_sampled: np.ndarray, *, per_sample: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(d_inputs, d_weights)`` from the derivatives by the angles.

        Parameters
        ----------
        tape : object
            From :meth:`evaluate`.
        d_shared : ndarray of shape (..., n_shared), or (..., B, n_shared) with `per_sample`
        d_sampled : ndarray of shape (..., B, n_sampled)
        per_sample : bool, default=False
            Whether the weights' gradient of each record is kept apart.

        Returns
        -------
        d_inputs : ndarray of shape (..., B, n_inputs)
        d_weights : ndarray of shape (..., n_weights), or (..., B, n_weights) with `per_sample`

        Raises
        ------
        ValueError
            When the derivative of an expression is not finite at these numbers.
        """
        models, n_rows, tapes = tape
        d_inputs = np.zeros((*models, n_rows, self.n_inputs))
        d_weights = np.zeros((*models, *((n_rows,) if per_sample else ()), self.n_weights))

        def add_shared(kind, leaf, slope):
            leaf.add(slope, d_weights)

        def add_sampled(kind, leaf, slope):
            if kind == "x":
                leaf.add(slope, d_inputs)
            else:
                leaf.add(slope if per_sample else slope.sum(axis=-2), d_weights)

        for group, steps in tapes[: len(self._shared)]:
            if per_sample:
                steps = [
                    (kind, info, value[..., None, :] if np.ndim(value) > 1 else value)
                    for kind, info, value in steps
                ]
            self._pull(group, steps, d_shared, add_shared, False)
        for group, steps in tapes[len(self._shared) :]:
            self._pull(group, steps, d_sampled, add_sampled, True)
        return d_inputs, d_weights

    def _pull(self, group, steps, slopes, add, sampled):
        if group.always_finite:
            group.pull(steps, slopes[..., group.columns], add)
            return

        def checked(kind, leaf, slope):
            if not np.isfinite(slope).all():
                self._refuse(group, slope, sampled, "the derivative of ")
            add(kind, leaf, slope)

        with np.errstate(all="ignore"):
            group.pull(steps, slopes[..., group.columns], checked)

    def weight_slopes(self, tape: Any) -> dict:
        """Return ``{(column, weight): slope}`` of the columns' derivatives by weights.

        Parameters
        ----------
        tape : object
            From :meth:`evaluate`, of one model.

        Returns
        -------
        dict of (int, int) to float or ndarray
            A slope broadcasts against (B,).
        """
        slopes: dict = {}
        for number, (group, steps) in enumerate(tape[2]):
            sampled = number >= len(self._shared)
            columns = np.flatnonzero(self.is_sampled if sampled else ~self.is_sampled)
            columns = columns[group.columns]

            def add(kind, leaf, slope, columns=columns):
                if kind == "w":
                    slope = np.broadcast_to(slope, (*slope.shape[:-1], len(columns)))
                    for i, (column, weight) in enumerate(zip(columns, leaf.index, strict=True)):
                        key = (int(column), int(weight))
                        slopes[key] = slopes.get(key, 0.0) + slope[..., i]

            group.pull(steps, np.ones(len(columns)), add)
        return slopes
