"""Structural identity: the same where it acts alike, in every process; else different.

This file looks inside.
"""

import functools
import json
import re
import subprocess
import sys
import threading
import warnings
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qiskit.circuit import Gate, Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skqmu import HybridQNNClassifier, QNNClassifier, UnlearningClassifier
from skqmu._identity import (
    Unidentifiable,
    described,
    digest,
    same_settings,
    settings_line,
    structure,
)
from skqmu.attacks import ShadowPool
from skqmu.backends import AerBackend, Budget, RuntimeBackend, StatevectorBackend
from skqmu.unlearning import SCRUB, Composite, FineTune


def circuit(factor=1.0, gate="ry", phase=0.0, order=(0, 1), name="x"):
    x, w = ParameterVector(name, 2), ParameterVector("w", 3)
    made = QuantumCircuit(2, global_phase=phase)
    getattr(made, gate)(factor * x[0] + w[0], 0)
    made.rx(w[1], 1)
    made.cx(*order)
    made.crz(w[2] * x[1], 0, 1)
    return made


def with_gate(angle):
    inner = QuantumCircuit(1, name="mine")
    inner.rx(angle, 0)
    made = QuantumCircuit(1)
    made.append(inner.to_gate(), [0])
    return made


class Opaque(Gate):
    def __init__(self, strength):
        super().__init__("opaque", 1, [])
        self.strength = strength


def opaque(strength):
    made = QuantumCircuit(1)
    made.append(Opaque(strength), [0])
    return made


def noise(rate=0.01, gates=("rx", "ry")):
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(rate, 1), list(gates))
    return model


def readout(rate):
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[1 - rate, rate], [rate, 1 - rate]]))
    return model


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Pair:
    one: float
    two: object = None


def adder(n):
    return lambda x: x + n


def scaled_by(value, factor=2):
    return value * factor


