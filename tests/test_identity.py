"""Structural identity: the same where it acts alike, in every process; else different.

This file looks inside.
"""

import copy
import functools
import importlib.util
import json
import random
import re
import socket
import subprocess
import sys
import threading
import types
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, make_dataclass
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import scipy.special
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


def with_gate(angle, name="mine", *, control=False):
    inner = QuantumCircuit(1, name=name)
    inner.rx(angle, 0)
    gate = inner.to_gate().control() if control else inner.to_gate()
    made = QuantumCircuit(gate.num_qubits)
    made.append(gate, made.qubits)
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
    "a gate without a name": lambda: with_gate(0.1, None),
    "its control": lambda: with_gate(0.1, None, control=True),
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
made = {**module.CATALOGUE}
made.update((f"{n} {i}", m) for n, each in module.PAIRS.items() for i, m in enumerate(each))
told = {n: [module.digest(m()), module.settings_line(m())] for n, m in made.items()}
print(json.dumps(told))
"""


@pytest.mark.slow
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


# --------------------------------------------------------------------------- wrong hits


def defined(source, name="f", **scope):
    """What a user's module defines, with what its module holds."""
    module = ModuleType("users_module")
    vars(module).update(scope)
    exec(compile(source, "users_module.py", "exec"), vars(module))
    return vars(module)[name]


def helpers(factor):
    module = ModuleType("users_helpers")
    exec(f"factor = {factor}\ndef scale(x): return x * factor", vars(module))
    return module


def users_class(body, name="Mine", bases="", **scope):
    return defined(f"class {name}({bases}):\n    {body}", name, **scope)


def wrapping(factor):
    @functools.wraps(np.log1p)
    def function(x):
        return factor * np.log1p(x)

    function.__module__, function.__qualname__ = "numpy", "log1p"
    return function


def with_attribute(value):
    def function(x):
        return x * function.factor

    function.factor = value
    return function


def with_state(base, items, **state):
    made = type("Mine", (base,), {"__module__": "users_module"})(items)
    vars(made).update(state)
    return made


def structured(names):
    return np.array([(1, 2)], dtype=[(names[0], "i4"), (names[1], "i4")])


def masked(mask):
    return np.ma.MaskedArray([1.0, 2.0], mask=mask)


def gate_with(private):
    made = type("Own", (Gate,), {"__module__": "users_module"})("own", 1, [])
    made._strength = private
    outer = QuantumCircuit(1)
    outer.append(made, [0])
    return outer


def generic_device(seed):
    from qiskit.providers.fake_provider import GenericBackendV2

    return GenericBackendV2(2, seed=seed)


def simulator(coupling):
    from qiskit_aer import AerSimulator

    return AerSimulator(coupling_map=coupling, n_qubits=3)


def sum_of(parameter):
    return SparsePauliOp(["X"], np.array([parameter], dtype=object))


def categories(values, ordered=False):
    return pd.Series(pd.Categorical(["a", "b"], categories=values, ordered=ordered))


def attributes(**attrs):
    frame = pd.DataFrame({"a": [1]})
    frame.attrs.update(attrs)
    return frame


def spawned(n):
    generator = np.random.default_rng(0)
    generator.spawn(n)
    return generator


def drawn(n):
    generator = np.random.default_rng(0)
    generator.random(n)
    return generator


def parameter(vector):
    return ParameterVector("x", 3)[1] if vector else Parameter("x[1]")


