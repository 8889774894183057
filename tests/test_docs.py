"""The pages are true: their code runs as printed, links lead somewhere, no name is left out.

This file looks inside.
"""

import re
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# pages whose Python blocks are one script, from the first to the last
SCRIPTS = [
    "attacks",
    "audits",
    "choosing",
    "encodings",
    "first_hour",
    "pitfalls",
    "searches",
    "tutorial",
]


def blocks_of(name):
    """The Python of a page."""
    return "\n".join(
        re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text("utf-8"), re.S)
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_page_runs_as_printed(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        # what a page warns of, it shows: few rows and epochs are enough to read
        warnings.simplefilter("default")
        exec(compile(blocks_of(name), f"{name}.md", "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    assert printed
    # "# 0.97" behind a print is what it prints
    for promised in re.findall(r"^print\(.*\)  # ([\d. ]+)$", blocks_of(name), re.M):
        assert promised in printed


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
