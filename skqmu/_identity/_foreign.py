"""What others' objects are: arrays, frames, circuits, noise models, devices, torch modules.

Each teller gets the walk and a value; a kind is looked up only where its package is loaded.
"""

import hashlib

from ._structure import Unidentifiable, array_structure

__all__ = ["FOREIGN"]


def _array(walk, value):
    if value.dtype.hasobject:
        if value.dtype.names:
            raise Unidentifiable(
                "an array of records that hold objects cannot be told from others."
            )
        return ["array", "O", list(map(str, value.shape)), *map(walk.of, value.ravel().tolist())]
    return array_structure(value)


def _frame(walk, value):
    """Of a pandas frame, series or index: names, types, and hashes of the rows."""
    import pandas as pd

    names = [getattr(value, each, None) for each in ("columns", "name", "names")]
    names = [list(each) if isinstance(each, pd.Index) else each for each in names]
    types = getattr(value, "dtypes", None)
    types = [str(each) for each in (types if isinstance(types, pd.Series) else [types])]
    try:
        index = not isinstance(value, pd.Index)
        rows = pd.util.hash_pandas_object(value, index=index).to_numpy()
    except TypeError as error:
        raise Unidentifiable(f"a frame with values that have no hash: {error}") from error
    return [type(value).__name__, walk.of([str(each) for each in names]), types, walk.of(rows)]


# --------------------------------------------------------------------------------- qiskit


def _circuit(walk, circuit):
    """Gate by gate, parameters by their names: equal for a circuit that is built anew."""
    number = {bit: str(i) for i, bit in enumerate((*circuit.qubits, *circuit.clbits))}
    return [
        *("circuit", str(circuit.num_qubits), str(circuit.num_clbits)),
        walk.of(circuit.global_phase),
        *(
            [walk.of(each.operation), [number[b] for b in (*each.qubits, *each.clbits)]]
            for each in circuit.data
        ),
    ]


# Of an operation that is not qiskit's own by class, what it does is in its definition.
_PARTS = ("ctrl_state", "num_ctrl_qubits", "condition", "base_gate", "base_op", "modifiers")


def _operation(walk, operation):
    kind = getattr(operation, "base_class", type(operation))
    told = [
        *("operation", walk._class(kind)),
        *(operation.name, str(operation.num_qubits), str(operation.num_clbits)),
        walk.of(getattr(operation, "label", None)),
        *map(walk.of, getattr(operation, "params", ())),
        *([part, walk.of(getattr(operation, part, None))] for part in _PARTS),
    ]
    library = kind.__module__.startswith("qiskit.circuit.library.standard_gates")
    definition = None if library else getattr(operation, "definition", None)
    state = {k: v for k, v in vars(operation).items() if not k.startswith("_")}
    return [*told, walk.of(definition), walk.of(state)]


def _expression(walk, expression):
    """Text and values: what a text rounds, values at fixed places tell."""
    import numpy as np

    parameters = sorted(expression.parameters, key=lambda p: p.name)
    names = [p.name for p in parameters]
    if names == [str(expression)]:
        return ["parameter", names[0]]
    seed = int.from_bytes(hashlib.blake2b(repr(names).encode(), digest_size=8).digest())
    values = []
    for numbers in np.random.default_rng(seed).uniform(-2, 2, (3, len(names))):
        bound = expression.bind(dict(zip(parameters, numbers.tolist(), strict=True)))
        values.append(walk.of(complex(bound)))
    return ["expression", str(expression), names, *values]


def _parameters(walk, vector):
    return ["parameters", *(parameter.name for parameter in vector)]


def _pauli_sum(walk, value):
    return ["pauli_sum", *value.paulis.to_labels(), array_structure(value.coeffs)]


def _pauli(walk, value):
    return [type(value).__name__, *map(str, getattr(value, "to_labels", lambda: [value])())]


def _noise_model(walk, model):
    """What a model would be written as, its passes over delays, and what it translates to."""
    passes = [[type(own).__qualname__, walk.of(_without_ids(vars(own)))] for own in _passes(model)]
    return ["noise_model", walk.of(_without_ids(model.to_dict())), *passes, *model.basis_gates]


def _passes(model):
    return getattr(model, "_custom_noise_passes", ())


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
    return ["aer", backend.name, walk.of(told), walk.of(fields.get("noise_model"))]


def _backend(walk, backend):
    """A fake device is its name and its version; a real one is what its owner says it is."""
    if ".fake_provider" in type(backend).__module__:
        version = getattr(backend, "backend_version", None)
        return ["device", type(backend).__qualname__, backend.name, str(version)]
    raise Unidentifiable(
        f"the device {backend.name!r} is an open connection, which cannot be told from others; "
        "name it by RuntimeBackend(name=...)."
    )


# ---------------------------------------------------------------------------------- torch


def _tensor(walk, tensor):
    import torch

    plain = tensor.detach().cpu().contiguous().reshape(-1)
    content = plain.view(torch.uint8).numpy() if plain.numel() else plain.numpy()
    shape = list(map(str, tensor.shape))
    return ["tensor", str(tensor.dtype), shape, str(tensor.requires_grad), array_structure(content)]


def _module(walk, module):
    """Classes, settings and numbers of every part; hooks are code that nobody can tell."""
    for name, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks or part._backward_hooks:
            raise Unidentifiable(f"the torch module has hooks on {name or 'itself'!r}.")
    return [
        "module",
        *(
            [
                name,
                walk._class(type(part)),
                part.extra_repr(),
                str(part.training),
                _state(walk, part),
            ]
            for name, part in module.named_modules(remove_duplicate=False)
        ),
    ]


def _state(walk, part):
    held = [
        [name, walk.of(value)]
        for each in (part._parameters, part._buffers)
        for name, value in each.items()
    ]
    own = {k: v for k, v in vars(part).items() if not k.startswith("_") and k != "training"}
    return [*held, walk.of(own)]


FOREIGN = (
    ("numpy", "ndarray", _array),
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _frame),
    ("pandas", "Index", _frame),
    ("qiskit.circuit", "QuantumCircuit", _circuit),
    ("qiskit.circuit", "ParameterVector", _parameters),
    ("qiskit.circuit", "ParameterExpression", _expression),
    ("qiskit.circuit", "Operation", _operation),
    ("qiskit.quantum_info", "SparsePauliOp", _pauli_sum),
    ("qiskit.quantum_info", "PauliList", _pauli),
    ("qiskit.quantum_info", "Pauli", _pauli),
    ("qiskit_aer.noise", "NoiseModel", _noise_model),
    ("qiskit_aer", "AerSimulator", _aer),
    ("qiskit.providers", "BackendV2", _backend),
    ("torch", "Tensor", _tensor),
    ("torch.nn", "Module", _module),
)
