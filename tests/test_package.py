"""The package as a whole: what importing it costs, and what every public name promises."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import skqmu

PACKAGE = Path(skqmu.__file__).parent
REPOSITORY = Path(__file__).parents[1]

# never imported at the top of a module: they cost a second and more, or are extras
HEAVY = {
    "dask",
    "dp_accounting",
    "distributed",
    "jinja2",
    "matplotlib",
    "pandas",
    "pennylane",
    "qiskit_aer",
    "qiskit_ibm_runtime",
    "qiskit_machine_learning",
    "ray",
    "rich",
    "skops",
    "skorch",
    "torch",
}
LEARNING = (
    *("circuits", "backends", "network", "statistics"),
    *("training", "privacy", "unlearning", "classifiers"),
)
AUDIT = ("metrics", "attacks", "audit")
# what users import; network and training are the machine room, documented for its mechanics
MACHINE_ROOM = ("network", "training")
# the ground that both towers stand on, private modules of the package itself included: it
# imports neither of them
GROUND = (
    "exceptions",
    "datasets",
    *(path.stem for path in PACKAGE.glob("_*") if path.stem[1] != "_" and path.stem != "_cli"),
)
# beside the towers: it knows models by their public methods alone
LEDGER = "ledger"
ROOMS = (*LEARNING, *AUDIT, LEDGER, "datasets", "utils", "exceptions")


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def imports_of(path):
    """Yield (imported module, is it at the top level of the file?)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = ("skqmu", *path.relative_to(PACKAGE).parts[:-1])
                base = package[: len(package) - node.level + 1]
                module = ".".join((*base, module)).rstrip(".")
            yield module, id(node) in top
            for alias in node.names:
                yield f"{module}.{alias.name}", id(node) in top


def rooms_used(path):
    """Return the modules of skqmu that a file imports, without the package's name."""
    names = {name for name, _ in imports_of(path) if name.startswith("skqmu.")}
    return sorted(name.removeprefix("skqmu.") for name in names - {"skqmu.__version__"})


def within(name, allowed):
    return any(name == room or name.startswith(f"{room}.") for room in allowed)


def room_files(room):
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


def public_objects(rooms=ROOMS):
    """Return every name that these rooms list in ``__all__``."""
    found = {}
    for room in rooms:
        module = importlib.import_module(f"skqmu.{room}")
        for name in getattr(module, "__all__", ()):
            found[f"{room}.{name}"] = getattr(module, name)
    return [pytest.param(value, id=key) for key, value in sorted(found.items())]


def is_exception(obj):
    return inspect.isclass(obj) and issubclass(obj, BaseException)


