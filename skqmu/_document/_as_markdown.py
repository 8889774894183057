"""A document as Markdown that GitHub, skops and pandoc read alike; pictures become captions."""

import re

from .._text import one_line
from ._parts_of_page import Cell, Code, Key, Strong

__all__ = ["as_markdown", "markdown_blocks"]

# What begins markup in Markdown or HTML; the rest of punctuation is only text within a line.
_ACTS = re.compile(r"([\\`*_{}\[\]<>()#|~$&!@:])")
# At the beginning of a line these begin a list, a heading or a rule.
_STARTS = re.compile(r"^(\s*)([-+=]|\d+[.)])")


def as_markdown(document):
    """The Markdown text of a document.

    Parameters
    ----------
    document : Document

    Returns
    -------
    str
    """
    parts = [f"# {_text(document.title)}", markdown_blocks(document.blocks, 2)]
    if document.footer:
        parts += ["---", markdown_blocks(document.footer, 2)]
    return "\n\n".join(parts) + "\n"


def markdown_blocks(blocks, level):
    """The Markdown of some blocks, whose sections have headings of a level.

    Parameters
    ----------
    blocks : iterable of block
    level : int

    Returns
    -------
    str
    """
    return "\n\n".join(_WAYS[block.kind](block, level) for block in blocks)


def _text(value):
    escaped = _ACTS.sub(r"\\\1", one_line(value))
    return _STARTS.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", escaped)


def _code(value):
    # a run of backticks longer than any within begins and ends it
    value = one_line(value)
    ticks = "`" * (1 + max(map(len, re.findall("`+", value)), default=0))
    space = " " if value.startswith("`") or value.endswith("`") else ""
    return f"{ticks}{space}{value}{space}{ticks}" if value else ""


def _part(part):
    if isinstance(part, Code):
        return _code(part)
    if isinstance(part, Key):
        return _text(part.text)
    # a part keeps the spaces that stand between it and its neighbours
    edges = " " * part[:1].isspace(), " " * part[-1:].isspace()
    mark = "**" if isinstance(part, Strong) else ""
    return f"{edges[0]}{mark}{_text(part)}{mark}{edges[1]}" if part.strip() else str(part)


def _line(parts):
    return "".join(map(_part, parts)).strip()


def _paragraph(block, level):
    return _line(block.parts)


def _pairs(block, level):
    return "\n".join(f"- **{_text(name)}**: {_text(value)}" for name, value in block.pairs)


def _cell(cell):
    if not isinstance(cell, Cell):
        return _text(cell)
    return _text(cell.text) + (f" ({_text(cell.small)})" if cell.small else "")


def _table(block, level):
    # text to the left, numbers to the right
    first = "| :-- |" + " --: |" * (len(block.columns) - 1)
    rows = [" | ".join(map(_cell, row.cells)) for row in block.rows]
    head = " | ".join(_cell(column) or " " for column in block.columns)
    lines = [f"| {head} |", first, *(f"| {row} |" for row in rows)]
    caption = [f"*{_text(block.caption)}*", ""] if block.caption else []
    return "\n".join([*caption, *lines])


def _verdicts(block, level):
    return "\n".join(
        f"- **{_text(item.name)}** ({_text(item.tag)}): {_text(item.sentence)}"
        + (f" **{_text(item.beside)}**" if item.beside else "")
        for item in block.items
    )


def _picture(block, level):
    return f"*Picture, on the page: {_line(block.caption)}*"


def _items(block, level):
    marks = (f"{i}." if block.is_numbered else "-" for i in range(1, len(block.items) + 1))
    pairs = zip(marks, block.items, strict=True)
    return "\n".join(f"{mark} {_line(parts)}" for mark, parts in pairs)


def _form(block, level):
    return "\n".join(f"- {_text(name)}: \\_\\_\\_\\_\\_\\_\\_\\_" for name in block.fields)


def _folded(block, level):
    return "\n\n".join([f"**{_text(block.title)}**", markdown_blocks(block.blocks, level)])


def _section(block, level):
    heading = f"{'#' * min(level, 6)} {_text(block.title)}"
    return "\n\n".join(part for part in (heading, markdown_blocks(block.blocks, level + 1)) if part)


_WAYS = {
    "paragraph": _paragraph,
    "facts": _pairs,
    "terms": _pairs,
    "table": _table,
    "verdicts": _verdicts,
    "picture": _picture,
    "items": _items,
    "form": _form,
    "folded": _folded,
    "section": _section,
}
