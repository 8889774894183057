"""The ledger: what comes in, what becomes of it, and when."""

import pickle
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import skqmu
from skqmu import QNNClassifier
from skqmu.exceptions import LedgerError, ModelMismatchError, UnlearningError
from skqmu.ledger import BatchingPolicy, DeletionCost, DeletionLedger
from skqmu.unlearning import FineTune

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def honoured(ledger, model, X, **options):
    return ledger.honour(model, rows=X, trust=True, report="none", **options)


def states(ledger):
    return [request.state for request in ledger.requests()]


# --- coming in ----------------------------------------------------------------------------


def test_a_request_goes_all_the_way(ledger, model, rows):
    X, _ = rows
    assert ledger.receive(row=X[4]).state == "received"
    batch = honoured(ledger, model, X)
    assert (batch.honoured, batch.failed) == ((1,), ())
    assert (batch.strategy, batch.claim) == ("ExactDowndate", "exact")
    assert [e["kind"] for e in ledger.history(1)] == [
        "received", "batched", "prepared", "honoured", "verified",
    ]  # fmt: skip
    after = skqmu.load(model, trust=True)
    assert np.flatnonzero(~after.is_member(X)).tolist() == [4]
    assert honoured(ledger, model, X) is None


def test_a_subject_s_second_request_is_superseded_and_hastens_the_first(ledger):
    ledger.receive("anna", due=timedelta(days=30))
    second = ledger.receive("anna", due=timedelta(days=3))
    assert (second.state, second.other) == ("superseded", 1)
    assert "request 1 asks for the same" in second.reason
    first = ledger.request(1)
    assert first.due == second.due
    assert ledger.receive("anna").state == "superseded"
    assert ledger.request(1).due == second.due
    assert ledger.receive("otto").state == "received"
    assert [r.number for r in ledger.requests_of("anna")] == [1, 2, 3]


def test_what_was_honoured_is_not_honoured_again_unless_another_model_came(
    ledger, model, fitted, rows
):
    X, _ = rows
    ledger.receive(row=X[4])
    honoured(ledger, model, X)
    replayed = ledger.receive(row=X[4])
    assert replayed.state == "superseded"
    assert "request 1 was honoured" in replayed.reason
    skqmu.save(fitted, model)  # a backup is put back
    ledger.adopt(model, "restored from the backup of Sunday")
    assert ledger.receive(row=X[4]).state == "received"
    assert honoured(ledger, model, X).honoured == (3,)


def test_a_reference_is_taken_down_once(ledger):
    assert ledger.receive("anna", reference="T-1").number == 1
    assert ledger.receive("anna", reference="T-1").number == 1
    with pytest.raises(ValueError, match="'T-1' is that of request 1, for another subject"):
        ledger.receive("otto", reference="T-1")
    assert len(ledger.requests()) == 1