PAIRS = {
    "f(*x) and f(x)": [lambda s=s: defined(s) for s in (
        "def f(*x): return x", "def f(x): return x", "def f(**x): return x",
        "async def f(x): return x")],
    "an argument by keyword": [lambda s=s: defined(s) for s in (
        "def f(a, b): return a", "def f(a, *, b): return a", "def f(a, /, b): return a")],
    "what is caught": [lambda s=s: defined(s) for s in (
        "def f(x):\n try: return g(x)\n except ValueError: return 0",
        "def f(x):\n try: return g(x)\n except TypeError: return 0")],
    "a default": [lambda s=s: defined(s) for s in (
        "def f(x, y=1): return x", "def f(x, y=2): return x", "def f(x, *, y=2): return x")],
    "a global": [lambda v=v: defined("def f(x): return x * g", g=v) for v in (1, 2, 1.0, [1])],
    "a global of a function within": [
        lambda v=v: defined("def f(x): return [y * g for y in x]", g=v) for v in (1, 2)],
    "a global function": [
        lambda v=v: defined("def f(x): return g(x)", g=defined(f"def f(x): return {v}"))
        for v in (1, 2)],
    "a function of another module": [
        lambda v=v: defined("def f(x): return helpers.scale(x)", helpers=helpers(v))
        for v in (1, 2)],
    "a module's other module": [
        lambda v=v: defined("def f(x): return g.inner.scale(x)", g=package(v)) for v in (1, 2)],
    "a method called eval": [
        lambda v=v: defined(f"def f(x): return x.eval({v})") for v in (1, 2)],
    "a method's other module": [
        lambda v=v: users_class("def f(self, x): return helpers.scale(x)", helpers=helpers(v))()
        for v in (1, 2)],
    "a closure": [lambda v=v: adder(v) for v in (1, True, np.int64(1), [1], (1,), 10**5000)],
    "a wrapper with another's name": [lambda v=v: wrapping(v) for v in (1, 2)] + [lambda: np.log1p],
    "an attribute of a function": [lambda v=v: with_attribute(v) for v in (1, 2)],
    "a cached function": [
        lambda v=v: functools.lru_cache(defined(f"def f(x): return {v}")) for v in (1, 2)],
    "an attribute of a part": [lambda v=v: with_state(functools.partial, len, x=v) for v in (1, 2)],
    "a method of another class": [
        lambda v=v: types.MethodType(defined(f"def f(self): return {v}"), [1]) for v in (1, 2)],
    "a class's method from C": [
        lambda: dict.fromkeys, lambda: type("Mine", (dict,), {}).fromkeys],
    "a class attribute": [lambda v=v: users_class(f"factor = {v}")() for v in (1, 2)],
    "a class attribute of a base": [
        lambda v=v: users_class("x = 1", bases="Base", Base=users_class(f"y = {v}"))()
        for v in (1, 2)],
    "a list in a class": [lambda v=v: users_class(f"layers = [{v}]")() for v in (1, 2)],
    "kinds of methods": [lambda s=s: users_class(f"{s}\n    def f(x): return x") for s in (
        "pass", "@staticmethod", "@classmethod", "@property")],
    "a property's side": [lambda s=s: users_class(f"f = property({s})") for s in (
        "lambda x: 1", "None, lambda x: 1", "None, None, lambda x: 1", "lambda x: 2")],
    "a class's source": [
        lambda v=v: users_class(f"def forward(self, x): return x * {v}")() for v in (1, 2)],
    "a metaclass": [
        lambda v=v: users_class(
            "x = 1", bases="metaclass=M", M=users_class(f"m = {v}", bases="type"))
        for v in (1, 2)],
    "slots": [lambda v=v: slotted(v) for v in (1, 2)],
    "an enumeration's values": [lambda v=v: Enum("Mine", {"A": v}, module="m").A for v in (1, 2)],
    "flags": [lambda v=v: Flag("Mine", "A B", module="m")(v) for v in (1, 2, 3)],
    "names of a tuple": [lambda v=v: namedtuple("Mine", v)(1, 2) for v in ("a b", "b a")],
    "a dataclass's default": [
        lambda v=v: make_dataclass("Mine", [("x", int, v)]) for v in (1, 2)],
    "state beside the fields": [lambda v=v: beside_fields(v) for v in (1, 2)],
    "a list of a class of its own": [
        lambda v=v: with_state(list, [1], x=v) for v in (1, 2)] + [lambda: [1]],
    "a tuple of a class of its own": [
        lambda v=v: with_state(tuple, [1], x=v) for v in (1, 2)] + [lambda: (1,)],
    "a dict of a class of its own": [
        lambda v=v: with_state(dict, {"a": 1}, x=v) for v in (1, 2)] + [lambda: {"a": 1}],
    "a set of a class of its own": [
        lambda v=v: with_state(set, {1}, x=v) for v in (1, 2)] + [lambda: {1}],
    "a default of a dict": [lambda v=v: defaultdict(v) for v in (list, set, None)],
    "mappings": [dict, OrderedDict, Counter, lambda: types.MappingProxyType({})],
    "numbers": [lambda v=v: v for v in (
        1, 1.0, True, 1 + 0j, np.int64(1), np.int32(1), np.float64(1), np.float32(1), np.bool_(1),
        Fraction(1), Decimal(1), "1", b"1")],
    "zeros and no numbers": [lambda v=v: v for v in (
        0.0, -0.0, np.nan, np.float32("nan"), None, 0j, complex(0.0, -0.0), complex(-0.0, 0.0))],
    "byte orders": [lambda v=v: np.array([1, 256], dtype=v) for v in ("<i2", ">i2", "<i4")],
    "the other order with the other bytes": [
        lambda: np.array([1], dtype="<i2"), lambda: np.array([256], dtype=">i2")],
    "units of time": [lambda v=v: np.array([1], dtype=f"M8[{v}]") for v in ("s", "D")],
    "names of fields": [lambda v=v: structured(v) for v in ("ab", "ba")],
    "arrays of classes": [
        lambda: np.eye(2), lambda: np.asmatrix(np.eye(2)), lambda: masked([0, 0]),
        lambda: masked([0, 1]), lambda: masked([1, 1]),
        lambda: np.eye(2).view(type("Mine", (np.ndarray,), {"__module__": "m"}))],
    "an attribute of an array": [lambda v=v: named_array(v) for v in (1, 2)],
    "arrays of texts": [
        lambda: np.array(["1"]), lambda: np.array(["1"], dtype=object),
        lambda: np.array(["1"], dtype=np.dtypes.StringDType()), lambda: np.array([b"1"]),
        lambda: np.array([1], dtype=object), lambda: np.array([1.0], dtype=object)],
    "generators": [lambda n=n: spawned(n) for n in (1, 2)] + [lambda n=n: drawn(n) for n in (0, 1)],
    "kinds of generators": [
        lambda: np.random.default_rng(0), lambda: np.random.Generator(np.random.MT19937(0)),
        lambda: np.random.RandomState(0), lambda: random.Random(0)],
    "half of a normal pair": [lambda n=n: half_drawn(n) for n in (0, 1, 2)],
    "a ufunc of one's own": [lambda: np.log1p, lambda: scipy.special.expit, lambda: np.exp],
    "labels of columns": [lambda v=v: pd.DataFrame({v: [1]}) for v in (1, "1", 1.0, True)],
    "items of objects": [lambda v=v: pd.Series([v], dtype=object) for v in (1, "1", 1.0, None)],
    "categories": [
        lambda: categories(["a", "b"]), lambda: categories(["b", "a"]),
        lambda: categories(["a", "b", "c"]), lambda: categories(["a", "b"], True),
        lambda: pd.Series(["a", "b"])],
    "attributes of a frame": [lambda v=v: attributes(unit=v) for v in (1, 2)] + [attributes],
    "names of an index": [
        lambda v=v: pd.DataFrame({"a": [1]}, index=pd.Index([0], name=v))
        for v in ("x", "y", None)],
    "names of the columns": [
        lambda v=v: pd.DataFrame([[1]], columns=pd.Index(["a"], name=v)) for v in ("x", None)],
    "missing values": [
        lambda v=v: pd.Series([1, None], dtype=v) for v in ("Int64", "float64", object)],
    "zones of time": [
        lambda v=v: pd.Series(pd.to_datetime([0]).tz_localize(v)) for v in (None, "UTC", "CET")],
    "levels of an index": [
        lambda v=v: pd.MultiIndex.from_tuples(v) for v in ([("a", 1)], [("a", "1")], [("b", 1)])],
    "a private attribute of a gate": [lambda v=v: gate_with(v) for v in (1, 2)],
    "a parameter in a vector": [lambda v=v: parameter(v) for v in (True, False)] + [
        lambda: ParameterVector("x", 4)[1]],
    "expressions": [lambda f=f: f(Parameter("a"), Parameter("b")) for f in (
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a.sin() + b,
        lambda a, b: a + b + 1e-13, lambda a, b: a + 2 * b, lambda a, b: a)],
    "coefficients that are parameters": [lambda v=v: sum_of(Parameter(v)) for v in "ab"],
    "long observables": [lambda v=v: Pauli("X" * 30 + v + "Z" * 30) for v in "XYZ"],
    "phases": [lambda v=v: Pauli(v) for v in ("X", "-X", "iX")],
    "noise in waiting": [lambda v=v: relaxed(v) for v in (40e-6, 50e-6)],
    "errors of a device": [lambda v=v: generic_device(v) for v in (1, 2)],
    "couplings": [lambda v=v: simulator(v) for v in ([[0, 1]], [[0, 1], [1, 2]], None)],
}  # fmt: skip


