"""Settings for people: in reports, logs and messages."""

import sys
from inspect import Parameter, signature

from ._plain import Unidentifiable
from ._secrets import draws_secret_noise, has_params, is_secret
from ._structure import digest

__all__ = ["described", "settings_line"]

_MOST_ITEMS = 20
# A text longer than this is cut in a line.
_LONGEST = 200


class _Settings(dict):
    """Of an estimator: its class and its parameters."""


class _Program(dict):
    """Of a circuit: the code, which a line leaves out."""


class _Words(str):
    """Words about a value, which are not a value themselves: a line has them without quotes."""

    __slots__ = ()


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
    return _as_json(_described(value, ()))


def settings_line(value):
    """A value's settings on one line, as its ``repr`` would be if no object had an address.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
        Circuits by their digest: :func:`described` has them in full.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu._identity import settings_line
    >>> settings_line(make_pipeline(FunctionTransformer(abs), DecisionTreeClassifier(max_depth=2)))
    "Pipeline(steps=[('functiontransformer', FunctionTransformer(func=builtins.abs)), \
('decisiontreeclassifier', DecisionTreeClassifier(max_depth=2))])"
    """
    return " ".join(_line(_described(value, ())).split())


def _as_json(value):
    """Plain dicts, lists and texts, without the marks that a line goes by."""
    if isinstance(value, dict):
        return {name: _as_json(own) for name, own in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_as_json, value))
    return str(value) if isinstance(value, _Words) else value


def _line(value):
    if isinstance(value, _Program):
        return f"QuantumCircuit(digest {value['digest'][:12]})"
    if isinstance(value, _Settings):
        parts = [f"{name}={_line(own)}" for name, own in value.items() if name != "class"]
        return f"{value['class']}({', '.join(parts)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_line(own)}' for name, own in value.items())}}}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_line, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    text = str(value) if isinstance(value, _Words) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _described(value, inside):
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in inside:
        return _Words("(itself)")
    inside = (*inside, id(value))
    if isinstance(value, dict):
        names = [k if isinstance(k, str) else str(_described(k, inside)) for k in value]
        return {k: _named(k, v, inside) for k, v in zip(names, value.values(), strict=True)}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_described(each, inside) for each in value]
        if isinstance(value, set | frozenset):
            items.sort(key=repr)  # one order in every process
        items[_MOST_ITEMS:] = [_Words(f"... ({len(value)} in all)")] * (len(value) > _MOST_ITEMS)
        return tuple(items) if isinstance(value, tuple) else items
    for kind, teller in ((has_params, _settings), (_circuit, _program), (_pauli, _terms)):
        if kind(value):
            return teller(value, inside)
    return _else(value, inside)


def _named(name, value, inside):
    return _Words("not shown") if is_secret(name) and value else _described(value, inside)


def _settings(value, inside):
    try:
        taken = signature(type(value)).parameters
    except (TypeError, ValueError):  # it does not say what it takes
        taken = {}
    settings = _Settings({"class": type(value).__name__})
    secret = draws_secret_noise(value)
    for name, own in value.get_params(deep=False).items():
        default = taken[name].default if name in taken else Parameter.empty
        if default is Parameter.empty or not _same(own, default):
            withheld = secret and name == "random_state" and own is not None
            settings[name] = _Words("withheld") if withheld else _named(name, own, inside)
    return settings


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
        text = qasm3.dumps(value)
    except Exception:  # whatever the exporter says of gates that OpenQASM 3 does not have
        text = str(value.draw("text", fold=-1))
    try:
        return _Program({"circuit": text, "digest": digest(value)})
    except Unidentifiable:
        return _Program({"circuit": text, "digest": "unknown"})


def _pauli(value):
    return isinstance(value, _loaded("qiskit.quantum_info", "SparsePauliOp"))


def _terms(value, inside):
    numbers = value.coeffs if value.coeffs.imag.any() else value.coeffs.real
    labels = value.paulis.to_labels()
    return [[label, str(number)] for label, number in zip(labels, numbers.tolist(), strict=True)]


def _else(value, inside):
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return _Words(f"{value.__module__}.{name}")
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        return _described(value.item(), inside)
    shape = getattr(value, "shape", None)
    size = "" if not isinstance(shape, tuple) else f" of shape {tuple(map(int, shape))}"
    try:
        return _Words(f"<{type(value).__name__}{size}, digest {digest(value)[:12]}>")
    except Unidentifiable:
        return _Words(f"<{type(value).__name__}{size}>")
