"""What is forgotten, and who stands for "never seen": the rows of each scenario, a repeat's own."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._rows import join, take
from .._text import numbered
from .._what_to_forget import parsed
from ..attacks.tools import RecordIndex
from ..datasets import forget_split
from ._audit_rows import split_data
from ._corrupted_rows import Worlds, asks_for_bad_rows
from ._sequence import in_turn, named_in_error, with_earlier

__all__ = [
    "Scenario",
    "Table",
    "class_matched",
    "make_scenarios",
    "named_requests",
    "repeat_entropy",
]


_CHOSEN = (
    "chosen by a first attack on models with other seeds, and held-out rows for comparison by the "
    "same rule, the same share of each class: as exposed, had they been trained on."
)


@dataclass(frozen=True)
class Scenario:
    """One deletion request and the records it is judged on.

    Attributes
    ----------
    name : str
    kind : {"class", "subset", "corrupt"}
        ``"class"``: no row of some class stays; ``"corrupt"``: rows that were made bad before
        anything was trained.
    forget : ndarray of bool of shape (n_train,)
    removed : ndarray
        Labels of which no row stays.
    members : ndarray of int
        Forgotten training rows that the attacks are judged on.
    nonmembers : ndarray of int
        Held-out rows of the same classes, in the same proportions.
    notes : tuple of str
    data : Data
        The rows that this request is about: its own, where some were made bad.
    asked : ndarray of bool of shape (n_train,) or None
        In a sequence: what this request asks for, `forget` being all that was asked for by then.
    """

    name: str
    kind: str
    forget: np.ndarray
    removed: np.ndarray
    members: np.ndarray
    nonmembers: np.ndarray
    notes: tuple = field(default=())
    data: Any = None
    asked: np.ndarray | None = None

    @property
    def request(self):
        """The rows that the request itself names."""
        return self.forget if self.asked is None else self.asked


@dataclass(frozen=True)
class Table:
    """The rows that an audit was given, and what is asked of them.

    Attributes
    ----------
    X, y : rows and labels
    X_test, y_test : held-out rows, or None
    train : ndarray of int or None
        Training rows among `X`, the others being held out; None: `X_test` or `test_size` say it.
    test_size : float
    reference_size : float
    requests : dict of str to (str or ndarray of int)
        Texts, or positions in `X`.
    exposure : ndarray or None
        Of the rows of `X`, then those of `X_test`, by a first attack; None: not known yet, and any
        rows stand for the most and least exposed ones.
    sequential : bool
        Whether the requests come one after another, each about rows that are still there.
    """

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray | None
    train: np.ndarray | None
    test_size: float
    reference_size: float
    requests: dict
    exposure: np.ndarray | None = None
    sequential: bool = False

    @property
    def needs_exposure(self):
        """Whether a request means rows by how exposed they are."""
        return any(map(_is_of_exposure, self.requests.values()))

    @property
    def all_rows(self):
        """Rows and labels, those of `X_test` last."""
        if self.X_test is None:
            return self.X, self.y
        return join(self.X, self.X_test), np.concatenate([self.y, self.y_test])

    def draw(self, entropy):
        """Return the rows by role, and the scenarios.

        Parameters
        ----------
        entropy : int
            All that is drawn comes from it.

        Returns
        -------
        Data, list of Scenario
        """
        split_seed, scenario_seed = np.random.SeedSequence(entropy, spawn_key=(7,)).spawn(2)
        data = split_data(
            self.X,
            self.y,
            self.X_test,
            self.y_test,
            train=self.train,
            test_size=self.test_size,
            reference_size=self.reference_size,
            rng=np.random.default_rng(split_seed),
        )
        rng = np.random.default_rng(scenario_seed)
        worlds, own = Worlds(data, entropy), {}
        masks, left = {}, np.ones(len(data.y), dtype=bool)
        for name, value in self.requests.items():
            mask = self._mask(value, name, data, rng, left)
            if asks_for_bad_rows(value):
                own[name], mask = worlds.known(value, name)
            masks[name] = mask
            if self.sequential:
                masks[name] = with_earlier(mask, left, name, data)
                left = ~masks[name]
        rankings = {
            name: self._ranking(value)[data.test_rows]
            for name, value in self.requests.items()
            if _is_of_exposure(value)
        }
        scenarios = make_scenarios(masks, data, rng, rankings, own)
        return data, in_turn(scenarios) if self.sequential else scenarios

    def _ranking(self, value):
        """Number of each row, those of `X_test` last, small where the request means it first."""
        if self.exposure is None:
            n_test = 0 if self.X_test is None else len(self.y_test)
            return np.zeros(len(self.y) + n_test)
        return self.exposure * _direction(value)

    def _mask(self, value, name, data, rng, left):
        """Return the mask over the training rows that a description means among those left."""
        seed = int(rng.integers(2**31 - 1))
        if asks_for_bad_rows(value):
            return None  # drawn from the rows of its own world
        if isinstance(value, str):
            X = data.X if left.all() else take(data.X, left)
            options = {"X": X, "random_state": seed}
            if _is_of_exposure(value):
                exposure = self._ranking(value)[data.train_rows] * _direction(value)
                options = {"exposure": exposure[left]}
            mask = np.zeros(len(left), dtype=bool)
            with named_in_error(name, self.sequential):
                mask[left] = forget_split(data.y[left], value, **options)
            return mask
        mask = np.isin(data.train_rows, value)  # some of them may be held out
        if not mask.any():
            raise ValueError(
                f"forget[{name!r}]: all its rows were held out for testing; pass X_test and "
                "y_test, so that every row of X is trained on."
            )
        return mask

    def draw_repeat(self, entropy, r):
        """Return rows and scenarios of a repeat: other splits, unless the split is given.

        Parameters
        ----------
        entropy : int
            Of the audit.
        r : int
            From 0.
        """
        return self.draw(entropy if self.X_test is not None else repeat_entropy(entropy, r))

    def check_repeats(self, entropy, n_repeats, first):
        """Raise unless each repeat can be drawn, and asks for the same kind of thing.

        Parameters
        ----------
        entropy : int
        n_repeats : int
        first : tuple of (Data, list of Scenario)
            What the first one draws.
        """
        if self.X_test is not None:
            return
        kinds_then = _kinds(*first)
        for r in range(1, n_repeats):
            try:
                data, scenarios = self.draw_repeat(entropy, r)
            except ValueError as error:
                raise ValueError(f"repeat {r + 1} of {n_repeats}: {error}") from error
            pairs = zip(_kinds(data, scenarios), kinds_then, strict=True)
            for scenario, (now, then) in zip(scenarios, pairs, strict=True):
                if now != then:
                    raise ValueError(
                        f"forget[{scenario.name!r}] removes {now[0] or 'no class'} in repeat "
                        f"{r + 1} and {then[0] or 'no class'} in repeat 1, as rows are held out by "
                        "chance: nothing can be averaged. Pass X_test and y_test, so that every "
                        "row of X is trained on."
                    )


def _kinds(data, scenarios):
    """What decides each scenario's measures: removed classes, and whether any is held out."""
    return [(s.removed.tolist(), np.isin(data.y_test, s.removed).any()) for s in scenarios]


