"""``python -m skqmu forget`` and ``ledger``: from files to files, and what they refuse.

This file looks inside.
"""

import json
import shutil
import stat

import numpy as np
import pytest

import skqmu
from skqmu._cli import main
from skqmu.ledger import ErasureRecord

FORGET = ["forget", "--model", "model.joblib", "--ledger", "deletions.db", "--trust"]


@pytest.fixture
def here(model, tmp_path, monkeypatch):
    """A folder with a model and a file of ids."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "leaving.txt").write_text("customer 1\ncustomer 2\ncustomer 2\nnobody\n")
    return tmp_path


def ran(capsys, *arguments, code=0):
    try:
        found = main(list(arguments))
    except SystemExit as stop:
        found = stop.code
    out, err = capsys.readouterr()
    assert found == code, err
    return out, err


def test_from_a_file_of_ids_to_the_evidence(here, rows, capsys):
    out, err = ran(capsys, *FORGET, "--ids", "leaving.txt", "--due", "30", code=1)
    assert out.splitlines() == [
        "received: 4 requests, requests 1-4",
        "request 3 is superseded: request 2 asks for the same and is open",
        "honoured: requests 1-2, by ExactDowndate (exact); it was asked for",
        "request 4 failed: nothing of the subject is in the model: it was never trained on, or is "
        "forgotten already",
    ]
    assert "a new key is in deletions.db.key: keep it elsewhere too" in err
    assert stat.S_IMODE((here / "deletions.db.key").stat().st_mode) == 0o600
    assert skqmu.load(here / "model.joblib", trust=True).ids_.size == 58
    assert ran(capsys, *FORGET) == ("", "")  # nothing waits

    out, _ = ran(capsys, "ledger", "list", "--ledger", "deletions.db")
    assert [line.split("  ")[2].split(":")[0] for line in out.splitlines()] == [
        "verified", "verified", "superseded", "failed",
    ]  # fmt: skip
    out, _ = ran(capsys, "ledger", "list", "--ledger", "deletions.db", "--state", "failed")
    assert out.startswith("4  ")
    out, _ = ran(capsys, "ledger", "show", "--ledger", "deletions.db", "2")
    assert [entry["kind"] for entry in json.loads(out)][-1] == "verified"

    X, _ = rows
    np.save("gone.npy", X[[1, 2]])
    np.savetxt("gone.csv", X[[1, 2]], delimiter=",", header="a,b,c", comments="")
    for gone in ("gone.npy", "gone.csv"):
        out, _ = ran(
            capsys, "ledger", "verify", "--ledger", "deletions.db", "--model", "model.joblib",
            "--trust", "--rows", gone,
        )  # fmt: skip
        assert out.endswith("2 requests verified: nothing wrong\n")

    for name in ("record.json", "record.md", "record.html"):
        assert ran(capsys, "ledger", "record", "--ledger", "deletions.db", "--out", name)[0] == (
            f"written: {name}\n"
        )
    record = ErasureRecord.from_json("record.json")
    assert record.data["counts"] == {"verified": 2, "failed": 1, "superseded": 1}
    out, _ = ran(capsys, "ledger", "record", "--ledger", "deletions.db", "1", "--receipt")
    (here / "receipt.json").write_text(out)
    arguments = ["ledger", "verify", "--ledger", "deletions.db", "--anchor", "record.json"]
    ran(capsys, *arguments, "--receipt", "receipt.json")
    (here / "receipt.json").write_text(out.replace("exact", "certified"))
    out, _ = ran(capsys, *arguments, "--receipt", "receipt.json", code=1)
    assert "not one that was given under this key" in out


def test_a_batch_waits_for_a_number_or_a_deadline(here, capsys):
    arguments = [*FORGET, "--ids", "one.txt", "--number", "2", "--margin", "3"]
    (here / "one.txt").write_text("customer 1\n")
    out, _ = ran(capsys, *arguments, "--due", "30")
    assert out.splitlines() == ["received: 1 requests, request 1", "1 requests wait"]
    (here / "one.txt").write_text("customer 2\n")
    out, _ = ran(capsys, *arguments, "--due", "30", "--strategy", "retrain")
    assert out.splitlines()[1:] == [
        "honoured: requests 1-2, by Retrain (exact); enough requests wait"
    ]
    (here / "one.txt").write_text("customer 3\n")
    out, _ = ran(capsys, *arguments, "--due", "2")
    assert out.splitlines()[1].endswith("a deadline is near")


def test_a_skops_file_needs_no_trust(here, fitted, capsys):
    pytest.importorskip("skops")
    skqmu.save(fitted, "model.skops")
    out, _ = ran(
        capsys, "forget", "--model", "model.skops", "--ledger", "d.db", "--ids", "leaving.txt",
        code=1,
    )  # fmt: skip
    assert "honoured: requests 1-2" in out
    ran(capsys, "ledger", "verify", "--ledger", "d.db", "--model", "model.skops")
    _, err = ran(capsys, *FORGET[:5], "--ids", "leaving.txt", code=1)
    assert "pass trust=True (on the command line --trust)" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "no.skops"], "--model no.skops: there is no such file"),
        (["--ids", "no.txt"], "no.txt"),
        (["--ids", "empty.txt"], "holds no id"),
        (["--due", "-1"], "--due -1.0 must not be negative"),
        (["--due", "1e99"], "is no number of days"),
        (["--due", "nan"], "is no number of days"),
        (["--number", "0"], "--number: number=0"),
        (["--keep-log", "-1"], "--keep-log -1 must not be negative"),
        (["--strategy", "amnesiak"], "Did you mean 'amnesiac'"),
        (["--key", "empty.txt/x"], "--key empty.txt/x"),
        (["--key", "leaving.txt"], "holds no hexadecimal digits"),
        (["--key", "key.bytes"], "holds no hexadecimal digits. Of a key in Python"),
    ],
)
def test_requests_at_fault_are_refused_and_leave_nothing(here, capsys, arguments, told):
    (here / "empty.txt").write_text("\n")
    (here / "key.bytes").write_bytes(bytes(range(128, 160)))
    before = sorted(here.iterdir())
    out, err = ran(capsys, *FORGET, *arguments, code=2)
    assert told in err
    assert out == ""
    assert len(err.splitlines()) == 1
    assert sorted(here.iterdir()) == before


def test_what_is_asked_of_a_ledger_at_fault_is_refused(here, served_files, capsys):
    for path in served_files.iterdir():
        shutil.copy(path, here / path.name)
    ledger = ["--ledger", "deletions.db"]
    for arguments, told in (
        (["list", "--ledger", "no.db"], "--ledger no.db: there is no such file"),
        (["list", *ledger, "--state", "done"], "--state: state='done' must be one of"),
        (["verify", *ledger], "--key deletions.db.key: there is no such file"),
    ):
        assert told in ran(capsys, "ledger", *arguments, code=2)[1]
    (here / "deletions.db.key").write_text(bytes(range(32)).hex())
    (here / "list.json").write_text("[]")
    for arguments, told in (
        (["record", "--out", "x.pdf"], "ends in .json, .md, .html"),
        (["record", "--out", "no/x.md"], "a folder that is there"),
        (["record", "--out", "leaving.txt"], "exists; pass --force"),
        (["record", "--since", "march"], "--since march is no date"),
        (["record", "1", "--since", "2026-01-01"], "does not go with a request's NUMBER"),
        (["record", "--receipt"], "name its NUMBER"),
        (["record", "--audit", "list.json"], "holds no object"),
        (["verify", "--rows", "leaving.txt"], "cannot be read as numbers"),
        (["verify", "--file", "no"], "--file no: there is no such file"),
        (["verify", "--anchor", "no"], "--anchor no cannot be read"),
    ):
        assert told in ran(capsys, "ledger", *arguments, *ledger, code=2)[1]
    assert "no request 9" in ran(capsys, "ledger", "record", "9", *ledger, code=1)[1]
    (here / "deletions.db.key").write_text(bytes(32).hex())
    assert "key is not the one" in ran(capsys, "ledger", "verify", *ledger, code=1)[1]
