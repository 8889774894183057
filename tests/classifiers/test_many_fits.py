"""Many fits at once: each ends as its own `fit` would have left it. This file looks inside."""

import copy
import tracemalloc

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import (
    HybridQNNClassifier,
    QNNClassifier,
    ShardedClassifier,
    UnlearningClassifier,
    audit,
)
from skqmu import _fit_many as protocol
from skqmu._fit_many import fit_many, fits_many
from skqmu.attacks import ShadowPool
from skqmu.backends import AerBackend, Budget
from skqmu.exceptions import BudgetExceededError, TrainingDivergedError
from skqmu.training import TrainingRun

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
RNG = np.random.default_rng(8)
X = RNG.normal(size=(90, 3))
Y = (X[:, 0] + 0.3 * RNG.normal(size=90) > 0).astype(int) + (X[:, 1] > 0.8)


def qnn(seed=0, **params):
    fixed = {"n_qubits": 3, "n_layers": 1, "max_iter": 12, "random_state": seed}
    return QNNClassifier(**{**fixed, **params})


def halves(n):
    return [np.random.default_rng(k).permutation(90)[:45] for k in range(n)]


def assert_same(one, other):
    """Fitted alike: parameters to rounding, and the same course."""
    np.testing.assert_allclose(one.params_, other.params_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=0, atol=1e-9)
    for name in ("n_iter_", "stop_reason_", "fit_cost_", "n_features_in_"):
        assert getattr(one, name) == getattr(other, name), name
    np.testing.assert_array_equal(one.classes_, other.classes_)
    ours, theirs = one._fitted, other._fitted
    assert (ours.seed, ours.n_fits) == (theirs.seed, theirs.n_fits)
    np.testing.assert_array_equal(ours.members.X, theirs.members.X)
    np.testing.assert_array_equal(ours.members.held_out, theirs.members.held_out)


DESIGNS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "max_iter": 25, "tol": 1e-2, "n_iter_no_change": 2},
    "tolerance": {"tol": 5e-2, "n_iter_no_change": 1, "max_iter": 40},
    "small batches": {"batch_size": 7},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.2},
    "no nesterov": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    "penalty": {"alpha": 3.0},
    "class weights": {"class_weight": "balanced"},
    "reuploading": {"reuploading": True, "n_layers": 2},
    "updates": {"log_updates": True, "batch_size": 20},
    "frozen circuit": {"trainable": "head"},
    "ridge": {"trainable": "head", "head": "ridge"},
    "a library's optimizer": {"solver": "cobyla", "max_iter": 6},
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("n", [1, 5])
def test_each_model_is_that_of_its_own_fit(design, n):
    rows = halves(n)
    alone = [qnn(k, **DESIGNS[design]).fit(X[r], Y[r]) for k, r in enumerate(rows)]
    beside = [qnn(k, **DESIGNS[design]) for k in range(n)]
    assert QNNClassifier.fit_many(beside, [X[r] for r in rows], [Y[r] for r in rows]) == {}
    for one, other in zip(alone, beside, strict=True):
        assert_same(one, other)
        np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-9)
        # It goes on as any other: the same request gives the same model.
        if design != "a library's optimizer":
            mine = one._fitted.members.positions[:2]
            one.unlearn(index=mine)
            other.unlearn(index=mine)
            np.testing.assert_allclose(one.params_, other.params_, rtol=0, atol=1e-9)


def test_models_that_differ_in_everything_are_fitted_each_in_its_own_way():
    designs = [*DESIGNS.values(), {"n_qubits": 2}, {"max_iter": 3}, {"store_data": "none"}]
    alone = [qnn(k, **d).fit(X[k : 60 + k], Y[k : 60 + k]) for k, d in enumerate(designs)]
    beside = [qnn(k, **d) for k, d in enumerate(designs)]
    inputs = [X[k : 60 + k] for k in range(len(designs))]
    labels = [Y[k : 60 + k] for k in range(len(designs))]
    assert QNNClassifier.fit_many(beside, inputs, labels) == {}
    for one, other, design in zip(alone, beside, designs, strict=True):
        if design.get("store_data") != "none":
            assert_same(one, other)
        np.testing.assert_allclose(one.params_, other.params_, rtol=0, atol=1e-9)


def test_hybrids_weights_and_class_lists_go_along():
    rows = halves(4)
    weights = [RNG.uniform(0.5, 2, 45) for _ in rows]
    made = {"n_qubits": 2, "n_layers": 1, "max_iter": 5, "front_layers": (4, "tanh")}
    kinds = [HybridQNNClassifier(**made, random_state=k) for k in range(4)]
    alone = [clone(k) for k in kinds]
    for model, own, given in zip(alone, rows, weights, strict=True):
        model.fit(X[own], Y[own], given, classes=[0, 1, 2, 3])
    asked = {"sample_weights": weights, "classes": [0, 1, 2, 3]}
    failures = HybridQNNClassifier.fit_many(
        kinds, [X[r] for r in rows], [Y[r] for r in rows], **asked
    )
    assert failures == {}
    for one, other in zip(alone, kinds, strict=True):
        assert_same(one, other)
        assert other.predict_proba(X).shape == (90, 4)