def relaxed(t1, used=False):
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

    model = NoiseModel(["delay", "x"])
    model._custom_noise_passes.append(RelaxationNoisePass([t1], [50e-6], 1e-9))
    if used:
        line = QuantumCircuit(1)
        line.delay(100, 0, unit="ns")
        line.measure_all()
        AerSimulator(noise_model=model).run(line, shots=1).result()
    return model


@pytest.mark.filterwarnings("ignore:Instruction duration not found")
def test_a_noise_model_is_itself_when_it_was_used():
    assert digest(relaxed(40e-6, used=True)) == digest(relaxed(40e-6))


def slotted(value):
    body = "__slots__ = ('x', '__y')\n    def put(self, y): self.__y = y"
    made = users_class(body)()
    made.put(value)
    return made


def beside_fields(value):
    made = Pair(1.0)
    made.more = value
    return made


def named_array(value):
    made = np.eye(2).view(type("Mine", (np.ndarray,), {"__module__": "users_module"}))
    made.unit = value
    return made


def half_drawn(n):
    state = np.random.RandomState(0)
    state.normal(size=n)
    return state


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_what_acts_differently_is_different_and_what_is_made_anew_is_the_same(name):
    found = [digest(make()) for make in PAIRS[name]]
    assert found == [digest(make()) for make in PAIRS[name]]
    assert len(set(found)) == len(found) > 1


