"""Private fits through the public door: what depends on a row, what is kept, what is refused.

This file looks inside.
"""

import copy
import json
import os
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import scale

from skqmu import HybridQNNClassifier, QNNClassifier, UnlearningClassifier
from skqmu.backends import AerBackend
from skqmu.classifiers import suggest_dp
from skqmu.classifiers._known_fits import sharing_fits
from skqmu.exceptions import EncodingWarning, NotATrainingSampleError, PrivacyWarning
from skqmu.privacy import DifferentialPrivacy, _private_objective, group_privacy
from skqmu.unlearning import PrivateByTraining

X, Y = load_iris(return_X_y=True)
X, Y = scale(X)[::3, :3], Y[::3]
X = X + np.random.default_rng(0).normal(scale=0.01, size=X.shape)  # no value is there twice
SMALL = {"n_qubits": 2, "n_layers": 1, "max_iter": 3, "random_state": 0}
KINDS = {"qnn": QNNClassifier, "hybrid": HybridQNNClassifier}


_OWN = ("clip", "n_public", "sampling", "noise_multiplier")
# What is drawn here needs no noise that is looked for.
SAMPLED = {"noise_multiplier": 4.0, "epsilon": 30.0}


def private(epsilon=1.0, cls=QNNClassifier, **params):
    own = {name: params.pop(name) for name in _OWN if name in params}
    privacy = DifferentialPrivacy(epsilon, classes=[0, 1, 2], **own)
    return cls(**{**SMALL, "privacy": privacy, **params})


@pytest.fixture
def silent(monkeypatch):
    """Noise of 0, so that what depends on the rows can be seen."""
    monkeypatch.setattr(_private_objective, "gaussians", np.zeros)


@pytest.fixture
def drawn(monkeypatch):
    """All that the operating system gave, and all noise made of it."""
    found = []
    urandom, gaussians = os.urandom, _private_objective.gaussians

    def telling(n):
        found.append(urandom(n))
        return found[-1]

    def noised(n):
        found.append(gaussians(n))
        return found[-1]

    monkeypatch.setattr(os, "urandom", telling)
    monkeypatch.setattr(_private_objective, "gaussians", noised)
    return found


# --- what one row can do ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{}, {"alpha": 2.0}, {"class_weight": {0: 50.0}}])
def test_one_row_moves_a_step_by_no_more_than_the_clip(silent, kind, changes):
    rate, clip, n = 0.7, 0.05, 40
    steps = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": rate, "max_iter": 1}
    clf = private(cls=KINDS[kind], clip=clip, n_public=n, **steps, **changes)
    X_more = np.concatenate([X[:30], [[1e3, -7.0, 0.4]]])
    y_more, weights = np.append(Y[:30], 2), np.append(np.ones(30), 1e6)
    one = clone(clf).fit(X_more, y_more, weights).params_
    other = clone(clf).fit(X[:30], Y[:30]).params_
    # all parameters together: learned scales, angles, head
    moved = np.linalg.norm(one - other)
    assert 0 < moved <= rate * clip / n * (1 + 1e-9)