def repeat_entropy(entropy, r):
    """Return the entropy of a repeat; that of the first is the audit's own.

    Parameters
    ----------
    entropy : int
    r : int
        From 0.
    """
    if r == 0:
        return entropy
    words = np.random.SeedSequence(entropy, spawn_key=(8, r)).generate_state(4, np.uint32)
    return int.from_bytes(words.tobytes(), "little")


def named_requests(forget, X, y, ids, *, again=False):
    """Return ``{name: text or positions}`` for one description, a list of texts, or a dict.

    Classes and shares are left to whoever knows which rows are trained on. All else means the same
    rows whatever the split is, and nobody need keep what it says of them.

    Parameters
    ----------
    forget : object
        As :func:`skqmu.audit` takes it.
    X, y, ids : table, labels, and ids or None
    again : bool, default=False
        Whether a text that stands there twice is two requests.
    """
    return {
        name: value
        if isinstance(value, str) and not parsed(value).names_rows
        else np.flatnonzero(forget_split(y, value, X=X, ids=ids))
        for name, value in _named(forget, again).items()
    }


def _named(forget, again):
    if isinstance(forget, dict):
        if not forget:
            raise ValueError("forget is an empty dict: there is nothing to forget.")
        return {str(name): value for name, value in forget.items()}
    if isinstance(forget, str):
        forget = [forget]
    if isinstance(forget, list | tuple) and forget and all(isinstance(f, str) for f in forget):
        names = [_name_of(text, place) for place, text in enumerate(forget, start=1)]
        return dict(zip(numbered(names) if again else names, forget, strict=True))
    return {"forget": forget}


