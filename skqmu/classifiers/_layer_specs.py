"""From short descriptions to layers: ready-made front-ends, and rows of classical layers."""

from math import isqrt
from numbers import Integral

import numpy as np

from ..network import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    TorchLayer,
    activations,
    import_torch,
)

__all__ = ["FRONT_ENDS", "classical_layers", "dense_core", "front_layers", "image_shape_for"]

FRONT_ENDS = ("cnn-h", "cnn-s", "dense", "none")


def classical_layers(items, group, n_inputs):
    """Layers of a description, and how many values they give.

    Parameters
    ----------
    items : sequence of (int or str)
        An integer is a dense layer of that width; a string an activation,
        ``"batch_norm"`` or ``"dropout:RATE"``.
    group : str
        Layer number i of the row is named ``"<group>.<i>"``, as in torch's Sequential.
    n_inputs : int

    Returns
    -------
    layers : list of Layer
    n_outputs : int
    """
    layers = []
    for number, item in enumerate(items):
        layer, n_inputs = _layer(item, f"{group}.{number}", n_inputs)
        layers.append(layer)
    return layers, n_inputs


def _layer(item, name, width):
    if isinstance(item, Integral) and not isinstance(item, bool) and item >= 1:
        return Dense(name, width, int(item)), int(item)
    if isinstance(item, str):
        kind, colon, value = item.partition(":")
        if kind == "dropout" and colon:
            return Dropout(_rate(item, value)), width
        if item == "batch_norm":
            return BatchNorm(name, width), width
        if item in activations():
            return Activation(item), width
    raise ValueError(
        f"{item!r} describes no layer; use a positive integer (a dense layer of that width), "
        f"'batch_norm', 'dropout:RATE' or one of {', '.join(activations())}."
    )


def _rate(item, value):
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{item!r}: {value!r} is no rate; write e.g. 'dropout:0.2'.") from None


def front_layers(structure, n_features):
    """Layers from the features to the circuit's inputs.

    Parameters
    ----------
    structure : dict
        With ``front_end``, ``front_layers``, ``image_shape``, ``dtype``, ``reset``,
        ``n_circuit_inputs`` and ``angles`` (whether the circuit takes angles).
    n_features : int

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError
        A module whose width does not fit the circuit, or rows that are no images.
    ImportError
        torch is needed and missing.
    """
    front, width = structure["front_end"], structure["n_circuit_inputs"]
    if isinstance(front, str) and front == "none":
        return []
    squash = [Activation("pi_tanh")] if structure["angles"] else []
    if isinstance(front, str) and front == "dense":
        items = (*structure["front_layers"], width)
        return classical_layers(items, "front", n_features)[0] + squash
    shape = structure["image_shape"]
    if isinstance(front, str):
        module = _MODULES[front](import_torch(f"front_end={front!r}").nn, shape, width)
        return [_torch_layer(structure, module, n_features, "all"), *squash]
    layer = _torch_layer(structure, front, n_features, structure["reset"])
    if layer.n_outputs != width:
        raise ValueError(
            f"front_end {type(front).__name__} gives {layer.n_outputs} values a row and the "
            f"circuit takes {width}; end it with a layer of {width} outputs, or change n_qubits."
        )
    return [layer, *squash]


def _torch_layer(structure, module, n_features, reset):
    return TorchLayer(
        "front.0",
        module,
        n_features,
        input_shape=structure["image_shape"],
        dtype=structure["dtype"],
        reset=reset,
    )


def image_shape_for(front_end, image_shape, n_features):
    """Shape (channels, height, width) of a row; None where rows are vectors.

    Raises
    ------
    ValueError
        The rows cannot have the shape asked for, or are no square images.
    """
    if image_shape is not None:
        shape = tuple(int(side) for side in image_shape)
        shape = (1, *shape) if len(shape) == 2 else shape
        if int(np.prod(shape)) != n_features:
            raise ValueError(
                f"image_shape={image_shape!r} has {int(np.prod(shape))} pixels and the rows of X "
                f"have {n_features} features; they must be equal."
            )
        return shape
    if not (isinstance(front_end, str) and front_end.startswith("cnn")):
        return None
    side = isqrt(n_features)
    if side * side != n_features or side < 4:
        raise ValueError(
            f"front_end={front_end!r} takes square images of at least 4 x 4 pixels, as rows of "
            f"shape (28, 28) or flattened (784); the rows of X have {n_features} features. Name "
            "their shape by image_shape=(height, width)."
        )
    return (1, side, side)


def _cnn_h(nn, shape, width):
    """The front-end of Study H (arXiv 2512.19253).

    ReLU stands behind the maximum, which it commutes with, and has a quarter to do there.
    """
    channels, height, wide = shape
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (wide // 4), width),
    )


def _cnn_s(nn, shape, width):
    """The front-end of Study S (arXiv 2509.06086)."""
    channels, height, wide = shape
    return nn.Sequential(
        nn.Conv2d(channels, 5, 5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * (height // 2) * (wide // 2), width),
        nn.LeakyReLU(0.01),
    )


_MODULES = {"cnn-h": _cnn_h, "cnn-s": _cnn_s}


def dense_core(n_inputs, n_outputs, n_weights):
    """The classical twin of a circuit: two dense layers with about as many parameters.

    Parameters
    ----------
    n_inputs, n_outputs, n_weights : int
        Of the circuit that it stands for.

    Returns
    -------
    list of Layer
        Dense, Dense, tanh: like expectation values, the outputs lie in (-1, 1). The width
        between is the one whose number of parameters is nearest to `n_weights`.
    """
    width = max(1, round((n_weights - n_outputs) / (n_inputs + n_outputs + 1)))
    return [
        Dense("core.0", n_inputs, width),
        Dense("core.1", width, n_outputs),
        Activation("tanh"),
    ]
