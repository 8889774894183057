"""Outputs of the layers that a run does not move, kept over its epochs."""

from collections.abc import Sequence

import numpy as np

from ..network import Network
from ._objective import Records

__all__ = ["FixedLayers"]


class FixedLayers:
    """What the layers before the first one that moves make of each row, asked for once.

    Rows come again in each epoch, and what lies before the first parameter that moves (a
    circuit of which only the head is trained, a frozen front-end) says the same of them. Not
    where a layer trains in another way than it predicts, nor where circuits are counted: each
    pass then has its own noise; nor in single precision, where a row's last digits depend on
    the rows of its batch.

    Parameters
    ----------
    network : Network
    trainable : ndarray of bool of shape (layout.size,) or None
        Parameters that move; None: all.
    """

    def __init__(self, network: Network, trainable: np.ndarray | None):
        self.network = network
        self.n_layers = _n_worth_keeping(network, trainable)
        layout = network.layout
        names = {layer.name for layer in network.layers[: self.n_layers]}
        self._mine = np.zeros(layout.size, dtype=bool)
        for slices in (layout.slices, layout.buffers):
            for name in names & set(slices):
                self._mine[slices[name]] = True
        self._values = np.zeros(0)
        self._kept: dict[str, tuple[Records, np.ndarray, np.ndarray]] = {}

    def outputs(
        self, params: np.ndarray, stream: str, records: Records, rows: Sequence[int]
    ) -> np.ndarray:
        """Outputs of the first `n_layers` layers for rows of a stream, shape (B, n).

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        stream : str
        records : Records
            All of the stream.
        rows : ndarray of int of shape (B,)
        """
        if not np.array_equal(self._values, params[self._mine]):
            self._values, self._kept = params[self._mine], {}
        known, outputs = self._of(stream, records)
        missing = rows[~known[rows]]
        if len(missing):
            found, _ = self.network.forward(params, records.X[missing], stop=self.n_layers)
            if outputs.shape[1:] != found.shape[1:]:
                outputs = np.empty((len(records), *found.shape[1:]))
            outputs[missing] = found
            known[missing] = True
            self._kept[stream] = records, known, outputs
        return outputs[rows]

    def _of(self, stream, records):
        kept = self._kept.get(stream)
        if kept is not None and kept[0] is records:
            return kept[1:]
        return np.zeros(len(records), dtype=bool), np.empty((len(records), 0))


def _n_worth_keeping(network, trainable):
    if trainable is None or not network.treats_rows_alone:
        return 0
    layers = network.layers[: network.first_of(trainable)]
    # Without parameters (scales that stay, activations) a layer costs less than looking it up.
    worth = any(layer.n_parameters for layer in layers)
    return len(layers) if worth and all(layer.batch_free for layer in layers) else 0
