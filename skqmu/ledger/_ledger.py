"""`DeletionLedger`: requests in, deletions carried out once, evidence out."""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from .._text import one_line
from ..exceptions import LedgerError
from ._artefact import Artefact
from ._chain import as_text
from ._evidence import LedgerEvidence, with_zone
from ._honouring import Batch, Honouring, recover
from ._intake import asked_again, earlier_of, receive
from ._opened import request_of
from ._policy import BatchingPolicy
from ._requests import Request
from ._subjects import Subjects, ids_of_file

__all__ = ["DeletionLedger"]

_LONGEST_REASON = 300


class DeletionLedger(LedgerEvidence):
    """Deletion requests of one model: honoured exactly once, and proven as far as possible.

    A SQLite file. It holds no row, no label and no id: only hashes of ids and rows under a key that
    you keep. Entries are chained by keyed hashes, so that one that is removed or changed shows.
    Several processes may work on it. See ``docs/ledger.md``.

    Parameters
    ----------
    path : path-like
        The ledger's file, made where it is not there. On a local disk: locks of network file
        systems do not hold, and those that are known are refused.
    key : bytes, default=None
        At least 16 random bytes, kept outside the ledger: the same each time. None: an
        existing ledger is only looked at (`requests`, `request`, `history`).
    key_id : str, default=None
        What receipts call the key, when the ledger is made; None: eight digits of its own.
    timeout : float, default=30.0
        Seconds to wait for others who write, or who work on the model.
    clock : callable, default=None
        Gives the time as an aware datetime; None: the system's. Where it goes backwards, entries
        say so, and deadlines go by the latest time that was seen.

    Attributes
    ----------
    ledger_id : str
        Random name of this ledger.
    key_id : str

    Raises
    ------
    LedgerError
        The file cannot be opened or made, is something else, or was made with another key.
    LedgerBusyError
        Others had it for longer than `timeout`.
    ValueError
        `key` is none.

    Examples
    --------
    >>> import pathlib, secrets, tempfile
    >>> import skqmu
    >>> from sklearn.datasets import load_iris
    >>> from skqmu.ledger import DeletionLedger
    >>> X, y = load_iris(return_X_y=True)
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = pathlib.Path(folder.name, "model.joblib")
    >>> _ = skqmu.save(skqmu.QNNClassifier(max_iter=3, random_state=0).fit(X, y), model)
    >>> ledger = DeletionLedger(pathlib.Path(folder.name, "deletions.db"), key=bytes(range(32)))
    >>> ledger.receive(row=X[3])
    Request(number=1, kind='row', state='received', ...)
    >>> batch = ledger.honour(model, rows=X, trust=True)
    >>> batch.honoured, batch.claim, ledger.request(1).state
    ((1,), 'exact', 'verified')
    >>> ledger.verify(model, rows=X[[3]], trust=True).is_good
    True
    >>> folder.cleanup()
    """

    # ------------------------------------------------------------------------ requests come in

    def receive(
        self,
        subject: Any = None,
        *,
        row: Any = None,
        due: datetime | timedelta | None = None,
        reference: str | None = None,
    ) -> Request:
        """Take down a request.

        Parameters
        ----------
        subject : str or int, default=None
            The id whose rows are to be forgotten.
        row : array-like of shape (n_features,), default=None
            Instead of an id: a row, as the model's own input has it. It is named again, bit by bit,
            when it is honoured.
        due : datetime or timedelta, default=None
            By when, or how long from now. A datetime has a time zone.
        reference : str, default=None
            What you call the request, such as a ticket's number. Only its keyed hash is kept. With
            the same reference a request is taken down once, however often it is sent.

        Returns
        -------
        Request
            ``state`` is ``"superseded"`` where the same subject's request is open already (its
            deadline becomes the nearer of both), or was honoured since the model was last
            adopted: nothing is left to do then.

        Raises
        ------
        ValueError
            Neither or both of `subject` and `row`; the reference was another subject's.
        TypeError
            They are no id, or no row.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from datetime import timedelta
        >>> from skqmu.ledger import DeletionLedger
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = DeletionLedger(pathlib.Path(folder, "deletions.db"), key=bytes(range(32)))
        ...     one = ledger.receive("customer 7", due=timedelta(days=30), reference="T-1")
        ...     again = ledger.receive("customer 7", reference="T-1")
        ...     other = ledger.receive("customer 7", reference="T-2")
        >>> again.number, other.state, other.other
        (1, 'superseded', 1)
        """
        if (subject is None) == (row is None):
            raise ValueError("name the subject either by its id or by row=.")
        kind, value = ("id", subject) if row is None else ("row", row)
        with self._writing() as chain:
            number = receive(chain, self._key(), kind, value, self._due(due), reference)
            return request_of(chain.connection, number)

    def receive_all(
        self, subjects: Any, *, due: datetime | timedelta | None = None
    ) -> list[Request]:
        """Take down many requests by id at once: all of them, or none.

        Parameters
        ----------
        subjects : path-like or iterable of ids
            A file has one id a line.
        due : datetime or timedelta, default=None

        Returns
        -------
        list of Request
        """
        if isinstance(subjects, str | os.PathLike):
            subjects = ids_of_file(subjects)
        with self._writing() as chain:
            by = self._due(due)
            numbers = [receive(chain, self._key(), "id", each, by, None) for each in subjects]
            return [request_of(chain.connection, number) for number in numbers]

    def withdraw(self, number: int, reason: str) -> Request:
        """End a request that its sender takes back.

        Parameters
        ----------
        number : int
        reason : str
            Without personal data: it is kept, and shown in records.

        Returns
        -------
        Request

        Raises
        ------
        LedgerError
            It is honoured, about to be (``"prepared"``), or has ended otherwise.

        Notes
        -----
        Requests that it superseded have ended with it.
        """
        return self._changed(number, ("received", "batched"), "withdrawn", reason=_reason(reason))

    def retry(self, number: int) -> Request:
        """Put a request that failed back in the queue.

        Parameters
        ----------
        number : int

        Returns
        -------
        Request

        Raises
        ------
        LedgerError
            It has not failed.
        """
        return self._changed(
            number, ("failed",), "returned", why="to be tried again", unless=earlier_of
        )

    # ------------------------------------------------------------------------ and are honoured

    def honour(
        self,
        model: str | os.PathLike,
        *,
        policy: BatchingPolicy | None = None,
        ids: Any = None,
        rows: Any = None,
        trust: bool | Sequence[str] = False,
        beyond_reach: Sequence[str] = (),
        keep_log: int | None = 100,
        **request: Any,
    ) -> Batch | None:
        """Let the model in a file forget the requests that are due, once and for all.

        Parameters
        ----------
        model : path-like
            A file of :func:`skqmu.save`; it is replaced by the next version in one step.
        policy : BatchingPolicy or None, default=None
            None: all that waits, now.
        ids : path-like, iterable or callable, default=None
            Ids among which those of the requests are: your own queue. Not needed where
            the model keeps ids itself.
        rows : array-like or DataFrame, default=None
            Rows among which those of the requests are.
        trust : bool or list of str, default=False
            As for :func:`skqmu.load`: a pickle runs what is in it.
        beyond_reach : sequence of str, default=()
            What you know that no request reaches, such as ``"backups of the last 30 days"``: it
            stands in each receipt. Without personal data.
        keep_log : int or None, default=100
            How many of the last entries of its own log the model's file keeps: the ledger has what
            they say. None: all, and each request takes a little longer than the one before.
        **request : dict
            For `unlearn`: ``strategy=``, ``X_retain=``, ``fingerprint_key=``, ...

        Returns
        -------
        Batch or None
            None: nothing was due. Requests whose id or row is not at hand stay in the queue; a
            batch is of requests by id, or of requests by row.

        Raises
        ------
        ModelMismatchError
            The file is not the version that the ledger knows.
        LedgerBusyError
            Another worker has the model.
        Exception
            Whatever `unlearn`, or the disk, says that concerns no single request. The model is as
            it was, and the requests are honoured when `honour` is called again.

        Notes
        -----
        Killed at any moment, by whatever: the next call finds out what was done and finishes, or
        begins again; each request is honoured exactly once.
        """
        artefact = Artefact(model, self._key(), trust)
        with self._database.working():
            work = Honouring(
                self._database,
                self._key(),
                self._clock,
                artefact,
                Subjects(self._key(), ids, rows),
                options=request,
                beyond_reach=beyond_reach,
                keep_log=keep_log,
                kept=self._kept,
            )
            self._kept = None
            try:
                return work.run(policy)
            finally:
                self._kept = work.kept

    def recover(self, model: str | os.PathLike) -> None:
        """Finish what was cut off, and honour nothing new.

        Parameters
        ----------
        model : path-like
        """
        with self._database.working():
            recover(self._database, self._writing, Artefact(model, self._key()))

    def adopt(
        self,
        model: str | os.PathLike,
        reason: str,
        *,
        repeat: bool = False,
        trust: bool | Sequence[str] = False,
    ) -> list[Request]:
        """Take a model file that the ledger did not make: trained anew, or put back from a backup.

        Parameters
        ----------
        model : path-like
        reason : str
            Kept, and shown in records.
        repeat : bool, default=False
            Ask for the deletion of everybody again who was deleted and is a member of it
            (by id, where the model keeps ids).
        trust : bool or list of str, default=False

        Returns
        -------
        list of Request
            The new ones, with ``repeat=True``.
        """
        reason = _reason(reason)
        artefact = Artefact(model, self._key(), trust)
        with self._database.working():
            digest, fitted = artefact.read() if repeat else (artefact.digest(), None)
            with self._writing() as chain:
                pending = chain.connection.execute(
                    "SELECT number FROM requests WHERE state IN ('prepared', 'batched')"
                ).fetchall()
                if pending:
                    numbers = [number for (number,) in pending]
                    chain.append("returned", requests=numbers, why="another model was adopted")
                chain.append("adopted", model=digest, reason=reason)
                again = asked_again(chain, Subjects(self._key()), fitted) if repeat else []
                requests = [request_of(chain.connection, number) for number in again]
            artefact.clean()
            self._kept = None
        return requests

    def _due(self, due: datetime | timedelta | None) -> str | None:
        if due is None:
            return None
        if isinstance(due, timedelta):
            due = self._clock() + due
        return as_text(with_zone(due))

    def _changed(
        self, number: int, states: tuple, kind: str, *, unless: Any = None, **facts: Any
    ) -> Request:
        with self._writing() as chain:
            request = request_of(chain.connection, number)
            if request.state not in states:
                raise LedgerError(
                    f"request {number} is {request.state}; this is for one that is "
                    f"{' or '.join(states)}."
                )
            why_not = None if unless is None else unless(chain, number)
            if why_not is not None:
                raise LedgerError(f"request {number} has nothing to do: {why_not}.")
            chain.append(kind, requests=[number], **facts)
            return request_of(chain.connection, number)


def _reason(text: str) -> str:
    text = one_line(text)
    if not text or len(text) > _LONGEST_REASON:
        raise ValueError(
            f"reason must be a text of 1 to {_LONGEST_REASON} letters; got {len(text)}."
        )
    return text
