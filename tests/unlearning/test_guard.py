"""The guard: what forgetting costs those who stay is judged, repaired, and told."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_wine, make_classification
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import DamageWarning, UnlearningWarning
from skqmu.unlearning import (
    STRATEGIES,
    Composite,
    FineTune,
    GradientAscent,
    Harm,
    NegGradPlus,
    Outcome,
    RandomLabels,
    UnlearningStrategy,
    tolerance_of,
)

# Those that `world`, which logs its updates, is made for.
APPROXIMATE = [
    name
    for name, cls in STRATEGIES.items()
    if cls.kind == "approximate" and cls.classifier_params.items() <= {"log_updates": True}.items()
]
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def world():
    """Three overlapping classes, learned with some memorising, and unseen rows of them."""
    X, y = make_classification(
        300, 4, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=2
    )
    X = 0.5 * np.clip(scale(X), -3, 3)
    clf = QNNClassifier(n_layers=2, max_iter=60, log_updates=True, random_state=0)
    return clf.fit(X[:150], y[:150]), X, y


def told(clf, *args, **kwargs):
    """Carry a request out; the log's entry and the classes of what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.unlearn(*args, **kwargs)
    return clf.unlearning_log_[-1], {w.category for w in caught}


def rows_of(request, y):
    return {"tenth": np.arange(150) < 15, "class": y[:150] == 1, "row": np.arange(150) == 40}[
        request
    ]


@pytest.mark.parametrize("request_", ["tenth", "class", "row"])
@pytest.mark.parametrize("name", APPROXIMATE)
def test_no_mechanism_costs_retained_rows_more_than_it_may_or_says_so(world, name, request_):
    fitted, X, y = world
    mask = rows_of(request_, y)
    clf = copy.deepcopy(fitted)
    entry, warned = told(clf, index=mask, strategy=name)
    stay = X[:150][~mask], y[:150][~mask]
    lost = fitted.score(*stay) - clf.score(*stay)  # the yardstick is all of them
    assert entry["harm"]["n_rows"] == (~mask).sum()
    assert entry["harm"]["accuracy"] == pytest.approx(clf.score(*stay))
    damaged = Harm(**entry["harm"]).beyond
    assert (entry["status"] == "damaged") == damaged == (DamageWarning in warned)
    if not damaged:
        assert lost <= max(0.02, 1 / (~mask).sum()) + 1e-9
    if entry["status"] == "done":
        assert entry["target_reached"] in (None, True)
    if entry["status"] == "short of target":
        assert entry["target_reached"] is False
        assert UnlearningWarning in warned
        assert "ended short of its target" in " ".join(entry["notes"])


def test_without_the_guard_the_same_mechanism_destroys_the_model(world):
    fitted, X, y = world
    gone = y[:150] == 1
    scores = []
    for guard in (None, "auto"):
        clf = copy.deepcopy(fitted)
        told(clf, index=gone, strategy=RandomLabels(guard=guard, learning_rate_init=0.3))
        scores.append(clf.score(X[:150][~gone], y[:150][~gone]))
        assert (clf.unlearning_log_[-1]["harm"] is None) == (guard is None)
    assert scores[0] < scores[1] - 0.1


@pytest.mark.parametrize("strategy", [GradientAscent(), NegGradPlus(), "fisher_forgetting"])
def test_many_small_requests_do_not_add_up(strategy):
    X, y = load_wine(return_X_y=True)
    X = 0.4 * scale(X)[:, 6:]
    clf = QNNClassifier(
        n_layers=1, input_scale=None, observables="zz", max_iter=60, random_state=0
    ).fit(X[::2], y[::2])
    original = copy.deepcopy(clf)
    others = {"X_reference": X[1::2], "y_reference": y[1::2]}
    for row in range(20):
        told(clf, index=[row], strategy=strategy, **others)
        stay = X[::2][row + 1 :], y[::2][row + 1 :]
        assert clf.score(*stay) >= original.score(*stay) - 0.021
    at_fit = {entry["harm"]["loss_at_fit"] for entry in clf.unlearning_log_}
    assert len(at_fit) == 20  # the same model each time, on the rows that were left
    assert clf.score(X[1::2], y[1::2]) >= original.score(X[1::2], y[1::2]) - 0.05


def test_rows_that_are_known_by_heart_alone_are_damage_too():
    X, y = make_classification(900, 10, n_informative=6, n_redundant=0, n_classes=3, random_state=1)
    X = scale(X)
    clf = QNNClassifier(max_iter=30, random_state=0).fit(X[:100], y[:100])
    without, guarded = copy.deepcopy(clf), copy.deepcopy(clf)
    training_on = {"l1": 0.0, "max_iter": 400, "learning_rate_init": 0.1}
    told(without, index=[0], strategy=FineTune(**training_on, guard=None))
    entry, _ = told(guarded, index=[0], strategy=FineTune(**training_on))
    assert without.score(X[1:100], y[1:100]) == 1  # the rows themselves do not tell
    held_out = X[100:], y[100:]
    losses = [log_loss(held_out[1], m.predict_proba(held_out[0])) for m in (clf, without, guarded)]
    assert losses[1] > losses[0] + 1
    assert losses[2] < losses[0] + 0.3
    assert entry["harm"]["loss_beside"] <= entry["harm"]["loss_beside_at_fit"] + 0.1
    assert "as far as the tolerance allows" in entry["stop_reason"]


