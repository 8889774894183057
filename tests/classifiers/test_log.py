"""What the log says of requests, how much is measured for it, and how long a request waits."""

import copy
import json
import pickle
import threading
import time
import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.exceptions import BusyError, UnlearningWarning
from skqmu.privacy import DifferentialPrivacy
from skqmu.unlearning import STRATEGIES, Certificate, UnlearningStrategy

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400, 20:28] / 16, y[:400]


def ridge(**params):
    fixed = {"n_qubits": 4, "n_layers": 1, "trainable": "head", "random_state": 0}
    return QNNClassifier(**{**fixed, "head": "ridge", **params})


@pytest.fixture(scope="module")
def fitted(digits):
    return ridge().fit(*digits)


# --- what an entry is ---------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"composite"}))
def test_every_mechanism_s_entry_is_plain_json_and_small(name, digits):
    X, y = digits[0][:120, :2], digits[1][:120] % 3
    kinds = {
        "exact_downdate": ridge,
        "certified_removal": lambda: ridge(head="logistic", objective_noise=0.5),
        "statistics_downdate": lambda: QNNClassifier(loss="linear", max_iter=20, random_state=0),
        "private_by_training": lambda: QNNClassifier(
            privacy=DifferentialPrivacy(classes="public"), max_iter=20, random_state=0
        ),
    }
    make = kinds.get(
        name, lambda: QNNClassifier(max_iter=20, log_updates=name == "amnesiac", random_state=0)
    )
    clf = make().fit(X, y)
    sizes = []
    for row in range(3):
        clf.unlearn(index=[row], strategy=name)
        sizes.append(len(pickle.dumps(clf.unlearning_log_)))
    log = clf.unlearning_log_
    assert json.loads(json.dumps(log, allow_nan=False)) == log
    # The first entry brings the words with it that all others share.
    assert max(np.diff(sizes)) < 1024
    assert {entry["strategy"] for entry in log} == {type(STRATEGIES[name]()).__name__}


def test_an_entry_has_its_time_and_digests_that_follow_each_other(digits, fitted):
    clf = copy.deepcopy(fitted)
    for row in range(3):
        clf.unlearn(index=[row], strategy="exact_downdate")
    log = clf.unlearning_log_
    for entry in log:
        when = datetime.fromisoformat(entry["time"])
        assert abs(datetime.now(UTC) - when) < timedelta(minutes=5)
    assert len({digest for entry in log for digest in entry["digests"]}) == 4
    assert [entry["digests"][1] for entry in log[:-1]] == [e["digests"][0] for e in log[1:]]
    again = copy.deepcopy(fitted)
    again.unlearn(index=[0], strategy="exact_downdate")
    assert again.unlearning_log_[0]["digests"] == log[0]["digests"]


@pytest.mark.parametrize("around", ["shards", "pipeline", "experiment"])
def test_every_way_of_a_request_writes_the_same_kind_of_entry(around, digits):
    X, y = digits
    inner = QNNClassifier(max_iter=1, random_state=0)
    if around == "shards":
        model = last = ShardedClassifier(LogisticRegression(), n_shards=3, random_state=0)
    elif around == "pipeline":
        model = make_pipeline(StandardScaler(), inner)
        last = model[-1]
    else:
        model = last = UnlearningClassifier(inner)
    model.fit(X, y)
    more = {}
    if around == "pipeline":
        more = {"upstream": "refit", "X_retain": X[3:], "y_retain": y[3:]}
    skqmu.unlearn(model, X[:3], **more)
    (entry,) = last.unlearning_log_
    assert json.loads(json.dumps(last.unlearning_log_, allow_nan=False)) == [entry]
    for name in ("time", "strategy", "kind", "seconds", "digests", "cost", "certificate", "notes"):
        assert name in entry
    assert entry["digests"][0] != entry["digests"][1]
    assert Certificate.from_dict(entry["certificate"]).kind == "exact"


# --- how much is measured -----------------------------------------------------------------


def test_a_ridge_deletion_measures_a_sample_and_says_of_how_many(digits, fitted):
    X, y = digits
    costs = {}
    for report in ("none", "sample", "full"):
        clf = copy.deepcopy(fitted)
        clf.unlearn(index=[7], strategy="exact_downdate", report=report)
        entry = clf.unlearning_log_[-1]
        costs[report] = entry["measuring_cost"]["forward_rows"]
        # (the row itself, and two probes that tell whether the backend is still the same)
        assert entry["cost"]["forward_rows"] <= 3
        if report == "none":
            assert (entry["before"], entry["after"], entry["n_measured"]) == ({}, {}, {})
            params = clf.params_
        np.testing.assert_array_equal(clf.params_, params)
        if report == "full":
            stay = np.delete(np.arange(len(X)), 7)
            assert entry["after"]["retain_accuracy"] == clf.score(X[stay], y[stay])
            assert entry["n_measured"] == {"forget": 1, "retain": 399}
    assert costs == {"none": 0, "sample": 2 * 201, "full": 2 * 400}


