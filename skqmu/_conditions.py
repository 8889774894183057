"""Rows by a condition on one column, ``"age >= 65"``: parsed, compared, never evaluated."""

import ast
import numbers
import operator
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._rows import column, column_names, is_frame, n_columns
from ._validation import did_you_mean

__all__ = ["Condition"]

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PATTERN = re.compile(
    r"\s*(?:`(?P<quoted>[^`]+)`|(?P<plain>.+?))\s*"
    r"(?P<comparison>==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b)\s*(?P<value>.*\S)\s*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Condition:
    """A comparison of one column with a value.

    Rows where the column is missing meet no condition, ``!=`` and ``not in`` among them.

    Parameters
    ----------
    text : str
        As it was written.
    column : str
        A name of a frame's column; of an array's, ``"x3"`` or ``"3"`` for the fourth.
    comparison : {"==", "!=", "<", "<=", ">", ">=", "in", "not in"}
    value : number, str, bool, or list of them
    raw : str
        The value as it was written.
    """

    text: str
    column: str
    comparison: str
    value: Any
    raw: str

    @classmethod
    def parsed(cls, text, name="forget"):
        """Return the condition that a text states; None where it states none.

        Raises
        ------
        ValueError
            It states one with a value that is none.
        """
        found = _PATTERN.fullmatch(text)
        if found is None:
            return None
        comparison = " ".join(found["comparison"].split())
        told = f"{name}={text!r}"
        raw = found["value"]
        value = _values(raw, told) if comparison.endswith("in") else _value(raw, told)
        return cls(text, found["quoted"] or found["plain"].strip(), comparison, value, raw)

    def holds(self, X, name="forget"):
        """Which rows of a table meet it: ndarray of bool of shape (n,).

        Raises
        ------
        ValueError
            No such column, or values that cannot be compared with it.
        """
        told = f"{name}={self.text!r}"
        values = column(X, self._place(X, told))
        there = ~_are_missing(values)
        met = np.zeros(len(values), dtype=bool)
        met[there] = self._compared(values[there], told)
        return met

    def _place(self, X, told):
        """Number of the column that is meant."""
        if getattr(X, "ndim", 2) != 2:
            raise ValueError(f"{told}: the rows are texts and have no columns.")
        if is_frame(X):
            names = column_names(X)
            if names.count(self.column) == 1:
                return names.index(self.column)
            what = "two columns are" if self.column in names else "there is no column that is"
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise ValueError(
                f"{told}: {what} called {self.column!r}; the columns are {shown}."
                f"{did_you_mean(self.column, names)}"
            )
        found = re.fullmatch(r"x?(\d+)", self.column)
        if found is None or int(found[1]) >= n_columns(X):
            raise ValueError(
                f"{told}: an array's columns are x0 to x{n_columns(X) - 1} (or 0 to "
                f"{n_columns(X) - 1}); pass a data frame to name them."
            )
        return int(found[1])

    def _compared(self, values, told):
        if self.comparison in _ORDER:
            return self._ordered(values, told)
        wanted = self.value if isinstance(self.value, list) else [(self.value, self.raw)]
        met = np.zeros(len(values), dtype=bool)
        for value, raw in wanted:
            met |= _equal(values, value, raw, f"{told}: column {self.column!r}")
        return ~met if self.comparison in ("!=", "not in") else met

    def _ordered(self, values, told):
        compare = _ORDER[self.comparison]
        value, kind = self.value, values.dtype.kind
        if kind == "M":
            return compare(values, _moment(value, self.raw, f"{told}: column {self.column!r}"))
        texts = kind == "O" and all(isinstance(v, str) for v in values)
        if texts:
            value = value if isinstance(value, str) else self.raw
        elif not isinstance(value, numbers.Real) or not all(
            isinstance(v, numbers.Real) for v in values
        ):
            raise ValueError(
                f"{told}: column {self.column!r} and {self.value!r} have no order between them; "
                "< and > compare numbers with numbers, texts with texts, dates with dates."
            )
        return np.array([compare(v, value) for v in values], dtype=bool)


def _value(raw, told):
    try:
        value = ast.literal_eval(raw)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return raw.strip()
    if value is None or value != value:
        raise ValueError(
            f"{told}: what is missing equals nothing; pass a boolean mask, such as X['c'].isna()."
        )
    if not isinstance(value, str | numbers.Real):
        raise ValueError(
            f"{told}: {raw!r} is no number and no text; write COLUMN == VALUE, or COLUMN in [A, B]."
        )
    return value


def _values(raw, told):
    """Pairs of a value and how it was written."""
    inner = raw.strip()
    if inner[:1] + inner[-1:] not in ("[]", "()", "{}"):
        raise ValueError(f"{told}: {raw!r} is no list; write COLUMN in [A, B].")
    try:
        values = list(ast.literal_eval(inner))
    except (ValueError, SyntaxError, TypeError):
        parts = [part.strip() for part in inner[1:-1].split(",") if part.strip()]
        return [(_value(part, told), part) for part in parts]
    return [(_value(repr(value), told), str(value)) for value in values]


def _are_missing(values):
    if values.dtype.kind in "fM":
        return np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
    return np.array(
        [v is None or v != v or type(v).__name__ in ("NAType", "NaTType") for v in values.tolist()],
        dtype=bool,
    )


def _moment(value, raw, told):
    try:
        return np.datetime64(value if isinstance(value, str) else raw)
    except ValueError as error:
        raise ValueError(f"{told} holds dates, and {raw!r} is none (write 2024-05-31).") from error


def _equal(values, value, raw, told):
    if values.dtype.kind == "M":
        return values == _moment(value, raw, told)
    if values.dtype.kind == "f":
        if not isinstance(value, numbers.Real):
            raise ValueError(f"{told} holds numbers, and {raw!r} is none.")
        return values == value
    return np.array([_is(v, value, raw) for v in values.tolist()], dtype=bool)


def _is(own, value, raw):
    """Whether a text, a number or another object is the one that was written."""
    if isinstance(own, str):
        return own == (value if isinstance(value, str) else raw)
    if isinstance(own, numbers.Real) and isinstance(value, numbers.Real):
        return own == value
    return str(own) == raw
