"""Circuits that people bring: which parameters are features, and in what order they stand."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import Statevector

from skqmu.circuits import Choice, QNNCircuit, build_circuit, choices, mark_circuit, plain
from skqmu.exceptions import CircuitError


def chain(names, n_qubits=2):
    """One rotation a name, on alternating qubits, entangled."""
    circuit = QuantumCircuit(n_qubits)
    for i, name in enumerate(names):
        circuit.ry(Parameter(name), i % n_qubits)
        circuit.cx(i % n_qubits, (i + 1) % n_qubits)
    return circuit


def names(parameters):
    return [p.name for p in parameters]


NUMBERED = [f"x{i}" for i in range(12)]


@pytest.mark.parametrize("order", [NUMBERED, NUMBERED[::-1]], ids=["ascending", "descending"])
def test_features_of_an_encoding_stand_in_natural_order(order):
    qnn = build_circuit(chain(order), "strong", n_features=12, n_qubits=2)
    assert names(qnn.inputs) == NUMBERED


@pytest.mark.parametrize("n_layers", [1, 2])
def test_weights_of_an_ansatz_stand_in_natural_order(n_layers):
    order = [f"t{i}" for i in range(12)]
    ansatz = chain(order[::-1])
    qnn = build_circuit("angle", ansatz, n_features=2, n_qubits=2, n_layers=n_layers)
    weights = np.random.default_rng(0).normal(size=12 * n_layers)
    mine = qnn.circuit.assign_parameters(
        {**dict(zip(qnn.weights, weights, strict=True)), **dict.fromkeys(qnn.inputs, 0.3)}
    )
    theirs = QuantumCircuit(2)
    theirs.ry(0.3, [0, 1])
    by_name = {p.name: p for p in ansatz.parameters}
    for own in weights.reshape(n_layers, 12):
        bound = {by_name[name]: value for name, value in zip(order, own, strict=True)}
        theirs.compose(ansatz.assign_parameters(bound), inplace=True)
    np.testing.assert_allclose(Statevector(mine).data, Statevector(theirs).data, atol=1e-12)


def test_the_order_of_a_vector_is_its_own():
    x, t = ParameterVector("x", 12), ParameterVector("t", 12)
    circuit = QuantumCircuit(1)
    for i in reversed(range(12)):
        circuit.ry(x[i], 0)
        circuit.rz(t[i], 0)
    qnn = mark_circuit(circuit, x)
    assert qnn.inputs == list(x)
    assert qnn.weights == list(t)


X = ParameterVector("x", 3)


def whole():
    circuit = QuantumCircuit(2)
    for i in range(3):
        circuit.ry(X[i], i % 2)
        circuit.rz(Parameter(f"a{i}"), i % 2)
    circuit.rx(Parameter("shift"), 0)
    return circuit


@pytest.mark.parametrize(
    "inputs",
    [
        None,
        "x",
        X,
        list(X),
        tuple(X),
        ["x[0]", "x[1]", "x[2]"],
        set(X),
        zz_feature_map(3).parameters,  # of the same names, yet other parameters
    ],
    ids=["unmarked", "name", "vector", "list", "tuple", "names", "set", "others"],
)
def test_inputs_are_marked_in_every_way_that_people_have(inputs):
    if inputs is not None and not isinstance(inputs, str) and "ParameterView" in repr(type(inputs)):
        with pytest.raises(CircuitError, match="made anew is another one"):
            mark_circuit(whole(), inputs)
        return
    qnn = mark_circuit(whole(), inputs)
    assert qnn.inputs == list(X)
    assert names(qnn.weights) == ["a0", "a1", "a2", "shift"]


def test_the_order_of_a_list_is_the_order_of_the_features():
    assert mark_circuit(whole(), [X[2], X[0], X[1]]).inputs == [X[2], X[0], X[1]]
    assert names(mark_circuit(whole(), ["x[2]", "x[0]", "x[1]"]).inputs) == ["x[2]", "x[0]", "x[1]"]


def test_one_name_stands_for_all_that_are_numbered():
    qnn = mark_circuit(chain(["b", *NUMBERED[::-1], "a10", "a2"]), "x")
    assert names(qnn.inputs) == NUMBERED
    assert names(qnn.weights) == ["a2", "a10", "b"]


def test_a_triple_says_all():
    circuit = chain(["q", "p", "r"])
    by_name = {p.name: p for p in circuit.parameters}
    triple = (circuit, [by_name["p"]], [by_name["r"], by_name["q"]])
    assert names(mark_circuit(triple).inputs) == ["p"]
    assert names(mark_circuit(triple).weights) == ["r", "q"]
    assert names(mark_circuit(QNNCircuit(*triple)).weights) == ["r", "q"]
    with pytest.raises(CircuitError, match="they must be the same"):
        mark_circuit((circuit, [by_name["p"]], [by_name["q"]]))
    with pytest.raises(CircuitError, match=r"as a tuple is \(QuantumCircuit, inputs, weights\)"):
        mark_circuit((circuit, [by_name["p"]]))


def test_the_triple_of_qiskit_machine_learning_is_one():
    library = pytest.importorskip("qiskit_machine_learning.circuit.library")
    qnn = mark_circuit(
        library.qnn_circuit(feature_map=zz_feature_map(3), ansatz=real_amplitudes(3))
    )
    assert names(qnn.inputs) == ["x[0]", "x[1]", "x[2]"]
    assert len(qnn.weights) == 12


def test_layers_repeat_the_whole_with_the_same_features():
    once = mark_circuit(whole())
    thrice = mark_circuit(whole(), n_layers=3)
    assert thrice.inputs == once.inputs
    assert len(thrice.weights) == 3 * len(once.weights)
    assert len(thrice.circuit.data) == 3 * len(once.circuit.data)
    clashing = chain(["w0", "a", "b"])
    assert names(mark_circuit(clashing, "w", n_layers=2).weights)[0] == "weight[0]"


@pytest.mark.parametrize(
    ("circuit", "inputs", "message"),
    [
        (chain(["a", "b"]), None, r"needs inputs=.*\(a, b\) is called x"),
        (chain(["a", "b"]), "c", "no such parameter"),
        (chain(["alpha", "beta"]), "alhpa", "Did you mean 'alpha'"),
        (chain(["x0", "b"]), [], "inputs is empty"),
        (chain(["x0", "b"]), [Parameter("x0")], "does not have"),
        (chain(["x0", "b"]), ["x0", "x0"], "holds a parameter twice"),
        (chain(["x0", "b"]), [0], "must hold qiskit Parameters"),
    ],
)
def test_marks_that_mean_nothing_are_refused(circuit, inputs, message):
    with pytest.raises(CircuitError, match=message):
        mark_circuit(circuit, inputs)


def test_a_whole_network_is_no_ansatz():
    network = zz_feature_map(2).compose(real_amplitudes(2))
    with pytest.raises(CircuitError, match=r"x\[0\], x\[1\].*circuit=\.\.\., inputs='x'"):
        build_circuit("angle", network, n_features=2, n_qubits=2)
    encoding = zz_feature_map(2)
    shared = encoding.compose(real_amplitudes(2))  # the same parameters: re-uploading
    assert len(build_circuit(encoding, shared, n_features=2, n_qubits=2).weights) == 8


def test_choices_are_no_sequences_and_keep_what_is_in_them():
    circuit = real_amplitudes(2)
    one, other, word = choices(circuit, "strong", named=circuit)
    array = np.array([one, other, word])
    assert array.dtype == object
    assert array.shape == (3,)
    assert np.array([one]).shape == (1,)
    assert plain(one) is circuit
    assert (repr(one), repr(other), repr(word)) == (
        "<circuit of 2 qubits, 8 parameters>",
        "'strong'",
        "named",
    )
    assert repr(Choice((circuit, [], []))) == repr(one)
