"""Deletion requests on QNNClassifier: what is found, what a strategy sees, what is committed.

This file looks inside.
"""

import copy
import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skqmu._same_state import same_state
from skqmu.exceptions import (
    MemberRecordError,
    NotATrainingSampleError,
    UnlearningError,
    UnlearningWarning,
)
from skqmu.network import Network, cross_entropy
from skqmu.unlearning import (
    STRATEGIES,
    GradientAscent,
    Outcome,
    Retrain,
    SelectiveDampening,
    UnlearningStrategy,
)

KEY = bytes(range(32))
LOG = "unlearning_log_"


class See(UnlearningStrategy):
    """Changes nothing and keeps the request."""

    seen = []

    def unlearn(self, request):
        self.seen.append(request)
        return Outcome(params=request.params, stop_reason="")


def seen(clf, *arguments, **more):
    clf.unlearn(*arguments, strategy=See(), **more)
    return See.seen.pop()


def unchanged_but_for_the_log(before, clf):
    after = dict(vars(clf))
    # (the place in the stream of sampling noise moves on with every run, failed ones too)
    for state in (before, after):
        state.pop(LOG)
        state["_fitted"] = replace(state["_fitted"], noise=None)
    assert same_state(before, after) is None


# --- what a strategy sees ------------------------------------------------------------------


def test_the_request_holds_the_rows_and_what_training_made_of_them(small, blobs):
    X, y = blobs
    w = np.random.default_rng(0).uniform(0.5, 2, 60)
    clf = small(class_weight={1: 3.0}, learning_rate_init=0.07, batch_size=13).fit(
        X, y, sample_weight=w
    )
    request = seen(clf, X[[5, 2]])
    scaled = w * np.where(y == 1, 3.0, 1.0)
    scaled /= scaled.mean()
    np.testing.assert_array_equal(request.forget.X, X[[2, 5]])
    np.testing.assert_array_equal(request.forget.labels, y[[2, 5]])
    np.testing.assert_allclose(request.forget.weights, scaled[[2, 5]])
    stays = np.setdiff1d(np.arange(60), [2, 5])
    np.testing.assert_array_equal(request.retain.X, X[stays])
    np.testing.assert_allclose(request.retain.weights, scaled[stays])
    assert request.params is not None
    assert (request.learning_rate_init, request.batch_size) == (0.07, 13)
    assert request.reference is None
    assert request.removed_classes.size == 0
    assert request.updates == []


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 4.0}])
def test_weights_are_on_the_scale_of_training_whatever_is_stored(small, blobs, class_weight):
    X, y = blobs
    kept = np.flatnonzero((y != 1) | (np.arange(60) % 2 == 0))
    X, y = X[kept], y[kept]
    params = {"class_weight": class_weight}
    rows = seen(small(**params).fit(X, y), X[:4])
    hashed = small(**params, store_data="fingerprints").fit(X, y, fingerprint_key=KEY)
    request = seen(copy.deepcopy(hashed), X[:4], fingerprint_key=KEY)
    assert request.retain is None
    np.testing.assert_allclose(request.forget.weights, rows.forget.weights)
    request = seen(hashed, X[:4], X_retain=X[6:], fingerprint_key=KEY)
    np.testing.assert_allclose(request.retain.weights, rows.retain.weights[2:])


def test_the_validation_part_is_the_reference_and_not_retained(small, blobs):
    X, y = blobs
    clf = small(early_stopping=True, validation_fraction=0.3).fit(X, y)
    held_out = clf._fitted.members.held_out.copy()
    rows = np.r_[np.flatnonzero(held_out)[:2], np.flatnonzero(~held_out)[:3]]
    request = seen(clf, index=rows)
    assert len(request.forget) == 3
    assert len(request.retain) == 42 - 3
    assert len(request.reference) == 18 - 2
    np.testing.assert_array_equal(request.reference.X, X[held_out][2:])
    assert not clf.is_member(X[rows]).any()


def test_a_held_out_row_whose_copy_was_trained_on_is_no_reference(small, blobs):
    X, y = blobs
    X, y = np.concatenate([X, X]), np.concatenate([y, y])
    clf = small(early_stopping=True, validation_fraction=0.3).fit(X, y)
    held_out = clf._fitted.members.held_out
    both = np.flatnonzero(held_out[:60] & held_out[60:])
    request = seen(clf, index=np.flatnonzero(~held_out)[:1])
    assert 0 < len(both) * 2 == len(request.reference) < held_out.sum()


