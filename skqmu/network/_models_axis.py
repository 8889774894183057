"""Many models of one network on one set of rows, and how many go through a pass together."""

import numpy as np

from ._layers import QuantumLayer
from ._network import Network

__all__ = ["forward_many", "models_at_once"]

# Of networks without circuits: layers of a few hundred numbers a model.
_MOST_MODELS = 64


def models_at_once(network: Network, n_rows: int, *, start: int = 0) -> int:
    """How many models, of `n_rows` each, a pass should have: more would not be faster.

    Parameters
    ----------
    network : Network
    n_rows : int
    start : int, default=0
        First layer that is gone through.

    Returns
    -------
    int
        1 where the network takes no models side by side.

    Examples
    --------
    >>> from skqmu.network import Dense, Dropout, Network, models_at_once
    >>> models_at_once(Network([Dense("head", 2, 2)]), n_rows=100)
    64
    >>> models_at_once(Network([Dropout(0.5), Dense("head", 2, 2)]), n_rows=100)
    1
    """
    if not network.takes_models:
        return 1
    limits = [
        layer.executable.models_at_once(n_rows)
        for layer in network.layers[start:]
        if isinstance(layer, QuantumLayer)
    ]
    return min([_MOST_MODELS, *limits])


def forward_many(network: Network, params: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Logits of many models, as predictions need them.

    Parameters
    ----------
    network : Network
        Where it does not take models side by side, they go one after another.
    params : ndarray of shape (M, layout.size)
    X : ndarray of shape (B, n_features) or (M, B, n_features)
        Rows that all models share, or those of each.

    Returns
    -------
    ndarray of shape (M, B, n_outputs)
        Each model's as `Network.logits` gives them, to rounding; counted by the network's meter.

    Raises
    ------
    ValueError
        `params` or `X` of other shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network, forward_many
    >>> network = Network([Dense("head", 2, 1)])
    >>> forward_many(network, np.eye(3), np.array([[3.0, 4.0]])).ravel()
    array([3., 4., 1.])
    """
    if params.ndim != 2 or params.shape[1] != network.layout.size or not len(params):
        raise ValueError(
            f"params must have shape (n_models, {network.layout.size}), of one model at least; got "
            f"{params.shape}."
        )
    own = X.ndim == 3
    if X.ndim not in (2, 3) or (own and len(X) != len(params)):
        raise ValueError(
            "X must have shape (n_rows, n_features) or, for rows of each model, "
            f"({len(params)}, n_rows, n_features); got {X.shape}."
        )
    if not network.takes_models:
        rows = X if own else [X] * len(params)
        return np.stack([network.logits(*each) for each in zip(params, rows, strict=True)])
    size = models_at_once(network, X.shape[-2])
    parts = [slice(first, first + size) for first in range(0, len(params), size)]
    return np.concatenate([network.logits(params[p], X[p] if own else X) for p in parts])
