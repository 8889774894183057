"""Bad rows on purpose: which ones they are, and what stands in them instead."""

import numbers
from dataclasses import dataclass, replace

import numpy as np

from ._noisy_rows import noisy_rows
from ._validation import check_choice

__all__ = ["KINDS", "NOISES", "Corruption"]

#: What may be done to rows.
KINDS = ("label_flip", "feature_noise", "confusion")
#: What features are replaced by.
NOISES = ("columns", "unit")


@dataclass(frozen=True)
class Corruption:
    """How rows are made bad; :func:`skqmu.datasets.corrupt` says what each field means.

    Attributes
    ----------
    kind : {"label_flip", "feature_noise", "confusion"}
    rate : float
    classes : tuple of two labels, or None
    balanced : bool
    noise : {"columns", "unit"}

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu._corruption import Corruption
    >>> bad, codes = Corruption("label_flip", 0.5).drawn(
    ...     np.array([0, 0, 1, 1]), np.random.RandomState(0), labels=["a", "b"])
    >>> int(bad.sum()), np.bincount(codes).tolist()
    (2, [2, 2])
    """

    kind: str = "label_flip"
    rate: float = 0.3
    classes: tuple | None = None
    balanced: bool = True
    noise: str = "columns"

    def check(self, say="{}={!r}"):
        """Raise unless all of it can be meant.

        Parameters
        ----------
        say : str, default="{}={!r}"
            Format of a parameter's name and its value in messages.
        """
        check_choice("kind", self.kind, KINDS)
        check_choice("noise", self.noise, NOISES)
        rate = self.rate
        is_share = isinstance(rate, numbers.Real) and not isinstance(rate, bool) and 0 <= rate <= 1
        if not is_share:
            raise ValueError(
                f"{say.format('rate', rate)} must be a share of the rows from 0 to 1; to make 10 % "
                "of them bad use 0.1."
            )
        if not isinstance(self.balanced, bool | np.bool_):
            raise ValueError(f"{say.format('balanced', self.balanced)} must be True or False.")
        if self.classes is not None and self.kind != "confusion":
            raise ValueError(
                f"{say.format('classes', self.classes)} belongs to kind='confusion', which "
                f"interchanges two classes; kind={self.kind!r} takes rows of all."
            )

    def applied(self, X, y, rng, *, labels=None, like=None):
        """Return a table with bad rows, their labels, and which ones they are.

        Parameters
        ----------
        X : table of n rows, as `as_table` returns it
        y : ndarray of shape (n,)
        rng : RandomState
        labels : ndarray, default=None
            All classes, in order; None: those of `y`.
        like : table, default=None
            Whose columns noise imitates; None: those of `X`.

        Returns
        -------
        X : table
            The same object where only labels are bad.
        y : ndarray
        bad : ndarray of bool of shape (n,)
        """
        labels = np.unique(y) if labels is None else labels
        bad, changed = self.drawn(np.searchsorted(labels, y), rng, labels=labels.tolist())
        if self.kind == "feature_noise":
            X = noisy_rows(X, bad, rng, noise=self.noise, like=like)
        return X, labels[changed], bad

    def settled(self, y):
        """Return the same corruption with the two classes named that it takes of these labels.

        Parameters
        ----------
        y : ndarray
        """
        if self.kind != "confusion":
            return self
        labels, codes = np.unique(y, return_inverse=True)
        touched = self._touched(codes, labels.tolist())
        return replace(self, classes=tuple(labels[touched].tolist()))

    def affected(self, labels):
        """Return the labels of the classes whose rows may become bad.

        Parameters
        ----------
        labels : ndarray
            All of them.
        """
        if self.classes is None:
            return labels
        return labels[[_position(label, labels.tolist()) for label in self.classes]]

    def largest_rate(self, y, labels):
        """Return the largest rate at which as many rows of each class can be bad as are asked.

        Parameters
        ----------
        y : ndarray
        labels : ndarray
            All classes.
        """
        counts = np.array([(y == label).sum() for label in self.affected(labels)])
        if not self.balanced or not counts.any():
            return float(counts.any())
        return float(counts.min() * len(counts) / counts.sum())

    def drawn(self, codes, rng, *, labels):
        """Return which rows are bad, and the class of each row afterwards.

        What is drawn before does not depend on the rate: with the same seed, the rows of a smaller
        rate are among those of a larger one.

        Parameters
        ----------
        codes : ndarray of int of shape (n,)
            Class of each row, a position in `labels`.
        rng : RandomState
        labels : sequence
            The classes, for messages.

        Returns
        -------
        bad : ndarray of bool of shape (n,)
        codes : ndarray of int of shape (n,)
            The same ones for ``"feature_noise"``.
        """
        order = rng.permutation(self._touched(codes, labels))
        rows = [rng.permutation(np.flatnonzero(codes == k)) for k in order]
        mixed = rng.permutation(np.concatenate(rows))
        steps = rng.permutation(np.arange(1, len(order)))
        any_step = rng.randint(1, len(order), size=len(codes))
        n_bad = round(self.rate * len(mixed))
        place = np.zeros(len(labels), dtype=int)
        place[order] = np.arange(len(order))
        if self.balanced:
            taken = self._as_many_of_each(n_bad, order, rows, labels)
            step = np.zeros(len(codes), dtype=int)
            for own in taken:
                step[own] = steps[np.arange(len(own)) % len(steps)]
            new = (place[codes] + step) % len(order)
            _exchange_the_odd(new, taken, n_bad % len(order), any_step)
            chosen = np.concatenate(taken)
        else:
            chosen = mixed[:n_bad]
            new = (place[codes] + any_step) % len(order)
        bad = np.zeros(len(codes), dtype=bool)
        bad[chosen] = True
        if self.kind == "feature_noise":
            return bad, codes.copy()
        return bad, np.where(bad, order[new], codes)

    def _touched(self, codes, labels):
        """Classes whose rows may become bad."""
        if len(labels) < 2:
            raise ValueError(
                f"y holds a single class, {labels[0]!r}; bad labels need two classes or more."
            )
        if self.kind != "confusion":
            return np.arange(len(labels))
        if self.classes is None:  # the two of most rows; of equal ones those that come first
            return np.sort(
                np.argsort(-np.bincount(codes, minlength=len(labels)), kind="stable")[:2]
            )
        return np.array([_position(label, labels) for label in _two(self.classes, labels)])

    def _as_many_of_each(self, n_bad, order, rows, labels):
        """The first rows of each class, as many of one as of another, but for the odd ones."""
        each, odd = divmod(n_bad, len(order))
        wanted = [each + (place < odd) for place in range(len(order))]
        for k, own, take in zip(order, rows, wanted, strict=True):
            if take > len(own):
                total, least = sum(map(len, rows)), min(map(len, rows))
                raise ValueError(
                    f"rate={self.rate!r} makes {n_bad} rows bad, {take} of each class, and class "
                    f"{labels[k]!r} has {len(own)} rows. At most {least * len(order) / total:.3g} "
                    "goes with as many of each class; or pass balanced=False (in words "
                    "':balanced=no'), which draws from all rows alike."
                )
        return [own[:take] for own, take in zip(rows, wanted, strict=True)]


def _exchange_the_odd(new, taken, odd, any_step):
    """Let rows that are left over when all classes give the same number exchange labels."""
    for place in range(odd):
        row = taken[place][-1]
        # alone it has nobody to exchange with, and goes to any other class
        new[row] = (place + 1) % odd if odd > 1 else (place + any_step[row]) % len(taken)


def _two(classes, labels):
    few = [] if isinstance(classes, str) or not hasattr(classes, "__len__") else list(classes)
    if len(few) != 2 or few[0] == few[1]:
        raise ValueError(
            f"classes={classes!r} must be two classes of y, whose labels are interchanged; they "
            f"are {', '.join(map(repr, labels[:20]))}."
        )
    return few


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _position(label, labels):
    """Place of a label, which a text may say (0 for 0.0, too), among the classes."""
    rules = (
        lambda known: known == label,
        lambda known: str(known) == str(label),
        lambda known: not isinstance(known, str) and known == _number(label),
    )
    for same in rules:
        found = [place for place, known in enumerate(labels) if same(known)]
        if found:
            return found[0]
    raise ValueError(
        f"classes: there is no class {label!r}; the classes are "
        f"{', '.join(map(str, labels[:20]))}{', ...' if len(labels) > 20 else ''}."
    )
