"""Text that came from somewhere else, made safe to show: on a terminal, a page, in a picture."""

import re
from collections import Counter

__all__ = ["numbered", "one_line", "printable", "printable_values", "shortened"]

# What acts instead of being shown: control characters (a terminal obeys them), separators of
# lines and paragraphs, overrides of the writing direction, and what no encoding or XML holds.
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def printable(text):
    r"""Return `text` with every character that would act written out, as in ``\x1b``.

    Line feeds and tabs stay.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return _ACTS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text):
    """Return `text` printable and on one line, for a message or a log.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    return " ".join(printable(str(text)).split())


def printable_values(value):
    """Return plain data (dicts, lists, texts, numbers) with every text in it printable.

    Parameters
    ----------
    value : dict, list, str, number or None
    """
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_values(key): printable_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable_values(item) for item in value]
    return value


def shortened(text, most=300):
    """Return the beginning of what another library says, with dots where it goes on.

    Parameters
    ----------
    text : str
    most : int, default=300
    """
    return text if len(text) <= most else f"{text[:most]} ..."


def numbered(names):
    """Return the names, those that came before with a number.

    Parameters
    ----------
    names : list of str

    Examples
    --------
    >>> from skqmu._text import numbered
    >>> numbered(["fraction:0.1", "class:0", "fraction:0.1"])
    ['fraction:0.1', 'class:0', 'fraction:0.1 (2)']
    """
    seen, found = Counter(), []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
