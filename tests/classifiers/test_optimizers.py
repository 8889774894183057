"""qiskit-machine-learning's optimizers as solvers: what they cost, keep, refuse and resume."""

import copy
import pickle
from functools import partial

import joblib
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

from skqmu import HybridQNNClassifier, QNNClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import BudgetExceededError, TrainingDivergedError
from skqmu.training import OPTIMIZERS, Minimizer, TrainingRun, optimizer_identity, resolve_optimizer

optimizers = pytest.importorskip("qiskit_machine_learning.optimizers")
SPSA, COBYLA = optimizers.SPSA, optimizers.COBYLA
# Those that ask for gradients.
WITH_GRADIENTS = {"cg", "l_bfgs_b", "slsqp", "tnc"}


@parametrize_with_checks(
    [
        QNNClassifier(n_qubits=2, n_layers=1, random_state=0, **params)
        for params in (
            {"solver": "spsa", "max_iter": 200},
            {"solver": "l_bfgs_b", "max_iter": 30},
        )
    ]
)
def test_scikit_learns_checks_hold(estimator, check):
    check(estimator)


def test_weights_are_copies_on_shots_too():
    pytest.importorskip("qiskit_aer")
    clf = QNNClassifier(n_qubits=2, n_layers=1, solver="spsa", max_iter=21, random_state=3)
    clf.set_params(backend=AerBackend(shots=100))
    check_sample_weight_equivalence_on_dense_data("QNNClassifier", clf)


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.SkipTestWarning",
)
def test_scikit_learns_checks_hold_with_an_object():
    solver = SPSA(maxiter=100, learning_rate=0.3, perturbation=0.2)
    clf = QNNClassifier(n_qubits=2, n_layers=1, random_state=0, solver=solver, max_iter=201)
    failed = [
        (result["check_name"], result["exception"])
        for result in check_estimator(clf, on_fail=None)
        if result["status"] == "failed"
    ]
    assert failed == []


def interrupted(monkeypatch, n_calls, error):
    """Make the n-th evaluation raise, once."""
    left = [n_calls]
    for name in ("value", "evaluated"):
        whole = getattr(TrainingRun, name)

        def method(self, batches, whole=whole):
            left[0] -= 1
            if left[0] == 0:
                raise error
            return whole(self, batches)

        monkeypatch.setattr(TrainingRun, name, method)


# --- what an epoch is --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_epoch_is_one_evaluation_over_all_rows(small, blobs, name):
    clf = small(solver=name, max_iter=9, batch_size=16).fit(*blobs)
    assert 0 < clf.n_iter_ <= 9
    assert clf.n_iter_ == len(clf.loss_curve_) == len(clf.history_)
    assert [row["epoch"] for row in clf.history_] == [*range(1, clf.n_iter_ + 1)]
    assert clf.fit_cost_["forward_rows"] == 60 * clf.n_iter_
    gradients = name in WITH_GRADIENTS
    assert clf.fit_cost_["gradient_rows"] == gradients * 60 * clf.n_iter_
    assert ("gradient_norm" in clf.history_[0]) == gradients
    assert clf.loss_ == clf.loss_curve_[-1]


@pytest.mark.parametrize("name", ["spsa", "cobyla", "nft", "l_bfgs_b", "umda"])
def test_the_loss_goes_down(small, blobs, name):
    X, y = blobs
    clf = small(solver=name, max_iter=200).fit(X, y)
    assert min(clf.loss_curve_) < 0.75 * clf.loss_curve_[0]
    # Where a search ends, and the lowest loss it saw, are near for those that went down.
    assert -np.log(clf.predict_proba(X)[np.arange(60), y]).mean() < 0.75 * clf.loss_curve_[0]