def test_many_come_in_at_once_or_not_at_all(ledger, tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("\ufeff7\n\n 8 \n9\n", encoding="utf-8")
    assert [r.number for r in ledger.receive_all(path)] == [1, 2, 3]
    assert [r.number for r in ledger.requests_of(8)] == [2]
    with pytest.raises(TypeError, match="an id must be a text or a whole number"):
        ledger.receive_all(["10", b"11"])
    assert len(ledger.requests()) == 3


@pytest.mark.parametrize(
    ("same", "other"),
    [((7, "7", np.int64(7), 7.0), "07"), (("Zo\u00eb", "Zoe\u0308"), "zo\u00eb")],
    ids=["numbers", "letters"],
)
def test_an_id_is_its_text(ledger, same, other):
    for value in same:
        ledger.receive(value)
    assert states(ledger) == ["received", *["superseded"] * (len(same) - 1)]
    assert ledger.receive(other).state == "received"


@pytest.mark.parametrize("value", ["", " ", True, None, 1.5, float("nan"), b"x", ["a"]])
def test_what_is_no_id_is_refused(ledger, value):
    with pytest.raises((TypeError, ValueError)):
        ledger.receive(value)
    assert ledger.requests() == []


def test_rows_of_any_table_have_a_form_of_their_own(ledger):
    from pandas import DataFrame

    frame = DataFrame({"age": [31, 40], "town": ["Bern", None], "x": [-0.0, float("nan")]})
    ledger.receive(row=frame.iloc[0])
    ledger.receive(row=frame.iloc[1])
    assert ledger.receive(row=[31.0, "Bern", 0.0]).other == 1
    assert ledger.receive(row=(40, float("nan"), None)).other == 2
    assert ledger.receive(row=["31", "Bern", 0.0]).state == "received"
    with pytest.raises(TypeError, match="a row is a sequence"):
        ledger.receive(row="31")


def test_deadlines_have_a_time_zone(ledger):
    with pytest.raises(ValueError, match="time zone"):
        ledger.receive("anna", due=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="either by its id or by row="):
        ledger.receive("anna", row=[1.0])


# --- ends of other kinds ------------------------------------------------------------------


def test_a_withdrawn_request_is_not_honoured(ledger, model, rows):
    X, _ = rows
    for i in (1, 2):
        ledger.receive(row=X[i])
    assert ledger.withdraw(1, "her lawyer wrote").reason == "her lawyer wrote"
    assert honoured(ledger, model, X).honoured == (2,)
    assert states(ledger) == ["withdrawn", "verified"]
    for number in (1, 2):
        with pytest.raises(LedgerError, match=f"request {number} is "):
            ledger.withdraw(number, "late")
    with pytest.raises(ValueError, match="reason must be"):
        ledger.withdraw(1, "")
    with pytest.raises(LedgerError, match="no request 9"):
        ledger.withdraw(9, "who?")


def test_one_that_is_withdrawn_while_the_model_forgets_is_left_in(ledger, model, rows, again):
    X, _ = rows
    for i in (1, 2):
        ledger.receive(row=X[i])
    asked = []

    class Withdraws(FineTune):
        def unlearn(self, request):
            if not asked:
                again().withdraw(2, "at the last moment")
            asked.append(len(request.forget))
            return super().unlearn(request)

    batch = honoured(ledger, model, X, strategy=Withdraws(max_iter=1))
    assert batch.honoured == (1,)
    assert asked == [2, 1]
    after = skqmu.load(model, trust=True)
    assert np.flatnonzero(~after.is_member(X)).tolist() == [1]
    assert len(after.unlearning_log_) == 1
    assert ledger.verify(model, rows=X[[1]], trust=True).is_good


def test_who_was_never_a_member_fails_alone(ledger, model, rows):
    X, _ = rows
    stranger = np.array([[9.25, 9.5, 9.75]])
    ledger.receive(row=X[1])
    ledger.receive(row=stranger[0])
    batch = honoured(ledger, model, np.vstack([X, stranger]))
    assert (batch.honoured, batch.failed) == ((1,), (2,))
    assert "nothing of the subject is in the model" in ledger.request(2).reason
    # once more, to no better end; nothing of the model changes
    before = model.read_bytes()
    assert ledger.retry(2).state == "received"
    assert honoured(ledger, model, np.vstack([X, stranger])).failed == (2,)
    assert model.read_bytes() == before
    with pytest.raises(LedgerError, match="request 1 is verified; this is for one that is failed"):
        ledger.retry(1)


def test_who_failed_is_not_tried_again_where_another_request_did_it(ledger, model, rows):
    X, _ = rows
    stranger = X[:1] + 100
    ledger.receive(row=stranger[0])
    honoured(ledger, model, stranger)
    ledger.receive(row=stranger[0])
    with pytest.raises(LedgerError, match="request 2 asks for the same and is open"):
        ledger.retry(1)


def test_a_way_that_fails_fails_the_batch_and_leaves_the_model(ledger, model, rows):
    X, y = rows

    class Breaks(FineTune):
        def unlearn(self, request):
            raise UnlearningError(f"rows {request.forget.X.tolist()} of class {y[1]}")

    before = model.read_bytes()
    ledger.receive(row=X[1])
    assert honoured(ledger, model, X, strategy=Breaks()).failed == (1,)
    assert (
        ledger.request(1).reason == "the way to forget failed or diverged; the model is as it was"
    )
    assert model.read_bytes() == before
    ledger.retry(1)
    assert honoured(ledger, model, X).honoured == (1,)


def test_an_error_of_nobody_s_leaves_the_queue_as_it_was(ledger, model, rows):
    X, _ = rows
    ledger.receive(row=X[1])
    before = model.read_bytes()
    for options in ({"strategy": "amnesiak"}, {"strategy": "amnesiac"}):
        with pytest.raises(ValueError, match=r"(?i)amnesia"):
            honoured(ledger, model, X, **options)
        assert model.read_bytes() == before
        assert ledger.request(1).is_open
    assert honoured(ledger, model, X).why == "it was begun before"
    assert ledger.request(1).state == "verified"


def test_who_is_not_at_hand_waits(ledger, model, rows):
    X, _ = rows
    ledger.receive(row=X[2], due=timedelta(days=1))
    ledger.receive(row=X[1])
    ledger.receive("customer 5")
    one = BatchingPolicy(number=1, most=1)
    batches = [honoured(ledger, model, X[:2], policy=one).honoured for _ in range(2)]
    assert batches == [(2,), (3,)]
    assert honoured(ledger, model, X[:2], policy=one) is None
    assert states(ledger) == ["received", "verified", "verified"]
    assert honoured(ledger, model, X).honoured == (1,)


# --- which model --------------------------------------------------------------------------


def test_another_model_file_is_refused_and_may_be_adopted(ledger, model, fitted, rows):
    X, y = rows
    first = model.read_bytes()
    ledger.receive(row=X[1])
    honoured(ledger, model, X)
    ledger.receive(row=X[2])
    model.write_bytes(first)
    with pytest.raises(ModelMismatchError, match="the version before batch 4: an old copy"):
        honoured(ledger, model, X)
    other = QNNClassifier(max_iter=1, random_state=1).fit(X, y)
    skqmu.save(other, model)
    with pytest.raises(ModelMismatchError, match="no version that the ledger knows"):
        honoured(ledger, model, X)
    assert ledger.request(2).is_open
    ledger.adopt(model, "trained anew in May")
    assert honoured(ledger, model, X).honoured == (2,)
    with pytest.raises(ValueError, match="reason must be"):
        ledger.adopt(model, " ")


def test_a_missing_model_is_an_error_that_names_it(ledger, tmp_path):
    ledger.receive("anna")
    with pytest.raises(FileNotFoundError, match=r"nobody\.skops"):
        ledger.honour(tmp_path / "nobody.skops")
    assert ledger.request(1).is_open


def test_a_link_to_the_model_stays_one_and_its_mode_stays(ledger, model, rows, tmp_path):
    X, _ = rows
    link = tmp_path / "current.joblib"
    link.symlink_to(model)
    model.chmod(0o640)
    ledger.receive(row=X[1])
    honoured(ledger, link, X)
    assert link.is_symlink()
    assert model.stat().st_mode & 0o777 == 0o640
    assert not skqmu.load(model, trust=True).is_member(X[[1]]).any()


def test_a_pipeline_is_honoured_through_its_steps(ledger, rows, tmp_path):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = rows
    path = tmp_path / "pipeline.joblib"
    model = make_pipeline(StandardScaler(), QNNClassifier(max_iter=2, random_state=0)).fit(X, y)
    skqmu.save(model, path)
    ledger.receive(row=X[6])
    with pytest.warns(match="upstream steps were fitted on the forgotten rows"):
        assert honoured(ledger, path, X).honoured == (1,)
    assert ledger.request(1).state == "verified"
    notes = ledger.receipt(1)["method"]["notes"]
    assert any("standardscaler" in note for note in notes)


# --- when ---------------------------------------------------------------------------------


def test_policies_say_when():
    policy = BatchingPolicy(number=4, most=6, margin=timedelta(days=2))
    assert policy.why_now(0, NOW, NOW) is None
    assert policy.why_now(3, NOW + timedelta(days=9), NOW) is None
    assert policy.why_now(3, NOW + timedelta(days=2), NOW) == "a deadline is near"
    assert policy.why_now(1, NOW - timedelta(days=2), NOW) == "a deadline is near"
    assert policy.why_now(4, None, NOW) == "enough requests wait"
    assert policy.size(9) == 6
    cheap = BatchingPolicy(number=None, cost=lambda n: 100 + n, most_cost=26)
    assert [cheap.why_now(n, None, NOW) is not None for n in (1, 3, 4)] == [False, False, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": 0}, "number=0"),
        ({"most": True}, "most=True"),
        ({"margin": 3}, "margin=3"),
        ({"margin": -timedelta(1)}, "from 0"),
        ({"cost": len}, "go together"),
        ({"most_cost": 3}, "go together"),
        ({"number": 5, "most": 2}, "most=2 is below number=5"),
    ],
)
def test_policies_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BatchingPolicy(**options)


