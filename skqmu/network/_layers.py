"""Layers: pure functions of (their slice of the flat vector, a batch of inputs).

A layer keeps no parameters and no gradients of its own. `forward` returns what
`backward` needs as a tape, so that one layer object serves any number of models.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from .._spending import counting_upper_bound

__all__ = ["Dense", "Layer", "OneVsRest", "QuantumLayer"]


class Layer(ABC):
    """What the network asks of a layer.

    Attributes
    ----------
    name : str
        Name of the layer's group in the flat vector.
    n_parameters : int
    n_buffers : int
        Numbers that training derives from the data without a gradient (running statistics).
        The layer finds them behind its parameters in `params`.
    has_training_mode : bool
        Whether training computes something else than prediction.
    batch_free : bool
        Whether a row's outputs in prediction are the same whatever rows come with it, up to
        rounding in double precision.
    takes_models : bool
        Whether `forward` and `backward` take many models at once: `params` then have a leading
        axis, (M, n_parameters), and inputs, outputs and their derivatives too, (M, B, n). Inputs
        without it are rows that all models share. A subclass that overrides one of them says so
        anew, or is taken not to.
    given : str
        What became of values that the user gave the layer instead of having them drawn
        (``"frozen"``, ``"the start of every fit"``); empty where all are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Layer
    >>> class Sine(Layer):
    ...     def forward(self, params, inputs):
    ...         return np.sin(inputs), inputs
    ...
    ...     def backward(self, params, tape, d_outputs, *, per_sample, need_inputs):
    ...         shape = (len(tape), 0) if per_sample else 0
    ...         return np.zeros(shape), d_outputs * np.cos(tape)
    >>> outputs, tape = Sine().forward(np.zeros(0), np.zeros((1, 2)))
    >>> Sine().backward(
    ...     np.zeros(0), tape, np.ones((1, 2)), per_sample=False, need_inputs=True
    ... )[1]
    array([[1., 1.]])
    """

    name = ""
    n_parameters = 0
    n_buffers = 0
    has_training_mode = False
    batch_free = True
    takes_models = False
    given = ""

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        own = vars(cls)
        if "takes_models" not in own and {"forward", "backward", "outputs"} & own.keys():
            cls.takes_models = False

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Draw initial parameters.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        ndarray of shape (n_parameters,)
            Zeros by default.
        """
        return np.zeros(self.n_parameters)

    def initial_buffers(self) -> np.ndarray:
        """Buffers of a layer that has seen no data, shape (n_buffers,)."""
        return np.zeros(self.n_buffers)

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the arrays that parameters, then buffers, consist of (a dict)."""
        shapes = {"weights": (self.n_parameters,), "buffers": (self.n_buffers,)}
        return {name: shape for name, shape in shapes.items() if shape[0]}

    @abstractmethod
    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        """Return ``(outputs, tape)``, as predictions are made.

        Parameters
        ----------
        params : ndarray of shape (n_parameters + n_buffers,)
        inputs : ndarray of shape (B, n_inputs)
            With a leading axis of models where `takes_models`.

        Returns
        -------
        outputs : ndarray of shape (B, n_outputs)
        tape : object
            What `backward` needs.

        Raises
        ------
        TrainingDivergedError
            From a layer of somebody else's code that returns NaN or infinity.
        """

    def forward_training(
        self,
        params: np.ndarray,
        inputs: np.ndarray,
        rng: np.random.Generator,
        *,
        to_forget: bool = False,
    ) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Return ``(outputs, tape, buffers)`` in training mode.

        By default the same as `forward`.

        Parameters
        ----------
        params : ndarray of shape (n_parameters + n_buffers,)
        inputs : ndarray of shape (B, n_inputs)
        rng : numpy.random.Generator
            For what training draws, such as dropout.
        to_forget : bool, default=False
            Whether the batch is one to forget: it must not move the buffers.

        Returns
        -------
        outputs : ndarray of shape (B, n_outputs)
        tape : object
            What `backward` needs.
        buffers : ndarray of shape (n_buffers,) or None
            Those after the batch; None where they stay.
        """
        return *self.forward(params, inputs), None

    @abstractmethod
    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return ``(d_params, d_inputs)``.

        Parameters
        ----------
        params : ndarray of shape (n_parameters + n_buffers,)
            The same as in the pass that left the tape.
        tape : object
            From `forward` or `forward_training`.
        d_outputs : ndarray of shape (B, n_outputs)
            Derivative of the objective by each row's outputs.
        per_sample : bool
            Whether the parameters' gradient of each row is kept apart.
        need_inputs : bool
            Whether the derivative by the inputs is wanted.

        Returns
        -------
        d_params : ndarray of shape (n_parameters,), or (B, n_parameters) with `per_sample`
        d_inputs : ndarray of shape (B, n_inputs) or None
            None unless `need_inputs`.

        Raises
        ------
        ValueError
            The layer has no such gradient after a pass in training mode: of a single record,
            where rows change one another's outputs, or of the inputs.
        """

    def outputs(self, params: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Outputs alone, for predictions: nothing is kept for `backward`.

        Parameters
        ----------
        params : ndarray of shape (n_parameters + n_buffers,)
        inputs : ndarray of shape (B, n_inputs)

        Returns
        -------
        ndarray of shape (B, n_outputs)
        """
        return self.forward(params, inputs)[0]

    def nearest_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs of the kind that the layer takes, nearest to such as were made up.

        `inputs` themselves, by default; a layer of states divides by their norms.

        Parameters
        ----------
        inputs : ndarray of shape (B, n_inputs)

        Returns
        -------
        ndarray of shape (B, n_inputs)
        """
        return inputs

    def period(self) -> np.ndarray:
        """Period of each parameter, shape (n_parameters,); inf where it has none."""
        return np.full(self.n_parameters, np.inf)

    def decayed(self) -> np.ndarray:
        """Mask of the parameters that weight decay applies to, shape (n_parameters,)."""
        return np.zeros(self.n_parameters, dtype=bool)

    def shrinkable(self) -> np.ndarray:
        """Mask of the parameters whose nearness to 0 means less influence, shape (n_parameters,).

        What dampens or penalises parameters leaves the others alone.
        """
        return np.ones(self.n_parameters, dtype=bool)

    def trainable(self) -> np.ndarray:
        """Mask of the parameters, then of the buffers, that training may move."""
        return np.ones(self.n_parameters + self.n_buffers, dtype=bool)

    def shifted(self, params: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """`params` with offsets added to every row's outputs, if the layer can do that.

        Parameters
        ----------
        params : ndarray of shape (n_parameters,)
        offsets : ndarray of shape (n_outputs,)

        Returns
        -------
        ndarray of shape (n_parameters,)
            `params` as they are by default.
        """
        return params


def no_slopes(d_outputs: np.ndarray, per_sample: bool) -> np.ndarray:
    """The `d_params` of a layer without parameters."""
    return np.zeros((*d_outputs.shape[: -1 if per_sample else -2], 0))


class Dense(Layer):
    """Affine map ``inputs @ kernel + bias``; the group is the kernel, then the bias.

    Parameters
    ----------
    name : str
    n_inputs, n_outputs : int

    Notes
    -----
    Initial kernels are uniform in +-sqrt(6 / (n_inputs + n_outputs)) and biases 0
    (Glorot & Bengio 2010, eq. 16).

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense
    >>> layer = Dense("head", n_inputs=2, n_outputs=1)
    >>> kernel_then_bias = np.array([1.0, 10.0, 0.5])
    >>> outputs, tape = layer.forward(kernel_then_bias, np.array([[3.0, 4.0]]))
    >>> outputs
    array([[43.5]])
    >>> layer.backward(
    ...     kernel_then_bias, tape, np.ones((1, 1)), per_sample=False, need_inputs=True
    ... )
    (array([3., 4., 1.]), array([[ 1., 10.]]))
    """

    takes_models = True

    def __init__(self, name: str, n_inputs: int, n_outputs: int):
        self.name = name
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.n_parameters = n_inputs * n_outputs + n_outputs

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"kernel": (self.n_inputs, self.n_outputs), "bias": (self.n_outputs,)}

    def _split(self, params):
        n_kernel = self.n_inputs * self.n_outputs
        shape = (*params.shape[:-1], self.n_inputs, self.n_outputs)
        return params[..., :n_kernel].reshape(shape), params[..., n_kernel:]

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        bound = np.sqrt(6.0 / (self.n_inputs + self.n_outputs))
        kernel = rng.uniform(-bound, bound, self.n_inputs * self.n_outputs)
        return np.concatenate([kernel, np.zeros(self.n_outputs)])

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        kernel, bias = self._split(params)
        return inputs @ kernel + bias[..., None, :], inputs

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        inputs = tape
        if per_sample:
            d_kernel = inputs[..., :, None] * d_outputs[..., None, :]
            d_bias = d_outputs
        else:
            d_kernel = inputs.swapaxes(-1, -2) @ d_outputs
            d_bias = d_outputs.sum(axis=-2)
        flat = d_kernel.reshape(*d_bias.shape[:-1], -1)
        d_params = np.concatenate([flat, d_bias], axis=-1)
        d_inputs = d_outputs @ self._split(params)[0].swapaxes(-1, -2) if need_inputs else None
        return d_params, d_inputs

    def decayed(self) -> np.ndarray:
        mask = np.ones(self.n_parameters, dtype=bool)
        mask[self.n_inputs * self.n_outputs :] = False
        return mask

    def shifted(self, params: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        kernel, bias = self._split(params)
        return np.concatenate([kernel.ravel(), bias + offsets])


class QuantumLayer(Layer):
    """Expectation values of a compiled circuit.

    Parameters
    ----------
    executable : skqmu.backends executable
        What ``backend.compile(circuit, observables, inputs=..., weights=...)`` returned.
    name : str, default="quantum"
    initial_std : float or None, default=None
        Standard deviation of the initial angles; None: see Notes.
    unit_inputs : bool, default=False
        Whether inputs must have norm 1 (``encoding="state"``).

    Notes
    -----
    Initial angles are normal with variance 1 / (number of rotations a qubit sees), the
    scale at which the gradient of a layered circuit does not vanish with depth
    (Zhang et al. 2022, arXiv 2203.09376, Theorem 4.1, up to its constant).

    On a backend that counts circuits, a training step runs the circuit of each distinct row
    once: a row that comes twice counts twice and costs once, so that repeating a row is the
    same as doubling its weight, shot noise included. Predictions run every row, and an
    estimate of costs counts every row: which ones will share their angles is not known then.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> from skqmu.network import QuantumLayer
    >>> qnn = build_circuit("angle", "real_amplitudes", n_features=2, n_qubits=2)
    >>> layer = QuantumLayer(
    ...     StatevectorBackend().compile(
    ...         qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
    ...     )
    ... )
    >>> layer.n_parameters
    4
    >>> outputs, _ = layer.forward(np.zeros(4), np.array([[0.0, np.pi]]))
    >>> outputs.round(12) + 0.0
    array([[ 1., -1.]])
    """

    takes_models = True

    def __init__(
        self,
        executable: Any,
        name: str = "quantum",
        *,
        initial_std: float | None = None,
        unit_inputs: bool = False,
    ):
        self.executable = executable
        self.name = name
        self.initial_std = initial_std
        self.unit_inputs = unit_inputs
        self.n_parameters = executable.n_weights
        # Which rows share a circuit, where they do, is looked for in one model's batch.
        asks_alone = executable.shares_rows or not executable.takes_models
        self.takes_models = type(self).takes_models and not asks_alone

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"angles": (self.n_parameters,)}

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        std = self.initial_std
        if std is None:
            std = 1.0 / np.sqrt(max(1.0, self.n_parameters / self.executable.n_qubits))
        return rng.normal(0.0, std, self.n_parameters)

    def nearest_inputs(self, inputs: np.ndarray) -> np.ndarray:
        if not self.unit_inputs:
            return inputs
        norms = np.linalg.norm(inputs, axis=-1, keepdims=True)
        return inputs / np.where(norms > 0, norms, 1.0)

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        if not self.executable.shares_rows:
            return self.executable.forward(inputs, params)
        if counting_upper_bound():
            distinct, place = inputs, np.arange(len(inputs))
        else:
            distinct, place = np.unique(inputs, axis=0, return_inverse=True)
            place = place.reshape(-1)  # NumPy 2.0 gives a column
        values, tape = self.executable.forward(distinct, params)
        return values[place], (tape, place, len(distinct))

    def outputs(self, params: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        return self.executable.expectations(inputs, params)

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if self.executable.shares_rows:
            tape, place, n_distinct = tape
            if per_sample or need_inputs:  # copies may have cotangents of their own
                tape = self.executable.taken(tape, place)
            else:
                own, d_outputs = d_outputs, np.zeros((n_distinct, d_outputs.shape[1]))
                np.add.at(d_outputs, place, own)
        d_inputs, d_params = self.executable.backward(
            tape, d_outputs, per_sample=per_sample, need_inputs=need_inputs
        )
        return d_params, d_inputs

    def period(self) -> np.ndarray:
        return np.asarray(self.executable.weight_periods, dtype=float)


class OneVsRest(Layer):
    """Logits of a softmax from those of independent logistic regressions.

    ``ln sigmoid(l_k)`` for each class, so that the softmax is the normalised sigmoid; one
    regression stands for two classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import OneVsRest
    >>> OneVsRest().forward(np.zeros(0), np.array([[0.0]]))[0].round(3)
    array([[-0.693, -0.693]])
    """

    name = "one_vs_rest"
    takes_models = True

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        single = inputs.shape[-1] == 1
        both = np.concatenate([-inputs, inputs], axis=-1) if single else inputs
        return log_expit(both), (both, single)

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        both, single = tape
        d_both = d_outputs * expit(-both)
        d_inputs = d_both[..., 1:] - d_both[..., :1] if single else d_both
        return no_slopes(d_outputs, per_sample), d_inputs