def test_one_that_fails_is_told_by_its_number_and_touches_no_other():
    inputs, labels = [X] * 5, [Y] * 5
    bad = X.copy()
    bad[3, 1] = np.nan
    inputs[1] = bad
    models = [qnn(k) for k in range(5)]
    models[2] = qnn(2, max_iter=0)
    models[4] = qnn(4, alpha=1e300, solver="sgd")
    before = copy.deepcopy(vars(models[1]))
    failures = QNNClassifier.fit_many(models, inputs, labels)
    assert list(failures) == [1, 2, 4]
    assert "NaN" in str(failures[1])
    assert "max_iter" in str(failures[2])
    assert isinstance(failures[4], TrainingDivergedError)
    assert vars(models[1]) == before
    for k in (0, 3):
        assert_same(models[k], qnn(k).fit(X, Y))
    for k in (1, 2, 4):
        assert not hasattr(models[k], "params_")


def test_ctrl_c_leaves_each_model_whole_or_as_it_was(monkeypatch):
    advance, steps = TrainingRun.advance, []

    def counted(self, *args):
        steps.append(1)
        if len(steps) == 40:
            raise KeyboardInterrupt
        return advance(self, *args)

    models = [qnn(k) for k in range(6)]
    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "advance", counted)
        with pytest.raises(KeyboardInterrupt):
            QNNClassifier.fit_many(models, [X] * 6, [Y] * 6)
    begun = [model for model in models if hasattr(model, "params_")]
    assert begun
    for model in begun:
        assert np.isfinite(model.predict_proba(X)).all()
        assert model.is_member(X).all()
    again = [qnn(k) for k in range(6)]
    QNNClassifier.fit_many(again, [X] * 6, [Y] * 6)
    assert_same(again[5], qnn(5).fit(X, Y))


def test_sampled_models_have_noise_of_their_own_each():
    backend = AerBackend(shots=32, seed=5)
    alone = [qnn(k, backend=backend, max_iter=2).fit(X[:20], Y[:20]) for k in range(3)]
    beside = [qnn(k, backend=backend, max_iter=2) for k in range(3)]
    assert QNNClassifier.fit_many(beside, [X[:20]] * 3, [Y[:20]] * 3) == {}
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one.params_, other.params_)
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("of", ["backend", "block"])
def test_a_budget_counts_all_models_together(of):
    def make(k, budget=None):
        backend = AerBackend(shots=8, seed=5, budget=budget)
        return qnn(k, n_qubits=2, backend=backend, max_iter=2)

    alone = make(0).fit(X[:8], Y[:8])
    shots = alone.fit_cost_["shots"]
    limit = {"shots": 5 * shots // 2}
    models = [make(k, limit if of == "backend" else None) for k in range(4)]
    whole = {"shots": 10 * shots} if of == "backend" else limit
    with Budget.of(whole).enforced() as spent:
        failures = QNNClassifier.fit_many(models, [X[:8]] * 4, [Y[:8]] * 4)
    assert list(failures) == [2, 3]
    assert all(isinstance(error, BudgetExceededError) for error in failures.values())
    assert spent["shots"] <= limit["shots"]
    np.testing.assert_array_equal(models[0].params_, alone.params_)
    # The third keeps the steps that were paid for; the fourth was not begun.
    assert [model.fit_cost_["shots"] for model in models[:2]] == [shots, shots]
    assert 0 < models[2].fit_cost_["shots"] < shots
    assert not hasattr(models[3], "params_")


class Own(QNNClassifier):
    """Has a fit of its own."""

    def fit(self, X, y):
        super().fit(X, y)
        self.mine_ = True
        return self


def test_a_class_with_a_fit_of_its_own_is_fitted_by_that():
    assert fits_many(qnn())
    assert not fits_many(Own())
    models = [Own(max_iter=2, random_state=0), qnn(0, max_iter=2), LogisticRegression()]
    assert fit_many(models, [X] * 3, [Y] * 3) == {}
    assert models[0].mine_
    assert_same(models[1], qnn(0, max_iter=2).fit(X, Y))
    np.testing.assert_array_equal(models[2].coef_, LogisticRegression().fit(X, Y).coef_)
    direct = [Own(max_iter=2, random_state=0)]
    assert QNNClassifier.fit_many(direct, [X], [Y]) == {}
    assert direct[0].mine_


def test_pipelines_fit_their_steps_one_by_one_and_their_ends_together(monkeypatch):
    rows = halves(4)

    def make(k):
        return make_pipeline(StandardScaler(), "passthrough", PCA(2), qnn(k))

    alone = [make(k).fit(X[r], Y[r]) for k, r in enumerate(rows)]
    beside = [make(k) for k in range(4)]
    calls = []
    many = QNNClassifier.fit_many
    monkeypatch.setattr(
        protocol, "_protocol", lambda e: Counting if isinstance(e, QNNClassifier) else None
    )

    class Counting:
        @staticmethod
        def fit_many(models, *args, **more):
            calls.append(len(models))
            return many(models, *args, **more)

    assert fit_many(beside, [X[r] for r in rows], [Y[r] for r in rows]) == {}
    assert calls == [4]
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one[0].mean_, other[0].mean_)
        np.testing.assert_array_equal(one[2].components_, other[2].components_)
        assert_same(one[-1], other[-1])
    kept = make_pipeline(StandardScaler(), qnn(0), memory="somewhere")
    assert not fits_many(kept)


