"""What every report is: plain data with a version, and its ways out."""

import json
from abc import ABC, abstractmethod
from pathlib import Path

from .._text import one_line
from ._as_markdown import as_markdown
from ._as_page import as_embedded_page, as_page
from ._as_terminal import as_terminal, renderable_document

__all__ = ["DataReport"]


class DataReport(ABC):
    """Data that were checked, and every way in which they are shown.

    A kind of report says in `_check` what its data must be, and in `_as_document` what is shown
    of them.

    Parameters
    ----------
    data : dict
        Plain JSON values.
    """

    def __init__(self, data):
        self._check(data)
        self.data = data

    @classmethod
    @abstractmethod
    def _check(cls, data):
        """Raise ValueError unless these are data of such a report."""

    @abstractmethod
    def _as_document(self, pictures=True):
        """Return the document."""

    def _in_short(self):
        """Return what a terminal shows of the document."""
        return self._as_document(pictures=False)

    def __eq__(self, other):
        return type(other) is type(self) and self.data == other.data

    __hash__ = None

    # -- JSON ----------------------------------------------------------------------------

    def to_json(self, path=None):
        """Return the report as JSON text, and write it where a path is given.

        Parameters
        ----------
        path : str, path-like or None, default=None
            An existing file is replaced.

        Returns
        -------
        str
        """
        text = json.dumps(self.data, indent=1, allow_nan=False, ensure_ascii=False)
        if path is not None:
            _write(path, text + "\n")
        return text

    @classmethod
    def from_json(cls, source):
        """Return the report that :meth:`to_json` wrote.

        Parameters
        ----------
        source : path-like or str
            A path, or the JSON text itself (it starts with a brace).

        Returns
        -------
        report

        Raises
        ------
        ValueError
            The text is no JSON, or not in a format that is read; the message names the file and
            the first place that is wrong.
        OSError
            The file cannot be read.
        """
        if isinstance(source, str) and source.lstrip().startswith("{"):
            return cls(_parsed(source))
        path = Path(source)
        try:
            return cls(_parsed(path.read_bytes().decode("utf-8-sig")))
        except ValueError as error:
            raise ValueError(f"{one_line(path)}: {error}") from error

    # -- shown ---------------------------------------------------------------------------

    def to_html(self, path=None):
        """Return the report as one self-contained page, and write it where a path is given.

        The page needs no network and no script; it follows the reader's light or dark
        setting. A browser prints it with numbered pages; `docs/report.md` has the command that
        makes a PDF of it.

        Parameters
        ----------
        path : str, path-like or None, default=None
            An existing file is replaced.

        Returns
        -------
        str
        """
        return _written(as_page(self._as_document()), path)

    def to_markdown(self, path=None):
        """Return the report as Markdown, pictures left out, and write it where a path is given.

        Parameters
        ----------
        path : str, path-like or None, default=None
            An existing file is replaced.

        Returns
        -------
        str
        """
        return _written(as_markdown(self._as_document(pictures=False)), path)

    def to_table(self, *, width=None):
        """Return the report as text for a terminal.

        ``rich.print(report)`` prints the same in colour.

        Parameters
        ----------
        width : int or None, default=None
            Columns to use; ``None`` takes the terminal's, or 100.

        Returns
        -------
        str
        """
        return as_terminal(self.__rich__(), width)

    def __rich__(self):
        return renderable_document(self._in_short())

    def __str__(self):
        return self.to_table()

    def _repr_html_(self):
        return as_embedded_page(self._as_document())


def _parsed(text):
    """Return the values of strict JSON."""

    def refuse(word):
        raise ValueError(f"{word} is no JSON; the format has null in its place.")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is no JSON: {error}.") from error
    except RecursionError as error:
        raise ValueError("this is no audit report: it is nested too deeply.") from error


def _written(text, path):
    if path is not None:
        _write(path, text)
    return text


def _write(path, text):
    # a lone surrogate, which no encoding holds, is written as the escape that JSON has for it
    Path(path).write_bytes(text.encode("utf-8", errors="backslashreplace"))
