"""Newton steps: the curvature they go by, where they land, and what they must say.

This file looks inside.
"""

import copy
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.exceptions import UnlearningWarning
from skqmu.network import cross_entropy, softmax
from skqmu.training import Records
from skqmu.unlearning import NewtonStep, Retrain
from skqmu.unlearning._curvature import Surface, conjugate_gradients, exact_step
from skqmu.unlearning._unlearning_request import RequestRows, Trainer, UnlearningRequest


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    _, first = np.unique(X, axis=0, return_index=True)
    return scale(X)[first], y[first]


def converged(**changes):
    """Full-batch gradient descent to a gradient of 1e-6 or less."""
    given = {
        **{"ansatz": "real_amplitudes", "n_layers": 1, "observables": "z", "input_scale": 1.0},
        **{"alpha": 1.0, "solver": "sgd", "learning_rate_init": 0.3, "max_iter": 3000},
        **{"tol": 0.0, "n_iter_no_change": 3000, "random_state": 0, **changes},
    }
    return QNNClassifier(**given)


def request_of(clf, X, y, rows, alpha=0.7):
    """The request as a strategy sees it, with weights that differ."""
    weights = np.random.default_rng(3).uniform(0.5, 1.5, len(X))
    records = Records(X, np.eye(3)[y], weights)
    gone = np.isin(np.arange(len(X)), rows)
    return UnlearningRequest(
        network=clf._network(),
        params=clf.params_,
        seed=np.random.SeedSequence(0),
        rows=RequestRows(records[gone], records[~gone], None, np.array([], dtype=int)),
        trainer=Trainer(0.1, 32, None, None, None, [], alpha=alpha),
    )


def loss_of(request, params):
    records, network = request.retain, request.network
    values = records.weights * cross_entropy(network.logits(params, records.X), records.targets)
    kernels = network.decayed * params
    penalty = request.trainer.alpha / len(records) * kernels @ kernels / 2
    return values.sum() / records.weights.sum() + penalty


def test_the_hessian_of_circuit_weights_is_that_of_the_shift_rule(iris):
    """Of outputs that are linear in expectation values, to which shifts by half a turn apply."""
    X, y = iris
    clf = converged(max_iter=2).fit(X, y)
    request = request_of(clf, X, y, [0])
    surface, params = Surface(request), clf.params_
    found = surface.hessian(params)
    network, records = request.network, request.retain
    part = network.layout.slices["quantum"]
    n = part.stop - part.start
    run, head = network.executables[0], params[network.layout.slices["head"]]
    kernel = head[:-3].reshape(-1, 3)
    inputs = network.outputs(params, records.X, 1)
    share = records.weights / records.weights.sum()
    unit = np.pi / 2 * np.eye(n)

    def z(theta):
        return run.expectations(inputs, theta)

    theta = params[part]
    p = softmax(network.logits(params, records.X), axis=1)
    first = np.array([(z(theta + u) - z(theta - u)) / 2 for u in unit])  # (n, B, n_outputs)
    d_logits = first @ kernel
    outer = np.einsum("ibk,jbk,bk,b->ij", d_logits, d_logits, p, share)
    mean = np.einsum("ibk,bk->ib", d_logits, p)
    outer -= np.einsum("ib,jb,b->ij", mean, mean, share)
    slopes = (share[:, None] * (p - records.targets)) @ kernel.T
    second = np.zeros((n, n))
    for i, u in enumerate(unit):
        for j, v in enumerate(unit):
            four = z(theta + u + v) - z(theta + u - v) - z(theta - u + v) + z(theta - u - v)
            second[i, j] = (four / 4 * slopes).sum()
    np.testing.assert_allclose(found[part, part], outer + second, atol=2e-9)


def test_gradient_and_target_are_those_of_the_losses(iris):
    X, y = iris
    clf = converged(max_iter=2).fit(X, y)
    request = request_of(clf, X, y, [0, 5])
    surface = Surface(request)
    slopes = surface.gradient(clf.params_)
    steps = 1e-6 * np.eye(len(clf.params_))
    numeric = [
        (loss_of(request, clf.params_ + s) - loss_of(request, clf.params_ - s)) / 2e-6
        for s in steps
    ]
    np.testing.assert_allclose(slopes, numeric, atol=1e-8)
    everyone = request_of(clf, X, y, [])
    expected = Surface(everyone).gradient(clf.params_)
    surface.aim_at_what_training_left(clf.params_, request.forget)
    np.testing.assert_allclose(surface.target, expected, atol=1e-14)


class Bowl:
    """A quadratic surface with given curvatures along turned axes."""

    def __init__(self, curvatures, seed=0):
        n = len(curvatures)
        turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
        self.whole, self.moving = (turned * curvatures) @ turned.T, np.arange(n)
        self.resolved = 1e-12
        self.slopes = turned @ np.arange(1.0, n + 1)

    def gradient(self, params):
        return self.slopes + self.whole @ params

    def product(self, params, direction):
        return self.whole @ direction

    def hessian(self, params):
        return self.whole


@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_both_ways_solve_the_damped_system(damping):
    bowl = Bowl(np.array([0.1, 0.5, 1.0, 2.0, 4.0]))
    here = np.array([1.0, -1.0, 0.5, 0.0, 2.0])
    expected = np.linalg.solve(bowl.whole + damping * np.eye(5), -bowl.gradient(here))
    for way in (
        exact_step(bowl, here, damping),
        conjugate_gradients(bowl, here, damping, 20),
    ):
        np.testing.assert_allclose(way[0], expected, atol=1e-10)
        assert way[1] > 0


