"""The rows of an audit once some of them are bad: those to train on, and unseen ones alike."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._corruption import Corruption
from .._rows import take
from .._what_to_forget import parsed
from ..attacks.tools import RecordIndex

__all__ = ["Truth", "Worlds", "asks_for_bad_rows", "undamaged_rows", "worlds_of"]

# Of what is drawn here, apart from splits, repeats, the first attack and models.
_SEED = (10,)


def asks_for_bad_rows(value):
    """Whether a request is one by ``"corrupt:KIND:RATE"``.

    Parameters
    ----------
    value : str or ndarray of int
    """
    return isinstance(value, str) and value.partition(":")[0].strip() == "corrupt"


@dataclass(frozen=True)
class Truth:
    """What rows were before some of them were made bad, and which ones these are.

    Attributes
    ----------
    corruption : Corruption
    X, y : training rows and labels
    bad : ndarray of bool of shape (n_train,)
    X_test, y_test : held-out rows and labels
    comparable : ndarray of bool of shape (n_test,)
        Held-out rows that are bad in the same way, and no copy of a training row: they stand for
        bad rows that were never seen.
    affected : ndarray
        Labels of the classes whose rows may be bad.
    notes : tuple of str
    """

    corruption: Corruption
    X: Any
    y: np.ndarray
    bad: np.ndarray
    X_test: Any
    y_test: np.ndarray
    comparable: np.ndarray
    affected: np.ndarray
    notes: tuple = ()


class Worlds:
    """The rows of an audit under each corruption that its requests ask for, made once.

    Training rows, held-out rows and reference rows are made bad by the same rule with streams of
    their own. The bad ones among the held-out rows come from the distribution that the forgotten
    rows come from, which no clean row does: they are whom attacks compare with. Attacks learn
    from all of them, of which the same share is bad as of the training rows. Of the reference
    rows, which a mechanism compares the forgotten ones with, only bad ones are left.

    Parameters
    ----------
    data : Data
    entropy : int
    """

    def __init__(self, data, entropy):
        self._data = data
        seeds = np.random.SeedSequence(entropy, spawn_key=_SEED).spawn(4)
        self._train, self._test, self._reference, self._known = seeds
        self._made = {}

    def known(self, text, name):
        """Return the rows of a request's world, and a mask of those that it asks to be forgotten.

        Parameters
        ----------
        text : str
        name : str
            Of the request, for messages.

        Returns
        -------
        data : Data
        mask : ndarray of bool of shape (n_train,)
        """
        asked = parsed(text).value
        try:
            data = self._rows(asked.corruption)
        except ValueError as error:
            raise ValueError(f"forget[{name!r}]: {error}") from error
        labels = np.unique(data.truth.y)
        codes = np.searchsorted(labels, data.truth.y)
        mask = np.zeros(len(codes), dtype=bool)
        mask[asked.known_of(data.truth.bad, codes, _generator(self._known))] = True
        if not mask.any():
            raise ValueError(
                f"forget[{name!r}]: {text!r} is none of {len(codes)} training rows; raise the "
                "rate, or the share that is known."
            )
        return data, mask

    def _rows(self, corruption):
        if corruption not in self._made:
            self._made[corruption] = self._with_bad_rows(corruption.settled(self._data.y))
        return self._made[corruption]

    def _with_bad_rows(self, corruption):
        data, labels = self._data, np.unique(self._data.y)
        X, y, bad = corruption.applied(data.X, data.y, _generator(self._train), labels=labels)
        like = {"labels": labels, "like": data.X}
        notes = []
        most = corruption.largest_rate(data.y_test, labels)
        if most < corruption.rate:
            notes.append(
                f"of the held-out rows a share of {most:.2f} is bad, for some class has too few."
            )
        alike = replace(corruption, rate=min(corruption.rate, most))
        held_out = alike.applied(data.X_test, data.y_test, _generator(self._test), **like)
        all_bad = replace(corruption, rate=corruption.largest_rate(data.y_reference, labels))
        X_reference, y_reference = data.X_reference, data.y_reference
        if len(y_reference):
            rng = _generator(self._reference)
            X_reference, y_reference, wanted = all_bad.applied(
                X_reference, y_reference, rng, **like
            )
            X_reference, y_reference = take(X_reference, wanted), y_reference[wanted]
        fresh = RecordIndex(X, y).locate(*held_out[:2]) < 0
        truth = Truth(
            corruption=corruption,
            X=data.X,
            y=data.y,
            bad=bad,
            X_test=data.X_test,
            y_test=data.y_test,
            comparable=held_out[2] & fresh,
            affected=corruption.affected(labels),
            notes=tuple(notes),
        )
        return replace(
            data,
            X=X,
            y=y,
            X_test=held_out[0],
            y_test=held_out[1],
            X_reference=X_reference,
            y_reference=y_reference,
            truth=truth,
        )


def worlds_of(plan):
    """Return what training rows there are, and which models without the damage each needs.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict of int to (Data, set of {"clean", "without_bad"})
        By the data's `id`; the set is empty for rows as they were given.
    """
    worlds = {}
    for scenario in plan.scenarios:
        data = scenario.data
        kinds = worlds.setdefault(id(data), (data, set()))[1]
        if data.truth is not None:
            kinds.add("clean")
            if (data.truth.bad & ~scenario.forget).any():
                kinds.add("without_bad")  # elsewhere the oracles are
    return worlds


def undamaged_rows(data, kind):
    """Return rows and labels to train a model on that bad rows do no damage to.

    Parameters
    ----------
    data : Data
        With its truth.
    kind : {"clean", "without_bad"}
        All rows as they are in truth, or those that are not bad.
    """
    if kind == "clean":
        return data.truth.X, data.truth.y
    good = ~data.truth.bad
    return take(data.X, good), data.y[good]


def _generator(seed):
    return np.random.RandomState(np.random.MT19937(seed))
