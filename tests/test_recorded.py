"""Records of settings: complete, strict JSON, and made again as the same. It looks inside."""

import json

import numpy as np
import pytest
from qiskit.circuit import Gate, Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import (
    CXGate,
    PauliEvolutionGate,
    RYGate,
    efficient_su2,
    real_amplitudes,
    zz_feature_map,
)
from qiskit.quantum_info import SparsePauliOp
from sklearn.ensemble import VotingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu._identity import NotRebuiltError, digest, rebuilt, recorded, structure
from skqmu.attacks import LiRAAttack
from skqmu.backends import AerBackend
from skqmu.circuits import AmplitudeGate, Choice, Probabilities
from skqmu.unlearning import SCRUB, STRATEGIES, Composite, FineTune, GradientAscent


def there_and_back(value, **options):
    text = json.dumps(recorded(value), allow_nan=False)
    return rebuilt(json.loads(text), **options)


def strategies():
    for name, strategy in sorted(STRATEGIES.items()):
        yield pytest.param(strategy([FineTune()]) if name == "composite" else strategy(), id=name)


@pytest.mark.parametrize("strategy", list(strategies()))
def test_every_mechanism_is_recorded_with_every_setting(strategy):
    record = recorded(strategy)
    assert set(record["object"]["params"]) == set(strategy.get_params(deep=False))
    assert structure(there_and_back(strategy)) == structure(strategy)


def features():
    x, w = ParameterVector("x", 2), ParameterVector("w", 11)
    circuit = QuantumCircuit(2)
    circuit.ry(2 * x[0] + w[10], 0)
    circuit.rx(1.5707963267, 1)  # OpenQASM 3 would have pi / 2
    circuit.rzz(w[2] * np.pi / 3 + 0.1234567890123, 0, 1)
    circuit.crx(x[1], 0, 1)
    return circuit, list(x), list(w)


def odd_names():
    a, b = Parameter("sin"), Parameter("2 e")
    circuit = QuantumCircuit(3, global_phase=0.3)
    circuit.rx((a.sin() + b**2) / 3, 0)
    circuit.cp(-a, 0, 1)
    circuit.u(a, b, 0.1, 2)
    circuit.append(CXGate(ctrl_state=0), [0, 2])
    circuit.append(RYGate(0.3, label="a label"), [1])
    circuit.append(RYGate(b).control(2, annotated=False), [0, 1, 2])
    circuit.unitary(np.array([[0, 1], [1, 0]]), 0)
    circuit.barrier()
    return circuit


def composed():
    circuit = QuantumCircuit(2)
    circuit.append(real_amplitudes(2, reps=1).to_gate(), [1, 0])
    circuit.append(AmplitudeGate(2, list(ParameterVector("v", 3))), [0, 1])
    return circuit


CIRCUITS = {
    "of one's own": lambda: features()[0],
    "odd names": odd_names,
    "composed": composed,
    "real_amplitudes": lambda: real_amplitudes(3),
    "zz_feature_map": lambda: zz_feature_map(3),
    "efficient_su2": lambda: efficient_su2(3),
}


@pytest.mark.parametrize("make", CIRCUITS.values(), ids=CIRCUITS)
def test_circuits_are_made_again_gate_by_gate(make):
    circuit = make()
    assert digest(there_and_back(circuit)) == digest(circuit)


def test_a_circuit_that_no_record_can_make_is_named_and_taken_where_it_is_passed():
    circuit = QuantumCircuit(2)
    evolution = PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"]), Parameter("t"))
    circuit.append(evolution, [0, 1])
    assert "gates" not in recorded(circuit)["circuit"]
    with pytest.raises(NotRebuiltError, match=r"objects=\[circuit\]"):
        there_and_back(circuit)
    assert there_and_back(circuit, objects=[circuit]) is circuit


def test_a_circuit_whose_gates_were_changed_is_refused():
    record = recorded(features()[0])
    record["circuit"]["gates"][1][0]["angles"] = [1.5]
    with pytest.raises(NotRebuiltError, match="another one than that of its digest"):
        rebuilt(record)


@pytest.mark.parametrize(
    "angle",
    [
        "__import__('os').system('true')",
        "p000000.__class__",
        "9**9**9",
        "(" * 99 + "9" + "**99)" * 99,
        "(" * 5000,
        "p000000(1)",
    ],
)
def test_an_angle_is_read_and_never_run(angle):
    record = recorded(features()[0])
    record["circuit"]["gates"][0][0]["angles"] = [angle]
    with pytest.raises(NotRebuiltError):
        rebuilt(record)


@pytest.mark.parametrize("name", ["Popen", "Gate", "__class__", "UnitaryGate", "QuantumCircuit"])
def test_a_gate_is_a_standard_gate_and_nothing_else(name):
    record = recorded(features()[0])
    record["circuit"]["gates"][1][0]["name"] = name
    with pytest.raises(NotRebuiltError, match="is no gate of"):
        rebuilt(record)
    assert isinstance(RYGate(0.1), Gate)


