"""The list of all attacks, so that a new one is tested by being there."""

import inspect

from ._attack import Attack

__all__ = ["all_attacks"]


def all_attacks():
    """Return every public attack class.

    Returns
    -------
    list of (name, class), sorted by name

    Examples
    --------
    >>> from skqmu.attacks import all_attacks
    >>> dict(all_attacks())["LiRAAttack"].__name__
    'LiRAAttack'
    """
    import skqmu.attacks

    found = ((name, getattr(skqmu.attacks, name)) for name in skqmu.attacks.__all__)
    return sorted(
        (name, value)
        for name, value in found
        if inspect.isclass(value) and issubclass(value, Attack) and not inspect.isabstract(value)
    )
