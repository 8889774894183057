"""What skqmu exports: the one list behind the API reference, read from the packages themselves."""

import importlib
import inspect

# public modules in the order of the reference, with those that stand beside a room's own names
GROUPS = {
    "What most people need": ["skqmu", "classifiers", "unlearning", "attacks", "audit", "metrics"],
    "Data, circuits, devices": ["datasets", "circuits", "backends"],
    "Promises and evidence": ["privacy", "ledger", "exceptions"],
    "To build with": [
        *("utils", "utils.estimator_checks", "attacks.tools", "metrics.signals"),
        *("circuits.lowering", "network", "statistics", "training"),
    ],
}
# their names are short, or of interest together only: all of them on the module's page
ON_ONE_PAGE = {"exceptions", *GROUPS["To build with"]}


def full_name(module):
    """The name to import a module by."""
    return module if module == "skqmu" else f"skqmu.{module}"


class Public:
    """One public name.

    Attributes
    ----------
    module, name : str
        Where it is exported, and as what.
    value : object
    home : str
        Its first full name: where its page is.
    """

    def __init__(self, module, name, value, home):
        self.module, self.name, self.value, self.home = module, name, value, home

    @property
    def kind(self):
        """One of "exception", "class", "function" and "data"."""
        if inspect.isclass(self.value):
            return "exception" if issubclass(self.value, BaseException) else "class"
        is_function = inspect.isroutine(self.value) or hasattr(self.value, "__wrapped__")
        return "function" if is_function or inspect.ismodule(self.value) else "data"

    @property
    def has_page(self):
        """Whether this export, and no other, is where its page is."""
        return self.kind != "data" and self.home == f"{full_name(self.module)}.{self.name}"

    @property
    def summary(self):
        """The first sentence of its docstring, on one line."""
        if self.kind == "data":
            return ""
        paragraph = (inspect.getdoc(self.value) or "").split("\n\n")[0]
        return " ".join(paragraph.split())

    def own_members(self):
        """Public methods and properties that skqmu defines, by name: (name, kind)."""
        found = []
        for name, member in inspect.getmembers_static(self.value):
            owner = next((c for c in self.value.__mro__ if name in vars(c)), None)
            if name.startswith("_") or owner is None or not owner.__module__.startswith("skqmu"):
                continue
            if isinstance(member, property) or "cached_property" in type(member).__name__:
                found.append((name, "property"))
            elif isinstance(member, classmethod | staticmethod) or inspect.isfunction(member):
                found.append((name, "method"))
        return found

    def inherited_members(self):
        """Public methods that come from elsewhere, scikit-learn's most of all."""
        own = {name for name, _ in self.own_members()}
        return [
            name
            for name, member in inspect.getmembers(self.value, inspect.isroutine)
            if not name.startswith("_") and name not in own and not hasattr(object, name)
        ]


def public_names():
    """Return, for each module, what it exports."""
    homes, found = {}, {}
    modules = [module for group in GROUPS.values() for module in group]
    # the rooms first: skqmu itself only passes their names on
    for module in sorted(modules, key=lambda module: module == "skqmu"):
        imported = importlib.import_module(full_name(module))
        for name in imported.__all__:
            value = getattr(imported, name)
            full = f"{full_name(module)}.{name}"
            named = inspect.isclass(value) or inspect.isroutine(value)
            home = homes.setdefault(id(value), full) if named else full
            if inspect.ismodule(value):  # skqmu.audit is a room and a verb
                home = "skqmu.audit.audit"
            found.setdefault(module, []).append(Public(module, name, value, home))
    return {module: found[module] for module in modules}
