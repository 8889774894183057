"""What others' objects are: arrays, frames, circuits, noise models, devices, torch modules.

Each teller gets the walk and a value; a kind is looked up only where its package is loaded.
"""

import hashlib
import json
import re

from ._plain import Unidentifiable, hexadecimal
from ._structure import array_structure, state
from ._tensors import tensor_structure, torch_structure

__all__ = ["FOREIGN"]


def _array(walk, value):
    import numpy as np

    # a file that is mapped holds what an array would
    if type(value) in (np.ndarray, np.memmap):
        return _items(walk, value)
    return [
        "array of",
        walk.of(type(value)),
        _items(walk, value.view(np.ndarray)),
        _rest(walk, value),
    ]


def _rest(walk, value):
    """What a subclass holds beside the items (a mask, a name)."""
    return walk.of(state(value))


def _items(walk, value):
    if not value.dtype.hasobject:
        return array_structure(value)
    if value.dtype.names:
        raise Unidentifiable("an array of records that hold objects cannot be told from others.")
    shape, items = list(map(str, value.shape)), value.ravel().tolist()
    if all(type(item) is str for item in items):
        return ["array", "str", value.dtype.kind, shape, hexadecimal(json.dumps(items).encode())]
    return ["array", value.dtype.kind, shape, *map(walk.of, items)]


# --------------------------------------------------------------------------------- pandas


def _frame(walk, frame):
    """Of a pandas frame: every column with its type, names as they are, and its attributes."""
    columns = [_column(walk, frame.iloc[:, i]) for i in range(frame.shape[1])]
    return [
        *("frame", walk.of(type(frame)), _index(walk, frame.columns), _index(walk, frame.index)),
        *(columns, walk.of(frame.attrs), _marked(walk, frame)),
    ]


def _series(walk, series):
    return [
        *("series", walk.of(type(series)), walk.of(series.name), _index(walk, series.index)),
        *(_column(walk, series), walk.of(series.attrs), _marked(walk, series)),
    ]


def _marked(walk, value):
    """What a subclass says that its copies keep."""
    return [[name, walk.of(getattr(value, name, None))] for name in value._metadata]


def _index(walk, index):
    import pandas as pd

    names = walk.of(list(index.names))
    if isinstance(index, pd.MultiIndex):
        levels = (index.get_level_values(i) for i in range(index.nlevels))
        return ["index", names, *(_column(walk, level) for level in levels)]
    # a range is told by its numbers, as it acts
    return ["index", names, _column(walk, index)]


def _column(walk, values):
    """Items of a series or index, as its type has them."""
    import numpy as np
    import pandas as pd

    kind = values.dtype
    if isinstance(kind, np.dtype):
        return walk.of(values.to_numpy())
    if isinstance(kind, pd.CategoricalDtype):
        codes = pd.Categorical(values).codes
        return ["category", str(kind.ordered), _index(walk, kind.categories), walk.of(codes)]
    return ["extension", str(kind), walk.of(values.to_numpy(dtype=object))]


# --------------------------------------------------------------------------------- qiskit


def _circuit(walk, circuit):
    """Gate by gate, parameters by their names: equal for a circuit that is built anew."""
    number = {bit: str(i) for i, bit in enumerate((*circuit.qubits, *circuit.clbits))}
    for each in circuit.data:
        if _is_controlled(each.operation):
            raise Unidentifiable(
                f"{each.operation.name} depends on a classical bit, whose place cannot be told."
            )
    return [
        *("circuit", str(circuit.num_qubits), str(circuit.num_clbits)),
        walk.of(circuit.global_phase),
        *(
            [walk.of(each.operation), [number[b] for b in (*each.qubits, *each.clbits)]]
            for each in circuit.data
        ),
    ]


def _is_controlled(operation):
    from qiskit.circuit import ControlFlowOp

    conditional = getattr(operation, "condition", None) is not None
    return conditional or isinstance(operation, ControlFlowOp)


# A circuit without a name is numbered as it is made, and so is a gate that is made from it.
_NUMBERED = re.compile(r"circuit-\d+(-\d+)?")
# Of an operation that is not qiskit's own by class, what it does is in its definition.
_PARTS = ("ctrl_state", "num_ctrl_qubits", "base_gate", "base_op", "modifiers")
_LIBRARIES = ("qiskit.circuit.library.standard_gates", "skqmu.circuits.")
# Told by the public names, or by the definition.
_TOLD_ELSEWHERE = {
    *("_name", "_num_qubits", "_num_clbits", "_params", "_definition", "_label", "_condition"),
    *("_base_gate", "_ctrl_state", "_num_ctrl_qubits", "base_gate", "condition"),
}


def _operation(walk, operation):
    kind = getattr(operation, "base_class", type(operation))
    told = [
        *("operation", walk.of(kind)),
        *(_NUMBERED.sub("circuit-", operation.name), str(operation.num_qubits)),
        str(operation.num_clbits),
        walk.of(getattr(operation, "label", None)),
        *map(walk.of, getattr(operation, "params", ())),
        *([part, walk.of(getattr(operation, part, None))] for part in _PARTS),
    ]
    # these are told by class and parameters; some have no definition before they have numbers
    library = kind.__module__.startswith(_LIBRARIES)
    definition = None if library else getattr(operation, "definition", None)
    own = {k: v for k, v in state(operation).items() if k not in _TOLD_ELSEWHERE}
    return [*told, walk.of(definition), walk.of(own)]