def test_rows_beside_are_those_of_the_fit_whatever_was_forgotten_since(world):
    clf = copy.deepcopy(world[0])
    told(clf, index=[0], strategy=FineTune(max_iter=1, learning_rate_init=1e-9))
    first = clf.unlearning_log_[-1]["harm"]
    told(clf, index=range(1, 75), strategy=FineTune(max_iter=1, learning_rate_init=1e-9))
    for harm in (first, clf.unlearning_log_[-1]["harm"]):
        assert harm["loss_beside"] == pytest.approx(harm["loss_beside_at_fit"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradient_ascent", "relative_gradient_ascent", "scrub"])
def test_a_hundred_requests_end_near_a_model_trained_without_the_rows(name):
    X, y = make_classification(500, 4, n_informative=4, n_redundant=0, random_state=4)
    X = 0.5 * np.clip(scale(X), -3, 3)
    train, test = (X[:250], y[:250]), (X[250:], y[250:])
    clf = QNNClassifier(n_layers=2, max_iter=60, random_state=0).fit(*train)
    for row in range(100):
        told(clf, index=[row], strategy=name)
        if row in (0, 9, 49, 99):
            oracle = QNNClassifier(n_layers=2, max_iter=60, random_state=1)
            oracle.fit(X[row + 1 : 250], y[row + 1 : 250])
            assert clf.score(*test) > oracle.score(*test) - 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scrub", "neg_grad_plus"])
def test_many_small_requests_leave_rows_that_nobody_gave_as_they_were(name):
    X, y = make_classification(
        2000, 10, n_informative=6, n_redundant=0, n_classes=3, random_state=1
    )
    X = scale(X)
    clf = QNNClassifier(random_state=0).fit(X[:200], y[:200])
    original = clf.score(X[200:], y[200:])
    for row in range(60):
        told(clf, index=[row], strategy=name)
        if row % 10 == 9:
            assert clf.score(X[200:], y[200:]) > original - 0.08


def test_harm_is_judged_against_the_last_fit_and_not_the_last_request(world):
    fitted, X, y = world
    clf = copy.deepcopy(fitted)
    told(clf, index=[0], strategy=FineTune(max_iter=2))
    first = clf.unlearning_log_[-1]["harm"]
    told(clf, index=[1], strategy=FineTune(max_iter=2))
    stay = slice(2, 150)
    losses = -fitted.predict_log_proba(X[stay])[np.arange(148), y[stay]]
    assert clf.unlearning_log_[-1]["harm"]["loss_at_fit"] == pytest.approx(losses.mean())
    assert first["n_rows"] == 149
    clf.unlearn(index=[2], strategy="retrain")  # from here on the retrained model is the one
    retrained = copy.deepcopy(clf)
    told(clf, index=[3], strategy=FineTune(max_iter=2))
    losses = -retrained.predict_log_proba(X[4:150])[np.arange(146), y[4:150]]
    assert clf.unlearning_log_[-1]["harm"]["loss_at_fit"] == pytest.approx(losses.mean())


def test_what_is_kept_of_the_fit_says_nothing_of_forgotten_rows(world):
    fitted, _, _ = world
    clf = copy.deepcopy(fitted)
    told(clf, index=range(10), strategy=FineTune(max_iter=1))
    baseline = pickle.loads(pickle.dumps(clf))._fitted.baseline
    assert len(baseline.loss) == len(baseline.hits) == len(baseline.labels) == 140
    assert baseline.positions.min() == 10


@pytest.mark.parametrize("mode", ["fingerprints", "none"])
def test_rows_that_are_passed_are_judged_like_stored_ones(world, mode):
    fitted, X, y = world
    clf = QNNClassifier(n_layers=2, max_iter=60, store_data=mode, random_state=0)
    key = {"fingerprint_key": KEY} if mode == "fingerprints" else {}
    clf.fit(X[:150], y[:150], **key)
    for start in (0, 5):
        end = start + 5
        stay = {"X_retain": X[end:150], "y_retain": y[end:150]}
        strategy = FineTune(max_iter=1)
        told(clf, X[start:end], y[start:end], strategy=strategy, **stay, **key)
    stored = copy.deepcopy(fitted)
    for start in (0, 5):
        told(stored, index=range(start, start + 5), strategy=FineTune(max_iter=1))
    harm, expected = (m.unlearning_log_[-1]["harm"] for m in (clf, stored))
    assert harm["loss"] == pytest.approx(expected["loss"], rel=0.02)
    # Without a record rows are known by their class: means of the classes, from the first time.
    rel = 1e-3 if mode == "fingerprints" else 0.2
    assert harm["loss_at_fit"] == pytest.approx(expected["loss_at_fit"], rel=rel)


def test_without_retained_rows_it_says_that_it_cannot_see(world):
    _, X, y = world
    clf = QNNClassifier(n_layers=2, max_iter=20, store_data="none", random_state=0)
    clf.fit(X[:150], y[:150])
    with pytest.warns(UnlearningWarning, match="nobody sees what the request costs"):
        clf.unlearn(X[:3], y[:3], strategy=GradientAscent(max_iter=2, stop=None))
    assert clf.unlearning_log_[-1]["harm"] is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.unlearn(X[5:8], y[5:8], strategy=GradientAscent(max_iter=2, stop=None, guard=None))


def test_a_composite_is_judged_at_its_end(world):
    fitted, _, _ = world
    clf = copy.deepcopy(fitted)
    rough = GradientAscent(stop=None, max_iter=8)
    entry, warned = told(clf, index=range(15), strategy=Composite([rough, FineTune(max_iter=40)]))
    assert entry["stop_reason"].startswith("max_iter; ")  # nothing was taken back on the way
    assert (entry["status"] == "damaged") == (DamageWarning in warned)


class Ruin(UnlearningStrategy):
    """Turns the model upside down at once."""

    def unlearn(self, request):
        return Outcome(-request.params, "turned")


class Leap(Ruin):
    repairs = False


@pytest.fixture(scope="module")
def sampled():
    pytest.importorskip("qiskit_aer")
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 2)) * 0.3 + y[:, None]
    clf = QNNClassifier(n_layers=1, max_iter=30, random_state=0).fit(X, y)
    return clf.set_params(backend=AerBackend(shots=400, seed=0))


