"""Reports of one finding: an attack, a search, a curve. Smaller than an audit's."""

import json
from datetime import UTC, datetime

from .._identity import recorded
from .._shape import anything, maybe, named, one_of, record, text, varies
from .._text import printable_values
from .._versions import environment, installed_versions
from ._data_report import DataReport
from ._parts_of_page import Code, Document, Folded, Form, Items, Paragraph, Section, Terms

__all__ = ["FindingReport", "estimate_words", "threat_section"]

_ENVIRONMENT = record(dict.fromkeys(("python", "implementation", "system", "machine"), text))
_LONGEST = 2000
_REVIEW = ("Name and role", "Date", "Signature")


class FindingReport(DataReport):
    """A report of the parts ``finding``, ``settings``, ``environment`` and ``versions``.

    Class attributes of a kind of report:

    ``schema``, name and version of its format; ``finding``, the shape of what was found;
    ``title``; ``cannot_show``, ``glossary`` and ``references``, texts.

    Parameters
    ----------
    data : dict
    """

    schema = ""
    finding = anything
    title = ""
    cannot_show: tuple = ()
    glossary: tuple = ()
    references: tuple = ()

    @classmethod
    def of(cls, finding, title, **made_by):
        """Return the report of a finding, with what it was made by and in.

        Parameters
        ----------
        finding : dict
        title : str or None
        **made_by : object
            By name; all settings of each are recorded. None: not known.
        """
        return cls(
            {
                "schema": cls.schema,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "title": title,
                "finding": finding,
                "settings": {
                    name: recorded(made) for name, made in made_by.items() if made is not None
                },
                "environment": environment(),
                "versions": installed_versions(),
            }
        )

    @classmethod
    def _shape(cls):
        return record(
            {
                "schema": one_of(cls.schema),
                "created": varies("time", text),
                "title": maybe(text),
                "finding": cls.finding,
                "settings": named(anything),
                "environment": _ENVIRONMENT,
                "versions": named(text),
            },
            closed=True,
        )

    @classmethod
    def json_schema(cls):
        """Return the format as JSON Schema (draft 2020-12).

        Returns
        -------
        dict
        """
        return cls._shape().as_json_schema(cls.schema)

    @classmethod
    def _check(cls, data):
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        if found != cls.schema:
            raise ValueError(
                f"this is no report of the format {cls.schema!r} (found {found!r:.80}); read it "
                "with the version of skqmu that wrote it."
            )
        cls._shape()(data, "report")

    def _in_short(self):
        data = printable_values(self.data)
        blocks = (*self._found(data["finding"], pictures=False), self._limits())
        return Document(self._title(data), blocks)

    def _title(self, data):
        return f"{self.title}: {data['title']}" if data["title"] else self.title

    def _limits(self):
        return Section("What this cannot show", (Items(tuple((t,) for t in self.cannot_show)),))

    def _as_document(self, pictures=True):
        data = printable_values(self.data)
        blocks = [
            *self._found(data["finding"], pictures),
            self._limits(),
            Section("Reviewed by", (Form(_REVIEW),), tone="together"),
            Section("Settings and environment", tuple(_settings(data)), "settings"),
        ]
        if self.references:
            items = Items(tuple((each,) for each in self.references), is_numbered=True)
            blocks.append(Section("References", (items,), "references"))
        if self.glossary:
            blocks.append(Section("Glossary", (Terms(self.glossary),), "glossary"))
        made = f"Written {data['created']} in the format {data['schema']}."
        version = f"skqmu {data['versions'].get('skqmu', '')}"
        return Document(self._title(data), tuple(blocks), (Paragraph((made,)),), version)

    def _found(self, finding, pictures):
        """Yield the blocks about what was found."""
        raise NotImplementedError


def _settings(data):
    for name, own in data["settings"].items():
        shown = json.dumps(own, ensure_ascii=False)
        more = f" … ({len(shown):,} characters in the JSON)"
        shown = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + more
        yield Folded(name, (Paragraph((Code(shown),)),))
    own = data["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    yield Items(
        (
            (f"{own['implementation']} {own['python']}",),
            (f"{own['system']}, {own['machine']}",),
            (packages,),
        )
    )


def threat_section(told):
    """Return what an attacker knows, line by line.

    Parameters
    ----------
    told : str
    """
    return Section("Threat model", tuple(Paragraph((line,)) for line in told.splitlines()))


def estimate_words(value, low=None, high=None, digits=3):
    """Return a number and its interval as the texts of a cell.

    Parameters
    ----------
    value, low, high : float, str or None
        Texts stand for what JSON has no number for.
    digits : int, default=3
    """

    def words(number):
        if number is None or isinstance(number, str):
            return "–" if number is None else number
        return f"{number:.{digits}f}".replace("-", "\N{MINUS SIGN}")

    return words(value), "" if low is None else f"{words(low)} – {words(high)}"
