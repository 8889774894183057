"""Every public name says what it takes, what it raises, where it comes from, by an example."""

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import is_dataclass
from functools import cached_property
from pathlib import Path

import pytest

from skqmu.attacks import all_attacks
from skqmu.unlearning import STRATEGIES

TOOLS = Path(__file__).parents[1] / "docs" / "_tools"
sys.path.insert(0, str(TOOLS))
from public_names import public_names  # noqa: E402

sys.path.remove(str(TOOLS))


def sections(doc):
    return set(re.findall(r"^([A-Z][\w ]+)\n-{3,}$", doc or "", re.M))


def parameters_of(doc, title="Parameters"):
    pattern = rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}$|\Z)"
    section = re.search(pattern, doc or "", re.S | re.M)
    names = set()
    for line in (section.group(1) if section else "").splitlines():
        if line and not line[0].isspace():
            names.update(part.strip().lstrip("*") for part in line.split(" : ")[0].split(","))
    return names


def raises(function):
    """Whether a function itself raises: not what it calls, nor what stands within it."""

    def within(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
                continue
            told = isinstance(child, ast.Raise) and child.exc is not None
            if (told and "NotImplementedError" not in ast.unparse(child)) or within(child):
                return True
        return False

    return within(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0])


def ours(kinds):
    """Public objects of skqmu's own, each once, of some kinds: (module, object)."""
    seen, found = set(), []
    for module, publics in public_names().items():
        for each in publics:
            value = each.value
            own = (getattr(value, "__module__", "") or "").startswith("skqmu")
            if each.kind in kinds and own and id(value) not in seen and not inspect.ismodule(value):
                seen.add(id(value))
                found.append(pytest.param(module, value, id=each.home))
    return found


@pytest.mark.parametrize(("module", "value"), ours({"class", "function"}))
def test_all_parameters_are_described(module, value):
    expected = {name for name in inspect.signature(value).parameters if name != "self"}
    doc = inspect.getdoc(value)
    if is_dataclass(value) and "Parameters" not in sections(doc):
        # what holds data describes its attributes, which are what it is made of
        assert expected <= parameters_of(doc, "Attributes")
    else:
        assert parameters_of(doc) == expected
    assert "Examples" in sections(doc)
    assert ">>> " in doc


@pytest.mark.parametrize(("module", "value"), ours({"class", "function"}))
def test_states_are_written_as_code(module, value):
    # |0> by itself begins a substitution of reStructuredText: the site would not build
    assert not re.search(
        r"(?<!`)\|[01.]+>", re.sub(r"``.*?``", "", inspect.getdoc(value), flags=re.S)
    )


@pytest.mark.parametrize(("module", "value"), ours({"function"}))
def test_functions_say_what_they_raise(module, value):
    if raises(inspect.unwrap(value)):
        assert sections(inspect.getdoc(value)) & {"Raises"}


@pytest.mark.parametrize(("module", "value"), ours({"class"}))
def test_classes_say_what_their_making_raises(module, value):
    makers = [vars(value).get(name) for name in ("__init__", "__post_init__")]
    # a dataclass's own __init__ has no source, and raises nothing
    own = [maker for maker in makers if maker and maker.__code__.co_filename.endswith(".py")]
    if any(map(raises, own)):
        assert "Raises" in sections(inspect.getdoc(value))


@pytest.mark.parametrize(("module", "value"), ours({"class"}))
def test_methods_say_what_they_take_and_raise(module, value):
    for name, member in inspect.getmembers_static(value):
        if name.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            assert inspect.getdoc(member), f"{value.__name__}.{name}"
        function = getattr(member, "__func__", member)
        if not inspect.isfunction(inspect.unwrap(function)):
            continue
        if not (function.__module__ or "").startswith("skqmu"):
            continue
        doc = inspect.getdoc(getattr(value, name))
        assert doc, f"{value.__name__}.{name}"
        own = inspect.signature(inspect.unwrap(function)).parameters
        taken = {n for n in own if n not in ("self", "cls")}
        assert taken <= parameters_of(doc), f"{value.__name__}.{name}"
        if raises(inspect.unwrap(function)):
            assert "Raises" in sections(doc), f"{value.__name__}.{name}"


def test_published_methods_name_their_source():
    for name, strategy in STRATEGIES.items():
        assert strategy.source, name
    year = re.compile(r"\b(19|20)\d\d\b|arXiv")
    own = {"UpdateAttack", "UpstreamAttack"}  # ours: their docstrings derive what they do
    silent = {name for name, attack in all_attacks() if not year.search(inspect.getdoc(attack))}
    assert silent <= own
