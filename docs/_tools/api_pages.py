"""Write the pages of the API reference, one for each public name, into docs/api.

Run: python docs/make.py, which calls this. Pages that have not changed are left as they are, so
that Sphinx reads them only once.
"""

import importlib
import inspect
from pathlib import Path

from public_names import GROUPS, ON_ONE_PAGE, full_name, public_names

API = Path(__file__).parents[1] / "api"


def heading(text, sign="="):
    """A heading of reStructuredText."""
    return [text, sign * len(text), ""]


def first_line(module):
    """What a module's docstring says first."""
    return inspect.getdoc(importlib.import_module(full_name(module))).split("\n\n")[0]


def link_to(public):
    """A link that shows the name alone."""
    role = {"class": "class", "exception": "exc", "function": "func", "data": "data"}[public.kind]
    return f":py:{role}:`{public.name} <{public.home}>`"


def cell(text):
    """A text as the content of a cell of a list table."""
    return text or "\\ "


def table(rows):
    """Two columns: names, and what they are."""
    lines = [".. list-table::", "   :widths: 30 70", "   :class: api-names", ""]
    for name, text in rows:
        lines += [f"   * - {name}", f"     - {cell(text)}"]
    return [*lines, ""]


def data_lines(public):
    """A constant: its value where that is a word, its entries where it is a mapping."""
    lines = [f".. py:data:: {public.home}", ""]
    value = public.value
    if isinstance(value, str | float | int):
        lines += [f"   ``{value!r}``", ""]
    elif hasattr(value, "keys"):
        names = ", ".join(f"``{name!r}``" for name in value)
        lines += [f"   By name: {names}.", ""]
    else:
        names = ", ".join(f"``{each!r}``" for each in value)
        lines += [f"   {names}.", ""]
    return lines


def object_page(public):
    """The page of a class, an exception or a function."""
    return [*heading(public.home.removeprefix("skqmu.")), *description(public)]


def description(public):
    """What a docstring says, for a page of its own or as a part of one."""
    lines = []
    foreign = (public.value.__module__ or "").split(".")[0]
    if foreign != "skqmu" and public.kind == "function":
        return [f".. py:function:: {public.home}", "", f"   That of {foreign}, passed on.", ""]
    if public.kind == "function":
        return [*lines, f".. autofunction:: {public.home}", ""]
    directive = "autoexception" if public.kind == "exception" else "autoclass"
    lines += [f".. {directive}:: {public.home}", ""]
    members = public.own_members()
    for kind, title in (("property", "Properties"), ("method", "Methods")):
        named = [name for name, found in members if found == kind]
        if named:
            lines += [f"   .. rubric:: {title}", ""]
            for name in named:
                lines += [f"   .. auto{kind}:: {public.home}.{name}", ""]
    inherited = public.inherited_members()
    if inherited and public.kind == "class":
        names = ", ".join(f"``{name}``" for name in inherited)
        lines += [f"   Inherited: {names}.", ""]
    return lines


def module_page(module, publics):
    """The page of a module: its names in a table, and its constants."""
    lines = heading(full_name(module))
    lines += [f".. py:module:: {full_name(module)}", ""]
    doc = inspect.getdoc(importlib.import_module(full_name(module)))
    lines += [*doc.split("\n\nExamples\n")[0].splitlines(), ""]
    rows = [(link_to(each), each.summary) for each in publics if each.kind != "data"]
    lines += table(sorted(rows, key=lambda row: row[0].lower()))
    own = [each for each in publics if each.has_page]
    if module in ON_ONE_PAGE:
        for each in own:
            lines += description(each)
        own = []
    for each in publics:
        if each.kind == "data" and each.name != "__version__":
            lines += data_lines(each)
    if own:
        lines += [".. toctree::", "   :hidden:", ""]
        lines += [f"   {each.name} <{each.home}>" for each in own]
        lines.append("")
    return lines


def write(name, lines):
    """Write a page if it differs from the one that is there."""
    path, text = API / f"{name}.rst", "\n".join(lines)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def write_pages():
    """Write all pages of the reference, and remove those of names that are gone."""
    API.mkdir(exist_ok=True)
    names = public_names()
    lines = [*heading("API reference"), "Every public name, from the packages themselves.", ""]
    for title, modules in GROUPS.items():
        lines += heading(title, "-")
        lines += table(
            [(f":doc:`{full_name(m)} <{full_name(m)}>`", first_line(m)) for m in modules]
        )
        lines += [".. toctree::", "   :hidden:", ""]
        lines += [f"   {full_name(module)}" for module in modules] + [""]
    written = {write("index", lines)}
    for module, publics in names.items():
        written.add(write(full_name(module), module_page(module, publics)))
        for each in publics:
            if each.has_page and module not in ON_ONE_PAGE:
                written.add(write(each.home, object_page(each)))
    for path in set(API.glob("*.rst")) - written:
        path.unlink()
    return names
