"""What is written of no value: credentials, places on one machine, seeds of secret noise."""

import re

__all__ = ["draws_secret_noise", "has_params", "is_place", "is_secret"]

# Parameters of such names are never written.
_SECRET = re.compile(r"token|password|passwd|secret|api_?key|credential", re.I)
# Such name a place on one machine, and change no number.
_PLACES = {"memory", "checkpoint", "checkpoint_dir"}
# Noise that must stay secret is drawn from the `random_state` beside these, where they are not 0.
_SECRET_NOISE = {"objective_noise"}


def has_params(value):
    """Whether a value is an estimator, as far as its parameters go."""
    return callable(getattr(value, "get_params", None)) and not isinstance(value, type)


def is_secret(name):
    """Whether a parameter of this name holds a credential."""
    return bool(_SECRET.search(name))


def is_place(name):
    """Whether a parameter of this name is a file or folder of one machine."""
    return name in _PLACES


def draws_secret_noise(value):
    """Whether noise that has to stay secret is drawn from an estimator's seed.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> from skqmu import QNNClassifier
    >>> from skqmu._identity import draws_secret_noise
    >>> draws_secret_noise(QNNClassifier(objective_noise=0.1)), draws_secret_noise(QNNClassifier())
    (True, False)
    """
    if not has_params(value):
        return False
    names = value.get_params(deep=True)
    return any(
        name.rpartition("__")[2] in _SECRET_NOISE and own not in (None, False, 0)
        for name, own in names.items()
        if own is None or isinstance(own, bool | int | float | str) or has_params(own)
    )
