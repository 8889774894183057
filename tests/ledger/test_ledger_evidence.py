"""Receipts, verification, records: what is changed, removed, swapped or replayed is found."""

import contextlib
import copy
import hashlib
import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import skqmu
from skqmu import QNNClassifier
from skqmu.exceptions import LedgerError, TamperedLedgerError
from skqmu.ledger import BatchingPolicy, DeletionLedger, ErasureRecord
from skqmu.unlearning import FineTune

KEY = bytes(range(32))
ROOT = Path(__file__).parents[2]


def sql(path, *statements):
    """What somebody with a database tool, and without the key, can do."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(*each).fetchall() for each in statements]


def found(ledger, *arguments, **options):
    return [str(finding) for finding in ledger.verify(*arguments, **options).findings]


# --- receipts -----------------------------------------------------------------------------


def test_a_receipt_says_what_was_done_and_is_always_the_same(served, again, model):
    receipt = served.receipt(2)
    assert again().receipt(2) == receipt
    assert receipt["requests_in_batch"] == 2
    assert receipt["method"]["strategy"] == "ExactDowndate"
    assert receipt["method"]["claim"] == "exact"
    assert receipt["method"]["versions"]["skqmu"] == skqmu.__version__
    assert any("backups" in text for text in receipt["method"]["not_reached"])
    assert served.receipt(1)["model"] == receipt["model"]
    assert served.receipt(3)["model"]["before"] == receipt["model"]["after"]
    assert found(served, receipts=[served.receipt(n) for n in (1, 2, 3)]) == []
    json.dumps(receipt, allow_nan=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(honoured="2026-01-01T00:00:00Z"),
        lambda r: r["method"].update(claim="certified"),
        lambda r: r.update(request=2),
        lambda r: r.update(mac=None),
        lambda r: r.update(extra=float("nan")),
        lambda r: r.pop("mac"),
        lambda r: r.clear(),
    ],
)
def test_a_changed_receipt_is_found(served, change):
    receipt = copy.deepcopy(served.receipt(1))
    change(receipt)
    [told] = found(served, receipts=[receipt])
    assert "not one that was given under this key" in told


def test_receipts_of_another_key_and_of_lost_entries_are_found(served, model, rows, tmp_path):
    X, _ = rows
    other = DeletionLedger(tmp_path / "other.db", key=bytes(32))
    text = "the receipt is not one that was given under this key, or was changed"
    told = found(other, receipts=[served.receipt(1), "none"])
    assert told == [f"violation: request 1: {text}", f"violation: {text}"]
    earlier = (tmp_path / "deletions.db").read_bytes()
    served.receive(row=X[9])
    served.honour(model, rows=X, trust=True)
    receipt, anchor = served.receipt(4), served.anchor()
    # the whole file as it was: nothing in itself says so
    (tmp_path / "deletions.db").write_bytes(earlier)
    assert found(served) == []
    [by_receipt] = found(served, receipts=[receipt])
    assert "the ledger does not know of it" in by_receipt
    [by_anchor] = found(served, anchor=anchor)
    assert "where the ledger ended at" in by_anchor
    by_model = found(served, model, trust=True)[0]
    assert by_model == "violation: model.joblib is not the version that the ledger knows"


def test_a_receipt_is_for_what_was_honoured(ledger):
    ledger.receive("anna")
    with pytest.raises(LedgerError, match="request 1 is received: a receipt is for one"):
        ledger.receipt(1)
    with pytest.raises(LedgerError, match="there is no request 2"):
        ledger.receipt(2)


# --- the chain ----------------------------------------------------------------------------


TAMPERED = {
    "a changed entry": ("UPDATE entries SET body = replace(body, '\"n\":2', '\"n\":7')", 0),
    "a changed time": ('UPDATE entries SET body = replace(body, \'"t":"20\', \'"t":"19\')', 0),
    "no body": ("UPDATE entries SET body = x'00ff' WHERE seq = 3", 0),
    "a removed entry": ("DELETE FROM entries WHERE seq = 3", 0),
    "a removed end": ("DELETE FROM entries WHERE seq >= (SELECT max(seq) FROM entries)", 1),
    "a removed beginning": ("DELETE FROM entries WHERE seq < 3", 0),
    "a replayed entry": (
        "INSERT INTO entries SELECT (SELECT max(seq) FROM entries) + 1, body, link FROM entries "
        "WHERE seq = 5",
        1,
    ),
    "swapped entries": (
        "UPDATE entries SET body = (SELECT body FROM entries WHERE seq = 2) WHERE seq = 3",
        0,
    ),
    "a changed state": ("UPDATE requests SET state = 'withdrawn' WHERE number = 1", 0),
    "a changed subject": ("UPDATE requests SET subject = x'00' WHERE number = 1", 0),
    "a removed request": ("DELETE FROM requests WHERE number = 2", 0),
    "an added request": (
        "INSERT INTO requests (number, kind, subject, state, received, entry) "
        "VALUES (9, 'id', x'00', 'verified', '2026', 1)",
        0,
    ),
    "a changed method": (
        "UPDATE contents SET body = replace(body, '\"exact\"', '\"certified\"')",
        0,
    ),
    "a changed head": ("UPDATE meta SET value = zeroblob(72) WHERE name = 'head'", 1),
    "a removed head": ("DELETE FROM meta WHERE name = 'head'", 1),
    "a changed model": ("UPDATE meta SET value = 'x' WHERE name = 'model'", 0),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_whatever_is_tampered_with_is_found(served, name, tmp_path, rows):
    X, _ = rows
    assert found(served) == []
    statement, stops = TAMPERED[name]
    sql(tmp_path / "deletions.db", (statement,))
    result = served.verify()
    assert not result.is_good
    assert str(result).count("violation") >= 1
    if stops:  # nothing is written behind an end that is not the true one
        with pytest.raises(TamperedLedgerError, match="does not end with the entry"):
            served.receive(row=X[5])


def test_a_replayed_request_is_found(served, rows):
    X, _ = rows
    again = served.receive(row=X[0])
    assert (again.state, again.other) == ("superseded", 1)
    assert served.verify().is_good


def test_an_anchor_is_of_its_ledger(served, tmp_path):
    anchor = served.anchor()
    assert found(served, anchor=anchor) == []
    assert "another ledger" in found(served, anchor={**anchor, "ledger": "x"})[0]
    assert "not the one with which" in found(served, anchor={**anchor, "link": "00"})[0]


# --- the model ----------------------------------------------------------------------------


def test_a_swapped_model_file_is_found(served, model, fitted, rows):
    X, _ = rows
    skqmu.save(fitted, model)
    told = found(served, model, rows=X[:3], trust=True)
    assert told[0] == "violation: model.joblib is not the version that the ledger knows"
    members = [line for line in told if "is a member of the model" in line]
    assert [line.split(":")[1] for line in members] == [" request 1", " request 2", " request 3"]
    assert sum("the bytes of row" in line for line in told) == 3


def test_a_later_fit_that_took_the_rows_back_is_told_apart(served, model, fitted, rows):
    X, _ = rows
    skqmu.save(fitted, model)
    served.adopt(model, "she came back")
    result = served.verify(model, rows=X[:3], trust=True)
    assert result.admitted_again == (1, 2, 3)
    assert not result.is_good


def test_what_nobody_can_tell_is_said(ledger, rows, tmp_path):
    X, y = rows
    path = tmp_path / "none.joblib"
    clf = QNNClassifier(max_iter=2, store_data="none", random_state=0).fit(X, y)
    skqmu.save(clf, path)
    ledger.receive(row=X[0])
    ledger.honour(
        path, rows=X[:1], trust=True, y_forget=y[:1], X_retain=X[1:], y_retain=y[1:],
        strategy="retrain",
    )  # fmt: skip
    assert ledger.request(1).state == "honoured"
    result = ledger.verify(path, rows=X[:1], trust=True)
    assert result.unverifiable == (1,)
    assert result.is_good
    assert ledger.request(1).state == "honoured"


def test_verification_verifies_what_a_kill_left_unverified(served, model, rows, tmp_path):
    X, _ = rows
    result = served.verify(model, trust=True)
    assert (result.verified, result.unverifiable) == ((), (1, 2, 3))
    result = served.verify(model, rows=X[:3], trust=True)
    assert result.verified == (1, 2, 3)
    assert served.verify(skqmu.load(model, trust=True), rows=X[:3]).verified == (1, 2, 3)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_bytes_of_rows_are_found_in_any_order(served, model, rows, order, kind, tmp_path):
    X, _ = rows
    array = np.array(X, dtype=kind, order=order)
    plain, packed, gone = (tmp_path / name for name in ("a.bin", "a.npz", "b.npz"))
    plain.write_bytes(b"odd" + array.tobytes(order))
    np.savez_compressed(packed, X=array)
    np.savez_compressed(gone, X=np.array(X[3:], dtype=kind, order=order))
    told = found(served, model, rows=X[:3], files=[plain, packed, gone], trust=True)
    assert sum("are in a.bin" in line for line in told) == 3
    assert sum("are in a.npz" in line for line in told) == 3
    assert len(told) == 6


def test_common_values_in_line_are_no_row(tmp_path):
    X = np.random.default_rng(0).integers(0, 4, size=(300, 4)) + 10.0 * np.arange(4)
    gone = np.array([[0.0, 11.0, 22.0, 33.0]])
    X = X[(gone[0] != X).any(axis=1)]
    (tmp_path / "other").write_bytes(X.tobytes())
    ledger = DeletionLedger(tmp_path / "d.db", key=KEY)
    assert found(ledger, rows=gone, files=[tmp_path / "other"]) == []


def test_a_file_that_hides_its_bytes_is_unverifiable(served, rows, tmp_path):
    import bz2

    X, _ = rows
    path = tmp_path / "a.bz2"
    path.write_bytes(bz2.compress(X.tobytes()))
    [told] = found(served, rows=X[:1], files=[path])
    assert told.startswith("unverifiable")
    assert "bzip2" in told


# --- no personal data ---------------------------------------------------------------------


def forms(X, labels, ids):
    """Bytes that would give rows, labels or ids away, and digests of them without a key."""
    for row in X:
        yield from (row.tobytes(), row.astype(np.float32).tobytes())
        yield from (repr(float(value)).encode() for value in row)
        yield from digests(row.tobytes())
        yield from digests(json.dumps(row.tolist()).encode())
        yield from digests(repr(tuple(row.tolist())).encode())
    for value in [*labels, *ids]:
        yield value.encode()
        yield value.encode("utf-16-le")
        yield from digests(value.encode())


def among(wanted, data):
    """Which of some bytes are in others."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    starts = np.unique(
        sum(buffer[k : len(buffer) - 7 + k].astype(np.uint64) << np.uint64(8 * k) for k in range(8))
    )
    wanted = list(wanted)
    first = np.array([int.from_bytes(each[:8], "little") for each in wanted], dtype=np.uint64)
    likely = np.isin(first, starts) | np.array([len(each) < 8 for each in wanted])
    return [wanted[i] for i in np.flatnonzero(likely) if wanted[i] in data]


