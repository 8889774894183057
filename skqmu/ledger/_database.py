"""The ledger's file: SQLite with a write-ahead log, every error in words that help."""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..exceptions import LedgerBusyError, LedgerError

__all__ = ["Database"]

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE contents (number INTEGER PRIMARY KEY, tag BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE entries (seq INTEGER PRIMARY KEY, body BLOB NOT NULL, link BLOB NOT NULL);
CREATE TABLE requests (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject BLOB NOT NULL, reference BLOB UNIQUE,
    state TEXT NOT NULL, received TEXT NOT NULL, due TEXT, batch INTEGER,
    entry INTEGER NOT NULL, honoured INTEGER, other INTEGER, reason TEXT
);
CREATE INDEX by_subject ON requests (subject);
CREATE INDEX by_state ON requests (state, due) WHERE state IN ('received', 'batched', 'prepared');
CREATE INDEX by_batch ON requests (batch) WHERE batch IS NOT NULL;
"""
# Locks of such file systems are not to be relied on, and the write-ahead log needs shared memory.
_NETWORK = {
    *(
        "afs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
    ),
    *("nfs", "nfs4", "smb2", "smb3", "smbfs"),
}
_MOUNTS = Path("/proc/self/mountinfo")
# Another process may be making the same file: tried so often, with such pauses.
_TRIES, _PAUSE = 50, 0.02
# The words of SQLite's error codes that a caller can do something about.
_WAYS_OUT = {
    "SQLITE_FULL": "the disk is full (or a quota is): nothing of this was written; make room and "
    "ask again",
    "SQLITE_READONLY": "it cannot be written to: its folder must be writable too, for the files "
    "-wal and -shm beside it",
    "SQLITE_CANTOPEN": "it cannot be opened: its folder must be there and writable, for the files "
    "-wal and -shm beside it",
    "SQLITE_IOERR": "the disk failed, or is full: nothing of this was written; look at it, then "
    "ask again",
    "SQLITE_NOTADB": "it is no ledger: another kind of file has this name",
    "SQLITE_CORRUPT": "it is damaged: put a copy back, and compare it with an anchor that you kept "
    "(ledger.anchor())",
    "SQLITE_PERM": "you may not open it",
    "SQLITE_AUTH": "you may not open it",
}


class Database:
    """A connection for each piece of work: nothing is open between them, in no thread or process.

    Parameters
    ----------
    path : path-like
        Made where it is not there, readable for its owner alone.
    timeout : float
        Seconds to wait for others who write.
    """

    def __init__(self, path: str | os.PathLike, timeout: float):
        self.path = Path(path).absolute()
        self.timeout = timeout

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One view of the ledger, whatever others write meanwhile."""
        with self._told(), contextlib.closing(self._connected()) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All of it on the disk at the end, or nothing; one writer at a time."""
        with self._told(), contextlib.closing(self._connected()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            # It is committed: who still reads, or a full disk, only leaves this to the next writer.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA busy_timeout=0").fetchall()  # nor is anybody waited for
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """The right to work on the model: one thread of one process has it, until its end.

        An exclusive lock of SQLite on an empty file beside the ledger: it ends with its process,
        however that ends, and no clock is asked.
        """
        lock = self.path.with_name(f"{self.path.name}-worker")
        with self._told("another worker is at work on the model", lock):
            connection = sqlite3.connect(lock, timeout=self.timeout, isolation_level=None)
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except BaseException:
                connection.close()
                raise
        try:
            yield
        finally:
            connection.close()

    def create(self, fill: Callable[[sqlite3.Connection], None]) -> None:
        """Make the tables where there are none, with what `fill` writes, at one stroke."""
        self._refuse_network()
        if self.has_tables():
            return
        with self._told():
            try:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as error:
                raise LedgerError(
                    f"{self.path} cannot be made: its folder must be there, and writable "
                    f"({error.strerror})."
                ) from error
            self._use_write_ahead_log()
        with self.writing() as connection:
            if _tables(connection):  # another process was quicker
                return
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            fill(connection)

    def has_tables(self) -> bool:
        """Whether the file is there and is not empty."""
        if not self.path.is_file():
            return False
        with self.reading() as connection:
            return bool(_tables(connection))

    def _use_write_ahead_log(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                with contextlib.closing(self._connected()) as connection:
                    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
                if mode == "wal":
                    return
                raise LedgerError(
                    f"{self.path}: this file system has no write-ahead log (SQLite stays at "
                    f"{mode!r}): put the ledger on a local disk."
                )
            except sqlite3.OperationalError as error:
                # SQLite does not wait here by itself.
                if not left or not _code(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                    raise
                time.sleep(_PAUSE)

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self.timeout, isolation_level=None)
        try:
            connection.execute("PRAGMA secure_delete=ON").fetchall()
            connection.execute("PRAGMA synchronous=FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _told(self, busy="others write to it", path=None) -> Iterator[None]:
        """Whatever SQLite says, with the file's name and the way out."""
        path = self.path if path is None else path
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = _code(error)
            if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise LedgerBusyError(
                    f"{path}: {busy}, and {self.timeout:g} s of waiting are over; the ledger is as "
                    "it was. Ask again, or wait longer (timeout=)."
                ) from error
            for known, way_out in _WAYS_OUT.items():
                if code.startswith(known):
                    raise LedgerError(f"{path}: {way_out} ({error}).") from error
            raise LedgerError(f"{path}: {error} ({code or type(error).__name__}).") from error

    def _refuse_network(self) -> None:
        kind = _kind_of_file_system(self.path.parent)
        if kind in _NETWORK:
            raise LedgerError(
                f"{self.path} is on a network file system ({kind}), whose locks do not hold: put "
                "the ledger on a local disk."
            )


def _tables(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _code(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "") or ""


def _kind_of_file_system(folder: Path) -> str | None:
    """Type of the file system that a folder is on; None where the system does not say."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    folder, best, kind = Path(os.path.realpath(folder)), -1, None
    for line in lines:
        before, _, after = line.partition(" - ")
        # spaces in names are written as octal numbers
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), before.split()[4])
        if folder.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), after.split()[0]
    return kind
