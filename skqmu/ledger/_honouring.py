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
from typing import Any, NamedTuple

from ..exceptions import (
    ModelMismatchError,
    NotATrainingSampleError,
    TrainingDivergedError,
    UnlearningError,
)
from ._artefact import Artefact
from ._canonical import Keys
from ._chain import Chain, as_time, entries_of, entry_at, noted
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
    strategy : str or None
        How the model forgot; None: it did not have to.
    claim : str or None
        What it claims: ``"exact"``, ``"certified"``, ``"approximate"``.

    Examples
    --------
    >>> from skqmu.ledger import Batch
    >>> Batch(3, "asked for", honoured=(1, 2), failed=()).honoured
    (1, 2)
    """

    number: int
    why: str
    honoured: tuple
    failed: tuple
    strategy: str | None = None
    claim: str | None = None


@dataclass(frozen=True)
class _Taken:
    """A batch that is to be honoured: keyed hashes of its subjects, by the requests' numbers."""

    number: int
    kind: str
    subjects: dict
    why: str


class _Waiting(NamedTuple):
    """A request in the queue."""

    number: int
    kind: str
    subject: bytes
    due: str | None


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
    keep_log : int or None
        Entries of its log that the model keeps; None: all.
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
        keep_log: int | None = None,
        kept: tuple[str, Any] | None = None,
    ):
        self._database = database
        self._keys = keys
        self._clock = clock
        self._artefact = artefact
        self._subjects = subjects
        self._options = options
        self._beyond_reach = beyond_reach
        self._keep_log = keep_log
        self.kept = kept

    def run(self, policy: BatchingPolicy | None) -> Batch | None:
        """Finish what a kill has left, then honour a batch if one is due."""
        recover(self._database, self._writing, self._artefact)
        while self._may_be_due(policy):
            model = self._read()
            taken = self._taken(policy, model)
            if taken is None:
                self.kept = self._digest, model
                return None
            with contextlib.suppress(_Changed):  # the rest of the batch is taken again
                return self._carried_out(taken, model)
        return None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Chain]:
        with self._database.writing() as connection:
            yield Chain(connection, self._keys, self._clock)

    def _may_be_due(self, policy: BatchingPolicy | None) -> bool:
        """Whether it is worth reading the model."""
        with self._database.reading() as connection:
            chain = Chain(connection, self._keys, self._clock)
            return _begun(chain) is not None or _due(chain, policy, _waiting(chain)) is not None

    def _taken(self, policy: BatchingPolicy | None, model: Any) -> _Taken | None:
        """The batch that a killed worker had begun, or a new one; None: none is due."""
        with self._writing() as chain:
            batch = _begun(chain)
            if batch is not None:
                kind, subjects = _subjects_of(chain, batch)
                return _Taken(batch, kind, subjects, "it was begun before")
            waiting = self._at_hand(_waiting(chain), model)
            why = _due(chain, policy, waiting)
            if why is None:
                return None
            # of one kind, that of the nearest deadline: a model is asked for one at a time
            waiting = [each for each in waiting if each.kind == waiting[0].kind]
            size = len(waiting) if policy is None else policy.size(len(waiting))
            subjects = {each.number: each.subject for each in waiting[:size]}
            batch = chain.append("batched", batch=chain.seq + 1, requests=sorted(subjects), why=why)
            return _Taken(batch, waiting[0].kind, subjects, why)

    def _at_hand(self, waiting: list, model: Any) -> list:
        """Those whose id or row can be told, or is known not to be the model's."""
        good = set()
        for kind in ("id", "row"):
            wanted = {each.subject for each in waiting if each.kind == kind}
            if self._subjects.tells(kind, model):
                good |= wanted
            elif wanted:
                good |= self._subjects.found(kind, wanted, model).keys()
        return [each for each in waiting if each.subject in good]

    def _carried_out(self, taken: _Taken, model: Any) -> Batch:
        found = self._subjects.found(taken.kind, taken.subjects.values(), model)
        values = {n: found[s] for n, s in taken.subjects.items() if s in found}
        others = [n for n in taken.subjects if n not in values]
        absent = others if self._subjects.tells(taken.kind, model) else []
        n_before = len(getattr(final_step(model), "unlearning_log_", ()))
        values, refused = self._forgotten(taken.kind, values, model)
        gone = sorted([*absent, *refused.get("not a member", ())])
        failed = refused.get("failed", [])
        if len(absent) < len(others):  # begun by somebody who had them at hand
            self._put_off(taken, others, "returned", why="its id or row is not at hand")
        if gone:
            self._put_off(taken, gone, "failed", reason=REASONS["not a member"])
        if failed:
            self._put_off(taken, failed, "failed", reason=REASONS["failed"])
        method: dict[str, Any] = {}
        if values:
            method, result = how_it_forgot(model, n_before, self._beyond_reach)
            self._replaced(taken, values, model, method, result)
        return Batch(
            number=taken.number,
            why=taken.why,
            honoured=tuple(sorted(values)),
            failed=tuple(sorted([*gone, *failed])),
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
        with self._database.reading() as connection:
            known = noted(connection, "model")
            if known not in (None, self._digest):
                raise mismatch(connection, self._artefact.path, self._digest)
        if known is None:  # only who has the right to work notes a model
            with self._writing() as chain:
                chain.append("adopted", model=self._digest, reason="the first that was seen")
        return kept[1]

    def _check_unchanged(self) -> None:
        """Do not write over a file that somebody else has put in place meanwhile."""
        digest = self._artefact.digest()
        if digest != self._digest:
            with self._database.reading() as connection:
                raise mismatch(connection, self._artefact.path, digest)

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
            left = _still(chain, taken.number, numbers)
            if left:
                chain.append(kind, requests=left, **facts)

    def _replaced(self, taken, values, model, method, result) -> None:
        """The next version in the file's place, and the ledger's word of it."""
        numbers = sorted(values)
        digests = {"before": self._digest}
        if self._keep_log is not None and hasattr(final_step(model), "trim_log"):
            final_step(model).trim_log(self._keep_log)
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
        self._check_unchanged()
        self._artefact.put(taken.number)
        asked = self._subjects.asked(taken.kind, values.values())
        members = are_members(model, taken.kind, asked)
        with self._writing() as chain:
            _honoured(chain, taken.number, numbers, prepared, digests["after"])
            if members is not None and not any(members):
                chain.append("verified", requests=numbers)
        self.kept = digests["after"], model


def recover(database: Database, writing: Callable, artefact: Artefact) -> None:
    """Finish, or put back in the queue, what was prepared when its worker was killed.

    Parameters
    ----------
    database : Database
    writing : callable
        Gives a context with the chain's end.
    artefact : Artefact

    Raises
    ------
    ModelMismatchError
        The file is neither of the two versions.
    """
    with database.reading() as connection:
        prepared = connection.execute(
            "SELECT DISTINCT batch, entry FROM requests WHERE state = 'prepared'"
        ).fetchall()
    for batch, seq in prepared:  # which only who has the right to work changes
        with writing() as chain:
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


def _begun(chain: Chain) -> int | None:
    """The batch that a worker took and did not carry out."""
    return chain.connection.execute(
        "SELECT min(batch) FROM requests WHERE state = 'batched'"
    ).fetchone()[0]


def _subjects_of(chain: Chain, batch: int) -> tuple[str, dict]:
    """What the requests that are still in a batch name, and by their numbers whom."""
    found = chain.connection.execute(
        "SELECT number, subject, kind FROM requests WHERE batch = ? AND state = 'batched' "
        "ORDER BY number",
        (batch,),
    ).fetchall()
    return (found[0][2] if found else ""), {number: subject for number, subject, _ in found}


def _still(chain: Chain, batch: int, numbers: list) -> list:
    """Of some requests, those that are still in the batch."""
    _, subjects = _subjects_of(chain, batch)
    return [n for n in numbers if n in subjects]


def _waiting(chain: Chain) -> list[_Waiting]:
    """Requests in the queue, the nearest deadline first."""
    found = chain.connection.execute(
        "SELECT number, kind, subject, due FROM requests WHERE state = 'received' "
        "ORDER BY due IS NULL, due, number"
    )
    return [_Waiting(*each) for each in found]


def _due(chain: Chain, policy: BatchingPolicy | None, waiting: list[_Waiting]) -> str | None:
    """Why those that wait are due now, or None."""
    if not waiting:
        return None
    if policy is None:
        return "it was asked for"
    due = waiting[0].due
    return policy.why_now(len(waiting), None if due is None else as_time(due), chain.now)
