"""A document as one self-contained page, which runs nothing and loads nothing.

Data become markup in two places only, and both escape: the template, whose engine escapes
whatever it is given, and the tree of an SVG picture, which is written by an XML library. The
page's policy lets nothing run and nothing be loaded, should both have failed.
"""

from functools import lru_cache
from importlib import resources

from ._parts_of_page import Code, Key, Strong

__all__ = ["as_embedded_page", "as_page"]

# Pictures and the template set colours by style attributes, which no data reach.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)  # fmt: skip


def as_page(document):
    """The HTML text of a document.

    Parameters
    ----------
    document : Document

    Returns
    -------
    str
    """
    from markupsafe import Markup

    return _template().render(
        document=document,
        policy=_POLICY,
        # the package's own file: the one text that is markup without having been escaped
        style=Markup(_file("page.css")),
    )


def as_embedded_page(document, height=640):
    """The page within a notebook's, whose styles do not meet.

    Parameters
    ----------
    document : Document
    height : int, default=640
        In pixels.

    Returns
    -------
    str
        A frame without rights, which holds the whole page.
    """
    from markupsafe import escape

    return (
        f'<iframe sandbox title="{escape(document.title)}" srcdoc="{escape(as_page(document))}" '
        f'style="width: 100%; height: {height}px; border: 1px solid #8888; border-radius: 6px">'
        "</iframe>"
    )


@lru_cache(maxsize=1)
def _template():
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.tests.update(
        strong=lambda part: isinstance(part, Strong),
        code=lambda part: isinstance(part, Code),
        key=lambda part: isinstance(part, Key),
    )
    return environment.get_template("page.html.j2")


def _file(name):
    folder = resources.files("skqmu._document") / "templates"
    return (folder / name).read_text(encoding="utf-8")
