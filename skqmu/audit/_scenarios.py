"""What is forgotten, and who stands for "never seen": the rows of each scenario, a repeat's own."""

import numbers
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from .._rows import take
from ..attacks.tools import RecordIndex
from ..datasets import forget_split

__all__ = [
    "Data",
    "Scenario",
    "Table",
    "class_matched",
    "make_scenarios",
    "named_requests",
    "repeat_entropy",
    "split_data",
]


@dataclass(frozen=True)
class Data:
    """Rows by role; no row has two roles.

    Attributes
    ----------
    X, y : the training rows
    X_test, y_test : held-out rows, for evaluation only
    X_reference, y_reference : held-out rows that mechanisms may look at; possibly empty
    train_rows : ndarray of int
        Position of each training row in the data that `audit` was given.
    test_rows : ndarray of int
        That of each held-out row; rows of `X_test` are counted on from those of `X`.
    notes : tuple of str
    """

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    X_reference: Any
    y_reference: np.ndarray
    train_rows: np.ndarray
    test_rows: np.ndarray
    notes: tuple = ()

    @property
    def table_rows(self):
        """Position of all rows, training rows first, then held-out ones."""
        return np.concatenate([self.train_rows, self.test_rows])


@dataclass(frozen=True)
class Scenario:
    """One deletion request and the records it is judged on.

    Attributes
    ----------
    name : str
    kind : {"class", "subset"}
        ``"class"``: no row of some class stays.
    forget : ndarray of bool of shape (n_train,)
    removed : ndarray
        Labels of which no row stays.
    members : ndarray of int
        Forgotten training rows that the attacks are judged on.
    nonmembers : ndarray of int
        Held-out rows of the same classes, in the same proportions.
    notes : tuple of str
    """

    name: str
    kind: str
    forget: np.ndarray
    removed: np.ndarray
    members: np.ndarray
    nonmembers: np.ndarray
    notes: tuple = field(default=())


@dataclass(frozen=True)
class Table:
    """The rows that an audit was given, and what is asked of them.

    Attributes
    ----------
    X, y : rows and labels
    X_test, y_test : held-out rows, or None
    train : ndarray of int or None
        Training rows among `X`, the others being held out; None: `X_test` or `test_size` say it.
    ids : ndarray or None
        Of the rows of `X`.
    test_size : float
    reference_size : float
    requests : dict of str to description
    exposure : ndarray or None
        Of the rows of `X` by a first attack; None: not known yet, and any rows stand for the most
        and least exposed ones.
    """

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray | None
    train: np.ndarray | None
    ids: np.ndarray | None
    test_size: float
    reference_size: float
    requests: dict
    exposure: np.ndarray | None = None

    @property
    def needs_exposure(self):
        """Whether a request means rows by how exposed they are."""
        return any(map(_is_of_exposure, self.requests.values()))

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
        masks = {name: self._mask(value, name, data, rng) for name, value in self.requests.items()}
        return data, make_scenarios(masks, data, rng)

    def _mask(self, value, name, data, rng):
        """Return the mask over the training rows that a description means."""
        seed = int(rng.integers(2**31 - 1))
        if _is_of_exposure(value):
            known = np.zeros(len(self.y)) if self.exposure is None else self.exposure
            return forget_split(data.y, value, exposure=known[data.train_rows])
        if isinstance(value, str) and not _is_of_ids(value):
            return forget_split(data.y, value, X=data.X, random_state=seed)
        # of whom it names some rows may be held out
        mask = forget_split(self.y, value, X=self.X, ids=self.ids)[data.train_rows]
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


def named_requests(forget):
    """Return ``{name: description}`` for one description, a list of texts, or a dict."""
    if isinstance(forget, dict):
        if not forget:
            raise ValueError("forget is an empty dict: there is nothing to forget.")
        return {str(name): value for name, value in forget.items()}
    if isinstance(forget, str):
        forget = [forget]
    if isinstance(forget, list | tuple) and forget and all(isinstance(f, str) for f in forget):
        return {_name_of(text, place): text for place, text in enumerate(forget, start=1)}
    return {"forget": forget}


def _name_of(text, place):
    """A request's name in the report, where nobody is named by their id."""
    return f"ids (request {place})" if _is_of_ids(text) and "@" not in text else text


def _is_of_ids(value):
    return isinstance(value, str) and value.partition(":")[0].strip() == "ids"


def _is_of_exposure(value):
    kinds = ("vulnerable", "protected")
    return isinstance(value, str) and value.partition(":")[0].strip() in kinds


