"""Reports as documents: what is said, apart from whether a page or Markdown shows it.

Whoever has found something builds a :class:`Document` of sections, tables and pictures; all that
is shown of it is text and never markup, whoever wrote it.
"""

from ._as_markdown import as_markdown, markdown_blocks
from ._as_page import as_embedded_page, as_page
from ._as_terminal import VERDICT_STYLES, as_terminal
from ._data_report import DataReport
from ._finding_report import FindingReport, estimate_words, threat_section
from ._parts_of_page import (
    Cell,
    Code,
    Document,
    Facts,
    Folded,
    Form,
    Items,
    Key,
    Paragraph,
    Picture,
    Row,
    Section,
    Strong,
    Table,
    Terms,
    Verdict,
    Verdicts,
)

__all__ = [
    "VERDICT_STYLES",
    "Cell",
    "Code",
    "DataReport",
    "Document",
    "Facts",
    "FindingReport",
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
    "as_embedded_page",
    "as_markdown",
    "as_page",
    "as_terminal",
    "estimate_words",
    "markdown_blocks",
    "threat_section",
]
