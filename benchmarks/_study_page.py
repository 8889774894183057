"""One HTML file that needs nothing else: tables and inline plots of a study.

Parts of a page are `Markup`, and data go into markup by `Markup.format` alone, which escapes
them: what is not markup yet cannot become it.
"""

import io

from markupsafe import Markup

__all__ = ["drawn", "heading", "paragraph", "save", "table"]

_STYLE = Markup(
    "body{font:15px/1.45 sans-serif;margin:2em auto;max-width:1300px;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0;font-size:13px}"
    "th,td{border-bottom:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}"
    "th{background:#f2f2f2}svg{max-width:100%;height:auto}"
)
# nothing runs and nothing is loaded, whatever the results hold; plots bring style attributes
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PAGE = Markup(
    "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    "<meta http-equiv='Content-Security-Policy' content=\"{policy}\">"
    "<title>{title}</title><style>{style}</style></head><body>{body}</body></html>\n"
)


def heading(text, level=2):
    """A heading."""
    return Markup("<h{level}>{text}</h{level}>").format(level=int(level), text=text)


def paragraph(text):
    """A paragraph of plain text."""
    return Markup("<p>{}</p>").format(text)


def table(headers, rows):
    """A table of texts."""

    def line(cells, cell):
        return Markup("<tr>{}</tr>").format(Markup().join(map(cell.format, cells)))

    body = Markup().join(line(row, Markup("<td>{}</td>")) for row in rows)
    return Markup("<table><thead>{}</thead><tbody>{}</tbody></table>").format(
        line(headers, Markup("<th>{}</th>")), body
    )


def drawn(figure):
    """A matplotlib figure as inline SVG, which matplotlib has escaped."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    # A fixed salt and no date: the same figures give the same file.
    with rc_context({"svg.hashsalt": "study"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return Markup("<svg" + buffer.getvalue().partition("<svg")[2])


def save(path, title, parts):
    """Write the page; returns its path."""
    body = heading(title, 1) + Markup("\n").join(parts)
    text = _PAGE.format(policy=_POLICY, title=title, style=_STYLE, body=body)
    path.write_text(text, encoding="utf-8")
    return path
