"""A circuit of one's own that holds data and weights: which of its parameters are which."""

from collections.abc import Iterable

from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit

from .._validation import did_you_mean
from ..exceptions import CircuitError
from ._build import QNNCircuit, check_serves, listed, parameter_list, repeated
from ._order import named_as_data, natural_order, stem

__all__ = ["mark_circuit"]


def mark_circuit(
    circuit: QuantumCircuit | tuple,
    inputs: str | Iterable[str | Parameter] | None = None,
    *,
    n_layers: int = 1,
) -> QNNCircuit:
    """Say which parameters of a circuit hold features; the others are weights.

    Parameters
    ----------
    circuit : QuantumCircuit or (QuantumCircuit, inputs, weights)
        The whole quantum neural network, data and weights. The triple is what `build_circuit`
        returns, and `qnn_circuit` of qiskit-machine-learning.
    inputs : str, iterable of Parameter or str, or None, default=None
        Feature ``i`` is the value of ``inputs[i]``: a `ParameterVector`, the ``parameters`` of
        a feature map (in natural order: x2 before x10), a list of parameters or of their
        names; or one name, of a vector, of a parameter, or of all that are called so but for a
        number (``"x"`` of x0, x1, ..., x10). None: those of the triple, or else the parameters
        that are called x, data, input(s) or feature(s), as qiskit's feature maps do.
    n_layers : int, default=1
        Repetitions, each with weights of its own and the same features.

    Returns
    -------
    QNNCircuit
        ``(circuit, inputs, weights)``; weights are in natural order, or as the triple has them.

    Raises
    ------
    CircuitError
        No parameter, or one that the circuit does not have, is marked; or a circuit that cannot
        serve.

    Examples
    --------
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from skqmu.circuits import mark_circuit
    >>> circuit = QuantumCircuit(1)
    >>> for name in ("x0", "a", "x1", "b"):
    ...     _ = circuit.ry(Parameter(name), 0)
    >>> qnn = mark_circuit(circuit, "x")
    >>> [p.name for p in qnn.inputs], [p.name for p in qnn.weights]
    (['x0', 'x1'], ['a', 'b'])
    """
    weights = None
    if isinstance(circuit, tuple):
        circuit, own_inputs, weights = _triple(circuit)
        inputs = own_inputs if inputs is None else inputs
    check_serves("circuit", circuit)
    marked = _unmarked(circuit) if inputs is None else _marked(circuit, inputs)
    rest = [p for p in natural_order(circuit.parameters) if p not in set(marked)]
    if weights is not None:
        if set(weights) != set(rest):
            raise CircuitError(
                f"circuit= is a triple whose weights are {listed(weights)}, and the parameters of "
                f"its circuit that are no inputs are {listed(rest)}; they must be the same."
            )
        rest = weights
    layers, rest = repeated(circuit, rest, n_layers, marked)
    whole = layers[0]
    for layer in layers[1:]:
        whole = whole.compose(layer)
    return QNNCircuit(whole, marked, rest)


def _triple(value):
    if len(value) != 3 or not isinstance(value[0], QuantumCircuit):
        raise CircuitError(
            "circuit= as a tuple is (QuantumCircuit, inputs, weights), as build_circuit returns "
            f"it; got {len(value)} items, the first a {type(value[0]).__name__}."
            if value
            else "circuit= is an empty tuple; pass a QuantumCircuit."
        )
    circuit, inputs, weights = value
    return circuit, _in_order(inputs), parameter_list("the weights of circuit=", weights)


def _in_order(inputs):
    """The members of a list or vector; of a set, such as ``circuit.parameters``, by name."""
    if isinstance(inputs, list | tuple | ParameterVector):
        return list(inputs)
    members = list(inputs)
    if all(isinstance(p, Parameter) for p in members):
        return natural_order(members)
    return members


def _unmarked(circuit):
    found = [p for p in natural_order(circuit.parameters) if named_as_data(p)]
    if not found:
        raise CircuitError(
            "circuit= needs inputs=, the parameters that hold features: none of its parameters "
            f"({listed(natural_order(circuit.parameters))}) is called x, data, input or feature. "
            "Pass a ParameterVector, a list of parameters or names, or the one name that they "
            "share (inputs='x' for x0, x1, ...)."
        )
    return found


def _marked(circuit, inputs):
    """The marked parameters, in the order in which they are given."""
    found = []
    for each in [inputs] if isinstance(inputs, str) else _in_order(inputs):
        found += _called(circuit, each) if isinstance(each, str) else [each]
    found = parameter_list("inputs", found)
    strange = [p for p in found if p not in circuit.parameters]
    if strange:
        raise CircuitError(
            f"inputs holds {listed(strange)}, which the circuit does not have; its parameters are "
            f"{listed(natural_order(circuit.parameters))}. (A parameter of the same name that was "
            "made anew is another one: pass its name, or circuit.parameters.)"
        )
    if not found:
        raise CircuitError("inputs is empty: a circuit without features answers every row alike.")
    return found


def _called(circuit, name):
    """Parameters of a name; else those of the vector or stem."""
    parameters = natural_order(circuit.parameters)
    found = [p for p in parameters if p.name == name] or [p for p in parameters if stem(p) == name]
    if not found:
        names = {stem(p) for p in parameters} | {p.name for p in parameters}
        raise CircuitError(
            f"inputs={name!r}: the circuit has no such parameter, nor any {name}0, {name}[0]; its "
            f"parameters are {listed(parameters)}.{did_you_mean(name, names)}"
        )
    return found
