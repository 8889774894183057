"""What a report is made of. Every text in it is shown letter by letter."""

from dataclasses import dataclass, field

__all__ = [
    "Cell",
    "Code",
    "Document",
    "Facts",
    "Folded",
    "Form",
    "Items",
    "Key",
    "Paragraph",
    "Picture",
    "Row",
    "Section",
    "Strong",
    "Table",
    "Terms",
    "Verdict",
    "Verdicts",
]


# ------------------------------------------------------------------------------ parts of a line


class Strong(str):
    """A part of a paragraph that stands out."""

    __slots__ = ()


class Code(str):
    """A part of a paragraph, or a cell, that is code."""

    __slots__ = ()


@dataclass(frozen=True)
class Key:
    """A name beside the mark and colour that a picture gives it; `mark` is drawn as text."""

    text: str
    tone: str
    mark: str = "■"


# -------------------------------------------------------------------------------------- blocks


@dataclass(frozen=True)
class Paragraph:
    """A line of parts: texts, :class:`Strong`, :class:`Code`, :class:`Key`."""

    parts: tuple
    tone: str = ""
    kind: str = "paragraph"


@dataclass(frozen=True)
class Facts:
    """Short names and values, side by side."""

    pairs: tuple
    kind: str = "facts"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: a text, a smaller one below it, a class, or a link within the page."""

    text: str
    small: str = ""
    tone: str = ""
    anchor: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Row:
    """Cells of a table; ``tone="oracles"`` sets it back."""

    cells: tuple
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """Columns (a text or a `Cell` each) and rows; the first column names the rows."""

    caption: str
    columns: tuple
    rows: tuple
    tone: str = ""
    kind: str = "table"


@dataclass(frozen=True)
class Verdict:
    """One verdict in a list of them."""

    name: str
    level: str
    tag: str
    sentence: str
    beside: str = ""


@dataclass(frozen=True)
class Verdicts:
    """Verdicts below each other."""

    items: tuple
    kind: str = "verdicts"


@dataclass(frozen=True)
class Picture:
    """An SVG element as trusted markup, with a caption in parts."""

    svg: str
    caption: tuple
    kind: str = "picture"


@dataclass(frozen=True)
class Items:
    """A list; each item is a tuple of parts."""

    items: tuple
    is_numbered: bool = False
    kind: str = "items"


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    pairs: tuple
    kind: str = "terms"


@dataclass(frozen=True)
class Form:
    """Lines to be filled in by hand."""

    fields: tuple
    kind: str = "form"


@dataclass(frozen=True)
class Folded:
    """What a reader may fold away; it is open at first, and in print."""

    title: str
    blocks: tuple
    kind: str = "folded"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, sections too."""

    title: str
    blocks: tuple
    anchor: str = ""
    starts_page: bool = False
    tone: str = ""
    kind: str = "section"


@dataclass(frozen=True)
class Document:
    """A whole report.

    Parameters
    ----------
    title : str
    blocks : tuple
        What stands above the sections, and the sections.
    footer : tuple of Paragraph
    generator : str
        What wrote it.
    """

    title: str
    blocks: tuple
    footer: tuple = field(default=())
    generator: str = "skqmu"
