"""A network: layers in a row, as a function of ONE flat parameter vector."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._layers import QuantumLayer
from ._meter import Meter
from ._parameters import ParameterLayout
from ._qiskit_ml import QiskitMLLayer

__all__ = ["Network"]


@dataclass
class Network:
    """Layers in a row.

    Parameters
    ----------
    layers : list of Layer
        From input to output; the last one gives the logits.

    Attributes
    ----------
    layout : ParameterLayout
        Named groups of the flat vector, one a layer that has parameters.
    meter : Meter
        Rows, circuits and shots spent through this object since it was made. Backends that
        sample or are paid for say what they ran; the others run a circuit a row.
    noise : NoiseStream or None
        Where sampling noise comes from; None: each circuit has a stream of its own.

    Raises
    ------
    ValueError
        Two layers with parameters share a name.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Activation, Dense, Network
    >>> network = Network([Dense("hidden", 2, 3), Activation("tanh"), Dense("head", 3, 2)])
    >>> network.layout
    ParameterLayout(hidden: 9, head: 8)
    >>> params = network.initial(np.random.default_rng(0))
    >>> logits, tape = network.forward(params, np.ones((5, 2)))
    >>> gradient, _ = network.backward(tape, np.ones((5, 2)))
    >>> logits.shape, gradient.shape
    ((5, 2), (17,))
    >>> network.meter
    Meter(forward_rows=5, gradient_rows=5, circuits=0, shots=0)
    """

    layers: list
    layout: ParameterLayout = field(init=False)
    noise: Any = field(init=False, default=None)

    def __post_init__(self):
        self.layout = ParameterLayout(
            [(layer.name, layer.n_parameters) for layer in self.layers if layer.n_parameters],
            [(layer.name, layer.n_buffers) for layer in self.layers if layer.n_buffers],
        )
        self.has_training_mode = any(layer.has_training_mode for layer in self.layers)
        self._meter = Meter()
        self._settled = {"circuits": 0, "shots": 0}

    @property
    def meter(self) -> Meter:
        """What was spent until now, the jobs of a pass that failed included."""
        self._settle()
        return self._meter

    @property
    def executables(self) -> list:
        """Executables of the quantum layers, from input to output."""
        return [layer.executable for layer in self.layers if isinstance(layer, QuantumLayer)]

    @property
    def counts_circuits(self) -> bool:
        """Whether some circuits are sampled or paid for, so that a pass is not asked in parts."""
        return any(executable.spent is not None for executable in self.executables) or any(
            isinstance(layer, QiskitMLLayer) for layer in self.layers
        )

    @property
    def treats_rows_alone(self) -> bool:
        """Whether one pass over two batches says what a pass over each of them says.

        Not in a training mode (batch norm, dropout), and not where circuits are sampled.
        """
        return not self.has_training_mode and not self.counts_circuits

    def use_noise(self, stream: Any) -> None:
        """Let every circuit draw its sampling noise from one stream.

        Parameters
        ----------
        stream : NoiseStream or None
        """
        self.noise = stream
        if stream is None:
            return
        for executable in self.executables:
            executable.use_noise(stream)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a flat vector of initial parameters and buffers.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        ndarray of shape (layout.size,)
        """
        parameters = [layer.initial(rng) for layer in self.layers]
        buffers = [layer.initial_buffers() for layer in self.layers]
        return np.concatenate([np.zeros(0), *parameters, *buffers])

    @property
    def trainable(self) -> np.ndarray | None:
        """Mask of what training may move, shape (layout.size,); None: everything."""
        masks = [(layer.trainable(), layer.n_parameters) for layer in self.layers]
        mask = np.concatenate([*(m[:n] for m, n in masks), *(m[n:] for m, n in masks)])
        return None if mask.all() else mask

    @property
    def given(self) -> dict[str, str]:
        """Layers whose values the user gave, and what became of these (a dict of str)."""
        return {layer.name: layer.given for layer in self.layers if layer.given}

    def _of(self, layer, params):
        part = self.layout.slices.get(layer.name)
        mine = params[..., part] if part is not None else params[..., :0]
        if not layer.n_buffers:
            return mine
        return np.concatenate([mine, params[self.layout.buffers[layer.name]]])

    def _per_layer(self, method, of_buffers):
        parts = [np.asarray(getattr(layer, method)()) for layer in self.layers]
        n_buffers = self.layout.size - self.layout.n_parameters
        return np.concatenate([*parts, np.full(n_buffers, of_buffers)])

    def with_buffers(self, params: np.ndarray, source: np.ndarray) -> np.ndarray:
        """`params` with the buffers of another flat vector.

        Parameters
        ----------
        params, source : ndarray of shape (layout.size,)

        Returns
        -------
        ndarray of shape (layout.size,)
        """
        n = self.layout.n_parameters
        return params if n == self.layout.size else np.concatenate([params[:n], source[n:]])

    def shifted(self, params: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """`params` with offsets added to every row's logits.

        Where the last layer is none that can do so (only `Dense` can), `params` come back as
        they are.

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        offsets : ndarray of shape (n_outputs,)

        Returns
        -------
        ndarray of shape (layout.size,)
        """
        last = self.layers[-1]
        if not last.n_parameters:
            return params
        moved = params.copy()
        part = self.layout.slices[last.name]
        moved[part] = last.shifted(params[part], offsets)
        return moved

    @property
    def periods(self) -> np.ndarray:
        """Period of each parameter (inf: none), shape (layout.size,)."""
        return self._per_layer("period", np.inf)

    def wrapped(self, params: np.ndarray) -> np.ndarray:
        """`params` with every angle brought into +-half its period.

        Zero is then the nearest identity gate, which is what scaling or penalising an
        angle should pull towards.

        Parameters
        ----------
        params : ndarray of shape (layout.size,)

        Returns
        -------
        ndarray of shape (layout.size,)
        """
        period = self.periods
        finite = np.isfinite(period)
        turns = np.zeros_like(params)
        np.divide(params, period, out=turns, where=finite)
        return params - np.where(finite, period, 0.0) * np.round(turns)

    @property
    def decayed(self) -> np.ndarray:
        """Mask of the parameters under weight decay, shape (layout.size,)."""
        return self._per_layer("decayed", False)

    @property
    def shrinkable(self) -> np.ndarray:
        """Mask of the parameters that dampening and penalties reach, shape (layout.size,)."""
        return self._per_layer("shrinkable", False)

    @property
    def takes_models(self) -> bool:
        """Whether passes take a leading axis of models; see `Layer`."""
        return self.treats_rows_alone and all(layer.takes_models for layer in self.layers)

    def twin(self) -> "Network":
        """A network of the very same layers, with a meter and a noise stream of its own."""
        return Network(self.layers)

    def count(self, **amounts: int) -> None:
        """Count what a pass elsewhere spent for this network's model, as `Meter.add` does.

        Parameters
        ----------
        **amounts : int
            Such as ``forward_rows=10``: names of `Meter`.
        """
        self._meter.add(**amounts)

    def circuits_a_row(self, start: int = 0) -> int:
        """Circuits that a pass from a layer on counts for each row: those nobody else counts.

        Parameters
        ----------
        start : int, default=0
            First layer that is gone through.
        """
        layers = self.layers[start:]
        circuits = [layer.executable for layer in layers if isinstance(layer, QuantumLayer)]
        return sum(executable.spent is None for executable in circuits)

    def forward(
        self, params: np.ndarray, X: np.ndarray, *, start: int = 0, stop: int | None = None
    ) -> tuple[np.ndarray, Any]:
        """Logits and tape, or the outputs of some layers.

        Parameters
        ----------
        params : ndarray of shape (layout.size,), or (M, layout.size) where `takes_models`
        X : ndarray of shape (B, n_features)
            With M models either rows that they share or (M, B, n_features); what comes out
            has a leading axis M.
        start : int, default=0
            First layer that is gone through; `X` are its inputs.
        stop : int or None, default=None
            First layer that is not gone through any more; None: there is none.

        Returns
        -------
        logits : ndarray of shape (B, n_outputs)
        tape : object
            For `backward` down to `start`, where the last layer was gone through.
        """
        tape = [None] * start
        values = X
        for layer in self.layers[start:stop]:
            values, entry = layer.forward(self._of(layer, params), values)
            tape.append(entry)
        n_rows = _n_rows(params, X)
        circuits = self.circuits_a_row(start) - (0 if stop is None else self.circuits_a_row(stop))
        self._meter.add(forward_rows=n_rows if stop is None else 0, circuits=n_rows * circuits)
        return values, (params, tape)

    def forward_training(
        self,
        params: np.ndarray,
        X: np.ndarray,
        rng: np.random.Generator,
        *,
        to_forget: bool = False,
    ) -> tuple[np.ndarray, Any, np.ndarray]:
        """Logits and tape in training mode, and the buffers after it.

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        X : ndarray of shape (B, n_features)
        rng : numpy.random.Generator
            Of dropout.
        to_forget : bool, default=False
            Rows to forget must not leave a trace: they move no buffer.

        Returns
        -------
        logits : ndarray of shape (B, n_outputs)
        tape : object
            For `backward`.
        after : ndarray of shape (layout.size,)
            `params`, with the buffers as the batch leaves them.
        """
        tape = []
        values, after = X, params
        for layer in self.layers:
            values, entry, buffers = layer.forward_training(
                self._of(layer, params), values, rng, to_forget=to_forget
            )
            tape.append(entry)
            if buffers is not None:
                after = after.copy() if after is params else after
                after[self.layout.buffers[layer.name]] = buffers
        self._meter.add(forward_rows=len(X), circuits=len(X) * self.circuits_a_row())
        return values, (params, tape), after

    def logits(self, params: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Logits alone, as predictions need them; holds one layer's outputs at a time.

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        X : ndarray of shape (B, n_features)

        Returns
        -------
        ndarray of shape (B, n_outputs)
        """
        return self.outputs(params, X, len(self.layers))

    def nearest_inputs(self, X: np.ndarray) -> np.ndarray:
        """Rows of the kind that the network takes, nearest to such as are made up.

        Parameters
        ----------
        X : ndarray of shape (B, n_features)
            Near rows of the data: noise was added, say.

        Returns
        -------
        ndarray of shape (B, n_features)
            `X` itself but where rows are states, which have norm 1.
        """
        return self.layers[0].nearest_inputs(X)

    def outputs(self, params: np.ndarray, X: np.ndarray, n_layers: int) -> np.ndarray:
        """Outputs of the first `n_layers` layers, for predictions.

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        X : ndarray of shape (B, n_features)
            Or of many models; see `forward`.
        n_layers : int

        Returns
        -------
        ndarray of shape (B, n_outputs of the last of them)
        """
        values = X
        for layer in self.layers[:n_layers]:
            values = layer.outputs(self._of(layer, params), values)
        n_rows = _n_rows(params, X)
        self._meter.add(forward_rows=n_rows, circuits=n_rows * self.circuits_a_row())
        return values

    def backward(
        self,
        tape: Any,
        d_logits: np.ndarray,
        *,
        per_sample: bool = False,
        need_inputs: bool = False,
        wanted: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Vector-Jacobian product.

        Parameters
        ----------
        tape : object
            From `forward`.
        d_logits : ndarray of shape (B, n_outputs), or (M, B, n_outputs)
            Derivative of the objective by each record's logits.
        per_sample : bool, default=False
            Keep the parameters' gradient of each record apart.
        need_inputs : bool, default=False
        wanted : ndarray of bool of shape (layout.size,) or None, default=None
            Parameters whose gradient is wanted; None: all. Layers before the first of these
            are not gone through: a circuit below them costs no gradient.

        Returns
        -------
        d_params : ndarray of shape (layout.size,) or (B, layout.size)
            0 for buffers, and for layers that were not gone through.
        d_inputs : ndarray of shape (B, n_features) or None
        """
        params, entries = tape
        first = 0 if need_inputs else self.first_of(wanted)
        lead = d_logits.shape[: -1 if per_sample else -2]
        d_params = np.zeros((*lead, self.layout.size))
        d_values = d_logits
        for i in reversed(range(first, len(self.layers))):
            if d_values is None:
                break
            layer = self.layers[i]
            d_layer, d_values = layer.backward(
                self._of(layer, params),
                entries[i],
                d_values,
                per_sample=per_sample,
                need_inputs=need_inputs or i > first,
            )
            if layer.n_parameters:
                d_params[..., self.layout.slices[layer.name]] = d_layer
        self._meter.add(gradient_rows=_n_rows(params, d_logits))
        return d_params, d_values if need_inputs else None

    def first_of(self, wanted: np.ndarray | None) -> int:
        """Number of the first layer with a parameter of a mask; of layers where there is none.

        Parameters
        ----------
        wanted : ndarray of bool of shape (layout.size,) or None
            None: all parameters.
        """
        slices = self.layout.slices
        for i, layer in enumerate(self.layers):
            if layer.n_parameters and (wanted is None or wanted[slices[layer.name]].any()):
                return i
        return len(self.layers)

    def quantum_information(
        self, params: np.ndarray, X: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Diagonal quantum Fisher information of the circuits' weights.

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        X : ndarray of shape (n, n_features)
        weights : ndarray of shape (n,)
            Of the rows, in the mean.

        Returns
        -------
        ndarray of shape (layout.size,)
            nan where a parameter belongs to no circuit.
        """
        information = np.full(self.layout.size, np.nan)
        values = X
        for layer in self.layers:
            mine = self._of(layer, params)
            if isinstance(layer, QuantumLayer):
                per_row = layer.executable.quantum_fisher(values, mine)
                information[self.layout.slices[layer.name]] = weights @ per_row / weights.sum()
            values, _ = layer.forward(mine, values)
        return information

    def _settle(self):
        """Bring the meter up to what the circuits say that they have run."""
        counted = [e.spent for e in self.executables if e.spent is not None]
        # A primitive of a qiskit-machine-learning network counts circuits, not shots.
        foreign = sum(la.circuits for la in self.layers if isinstance(la, QiskitMLLayer))
        for name, settled in self._settled.items():
            total = sum(getattr(spent, name) for spent in counted)
            total += foreign if name == "circuits" else 0
            self._meter.add(**{name: total - settled})
            self._settled[name] = total


def _n_rows(params, values):
    """Rows of a pass, of all its models."""
    return values.shape[-2] * (len(params) if params.ndim == 2 else 1)
