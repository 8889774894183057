"""What a ledger gives as evidence: receipts, anchors, verifications, erasure records."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ._chain import as_text
from ._erasure_record import ErasureRecord, erasure_record
from ._opened import OpenLedger
from ._receipts import receipt_of
from ._subjects import Subjects
from ._verification import Verification, verified

__all__ = ["LedgerEvidence", "with_zone"]


class LedgerEvidence(OpenLedger):
    """A ledger's evidence, for customers and supervisors."""

    def receipt(self, number: int) -> dict:
        """The receipt of an honoured request: plain JSON with an HMAC-SHA256 under your key.

        Parameters
        ----------
        number : int

        Returns
        -------
        dict

        Raises
        ------
        LedgerError
            There is no such request, or it was not honoured.
        """
        with self._database.reading() as connection:
            return receipt_of(connection, self._key(), self._named(), number)

    def anchor(self) -> dict:
        """Where the ledger ends now. Kept elsewhere, it shows later whether entries went missing.

        Returns
        -------
        dict
            For ``verify(anchor=)``.
        """
        with self._writing() as chain:
            told = {
                "format": "skqmu.anchor/1",
                **self._named(),
                "entry": chain.seq,
                "link": chain.link.hex(),
                "time": as_text(self._clock()),
            }
        return told

    def verify(
        self,
        model: Any = None,
        *,
        ids: Any = None,
        rows: Any = None,
        files: Iterable[str | os.PathLike] = (),
        receipts: Iterable[dict] = (),
        anchor: dict | None = None,
        trust: bool | Sequence[str] = False,
    ) -> Verification:
        """Whether the ledger is as it was written, and the model is without those it has forgotten.

        Parameters
        ----------
        model : path-like or fitted estimator, default=None
            A file is also compared with the version that the ledger knows.
        ids : path-like, iterable or callable, default=None
            Ids to ask the model about, where it does not tell its own.
        rows : array-like or DataFrame, default=None
            Rows that were deleted: the model is asked about them, and their bytes are looked for in
            its files. (An equal row of somebody who stays has the same bytes.)
        files : iterable of path-like, default=()
            More files of the model: copies, checkpoints, exports.
        receipts : iterable of dict, default=()
            Receipts that somebody shows.
        anchor : dict, default=None
            Of `anchor`, or an erasure record's, from earlier.
        trust : bool or list of str, default=False

        Returns
        -------
        Verification
            Honoured requests whose subject is found to be no member become ``"verified"``, unless
            anything is wrong.
        """
        return verified(
            self._database,
            self._key(),
            self._clock,
            self._named(),
            model=model,
            subjects=Subjects(self._key(), ids, rows),
            files=files,
            receipts=receipts,
            anchor=anchor,
            trust=trust,
        )

    def record(
        self,
        number: int | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        audit: Any = None,
    ) -> ErasureRecord:
        """The erasure record of a request, or of all that were received in a period.

        Parameters
        ----------
        number : int, default=None
        since, until : datetime, default=None
            With a time zone; without `number`.
        audit : AuditReport or dict, default=None
            Evidence: an audit of the same way to forget. What stands in the record is its verdicts,
            no row and no class.

        Returns
        -------
        ErasureRecord

        Raises
        ------
        ValueError
            A request and a period at once.
        """
        if number is not None and (since is not None or until is not None):
            raise ValueError("name either a request or a period (since=, until=).")
        period = [None if each is None else as_text(with_zone(each)) for each in (since, until)]
        anchor = self.anchor()
        with self._database.reading() as connection:
            return erasure_record(
                connection,
                self._key(),
                number=number,
                period=period,
                anchor=anchor,
                audit=getattr(audit, "data", audit),
                created=as_text(self._clock()),
            )


def with_zone(time: datetime) -> datetime:
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ValueError(
            f"{time!r} must be a datetime with a time zone, such as datetime.now(timezone.utc)."
        )
    return time