def test_uncovered_negative_curvature_is_left_out_and_told():
    bowl, here = Bowl(np.array([-1.0, 1.0, 2.0])), np.zeros(3)
    step, least = exact_step(bowl, here, 0.5)
    assert least == pytest.approx(-0.5)
    values, vectors = np.linalg.eigh(bowl.whole)
    assert abs(vectors[:, values < 0].T @ step) < 1e-12
    assert bowl.slopes @ step < 0
    steps, least = conjugate_gradients(bowl, here, 0.0, 20)
    assert least <= 0
    assert bowl.slopes @ steps <= 0
    assert conjugate_gradients(bowl, here, 1.5, 20)[1] > 0  # covered


def test_lands_within_1e_4_of_the_retrained_weights_in_one_basin(iris):
    X, y = iris[0][::3], iris[1][::3]
    lands_near(converged(max_iter=1500).fit(X, y), 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("n_layers", [1, 2])  # 23 weights: the whole Hessian; 27: products
@pytest.mark.parametrize("row", [0, 60])
def test_lands_there_on_all_of_iris_and_by_products(iris, n_layers, row):
    lands_near(converged(n_layers=n_layers).fit(*iris), 1e-4, row)


def lands_near(clf, distance, row=0):
    strategy = NewtonStep(n_steps=2, damping=1e-5, guard=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stepped = copy.deepcopy(clf).unlearn(index=[row], strategy=strategy, report="none")
    retrained = clf.unlearn(index=[row], strategy=Retrain("same"), report="none").params_
    assert np.abs(stepped.params_ - retrained).max() < distance
    entry = stepped.unlearning_log_[-1]
    assert entry["certificate"] is None
    assert entry["n_steps"] == 2


def test_weights_short_of_a_plateau_are_not_leapt_from(iris):
    """What training left stays; stepping to the minimum instead goes far."""
    X, y = iris
    short = {"solver": "adam", "learning_rate_init": 0.05, "max_iter": 150, "alpha": 0.0}
    clf = converged(n_layers=2, observables="zz", **short).fit(X, y)
    trained, ends = clf.params_, {}
    for target in ("trained", "minimum"):
        strategy = NewtonStep(target=target, guard=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnlearningWarning)
            after = copy.deepcopy(clf).unlearn(index=[0], strategy=strategy, report="none")
        ends[target] = np.abs(after.params_ - trained).max()
    assert 0 < ends["trained"] < 0.3 * ends["minimum"]


def test_negative_curvature_of_a_model_is_warned_of(iris):
    X, y = iris
    clf = QNNClassifier(n_layers=2, max_iter=1, random_state=0).fit(X, y)
    strategy = NewtonStep(damping=0.0, guard=None)
    with pytest.warns(UnlearningWarning, match=r"curves down along some direction.*no minimum"):
        clf.unlearn(index=[0], strategy=strategy, report="none")
    notes = clf.unlearning_log_[-1]["notes"]
    assert any("curves down" in note for note in notes)
    assert any("gradients of the retained rows" in note for note in notes)


def test_a_class_that_is_still_recognised_is_no_success(iris):
    X, y = iris
    clf = QNNClassifier(n_layers=1, max_iter=60, random_state=0).fit(X, y)
    strategy = NewtonStep(damping=10.0)  # hardly a step
    with pytest.warns(UnlearningWarning, match="short of its target"):
        clf.unlearn(X[y == 1], strategy=strategy, report="none")
    entry = clf.unlearning_log_[-1]
    assert entry["status"] == "short of target"
    assert entry["target_reached"] is False
    assert entry["reference"] == "retained"


def test_sampled_gradients_and_solved_heads_are_refused(iris):
    X, y = iris
    clf = converged(max_iter=2).fit(X[:12], y[:12], classes=[0, 1, 2])
    clf.set_params(backend=AerBackend(shots=20))
    with pytest.raises(ValueError, match="must be exact"):
        clf.unlearn(index=[0], strategy="newton_step")
    solved = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="solved for another loss"):
        solved.unlearn(index=[0], strategy="newton_step")


def test_a_head_alone_is_stepped_and_the_circuit_stays(iris):
    X, y = iris
    clf = converged(trainable="head", max_iter=300).fit(X, y)
    before = clf.circuit_weights_.copy()
    retrained = copy.deepcopy(clf).unlearn(index=[0], strategy=Retrain("same"), report="none")
    apart = np.abs(clf.params_ - retrained.params_).max()
    strategy = NewtonStep(damping=0.0, guard=None)
    stepped = clf.unlearn(index=[0], strategy=strategy, report="none")
    assert (stepped.circuit_weights_ == before).all()
    assert np.abs(stepped.params_ - retrained.params_).max() < 0.02 * apart


def test_single_precision_takes_wider_differences(iris):
    X, y = iris
    clf = converged(max_iter=2).fit(X, y)
    double = Surface(request_of(clf, X, y, [0])).hessian(clf.params_)
    clf.set_params(backend=StatevectorBackend(dtype="complex64"))
    single = Surface(request_of(clf, X, y, [0])).hessian(clf.params_)
    np.testing.assert_allclose(single, double, atol=2e-3)
