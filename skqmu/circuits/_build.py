"""Put an encoding and an ansatz together into one circuit with named parameters."""

from collections.abc import Iterable
from numbers import Integral
from typing import NamedTuple

from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit

from .._validation import check_choice
from ..exceptions import CircuitError
from ._ansatze import ansatze, entanglements, named_ansatz
from ._encodings import PREPARING, encoding_circuit, encodings
from ._gates import qiskit_name
from ._order import named_as_data, natural_order, stem

__all__ = ["QNNCircuit", "build_circuit"]

# Names that a message lists.
_MOST_NAMES = 6


class QNNCircuit(NamedTuple):
    """A circuit and the roles of its parameters.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    inputs : list of qiskit.circuit.Parameter
        Feature ``i`` of a record is the value of ``inputs[i]``.
    weights : list of qiskit.circuit.Parameter
        Trainable parameters; for the named ansaetze ordered by layer, qubit, axis.

    Examples
    --------
    >>> from skqmu.circuits import build_circuit
    >>> circuit, inputs, weights = build_circuit(
    ...     "angle", "rotations_cz", n_features=3, n_qubits=3
    ... )
    >>> circuit.num_qubits, len(inputs), len(weights)
    (3, 3, 9)
    """

    circuit: QuantumCircuit
    inputs: list
    weights: list


