"""Values made again from what :func:`recorded` wrote of them, which may be anybody's file.

Only estimators of packages that are known, and of those that the caller trusts, are made; no
function is found by its name, no file opened, nothing run.
"""

import importlib
import math

from ._circuit_record import made_circuit, made_parameter
from ._plain import Unidentifiable
from ._structure import digest

__all__ = ["NotRebuiltError", "rebuilt"]

_TRUSTED = ("sklearn", "skqmu")
# Where classes are exported that are settings without being estimators (a readout, a budget).
_ROOMS = {f"skqmu.{room}" for room in ("circuits", "backends", "network", "training", "unlearning")}
_WIDEST_TEXT = 4096
_DEEPEST = 60


class NotRebuiltError(ValueError):
    """A setting that is not in the record, or may not be made from it."""


def rebuilt(record, *, objects=(), trusted=()):
    """The value of a record.

    Parameters
    ----------
    record : JSON value
        From :func:`recorded`.
    objects : sequence of object
        What a record has the digest of alone: torch modules, noise models, functions. Each is
        put where its digest stands.
    trusted : sequence of str
        Packages beside scikit-learn and skqmu whose estimators may be made.

    Returns
    -------
    object

    Raises
    ------
    NotRebuiltError
        Something has to be passed, or is of a package that is not trusted; the message says
        where it stands and what to do.

    Examples
    --------
    >>> from skqmu._identity import rebuilt
    >>> rebuilt({"tuple": [1, {"float": "inf"}]})
    (1, inf)
    """
    return _Maker(objects, trusted).made(record, "value", 0)


class _Maker:
    def __init__(self, objects, trusted):
        self.given = {}
        for each in objects:
            try:
                self.given[digest(each)] = each
            except Unidentifiable as error:
                raise NotRebuiltError(
                    f"objects holds a {type(each).__name__} that no digest can name: {error}"
                ) from error
        self.trusted = {*_TRUSTED, *trusted}
        self.known = {}  # parameters of circuits, by name

    def made(self, record, where, depth):
        if depth > _DEEPEST:
            raise NotRebuiltError(f"{where} is nested too deeply.")
        if record is None or isinstance(record, bool | int | float | str):
            return record
        if isinstance(record, list):
            return [self.made(e, f"{where}[{i}]", depth + 1) for i, e in enumerate(record)]
        if not isinstance(record, dict) or len(record) != 1:
            raise NotRebuiltError(f"{where} is no record of a value.")
        ((kind, content),) = record.items()
        maker = _MAKERS.get(kind)
        if maker is None:
            raise NotRebuiltError(f"{where} is of the unknown kind {kind!r:.60}.")
        try:
            return maker(self, content, where, depth)
        except NotRebuiltError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise NotRebuiltError(f"{where} cannot be made again: {error!s:.300}") from error

    def _tuple(self, content, where, depth):
        return tuple(self.made(list(content), where, depth))

    def _set(self, content, where, depth):
        return set(self.made(list(content), where, depth))

    def _frozenset(self, content, where, depth):
        return frozenset(self.made(list(content), where, depth))

    def _dict(self, content, where, depth):
        return {
            self.made(name, where, depth + 1): self.made(own, f"{where}[{name!r:.60}]", depth + 1)
            for name, own in content
        }

    def _int(self, content, where, depth):
        return int(content)

    def _float(self, content, where, depth):
        if content not in ("nan", "inf", "-inf"):
            raise ValueError(f"{content!r:.30} is none of nan, inf, -inf")
        return math.nan if content == "nan" else float(content)

    def _scalar(self, content, where, depth):
        import numpy as np

        kind, value = content
        return _numbers(kind).type(self.made(value, where, depth + 1)) if kind else np.nan

    def _array(self, content, where, depth):
        import numpy as np

        items = self.made(content["items"], where, depth + 1)
        return np.array(items, dtype=_numbers(content["dtype"])).reshape(content["shape"])

    def _object(self, content, where, depth):
        kind = self._class(content["class"], where)
        params = {
            name: self.made(own, f"{where}.{name}", depth + 1)
            for name, own in content["params"].items()
        }
        return kind(**params)

    def _class(self, name, where):
        module, _, qualified = name.rpartition(".")
        package = module.partition(".")[0]
        if package not in self.trusted:
            raise NotRebuiltError(
                f"{where} is a {name:.100}, of a package that is not known here: if you trust "
                f"{package!r:.60}, pass trusted=[{package!r:.60}]."
            )
        try:
            kind = getattr(importlib.import_module(module), qualified, None)
        except ImportError as error:
            raise NotRebuiltError(f"{where} is a {name:.100}: {error}") from error
        # a record makes values, and calls nothing else: `__init__` of these only assigns
        makes = isinstance(kind, type) and (
            callable(getattr(kind, "get_params", None)) or module in _ROOMS
        )
        if not makes or issubclass(kind, BaseException):
            raise NotRebuiltError(f"{where}: {name:.100} is no class of settings.")
        return kind

    def _circuit(self, content, where, depth):
        own = content.get("digest")
        if own in self.given:
            return self.given[own]
        if "gates" not in content:
            raise NotRebuiltError(
                f"{where} is a circuit with gates that only their own classes make; pass it: "
                f"objects=[circuit] (digest {own})."
            )
        circuit = made_circuit(content, self.known)
        if digest(circuit) != own:
            raise NotRebuiltError(
                f"{where}: the circuit that its gates make is another one than that of its "
                "digest; pass the one that is meant: objects=[circuit]."
            )
        return circuit

    def _pauli_sum(self, content, where, depth):
        from qiskit.quantum_info import SparsePauliOp

        labels = [label for label, _, _ in content]
        return SparsePauliOp(labels, [complex(real, imag) for _, real, imag in content])

    def _parameter(self, content, where, depth):
        return made_parameter(content, self.known)

    def _parameters(self, content, where, depth):
        name, length = content
        first = made_parameter({"name": "", "vector": [name, length, 0]}, self.known)
        return first.vector

    def _given(self, content, where, depth):
        own = content.get("digest")
        if own is not None and own in self.given:
            return self.given[own]
        what = content.get("name") or content.get("class")
        if own is None:
            raise NotRebuiltError(
                f"{where} is {what!s:.100}, which nothing tells from others: the record cannot be "
                "carried out again."
            )
        raise NotRebuiltError(
            f"{where} is {what!s:.100}, which a record does not hold; pass it: objects=[it] "
            f"(digest {own!s:.40})."
        )

    def _secret(self, content, where, depth):
        raise NotRebuiltError(f"{where} is a secret, which no record holds.")

    def _withheld(self, content, where, depth):
        return None

    def _place(self, content, where, depth):
        return None


def _numbers(kind):
    import numpy as np

    own = np.dtype(kind)
    if own.kind not in "biufU" or own.itemsize > 4 * _WIDEST_TEXT:
        raise ValueError(f"{kind!r:.30} is no type of numbers or texts")
    return own


_MAKERS = {
    "tuple": _Maker._tuple,
    "set": _Maker._set,
    "frozenset": _Maker._frozenset,
    "dict": _Maker._dict,
    "int": _Maker._int,
    "float": _Maker._float,
    "scalar": _Maker._scalar,
    "array": _Maker._array,
    "object": _Maker._object,
    "circuit": _Maker._circuit,
    "pauli_sum": _Maker._pauli_sum,
    "parameter": _Maker._parameter,
    "parameters": _Maker._parameters,
    "code": _Maker._given,
    "other": _Maker._given,
    "secret": _Maker._secret,
    "withheld": _Maker._withheld,
    "place": _Maker._place,
}
