"""What a fit that goes on from a fitted model may not change: the network."""

from numbers import Real

from .._identity import Unidentifiable, same_settings, settings_line

__all__ = ["refuse_another_network"]


def refuse_another_network(estimator, state):
    """Parameters of one network are none of another.

    Parameters
    ----------
    estimator : QNNClassifier or HybridQNNClassifier
        A working copy, with its parameters of now.
    state : CircuitState
        What it was fitted with.

    Raises
    ------
    ValueError
        Names the parameter that was changed so that the network would be another one.
    """
    wanted = estimator._structure_for(estimator.n_features_in_)
    for name in sorted(state.structure.keys() & state.settings.keys()):
        was, now = state.settings[name], getattr(estimator, name)
        if _same(was, now) or _same(state.structure[name], wanted[name]):
            continue
        raise ValueError(
            f"{name}={settings_line(now)} was {settings_line(was)} when this "
            f"{type(estimator).__name__} was fitted, and a fit that goes on (warm_start=True, "
            "partial_fit) keeps the network that is there. Set it back, or fit anew: with "
            "warm_start=False, or a clone."
        )


def _same(one, other):
    """Whether two values of a parameter are the same; so are those that nobody can tell apart."""
    scalars = isinstance(one, str | Real) and isinstance(other, str | Real)
    if one is other or (scalars and one == other):
        return True
    try:
        return same_settings(one, other)
    except Unidentifiable:
        return type(one) is type(other)