def documented_parameters(doc):
    """Return the names of the numpydoc section "Parameters"."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", doc, re.S | re.M)
    names = set()
    for line in (section.group(1) if section else "").splitlines():
        if line and not line[0].isspace():
            names.update(part.strip().lstrip("*") for part in line.split(" : ")[0].split(","))
    return names


# --- importing ---------------------------------------------------------------------------


def test_import_loads_no_heavy_package():
    code = "import skqmu, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = set(run_python(code).split())
    assert "skqmu" in loaded
    assert not loaded & {*HEAVY, "qiskit", "sklearn", "numpy", "scipy"}


def test_import_costs_at_most_a_fifth_of_a_second_beyond_sklearn_base():
    code = (
        "import sklearn.base, time; start = time.process_time(); import skqmu;"
        "print(time.process_time() - start)"
    )
    assert min(float(run_python(code)) for _ in range(2)) <= 0.2


@pytest.mark.parametrize(
    ("rooms", "theirs"),
    [
        ([room for room in ROOMS if room not in LEARNING], ""),
        (LEARNING, ", qiskit, qiskit.quantum_info"),
    ],
    ids=["audit", "learning"],
)
def test_no_room_loads_a_heavy_package_when_imported(rooms, theirs):
    # scikit-learn and qiskit load some themselves where they find them (rich, matplotlib)
    theirs = f"import sklearn.pipeline, sklearn.ensemble, scipy.stats{theirs}"
    steps = "; ".join(f"import skqmu.{room}; print('{room}', *new())" for room in rooms)
    loaded = run_python(
        f"import sys; {theirs}\n"
        "def new():\n"
        "    global before\n"
        "    added, before = set(sys.modules) - before, set(sys.modules)\n"
        "    return sorted({name.split('.')[0] for name in added})\n"
        f"before = set(sys.modules)\n{steps}"
    )
    assert len(loaded.splitlines()) == len(rooms)
    for line in loaded.splitlines():
        room, *packages = line.split()
        assert not set(packages) & HEAVY, room
        assert room in LEARNING or "qiskit" not in packages, room


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_heavy_packages_are_imported_inside_functions(path):
    top = {name.split(".")[0] for name, at_top in imports_of(path) if at_top}
    assert not top & HEAVY
    if path.relative_to(PACKAGE).parts[0] not in ("circuits", "backends"):
        assert "qiskit" not in top


@pytest.mark.parametrize("tower", [LEARNING, AUDIT], ids=["learning", "audit"])
def test_rooms_import_only_from_earlier_rooms_of_their_own_tower(tower):
    for position, room in enumerate(tower):
        allowed = {*tower[: position + 1], *GROUND}
        for path in room_files(room):
            foreign = [name for name in rooms_used(path) if not within(name, allowed)]
            assert not foreign, f"{path} imports {foreign}"


def test_the_ledger_imports_the_ground_alone():
    for path in room_files(LEDGER):
        foreign = [name for name in rooms_used(path) if not within(name, (LEDGER, *GROUND))]
        assert not foreign, f"{path} imports {foreign}"


@pytest.mark.parametrize("part", GROUND)
def test_the_ground_imports_no_tower(part):
    for path in room_files(part.replace(".", "/")):
        foreign = [name for name in rooms_used(path) if not within(name, GROUND)]
        assert not foreign, f"{path} imports {foreign}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_no_room_imports_a_private_module_of_another_room(path):
    # what a later room needs stands in a room's __init__, or in its one public module
    # beside it (circuits.lowering, metrics.signals, attacks.tools); the ground is the package's
    # own _modules
    own = (path.relative_to(PACKAGE).parts[0], "_cli", *GROUND)
    private = [name for name in rooms_used(path) if any(p[:1] == "_" for p in name.split("."))]
    foreign = [name for name in private if not within(name, own)]
    assert not foreign, f"{path} imports {foreign}"


def test_every_exported_name_resolves_and_is_listed():
    for name in skqmu.__all__:
        assert getattr(skqmu, name) is not None
        assert name in dir(skqmu)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="QNNClasifier"):
        skqmu.QNNClasifier  # noqa: B018


# --- what every public name promises ----------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is_and_lists_what_it_exports(room):
    module = importlib.import_module(f"skqmu.{room}")
    assert module.__doc__
    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


@pytest.mark.parametrize("obj", public_objects(MACHINE_ROOM))
def test_every_object_of_the_machine_room_has_a_docstring(obj):
    assert inspect.getdoc(obj)


@pytest.mark.parametrize("obj", public_objects(set(ROOMS) - set(MACHINE_ROOM)))
def test_public_docstring_is_complete(obj):
    doc = inspect.getdoc(obj)
    assert doc
    if not callable(obj) or is_exception(obj):
        return
    assert re.search(r"^Examples\n-{8}$", doc, re.M), "no section Examples"
    assert ">>> " in doc, "no example that runs"
    expected = {name for name in inspect.signature(obj).parameters if name != "self"}
    documented = documented_parameters(doc)
    assert documented == expected, "the section Parameters and the signature differ"


@pytest.mark.parametrize("obj", [p for p in public_objects() if inspect.isclass(p.values[0])])
def test_public_methods_have_docstrings(obj):
    for name, member in inspect.getmembers(obj, callable):
        own = getattr(member, "__module__", "") or ""
        if not name.startswith("_") and own.startswith("skqmu"):
            assert inspect.getdoc(member), f"{obj.__name__}.{name} has no docstring"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_every_module_says_its_one_idea(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


# --- the repository ---------------------------------------------------------------------


def test_the_lower_bounds_are_the_versions_that_were_tested():
    setup = (REPOSITORY / "setup.cfg").read_text(encoding="utf-8")
    tested = (REPOSITORY / ".ci" / "lower-bounds.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([\d.]+)$", tested, re.M))
    section = re.search(r"install_requires =\n((?: +.*\n)+)", setup).group(1)
    section += re.search(r"^test =\n((?: +.*\n)+)", setup, re.M).group(1)
    for name, low in re.findall(r"^ +([\w-]+) >= ([\d.]+)$", section, re.M):
        tested_release = pins[name].split(".")
        assert tested_release[: low.count(".") + 1] == low.split("."), name
        assert set(tested_release[low.count(".") + 1 :]) <= {"0"}, name
    # ruff and mypy are no dependencies: one version each, for each sees a little else
    assert len(section.splitlines()) == len(re.findall(r">=", section)) + 2


def test_show_versions_prints_every_dependency_and_imports_none(capsys):
    skqmu.show_versions()
    out = capsys.readouterr().out
    setup = (REPOSITORY / "setup.cfg").read_text(encoding="utf-8")
    required = re.search(r"install_requires =\n((?: +.*\n)+)", setup).group(1)
    for line in required.splitlines():
        name = line.split(">=")[0].strip()
        assert re.search(rf"^ +{re.escape(name)}: \d", out, re.M), name
    heavy = run_python(
        "import sys; from skqmu import show_versions; show_versions();"
        "print('LOADED', *sorted(m for m in sys.modules if '.' not in m))"
    ).split("LOADED")[1]
    assert not set(heavy.split()) & {*HEAVY, "qiskit"}


def test_importing_every_room_warns_of_nothing():
    code = "import warnings; warnings.simplefilter('error');" + ";".join(
        f"import skqmu.{room}" for room in ROOMS
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_python(code)