@pytest.mark.parametrize("strategy", ["retrain", "fine_tune", "scrub", "gradient_ascent"])
def test_what_is_measured_changes_no_result(strategy, digits):
    X, y = digits
    X, y = X[:, :2], y % 2
    base = QNNClassifier(max_iter=5, random_state=0).fit(X, y)
    found = []
    for report in ("none", "sample", "full"):
        clf = copy.deepcopy(base)
        clf.unlearn(index=np.arange(5), strategy=strategy, report=report)
        clf.unlearn(index=[9], strategy=strategy, report=report)
        found.append(clf)
        entry = clf.unlearning_log_[-1]
        epochs = entry["n_epochs"]
        if report == "full":
            assert len(entry["history"]) >= epochs
            assert all("gradient_norm" in row for row in entry["history"])
        else:
            assert len(entry["history"]) <= 3
    for clf in found[1:]:
        np.testing.assert_allclose(clf.params_, found[0].params_, rtol=0, atol=1e-12)
        assert clf.unlearning_log_[-1]["harm"] == found[0].unlearning_log_[-1]["harm"] or (
            clf.unlearning_log_[-1]["harm"]["loss"]
            == pytest.approx(found[0].unlearning_log_[-1]["harm"]["loss"])
        )


def test_the_sample_is_the_same_before_and_after_and_near_the_whole(digits):
    X, y = digits
    clf = ridge().fit(X, y)
    whole = copy.deepcopy(clf)
    clf.unlearn(index=[3], strategy="exact_downdate")
    whole.unlearn(index=[3], strategy="exact_downdate", report="full")
    sampled, full = (m.unlearning_log_[-1] for m in (clf, whole))
    assert sampled["n_measured"] == {"forget": 1, "retain": 200}
    for when in ("before", "after"):
        p = full[when]["retain_accuracy"]
        spread = np.sqrt(p * (1 - p) / 200)
        assert abs(sampled[when]["retain_accuracy"] - p) < 4 * spread


def test_shards_measure_where_they_are_asked_to(digits):
    X, y = digits
    clf = ShardedClassifier(LogisticRegression(), n_shards=3, random_state=0).fit(X, y)
    before = clf.score(X[1:], y[1:])
    clf.unlearn(index=[0], report="full")
    entry = clf.unlearning_log_[-1]
    assert entry["before"]["retain_accuracy"] == before
    assert entry["after"]["retain_accuracy"] == clf.score(X[1:], y[1:])
    clf.unlearn(index=[1])
    assert "before" not in clf.unlearning_log_[-1]


@pytest.mark.parametrize("make", [ridge, lambda: ShardedClassifier(LogisticRegression())])
def test_a_report_that_is_none_is_named(make, digits):
    clf = make().fit(*digits)
    with pytest.raises(ValueError, match=r"report='some'.*full.*none.*sample"):
        clf.unlearn(index=[0], report="some")
    assert clf.unlearning_log_ == []


# --- how long it waits ---------------------------------------------------------------------


class Waits(UnlearningStrategy):
    """Holds the estimator until it is told to go on."""

    kind = "approximate"
    source = "test"
    inside, go_on = threading.Event(), threading.Event()

    @property
    def requires(self):
        return frozenset()

    def unlearn(self, request):
        from skqmu.unlearning import Outcome

        self.inside.set()
        self.go_on.wait(30)
        return Outcome(params=request.params, stop_reason="waited")


@pytest.mark.parametrize("kind", ["qnn", "experiment"])
def test_a_request_waits_for_another_no_longer_than_it_is_told(kind, digits):
    X, y = digits
    clf = ridge() if kind == "qnn" else UnlearningClassifier(ridge())
    clf.fit(X, y)
    Waits.inside.clear()
    Waits.go_on.clear()
    other = threading.Thread(target=lambda: clf.unlearn(index=[1], strategy=Waits()))
    other.start()
    assert Waits.inside.wait(30)
    for timeout in (0, 0.05):
        started = time.perf_counter()
        with pytest.raises(BusyError, match=rf"timeout={timeout}.*unlearn in another thread"):
            clf.unlearn(index=[2], timeout=timeout)
        assert time.perf_counter() - started < 10
    assert clf.unlearning_log_ == []
    clf.predict(X[:3])  # readers do not wait
    waiting = threading.Thread(target=lambda: clf.unlearn(index=[2], timeout=60))
    waiting.start()
    Waits.go_on.set()
    other.join()
    waiting.join()
    assert [entry["status"] for entry in clf.unlearning_log_] == ["done", "done"]


@pytest.mark.parametrize("timeout", [-1, "soon", np.nan, True])
def test_a_timeout_that_is_none_is_named(timeout, fitted):
    clf = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match=r"timeout=.*number of seconds"):
        clf.unlearn(index=[0], timeout=timeout)
    assert clf.unlearning_log_ == []


def test_whoever_makes_warnings_errors_keeps_the_copies(digits):
    X, y = digits
    X = np.concatenate([X, X[:1]])
    clf = ridge().fit(X, np.append(y, y[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnlearningWarning)
        with pytest.raises(UnlearningWarning, match="1 more stored rows"):
            clf.unlearn(X[:1])
    assert clf.is_member(X[:1]).all()
    assert clf.unlearning_log_ == []


# --- versions ------------------------------------------------------------------------------


def test_a_pickle_of_another_version_is_refused_by_name(fitted):
    state = fitted.__getstate__()
    old = {name: value for name, value in state.items() if name != "_state_format"}
    fresh = QNNClassifier.__new__(QNNClassifier)
    with pytest.raises(ValueError, match="another version of skqmu"):
        fresh.__setstate__(old)
    unfitted = ridge()
    state = unfitted.__getstate__()
    state.pop("_state_format")
    fresh.__setstate__(state)
    assert fresh.get_params() == unfitted.get_params()
