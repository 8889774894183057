"""Settings for people: in reports, logs and messages."""

import json
import re
import sys

from ._structure import Unidentifiable, digest

__all__ = ["described"]

# Parameters of such names are never shown.
_SECRET = re.compile(r"token|password|passwd|secret|api_?key|credential", re.I)
_MOST_ITEMS = 20


def described(value):
    """A value as JSON would hold it, short, and without an address in memory.

    Parameters
    ----------
    value : object
        Estimators, backends and strategies become their class and those parameters that differ
        from the defaults; circuits OpenQASM 3; observables their terms; arrays, modules and
        noise models a digest; functions their names.

    Returns
    -------
    dict, list, str, number or None

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu._identity import described
    >>> described(DecisionTreeClassifier(max_depth=2))
    {'class': 'DecisionTreeClassifier', 'max_depth': 2}
    >>> described({"service_token": "a secret"})
    {'service_token': 'not shown'}
    """
    return _described(value, ())


def _described(value, inside):
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in inside:
        return "(itself)"
    inside = (*inside, id(value))
    if isinstance(value, dict):
        return {str(k): _named(str(k), v, inside) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_described(each, inside) for each in list(value)[:_MOST_ITEMS]]
        return items + [f"... ({len(value)} in all)"] * (len(value) > _MOST_ITEMS)
    for kind, teller in ((_estimator, _settings), (_circuit, _program), (_pauli, _terms)):
        if kind(value):
            return teller(value, inside)
    return _else(value)


def _named(name, value, inside):
    return "not shown" if _SECRET.search(name) and value else _described(value, inside)


def _estimator(value):
    return callable(getattr(value, "get_params", None)) and not isinstance(value, type)


def _settings(value, inside):
    params = value.get_params(deep=False)
    try:
        defaults = type(value)().get_params(deep=False)
    except TypeError:  # it needs arguments
        defaults = {}
    told = {"class": type(value).__name__}
    for name, own in params.items():
        if name not in defaults or not _same(own, defaults[name]):
            told[name] = _named(name, own, inside)
    return told


def _same(one, other):
    if one is other:
        return True
    try:
        return digest(one) == digest(other)
    except Unidentifiable:
        return False


def _loaded(module, name):
    return getattr(sys.modules.get(module), name, ())


def _circuit(value):
    return isinstance(value, _loaded("qiskit.circuit", "QuantumCircuit"))


def _program(value, inside):
    from qiskit import qasm3

    try:
        return {"circuit": qasm3.dumps(value)}
    except Exception:  # whatever the exporter says of gates that OpenQASM 3 does not have
        return {"circuit": str(value.draw("text", fold=-1)), "digest": digest(value)}


def _pauli(value):
    return isinstance(value, _loaded("qiskit.quantum_info", "SparsePauliOp"))


def _terms(value, inside):
    numbers = value.coeffs if value.coeffs.imag.any() else value.coeffs.real
    labels = value.paulis.to_labels()
    return [[label, str(number)] for label, number in zip(labels, numbers.tolist(), strict=True)]


def _else(value):
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return f"{value.__module__}.{name}"
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        return json.loads(json.dumps(value.item(), default=str))
    shape = getattr(value, "shape", None)
    size = "" if not isinstance(shape, tuple) else f" of shape {tuple(map(int, shape))}"
    try:
        return f"{type(value).__name__}{size}, digest {digest(value)[:12]}"
    except Unidentifiable:
        return f"{type(value).__name__}{size}"