def models():
    circuit, x, w = features()
    strategy = Composite([GradientAscent(max_iter=1), SCRUB()])
    return {
        "circuit and names": QNNClassifier(circuit=circuit, inputs=x, n_qubits=2),
        "triple": QNNClassifier(circuit=(circuit, x, w)),
        "choice": QNNClassifier(circuit=Choice(circuit, "mine")),
        "readout": QNNClassifier(observables=Probabilities(2, "parity")),
        "observables": QNNClassifier(observables=[SparsePauliOp(["ZZ", "XI"], [1.0, 0.1 + 1j])]),
        "backend": QNNClassifier(backend=AerBackend(shots=64, seed=np.int64(3))),
        "weights": QNNClassifier(trainable="head", circuit_weights=np.linspace(0, 1, 7)),
        "classes": QNNClassifier(class_weight={0: 1.0, "a": 2, (1, 2): float("inf")}),
        "around": UnlearningClassifier(make_pipeline(StandardScaler(), GaussianNB()), strategy),
        "shards": ShardedClassifier(QNNClassifier(unlearning=strategy), n_shards=3),
        "hybrid": HybridQNNClassifier(n_qubits=2),
        "several": VotingClassifier([("a", GaussianNB(priors=[0.5, 0.5])), ("b", GaussianNB())]),
        "attack": LiRAAttack(GaussianNB(), n_shadows=2**70),
    }


@pytest.mark.parametrize("name", models())
def test_models_come_back_with_every_setting(name):
    model = models()[name]
    again = there_and_back(model)
    assert structure(again) == structure(model)
    assert recorded(again) == recorded(model)


def test_parameters_that_are_shared_stay_shared():
    circuit, x, _ = features()
    again = there_and_back(QNNClassifier(circuit=circuit, inputs=x))
    assert set(again.inputs) < set(again.circuit.parameters)


class Net:
    """Neither an estimator nor of a package that everybody has."""

    def __init__(self, size):
        self.size = size


def own_function(X):
    return X + 1


def test_what_only_its_owner_can_make_is_passed_and_found_by_its_digest():
    model = make_pipeline(FunctionTransformer(own_function), FunctionTransformer(Net(3).__init__))
    record = json.loads(json.dumps(recorded(model)))
    assert "address" not in json.dumps(record)
    assert " at 0x" not in json.dumps(record)
    with pytest.raises(NotRebuiltError, match=r"steps\[0\]\[1\]\.func is .*own_function"):
        rebuilt(record)
    alone = make_pipeline(FunctionTransformer(own_function))
    assert there_and_back(alone, objects=[own_function]).steps[0][1].func is own_function
    with pytest.raises(NotRebuiltError, match="objects=\\[it\\]"):
        there_and_back(alone, objects=[np.log1p])


def test_secrets_places_and_seeds_of_secret_noise_are_not_written(tmp_path):
    class Device(GaussianNB):
        def __init__(self, api_token=None, memory=None):
            self.api_token = api_token
            self.memory = memory

    told = json.dumps(recorded(Device(api_token="hush", memory=str(tmp_path))))
    assert "hush" not in told
    assert str(tmp_path) not in told
    noisy = QNNClassifier(objective_noise=0.5, random_state=424242)
    for model in (noisy, make_pipeline(StandardScaler(), noisy), UnlearningClassifier(noisy)):
        assert "424242" not in json.dumps(recorded(model))
    assert there_and_back(noisy).random_state is None
    assert "424242" in json.dumps(recorded(QNNClassifier(random_state=424242)))


@pytest.mark.parametrize(
    ("record", "match"),
    [
        ({"object": {"class": "os.path.join", "params": {}}}, "package that is not known"),
        ({"object": {"class": "sklearn.datasets.load_iris", "params": {}}}, "no class of settings"),
        ({"object": {"class": "skqmu.exceptions.UnlearningError", "params": {}}}, "no class"),
        (
            {
                "object": {
                    "class": "skqmu._owned.OwnedFolder",
                    "params": {"parent": ".", "kind": "a"},
                }
            },
            "no class",
        ),
        ({"array": {"dtype": "<U90000000", "shape": [1], "items": ["a"]}}, "no type of numbers"),
        ({"object": {"class": "sklearn.naive_bayes.GaussianNB", "params": {"a": 1}}}, "made again"),
        ({"array": {"dtype": "O", "shape": [1], "items": [1]}}, "no type of numbers"),
        ({"float": "1e999"}, "none of nan"),
        ({"eval": "1"}, "unknown kind 'eval'"),
        ({"tuple": [1], "set": [2]}, "no record of a value"),
        ({"secret": "token"}, "secret"),
    ],
)
def test_a_foreign_record_makes_values_and_nothing_else(record, match):
    with pytest.raises(NotRebuiltError, match=match):
        rebuilt(record)


def test_a_record_that_is_nested_too_deeply_is_refused():
    record = 1
    for _ in range(200):
        record = [record]
    with pytest.raises(NotRebuiltError, match="nested too deeply"):
        rebuilt(record)
