"""Full disks, folders that cannot be written to, locks, clocks, damage: told, and nothing lost.

This file looks inside.
"""

import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

import skqmu
from skqmu.exceptions import LedgerBusyError, LedgerError, ModelMismatchError
from skqmu.ledger import DeletionLedger

KEY = bytes(range(32))
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="what systems do"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_a_process(work):
    """What a call raised in a process of its own: the class's name and the text."""
    context = multiprocessing.get_context("fork")
    end, other = context.Pipe(duplex=False)

    def told():
        try:
            work()
            other.send(("", ""))
        except BaseException as error:
            other.send((type(error).__name__, str(error)))

    process = context.Process(target=told)
    process.start()
    other.close()
    result = end.recv()
    process.join()
    return result


# --- a full disk --------------------------------------------------------------------------


def limited(size):
    """Let no file of this process grow beyond a size, as a quota would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_ledger_that_cannot_grow_says_so_and_loses_nothing(ledger, again):
    ledger.receive_all(str(i) for i in range(300))

    def work():
        limited(60_000)
        again().receive_all(str(i) for i in range(300, 900))

    name, message = in_a_process(work)
    assert name == "LedgerError"
    assert "full" in message
    assert "nothing of this was written" in message
    assert len(ledger.requests()) == 300
    assert ledger.verify().is_good
    assert ledger.receive("900").number == 301


def test_a_model_that_cannot_be_written_stays_and_its_requests_wait(ledger, model, again):
    ledger.receive("customer 1")
    before = model.read_bytes()

    save = skqmu.save

    def saves(*arguments):
        limited(len(before) // 2)
        return save(*arguments)

    def work():
        skqmu.save = saves
        again().honour(model, trust=True)

    name, message = in_a_process(work)
    assert (name, "File too large" in message) == ("OSError", True)
    assert model.read_bytes() == before
    assert {path.suffix for path in model.parent.iterdir()} == {".joblib", ".db", ".db-worker"}
    assert ledger.honour(model, trust=True).honoured == (1,)
    assert ledger.verify(model, trust=True).is_good


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 kB, where this process may have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if os.getuid() or shutil.which("mount") is None or subprocess.run(command).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_nothing_is_lost(small_disk, model_file):
    model = shutil.copy(model_file, small_disk / "model.joblib")
    ledger = DeletionLedger(small_disk / "deletions.db", key=KEY)
    ledger.receive_all(f"customer {i}" for i in range(4))
    before = model.read_bytes()
    left = os.statvfs(small_disk)
    (small_disk / "others").write_bytes(bytes(left.f_bavail * left.f_frsize - 8192))
    with pytest.raises(LedgerError, match=r"full.*nothing of this was written"):
        ledger.receive_all(str(i) for i in range(1000))
    with pytest.raises((LedgerError, OSError), match=r"full|No space left"):
        ledger.honour(model, trust=True)
    assert model.read_bytes() == before
    (small_disk / "others").unlink()
    assert len(ledger.requests()) == 4
    assert ledger.honour(model, trust=True).honoured == (1, 2, 3, 4)
    assert ledger.verify(model, trust=True).is_good


# --- no right to write, or to be there ----------------------------------------------------


def as_nobody():
    if not os.getuid():
        os.setgid(65534)
        os.setuid(65534)


@pytest.fixture
def open_folder(tmp_path):
    """A folder that anybody can come to, though pytest's own is its owner's alone."""
    for folder in (tmp_path, *tmp_path.parents):
        with contextlib.suppress(PermissionError):
            if folder.stat().st_uid == os.getuid() and folder != folder.parent:
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    return tmp_path


def test_a_folder_that_cannot_be_written_to_is_told(ledger, model, open_folder):
    ledger.receive("customer 1")
    for path in open_folder.iterdir():
        path.chmod(0o644)
    open_folder.chmod(0o555)

    def receives():
        as_nobody()
        DeletionLedger(open_folder / "deletions.db", key=KEY).receive("customer 2")

    def makes():
        as_nobody()
        DeletionLedger(open_folder / "new.db", key=KEY)

    told = [in_a_process(receives), in_a_process(makes)]
    open_folder.chmod(0o755)
    assert [name for name, _ in told] == ["LedgerError", "LedgerError"]
    for _, message in told:
        assert "folder must be" in message or "may not" in message
    assert [r.state for r in ledger.requests()] == ["received"]
    assert ledger.honour(model, trust=True).honoured == (1,)


def test_a_model_s_folder_that_cannot_be_written_to_leaves_the_queue(
    model_file, open_folder, ledger
):
    ledger.receive("customer 1")
    apart = open_folder / "apart"
    apart.mkdir()
    model = shutil.copy(model_file, apart / "model.joblib")
    model.chmod(0o644)
    apart.chmod(0o555)
    open_folder.chmod(0o777)
    for path in open_folder.glob("deletions.db*"):
        path.chmod(0o666)

    def work():
        as_nobody()
        DeletionLedger(open_folder / "deletions.db", key=KEY).honour(model, trust=True)

    name, message = in_a_process(work)
    assert name == "PermissionError"
    assert "apart" in message
    apart.chmod(0o755)
    assert ledger.request(1).is_open
    assert ledger.honour(model, trust=True).honoured == (1,)


@pytest.mark.parametrize("name", ["no/such/folder.db", "."])
def test_a_place_that_is_none_is_told(tmp_path, name):
    with pytest.raises(LedgerError, match="folder"):
        DeletionLedger(tmp_path / name, key=KEY)


def test_what_is_no_ledger_is_refused_and_left(tmp_path):
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_bytes(b"a letter to somebody, long enough to be no database" * 99)
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = text.read_bytes()
    with pytest.raises(LedgerError, match="it is no ledger: another kind of file"):
        DeletionLedger(text, key=KEY)
    assert text.read_bytes() == before
    for key in (KEY, None):
        with pytest.raises(LedgerError, match="a database, but no ledger"):
            DeletionLedger(other, key=key)
    with contextlib.closing(sqlite3.connect(other)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_ledger_of_another_form_is_refused_by_its_name(ledger, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "deletions.db")) as connection:
        connection.execute("UPDATE meta SET value = 'skqmu.ledger/9' WHERE name = 'format'")
        connection.commit()
    with pytest.raises(LedgerError, match=r"no ledger of the form skqmu.ledger/1; found 'skqmu.l"):
        DeletionLedger(tmp_path / "deletions.db", key=KEY)


def test_a_damaged_ledger_is_told(ledger, tmp_path):
    ledger.receive_all(str(i) for i in range(400))
    path = tmp_path / "deletions.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=r"damaged|missing"):
        ledger.verify()


def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    from skqmu.ledger import _database

    mounts = tmp_path / "mounts"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/a rw\n"
        "24 1 8:1 / /my\\040disk/\u00fc rw - ext4 /dev/b rw\n"
        f"23 1 0:50 / {str(tmp_path).replace(' ', chr(92) + '040')} rw - nfs4 host:/x rw\n"
    )
    monkeypatch.setattr(_database, "_MOUNTS", mounts)
    with pytest.raises(LedgerError, match=r"network file system \(nfs4\)"):
        DeletionLedger(tmp_path / "deletions.db", key=KEY)


# --- others, and time ---------------------------------------------------------------------


def test_a_locked_database_is_waited_for_and_told(ledger, again, tmp_path):
    ledger.receive("customer 1")
    with contextlib.closing(
        sqlite3.connect(tmp_path / "deletions.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerBusyError, match=r"others write to it, and 0\.05 s of waiting"):
            again(timeout=0.05).receive("customer 2")
        assert len(again(timeout=0.05).requests()) == 1  # who reads is not kept waiting
    assert ledger.receive("customer 2").number == 2


def test_a_reader_keeps_nobody_waiting_and_the_log_is_emptied_after_it(ledger, tmp_path):
    log = tmp_path / "deletions.db-wal"
    with contextlib.closing(
        sqlite3.connect(tmp_path / "deletions.db", isolation_level=None)
    ) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entries").fetchall()
        ledger.receive("customer 1")
        assert log.stat().st_size > 0
        reader.execute("COMMIT")
        ledger.receive("customer 2")
        assert log.stat().st_size == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"deletions.db", "deletions.db-worker"}


def test_freed_pages_are_overwritten(ledger, tmp_path):
    with contextlib.closing(ledger._database._connected()) as connection:
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_clock_that_goes_back_is_noted_and_delays_nothing(model, tmp_path):
    from skqmu.ledger import BatchingPolicy

    time = [datetime(2026, 5, 1, tzinfo=UTC)]
    ledger = DeletionLedger(tmp_path / "d.db", key=KEY, clock=lambda: time[0])
    ledger.receive("customer 1", due=timedelta(days=1))
    time[0] -= timedelta(days=400)
    policy = BatchingPolicy(number=None, margin=timedelta(days=1))
    assert ledger.honour(model, policy=policy, trust=True).why == "a deadline is near"
    kinds = [entry["kind"] for entry in ledger.history(1)]
    assert kinds == ["received", "batched", "prepared", "honoured", "verified"]
    found = ledger.verify(model, trust=True)
    assert found.is_good
    assert {f.level for f in found.findings} == {"notice"}
    assert "the clock stood behind an earlier entry (2026-05-01" in str(found.findings[0])
    time[0] += timedelta(days=800)
    ledger.receive("customer 2", due=timedelta(days=30))
    assert "clock_back" not in ledger.history(2)[0]


def test_a_file_that_others_put_in_place_meanwhile_is_not_written_over(ledger, model, monkeypatch):
    from skqmu.ledger._artefact import Artefact

    stage = Artefact.stage

    def stages(self, *arguments):
        digest = stage(self, *arguments)
        model.write_bytes(b"a model that was trained anew")
        return digest

    ledger.receive("customer 1")
    before = model.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(Artefact, "stage", stages)
        with pytest.raises(ModelMismatchError, match="no version that the ledger knows"):
            ledger.honour(model, trust=True)
    assert model.read_bytes() == b"a model that was trained anew"
    model.write_bytes(before)
    assert ledger.honour(model, trust=True) is None  # what was prepared is finished
    assert ledger.verify(model, trust=True).verified == (1,)


def test_a_model_that_others_change_meanwhile_is_told(ledger, model, monkeypatch):
    from skqmu import _model_files

    load = _model_files.load

    def loads(path, **options):
        fitted = load(path, **options)
        model.write_bytes(model.read_bytes() + b"!")
        return fitted

    monkeypatch.setattr(skqmu, "load", loads, raising=False)
    ledger.receive("customer 1")
    with pytest.raises(OSError, match="was changed by somebody else while it was read"):
        ledger.honour(model, trust=True)
    assert ledger.request(1).is_open
