"""Values that a model was given, not trained to: what a deletion must say of them."""

from dataclasses import replace

from ..._fit_many import last_step
from ...unlearning import Assumption

__all__ = ["assuming", "given_parts", "notes_on", "reach_of"]

# Pickles, clones and released models, with their files; the original where this is a copy.
_BEYOND_REACH = (
    "copies made before, fitted steps before this estimator, hyper-parameters chosen with the rows"
)


def given_parts(estimator):
    """Groups of parameters that a fitted classifier was given, and what became of their values.

    Parameters
    ----------
    estimator : fitted classifier
        Ours, a pipeline that ends in one, or another, of which nothing is known.

    Returns
    -------
    dict of str to str
        Such as ``{"front.0": "frozen"}``.
    """
    estimator = last_step(estimator)
    return estimator._given_parts() if hasattr(estimator, "_given_parts") else {}


def _told(parts):
    return ", ".join(f"{name} ({how})" for name, how in parts.items())


def reach_of(parts):
    """What no request can reach, for the log."""
    if not parts:
        return _BEYOND_REACH
    return f"{_BEYOND_REACH}; and wherever the values that {_told(parts)} was given were trained"


def notes_on(parts):
    """What the sender of the request must know of given values."""
    if not parts:
        return []
    return [
        f"{_told(parts)} was given its values, and nobody here can know where they were trained: "
        "they may have seen the forgotten rows. If so, train them again without these rows, pass "
        "them anew and fit."
    ]


def assuming(certificate, parts, known=()):
    """The certificate, on the condition that given values never saw the rows.

    Parameters
    ----------
    certificate : Certificate or None
    parts : dict of str to str
    known : sequence of Assumption
        Of these one says so already, if it is among the certificate's.
    """
    if certificate is None or not parts or any(a in certificate.assumptions for a in known):
        return certificate
    text = f"the values that {_told(parts)} was given were not trained on the forgotten rows"
    assumptions = [*certificate.assumptions, Assumption(text, checked=False)]
    return replace(certificate, assumptions=assumptions)