def test_damage_that_cannot_be_taken_back_is_told_as_such(sampled):
    clf = copy.deepcopy(sampled)
    with pytest.warns(DamageWarning, match=r"accuracy .* after the last fit .* way out: .*retrain"):
        clf.unlearn(index=[0, 1], strategy=Ruin())
    entry = clf.unlearning_log_[-1]
    assert entry["status"] == "damaged"
    assert entry["harm"]["accuracy"] < entry["harm"]["accuracy_at_fit"] - 0.02
    assert len(clf._fitted.members) == 38
    failed = copy.deepcopy(sampled)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DamageWarning)
        with pytest.raises(DamageWarning):
            failed.unlearn(index=[0, 1], strategy=Ruin())
    np.testing.assert_array_equal(failed.params_, sampled.params_)


def test_a_leap_is_made_as_far_as_the_tolerance_allows(sampled):
    clf = copy.deepcopy(sampled)
    entry, _ = told(clf, index=[0, 1], strategy=Leap())
    assert entry["status"] == "short of target"
    assert "as far as the tolerance allows" in entry["stop_reason"]
    assert not Harm(**entry["harm"]).beyond
    assert 0 < np.abs(clf.params_ - sampled.params_).max() < np.abs(sampled.params_).max()


def test_where_circuits_cost_nothing_damage_is_repaired(world):
    fitted, _, _ = world
    clf = copy.deepcopy(fitted)
    entry, warned = told(clf, index=range(5), strategy=Ruin())
    assert "repaired on the retained rows" in entry["stop_reason"]
    assert (entry["status"] == "damaged") == (DamageWarning in warned)
    assert entry["harm"]["accuracy"] > 0.5
    assert entry["cost"]["gradient_rows"] > 0


@pytest.mark.parametrize(
    ("harm", "beyond"),
    [
        (Harm(100, 0.95, 0.2, accuracy_at_fit=0.97, loss_at_fit=0.15, tolerance=0.02), False),
        (Harm(100, 0.94, 0.2, accuracy_at_fit=0.97, loss_at_fit=0.15, tolerance=0.02), True),
        (Harm(100, 0.97, 0.3, accuracy_at_fit=0.97, loss_at_fit=0.15, tolerance=0.02), True),
        (Harm(10, 0.9, 0.2, accuracy_at_fit=1.0, loss_at_fit=0.15, tolerance=0.02), False),
        (Harm(10, 0.8, 0.2, accuracy_at_fit=1.0, loss_at_fit=0.15, tolerance=0.02), True),
    ],
)
def test_harm_is_accuracy_or_loss_beyond_the_tolerance_and_one_row_may_turn(harm, beyond):
    assert harm.beyond == beyond


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_proves_something_is_not_guarded_and_all_else_is(name):
    strategy = STRATEGIES[name]()
    assert (tolerance_of(strategy) is None) == (strategy.kind != "approximate")
    if strategy.kind == "approximate":
        assert tolerance_of(strategy.set_params(guard=0.1)) == 0.1
        assert tolerance_of(strategy.set_params(guard=None)) is None


def test_a_log_of_updates_still_adds_up_after_a_repair(world):
    fitted, _, _ = world
    clf = copy.deepcopy(fitted)
    start = clf.params_ - sum(step for _, step in clf._fitted.updates)
    for rows in ([3, 4], [5]):
        entry, _ = told(clf, index=rows, strategy="amnesiac")
        assert "repaired" in entry["stop_reason"]  # one big batch: all of training was undone
        np.testing.assert_allclose(
            start + sum(s for _, s in clf._fitted.updates), clf.params_, atol=1e-9
        )
