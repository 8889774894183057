"""A qiskit-machine-learning network as a layer: its own primitive and gradient compute."""

import copy
from typing import Any

import numpy as np

from ._layers import Layer

__all__ = ["QiskitMLLayer", "check_neural_network"]


def check_neural_network(qnn: Any, name: str = "qnn") -> None:
    """Check that `qnn` is a qiskit-machine-learning network that can be a layer.

    Parameters
    ----------
    qnn : object
    name : str, default="qnn"
        For errors.

    Raises
    ------
    ValueError
        It is something else, or takes no inputs.
    ImportError
        qiskit-machine-learning is not installed.

    Examples
    --------
    >>> from skqmu.network import check_neural_network
    >>> check_neural_network("a circuit", name="classifier")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: classifier must be an EstimatorQNN, ...; got 'a circuit' of type str.
    """
    try:
        from qiskit_machine_learning.neural_networks import NeuralNetwork
    except ImportError as error:
        raise ImportError(
            f"{name}={qnn!r} needs qiskit-machine-learning, which is not installed: "
            "pip install qiskit-machine-learning."
        ) from error
    if not isinstance(qnn, NeuralNetwork):
        raise ValueError(
            f"{name} must be an EstimatorQNN, a SamplerQNN or another NeuralNetwork of "
            f"qiskit-machine-learning; got {qnn!r} of type {type(qnn).__name__}."
        )
    if not qnn.num_inputs:
        raise ValueError(
            f"{name} is a {type(qnn).__name__} without inputs, so that all rows would look alike "
            "to it; name the parameters that take the data by input_params=."
        )


class QiskitMLLayer(Layer):
    """A network of qiskit-machine-learning as a layer.

    Parameters
    ----------
    qnn : qiskit_machine_learning.neural_networks.NeuralNetwork
        Such as `EstimatorQNN` or `SamplerQNN`. It is left as it is; outputs of more than one
        dimension are flattened, sparse ones made dense.
    name : str, default="quantum"

    Attributes
    ----------
    n_inputs, n_outputs : int
    circuits : int
        Circuits with numbers bound that were submitted so far, gradients included: an
        `EstimatorQNN` submits one a row and observable, and a shifted pair of them for each
        parameter that it differentiates.

    Raises
    ------
    ValueError
        `qnn` is something else, or takes no inputs.
    ImportError
        qiskit-machine-learning is not installed.

    Notes
    -----
    Values and gradients are those of the network's own primitive, precision and gradient
    method; the gradient of the inputs is asked for where a layer in front needs it, whatever
    `input_gradients` says. An `EstimatorQNN` adds noise unless it has ``default_precision=0``.
    The weights' periods are not known, so no weight is wrapped, nor is their quantum Fisher
    information: importances fall back to squared gradients. Weights start as in
    `QuantumLayer`.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from qiskit_machine_learning.neural_networks import EstimatorQNN
    >>> from skqmu.network import QiskitMLLayer
    >>> x, w = Parameter("x"), Parameter("w")
    >>> circuit = QuantumCircuit(1)
    >>> circuit.rx(x, 0), circuit.rx(w, 0)  # doctest: +ELLIPSIS
    (...)
    >>> qnn = EstimatorQNN(
    ...     circuit=circuit, input_params=[x], weight_params=[w], default_precision=0
    ... )
    >>> layer = QiskitMLLayer(qnn)
    >>> outputs, tape = layer.forward(np.array([np.pi / 2]), np.array([[0.0], [np.pi / 2]]))
    >>> outputs.round(6) + 0.0
    array([[ 0.],
           [-1.]])
    """

    def __init__(self, qnn: Any, name: str = "quantum"):
        check_neural_network(qnn)
        self.name = name
        self.n_inputs = qnn.num_inputs
        self.n_outputs = int(np.prod(qnn.output_shape))
        self.n_parameters = qnn.num_weights
        self.circuits = 0
        self._n_qubits = getattr(qnn, "num_virtual_qubits", 1)
        # Shallow copies: the flag for input gradients and the count are this layer's own.
        self._qnn = self._counted(copy.copy(qnn))
        if hasattr(qnn, "gradient"):
            self._qnn.gradient = self._counted(copy.copy(qnn.gradient))

    def _counted(self, holder):
        """`holder`, with primitives that count what they are given."""
        from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
        from qiskit.primitives.containers.estimator_pub import EstimatorPub
        from qiskit.primitives.containers.sampler_pub import SamplerPub

        for kind, pub_type in ((BaseEstimatorV2, EstimatorPub), (BaseSamplerV2, SamplerPub)):
            for attribute, value in list(vars(holder).items()):
                if isinstance(value, kind):
                    setattr(holder, attribute, self._counting(value, pub_type))
        return holder

    def _counting(self, primitive, pub_type):
        run = primitive.run
        counting = copy.copy(primitive)

        def counted(pubs, **options):
            pubs = list(pubs)
            job = run(pubs, **options)
            self.circuits += sum(pub_type.coerce(pub).size for pub in pubs)
            return job

        counting.run = counted
        return counting

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"angles": (self.n_parameters,)} if self.n_parameters else {}

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        per_qubit = max(1.0, self.n_parameters / self._n_qubits)
        return rng.normal(0.0, 1.0 / np.sqrt(per_qubit), self.n_parameters)

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        if not len(inputs):
            return np.zeros((0, self.n_outputs)), inputs
        values = _dense(self._qnn.forward(inputs, params))
        return values.reshape(len(inputs), self.n_outputs), inputs

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
        d_rows = np.zeros((len(inputs), self.n_parameters))
        d_inputs = np.zeros((len(inputs), self.n_inputs)) if need_inputs else None
        if len(inputs) and (self.n_parameters or need_inputs):
            self._qnn.input_gradients = need_inputs
            of_inputs, of_params = self._qnn.backward(inputs, params)
            if of_params is not None:  # None where there are none
                d_rows = self._pulled(of_params, d_outputs)
            if need_inputs:
                d_inputs = self._pulled(of_inputs, d_outputs)
        return d_rows if per_sample else d_rows.sum(axis=0), d_inputs

    def _pulled(self, jacobian, d_outputs):
        """Cotangents of each row, from a Jacobian of shape (B, *output_shape, n)."""
        jacobian = _dense(jacobian)
        rows = jacobian.reshape(len(d_outputs), self.n_outputs, jacobian.shape[-1])
        return np.einsum("bo,bon->bn", d_outputs, rows)


def _dense(array):
    return np.asarray(array.todense() if hasattr(array, "todense") else array, dtype=np.float64)