def _expression(walk, expression):
    """Text and values: what a text rounds, values at fixed places tell."""
    import numpy as np

    parameters = sorted(expression.parameters, key=lambda p: p.name)
    names = [p.name for p in parameters]
    if names == [str(expression)]:
        return ["parameter", names[0], *_place(expression)]
    seed = int.from_bytes(hashlib.blake2b(repr(names).encode(), digest_size=8).digest())
    values = []
    for numbers in np.random.default_rng(seed).uniform(-2, 2, (3, len(names))):
        bound = expression.bind(dict(zip(parameters, numbers.tolist(), strict=True)))
        values.append(walk.of(complex(bound)))
    return ["expression", str(expression), names, *values]


def _place(parameter):
    """A vector's elements are sorted by their place, other parameters by their names."""
    vector = getattr(parameter, "vector", None)
    return [] if vector is None else [vector.name, str(parameter.index), str(len(vector))]


def _parameters(walk, vector):
    return ["parameters", vector.name, *(parameter.name for parameter in vector)]


def _pauli_sum(walk, value):
    return ["pauli_sum", *value.paulis.to_labels(), walk.of(value.coeffs)]


def _pauli(walk, value):
    # the text of a long one is cut; the label is whole
    return ["pauli", value.to_label()]


def _paulis(walk, value):
    return ["paulis", *map(str, value.to_labels())]


def _noise_model(walk, model):
    """What a model would be written as, its passes over delays, and what it translates to."""
    passes = map(walk.of, getattr(model, "_custom_noise_passes", ()))
    return ["noise_model", walk.of(_without_ids(model.to_dict())), *passes, *model.basis_gates]


# What the transpiler notes of a pass, some of it as it runs.
_NOTED = {"requires", "preserves", "property_set", "_hash"}


def _pass(walk, own):
    kept = {k: v for k, v in state(own).items() if k not in _NOTED}
    return ["pass", walk.of(type(own)), walk.of(kept)]


def _without_ids(value):
    if isinstance(value, dict):
        return {k: _without_ids(value[k]) for k in sorted(value, key=str) if k != "id"}
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_without_ids(each) for each in ordered]
    if hasattr(value, "to_dict"):
        return _without_ids(value.to_dict())
    return value


def _aer(walk, backend):
    options = {k: v for k, v in vars(backend.options).items() if v is not None}
    fields = options.get("_fields", options)
    told = {k: v for k, v in fields.items() if k != "noise_model"}
    wires = sorted(map(list, backend.coupling_map or ()))
    return [
        *("aer", walk.of(type(backend)), backend.name, sorted(backend.operation_names)),
        *(walk.of(wires), walk.of(told), walk.of(fields.get("noise_model"))),
    ]


def _backend(walk, backend):
    """A fake device is its class and its target; a real one is what its owner says it is."""
    if ".fake_provider" in type(backend).__module__:
        version = getattr(backend, "backend_version", None)
        kind = walk.of(type(backend))
        return ["device", kind, backend.name, str(version), *_target(walk, backend.target)]
    raise Unidentifiable(
        f"the device {backend.name!r} is an open connection, which cannot be told from others; "
        "name it by RuntimeBackend(name=...)."
    )


def _target(walk, target):
    """Operations with their errors and durations, and the qubits: some devices draw them."""
    for name in sorted(target.operation_names):
        places = sorted((target[name] or {}).items(), key=lambda item: str(item[0]))
        yield [name, *([str(qubits), *_figures(walk, each)] for qubits, each in places)]
    yield [_figures(walk, each) for each in target.qubit_properties or ()]
    yield walk.of(target.dt)


def _figures(walk, properties):
    names = ("error", "duration", "t1", "t2", "frequency")
    return [walk.of(getattr(properties, name, None)) for name in names]


FOREIGN = (
    ("numpy", "ndarray", _array),
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("pandas", "Index", _index),
    ("qiskit.circuit", "QuantumCircuit", _circuit),
    ("qiskit.circuit", "ParameterVector", _parameters),
    ("qiskit.circuit", "ParameterExpression", _expression),
    ("qiskit.circuit", "Operation", _operation),
    ("qiskit.quantum_info", "SparsePauliOp", _pauli_sum),
    ("qiskit.quantum_info", "PauliList", _paulis),
    ("qiskit.quantum_info", "Pauli", _pauli),
    ("qiskit.transpiler.basepasses", "BasePass", _pass),
    ("qiskit_aer.noise", "NoiseModel", _noise_model),
    ("qiskit_aer", "AerSimulator", _aer),
    ("qiskit.providers", "BackendV2", _backend),
    ("torch", "Tensor", tensor_structure),
    ("torch.nn", "Module", torch_structure),
)