def digests(data):
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        whole = hashlib.new(name, data)
        yield whole.digest()[:16]
        yield whole.hexdigest()[:24].encode()
    yield hashlib.blake2b(data, digest_size=16).digest()


def test_two_hundred_requests_leave_no_row_label_id_or_bare_digest(rows, tmp_path):
    """Ledger with its freed pages, its log while it is written, receipts, records."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(230, 2))
    labels = ["lab-quartz", "lab-basalt"]
    y = np.array(labels)[np.arange(230) % 2]
    clf = QNNClassifier(
        n_qubits=2, n_layers=1, trainable="head", head="ridge", unlearning="exact_downdate",
    )  # fmt: skip
    model, path = tmp_path / "m.joblib", tmp_path / "deletions.db"
    ids = [f"customer-{i:04d}" for i in range(230)]
    skqmu.save(clf.fit(X, y, ids=ids), model)
    ledger = DeletionLedger(path, key=KEY)
    seen = []

    def keep():
        seen.extend(each.read_bytes() for each in tmp_path.glob("deletions.db*"))

    # somebody who reads keeps the write-ahead log from being emptied
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchall()
        for row, own in zip(X[:100], ids, strict=False):
            ledger.receive(row=row, reference=own)
        ledger.receive_all(ids[100:200], due=timedelta(days=3))
        wal = (tmp_path / "deletions.db-wal").read_bytes()
        assert len(wal) > 50_000
        keep()
    policy = BatchingPolicy(number=1, most=25)
    ledger.withdraw(200, "she asked us to")
    while ledger.honour(model, policy=policy, rows=X, trust=True):
        keep()
    assert len(ledger.verify(model, rows=X[:100], trust=True).verified) == 199
    sql(path, ("DELETE FROM requests WHERE number < 50",))  # freed pages
    keep()
    done = [r.number for r in ledger.requests("verified") if r.number >= 50]
    seen += [json.dumps(ledger.receipt(number)).encode() for number in done]
    record = ledger.record(done[0])
    seen += [part.encode() for part in (record.to_json(), record.to_markdown(), record.to_html())]
    everything = b"\0".join(seen)
    known = ledger.receipt(done[0])["subject"].encode()
    assert among([known, b"nowhere at all"], everything) == [known]  # the search can find
    assert among(forms(X[:200], labels, ids), everything) == []


def test_settings_keep_no_digest_without_a_key_and_notes_no_losses(ledger, model, rows):
    class Holds(FineTune):
        def __init__(self, table=None, max_iter=1):
            super().__init__(max_iter=max_iter)
            self.table = table

    X, _ = rows
    ledger.receive("customer 1")
    ledger.honour(model, strategy=Holds(X[:1]), trust=True, beyond_reach=["tapes"], keep_log=0)
    method = ledger.receipt(1)["method"]
    assert method["settings"]["table"] == "<ndarray of shape (1, 3), digest not kept>"
    assert method["not_reached"][-1] == "tapes"
    assert not any(re.search(r"\d\.\d", note) for note in method["notes"])
    assert skqmu.load(model, trust=True).unlearning_log_ == []


def test_reasons_never_repeat_what_an_error_said(ledger, model):
    ledger.receive(row=[1.25, 2.5, 3.75])
    ledger.honour(model, rows=[[1.25, 2.5, 3.75]], trust=True)
    assert not re.search(r"\d", ledger.request(1).reason)


# --- records ------------------------------------------------------------------------------


def test_the_schema_in_the_docs_is_the_record_s():
    path = ROOT / "docs" / "schemas" / "skqmu.erasure-1.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == ErasureRecord.json_schema()


def test_a_record_says_what_was_done_and_fits_its_schema(served, model, rows, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    X, _ = rows
    served.receive("anna")
    served.withdraw(4, "she stays")
    served.receive(row=X[0])
    record = served.record()
    jsonschema.Draft202012Validator(ErasureRecord.json_schema()).validate(record.data)
    assert record.data["counts"] == {"verified": 3, "withdrawn": 1, "superseded": 1}
    [method] = record.data["methods"].values()
    assert method["claim"] == "exact"
    one = record.data["requests"][0]["done"]
    assert (one["late"], one["requests_in_batch"]) == (False, 2)
    assert one["receipt"] == served.receipt(1)["mac"]
    assert record.data["requests"][3]["done"] is None
    jsonschema.Draft202012Validator(ErasureRecord.json_schema()).validate(served.record(2).data)
    again = ErasureRecord.from_json(_written(record, tmp_path / "r.json"))
    assert again.data == record.data
    assert found(served, anchor=record.data["anchor"]) == []


def _written(record, path):
    record.to_json(path)
    return path


def test_a_record_is_shown_as_it_is(served, tmp_path):
    served.receive("anna")
    served.withdraw(4, "<b>bold</b> | *x* \x1b[31m")
    record = served.record()
    page = record.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
    text = record.to_markdown()
    assert r"\<b\>bold\</b\> \| \*x\*" in text
    for shown in (page, text):
        assert not set(shown) & set("\x1b\x07")
        assert "ExactDowndate" in shown
        assert "Whoever also holds an earlier version" in shown
    assert len([line for line in text.splitlines() if re.match(r"\| \d+ \| (ver|with)", line)]) == 4


def test_a_period_and_a_deadline_that_passed(model, rows, tmp_path):
    X, _ = rows
    time = [datetime(2026, 1, 1, tzinfo=UTC)]
    ledger = DeletionLedger(tmp_path / "d.db", key=KEY, clock=lambda: time[0])
    ledger.receive(row=X[0], due=timedelta(days=10))
    time[0] += timedelta(days=31)
    ledger.receive(row=X[1], due=timedelta(days=10))
    ledger.honour(model, rows=X, trust=True)
    late = [each["done"]["late"] for each in ledger.record().data["requests"]]
    assert late == [True, False]
    february = ledger.record(since=datetime(2026, 2, 1, tzinfo=UTC))
    assert [each["request"] for each in february.data["requests"]] == [2]
    january = ledger.record(until=datetime(2026, 2, 1, tzinfo=UTC))
    assert [each["request"] for each in january.data["requests"]] == [1]
    with pytest.raises(ValueError, match="either a request or a period"):
        ledger.record(1, since=time[0])
    with pytest.raises(ValueError, match="time zone"):
        ledger.record(since=datetime(2026, 1, 1))
    with pytest.raises(LedgerError, match="no request 9"):
        ledger.record(9)


def test_evidence_is_the_verdicts_of_an_audit_and_nothing_else(served):
    def model(name, role="mechanism"):
        return {"name": name, "role": role, "verdict": {"level": "differs", "sentence": "class Q"}}

    audit = {
        "schema": "skqmu.audit/1",
        "created": "2026-01-01T00:00:00+00:00",
        "scenarios": [
            {
                "name": "class:Q",
                "n_forget": 7,
                "models": [model("exact_downdate"), model("retrain"), model("o", "oracle")],
            }
        ],
    }
    record = served.record(audit=audit)
    assert record.data["evidence"]["verdicts"] == [
        {"mechanism": "exact_downdate", "level": "differs", "repeats": 1, "forgotten": 7}
    ]
    assert "class" not in json.dumps(record.data["evidence"])
    assert "differs" in record.to_html()
    with pytest.raises(ValueError, match="audit= must be an AuditReport"):
        served.record(audit={"scenarios": [{}]})


def test_data_that_are_no_record_are_refused_with_their_place(served, tmp_path):
    data = served.record().data
    data["requests"][1]["state"] = "gone"
    with pytest.raises(ValueError, match=r"the record\.requests\[1\]\.state must be one of"):
        ErasureRecord(data)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ValueError, match=r"x\.json: this is no JSON"):
        ErasureRecord.from_json(tmp_path / "x.json")
