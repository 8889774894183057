"""Bad rows in words: ``"corrupt:label_flip:0.3:known=0.5"``."""

from dataclasses import dataclass

import numpy as np

from ._corruption import KINDS, Corruption
from ._validation import check_choice

__all__ = ["FORM", "BadRows"]

#: How it is written.
FORM = (
    "'corrupt:KIND:RATE' (rows made bad before a model is trained; KIND is label_flip, "
    "feature_noise or confusion; ':known=SHARE' asks for a share of them)"
)
_ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True)
class BadRows:
    """What a text asks for: rows that are made bad, and the share of them that is known to be.

    Attributes
    ----------
    corruption : Corruption
    known : float
    """

    corruption: Corruption
    known: float = 1.0

    @classmethod
    def parsed(cls, text, name="forget"):
        """Read ``"corrupt:KIND:RATE"`` with its options, each as ``":name=value"``.

        Parameters
        ----------
        text : str
        name : str, default="forget"
            Of the parameter, for messages.

        Raises
        ------
        ValueError
            It is not understood; the message says which part.
        """
        parts = [part.strip() for part in text.split(":")[1:]]
        kind, rate, *options = parts if len(parts) > 1 else [*parts, ""]
        say = f"{name}={text!r}: {{}}={{!r}}"
        said = {"kind": check_choice(f"{name}={text!r}: the kind", kind, KINDS)}
        said["rate"] = _share(rate, "rate", say)
        for option in options:
            key, equals, value = (part.strip() for part in option.partition("="))
            if not equals or key not in _OPTIONS:
                raise ValueError(
                    f"{name}={text!r}: {option!r} is not understood; options are "
                    f"{', '.join(f'{each}=...' for each in _OPTIONS)}."
                )
            if key in said:
                raise ValueError(f"{name}={text!r} says {key} twice; leave one of them out.")
            said[key] = _OPTIONS[key](value, key, say)
        known = said.pop("known", 1.0)
        corruption = Corruption(**said)
        corruption.check(say)
        return cls(corruption, known)

    @staticmethod
    def with_target_names(text, names):
        """Return a text with labels in the place of the classes' names.

        Parameters
        ----------
        text : str
        names : list of str
            Class ``k`` is ``names[k]``.
        """
        parts = text.split(":")
        for place, part in enumerate(parts):
            key, equals, value = part.partition("=")
            if equals and key.strip() == "classes":
                said = [each.strip() for each in value.split(",")]
                known = [str(names.index(each)) if each in names else each for each in said]
                parts[place] = f"classes={','.join(known)}"
        return ":".join(parts)

    def positions(self, y, rng):
        """Return the rows that become bad and are known to be, from labels before any is.

        Parameters
        ----------
        y : ndarray of shape (n,)
        rng : RandomState

        Returns
        -------
        ndarray of int
            Sorted, possibly empty.
        """
        labels, codes = np.unique(y, return_inverse=True)
        bad, _ = self.corruption.drawn(codes, rng, labels=labels.tolist())
        return self.known_of(bad, codes, rng)

    def known_of(self, bad, codes, rng):
        """Return which of the bad rows are known: of each class the same share, nearly.

        Those of a smaller share are among those of a larger one.

        Parameters
        ----------
        bad : ndarray of bool of shape (n,)
        codes : ndarray of int of shape (n,)
            Class of each row in truth.
        rng : RandomState

        Returns
        -------
        ndarray of int
            Sorted, possibly empty.
        """
        rows = rng.permutation(np.flatnonzero(bad))
        own = codes[rows]
        # of each class the first come first, so that any share has all classes
        _, place, counts = np.unique(own, return_inverse=True, return_counts=True)
        order = np.argsort(place, kind="stable")
        rank = np.empty(len(rows))
        rank[order] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        turn = (rank + 0.5) / counts[place] if len(rows) else rank
        return np.sort(rows[np.argsort(turn, kind="stable")][: round(self.known * len(rows))])


def _share(text, key, say):
    try:
        share = float(text)
    except ValueError:
        share = np.nan
    if not 0 < share <= 1:
        raise ValueError(
            f"{say.format(key, text)} must be a share above 0 and at most 1; use {FORM}."
        )
    return share


def _answer(text, key, say):
    if text not in _ANSWERS:
        raise ValueError(f"{say.format(key, text)} must be yes or no.")
    return _ANSWERS[text]


_OPTIONS = {
    "known": _share,
    "classes": lambda text, key, say: tuple(part.strip() for part in text.split(",")),
    "balanced": _answer,
    "noise": lambda text, key, say: text,
}