# --- who needs many models ---------------------------------------------------------------------


def one_by_one(monkeypatch):
    """Let nobody find the protocol."""
    monkeypatch.setattr(protocol, "_protocol", lambda *_: None)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_shadows_are_those_that_are_fitted_one_by_one(n_jobs, backend, monkeypatch):
    model = make_pipeline(StandardScaler(), qnn(max_iter=5))
    with joblib.parallel_config(backend=backend):
        pool = ShadowPool(model, n_shadows=6, n_jobs=n_jobs, random_state=0).fit(X, Y)
    with monkeypatch.context() as patched:
        one_by_one(patched)
        plain = ShadowPool(model, n_shadows=6, random_state=0).fit(X, Y)
    for i in range(6):
        np.testing.assert_allclose(pool.outputs().one(i), plain.outputs().one(i), atol=1e-9)


@pytest.mark.slow
def test_the_memory_that_shadows_take_does_not_grow_with_their_number():
    model = qnn(n_qubits=2, max_iter=1)

    def peak(n_shadows):
        tracemalloc.start()
        ShadowPool(model, n_shadows=n_shadows, random_state=0).fit(X, Y)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)  # what is imported and compiled
    some, many = peak(64), peak(256)
    assert many < some + 2e6


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_oracles_are_those_that_are_fitted_one_by_one(n_jobs, monkeypatch):
    forget = np.arange(90) < 9
    made = {"n_oracles": 3, "random_state": 0}
    clf = UnlearningClassifier(qnn(max_iter=5), **made, n_jobs=n_jobs).fit(X, Y, forget=forget)
    one_by_one(monkeypatch)
    plain = UnlearningClassifier(qnn(max_iter=5), **made).fit(X, Y, forget=forget)
    for one, other in zip(clf.oracles_, plain.oracles_, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_shards_are_those_that_are_fitted_one_by_one(n_jobs, monkeypatch):
    def make(n_jobs=None):
        return ShardedClassifier(qnn(max_iter=5), n_shards=4, random_state=0, n_jobs=n_jobs)

    # (the last rows alone make a shard of one class)
    assignment = np.stack([np.arange(90) % 3, np.zeros(90, dtype=int)], axis=1)
    assignment[np.flatnonzero(Y == 1)[:4]] = 3, 0
    clf = make(n_jobs).fit(X, Y, assignment=assignment).unlearn(index=[0, 1])
    one_by_one(monkeypatch)
    plain = make().fit(X, Y, assignment=assignment).unlearn(index=[0, 1])
    np.testing.assert_allclose(clf.predict_proba(X), plain.predict_proba(X), atol=1e-9)
    assert clf.fit_cost_ == plain.fit_cost_
    one, other = (m.unlearning_log_[-1] for m in (clf, plain))
    assert one["cost"] == other["cost"]


def test_an_audit_says_the_same(monkeypatch):
    asked = {
        "forget": ["fraction:0.2", "class:0"],
        "mechanisms": ["retrain", "fine_tune"],
        "attacks": ["loss", "lira"],
        "n_shadows": 4,
        "random_state": 0,
    }
    report = audit(qnn(max_iter=4), X, Y, **asked)
    one_by_one(monkeypatch)
    plain = audit(qnn(max_iter=4), X, Y, **asked)
    for scenario in ("fraction:0.2", "class:0"):
        for name in ("original", "oracle 1", "oracle 3", "retrain", "fine_tune"):
            one, other = (r.model(scenario, name) for r in (report, plain))
            assert one["cost"].keys() == other["cost"].keys()
            assert one["cost"]["gradient_rows"] == other["cost"]["gradient_rows"]
            if "verdict" in one:
                assert one["verdict"]["level"] == other["verdict"]["level"]
            a, b = (r.attack(scenario, name, "lira") for r in (report, plain))
            assert a.auc == pytest.approx(b.auc, abs=1e-6)