def split_data(X, y, X_test, y_test, *, train=None, test_size, reference_size, rng):
    """Give every row one role.

    Held-out rows that equal a training row are dropped: they are members by content, and
    would be called non-members. The reference rows are taken from the held-out part, so
    that a mechanism's stop rule never sees a row that it is judged on.
    """
    notes = []
    rows = np.arange(len(y))
    test = None if X_test is None else len(y) + np.arange(len(y_test))
    if X_test is None:
        if train is None:
            _check_test_size(test_size)
            purpose = f"test_size={test_size!r}: to hold rows out"
            rows, test = _stratified(rows, y, test_size, rng, purpose)
        else:
            rows, test = train, np.setdiff1d(rows, train)
        X_test, y_test, X, y = take(X, test), y[test], take(X, rows), y[rows]
    fresh = RecordIndex(X, y).locate(X_test, y_test) < 0
    if not fresh.all():
        notes.append(
            f"{(~fresh).sum()} held-out row(s) equal a training row, label included, and were "
            "left out: they are members by content."
        )
        X_test, y_test, test = take(X_test, fresh), y_test[fresh], test[fresh]
    if not len(y_test):
        raise ValueError("X_test holds no row that is not also a training row.")
    reference = np.zeros(0, dtype=int)
    evaluation = np.arange(len(y_test))
    if reference_size:
        evaluation, reference = _stratified(
            evaluation, y_test, reference_size, rng, "to set reference rows aside"
        )
    return Data(
        X=X,
        y=y,
        X_test=take(X_test, evaluation),
        y_test=y_test[evaluation],
        X_reference=take(X_test, reference),
        y_reference=y_test[reference],
        train_rows=rows,
        test_rows=test[evaluation],
        notes=tuple(notes),
    )


def _check_test_size(size):
    whole = isinstance(size, numbers.Integral) and not isinstance(size, bool) and size >= 1
    if not whole and not (isinstance(size, numbers.Real) and 0 < size < 1):
        raise ValueError(
            f"test_size={size!r} must lie strictly between 0 and 1, a share of the rows, or be a "
            "number of rows."
        )


def _stratified(rows, y, size, rng, purpose):
    try:
        first, second = train_test_split(
            rows, test_size=size, stratify=y, random_state=int(rng.integers(2**31 - 1))
        )
    except ValueError as error:
        raise ValueError(
            f"{purpose}, the rows are split by class, and scikit-learn cannot: {error} "
            "Give more rows of each class, or pass X_test and y_test (and reference_size=0)."
        ) from error
    return np.sort(first), np.sort(second)


def make_scenarios(forget, data, rng):
    """Turn ``{name: mask over the training rows}`` into :class:`Scenario` objects."""
    return [_scenario(str(name), mask, data, rng) for name, mask in forget.items()]


def _scenario(name, mask, data, rng):
    notes = []
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
    members, nonmembers = class_matched(mask, data, rng, name, notes)
    return Scenario(
        name=name,
        kind="class" if removed.size else "subset",
        forget=mask,
        removed=removed,
        members=members,
        nonmembers=nonmembers,
        notes=tuple(notes),
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


def class_matched(mask, data, rng, name, notes):
    """Choose held-out rows with the classes of the forgotten ones, in their proportions."""
    labels, forgotten = np.unique(data.y[mask], return_counts=True)
    held_out = np.array([(data.y_test == label).sum() for label in labels])
    missing = labels[held_out == 0]
    if missing.size == labels.size:
        raise ValueError(
            f"forget[{name!r}]: X_test has no row of the forgotten classes "
            f"({', '.join(map(repr, missing.tolist()[:5]))}); without non-members of the same "
            "classes no attack can be judged. Hold some out."
        )
    if missing.size:
        notes.append(
            f"class(es) {', '.join(map(str, missing))} have no held-out row: their forgotten "
            "rows are left out of the attacks."
        )
    usable = held_out > 0
    members = np.flatnonzero(mask & np.isin(data.y, labels[usable]))
    scale = (held_out[usable] / forgotten[usable]).min()
    wanted = np.maximum(1, np.floor(scale * forgotten[usable] + 1e-9)).astype(int)
    nonmembers = np.concatenate(
        [
            rng.permutation(np.flatnonzero(data.y_test == label))[:count]
            for label, count in zip(labels[usable], wanted, strict=True)
        ]
    )
    return members, np.sort(nonmembers)
