"""The way of a batch: exactly once, whatever is killed in between.

A database and a model file cannot be committed together. So the ledger says "prepared", with the
digests of both versions; the file is replaced in one step; the ledger says "honoured". Whoever
comes after a kill compares the file with the two digests and finishes, or begins again.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..exceptions import (
    ModelMismatchError,
    NotATrainingSampleError,
    TrainingDivergedError,
    UnlearningError,
)
from ._artefact import Artefact
from ._canonical import Keys
from ._chain import Chain, as_time, entries_of, entry_at
from ._database import Database
from ._how import REASONS, how_it_forgot
from ._policy import BatchingPolicy
from ._subjects import Subjects, are_members, final_step, forget

__all__ = ["Batch", "Honouring", "mismatch", "recover"]


@dataclass(frozen=True)
class Batch:
    """What became of requests that were honoured together.

    Parameters
    ----------
    number : int
        The entry of the ledger that made it.
    why : str
        Why it was due.
    honoured : tuple of int
        Numbers of its requests that the model has forgotten.
    failed : tuple of int
        Those that it could not; the ledger says why.
    waiting : tuple of int
        Those whose id or row is not at hand: they wait on.
    strategy : str or None
        How the model forgot; None: it did not have to.
    claim : str or None
        What it claims: ``"exact"``, ``"certified"``, ``"approximate"``.

    Examples
    --------
    >>> from skqmu.ledger import Batch
    >>> Batch(3, "asked for", honoured=(1, 2), failed=(), waiting=()).honoured
    (1, 2)
    """

    number: int
    why: str
    honoured: tuple
    failed: tuple
    waiting: tuple
    strategy: str | None = None
    claim: str | None = None


@dataclass(frozen=True)
class _Taken:
    """A batch that is to be honoured: keyed hashes of its subjects, by the requests' numbers."""

    number: int
    kind: str
    subjects: dict
    why: str


class _Changed(Exception):
    """Requests of the batch were withdrawn while the model forgot them."""


