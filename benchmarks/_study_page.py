"""One HTML file that needs nothing else: tables and inline plots of a study."""

import io
from html import escape

__all__ = ["drawn", "heading", "paragraph", "save", "table"]

_STYLE = (
    "body{font:15px/1.45 sans-serif;margin:2em auto;max-width:1300px;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0;font-size:13px}"
    "th,td{border-bottom:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}"
    "th{background:#f2f2f2}svg{max-width:100%;height:auto}"
)


def heading(text, level=2):
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text):
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def table(headers, rows):
    """A table of texts."""

    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(headers, 'th')}</thead><tbody>{body}</tbody></table>"


def drawn(figure):
    """A matplotlib figure as inline SVG."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    # A fixed salt and no date: the same figures give the same file.
    with rc_context({"svg.hashsalt": "study"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return "<svg" + buffer.getvalue().partition("<svg")[2]


def save(path, title, parts):
    """Write the page; returns its path."""
    text = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}"
        f"</title><style>{_STYLE}</style></head><body>{heading(title, 1)}"
        + "\n".join(parts)
        + "</body></html>\n"
    )
    path.write_text(text, encoding="utf-8")
    return path