def test_batches_share_one_evaluation(small, blobs):
    whole = small(solver="nft", max_iter=12).fit(*blobs)
    in_parts = small(solver="nft", max_iter=12, batch_size=7, alpha=0.0).fit(*blobs)
    np.testing.assert_allclose(in_parts.loss_curve_, whole.loss_curve_, rtol=1e-9)
    decayed = small(solver="l_bfgs_b", max_iter=12, alpha=5.0)
    in_parts = clone(decayed).set_params(batch_size=7).fit(*blobs)
    np.testing.assert_allclose(in_parts.loss_curve_, decayed.fit(*blobs).loss_curve_, rtol=1e-6)


class Compare(optimizers.L_BFGS_B):
    """Ends where it starts, having compared the gradient with differences of the loss."""

    def minimize(self, fun, x0, jac=None, bounds=None):
        np.testing.assert_allclose(approx_fprime(x0, fun, 1e-6), jac(x0), atol=1e-5)
        result = optimizers.OptimizerResult()
        result.x = x0
        return result


@pytest.mark.parametrize("params", [{}, {"alpha": 20.0, "batch_size": 7}, {"trainable": "head"}])
def test_the_gradient_is_that_of_the_loss(small, blobs, params):
    clf = small(solver=Compare(), max_iter=50, class_weight={0: 3.0}, **params).fit(*blobs)
    assert clf.n_iter_ > 9
    assert clf.stop_reason_ == "Compare ended by itself"


def test_only_parameters_that_are_trained_are_searched(small, blobs):
    clf = small(solver="cobyla", trainable="head", max_iter=30).fit(*blobs)
    fresh = small(trainable="head", input_scale=1.0, max_iter=1).fit(*blobs)
    np.testing.assert_array_equal(clf.circuit_weights_, fresh.circuit_weights_)
    assert np.abs(clf.params_ - fresh.params_).max() > 0.1


def test_batch_norm_and_dropout_go_along(blobs):
    clf = HybridQNNClassifier(
        n_qubits=2, n_layers=1, head_layers=(4, "batch_norm", "relu", "dropout:0.2"),
        solver="spsa", max_iter=40, random_state=0,
    ).fit(*blobs)  # fmt: skip
    (means,) = (clf.buffers_[name] for name in clf.buffers_ if "mean" in name)
    assert np.abs(means).max() > 0
    np.testing.assert_array_equal(clone(clf).fit(*blobs).params_, clf.params_)


# --- what max_iter bounds ----------------------------------------------------------------


def test_an_object_that_is_cut_off_says_so_and_keeps_its_best_point(small, blobs):
    X, y = blobs
    clf = small(solver=SPSA(maxiter=100), max_iter=30)
    with pytest.warns(ConvergenceWarning, match=r"SPSA\(\) was stopped at max_iter=30"):
        clf.fit(X, y)
    assert (clf.n_iter_, clf.stop_reason_) == (30, "max_iter")
    loss = -np.log(clf.predict_proba(X)[np.arange(60), y]).mean()
    np.testing.assert_allclose(loss, min(clf.loss_curve_), rtol=1e-9)


def test_an_object_that_ends_by_itself_leaves_the_model_where_it_ended(small, blobs):
    X, y = blobs
    clf = small(solver=SPSA(maxiter=5, learning_rate=0.1, perturbation=0.1), max_iter=50).fit(X, y)
    assert (clf.n_iter_, clf.stop_reason_) == (11, "SPSA ended by itself")
    loss = -np.log(clf.predict_proba(X)[np.arange(60), y]).mean()
    np.testing.assert_allclose(loss, clf.loss_, rtol=1e-9)  # its last evaluation is of the end


def test_grouped_points_are_all_evaluated(small, blobs):
    one_by_one = SPSA(maxiter=6, learning_rate=0.2, perturbation=0.1)
    grouped = copy.deepcopy(one_by_one)
    grouped.set_max_evals_grouped(2)
    first = small(solver=one_by_one, max_iter=20).fit(*blobs)
    second = small(solver=grouped, max_iter=20).fit(*blobs)
    assert first.loss_curve_ == second.loss_curve_


