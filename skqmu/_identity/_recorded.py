"""All settings of a value as JSON, from which the value is made again.

:func:`described` is for people and leaves out what is as by default; here everything stands,
because defaults change between versions.
"""

import dataclasses
import math
import os
import sys
from inspect import Parameter, signature

from ._circuit_record import circuit_record, parameter_record
from ._code import is_released
from ._plain import Unidentifiable
from ._secrets import draws_secret_noise, has_params, is_place, is_secret
from ._structure import digest

__all__ = ["recorded"]

_MOST_NUMBERS = 100_000


def recorded(value):
    """All settings of a value as JSON.

    Parameters
    ----------
    value : object
        Estimators, backends and strategies become their class and every parameter; circuits
        OpenQASM 3 and their gates; of what only its owner can make (a torch module, a noise
        model, a function) stays its kind and its digest.

    Returns
    -------
    dict, list, str, number or None
        Strict JSON. What is no text, number, list or None in JSON is a dict with one key, which
        says what it is.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skqmu._identity import recorded, rebuilt
    >>> record = recorded(GaussianNB(var_smoothing=1e-6))
    >>> record["object"]["params"]
    {'priors': None, 'var_smoothing': 1e-06}
    >>> rebuilt(record)
    GaussianNB(var_smoothing=1e-06)
    """
    return _recorded(value, ())


def _recorded(value, inside):
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        return value if value.bit_length() < 64 else {"int": str(value)}
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if id(value) in inside or len(inside) > 40:
        return _opaque(value)
    inside = (*inside, id(value))
    for kind, teller in _KINDS:
        if type(value) is kind:
            return teller(value, inside)
    for is_kind, teller in _OTHERS:
        if is_kind(value):
            return teller(value, inside)
    return _opaque(value)


def _list(value, inside):
    return [_recorded(each, inside) for each in value]


def _dict(value, inside):
    return {
        "dict": [
            [_recorded(name, inside), _held(name, each, inside)] for name, each in value.items()
        ]
    }


def _held(name, value, inside):
    if isinstance(name, str) and value is not None:
        if is_secret(name):
            return {"secret": name}
        if is_place(name) or isinstance(value, os.PathLike):
            return {"place": name}
    return _recorded(value, inside)


def _set(value, inside):
    return {type(value).__name__: sorted((_recorded(each, inside) for each in value), key=repr)}


# ------------------------------------------------------------------------------ estimators


def _plain_class(value):
    """An object of a released class that is its constructor's arguments, each under its name."""
    kind = type(value)
    if not kind.__module__.startswith("skqmu.") or not is_released(kind):
        return False
    names = _arguments(kind)
    return bool(names) and all(hasattr(value, name) for name in names)


def _arguments(kind):
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    try:
        taken = signature(kind).parameters.values()
    except (TypeError, ValueError):
        return []
    varying = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [] if any(p.kind in varying for p in taken) else [p.name for p in taken]


def _estimator(value, inside):
    params = value.get_params(deep=False)
    secret = draws_secret_noise(value)
    told = {
        name: {"withheld": "it draws noise that must stay secret"}
        if secret and name == "random_state" and own is not None
        else _held(name, own, inside)
        for name, own in params.items()
    }
    return {"object": {"class": _name(type(value)), "params": told}}


def _plain_object(value, inside):
    params = {name: _held(name, getattr(value, name), inside) for name in _arguments(type(value))}
    return {"object": {"class": _name(type(value)), "params": params}}


def _name(kind):
    """Where a class is exported, which lasts longer than the file that it is in."""
    module = kind.__module__
    while "._" in module:
        outer = module.rpartition(".")[0]
        if getattr(sys.modules.get(outer), kind.__qualname__, None) is not kind:
            break
        module = outer
    return f"{module}.{kind.__qualname__}"


# ---------------------------------------------------------------------------------- others


def _numpy(name):
    return lambda value: isinstance(value, getattr(sys.modules.get("numpy"), name, ()))


def _scalar(value, inside):
    return {"scalar": [value.dtype.str, _recorded(value.item(), inside)]}


def _array(value, inside):
    plain = value.dtype.kind in "biufU" and type(value).__name__ == "ndarray"
    if not plain or value.size > _MOST_NUMBERS:
        return _opaque(value)
    items = [_recorded(item, inside) for item in value.ravel().tolist()]
    return {"array": {"dtype": value.dtype.str, "shape": list(value.shape), "items": items}}


def _loaded(module, name):
    return lambda value: isinstance(value, getattr(sys.modules.get(module), name, ()))


def _circuit(value, inside):
    return {"circuit": circuit_record(value, digest)}


def _pauli_sum(value, inside):
    pairs = zip(value.paulis.to_labels(), value.coeffs.tolist(), strict=True)
    return {"pauli_sum": [[label, number.real, number.imag] for label, number in pairs]}


def _parameter(value, inside):
    return {"parameter": parameter_record(value)}


def _vector(value, inside):
    return {"parameters": [value.name, len(value)]}


def _code(value):
    return callable(value) and hasattr(value, "__qualname__")


def _function(value, inside):
    return {"code": {"name": f"{value.__module__}.{value.__qualname__}", "digest": _digest(value)}}


def _opaque(value):
    return {"other": {"class": _name(type(value)), "digest": _digest(value)}}


def _digest(value):
    try:
        return digest(value)
    except Unidentifiable:
        return None


_KINDS = (
    (list, _list),
    (tuple, lambda value, inside: {"tuple": _list(value, inside)}),
    (dict, _dict),
    (set, _set),
    (frozenset, _set),
)
_OTHERS = (
    (has_params, _estimator),
    (_loaded("qiskit.circuit", "QuantumCircuit"), _circuit),
    (_loaded("qiskit.circuit", "ParameterVector"), _vector),
    (_loaded("qiskit.circuit", "Parameter"), _parameter),
    (_loaded("qiskit.quantum_info", "SparsePauliOp"), _pauli_sum),
    (_numpy("ndarray"), _array),
    (_numpy("generic"), _scalar),
    (_plain_class, _plain_object),
    (_code, _function),
)
