"""A circuit of one's own is run as it is drawn, by every door, and shown as it is run."""

import pickle

import numpy as np
import pytest
from qiskit import qasm3
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp, Statevector
from sklearn.base import clone

from skqmu import HybridQNNClassifier, QNNClassifier
from skqmu.backends import AerBackend
from skqmu.circuits import Choice
from skqmu.exceptions import CircuitError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
Y = np.arange(12) % 2
PAULIS = ["IIIIIZ", "XIIYII", "IZZIIX", "YIIIIY"]
OBSERVABLES = [SparsePauliOp(PAULIS[0]), SparsePauliOp(PAULIS[1:], [0.5, -1.0, 2.0])]


def six_qubits(data="x", weight="a"):
    """3 inputs and 10 weights on 6 qubits, in an order that no name has."""
    circuit = QuantumCircuit(6)
    x = [Parameter(f"{data}{i}") for i in range(3)]
    a = [Parameter(f"{weight}{i}") for i in range(10)]
    circuit.h(range(6))
    for i, qubit in enumerate((4, 0, 2)):
        circuit.ry(x[i], qubit)
        circuit.crx(2 * x[i] + a[9 - i], qubit, 5 - qubit)
    for i in range(7):
        circuit.rzz(a[6 - i], i % 6, (i + 2) % 6)
        circuit.ry(a[6 - i] * 0.5, i % 6)
        circuit.cx(i % 6, (i + 1) % 6)
    return circuit


def expected(circuit, numbers):
    """Expectation values by qiskit's own state vector; numbers by name of parameter."""
    state = Statevector(circuit.assign_parameters(numbers))
    return [state.expectation_value(o).real for o in OBSERVABLES]


def gates(circuit):
    return [
        (
            step.operation.name,
            step.operation.params,
            [circuit.find_bit(q).index for q in step.qubits],
        )
        for step in circuit.data
    ]


def features_of(clf):
    return clf.head_features(X)[:, :-1]


@pytest.mark.parametrize("marked", [None, "x", ["x0", "x1", "x2"]])
@pytest.mark.parametrize("backend", ["statevector", "aer"])
def test_a_circuit_of_inputs_and_weights_is_run_as_drawn(marked, backend):
    circuit = six_qubits()
    clf = QNNClassifier(
        circuit=circuit, inputs=marked, observables=OBSERVABLES, backend=backend, max_iter=2,
        random_state=0,
    ).fit(X, Y)  # fmt: skip
    assert clf.n_qubits_ == 6
    assert clf.circuit_weights_.shape == (10,)
    weights = {f"a{i}": w for i, w in enumerate(clf.circuit_weights_)}
    found = [expected(circuit, {**{f"x{i}": v for i, v in enumerate(row)}, **weights}) for row in X]
    np.testing.assert_allclose(features_of(clf), found, atol=1e-10)
    assert gates(clf.circuit_) == gates(circuit)


def test_an_ansatz_runs_once_unless_a_number_repeats_it():
    ansatz = six_qubits("b", "a")  # 13 weights, as no parameter is called like data
    encoding = zz_feature_map(6)
    rows = RNG.normal(size=(12, 6))
    clf = QNNClassifier(encoding, ansatz=ansatz, max_iter=1, random_state=0).fit(rows, Y)
    assert clf.circuit_weights_.shape == (13,)
    assert gates(clf.circuit_) == gates(encoding.compose(ansatz))
    twice = clone(clf).set_params(n_layers=2).fit(rows, Y)
    assert twice.circuit_weights_.shape == (26,)


def test_named_ansaetze_keep_their_depths():
    for cls, depth in ((QNNClassifier, 3), (HybridQNNClassifier, 2)):
        assert cls().n_layers is None
        default, named = (cls(n_layers=n, max_iter=2, random_state=0) for n in (None, depth))
        np.testing.assert_array_equal(default.fit(X, Y).params_, named.fit(X, Y).params_)


def test_a_triple_and_a_choice_of_it_run_alike():
    x, w = ParameterVector("features", 3), ParameterVector("w", 12)
    circuit = zz_feature_map(3).assign_parameters(list(x))
    circuit = circuit.compose(real_amplitudes(3, reps=3).assign_parameters(list(w)))
    given = [circuit, (circuit, list(x), list(w)), Choice((circuit, x, w), "mine"), Choice(circuit)]
    fits = [QNNClassifier(circuit=c, max_iter=3, random_state=0).fit(X, Y) for c in given]
    for each in fits[1:]:
        np.testing.assert_array_equal(each.params_, fits[0].params_)


