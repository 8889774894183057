"""What models answer, read as probabilities."""

import numpy as np
from scipy.special import expit, softmax

__all__ = ["OUTPUTS", "as_array", "as_labels", "as_probabilities"]

#: what the numbers of an answer may be
OUTPUTS = ("probabilities", "logits", "log_probabilities", "expectations")
# single precision, and what half of it makes of a softmax
_TOLERANCE = 2e-3

_OF_ONE = {
    "probabilities": lambda values: values,
    "logits": expit,
    "log_probabilities": np.exp,
    "expectations": lambda values: (1.0 + values) / 2.0,
}


def as_array(answers):
    """An array of a list, an array or a tensor, wherever it is."""
    if hasattr(answers, "detach"):
        answers = answers.detach().cpu().numpy()
    return np.asarray(answers)


def as_labels(answers, n, what):
    """Labels of shape (n,)."""
    labels = as_array(answers)
    if labels.shape == (n, 1):
        labels = labels[:, 0]
    if labels.shape != (n,):
        raise ValueError(
            f"{what} answers with shape {labels.shape} where {n} labels are expected; if these are "
            f"numbers for each class, say output={OUTPUTS[0]!r} (or {', '.join(OUTPUTS[1:])})."
        )
    return labels


def as_probabilities(answers, output, classes, n, what):
    """Probabilities in the columns of `classes`.

    Parameters
    ----------
    answers : array-like or tensor of shape (n, n_classes), (n, 1) or (n,)
        One number a row is about the second of two classes.
    output : one of OUTPUTS
    classes : ndarray
    n : int
        Rows that were asked about.
    what : str
        Who answers, for messages.

    Returns
    -------
    ndarray of shape (n, n_classes), float64
    """
    answers = as_array(answers)
    if answers.shape == (n, 1):
        answers = answers[:, 0]
    single = answers.ndim == 1
    if answers.shape != ((n,) if single else (n, len(classes))) or (single and len(classes) != 2):
        raise ValueError(
            f"{what} answers with shape {answers.shape} for {n} rows and {len(classes)} classes "
            f"({', '.join(map(repr, classes.tolist()[:8]))}); allowed: ({n}, {len(classes)})"
            + (f" or ({n},), of the second class" if len(classes) == 2 else "")
            + ". Labels are said by output='labels', other columns by classes=."
        )
    if single and answers.dtype.kind not in "f":
        raise ValueError(
            f"{what} answers with one {answers.dtype} a row, which looks like labels: say "
            "output='labels', or answer with floats."
        )
    values = answers.astype(np.float64)
    proba = _of_one(values, output) if single else _of_many(values, output, what)
    return _checked(proba, output, what)


def _of_one(values, output):
    second = _OF_ONE[output](values)
    return np.column_stack((1.0 - second, second))


def _of_many(values, output, what):
    if output == "expectations":
        raise ValueError(
            f"{what} answers with {values.shape[1]} expectation values a row, and no rule makes "
            "them probabilities: say output='logits' for their softmax, or use LabelOnlyAttack."
        )
    if output == "logits":
        return softmax(values, axis=1)
    return np.exp(values) if output == "log_probabilities" else values


def _checked(proba, output, what):
    good = np.isfinite(proba).all(axis=1)
    with np.errstate(invalid="ignore"):
        good &= (proba >= -_TOLERANCE).all(axis=1)
        good &= np.abs(proba.sum(axis=1) - 1.0) <= _TOLERANCE
    if not good.all():
        first = int(np.flatnonzero(~good)[0])
        others = [name for name in OUTPUTS if name != output]
        raise ValueError(
            f"{what} answers with numbers that are no probabilities when read as {output!r}: "
            f"{(~good).sum()} of {len(good)} rows, first row {first}: "
            f"{np.array2string(proba[first], precision=4, threshold=6)}. Say what they are by "
            f"output=: {', '.join(map(repr, others))}."
        )
    return np.clip(proba, 0.0, 1.0)
