"""A Sphinx extension: pages that are written for a code host become pages of the site.

Links between Markdown files of the repository work as they are where both files are pages. This
mends the others: files outside docs/, roles of reStructuredText in generated Markdown, and names
that are known by a shorter path (``skqmu.QNNClassifier``) than that of their page.
"""

import re
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parents[1]
# files outside docs/ that are pages of the site
PAGES = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "../README.md": "index.md",
}
NAME = re.compile(r"[A-Za-z_][\w.]*[A-Z_.][\w.]*")  # not "retrain" or "audit", which are words
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def as_page(app, docname, source):
    """Rewrite what only a code host understands."""
    if app.env.doc2path(docname, base=False).suffix == ".md":
        if docname == "guide":
            source[0] = with_new_pages(source[0])
        text = LINK.sub(lambda m: m[1] + PAGES.get(m[2], m[2]) + m[3], source[0])
        source[0] = re.sub(r"(?<!`):(class|func|meth|mod|attr):(`[^`]+`)", r"{py:\1}\2", text)


TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.S)


def with_new_pages(guide):
    """The guide with pages at its end that no table of contents lists yet."""
    listed = {"index"}
    for path in DOCS.glob("*.md"):
        for toctree in TOCTREE.findall(path.read_text(encoding="utf-8")):
            listed.update(toctree.split())
    new = sorted({path.stem for path in DOCS.glob("*.md")} - listed)
    return guide.rstrip().removesuffix("```") + "".join(f"{name}\n" for name in new) + "```\n"


def by_shorter_path(app, env, node, contnode):
    """Find the page of a name that is exported at several places."""
    if node.get("refdomain") != "py":
        return None
    target = node.get("reftarget", "")
    home = home_of(target, node.get("py:module"))
    if home is None or home == target:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], home, node, contnode
    )


@cache
def known_names():
    """Every full name of an export, and that under which its page is."""
    from public_names import full_name, public_names

    return {
        f"{full_name(each.module)}.{each.name}": each.home
        for publics in public_names().values()
        for each in publics
    }


def home_of(target, module):
    """The full name under which a name has its page, or None."""
    known = known_names()
    for name in (target, f"skqmu.{target}", f"{module}.{target}"):
        if name in known:
            return known[name]
        head, _, member = name.rpartition(".")
        if head in known:
            return f"{known[head]}.{member}"
    # a name alone, where one page only has it
    pages = {home for name, home in known.items() if name.endswith(f".{target}")}
    return pages.pop() if len(pages) == 1 else None


def link_names(app, doctree, docname):
    """Make links of names in Markdown: classes, functions, mechanisms by their word."""
    if app.env.doc2path(docname, base=False).suffix != ".md":
        return
    from docutils import nodes  # not at the top: tests read this file without the extra docs

    objects = app.env.get_domain("py").objects
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext()
        home = words().get(name) or (home_of(name, None) if NAME.fullmatch(name) else None)
        if home in objects and not isinstance(literal.parent, nodes.reference | nodes.title):
            found = objects[home]
            link = nodes.reference("", "", internal=True, classes=["api-name"])
            link["refuri"] = app.builder.get_relative_uri(docname, found.docname)
            link["refuri"] += f"#{found.node_id}"
            literal.replace_self(link)
            link.append(literal)


@cache
def words():
    """Mechanisms by the words that stand for them."""
    from skqmu.unlearning import STRATEGIES

    return {word: f"skqmu.unlearning.{each.__name__}" for word, each in STRATEGIES.items()}


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", as_page)
    app.connect("missing-reference", by_shorter_path)
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