def _name_of(text, place):
    """A request's name in the report, where nobody is named by their id."""
    names_people = parsed(text).kind == "ids" and "@" not in text
    return f"ids (request {place})" if names_people else text


def _is_of_exposure(value):
    kinds = ("vulnerable", "protected")
    return isinstance(value, str) and value.partition(":")[0].strip() in kinds


def _direction(value):
    """-1 where the most exposed rows are meant, 1 where the least."""
    return -1 if value.partition(":")[0].strip() == "vulnerable" else 1


def make_scenarios(forget, data, rng, rankings=None, own=None):
    """Turn ``{name: mask over the training rows}`` into :class:`Scenario` objects.

    `rankings` has, by name, a number of each held-out row for requests that mean the first rows of
    a ranking; held-out rows are then the first ones, too. `own` has the rows of requests that do
    not speak of `data`.
    """
    rankings, own = rankings or {}, own or {}
    return [
        _scenario(str(name), mask, own.get(name, data), rng, rankings.get(name))
        for name, mask in forget.items()
    ]


def _scenario(name, mask, data, rng, ranking):
    notes = [] if ranking is None else [_CHOSEN]
    notes += [] if data.truth is None else data.truth.notes
    mask = _with_copies(mask, data, notes)
    if mask.all():
        raise ValueError(
            f"forget[{name!r}] covers all {mask.size} training rows: nothing would be left to "
            "train on."
        )
    y_retain = data.y[~mask]
    if len(np.unique(y_retain)) < 2:
        left = y_retain[:1].tolist()[0]
        raise ValueError(
            f"forget[{name!r}] leaves a single class, {left!r}: no classifier can be retrained as "
            "the oracle. Forget less, or use data with three classes or more."
        )
    removed = np.setdiff1d(data.y[mask], y_retain)
    kind = "class" if removed.size else "subset"
    members, nonmembers = class_matched(mask, data, rng, name, notes, ranking)
    return Scenario(
        name=name,
        kind=kind if data.truth is None else "corrupt",
        forget=mask,
        removed=removed,
        members=members,
        nonmembers=nonmembers,
        notes=tuple(notes),
        data=data,
    )


def _with_copies(mask, data, notes):
    """Extend a mask to all copies: a deletion request means the record, wherever it stands."""
    groups = RecordIndex(data.X, data.y).groups
    full = np.isin(groups, groups[mask])
    if full.sum() > mask.sum():
        notes.append(
            f"{full.sum() - mask.sum()} more row(s) are copies of forgotten ones and are "
            "forgotten with them."
        )
    return full


def class_matched(mask, data, rng, name, notes, ranking=None):
    """Choose held-out rows with the classes of the forgotten ones, in their proportions.

    At random and as many as there are; with a ranking of the held-out rows, the first of each
    class, as large a share of them as is forgotten of the training rows.
    """
    labels, forgotten = np.unique(data.y[mask], return_counts=True)
    fit = data.comparable
    held_out = np.array([(fit & (data.y_test == label)).sum() for label in labels])
    missing = labels[held_out == 0]
    if missing.size == labels.size:
        raise ValueError(
            f"forget[{name!r}]: X_test has no {_like(data)}row of the forgotten classes "
            f"({', '.join(map(repr, missing.tolist()[:5]))}); without non-members of the same "
            "classes no attack can be judged. Hold some out."
        )
    if missing.size:
        notes.append(
            f"class(es) {', '.join(map(str, missing))} have no {_like(data)}held-out row: their "
            "forgotten rows are left out of the attacks."
        )
    usable = held_out > 0
    members = np.flatnonzero(mask & np.isin(data.y, labels[usable]))
    there = forgotten if ranking is None else np.array([(data.y == c).sum() for c in labels])
    scale = (held_out[usable] / there[usable]).min()
    wanted = np.maximum(1, np.floor(scale * forgotten[usable] + 1e-9)).astype(int)
    nonmembers = np.concatenate(
        [
            _ordered(np.flatnonzero(fit & (data.y_test == label)), rng, ranking)[:count]
            for label, count in zip(labels[usable], wanted, strict=True)
        ]
    )
    return members, np.sort(nonmembers)


def _like(data):
    return "" if data.truth is None else "bad "


def _ordered(rows, rng, ranking):
    if ranking is None:
        return rng.permutation(rows)
    return rows[np.argsort(ranking[rows], kind="stable")]