@pytest.mark.parametrize("solver", ["spsa", "l_bfgs_b", "object"])
def test_the_estimate_is_what_a_fit_spends_at_most(small, blobs, solver):
    pytest.importorskip("qiskit_aer")
    if solver == "object":
        solver = SPSA(maxiter=3, learning_rate=0.1, perturbation=0.1)
    clf = small(solver=solver, max_iter=11, backend=AerBackend(shots=50))
    cost = clf.estimate_cost(*blobs)
    clf.fit(*blobs)
    spent = clf.fit_cost_
    if solver == "spsa":
        assert {name: cost[name] for name in spent} == spent
    assert cost["shots"] >= spent["shots"] == spent["circuits"] * 50 > 0


# --- whose random numbers ----------------------------------------------------------------


def test_random_state_governs_and_the_global_generator_is_left_alone(small, blobs):
    from qiskit_machine_learning.utils import algorithm_globals

    algorithm_globals.random_seed = 5
    generator = algorithm_globals.random
    expected = np.random.default_rng(5).random(3)
    first = generator.random()
    one = small(solver="spsa", max_iter=9).fit(*blobs)
    assert algorithm_globals.random is generator
    assert algorithm_globals.random_seed == 5
    assert [first, *generator.random(2)] == expected.tolist()
    np.testing.assert_array_equal(small(solver="spsa", max_iter=9).fit(*blobs).params_, one.params_)
    other = small(solver="spsa", max_iter=9, random_state=1).fit(*blobs)
    assert np.abs(other.params_ - one.params_).max() > 1e-3
    # The start is the same here, so that the draws of the search alone tell them apart.
    going_on = small(solver="spsa", max_iter=9, warm_start=True).fit(*blobs).fit(*blobs)
    assert np.abs(going_on.params_ - one.params_).max() > 1e-6


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_side_by_side_equal_fits_in_turn(small, blobs, backend):
    def params(seed):
        return small(solver="umda", max_iter=45, random_state=seed).fit(*blobs)

    with joblib.parallel_backend(backend, n_jobs=2):
        aside = joblib.Parallel()(
            joblib.delayed(small(solver="umda", max_iter=45, random_state=seed).fit)(*blobs)
            for seed in range(4)
        )
    for seed, clf in enumerate(aside):
        np.testing.assert_array_equal(clf.params_, params(seed).params_)


def test_a_solver_object_is_not_changed_by_fit(small, blobs):
    solver = SPSA(maxiter=4, blocking=True, learning_rate=0.1, perturbation=0.1)
    before = copy.deepcopy(vars(solver))
    clf = small(solver=solver, max_iter=60).fit(*blobs)
    assert vars(solver) == before  # blocking writes allowed_increase down
    assert clf.solver is solver
    assert clone(clf).get_params()["solver"] is not solver
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(blobs[0]), clf.predict_proba(blobs[0]))
    np.testing.assert_array_equal(again.fit(*blobs).params_, clf.params_)


def test_solvers_are_searched_over_a_grid_in_two_processes(small, blobs):
    grid = {"solver": ["adam", "spsa", COBYLA(maxiter=150), optimizers.NFT(maxiter=20)]}
    model = small(max_iter=150)
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, error_score="raise").fit(*blobs)
    assert search.cv_results_["mean_test_score"].min() > 0.7


# --- stopping, going on, forgetting ------------------------------------------------------


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_ctrl_c_keeps_the_best_point_so_far(small, blobs, name, monkeypatch):
    X, y = blobs
    interrupted(monkeypatch, 4, KeyboardInterrupt)
    clf = small(solver=name, max_iter=20)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert clf.n_iter_ == 3
    loss = -np.log(clf.predict_proba(X)[np.arange(60), y]).mean()
    np.testing.assert_allclose(loss, min(clf.loss_curve_), rtol=1e-9)
    assert clf.is_member(X).all()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_failure_changes_nothing(small, blobs, name, monkeypatch):
    clf = small(solver=name, max_iter=6).fit(*blobs)
    before = dict(vars(clf))
    interrupted(monkeypatch, 3, TrainingDivergedError("planted"))
    with pytest.raises(TrainingDivergedError, match="planted"):
        clf.fit(*blobs)
    assert vars(clf) == before