CATALOGUE = {
    **{f"constant {v!r}": (lambda v=v: v) for v in (None, True, False, 0, 1, -1, 2**80, ...)},
    **{f"float {v!r}": (lambda v=v: v) for v in (0.0, -0.0, 1.0, 1.0 + 2**-52, np.inf, np.nan)},
    **{f"text {v!r}": (lambda v=v: v) for v in ("", "1", "1.0", "True", b"1", 1j)},
    **{f"holds {v!r}": (lambda v=v: v) for v in ([], (), {}, set(), [1], (1,), [[1]], [1, 2])},
    "a set": lambda: {"a", "b", 1},
    "a frozen set": lambda: frozenset({"a", "b", 1}),
    "a mapping": lambda: {"a": 1, "b": 2},
    "its order": lambda: {"b": 2, "a": 1},
    "an array": lambda: np.arange(6.0),
    "its shape": lambda: np.arange(6.0).reshape(2, 3),
    "its order in memory": lambda: np.arange(6.0).reshape(3, 2).T,
    "its type": lambda: np.arange(6),
    "an ulp": lambda: np.nextafter(np.arange(6.0), 9),
    "an array of objects": lambda: np.array([1, "a", None], dtype=object),
    "another": lambda: np.array([1, "b", None], dtype=object),
    "a scalar": lambda: np.float32(1.5),
    "a dtype": lambda: np.dtype("f4"),
    "sparse": lambda: sp.csr_array(np.eye(3)),
    "sparse by columns": lambda: sp.csc_array(np.eye(3)),
    "a frame": lambda: pd.DataFrame({"a": [1, 2.5], "b": ["x", "y"]}),
    "a frame's value": lambda: pd.DataFrame({"a": [1, 2.5], "b": ["x", "z"]}),
    "a frame's name": lambda: pd.DataFrame({"a": [1, 2.5], "c": ["x", "y"]}),
    "a frame's type": lambda: pd.DataFrame({"a": [1, 2.5], "b": ["x", "y"]}).astype(object),
    "a frame's index": lambda: pd.DataFrame({"a": [1, 2.5], "b": ["x", "y"]}, index=[1, 2]),
    "a series": lambda: pd.Series([1, 2], name="a"),
    "a generator": lambda: np.random.default_rng(3),
    "a generator's seed": lambda: np.random.default_rng(4),
    "a random state": lambda: np.random.RandomState(3),
    "a seed sequence": lambda: np.random.SeedSequence(3),
    "its child": lambda: np.random.SeedSequence(3, spawn_key=(1,)),
    "an enum": lambda: Color.RED,
    "another enum": lambda: Color.BLUE,
    "a dataclass": lambda: Pair(1.0),
    "its field": lambda: Pair(1.0, 2),
    "a class": lambda: Pair,
    "a function": lambda: scaled_by,
    "part of it": lambda: functools.partial(scaled_by, factor=3),
    "another part": lambda: functools.partial(scaled_by, factor=4),
    "a closure": lambda: adder(1),
    "another closure": lambda: adder(2),
    "a lambda": lambda: lambda x: x + 1,
    "its constant": lambda: lambda x: x + 2,
    "its operation": lambda: lambda x: x - 1,
    "a ufunc": lambda: np.log1p,
    "a builtin": lambda: len,
    "a method": lambda: "abc".join,
    "a pattern": lambda: re.compile("a"),
    "a pattern's flags": lambda: re.compile("a", re.I),
    "a path": lambda: Path("a") / "b",
    "an estimator": lambda: DecisionTreeClassifier(max_depth=2),
    "its parameter": lambda: DecisionTreeClassifier(max_depth=3),
    "fitted": lambda: DecisionTreeClassifier(max_depth=2).fit([[0], [1]], [0, 1]),
    "fitted on others": lambda: DecisionTreeClassifier(max_depth=2).fit([[0], [3]], [0, 1]),
    "a forest": lambda: RandomForestClassifier(random_state=0),
    "a pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "its step": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=2.0)),
    "a transformer": lambda: FunctionTransformer(np.log1p),
    "of another function": lambda: FunctionTransformer(np.sqrt),
    "a circuit": circuit,
    "a circuit's factor": lambda: circuit(1 + 1e-12),
    "a circuit's gate": lambda: circuit(gate="rx"),
    "a circuit's phase": lambda: circuit(phase=0.1),
    "a circuit's qubits": lambda: circuit(order=(1, 0)),
    "a circuit's names": lambda: circuit(name="y"),
    "a definition": lambda: with_gate(0.1),
    "another definition": lambda: with_gate(0.1 + 1e-12),
    "an opaque gate": lambda: opaque(1),
    "another opaque gate": lambda: opaque(2),
    "a parameter": lambda: Parameter("a"),
    "an expression": lambda: Parameter("a") * 2,
    "a vector of parameters": lambda: ParameterVector("a", 2),
    "observables": lambda: SparsePauliOp(["XZ", "II"], [1, 0.5]),
    "their number": lambda: SparsePauliOp(["XZ", "II"], [1, np.nextafter(0.5, 1)]),
    "a Pauli": lambda: Pauli("XZ"),
    "an operator": lambda: Operator(np.eye(2)),
    "a state": lambda: Statevector([1, 0]),
    "a noise model": noise,
    "its rate": lambda: noise(0.01 + 1e-15),
    "its gates": lambda: noise(gates=("rx",)),
    "a readout error": lambda: readout(0.1),
    "its readout": lambda: readout(0.2),
    "a backend": StatevectorBackend,
    "single precision": lambda: StatevectorBackend(dtype="complex64"),
    "shots": lambda: AerBackend(100),
    "more shots": lambda: AerBackend(200),
    "a noisy backend": lambda: AerBackend(noise_model=noise()),
    "a noisier one": lambda: AerBackend(noise_model=noise(0.02)),
    "a device": lambda: RuntimeBackend("fake_manila"),
    "a mechanism": SCRUB,
    "its weight": lambda: SCRUB(lam_f=2.0),
    "several": lambda: Composite([SCRUB(), FineTune()]),
    "in another order": lambda: Composite([FineTune(), SCRUB()]),
    "a classifier": QNNClassifier,
    "of a circuit": lambda: QNNClassifier(ansatz=circuit()),
    "of another circuit": lambda: QNNClassifier(ansatz=circuit(2.0)),
    "on a backend": lambda: QNNClassifier(backend=AerBackend(noise_model=noise())),
    "a hybrid": HybridQNNClassifier,
}


