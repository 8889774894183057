"""The house: who imports whom, who changes what, and how long a function may be.

This file looks inside, at the source of the package.
"""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import skqmu

PACKAGE = Path(skqmu.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Rooms from the ground up; each tower's rooms import earlier ones of their own tower.
LEARNING = (
    *("circuits", "backends", "network", "statistics"),
    *("training", "privacy", "unlearning", "classifiers"),
)
AUDIT = ("metrics", "attacks", "audit")
MOST_LINES, MOST_PARAMETERS = 60, 10
# Functions that may be longer or take more, each with its reason.
LONG = {
    # one keyword for each question that an auditor may ask
    "audit.audit.__call__",
}
# Attributes that are set from outside, as those who made the objects mean it.
FOREIGN = {
    # numpy's generators and arrays take their state and their flags so
    **{"training._minimize": {"state"}, "utils._attack_conventions": {"writeable"}},
    # torch's modules have a mode of training that is an attribute
    "network._torch": {"training"},
    # what qiskit-machine-learning gives no other way to say
    "network._qiskit_ml": None,
    # qiskit's circuits, operations, options and noise models
    "backends.runtime._options": {"job_tags", "seed_simulator"},
    "backends.given._seeded": {"seed_simulator"},
    "backends.sampled._aer": {"global_phase"},
    "backends.sampled._aer_errors": {"ctrl_state", "global_phase", "_custom_noise_passes"},
    "backends.sampled._columns": {"data", "params", "definition"},
    "backends.sampled._translate": {"global_phase", "label", "_layout"},
    # elements of an SVG; a module that is called; what an interrupt carries along
    "_document.ink": {"tag", "attrib"},
    "audit": {"__class__"},
    # an instruction of qiskit's that is made from its definition
    "_identity._circuit_record": {"definition"},
    "audit._audit_call": {"report"},
    "classifiers._meta": {"costs", "metadata", "steps"},
    # scikit-learn's clone, with its metadata requests
    "attacks._base": {"_metadata_request"},
    "attacks._attack": {"_metadata_request"},
    # a copy is made by its own class
    "attacks._pool": {"n_queries", "_params", "_asked"},
    # what qiskit-machine-learning's classifiers and generator take from outside
    "attacks.targets._qiskit_ml_model": {"warm_start", "initial_point", "state"},
    "backends._noise_stream": {"_entropy", "_prefix"},
    "_owned": {"mark"},
}
# scikit-learn's tags are filled in wherever they are given.
TAGS = {
    "non_deterministic",
    "classifier_tags",
    "multi_label",
    "single_output",
    "allow_nan",
    "input_tags",
}
# The one room that writes the state of a fitted classifier.
STATE = "classifiers.state"
# Not yet: a function that wants to be two.
NOT_YET_SHORT: set[str] = set()


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Modules of skqmu that a file imports at its top level, without the package's name."""
    package = ("skqmu", *path.relative_to(PACKAGE).parts[:-1])
    for node in parsed(path).body:
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            if module.split(".")[0] == "skqmu":
                yield module.removeprefix("skqmu").removeprefix("."), [a.name for a in node.names]


def modules():
    return {name_of(path): path for path in FILES}


def edges():
    """Which module imports which, submodules named in full."""
    known = modules()
    found = {}
    for name, path in known.items():
        found[name] = set()
        for module, names in imported(path):
            inner = {f"{module}.{n}".strip(".") for n in names} & known.keys()
            found[name] |= inner or ({module} & known.keys())
    return found


def test_no_module_imports_itself_by_a_way_round():
    graph, done = edges(), set()

    def visit(name, way):
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name in done:
            return
        for other in sorted(graph[name]):
            # a package's __init__ gathers its own modules: not an arrow of its parts
            if not name.startswith(f"{other}."):
                visit(other, [*way, name])
        done.add(name)

    for name in graph:
        visit(name, [])


@pytest.mark.parametrize("tower", [LEARNING, AUDIT], ids=["learning", "audit"])
def test_rooms_import_only_earlier_rooms_of_their_own_tower(tower):
    others = {*LEARNING, *AUDIT} - set(tower)
    for name, targets in edges().items():
        room = name.split(".")[0]
        if room not in tower:
            continue
        later = {*tower[tower.index(room) + 1 :], *others}
        wrong = sorted(t for t in targets if t.split(".")[0] in later)
        assert not wrong, f"{name} imports {wrong}"


def test_the_ledger_stands_beside_the_towers():
    """It knows models by their public methods, and nobody but the command line knows it."""
    towers = {*LEARNING, *AUDIT, "datasets", "utils"}
    for name, targets in edges().items():
        room, theirs = name.split(".")[0], {target.split(".")[0] for target in targets}
        assert room != "ledger" or not theirs & towers, name
        assert room in ("ledger", "_cli") or "ledger" not in theirs, name


def test_no_room_imports_a_private_module_of_another():
    for name, targets in edges().items():
        room = name.split(".")[0]
        for target in targets:
            parts = target.split(".")
            private = any(p.startswith("_") for p in parts[1:])
            assert not private or parts[0] == room or room.startswith("_cli"), (name, target)


def test_imports_within_a_tower_are_relative():
    absolute = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        if name_of(path).split(".")[0] in (*LEARNING, *AUDIT)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").split(".")[0] == "skqmu"
    ]
    assert not absolute, "\n".join(absolute)