def build_circuit(
    encoding: str | QuantumCircuit,
    ansatz: str | QuantumCircuit,
    *,
    n_features: int,
    n_qubits: int,
    n_layers: int = 1,
    entanglement: str = "ring",
    reuploading: bool = False,
) -> QNNCircuit:
    """Build the circuit of a quantum neural network.

    Parameters
    ----------
    encoding : {"angle", "angle_xyz", "iqp", "amplitude", "state", "unnormalised"} \
or QuantumCircuit
        How features enter. A circuit's parameters are the features, in natural order (x2
        before x10; a vector's by their places).

        - ``"angle"``: one rotation a feature, on RY, then RX, RY, ... for the features
          beyond `n_qubits`.
        - ``"angle_xyz"``: RX, RY, RZ of the same feature.
        - ``"iqp"``: the ZZ feature map, twice (Havlicek et al. 2019).
        - ``"amplitude"``: the normalised features are the amplitudes (at most
          ``2 ** n_qubits`` of them; the rest are 0).
        - ``"state"``: the features are a quantum state, ``2 ** n_qubits`` real parts and then as
          many imaginary parts, of norm 1 (see :class:`StateGate`).
        - ``"unnormalised"``: the features are the initial vector as they stand, whatever its
          norm, which is no quantum state; for published protocols (see `UnnormalisedGate`).
    ansatz : {"strong", "rotations_cz", "rotations_rzz", "real_amplitudes", "efficient_su2"} \
or QuantumCircuit
        Trainable layers.

        - ``"strong"``: U(theta, phi, lambda) on each qubit, then CX.
        - ``"rotations_cz"``: RX, RY, RZ on each qubit, then CZ.
        - ``"rotations_rzz"``: RX, RY, RX on each qubit, then RZZ, with a weight for each pair
          (Chen and Zhang 2025, arXiv 2508.02422). A layer's weights are the rotations, by qubit
          and axis, then the pairs.
        - ``"real_amplitudes"``: RY, then CX; and RY once more at the end.
        - ``"efficient_su2"``: RY, RZ, then CX; and RY, RZ once more at the end.

        A circuit is repeated `n_layers` times, each time with weights of its own, in natural
        order. Its parameters that are also in the encoding circuit are features, not weights.
        A circuit that holds data as well is no ansatz: see :func:`mark_circuit`.
    n_features : int
        Width of a record. Feature ``i`` acts on qubit ``i % n_qubits``; with fewer
        features than qubits, qubit ``q`` gets feature ``q % n_features``.
    n_qubits : int
    n_layers : int, default=1
    entanglement : {"none", "linear", "ring", "full"}, default="ring"
        Which pairs a named ansatz entangles.
    reuploading : bool, default=False
        Repeat the encoding before every layer.

    Returns
    -------
    QNNCircuit
        ``(circuit, inputs, weights)``.

    Raises
    ------
    ValueError
        An unknown name (with the nearest valid one).
    CircuitError
        A width that does not fit, or a circuit of the user's that cannot serve.

    Examples
    --------
    >>> from skqmu.circuits import build_circuit
    >>> qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4, n_layers=2)
    >>> qnn.circuit.num_qubits, len(qnn.inputs), len(qnn.weights)
    (4, 4, 24)
    >>> build_circuit("angel", "strong", n_features=4, n_qubits=4)
    Traceback (most recent call last):
        ...
    ValueError: encoding='angel' is unknown; allowed: 'amplitude', ... Did you mean 'angle'?
    """
    for name, value in (("n_features", n_features), ("n_qubits", n_qubits), ("n_layers", n_layers)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise CircuitError(f"{name}={value!r} must be an integer >= 1.")
    check_choice("entanglement", entanglement, entanglements())

    if isinstance(encoding, QuantumCircuit):
        encoder, inputs = _user_encoding(encoding, n_features, n_qubits)
    else:
        check_choice("encoding", encoding, encodings())
        if encoding in PREPARING and reuploading:
            raise CircuitError(
                f"encoding={encoding!r} prepares a state and cannot be repeated; use "
                "reuploading=False, or an angle encoding."
            )
        encoder, inputs = encoding_circuit(encoding, n_features, n_qubits)

    if isinstance(ansatz, QuantumCircuit):
        layers, weights = _user_ansatz(ansatz, inputs, n_qubits, n_layers)
    else:
        family = named_ansatz(check_choice("ansatz", ansatz, ansatze()))
        weights = family.weights(n_qubits, n_layers, entanglement)
        layers = family.layers(n_qubits, n_layers, entanglement, weights)

    clash = {p.name for p in inputs} & {p.name for p in weights}
    if clash:
        raise CircuitError(
            f"encoding and ansatz both name a parameter {min(clash)!r}; rename it in your circuit "
            "(the named encodings use x[i], the named ansaetze w[i])."
        )
    circuit = QuantumCircuit(n_qubits)
    for layer, block in enumerate(layers):
        if layer == 0 or reuploading:
            circuit.compose(encoder, inplace=True)
        circuit.compose(block, inplace=True)
    return QNNCircuit(circuit, inputs, weights)


def _user_encoding(circuit, n_features, n_qubits):
    check_serves("encoding", circuit)
    _check_width("encoding", circuit, n_qubits)
    inputs = natural_order(circuit.parameters)
    if len(inputs) != n_features:
        raise CircuitError(
            f"the encoding circuit has {len(inputs)} parameters and the data {n_features} "
            "features; it needs one parameter a feature. A circuit that holds weights as well goes "
            "in whole: circuit=..., with its features marked by inputs=."
        )
    return circuit, inputs


def _user_ansatz(circuit, inputs, n_qubits, n_layers):
    """Repeat the user's circuit with fresh weights, keeping shared features shared."""
    check_serves("ansatz", circuit)
    _check_width("ansatz", circuit, n_qubits)
    own = [p for p in natural_order(circuit.parameters) if p not in set(inputs)]
    data = [p for p in own if named_as_data(p)]
    if data:
        raise CircuitError(
            f"the ansatz circuit has the parameters {listed(data)}, which are called as data are, "
            "and an ansatz holds weights (and parameters of the encoding circuit) only. Pass a "
            "circuit of data and weights whole, with its features marked: "
            f"circuit=..., inputs={stem(data[0])!r}. Weights need another name."
        )
    return repeated(circuit, own, n_layers, inputs)


def repeated(circuit, weights, n_layers, inputs):
    """Return circuits, one a layer, each with weights of its own, and these; inputs are shared."""
    if n_layers == 1:
        return [circuit], weights
    name = "w" if "w" not in {stem(p) for p in inputs} else "weight"
    fresh = ParameterVector(name, len(weights) * n_layers)
    n = len(weights)
    layers = [
        circuit.assign_parameters(
            dict(zip(weights, fresh[layer * n : (layer + 1) * n], strict=True))
        )
        for layer in range(n_layers)
    ]
    return layers, list(fresh)


def listed(parameters):
    """Return names for a message, not too many of them."""
    names = [p.name for p in parameters]
    more = f", ... ({len(names)} in all)" * (len(names) > _MOST_NAMES)
    return (", ".join(names[:_MOST_NAMES]) or "none") + more


def _check_width(role, circuit, n_qubits):
    if circuit.num_qubits != n_qubits:
        raise CircuitError(
            f"the {role} circuit has {circuit.num_qubits} qubits and n_qubits={n_qubits}; "
            "they must be equal."
        )


def check_serves(role, circuit):
    """Refuse a circuit that measures, resets or holds classical bits."""
    for step in circuit.data:
        if qiskit_name(step.operation) in ("measure", "reset"):
            raise CircuitError(
                f"instruction {step.operation.name!r} in the {role} circuit: the readout is an "
                "expectation value of the final state; remove it, for example with "
                "circuit.remove_final_measurements(inplace=False)."
            )
    if circuit.num_clbits:
        raise CircuitError(
            f"the {role} circuit has {circuit.num_clbits} classical bits, which nothing reads; "
            "build it without them."
        )


def parameter_list(name: str, parameters: Iterable[Parameter] | None) -> list[Parameter]:
    """Return a list of distinct parameters from a vector, a list or None.

    Parameters
    ----------
    name : str
        For errors.
    parameters : iterable of Parameter or None

    Raises
    ------
    CircuitError
        When a member is no Parameter or appears twice.

    Examples
    --------
    >>> from qiskit.circuit import ParameterVector
    >>> from skqmu.circuits.lowering import parameter_list
    >>> parameter_list("weights", ParameterVector("w", 2)), parameter_list("inputs", None)
    ([ParameterVectorElement(w[0]), ParameterVectorElement(w[1])], [])
    """
    parameters = [] if parameters is None else list(parameters)
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise CircuitError(
                f"{name} must hold qiskit Parameters; got {parameter!r} of type "
                f"{type(parameter).__name__}."
            )
    if len(set(parameters)) != len(parameters):
        raise CircuitError(f"{name} holds a parameter twice.")
    return parameters


def parameter_lists(
    inputs: Iterable[Parameter] | None, weights: Iterable[Parameter] | None
) -> dict[str, list[Parameter]]:
    """Return ``{"inputs": list, "weights": list}`` of distinct parameters.

    Parameters
    ----------
    inputs, weights : iterable of Parameter or None

    Raises
    ------
    CircuitError
        As :func:`parameter_list`, and when a parameter is in both.

    Examples
    --------
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.circuits.lowering import parameter_lists
    >>> parameter_lists((Parameter("x"),), None)
    {'inputs': [Parameter(x)], 'weights': []}
    """
    lists = {
        "inputs": parameter_list("inputs", inputs),
        "weights": parameter_list("weights", weights),
    }
    both = set(lists["inputs"]) & set(lists["weights"])
    if both:
        raise CircuitError(
            f"parameter {min(p.name for p in both)!r} is in both inputs and weights; it can only "
            "be one of them."
        )
    return lists