def test_the_policy_decides_and_the_nearest_deadlines_go_first(model, rows, tmp_path):
    X, _ = rows
    time = [NOW]
    ledger = DeletionLedger(tmp_path / "d.db", key=bytes(32), clock=lambda: time[0])
    for i, days in enumerate((30, 20, 10)):
        ledger.receive(row=X[i], due=timedelta(days=days))
    policy = BatchingPolicy(number=None, most=2, margin=timedelta(days=3))
    assert honoured(ledger, model, X, policy=policy) is None
    time[0] += timedelta(days=7, hours=1)
    batch = honoured(ledger, model, X, policy=policy)
    assert (batch.honoured, batch.why) == ((2, 3), "a deadline is near")
    assert honoured(ledger, model, X, policy=policy) is None


def test_costs_come_from_the_model_itself(rows):
    X, y = rows
    cost = DeletionCost(QNNClassifier(max_iter=2, random_state=0), X, y)
    # retraining on what stays: less for more rows, and never twice as much
    assert cost(1) > cost(30) > 0
    policy = BatchingPolicy(number=None, cost=cost, most_cost=cost(1) / 4)
    assert policy.why_now(2, None, NOW) is None
    assert policy.why_now(8, None, NOW) == "the cost of each is low enough"
    with pytest.raises(ValueError, match="unit='euros' must be one of"):
        DeletionCost(QNNClassifier(max_iter=2), X, y, unit="euros")(1)