def test_a_front_end_feeds_the_inputs_of_a_whole_circuit():
    clf = HybridQNNClassifier(circuit=six_qubits(), inputs="x", max_iter=2, random_state=0)
    rows = RNG.normal(size=(12, 5))
    clf.fit(rows, Y)
    assert clf.get_weights()["front.0.kernel"].shape == (5, 3)
    assert clf.get_weights()["quantum.angles"].shape == (10,)
    clf.unlearn(rows[:1])
    clf.set_params(front_end="none")
    with pytest.raises(CircuitError, match=r"has 3 inputs \(x0, x1, x2\) and the data 5"):
        clf.fit(rows, Y)


def test_what_is_shown_is_what_runs():
    clf = QNNClassifier(circuit=six_qubits(), max_iter=2, random_state=0).fit(X, Y)
    assert "Ry(x0)" in str(clf.draw(fold=-1))
    program = clf.to_qasm()
    assert "input float[64] x0;" in program
    again = qasm3.loads(program)
    by_name = {p.name: p for p in again.parameters}
    numbers = {by_name[f"a{i}"]: w for i, w in enumerate(clf.circuit_weights_)}
    numbers |= {by_name[f"x{i}"]: v for i, v in enumerate(X[0])}
    shown = Statevector(again.assign_parameters(numbers))
    whole = Statevector(qasm3.loads(clf.to_qasm(x=X[0])))
    assert abs(shown.inner(whole)) == pytest.approx(1, abs=1e-10)
    z = [whole.expectation_value(SparsePauliOp.from_sparse_list([("Z", [q], 1)], 6)).real
         for q in range(6)]  # fmt: skip
    np.testing.assert_allclose(clf.head_features(X[:1])[0, :6], z, atol=1e-10)


def test_a_record_is_shown_with_its_scaled_angles_and_amplitudes():
    for clf in (QNNClassifier(max_iter=2), QNNClassifier("amplitude", max_iter=2),
                HybridQNNClassifier(max_iter=2)):  # fmt: skip
        clf.set_params(random_state=0).fit(X, Y)
        state = Statevector(qasm3.loads(clf.to_qasm(x=X[1])))
        n = clf.n_qubits_
        z = SparsePauliOp.from_sparse_list([("Z", [0], 1)], n)
        place = [layer.name for layer in clf._network().layers].index("quantum")
        found = clf._network().outputs(clf.params_, X[1:2], n_layers=place + 1)
        assert found[0, 0] == pytest.approx(state.expectation_value(z).real, abs=1e-9)
    with pytest.raises(ValueError, match="x must be one record, of 3 features"):
        clf.draw(x=X[:2])
    with pytest.raises(CircuitError, match=r"to_qasm\(x="):
        QNNClassifier("amplitude", max_iter=1).fit(X, Y).to_qasm()


def test_a_classifier_without_a_circuit_of_this_package_says_so():
    clf = HybridQNNClassifier(core="dense", max_iter=1, random_state=0).fit(X, Y)
    assert not hasattr(clf, "circuit_")
    with pytest.raises(AttributeError, match="core='dense'"):
        clf.draw()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"circuit": six_qubits(), "ansatz": "real_amplitudes"}, "no place beside circuit="),
        ({"circuit": six_qubits(), "reuploading": True}, "reuploading=True has no place"),
        ({"circuit": six_qubits(), "encoding": zz_feature_map(3)}, "encoding=.*has no place"),
        ({"circuit": six_qubits(), "n_qubits": 5}, "leave n_qubits at None"),
        ({"circuit": six_qubits(), "inputs": ["x0", "x1"]}, "has 2 inputs .x0, x1. and the data 3"),
        ({"circuit": six_qubits("u", "v")}, "circuit= needs inputs="),
        ({"inputs": "x"}, "marks the features of circuit=, which is None"),
        ({"ansatz": six_qubits()}, "an ansatz holds weights"),
        ({"circuit": ()}, "empty tuple"),
        ({"ansatz": Choice(3)}, "The 'ansatz' parameter"),
        ({"n_layers": 0}, "The 'n_layers' parameter"),
    ],
)
def test_what_does_not_go_together_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        QNNClassifier(max_iter=1, **params).fit(X, Y)


