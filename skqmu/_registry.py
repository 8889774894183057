"""Classes by name, derived from what a package exports: no list is kept by hand."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from inspect import isabstract, isclass

__all__ = ["NamedClasses"]


class NamedClasses(Mapping):
    """The concrete subclasses of a base among the public names of a package, by name.

    The name is the class's in snake case: ``LastLayersRetrain`` is ``"last_layers_retrain"``.
    They are looked up when somebody first asks, so that a module of the package can hold them.

    Parameters
    ----------
    package : str
        Its ``__all__`` is what counts.
    base : type
    """

    def __init__(self, package: str, base: type):
        self.package = package
        self.base = base

    @cached_property
    def _classes(self) -> dict[str, type]:
        package = import_module(self.package)
        public = [getattr(package, name) for name in package.__all__]
        return {
            snake_case(each.__name__): each
            for each in public
            if isclass(each) and issubclass(each, self.base) and not isabstract(each)
        }

    def __getitem__(self, name: str) -> type:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


def snake_case(name: str) -> str:
    """The name of a class as the word that stands for it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
