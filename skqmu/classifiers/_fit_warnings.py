"""What a fit tells before it misleads: features that no angle tells apart, and poor endings."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..exceptions import EncodingWarning
from ..network import Activation, InputScale
from ._fitting import takes_steps

__all__ = ["warn_of_ending", "warn_of_inputs"]

# Rows looked at, evenly spaced: spreads need no more.
_N_ROWS = 2000
# Share of its bound that the middle 80 % of a feature's angles must span to be told apart, and
# the size of `u` (see InputScale) from which a value is one of two: its side of 0.
_NARROW, _FLAT = 0.02, 5.0
# Where tanh is flat.
_FLAT_TANH = 3.0
# Of the loss of guessing by class frequency: what a model that learned nothing stays within, and
# what a fit far from its plateau gains over its last epochs.
_CHANCE, _FAR = 0.02, 0.05


def warn_of_inputs(estimator, network, params, X):
    """Warn of features that the encoding cannot tell apart as they enter; once a fit."""
    X = X[:: max(1, len(X) // _N_ROWS)]
    scale = estimator._structure["input_scale"]
    layers = network.layers
    if scale is not None:
        told = _scaled(estimator, layers[_place(layers, InputScale)], X)
    elif any(isinstance(layer, Activation) and layer.function == "pi_tanh" for layer in layers):
        told = _squashed(network, params, X)
    else:
        told = _wrapping(estimator, X)
    if told:
        warnings.warn(told, EncodingWarning, stacklevel=2)


def _place(layers, kind):
    return next(i for i, layer in enumerate(layers) if isinstance(layer, kind))


def _scaled(estimator, layer, X):
    u = layer.pressed(np.zeros(layer.n_parameters), X)
    low, high = np.quantile(u, [0.1, 0.9], axis=0)
    span = high / (1 + np.abs(high)) - low / (1 + np.abs(low))
    varies = high > low
    flat = varies & ((np.median(np.abs(u), axis=0) > _FLAT) | (span < _NARROW))
    if not flat.any():
        return None
    return (
        f"{_features(estimator, flat, X)} too large, too small or too far from 0 for the "
        f"rotations of encoding={estimator.encoding!r}, where near 0 one unit is a radian at the "
        "start: most of their values are hardly told apart. Centre and scale the features, e.g. "
        f"make_pipeline(StandardScaler(), {type(estimator).__name__}(...)), or name their scales "
        "by input_scale=[...] in radians a unit."
    )


def _squashed(network, params, X):
    places = [i for i, layer in enumerate(network.layers) if getattr(layer, "function", "") == "pi_tanh"]
    u = network.outputs(params, X, places[-1])
    share = float((np.abs(u) > _FLAT_TANH).mean())
    if share <= 0.5:
        return None
    return (
        f"{share:.0%} of the front-end's outputs are so large that pi * tanh gives the same angle "
        "for all of them, and training hardly moves what is behind them. Centre and scale the "
        "features first, e.g. with StandardScaler."
    )


def _wrapping(estimator, X):
    encoding = estimator.encoding
    if not isinstance(encoding, str) or encoding not in PERIODS:
        return None
    period = PERIODS[encoding]
    low, high = np.quantile(X, [0.1, 0.9], axis=0)
    wide = high - low > period
    if not wide.any():
        return None
    return (
        f"{_features(estimator, wide, X)} wider than one period of encoding={encoding!r} "
        f"({period:.3g}): with input_scale=None a value and the value one period on are the same "
        "to the circuit. Use input_scale='auto', or scale the features, e.g. with "
        "MinMaxScaler((-pi / 2, pi / 2))."
    )


def _features(estimator, chosen, X):
    names = getattr(estimator, "feature_names_in_", np.arange(X.shape[1]))
    which = np.flatnonzero(chosen)
    low, high = np.quantile(X, [0.1, 0.9], axis=0)
    some = ", ".join(f"{names[j]} ({low[j]:.3g} to {high[j]:.3g})" for j in which[:3])
    more = ", ..." if len(which) > 3 else ""
    return f"{len(which)} of {X.shape[1]} features (80 % of the values of {some}{more}) are"


def warn_of_ending(estimator, data, run):
    """Warn of a model at the chance level of its own training data, or far from a plateau."""
    losses = np.array([row["loss"] for row in run.history])
    shares = np.bincount(data.labels, weights=data.weights) / data.weights.sum()
    guessing = -float(np.sum(shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)))
    if guessing < 1e-6 or not takes_steps(estimator) or estimator._solves_head():
        return
    where = f"after {len(losses)} epochs the training loss is {losses[-1]:.3g}"
    if losses[-1] > (1 - _CHANCE) * guessing:
        warnings.warn(
            f"{where}, and guessing by class frequency has {guessing:.3g}: the model has learned "
            "nothing of its own training data. Scale the features, raise max_iter or "
            "learning_rate_init, or let the circuit read more (observables='zz', n_layers).",
            ConvergenceWarning,
            stacklevel=2,
        )
        return
    window = min(estimator.n_iter_no_change, len(losses) // 2)
    if run.stop_reason != "max_iter" or not window:
        return
    gained = losses[-2 * window : -window].mean() - losses[-window:].mean()
    if gained > _FAR * guessing:
        warnings.warn(
            f"max_iter={estimator.max_iter} was reached far from a plateau: {where}, and the last "
            f"{window} epochs lowered it by {gained:.2g}. Raise max_iter or learning_rate_init.",
            ConvergenceWarning,
            stacklevel=2,
        )
