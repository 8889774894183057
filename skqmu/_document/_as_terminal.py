"""A document in a terminal. Everything in it is a `Text`: rich reads markup in a plain string."""

import io

from .._text import printable
from ._parts_of_page import Cell, Strong

__all__ = ["VERDICT_STYLES", "as_terminal", "renderable_document"]

_NARROWEST = 60
#: how a terminal shows each level of a verdict
VERDICT_STYLES = {
    "differs": "bold red",
    "failed": "bold red",
    "indistinguishable": "bold green",
    "unresolved": "yellow",
    "none": "yellow",
}


def as_terminal(shown, width=None):
    """The plain text of what rich can print.

    Parameters
    ----------
    shown : renderable
    width : int or None, default=None
        Columns, at least 60; None: the terminal's.

    Returns
    -------
    str
    """
    from rich.console import Console

    stream = io.StringIO()
    width = width or Console(file=stream).width
    console = Console(file=stream, width=max(_NARROWEST, width), color_system=None)
    console.print(shown)
    return stream.getvalue()


def renderable_document(document):
    """A document as something that rich can print.

    Parameters
    ----------
    document : Document
    """
    from rich.console import Group
    from rich.text import Text

    title = Text(printable(document.title), style="bold")
    return Group(title, *_shown(document.blocks))


def _shown(blocks):
    from rich.text import Text

    for block in blocks:
        if block.kind in ("section", "folded"):
            yield Text(f"\n{printable(block.title)}", style="bold")
            yield from _shown(block.blocks)
        else:
            yield from _WAYS[block.kind](block)


def _line(parts, prefix=""):
    from rich.text import Text

    line = Text(prefix)
    for part in parts:
        text = printable(part if isinstance(part, str) else part.text)
        line.append(text, style="bold" if isinstance(part, Strong) else None)
    return line


def _paragraph(block):
    line = _line(block.parts)
    if block.tone == "note":
        line.stylize("dim")
    yield line


def _pairs(block):
    for name, value in block.pairs:
        yield _line((Strong(name), f": {value}"))


def _items(block):
    for i, parts in enumerate(block.items, start=1):
        yield _line(parts, f"{i}. " if block.is_numbered else "- ")


def _verdicts(block):
    for item in block.items:
        yield _line((Strong(f"{item.name}: "), f"{item.tag}. {item.sentence} {item.beside}"))


def _nothing(block):
    return ()


def _table(block):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(printable(block.caption)),
        title_justify="left",
        title_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for i, column in enumerate(block.columns):
        is_text = i == 0 or (isinstance(column, Cell) and column.is_text)
        table.add_column(_cell(column), justify="left" if is_text else "right", overflow="fold")
    for row in block.rows:
        table.add_row(*map(_cell, row.cells), style="dim" if row.tone == "oracles" else None)
    yield table


def _cell(cell):
    from rich.text import Text

    if not isinstance(cell, Cell):
        return Text(printable(str(cell)))
    text = Text(printable(cell.text), style=VERDICT_STYLES.get(cell.tone, ""))
    if cell.small:
        text.append(f"\n{printable(cell.small)}", style="dim")
    return text


_WAYS = {
    "paragraph": _paragraph,
    "facts": _pairs,
    "terms": _pairs,
    "table": _table,
    "verdicts": _verdicts,
    "picture": _nothing,
    "items": _items,
    "form": _nothing,
}