def test_ten_weights_and_more_keep_their_places_in_every_copy():
    clf = QNNClassifier(circuit=six_qubits(), max_iter=2, random_state=0).fit(X, Y)
    before = clf.predict_proba(X)
    for copy in (pickle.loads(pickle.dumps(clf)), clone(clf).fit(X, Y)):
        np.testing.assert_array_equal(copy.predict_proba(X), before)
    np.testing.assert_allclose(
        clf.set_params(backend=AerBackend()).predict_proba(X), before, atol=1e-9
    )


def marks():
    feature_map, vector = zz_feature_map(3), ParameterVector("u", 3)
    renamed = feature_map.assign_parameters(list(vector)).compose(real_amplitudes(3))
    yield feature_map.compose(real_amplitudes(3)), feature_map.parameters
    yield renamed, vector
    yield renamed, list(vector)


@pytest.mark.parametrize(("circuit", "inputs"), list(marks()), ids=["view", "vector", "list"])
@pytest.mark.parametrize("cls", [QNNClassifier, HybridQNNClassifier])
def test_marks_survive_clones_pickles_and_deletions(cls, circuit, inputs):
    clf = cls(circuit=circuit, inputs=inputs, max_iter=1, random_state=0)
    fitted = clone(clf).fit(X, Y)
    again = pickle.loads(pickle.dumps(clone(clf))).fit(X, Y)
    np.testing.assert_array_equal(again.params_, fitted.params_)
    copy = pickle.loads(pickle.dumps(fitted)).unlearn(index=[0])
    assert gates(copy.circuit_) == gates(fitted.circuit_)
    fitted.set_params(warm_start=True).fit(X, Y)


# --- going on ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fitted", "changed", "name"),
    [
        ({}, {"n_layers": 2}, "n_layers"),
        ({}, {"observables": "z"}, "observables"),
        ({"encoding": "angle"}, {"encoding": "iqp"}, "encoding"),
        ({"ansatz": real_amplitudes(4)}, {"ansatz": real_amplitudes(4, reps=1)}, "ansatz"),
        ({}, {"input_scale": 0.5}, "input_scale"),
        ({}, {"trainable": "head"}, "trainable"),
    ],
)
@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_another_network_cannot_go_on_from_this_one(fitted, changed, name, way):
    clf = QNNClassifier(max_iter=1, random_state=0, warm_start=True, **fitted).fit(X, Y)
    before = clf.params_
    clf.set_params(**changed)
    with pytest.raises(ValueError, match=f"{name}=.* was .* when this QNNClassifier was fitted"):
        getattr(clf, way)(X, Y)
    assert clf.params_ is before
    assert clone(clf).fit(X, Y).params_ is not None


def test_what_makes_the_same_network_goes_on():
    clf = QNNClassifier(max_iter=1, random_state=0, warm_start=True, ansatz=real_amplitudes(4))
    clf.fit(X, Y)
    clf.set_params(n_layers=1, n_qubits=4, ansatz=Choice(real_amplitudes(4)), max_iter=2, alpha=0.1)
    clf.set_params(solver="sgd", learning_rate_init=0.01)
    assert clf.fit(X, Y).n_iter_ >= 1


def test_a_raw_feature_vector_is_pointed_to_amplitudes():
    library = pytest.importorskip("qiskit_machine_learning.circuit.library")
    rows = RNG.normal(size=(12, 4))
    with pytest.raises(CircuitError, match="use encoding='amplitude'"):
        QNNClassifier(library.raw_feature_vector(4), max_iter=1).fit(rows, Y)


@pytest.mark.parametrize("head", ["softmax", "ridge"])
def test_observables_are_operators_paulis_or_their_labels(head):
    from qiskit.quantum_info import Pauli, SparsePauliOp

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), np.arange(20) % 2
    trained = {} if head == "softmax" else {"trainable": "head", "head": head}
    answers = []
    for kind in (str, Pauli, SparsePauliOp):
        clf = QNNClassifier(
            n_qubits=2, observables=[kind("ZI"), kind("XX")], max_iter=3, random_state=0, **trained
        )
        answers.append(clf.fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