def test_nothing_of_a_fit_but_its_sums_depends_on_the_rows(silent):
    easy, hard = X, np.random.default_rng(0).normal(size=X.shape) * 40
    tiny = {"clip": 1e-15, "max_iter": 30, "learning_rate_init": 1e-6, "solver": "sgd"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nor is anybody warned of what the rows are like
        for kind in KINDS.values():
            one = private(cls=kind, **tiny).fit(easy, Y)
            other = private(cls=kind, **tiny).fit(hard, Y[::-1].copy())
            assert one.n_iter_ == other.n_iter_ == 30
            np.testing.assert_allclose(one.params_, other.params_, rtol=0, atol=1e-15)
            assert one.privacy_spent_ == other.privacy_spent_
    with pytest.warns((EncodingWarning, ConvergenceWarning)):
        QNNClassifier(**{**SMALL, "max_iter": 30, "learning_rate_init": 1e-6}).fit(hard, Y)


def test_rows_that_are_not_there_make_empty_batches():
    clf = private(**SAMPLED, n_public=1000, batch_size=10, max_iter=1).fit(X[:4], Y[:4])
    assert clf.privacy_spent_["n_steps"] == 100
    assert clf.fit_cost_["gradient_rows"] < 40
    assert np.isfinite(clf.params_).all()


def test_a_row_without_a_finite_gradient_is_not_there(silent):
    clf = private(cls=HybridQNNClassifier, front_end="dense", max_iter=2)
    far = np.concatenate([X, np.full((1, 3), 1e308)])
    with np.errstate(over="ignore", invalid="ignore"):
        fitted = clone(clf).set_params(privacy__n_public=len(X)).fit(far, np.append(Y, 0))
    assert np.isfinite(fitted.params_).all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_where_epsilon_allows_it(kind):
    params = {"n_layers": 2, "max_iter": 60, "learning_rate_init": 0.1}
    clf = private(200.0, cls=KINDS[kind], **params).fit(X, Y)
    assert clf.score(X, Y) > 0.6  # a third is chance
    assert 199 < clf.epsilon_ <= 200


# --- noise ------------------------------------------------------------------------------


def test_two_fits_of_one_random_state_differ():
    one, other = private().fit(X, Y), private().fit(X, Y)
    assert not np.allclose(one.params_, other.params_, rtol=0, atol=1e-4)
    again = copy.deepcopy(one).fit(X, Y)
    assert not np.allclose(one.params_, again.params_, rtol=0, atol=1e-4)


def test_models_fitted_side_by_side_have_noise_of_their_own(monkeypatch):
    models = [private() for _ in range(4)]
    assert QNNClassifier.fit_many(models, [X] * 4, [Y] * 4) == {}
    assert min(np.ptp([a.params_, b.params_], axis=0).max() for a in models for b in models
               if a is not b) > 1e-4  # fmt: skip
    assert all(model.epsilon_ == models[0].epsilon_ for model in models)
    monkeypatch.setattr(_private_objective, "gaussians", np.zeros)
    models = [private() for _ in range(4)]
    QNNClassifier.fit_many(models, [X] * 4, [Y] * 4)
    alone = private().fit(X, Y)
    for model in models:
        np.testing.assert_allclose(model.params_, alone.params_, rtol=0, atol=1e-12)
        assert model.fit_cost_ == alone.fit_cost_


@pytest.mark.parametrize("sampling", ["full", "poisson"])
def test_the_noise_is_nowhere(drawn, tmp_path, sampling):
    clf = private(**SAMPLED, sampling=sampling, batch_size=10, unlearning=PrivateByTraining())
    clf.fit(X, Y)
    clf.unlearn(X[:2])
    assert len(drawn) >= 6
    places = {
        "pickle": pickle.dumps(clf),
        "released": pickle.dumps(clf.release()),
        "clone": pickle.dumps(clone(clf)),
    }
    words = [repr(clf), json.dumps(clf.unlearning_log_), repr(clf.privacy_spent_), repr(vars(clf))]
    planted = 0
    for draw in drawn:
        raw = draw if isinstance(draw, bytes) else draw.tobytes()
        pieces = {raw[i : i + 8] for i in range(0, len(raw), 8)}
        for where, content in places.items():
            assert not any(piece in content for piece in pieces), where
        for value in np.frombuffer(raw[: len(raw) // 8 * 8]):
            assert not any(repr(float(value)) in text for text in words)
        planted += any(piece in pickle.dumps((clf, raw)) for piece in pieces)
    assert planted == len(drawn)  # the search finds what is there


def test_no_search_and_no_cache_passes_one_draw_off_as_another(tmp_path):
    with sharing_fits():
        one, other = private().fit(X, Y), private().fit(X, Y)
    assert not np.array_equal(one.params_, other.params_)
    mask = np.arange(len(X)) < 3
    found = []
    for _ in range(2):
        model = UnlearningClassifier(
            private(), strategy="private_by_training", memory=str(tmp_path), random_state=0
        )
        with pytest.warns(UserWarning, match=r"memory= keeps no fits.*draw again"):
            found.append(model.fit(X, Y, forget=mask).estimator_.params_)
    assert not np.array_equal(*found)
    assert not list(tmp_path.rglob("*.pkl"))


# --- what goes with it ---------------------------------------------------------------------

REFUSED = {
    "early_stopping": True,
    "warm_start": True,
    "log_updates": True,
    "checkpoint": "somewhere",
    "tol": 1e-3,
    "class_weight": "balanced",
    "solver": "cobyla",
    "loss": "linear",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_lets_the_rows_decide_is_refused_by_name(name):
    clf = private(**{name: REFUSED[name]})
    with pytest.raises(ValueError, match=rf"{name}=.*privacy|{name}.*linear"):
        clf.fit(X, Y)
    assert not hasattr(clf, "params_")
    plain = clone(clf).set_params(privacy=None)
    if name not in ("checkpoint", "solver"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain.fit(X, Y)  # nothing else was in the way


@pytest.mark.parametrize(
    ("clf", "told"),
    [
        (private(head="ridge", trainable="head"), "head='ridge'.*no noisy steps"),
        (private(backend=AerBackend(shots=64)), "backend=.*statevector"),
        (
            private(cls=HybridQNNClassifier, head_layers=(4, "batch_norm")),
            "trains in another way.*batch norm",
        ),
        (private(cls=HybridQNNClassifier, head_layers=(4, "dropout:0.2")), "dropout"),
    ],
    ids=["solved", "shots", "batch norm", "dropout"],
)
def test_what_mixes_rows_is_refused(clf, told):
    with pytest.raises(ValueError, match=told):
        clf.fit(X, Y)


def test_the_class_list_is_public_input():
    clf = QNNClassifier(**SMALL, privacy=DifferentialPrivacy())
    with pytest.raises(ValueError, match=r"must not find out from y.*classes="):
        clf.fit(X, Y)
    assert clone(clf).fit(X, Y, classes=[0, 1, 2, 3]).classes_.tolist() == [0, 1, 2, 3]
    stated = clone(clf).set_params(privacy__classes="public")
    assert stated.fit(X, Y).classes_.tolist() == [0, 1, 2]
    assert private().fit(X[Y < 2], Y[Y < 2]).classes_.tolist() == [0, 1, 2]


def test_partial_fit_is_not_offered():
    assert not hasattr(private(), "partial_fit")
    assert hasattr(QNNClassifier(), "partial_fit")


def test_callbacks_are_refused():
    clf = private()
    vars(clf)["_skl_callbacks"] = [object()]
    with pytest.raises(ValueError, match="callbacks do not go with privacy"):
        clf._check_parameters()


def test_a_fit_that_is_not_private_promises_nothing():
    clf = QNNClassifier(**SMALL)
    for name in ("epsilon_", "privacy_spent_"):
        assert not hasattr(clf, name)
    clf.fit(X, Y)
    for name in ("epsilon_", "privacy_spent_"):
        with pytest.raises(AttributeError, match=r"privacy=DifferentialPrivacy"):
            getattr(clf, name)
    clf.set_params(privacy=DifferentialPrivacy(classes="public")).fit(X, Y)
    assert clf.epsilon_ <= 1
    assert not hasattr(clf.set_params(privacy=None).fit(X, Y), "epsilon_")


def test_what_is_given_away_has_the_promise_and_nothing_that_is_not_private():
    clf = private(**SAMPLED, batch_size=9).fit(X, Y)
    told = clf.release()
    assert (told.epsilon_, told.privacy_spent_) == (clf.epsilon_, clf.privacy_spent_)
    for name in ("history_", "loss_", "loss_curve_", "fit_cost_", "n_iter_"):
        assert not hasattr(told, name), name
    assert told._fitted.members is None
    assert told._fitted.moments is None
    np.testing.assert_array_equal(told.predict_proba(X), clf.predict_proba(X))
    again = pickle.loads(pickle.dumps(told))
    assert again.epsilon_ == clf.epsilon_


# --- deletion ----------------------------------------------------------------------------


def test_a_deletion_changes_nothing_and_has_its_certificate():
    rows, labels = np.concatenate([X, X[:1]]), np.append(Y, Y[0])
    clf = private(0.5).fit(rows, labels)
    before = clf.params_.copy()
    with pytest.warns(UserWarning, match="1 more stored rows"):
        clf.unlearn(X[:2], strategy="private_by_training")
    clf.unlearn(X[5:6], strategy="private_by_training")
    np.testing.assert_array_equal(clf.params_, before)
    for entry, m in zip(clf.unlearning_log_, (3, 4), strict=True):  # a copy, and an earlier request
        certificate = entry["certificate"]
        assert certificate["kind"] == "certified"
        expected = group_privacy(clf.epsilon_, 1e-5, m)
        assert (certificate["epsilon"], certificate["delta"]) == pytest.approx(expected)
        assert entry["cost"]["gradient_rows"] == 0
        assert entry["digests"][0] == entry["digests"][1]
    assert clf.privacy_spent_["n_deleted"] == 4
    assert clf.is_member(X[:7]).tolist() == [False, False, True, True, True, False, True]
    with pytest.raises(NotATrainingSampleError):
        clf.unlearn(X[:1], strategy="private_by_training")
    held = pickle.dumps(clf)
    assert not any(value.tobytes() in held for value in X[5])


def test_retraining_is_another_private_fit_and_is_counted():
    clf = private().fit(X, Y)
    clf.unlearn(X[:1], strategy="private_by_training")
    clf.unlearn(X[3:4])
    entry, spent = clf.unlearning_log_[-1], clf.privacy_spent_
    assert entry["certificate"]["kind"] == "exact"
    assert (spent["n_fits"], spent["n_deleted"], spent["n_public"]) == (2, 0, len(X) - 2)
    assert clf.epsilon_ <= 1 < spent["epsilon"] < 2
    assert any("another private fit" in note for note in entry["notes"])
    clf.unlearn(X[4:5], strategy="private_by_training")
    assert clf.unlearning_log_[-1]["certificate"]["epsilon"] == pytest.approx(clf.epsilon_)


@pytest.mark.parametrize("strategy", ["fine_tune", "gradient_ascent", "newton_step"])
def test_mechanisms_that_move_weights_by_rows_are_refused(strategy):
    clf = private().fit(X, Y)
    before = pickle.dumps(clf)
    with pytest.raises(ValueError, match=r"without noise.*private_by_training.*retrain"):
        clf.unlearn(X[:1], strategy=strategy)
    assert pickle.dumps(clf) == before


def test_a_promise_that_says_nothing_any_more_is_none():
    clf = private(3.0).fit(X, Y)
    with pytest.raises(ValueError, match=r"promises nothing any more: 12 deleted rows.*delta"):
        clf.unlearn(index=np.arange(12), strategy="private_by_training")
    with pytest.raises(ValueError, match=r"max_epsilon=4\) allows less: 2 deleted rows"):
        clf.unlearn(index=[0, 1], strategy=PrivateByTraining(max_epsilon=4.0))
    assert clf.is_member(X).all()
    plain = QNNClassifier(**SMALL).fit(X, Y)
    with pytest.raises(ValueError, match=r"QNNClassifier\(privacy="):
        plain.unlearn(X[:1], strategy="private_by_training")


def test_without_a_record_copies_are_not_counted_and_the_certificate_says_so():
    clf = private(store_data="none").fit(X, Y)
    clf.unlearn(X[:2], Y[:2], strategy="private_by_training", report="none")
    certificate = clf.unlearning_log_[-1]["certificate"]
    assert certificate["epsilon"] == pytest.approx(2 * clf.epsilon_)
    assert not certificate["assumptions"][0]["checked"]


# --- searches, costs, suggestions ------------------------------------------------------------


def test_searching_spends_privacy_and_says_so():
    search = GridSearchCV(private(), {"privacy__clip": [0.5, 1.0]}, cv=2)
    with pytest.warns(PrivacyWarning, match=r"each candidate and fold spends epsilon=1"):
        search.fit(X, Y)
    assert search.best_estimator_.epsilon_ <= 1
    with pytest.warns(PrivacyWarning):
        cross_val_score(private(), X, Y, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        private().fit(X, Y)


def test_costs_are_told_beforehand():
    clf = private(batch_size=10)
    said = clf.estimate_cost(X, Y)
    assert said["gradient_rows"] == 3 * len(X)
    assert clf.estimate_cost(X, Y, method="unlearn", forget=[0], strategy="private_by_training")[
        "gradient_rows"
    ] == 0  # fmt: skip


def test_what_can_be_borne_follows_from_weights_rows_and_epsilon():
    clf = QNNClassifier(n_qubits=2, n_layers=1, random_state=0)
    told = suggest_dp(clf, X, Y)
    ratios = [row["noise_to_signal"] for row in told.rows]
    assert ratios == sorted(ratios, reverse=True)
    more = suggest_dp(clf, np.tile(X, (4, 1)), np.tile(Y, 4))
    for few, many in zip(told.rows, more.rows, strict=True):
        assert many["noise_to_signal"] == pytest.approx(few["noise_to_signal"] / 4, rel=1e-6)
    assert told.epsilon is None or told.epsilon > more.epsilon
    longer = suggest_dp(clone(clf).set_params(max_iter=600), X, Y)
    assert longer.rows[2]["noise_to_signal"] == pytest.approx(ratios[2], rel=1e-3)
    assert not hasattr(clf, "params_")
    fitted = clone(clf).set_params(**told.params).set_params(privacy__classes="public").fit(X, Y)
    assert fitted.epsilon_ <= told.params["privacy"].epsilon
    assert f"clip {told.clip:.2g}" in str(told)
    # the steps that it speaks of are those that fits take: the first one, without noise
    scaled = suggest_dp(clone(clf).set_params(trainable="head"), X, Y)
    assert scaled.n_weights == len(fitted.params_) - 6 - 3
