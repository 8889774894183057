"""Whether two reports, or a report and data, belong together."""

import math

import numpy as np

from ..._rows import as_table, n_columns
from ._data_card import table_digest

__all__ = ["close_enough", "refuse_other_data"]


def close_enough(one, other, rtol):
    """Whether two JSON values are equal but for the last bits of their numbers.

    Parameters
    ----------
    one, other : JSON value
    rtol : float
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            close_enough(one[key], other[key], rtol) for key in one
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            close_enough(*pair, rtol) for pair in zip(one, other, strict=True)
        )
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(type(each) in (int, float) for each in (one, other))
        # a difference of two equal numbers may be the last bit of them
        return numbers and math.isclose(one, other, rel_tol=rtol, abs_tol=rtol)
    return type(one) is type(other) and one == other


def refuse_other_data(report, tables, key):
    """Raise unless these are the data of a report, as far as it tells.

    Parameters
    ----------
    report : dict
    tables : tuple of (X, y, X_test, y_test)
    key : bytes or None
        None: sizes alone are compared.

    Raises
    ------
    ValueError
        Says what differs.
    """
    X, y, X_test, y_test = tables
    told, has_test = report["data"], report["again"]["has_test_rows"]
    if has_test != (X_test is not None):
        given = "was given X_test and y_test" if has_test else "held rows of X out"
        raise ValueError(f"the audit of this report {given}; pass the same.")
    X = as_table(X)
    if n_columns(X) != told["columns"]["n"]:
        raise ValueError(
            f"X has {n_columns(X)} columns; those of this report had {told['columns']['n']}."
        )
    labels = np.unique(np.asarray(y)).tolist()
    known = [entry["label"] for entry in told["classes"]]
    if labels != known:
        raise ValueError(f"y has the classes {labels!r:.200}; those of this report {known!r:.200}.")
    if key is None:
        return
    test = None if X_test is None else as_table(X_test, name="X_test")
    if table_digest(X, np.asarray(y), test, y_test, key) != told["digests"]["table"]:
        raise ValueError(
            "X and y are not the data of this report, in their order (or digest_key is not the key "
            "that it was made with): the digest of the table is another."
        )