# --- the ledger as an object --------------------------------------------------------------


def test_the_key_is_shown_nowhere_and_never_travels(ledger, again, tmp_path):
    assert "\\x01" not in repr(ledger)
    assert "not shown" in repr(vars(ledger)["_keys"])
    with pytest.raises(TypeError, match="open it again"):
        pickle.dumps(ledger)
    with pytest.raises(LedgerError, match="key is not the one"):
        DeletionLedger(tmp_path / "deletions.db", key=bytes(32))
    for key in (b"short", "0" * 32):
        with pytest.raises(ValueError, match="at least 16 random bytes"):
            DeletionLedger(tmp_path / "other.db", key=key)
    assert not (tmp_path / "other.db").exists()


def test_without_the_key_a_ledger_is_looked_at(ledger, tmp_path):
    ledger.receive("anna")
    open_ = DeletionLedger(tmp_path / "deletions.db")
    assert (open_.ledger_id, open_.key_id) == (ledger.ledger_id, ledger.key_id)
    assert open_.requests("received") == ledger.requests()
    assert open_.history(1) == ledger.history(1)
    with pytest.raises(LedgerError, match="opened without its key"):
        open_.receive("otto")
    with pytest.raises(LedgerError, match="there is no ledger"):
        DeletionLedger(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(ValueError, match="must be one of received"):
        ledger.requests("done")


def test_threads_share_a_ledger(ledger, model, rows):
    X, _ = rows
    batches = []

    def serve(part):
        for i in part:
            ledger.receive(row=X[i])
        policy = BatchingPolicy(number=1, most=2)
        while (batch := honoured(ledger, model, X, policy=policy)) is not None:
            batches.append(batch)

    threads = [threading.Thread(target=serve, args=(range(k, 12, 3),)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [number for batch in batches for number in batch.honoured]
    assert sorted(done) == list(range(1, 13))
    after = skqmu.load(model, trust=True)
    assert np.flatnonzero(~after.is_member(X)).tolist() == list(range(12))
    assert ledger.verify(model, rows=X[:12], trust=True).is_good
