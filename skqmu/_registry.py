"""What a package exports, by name: no list is kept by hand."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from inspect import Parameter, isabstract, isclass, signature
from typing import Any

__all__ = ["NamedClasses", "NamedExports", "NamedFunctions", "exported", "snake_case"]

_BY_KEYWORD = (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD)


def exported(package: str, wanted: Callable[[Any], bool]) -> dict[str, Any]:
    """Public objects of a package that a predicate wants, by the names of its ``__all__``."""
    module = import_module(package)
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: each for name, each in found.items() if wanted(each)}


class NamedExports(Mapping):
    """What a package exports, by the words that users say.

    A subclass says which exports it wants and under which words they stand. They are looked up
    when somebody first asks, so that a module of the package can hold them.

    Parameters
    ----------
    package : str
    """

    def __init__(self, package: str):
        self.package = package

    def _is_wanted(self, value: Any) -> bool:
        raise NotImplementedError

    def _entries(self, name: str, value: Any) -> dict[str, Any]:
        """Words of one export, and what each stands for."""
        return {name: value}

    @cached_property
    def _found(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in exported(self.package, self._is_wanted).items():
            entries = self._entries(name, value)
            twice = sorted(found.keys() & entries.keys())
            if twice:
                raise ValueError(f"{self.package} exports two things that are called {twice[0]!r}.")
            found |= entries
        return found

    def __getitem__(self, name: str) -> Any:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"


class NamedClasses(NamedExports):
    """The concrete subclasses of a base among what a package exports, by name.

    The name is the class's in snake case: ``LastLayersRetrain`` is ``"last_layers_retrain"``.

    Parameters
    ----------
    package : str
    base : type
    ending : str, default=""
        What the names of the classes end in and the words leave out: with ``"Backend"``,
        ``AerBackend`` is ``"aer"``.
    """

    def __init__(self, package: str, base: type, *, ending: str = ""):
        super().__init__(package)
        self.base = base
        self.ending = ending

    def _is_wanted(self, value: Any) -> bool:
        return isclass(value) and issubclass(value, self.base) and not isabstract(value)

    def _entries(self, name: str, value: Any) -> dict[str, Any]:
        return {snake_case(name.removesuffix(self.ending)): value}


class NamedFunctions(NamedExports):
    """The callables among what a package exports that are called in one way, by name.

    Parameters
    ----------
    package : str
    arguments : tuple of str
        Names of the positional arguments; whatever else it takes is by keyword.
    """

    def __init__(self, package: str, arguments: tuple[str, ...]):
        super().__init__(package)
        self.arguments = arguments

    def _is_wanted(self, value: Any) -> bool:
        if isclass(value) or not callable(value):
            return False
        taken = signature(value).parameters.values()
        by_place = [each.name for each in taken if each.kind not in _BY_KEYWORD]
        return by_place == list(self.arguments)


def snake_case(name: str) -> str:
    """The name of a class as the word that stands for it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
