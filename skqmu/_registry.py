"""What a package exports, by name: no list is kept by hand."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from inspect import isabstract, isclass
from typing import Any

__all__ = ["NamedClasses", "exported", "snake_case"]


def exported(package: str, wanted: Callable[[Any], bool]) -> dict[str, Any]:
    """Public objects of a package that a predicate wants, by the names of its ``__all__``."""
    module = import_module(package)
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: each for name, each in found.items() if wanted(each)}


class NamedClasses(Mapping):
    """The concrete subclasses of a base among what a package exports, by name.

    The name is the class's in snake case: ``LastLayersRetrain`` is ``"last_layers_retrain"``.
    They are looked up when somebody first asks, so that a module of the package can hold them.

    Parameters
    ----------
    package : str
    base : type
    ending : str, default=""
        What the names of the classes end in and the words leave out: with ``"Backend"``,
        ``AerBackend`` is ``"aer"``.
    """

    def __init__(self, package: str, base: type, *, ending: str = ""):
        self.package = package
        self.base = base
        self.ending = ending

    @cached_property
    def _classes(self) -> dict[str, type]:
        found = exported(self.package, self._is_wanted)
        return {snake_case(name.removesuffix(self.ending)): each for name, each in found.items()}

    def _is_wanted(self, value: Any) -> bool:
        return isclass(value) and issubclass(value, self.base) and not isabstract(value)

    def __getitem__(self, name: str) -> type:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"


def snake_case(name: str) -> str:
    """The name of a class as the word that stands for it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