REFUSED = {
    "a ufunc of one's own": lambda: np.frompyfunc(lambda x: x + 1, 1, 1),
    "a module": lambda: helpers(1),
    "a module that is handed on": lambda: defined(
        "def f(x): return getattr(g, 'scale')(x)", g=helpers(1)
    ),
    "a module of a module that is handed on": lambda: defined(
        "def f(x): return apply(g.inner, x)", g=package(1)
    ),
    "a module under a local name": lambda: defined(
        "def f(x):\n m = g\n return m.f(x)", g=helpers(1)
    ),
    "a module in a closure": lambda: adder(helpers(1)),
    "an import within": lambda: defined("def f(x):\n import users_other\n return users_other.f(x)"),
    "a relative import within": lambda: defined(
        "def f(x):\n from . import numpy\n return numpy.f(x)"
    ),
    "text that is run": lambda: defined("def f(x): return eval('x + 1')"),
    "names by text": lambda: defined("def f(x): return globals()['g']"),
    "an import by text": lambda: defined(
        "def f(x): return importlib.import_module('m')", importlib=importlib
    ),
    "a module that makes its names": lambda: defined(
        "def f(x): return g.scale(x)", g=making_names()
    ),
    "a lock in a class": lambda: users_class("lock = g()", g=threading.Lock),
    "a classical condition": lambda: conditional(),
    "records of objects": lambda: np.zeros(1, dtype=[("a", object)]),
    "an iterator": lambda: (lambda x: (yield x))(1),
    "a socket": socket.socket,
}


def package(factor):
    module = ModuleType("users_package")
    module.inner = helpers(factor)
    return module


def making_names():
    module = ModuleType("users_lazy")
    exec("def __getattr__(name): return 1", vars(module))
    return module


def conditional():
    made = QuantumCircuit(1, 1)
    made.measure(0, 0)
    with made.if_test((made.clbits[0], 1)):
        made.x(0)
    return made


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_may_depend_on_more_than_it_shows_is_refused(name):
    value = REFUSED[name]()
    with pytest.raises(Unidentifiable, match=r"cannot|import it|makes its names|depends on"):
        digest(value)
    if hasattr(value, "close"):
        value.close()