def test_what_is_made_anew_is_the_same_and_no_two_are_alike():
    found = {}
    for name, make in CATALOGUE.items():
        one, two = digest(make()), digest(make())
        assert one == two, f"{name} is not itself"
        assert one not in found, f"{name} is taken for {found[one]}"
        found[one] = name
    assert len(found) > 95


# The settings of the catalogue above, as another process with other hashes sees them.
ELSEWHERE = """
import importlib.util, json, sys, warnings
warnings.simplefilter("ignore")
spec = importlib.util.spec_from_file_location("test_identity", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["test_identity"] = module
spec.loader.exec_module(module)
told = {n: [module.digest(m()), module.settings_line(m())] for n, m in module.CATALOGUE.items()}
print(json.dumps(told))
"""


def test_every_process_sees_the_same():
    found = []
    for seed in ("0", "7"):
        result = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, __file__],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PATH": ""},
            capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        found.append(json.loads(result.stdout))
    assert found[0] == found[1]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(values, values)
def test_two_values_are_the_same_only_where_their_texts_are(one, two):
    # nan is itself here, 0.0 is not -0.0, 1 is not True: as their texts say
    assert same_settings(one, two) == (repr(one) == repr(two))


@given(hnp.arrays(np.float64, hnp.array_shapes(min_side=1, max_side=4)), st.data())
def test_one_bit_of_an_array_is_another_array(array, data):
    place = data.draw(st.integers(0, array.nbytes * 8 - 1))
    changed = bytearray(array.tobytes())
    changed[place // 8] ^= 1 << place % 8
    other = np.frombuffer(bytes(changed), dtype=array.dtype).reshape(array.shape)
    assert digest(array) != digest(other)
    assert digest(array) == digest(array.copy())


def test_what_holds_itself_has_an_end():
    one, two = [1], [1]
    one.append(one)
    two.append(two)
    assert digest(one) == digest(two)
    assert described({"again": one})["again"][1] == "(itself)"


@pytest.mark.parametrize(
    "make", [threading.Lock, lambda: (n for n in ())], ids=["a lock", "a generator"]
)
def test_what_cannot_be_told_is_refused(make):
    with pytest.raises(Unidentifiable, match="cannot be told"):
        digest(QNNClassifier(backend=make()))


def test_an_object_may_say_what_it_is():
    class Connection:
        def __init__(self, address):
            self.address, self.lock = address, threading.Lock()

        def __skqmu_identity__(self):
            return self.address

    assert digest(Connection("a")) == digest(Connection("a")) != digest(Connection("b"))


def test_what_changes_no_result_is_not_part_of_a_backend():
    assert digest(AerBackend(50, budget=Budget(shots=9))) == digest(AerBackend(50))
    assert digest(AerBackend(50, seed=1)) != digest(AerBackend(50))


# ----------------------------------------------------------------------------------- torch


def network(seed=0, width=3):
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    linear = torch.nn.Linear(2, width)
    return torch.nn.Sequential(linear, torch.nn.BatchNorm1d(width))


def test_torch_modules_are_their_parts_and_numbers():
    torch = pytest.importorskip("torch")
    same = digest(network())
    assert digest(network()) == same
    others = [network(1), network(width=4), network().eval()]
    bit, frozen, buffer = network(), network(), network()
    with torch.no_grad():
        bit[0].weight[0, 0] = bit[0].weight[0, 0].nextafter(torch.tensor(9.0))
        buffer[1].running_mean += 1
    frozen[0].weight.requires_grad_(False)
    found = [digest(each) for each in (*others, bit, frozen, buffer)]
    assert len({same, *found}) == 1 + len(found)
    hooked = network()
    hooked[0].register_forward_hook(lambda *_: None)
    with pytest.raises(Unidentifiable, match="hooks on '0'"):
        digest(hooked)


# ------------------------------------------------------------------------------ descriptions


def test_descriptions_hold_no_address_and_no_secret():
    texts = [json.dumps(described(make()), default=str) for make in CATALOGUE.values()]
    assert not [text for text in texts if " at 0x" in text]
    told = described({"account": {"token": "1234", "name": "me"}, "api_key": "5678"})
    assert told == {"account": {"token": "not shown", "name": "me"}, "api_key": "not shown"}


def test_lines_are_what_repr_would_be_without_addresses():
    for make in CATALOGUE.values():
        line = settings_line(make())
        assert " at 0x" not in line
        assert "\n" not in line
    for plain in (LogisticRegression(C=2.0), DecisionTreeClassifier(), 1.5, "a", (1,), [1, "b"]):
        assert settings_line(plain) == repr(plain)
    steps = make_pipeline(StandardScaler(), QNNClassifier(ansatz=circuit(), n_layers=2))
    assert settings_line(steps) == (
        "Pipeline(steps=[('standardscaler', StandardScaler()), ('qnnclassifier', "
        f"QNNClassifier(ansatz=QuantumCircuit(digest {digest(circuit())[:12]}), n_layers=2))])"
    )
    assert settings_line(AerBackend(noise_model=noise())) == (
        f"AerBackend(noise_model=<NoiseModel, digest {digest(noise())[:12]}>)"
    )
    assert settings_line(FunctionTransformer(np.log1p)) == "FunctionTransformer(func=numpy.log1p)"


def test_what_stands_in_containers_is_described_too():
    inner = np.empty((), dtype=object)
    inner[()] = noise()
    told = described({(1, 2): inner, np.float64(2.0): {3, 1, 2}})
    assert told == {"(1, 2)": f"<NoiseModel, digest {digest(noise())[:12]}>", "2.0": [1, 2, 3]}
    assert settings_line(set(range(30))).endswith("26, ... (30 in all)]")


def test_descriptions_say_what_differs_from_the_defaults():
    told = described(QNNClassifier(n_layers=2, ansatz=circuit(), backend=AerBackend(shots=100)))
    assert told["class"] == "QNNClassifier"
    assert told["n_layers"] == 2
    assert told["backend"] == {"class": "AerBackend", "shots": 100}
    assert told["ansatz"]["circuit"].startswith("OPENQASM 3")
    assert set(told) == {"class", "n_layers", "ansatz", "backend"}
    assert described(SparsePauliOp(["XZ"], [0.5])) == [["XZ", "0.5"]]


# -------------------------------------------------------------------------------------- caches


def entries(folder):
    return sorted(str(p) for p in Path(folder).rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "make",
    [
        lambda: QNNClassifier(ansatz=circuit(), n_qubits=2, max_iter=1, random_state=0),
        lambda: QNNClassifier(
            backend=AerBackend(noise_model=noise()), n_layers=1, max_iter=1, random_state=0
        ),
        lambda: HybridQNNClassifier(front_end=network(), n_qubits=3, max_iter=1, random_state=0),
    ],
    ids=["a rebuilt circuit", "a noise model", "a torch front-end"],
)
@pytest.mark.filterwarnings("ignore")
def test_caches_hit_what_is_made_anew(make, tmp_path):
    pytest.importorskip("torch")
    X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    y = np.arange(12) % 2
    forget = np.arange(12) < 2
    pool = {"n_shadows": 2, "memory": tmp_path / "shadows", "random_state": 0}
    assert ShadowPool(make(), **pool).fit(X, y).n_trained_ == 2
    before = entries(tmp_path)
    assert ShadowPool(make(), **pool).fit(X, y).n_trained_ == 0
    assert entries(tmp_path) == before
    cached = {"n_oracles": 1, "memory": str(tmp_path / "fits"), "random_state": 0}
    first = UnlearningClassifier(make(), **cached).fit(X, y, forget=forget)
    before = entries(tmp_path)
    second = UnlearningClassifier(make(), **cached).fit(X, y, forget=forget)
    assert entries(tmp_path) == before
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    moved = X.copy()
    moved[3, 0] = np.nextafter(moved[3, 0], 9)
    assert ShadowPool(make(), **pool).fit(moved, y).n_trained_ == 2


def test_what_cannot_be_told_is_not_cached_and_says_so(tmp_path):
    class Odd(DecisionTreeClassifier):
        def __init__(self, lock=None, random_state=0):
            super().__init__(random_state=random_state)
            self.lock = lock

        def __sklearn_clone__(self):
            return Odd(self.lock)

    X, y = np.arange(12.0)[:, None], np.arange(12) % 2
    model = UnlearningClassifier(Odd(n for n in ()), strategy="retrain", memory=str(tmp_path))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, forget=np.arange(12) < 2)
    assert any("keeps no fits of this model" in str(w.message) for w in caught)
    assert structure(1) == ["int", "1"]
