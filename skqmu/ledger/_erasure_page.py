"""An erasure record as Markdown, and as one self-contained page.

Data become markup in the template alone, whose engine escapes whatever it is given; the page's
policy lets nothing run and nothing be loaded, should that have failed.
"""

from importlib import resources

from .._text import one_line, printable_values

__all__ = ["as_html", "as_markdown"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# What would begin something else in Markdown, or HTML in it.
_MARKED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~$&"})


def as_html(data: dict) -> str:
    """Return the HTML text of a record's data."""
    return _rendered("erasure.html.j2", data, escapes=True)


def as_markdown(data: dict) -> str:
    """Return the Markdown text of a record's data."""
    return _rendered("erasure.md.j2", data, escapes=False)


def _rendered(name, data, *, escapes):
    import jinja2

    folder = resources.files("skqmu.ledger") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=escapes,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        time=lambda text: "–" if text is None else text.replace("T", " ").replace("Z", " UTC"),
        settings=_settings,
        short=lambda digest: digest[:16],
        md=lambda value: one_line(value).translate(_MARKED),
    )
    data = printable_values(data)
    return environment.get_template(name).render(
        data=data,
        policy=_POLICY,
        title=_title(data),
        methods=list(enumerate(data["methods"].items(), start=1)),
        place={tag: i for i, tag in enumerate(data["methods"], start=1)},
    )


def _title(data):
    if data["period"] is None:
        return f"Erasure record of request {data['requests'][0]['request']}"
    return "Erasure record"


def _settings(value):
    """Settings on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_settings(own)}" for name, own in value.items()) or "defaults"
    if isinstance(value, list):
        return f"[{', '.join(map(_settings, value))}]"
    return str(value)