@pytest.mark.parametrize("solver", ["spsa", "nelder_mead", "slsqp", "gsls"])
def test_a_killed_search_is_resumed_and_ends_the_same(small, blobs, tmp_path, solver, monkeypatch):
    pytest.importorskip("qiskit_aer")
    backend = AerBackend(shots=40)
    undisturbed = small(solver=solver, max_iter=12, backend=backend).fit(*blobs)
    clf = small(solver=solver, max_iter=12, backend=backend, checkpoint=tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupted(patch, 8, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            clone(clf).fit(*blobs)
    resumed = clone(clf).fit(*blobs)
    np.testing.assert_array_equal(resumed.params_, undisturbed.params_)
    assert resumed.loss_curve_ == undisturbed.loss_curve_
    assert resumed.fit_cost_["shots"] == undisturbed.fit_cost_["shots"]
    with pytest.raises(ValueError, match="belongs to another fit"):
        clone(clf).set_params(solver=COBYLA()).fit(*blobs)


def test_a_checkpoint_knows_the_solver_by_its_settings():
    assert optimizer_identity(SPSA(maxiter=3)) == optimizer_identity(SPSA(maxiter=3))
    assert optimizer_identity(SPSA(maxiter=3)) != optimizer_identity(SPSA(maxiter=4))
    assert optimizer_identity(SPSA()) != optimizer_identity(SPSA(callback=print))


def identity_with(rate):
    return optimizer_identity(SPSA(maxiter=1, learning_rate=rate, perturbation=[0.1]))


def test_functions_in_a_solver_are_told_apart_by_what_they_do():
    def closing_over(step):
        return lambda: iter([step])

    rates = [
        lambda: iter([0.1] * 9),
        lambda: iter([0.2] * 9),
        lambda step=0.1: iter([step] * 9),
        lambda step=0.2: iter([step] * 9),
        closing_over(0.1),
        closing_over(0.2),
    ]
    assert len({identity_with(rate) for rate in rates}) == len(rates)
    assert identity_with(closing_over(0.2)) == identity_with(rates[-1])


def test_functions_in_a_solver_may_be_partial_nested_or_hold_themselves():
    def stepping(step, n=9):
        return iter([step] * n)

    def holding_itself():
        def rate():
            return stepping(0.1) if rate else None

        return rate

    def holding_nothing():
        def rate():
            return stepping(0.1) if later else None

        return rate
        later = 1

    rates = [
        partial(stepping, 0.1),
        partial(stepping, 0.2),
        partial(stepping, 0.1, n=8),
        lambda: (lambda: stepping(0.1))(),
        lambda: (lambda: stepping(0.2))(),
        holding_itself(),
        holding_nothing(),
    ]
    assert len({identity_with(rate) for rate in rates}) == len(rates)
    assert identity_with(partial(stepping, 0.2)) == identity_with(rates[1])
    assert identity_with(holding_itself()) == identity_with(rates[5])


def test_an_object_tells_the_callback_that_it_was_given():
    class Watcher:
        def __init__(self):
            self.losses = []

        def look(self, n_evaluations, x, loss, *rest):
            self.losses.append(loss)

    watcher = Watcher()
    optimizer = SPSA(maxiter=4, learning_rate=0.1, perturbation=0.1, callback=watcher.look)
    solver = Minimizer(optimizer, np.random.SeedSequence(0))
    solver.search(lambda x: float(x @ x), None, np.ones(2))
    assert len(watcher.losses) == 4


@pytest.mark.parametrize("name", ["nelder_mead", "nft", "powell"])
def test_a_named_solver_is_bounded_by_max_iter_alone(name):
    looked = []

    def loss(x):
        looked.append(1)
        return float(np.sin(3 * x).sum() + ((x - np.arange(40)) ** 2).sum())

    optimizer = resolve_optimizer(name, max_iter=1500, learning_rate=0.1, n_parameters=40)
    Minimizer(optimizer, np.random.SeedSequence(0)).search(loss, None, np.zeros(40))
    assert 1100 < len(looked) <= 1501 + 40


def test_a_budget_ends_the_search_at_its_best_point(small, blobs):
    pytest.importorskip("qiskit_aer")
    backend = AerBackend(shots=10, budget={"shots": 10 * 60 * 7})
    clf = small(solver="spsa", max_iter=40, backend=backend)
    with pytest.raises(BudgetExceededError):
        clf.fit(*blobs)
    assert clf.n_iter_ == 7
    assert clf.fit_cost_["shots"] == 10 * 60 * 7


def test_warm_start_goes_on_from_the_last_parameters(small, blobs):
    clf = small(solver="l_bfgs_b", max_iter=5, warm_start=True).fit(*blobs)
    first = clf.loss_
    clf.fit(*blobs)
    assert clf.loss_curve_[0] <= first + 1e-9
    clf.set_params(solver="adam").fit(*blobs)
    assert clf.set_params(solver="spsa").fit(*blobs).n_iter_ > 0


@pytest.mark.parametrize("strategy", ["retrain", "fine_tune", "gradient_ascent", "scrub"])
def test_deletions_are_honoured(small, blobs, strategy):
    X, y = blobs
    clf = small(solver="spsa", max_iter=15).fit(X[9:], y[9:])
    X, y, X_reference, y_reference = X[9:], y[9:], X[:9], y[:9]
    before = clf.params_
    clf.unlearn(X[:4], X_reference=X_reference, y_reference=y_reference, strategy=strategy)
    assert np.abs(clf.params_ - before).max() > 0
    assert not clf.is_member(X[:4]).any()
    if strategy == "retrain":
        other = small(solver="spsa", max_iter=15)
        assert clf.loss_curve_ != other.fit(X[4:], y[4:]).loss_curve_  # fresh draws
        assert clf.n_iter_ == 15


# --- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"solver": "spas"}, "Did you mean 'spsa'"),
        ({"solver": "lbfgs"}, "Did you mean 'l_bfgs_b'"),
        ({"solver": 3}, "solver"),
        ({"solver": SPSA}, r"solver=SPSA is a class; pass an instance.*'cobyla'"),
        ({"solver": optimizers.P_BFGS()}, r"P_BFGS.*'l_bfgs_b'"),
        ({"solver": type("Mine", (), {"minimize": print})()}, r"of type Mine is unknown.*'spsa'"),
        ({"solver": "spsa", "early_stopping": True}, r"early_stopping=True.*solver='spsa'"),
        ({"solver": COBYLA(), "log_updates": True}, r"log_updates=True.*solver=COBYLA\(\)"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(small, blobs, params, message):
    clf = small(**params)
    with pytest.raises(ValueError, match=message):
        clf.fit(*blobs)
    assert not hasattr(clf, "params_")


def test_there_is_no_single_pass(small, blobs):
    assert hasattr(small(), "partial_fit")
    clf = small(solver="spsa")
    assert not hasattr(clf, "partial_fit")


# --- noise -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spsa", "nft"])
def test_iris_trains_from_scratch_on_shots(name):
    pytest.importorskip("qiskit_aer")
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import MinMaxScaler

    X, y = load_iris(return_X_y=True)
    X = MinMaxScaler((-np.pi / 2, np.pi / 2)).fit_transform(X)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=2)
    clf = QNNClassifier(
        n_layers=2, solver=name, max_iter=300,
        backend=AerBackend(shots=256), random_state=2,
    ).fit(X, y)  # fmt: skip
    assert clf.score(X_test, y_test) >= 0.8
    assert clf.fit_cost_["gradient_rows"] == 0
    # Copies of a row are run once.
    assert clf.fit_cost_["circuits"] == len(np.unique(X, axis=0)) * clf.n_iter_