def test_every_file_name_is_there_once():
    places = defaultdict(list)
    for path in FILES:
        if path.name != "__init__.py":
            places[path.name].append(name_of(path))
    assert not {name: where for name, where in places.items() if len(where) > 1}


class Walk(ast.NodeVisitor):
    """Functions with their place, and attributes that are set on others."""

    def __init__(self, module):
        self.module = module
        self.place = [module]
        self.functions = []
        self.foreign = []

    def visit_ClassDef(self, node):
        self.place.append(node.name)
        self.generic_visit(node)
        self.place.pop()

    def visit_FunctionDef(self, node):
        self.place.append(node.name)
        self.functions.append((".".join(self.place), node))
        self.generic_visit(node)
        self.place.pop()

    def targets(self, node):
        if isinstance(node, ast.Tuple | ast.List):
            return [t for each in node.elts for t in self.targets(each)]
        return [node]

    def visit_Assign(self, node):
        self.look(node, node.targets)

    def visit_AugAssign(self, node):
        self.look(node, [node.target])

    def visit_AnnAssign(self, node):
        self.look(node, [node.target])

    def look(self, node, targets):
        for target in (t for each in targets for t in self.targets(each)):
            if not isinstance(target, ast.Attribute):
                continue
            owner = ast.unparse(target.value)
            if (
                owner not in ("self", "cls")
                and not self.module.startswith(STATE)
                and target.attr not in TAGS
            ):
                allowed = FOREIGN.get(self.module, set())
                if allowed is not None and target.attr not in allowed:
                    place = ".".join(self.place)
                    self.foreign.append(f"{place}:{node.lineno} {ast.unparse(target)}")
        self.generic_visit(node)


def walks():
    for path in FILES:
        walk = Walk(name_of(path))
        walk.visit(parsed(path))
        yield walk


def test_attributes_are_set_by_their_own_class():
    found = [line for walk in walks() for line in walk.foreign]
    assert not found, "\n".join(found)


def writes_of_state(tree):
    """Lines that set a fitted attribute, by whatever way Python has."""
    for node in ast.walk(tree):
        targets = []
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                name = getattr(part, "attr", "")
                fitted = name == "_fitted" or (name.endswith("_") and not name.startswith("_"))
                of_vars = isinstance(part, ast.Subscript) and "vars(" in ast.unparse(part.value)
                if fitted or of_vars:
                    yield node.lineno
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)):
            if called in ("setattr", "object.__setattr__") or called.endswith("__dict__.update"):
                yield node.lineno
            if called.startswith("vars(") and called.endswith((".update", ".pop", ".setdefault")):
                yield node.lineno


def test_no_module_but_the_state_s_own_writes_fitted_state():
    found = [
        f"{name_of(path)}:{line}"
        for path in FILES
        if name_of(path).startswith("classifiers") and not name_of(path).startswith(STATE)
        for line in writes_of_state(parsed(path))
    ]
    assert not found, "\n".join(found)


def is_public(place):
    return not any(part.startswith("_") and part != "__init__" for part in place.split(".")[1:])


def code_lines(node):
    """Lines of a function without its docstring and its parameters."""
    doc = ast.get_docstring(node, clean=False)
    first = node.body[1].lineno if doc and len(node.body) > 1 else node.body[0].lineno
    return node.end_lineno - first + 1


def test_functions_are_short_and_take_few_parameters():
    found, waiting = [], set(NOT_YET_SHORT)
    for walk in walks():
        for place, node in walk.functions:
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            n = len(every) - (bool(every) and every[0].arg in ("self", "cls"))
            # what users call has the parameters that it documents
            documented = ast.get_docstring(node) and not node.name.startswith("_")
            public = node.name == "__init__" or documented
            if code_lines(node) > MOST_LINES:
                waiting.discard(place)
            if place in LONG | NOT_YET_SHORT:
                continue
            if code_lines(node) > MOST_LINES or (n > MOST_PARAMETERS and not public):
                found.append(f"{place}: {code_lines(node)} lines, {n} parameters")
    assert not found, "\n".join(found)
    assert not waiting, f"short by now: {waiting}"


TESTS = Path(__file__).parent


def imports_private(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "skqmu":
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            if any(name.startswith("_") for name in names):
                return True
    return False


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.stem)
def test_a_test_that_looks_inside_says_so(path):
    said = "looks inside" in (ast.get_docstring(parsed(path)) or "")
    assert not imports_private(path) or said


def test_what_the_extra_test_does_not_bring_is_imported_where_it_is_needed():
    elsewhere = {"jax", "lightgbm", "pennylane", "skorch", "torch", "torchvision"}
    for path in TESTS.rglob("*.py"):
        for node in parsed(path).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not elsewhere & {name.split(".")[0] for name in names}, path.name