def test_a_file_of_the_user_is_not_the_standard_library_s(tmp_path, monkeypatch):
    found = []
    for value in (1, 2):
        (tmp_path / "this.py").write_text(f"def f(x): return x + {value}", encoding="utf-8")
        spec = importlib.util.spec_from_file_location("this", tmp_path / "this.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "this", module)
        spec.loader.exec_module(module)
        found.append(digest(module.f))
    assert found[0] != found[1]


def test_looking_at_a_class_does_not_change_it():
    made = users_class("x = 1")()
    assert digest(made) == digest(made) == digest(copy.deepcopy(made))
    assert digest(type(made)) == digest(users_class("x = 1"))


def users_module(body, **attributes):
    torch = pytest.importorskip("torch")
    made = users_class(f"def forward(self, x): return {body}", bases="Base", Base=torch.nn.Module)()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def shared(tied):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    one = torch.nn.Linear(2, 2)
    return torch.nn.Sequential(one, one if tied else copy.deepcopy(one))


def tied_weights(tied):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    one = torch.nn.Linear(2, 2)
    two = copy.deepcopy(one)
    if tied:
        two.weight = one.weight
    return torch.nn.Sequential(one, two)


def replaced_forward(factor):
    torch = pytest.importorskip("torch")
    module = torch.nn.Identity()
    module.forward = types.MethodType(defined(f"def f(self, x): return {factor} * x"), module)
    return module


TORCH_PAIRS = {
    "a module's source": [lambda v=v: users_module(f"x * {v}") for v in (1, 2)],
    "a private attribute of a module": [
        lambda v=v: users_module("x * self._scale", _scale=v) for v in (1, 2)],
    "an attribute of a module": [
        lambda v=v: users_module("x * self.scale", scale=v) for v in (1, 2)],
    "a function of a module": [
        lambda v=v: users_module("self.f(x)", f=adder(v)) for v in (1, 2)],
    "a shared part": [lambda v=v: shared(v) for v in (True, False)],
    "a shared weight": [lambda v=v: tied_weights(v) for v in (True, False)],
    "another forward": [lambda v=v: replaced_forward(v) for v in (1, 2)],
    "dropout": [lambda v=v: torch_of("nn.Dropout", v) for v in (0.1, 0.2)],
    "a recurrent net": [lambda v=v: torch_of("nn.LSTM", 2, v) for v in (2, 3)],
    "types": [lambda v=v: torch_of("zeros", 2).to(torch_type(v)) for v in (
        "float32", "float64", "bfloat16", "complex64")],
    "no numbers": [lambda v=v: torch_of("zeros", 0, v) for v in (1, 2)],
    "a parameter": [lambda: torch_of("zeros", 2), lambda: torch_of("nn.Parameter", zeros()),
                    lambda: torch_of("nn.Buffer", zeros())],
}  # fmt: skip


def torch_of(name, *arguments):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return functools.reduce(getattr, name.split("."), torch)(*arguments)


def torch_type(name):
    return getattr(pytest.importorskip("torch"), name)


def zeros():
    return torch_of("zeros", 2)


@pytest.mark.parametrize("name", TORCH_PAIRS)
def test_torch_modules_that_act_differently_are_different(name):
    found = [digest(make()) for make in TORCH_PAIRS[name]]
    assert found == [digest(make()) for make in TORCH_PAIRS[name]]
    assert len(set(found)) == len(found) > 1


@pytest.mark.filterwarnings("ignore")
def test_torch_modules_whose_code_is_hidden_are_refused():
    torch = pytest.importorskip("torch")
    hooked = torch.nn.Linear(2, 2)
    hooked.weight.register_hook(lambda grad: 2 * grad)
    backward = torch.nn.Linear(2, 2)
    backward.register_full_backward_pre_hook(lambda *_: None)
    traced = torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2))
    hidden = (hooked, backward, traced, torch.eye(2).to_sparse(), torch.zeros(2, device="meta"))
    for value in hidden:
        with pytest.raises(Unidentifiable):
            digest(value)


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


def test_descriptions_are_what_json_gives_back():
    for make in CATALOGUE.values():
        told = described((make(),))
        assert repr(json.loads(json.dumps(told))) == repr(told)


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
        lambda: QNNClassifier(circuit=circuit(), n_qubits=2, max_iter=1, random_state=0),
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