def test_a_passed_reference_must_be_unseen(small, blobs):
    X, y = blobs
    clf = small(early_stopping=True).fit(X, y)
    held_out, X = X[clf._fitted.members.held_out], X[~clf._fitted.members.held_out]
    request = seen(clf, X[:1], X_reference=X[:3] + 1, y_reference=y[:3])
    np.testing.assert_array_equal(request.reference.X, X[:3] + 1)
    with pytest.raises(ValueError, match=r"1 rows of X_reference were trained on"):
        clf.unlearn(X[1:2], X_reference=np.r_[X[:1] + 1, X[4:5]], y_reference=[0, 1])
    gone = held_out[:1]
    with pytest.raises(ValueError, match="or are to be forgotten"):
        clf.unlearn(gone, X_reference=gone, y_reference=[0])
    with pytest.raises(ValueError, match="needs y_reference="):
        clf.unlearn(X[1:2], X_reference=X[:1] + 1)
    with pytest.raises(ValueError, match="y_reference= goes with"):
        clf.unlearn(X[1:2], y_reference=[0])


def test_removed_classes_are_those_of_which_nothing_stays(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    assert seen(clf, X[y == 1][1:]).removed_classes.size == 0
    assert seen(clf, X[y == 1][:1]).removed_classes.tolist() == [1]
    assert clf.unlearning_log_[-1]["classes_removed"] == [1]


def test_each_request_has_draws_of_its_own_and_a_failed_one_uses_up_none(small, blobs):
    X, y = blobs

    class Fail(UnlearningStrategy):
        def unlearn(self, request):
            raise OSError("disk full")

    clf, other = small().fit(X, y), small().fit(X, y)
    first, second = seen(clf, X[:1]).seed, seen(clf, X[1:2]).seed
    assert first.spawn_key != second.spawn_key
    with pytest.raises(OSError, match="disk full"):
        other.unlearn(X[:1], strategy=Fail())
    assert seen(other, X[:1]).seed.spawn_key == first.spawn_key


# --- which requests are understood -----------------------------------------------------------


@pytest.mark.parametrize("mode", ["rows", "fingerprints", "none"])
def test_every_way_to_name_rows_with_everything_that_may_be_stored(small, blobs, mode):
    X, y = blobs
    key = {"fingerprint_key": KEY} if mode == "fingerprints" else {}
    strategy = GradientAscent(stop=None, guard=None, max_iter=2)
    fitted = small(store_data=mode, unlearning=strategy)
    fitted.fit(X, y, **key)
    ways = {
        "rows": ({"X_forget": X[:3]}, mode != "none"),
        "rows and labels": ({"X_forget": X[:3], "y_forget": y[:3]}, True),
        "positions": ({"index": [0, 1, 2]}, mode == "rows"),
        "mask": ({"index": np.arange(60) < 3}, mode == "rows"),
    }
    results = []
    for request, works in ways.values():
        clf = copy.deepcopy(fitted)
        if works:
            results.append(clf.unlearn(**request, **key).predict_proba(X))
            assert clf.unlearning_log_[-1]["n_forget"] == 3
        else:
            before = copy.deepcopy(vars(clf))
            with pytest.raises(MemberRecordError, match="store_data="):
                clf.unlearn(**request, **key)
            assert same_state(before, dict(vars(clf))) is None
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def torn(X, y, *, centred):
    """Rows 0, 20 and 40 as one that rounding tore apart, and as a transform gives them again."""
    X, y = X.copy(), y.copy()
    X[[20, 40]], y[[20, 40]] = X[0], y[0]
    if centred:  # principal components, of which no two copies are exact
        X = PCA(2).fit_transform(X)
    X[[0, 20, 40], 0] += [0.0, 1e-15, 2e-15]
    again = X.copy()
    again[0, 0] -= 1e-15
    return X, again, y


@pytest.mark.parametrize("mode", ["rows", "fingerprints"])
@pytest.mark.parametrize("centred", [False, True])
def test_a_copy_that_goes_is_counted_where_rounding_tore_copies_apart(small, blobs, mode, centred):
    X, again, y = torn(*blobs, centred=centred)
    assert len(np.unique(X[[0, 20, 40]], axis=0)) == 3
    key = {"fingerprint_key": KEY} if mode == "fingerprints" else {}
    ids = np.arange(len(X))
    clf = small(store_data=mode).fit(X, y, ids=ids, **key)
    own = {"X_forget": X[:1], "y_forget": y[:1]} if mode == "fingerprints" else {}
    request = {"ids": [0], **own, **key}
    for rows in (X, again):
        with pytest.raises(ValueError, match="1 rows of X_retain are among those to forget"):
            seen(copy.deepcopy(clf), **request, X_retain=rows, y_retain=y)
    met = seen(copy.deepcopy(clf), **request, X_retain=again[1:], y_retain=y[1:])
    assert len(met.retain.X) == len(X) - 1


@pytest.mark.parametrize("mode", ["rows", "fingerprints"])
def test_retained_rows_may_be_passed_and_are_checked(small, blobs, mode):
    X, y = blobs
    key = {"fingerprint_key": KEY} if mode == "fingerprints" else {}
    clf = small(store_data=mode).fit(X, y, **key)
    for bad, message in (
        ({"X_retain": X[2:], "y_retain": y[2:]}, "1 rows of X_retain are among those to forget"),
        ({"X_retain": X[3:] + 1, "y_retain": y[3:]}, "never trained on"),
        ({"X_retain": X[3:], "y_retain": (y[3:] + 1) % 3}, "another label"),
        ({"y_retain": y[3:]}, "y_retain= goes with"),
        ({"X_retain": X[3:], "y_retain": y[4:]}, "expected"),
    ):
        with pytest.raises(ValueError, match=message):
            clf.unlearn(X[:3], **bad, **key)
    clf.unlearn(X[:3], X_retain=X[3:], **key)  # labels are known
    fresh = small().fit(X, y).unlearn(X[:3])
    np.testing.assert_array_equal(clf.params_, fresh.params_)


def test_retraining_on_a_part_of_what_stays_makes_members_of_that_part_alone(small, blobs):
    X, y = blobs
    clf = small().fit(X, y).unlearn(X[:3], X_retain=X[10:])
    assert clf.is_member(X).tolist() == [i >= 10 for i in range(60)]
    assert "7 rows were neither named nor in X_retain" in " ".join(clf.unlearning_log_[-1]["notes"])
    expected = small().fit(X[10:], y[10:], classes=[0, 1, 2])
    same = small().fit(X, y).unlearn(X[:3], X_retain=X[10:], strategy=Retrain("same"))
    np.testing.assert_array_equal(same.params_, expected.params_)


def test_nothing_stored_means_nothing_is_checked_but_overlaps(small, blobs):
    X, y = blobs
    clf = small(store_data="none").fit(X, y)
    with pytest.raises(MemberRecordError, match="y_forget= is needed"):
        clf.unlearn(X[:2], X_retain=X[2:], y_retain=y[2:])
    with pytest.raises(MemberRecordError, match="y_retain= is needed"):
        clf.unlearn(X[:2], y[:2], X_retain=X[2:])
    with pytest.raises(ValueError, match="1 rows of X_retain are in X_forget too"):
        clf.unlearn(X[:2], y[:2], X_retain=X[1:], y_retain=y[1:])
    clf.unlearn(X[:2], y[:2], X_retain=X[2:], y_retain=y[2:], strategy=Retrain("same"))
    np.testing.assert_allclose(
        clf.params_, small().fit(X[2:], y[2:], classes=[0, 1, 2]).params_, rtol=1e-12
    )


def test_rows_of_the_validation_part_alone_change_no_parameter(small, blobs):
    X, y = blobs
    clf = small(early_stopping=True, unlearning="gradient_ascent").fit(X, y)
    before, held_out = clf.params_, X[clf._fitted.members.held_out]
    clf.unlearn(held_out[:2])
    assert clf.params_ is before
    assert clf.unlearning_log_[-1]["stop_reason"] == "nothing to unlearn"
    assert not clf.is_member(held_out[:2]).any()


def test_all_rows_that_were_trained_on_are_too_many(small, blobs):
    X, y = blobs
    clf = small(early_stopping=True).fit(X, y)
    trained = np.flatnonzero(~clf._fitted.members.held_out)
    with pytest.raises(ValueError, match="names all 54 rows that the classifier was trained on"):
        clf.unlearn(index=trained)
    clf.unlearn(index=trained[:-1], strategy="fine_tune")
    assert clf.is_member(X).sum() == 7


def test_what_a_strategy_lacks_is_named_with_the_ways_to_get_it(small, blobs):
    X, y = blobs
    clf = small(store_data="fingerprints").fit(X, y, fingerprint_key=KEY)
    for strategy, message in (
        ("fine_tune", "FineTune needs retain data.*pass X_retain and y_retain, or fit with store"),
        ("selective_dampening", "importance.*fit with unlearning= this strategy"),
        ("amnesiac", "fit with log_updates=True"),
    ):
        with pytest.raises(MemberRecordError, match=message):
            clf.unlearn(X[:1], fingerprint_key=KEY, strategy=strategy)
    assert clf.unlearning_log_ == []


def test_importances_are_measured_at_fit_where_the_rows_are_not_kept(small, blobs):
    X, y = blobs
    strategy = SelectiveDampening(guard=None)  # no rows are at hand to judge by
    kept = small(unlearning=strategy).fit(X, y)
    hashed = small(unlearning=strategy, store_data="fingerprints")
    hashed.fit(X, y, fingerprint_key=KEY)
    kept.unlearn(X[:5])
    hashed.unlearn(X[:5], fingerprint_key=KEY)
    np.testing.assert_allclose(hashed.params_, kept.params_, rtol=1e-9)


# --- all of it, or nothing -------------------------------------------------------------------


@pytest.fixture(scope="module")
def ready():
    """A fitted classifier for each strategy, with what it needs."""
    from skqmu import QNNClassifier

    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    X = rng.normal(size=(30, 2)) + y[:, None]
    fitted = {}

    def make(name):
        strategy = STRATEGIES[name]()
        if name not in fitted:
            clf = QNNClassifier(
                **{"batch_size": 8, **strategy.classifier_params},
                n_layers=1,
                max_iter=3,
                random_state=0,
            )
            fitted[name] = clf.fit(X, y)
        return copy.deepcopy(fitted[name]), X, strategy

    return make


def break_network(monkeypatch, n_calls, outcome):
    """Make the n-th evaluation of any network raise, or give nan."""
    left = [n_calls]

    def broken(method):
        whole = getattr(Network, method)

        def call(self, *arguments, **more):
            left[0] -= 1
            if left[0] == 0:
                if isinstance(outcome, BaseException):
                    raise outcome
                result = whole(self, *arguments, **more)
                if method == "outputs":
                    return result * outcome
                return (result[0] * outcome, *result[1:])
            return whole(self, *arguments, **more)

        return call

    for method in ("forward", "backward", "outputs"):
        monkeypatch.setattr(Network, method, broken(method))
    return left


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_interrupt_anywhere_leaves_everything_as_it_was(ready, monkeypatch, name):
    clf, X, strategy = ready(name)
    reference = {"X_reference": X[:9] + 5, "y_reference": np.arange(9) % 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        with monkeypatch.context() as patched:
            left = break_network(patched, 10**9, None)
            finished = copy.deepcopy(clf).unlearn(X[:4], strategy=strategy, **reference)
        n_calls = 10**9 - left[0]
        places = sorted({1, 2, 3, n_calls // 2, n_calls - 1, n_calls} & set(range(1, n_calls + 1)))
        for place in places:
            before = dict(vars(copy.deepcopy(clf)))
            n_entries = len(clf.unlearning_log_)
            with monkeypatch.context() as patched:
                break_network(patched, place, KeyboardInterrupt())
                with pytest.raises(KeyboardInterrupt):
                    clf.unlearn(X[:4], strategy=strategy, **reference)
            unchanged_but_for_the_log(before, clf)
            if len(clf.unlearning_log_) > n_entries:
                entry = clf.unlearning_log_[-1]
                assert (entry["strategy"], entry["status"]) == (
                    type(strategy).__name__,
                    "interrupted",
                )
                assert "after" not in entry
        assert any(entry["status"] == "interrupted" for entry in clf.unlearning_log_)
        clf.unlearn(X[:4], strategy=strategy, **reference)
    np.testing.assert_array_equal(clf.params_, finished.params_)


@pytest.mark.parametrize("name", STRATEGIES)
def test_numbers_that_are_none_anywhere_leave_everything_as_it_was(ready, monkeypatch, name):
    clf, X, strategy = ready(name)
    reference = {"X_reference": X[:9] + 5, "y_reference": np.arange(9) % 3}
    n_told = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in range(2, 10):
            candidate, before = copy.deepcopy(clf), dict(vars(copy.deepcopy(clf)))
            with monkeypatch.context() as patched:
                break_network(patched, place, np.nan)
                try:
                    candidate.unlearn(X[:4], strategy=strategy, **reference)
                except (UnlearningError, ValueError, np.linalg.LinAlgError):
                    n_told += 1
                    unchanged_but_for_the_log(before, candidate)
                    assert candidate.unlearning_log_[-1]["status"] in ("diverged", "failed")
                    continue
            # The nan was in a measurement, or comparisons with it were false.
            assert np.isfinite(candidate.params_).all()
            assert candidate.unlearning_log_[-1]["status"] in ("done", "short of target")
    # What goes by a log of updates, or by sums, evaluates no row but for its entry.
    no_rows = "update_log" in strategy.requires or hasattr(clf, "class_statistics_")
    no_rows = no_rows or name == "private_by_training"
    assert n_told > 0 or no_rows


@pytest.mark.parametrize(
    "name", [n for n in STRATEGIES if "learning_rate_init" in STRATEGIES[n]().get_params()]
)
def test_a_diverging_strategy_says_so(ready, name):
    clf, X, strategy = ready(name)
    strategy.set_params(learning_rate_init=1.7e308, solver="sgd", max_iter=9)
    if "stop" in strategy.get_params():
        strategy.set_params(stop=None)
    before = dict(vars(copy.deepcopy(clf)))
    with pytest.raises(UnlearningError, match="diverged and nothing was changed"):
        clf.unlearn(X[:4], strategy=strategy)
    unchanged_but_for_the_log(before, clf)
    assert clf.unlearning_log_[-1]["status"] == "diverged"
    assert "non-finite" in clf.unlearning_log_[-1]["error"]


# --- what is logged --------------------------------------------------------------------------


def test_the_log_measures_before_and_after(small, blobs):
    X, y = blobs
    clf = small(max_iter=30).fit(X, y)
    original = copy.deepcopy(clf)
    clf.unlearn(X[:6], strategy=GradientAscent(stop=None, guard=None, max_iter=5))
    entry = clf.unlearning_log_[-1]
    for model, when in ((original, "before"), (clf, "after")):
        for part, rows in (("forget", slice(0, 6)), ("retain", slice(6, None))):
            logits = model._network().logits(model.params_, X[rows])
            loss = cross_entropy(logits, np.eye(3)[y[rows]]).mean()
            assert entry[when][f"{part}_loss"] == pytest.approx(loss)
            assert entry[when][f"{part}_accuracy"] == model.score(X[rows], y[rows])
    assert entry["after"]["forget_loss"] > entry["before"]["forget_loss"]
    assert entry["params"]["max_iter"] == 5
    assert (entry["n_epochs"], entry["n_steps"]) == (5, 5)
    assert entry["cost"] == {"forward_rows": 30, "gradient_rows": 30, "circuits": 30, "shots": 0}
    assert [row["epoch"] for row in entry["history"]] == [1, 3, 5]
    assert entry["beyond_reach"]


def test_many_requests_in_a_row_tell_their_story(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    strategies = ["retrain", "fine_tune", GradientAscent(stop=None, max_iter=1), "retrain"]
    for i, strategy in enumerate(strategies):
        clf.unlearn(index=[2 * i, 2 * i + 1], strategy=strategy)
    log = clf.unlearning_log_
    assert [entry["strategy"] for entry in log] == [
        "Retrain",
        "FineTune",
        "GradientAscent",
        "Retrain",
    ]
    assert [entry["n_retain"] for entry in log] == [58, 56, 54, 52]
    assert [entry["kind"] for entry in log] == ["exact", "approximate", "approximate", "exact"]
    assert clf.is_member(X).sum() == 52
    direct = small().fit(X, y).unlearn(index=range(8), strategy=Retrain("same"))
    for order in itertools.islice(itertools.permutations(range(4)), 0, 24, 7):
        other = small().fit(X, y)
        for i in order:
            other.unlearn(index=[2 * i, 2 * i + 1], strategy=Retrain("same"))
        np.testing.assert_array_equal(other.params_, direct.params_)


def test_members_are_asked_by_label_too(small, blobs):
    X, y = blobs
    clf = small().fit(X, np.array(["a", "b", "c"])[y])
    names = np.array(["a", "b", "c"])
    assert clf.is_member(X, names[y]).all()
    assert not clf.is_member(X, names[(y + 1) % 3]).any()
    with pytest.raises(ValueError, match=r"y holds labels \['z'\]"):
        clf.is_member(X[:1], ["z"])
    with pytest.raises(ValueError, match="expected"):
        clf.is_member(X, names[:2])
    with pytest.raises(NotATrainingSampleError, match="another label"):
        clf.unlearn(X[:1], names[(y[:1] + 1) % 3])
