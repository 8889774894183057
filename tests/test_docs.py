"""The pages are true: their code runs as printed, links lead somewhere, no name is left out.

This file looks inside.
"""

import ast
import re
import shlex
import sys
import warnings
from pathlib import Path

import pytest

from skqmu._cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(python|bash)\n(.*?)^```", re.M | re.S)
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
}
# pages whose Python another test runs, and which: they ask more of it than that it runs
ELSEWHERE = {
    "README.md": "test_readme.py::test_the_example_runs_as_printed",
    "CONTRIBUTING.md": "test_recipes.py::recipe",
    "docs/extending.md": "utils/test_backend_checks.py::test_the_backend_of_the_docs_keeps_it",
}
# pages whose commands take minutes: a dry run reads all they say, and trains nothing
DRY = ["docs/corrupt.md", "docs/sequences.md"]
# pages whose commands are about a file of the reader's
OF_READERS = ["docs/tutorial.md"]
ON_PAGES = [page for page, text in PAGES.items() if "```python" in text and page not in ELSEWHERE]


def commands_of(code):
    """Words of each `python -m skqmu` command of a shell block."""
    lines = code.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [found[3:] for found in words if found[:3] == ["python", "-m", "skqmu"]]


def run_commands(page, code):
    for words in commands_of(code):
        if page in DRY:
            words.append("--dry-run")
        elif words[0] in ("attack", "audit"):
            words += ["--n-jobs", "1"]  # starts no processes, and changes no number
        assert main(words) == 0, words


@pytest.mark.parametrize("page", ON_PAGES)
def test_a_page_runs_as_printed(page, tmp_path, monkeypatch, capsys):
    """Its blocks are one script, from the first to the last; what it warns of, it shows."""
    if "import torch" in PAGES[page]:  # not in the extra `test`
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # few rows and epochs are enough to read
        for language, code in FENCE.findall(PAGES[page]):
            if language == "python":
                exec(compile(code, page, "exec"), names)
            elif page not in OF_READERS:
                run_commands(page, code)
    printed = capsys.readouterr().out.splitlines()
    assert printed
    # "# 0.97" behind a print is what it prints
    promise = r"^print\(.*\)  # ((?:True|False|[\d.,() -])+)$"
    for promised in re.findall(promise, PAGES[page], re.M):
        assert promised in printed


def test_no_python_is_written_in_a_way_that_is_not_run():
    for page, text in PAGES.items():
        opened = re.findall(r"^.*(?:```|~~~|\{code).*\bi?py.*$", text, re.M)
        assert opened == ["```python"] * len(opened), page
        assert len(opened) == sum(language == "python" for language, _ in FENCE.findall(text))


@pytest.mark.parametrize("page", ELSEWHERE)
def test_a_page_that_is_run_elsewhere_is_run_there(page):
    assert "```python" in PAGES[page]
    file, name = ELSEWHERE[page].split("::")
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    runs = functions[name]
    calls = [ast.unparse(node) for node in ast.walk(runs) if isinstance(node, ast.Call)]
    assert f"python_of('{page}')" in calls
    assert any(call.startswith(("exec(", "subprocess.run(")) for call in calls)
    # by a test of the gate, or by a fixture that one asks for
    tests = [
        node
        for node in functions.values()
        if node.name.startswith("test_")
        and not any("mark" in ast.unparse(each) for each in node.decorator_list)
    ]
    asked = {argument.arg for node in tests for argument in node.args.args}
    assert runs in tests or name in asked


def test_pages_whose_commands_are_not_run_as_printed_have_some():
    for page in [*DRY, *OF_READERS]:
        shell = [code for language, code in FENCE.findall(PAGES[page]) if language == "bash"]
        assert any(commands_of(code) for code in shell), page


def test_the_pitfalls_are_the_thirteen():
    text = (DOCS / "pitfalls.md").read_text("utf-8")
    assert re.findall(r"^## (\d+)\. ", text, re.M) == [str(i) for i in range(1, 14)]
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        assert "wrong" in section, section[:40]
        assert "right" in section, section[:40]


def test_tables_of_contents_name_pages_and_new_pages_find_a_place(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(DOCS / "_tools"))
    import site_links

    pages = {path.stem for path in DOCS.glob("*.md")}
    for path in DOCS.glob("*.md"):
        for toctree in site_links.TOCTREE.findall(path.read_text("utf-8")):
            names = set(re.findall(r"^(\w+)$", toctree, re.M))
            assert names <= pages, path.name
    for name in ("guide", "one_more"):
        (tmp_path / f"{name}.md").write_text("```{toctree}\nguide\n```\n")
    monkeypatch.setattr(site_links, "DOCS", tmp_path)
    guide = (tmp_path / "guide.md").read_text()
    assert site_links.with_new_pages(guide) == "```{toctree}\nguide\none_more\n```\n"
    sys.modules.pop("site_links")


def test_links_of_pages_lead_to_headings_that_are_there():
    for path in DOCS.glob("*.md"):
        for file, anchor in re.findall(r"\]\((\w+\.md)?#([\w-]+)\)", path.read_text("utf-8")):
            text = (DOCS / file if file else path).read_text("utf-8")
            headings = re.findall(r"^#+ (.*)$", text, re.M)
            anchors = {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor in anchors, f"{path.name}: #{anchor}"


def test_the_reference_has_a_page_or_a_place_for_every_public_name(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_tools"))
    from public_names import GROUPS, public_names

    from skqmu._registry import exported

    listed = [module for group in GROUPS.values() for module in group]
    assert len(listed) == len(set(listed))
    found = public_names()
    for module in listed:
        full = module if module == "skqmu" else f"skqmu.{module}"
        assert {each.name for each in found[module]} == set(exported(full, lambda value: True))
    homes = {each.home for publics in found.values() for each in publics}
    for publics in found.values():
        for each in publics:
            assert each.home in homes
            assert each.kind == "data" or each.summary, each.home
    sys.modules.pop("public_names")


def test_every_public_module_is_in_the_reference(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_tools"))
    from public_names import GROUPS

    package = ROOT / "skqmu"
    rooms = {path.parent.name for path in package.glob("[a-z]*/__init__.py")}
    modules = {".".join(path.relative_to(package).with_suffix("").parts)
               for path in package.glob("[a-z]*/[a-z]*.py")}  # fmt: skip
    rooms |= {path.stem for path in package.glob("[a-z]*.py")} | modules
    missing = rooms - {module for group in GROUPS.values() for module in group}
    assert not missing
    sys.modules.pop("public_names")
