"""What a fit tells before it misleads: features that no angle tells apart, and poor endings."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..circuits.lowering import check_width, input_periods
from ..exceptions import CircuitError, EncodingWarning
from ..network import InputScale, Network, QuantumLayer
from ._fitting import takes_steps
from ._input_scale import PERIODS

__all__ = ["warn_of_ending", "warn_of_inputs"]

# Rows looked at, evenly spaced: spreads need no more.
_N_ROWS = 1000
# Share of its bound that the middle 80 % of a feature's angles must span to be told apart, and
# the size of `u` (see InputScale) from which a value is little more than its side of 0.
_NARROW, _FLAT = 0.02, 5.0
# Where tanh is as flat.
_FLAT_TANH = 2.0
# Of the loss of guessing by class frequency: what a model that learned nothing stays within, and
# what a fit far from its plateau gains over its last epochs.
_CHANCE, _FAR = 0.02, 0.1


def warn_of_inputs(estimator, network, params, X):
    """Warn of features that the circuit cannot tell apart as they enter.

    Parameters
    ----------
    estimator : QNNClassifier or HybridQNNClassifier
    network : Network
    params : ndarray of shape (layout.size,)
        Where the fit starts.
    X : ndarray of shape (n, n_features)
    """
    X = X[:: -(-len(X) // _N_ROWS)]
    for place, layer in enumerate(network.layers):
        squash = getattr(layer, "function", layer.name)
        if squash not in ("input_scale", "pi_tanh"):
            continue
        if place:
            told = _saturated(network, place, params, X)
        else:
            told = _scaled(estimator, layer, X)
        break
    else:
        told = _wrapping(estimator, network, X)
    if told:
        warnings.warn(told, EncodingWarning, stacklevel=2)


def _scaled(estimator, layer, X):
    u = layer.pressed(np.zeros(layer.n_parameters), X)
    low, high = np.quantile(u, [0.1, 0.9], axis=0)
    span = high / (1 + np.abs(high)) - low / (1 + np.abs(low))
    alike = (high > low) & ((np.median(np.abs(u), axis=0) > _FLAT) | (span < _NARROW))
    if not alike.any():
        return None
    return (
        f"{_features(estimator, alike, X)} too large, too small or too far from 0 for "
        f"{_entrance(estimator)}, where training starts with about one radian a unit: "
        "most of their values are hardly told apart. Centre and scale the features in the last "
        f"step before the classifier, e.g. make_pipeline(..., StandardScaler(), "
        f"{type(estimator).__name__}(...)): principal components are as spread as what they are "
        "made of (PCA(whiten=True) scales them). Or name the scales by input_scale=[...], in "
        "radians a unit."
    )


def _entrance(estimator):
    encoding = estimator._named_encoding()
    return "the circuit that was passed" if encoding is None else f"encoding={encoding!r}"


def _saturated(network, place, params, X):
    """What to say of the values that a front-end gives to the squashing layer at `place`."""
    layer, layout = network.layers[place], network.layout
    front = Network(network.layers[:place])  # with a meter of its own
    parts = [layout.slices[name] for name in front.layout.slices]
    parts += [layout.buffers[name] for name in front.layout.buffers]
    values = front.logits(np.concatenate([np.zeros(0), *(params[part] for part in parts)]), X)
    if isinstance(layer, InputScale):
        flat = (
            np.abs(layer.pressed(params[layout.slices.get(layer.name, slice(0))], values)) > _FLAT
        )
    else:
        flat = np.abs(values) > _FLAT_TANH
    if flat.mean() <= 0.5:
        return None
    return (
        f"{flat.mean():.0%} of the values that the front-end gives to the circuit at the start are "
        "so large that they become almost the same angle, and training hardly moves what is "
        "before it. Centre and scale the features first, e.g. with StandardScaler."
    )


def _wrapping(estimator, network, X):
    encoding = estimator._named_encoding()
    if encoding is None:
        return _wrapping_in_own(estimator, network, X)
    period = PERIODS.get(encoding)
    if period is None:
        return None
    wide = _wider_than(period, X)
    if not wide.any():
        return None
    return (
        f"{_features(estimator, wide, X)} wider than a period of encoding={encoding!r} "
        f"({period:.3g}): with input_scale=None the circuit takes a value and the one a period on "
        "for the same. Use input_scale='auto', or scale the features, e.g. with "
        "MinMaxScaler((-pi / 2, pi / 2))."
    )


def _wrapping_in_own(estimator, network, X):
    if not isinstance(network.layers[0], QuantumLayer):  # a front-end makes the angles
        return None
    qnn = estimator._built_circuit(estimator._structure, X.shape[1])
    try:
        check_width(qnn.circuit, itemsize=16, max_memory=2**30)
        periods = input_periods(qnn.circuit, qnn.inputs, qnn.weights)
    except CircuitError:  # too wide, or of gates that none but its own backend knows
        return None
    wide = _wider_than(periods, X)
    if not wide.any():
        return None
    some = ", ".join(f"{period:.3g}" for period in np.unique(periods[wide])[:3])
    return (
        f"{_features(estimator, wide, X)} wider than a period of your circuit in them ({some}): it "
        "takes a value and the one a period on for the same. Features enter as the numbers they "
        "are; scale them, e.g. with MinMaxScaler((-pi / 2, pi / 2))."
    )


def _wider_than(period, X):
    low, high = np.quantile(X, [0.1, 0.9], axis=0)
    return high - low > period


def _features(estimator, chosen, X):
    names = getattr(estimator, "feature_names_in_", np.arange(X.shape[1]))
    which = np.flatnonzero(chosen)
    low, high = np.quantile(X, [0.1, 0.9], axis=0)
    some = ", ".join(f"{names[j]} ({low[j]:.3g} to {high[j]:.3g})" for j in which[:3])
    more = ", ..." if len(which) > 3 else ""
    return f"{len(which)} of {X.shape[1]} features (80 % of the values of {some}{more}) are"


def warn_of_ending(estimator, run):
    """Warn of a model at the chance level of its training data, or far from a plateau.

    Parameters
    ----------
    estimator : QNNClassifier or HybridQNNClassifier
    run : TrainingRun
        Of gradient steps, ended.
    """
    if not takes_steps(estimator):
        return  # the others have endings, and warnings, of their own
    losses = np.array([row["loss"] for row in run.history])
    guessing = run.objective.guessing()
    if not len(losses) or guessing < 1e-6:
        return
    where = f"after {len(losses)} epochs the training loss is {losses[-1]:.3g}"
    window = min(estimator.n_iter_no_change, len(losses) // 2)
    gained = losses[-2 * window : -window].mean() - losses[-window:].mean() if window else 0.0
    told = None
    if losses[-1] > (1 - _CHANCE) * guessing:
        told = (
            f"{where}, and guessing by class frequency has {guessing:.3g}: the model has learned "
            "next to nothing of its own training data. Look at the scale of the features, raise "
            "max_iter or learning_rate_init, or let the circuit do more (observables='zz', "
            "n_layers)."
        )
    elif run.stop_reason == "max_iter" and gained > _FAR * guessing:
        told = (
            f"max_iter={estimator.max_iter} was reached far from a plateau: {where}, and the last "
            f"{window} epochs lowered it by {gained:.2g}. Raise max_iter or learning_rate_init."
        )
    if told:
        warnings.warn(told, ConvergenceWarning, stacklevel=2)