class Honouring:
    """One worker's way with one model file, under the lock that only one worker has.

    Parameters
    ----------
    database : Database
    keys : Keys
    clock : callable
    artefact : Artefact
    subjects : Subjects
    options : dict
        For `unlearn`.
    beyond_reach : sequence of str
    kept : tuple of (str, object) or None
        Digest of a file, and the model that is in it.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Callable[[], datetime],
        artefact: Artefact,
        subjects: Subjects,
        *,
        options: dict,
        beyond_reach: Sequence[str] = (),
        kept: tuple[str, Any] | None = None,
    ):
        self._database = database
        self._keys = keys
        self._clock = clock
        self._artefact = artefact
        self._subjects = subjects
        self._options = options
        self._beyond_reach = beyond_reach
        self.kept = kept

    def run(self, policy: BatchingPolicy | None) -> Batch | None:
        """Finish what a kill has left, then honour a batch if one is due."""
        recover(self._writing, self._artefact)
        while (taken := self._taken(policy)) is not None:
            with contextlib.suppress(_Changed):  # the rest of the batch is taken again
                return self._carried_out(taken)
        return None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Chain]:
        with self._database.writing() as connection:
            yield Chain(connection, self._keys, self._clock)

    def _taken(self, policy: BatchingPolicy | None) -> _Taken | None:
        """The batch that a killed worker had begun, or a new one; None: none is due."""
        with self._writing() as chain:
            begun = chain.connection.execute(
                "SELECT min(batch) FROM requests WHERE state = 'batched'"
            ).fetchone()[0]
            if begun is not None:
                return _taken_again(chain, begun)
            waiting = _waiting(chain, policy)
            if waiting is None:
                return None
            numbers, kind, why = waiting
            batch = chain.append("batched", batch=chain.seq + 1, requests=numbers, why=why)
            return _Taken(batch, kind, _subjects_of(chain, batch), why)

    def _carried_out(self, taken: _Taken) -> Batch:
        model = self._read()
        found = self._subjects.found(taken.kind, taken.subjects.values(), model)
        values = {n: found[s] for n, s in taken.subjects.items() if s in found}
        others = [n for n in taken.subjects if n not in values]
        absent = others if self._subjects.tells(taken.kind, model) else []
        waiting = [n for n in others if n not in absent]
        n_before = len(getattr(final_step(model), "unlearning_log_", ()))
        values, refused = self._forgotten(taken.kind, values, model)
        if waiting:
            self._put_off(taken, waiting, "returned", why="its id or row is not at hand")
        if absent or refused.get("not a member"):
            gone = sorted([*absent, *refused.get("not a member", ())])
            self._put_off(taken, gone, "failed", reason=REASONS["not a member"])
        if "failed" in refused:
            self._put_off(taken, refused["failed"], "failed", reason=REASONS["failed"])
        method: dict[str, Any] = {}
        if values:
            method, result = how_it_forgot(model, n_before, self._beyond_reach)
            self._replaced(taken, values, model, method, result)
        return Batch(
            number=taken.number,
            why=taken.why,
            honoured=tuple(sorted(values)),
            failed=tuple(sorted([*absent, *(n for some in refused.values() for n in some)])),
            waiting=tuple(waiting),
            strategy=method.get("strategy"),
            claim=method.get("claim"),
        )

    def _read(self) -> Any:
        """The model in the file, which is the one that the ledger knows."""
        digest = self._artefact.digest()
        kept, self.kept = self.kept, None  # whatever comes of it, it will be another model
        if kept is None or kept[0] != digest:
            kept = self._artefact.read()
        self._digest = kept[0]
        with self._writing() as chain:
            known = chain.known_model()
            if known is None:
                chain.append("adopted", model=self._digest, reason="the first that was seen")
            elif known != self._digest:
                raise mismatch(chain.connection, self._artefact.path, self._digest)
        return kept[1]

    def _forgotten(self, kind: str, values: dict, model: Any) -> tuple[dict, dict]:
        """Requests that the model has forgotten, and those that it refused, by why."""
        refused: dict[str, list] = {}
        values = dict(values)
        while values:
            try:
                forget(model, kind, self._subjects.asked(kind, values.values()), self._options)
                break
            except NotATrainingSampleError as error:
                numbers = list(values)
                named = [numbers[place] for place in error.rows if place < len(numbers)]
                if not named and len(values) > 1:
                    raise  # which of them is wrong nobody says
                for number in named or numbers:
                    del values[number]
                    refused.setdefault("not a member", []).append(number)
            except (UnlearningError, TrainingDivergedError):
                refused["failed"], values = sorted(values), {}
        return values, refused

    def _put_off(self, taken: _Taken, numbers: list, kind: str, **facts: Any) -> None:
        with self._writing() as chain:
            chain.append(kind, requests=_still(chain, taken.number, numbers), **facts)

    def _replaced(self, taken, values, model, method, result) -> None:
        """The next version in the file's place, and the ledger's word of it."""
        numbers = sorted(values)
        digests = {"before": self._digest}
        try:
            digests["after"] = self._artefact.stage(model, taken.number)
            with self._writing() as chain:
                if _still(chain, taken.number, numbers) != numbers:
                    raise _Changed
                prepared = chain.append(
                    "prepared",
                    batch=taken.number,
                    requests=numbers,
                    how=chain.content(method),
                    result=result,
                    **digests,
                )
        except BaseException:
            self._artefact.clean()
            raise
        self._artefact.put(taken.number)
        asked = self._subjects.asked(taken.kind, values.values())
        members = are_members(model, taken.kind, asked)
        with self._writing() as chain:
            _honoured(chain, taken.number, numbers, prepared, digests["after"])
            if members is not None and not any(members):
                chain.append("verified", requests=numbers)
        self.kept = digests["after"], model


def recover(writing: Callable, artefact: Artefact) -> None:
    """Finish, or put back in the queue, what was prepared when its worker was killed.

    Parameters
    ----------
    writing : callable
        Gives a context with the chain's end.
    artefact : Artefact

    Raises
    ------
    ModelMismatchError
        The file is neither of the two versions.
    """
    with writing() as chain:
        prepared = chain.connection.execute(
            "SELECT DISTINCT batch, entry FROM requests WHERE state = 'prepared'"
        ).fetchall()
        for batch, seq in prepared:
            body = entry_at(chain.connection, seq)
            digest = artefact.digest()
            if digest == body["before"] and artefact.staged_digest(batch) == body["after"]:
                artefact.put(batch)
                digest = body["after"]
            if digest == body["after"]:
                _honoured(chain, batch, body["requests"], seq, digest)
            elif digest == body["before"]:
                chain.append("returned", requests=body["requests"], why="its worker was killed")
            else:
                raise mismatch(chain.connection, artefact.path, digest)
    artefact.clean()


def mismatch(connection: sqlite3.Connection, path: Path, digest: str) -> ModelMismatchError:
    """The error that says what a file is instead of the version that the ledger knows."""
    what = "no version that the ledger knows: it was swapped, or trained anew"
    for entry in entries_of(connection):
        if entry.body.get("before") == digest:
            what = (
                f"the version before batch {entry.body['batch']}: an old copy was put back, and "
                "later deletions are undone in it"
            )
            break
    return ModelMismatchError(
        f"{path} is {what}. Nothing was changed. Put the right file in its place; or, if it is "
        "meant, ledger.adopt(path, reason=...), which can ask for the deletions again "
        "(repeat=True)."
    )


def _honoured(chain: Chain, batch: int, numbers: list, prepared: int, after: str) -> None:
    chain.append("honoured", batch=batch, requests=numbers, prepared=prepared, model=after)


def _taken_again(chain: Chain, batch: int) -> _Taken:
    kind = chain.connection.execute(
        "SELECT kind FROM requests WHERE batch = ? AND state = 'batched' LIMIT 1", (batch,)
    ).fetchone()[0]
    return _Taken(batch, kind, _subjects_of(chain, batch), "it was begun before")


def _subjects_of(chain: Chain, batch: int) -> dict:
    return dict(
        chain.connection.execute(
            "SELECT number, subject FROM requests WHERE batch = ? AND state = 'batched' "
            "ORDER BY number",
            (batch,),
        )
    )


def _still(chain: Chain, batch: int, numbers: list) -> list:
    """Of some requests, those that are still in the batch."""
    return [n for n in numbers if n in _subjects_of(chain, batch)]


def _waiting(chain: Chain, policy: BatchingPolicy | None) -> tuple[list, str, str] | None:
    """Numbers of the requests of the next batch, what they name, and why it is due."""
    waiting = chain.connection.execute(
        "SELECT number, kind, due FROM requests WHERE state = 'received' "
        "ORDER BY due IS NULL, due, number"
    ).fetchall()
    if not waiting:
        return None
    kind = waiting[0][1]
    waiting = [each for each in waiting if each[1] == kind]
    if policy is None:
        why, size = "it was asked for", len(waiting)
    else:
        due = waiting[0][2]
        why = policy.why_now(len(waiting), None if due is None else as_time(due), chain.now)
        size = policy.size(len(waiting))
    return None if why is None else (sorted(n for n, *_ in waiting[:size]), kind, why)
