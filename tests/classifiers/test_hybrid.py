"""HybridQNNClassifier: scikit-learn's contract, every mechanism, weights in and out, errors."""

import builtins
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import minmax_scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from skqmu import HybridQNNClassifier
from skqmu.backends import StatevectorBackend
from skqmu.datasets import load_fashion_sample
from skqmu.exceptions import MemberRecordError
from skqmu.unlearning import STRATEGIES, Retrain

IRIS_X, IRIS_Y = load_iris(return_X_y=True)
IRIS_X = minmax_scale(IRIS_X, (-np.pi, np.pi))
DEEP_HEAD = (8, "batch_norm", "elu", 6, "elu", "dropout:0.2")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the extra 'torch' is not installed")


def deep():
    options = {
        "front_end": "none",
        "encoding": "angle_xyz",
        "head_layers": DEEP_HEAD,
        "n_layers": 1,
        "max_iter": 8,
        "batch_size": 32,
        "random_state": 0,
        "early_stopping": True,
        "log_updates": True,
    }
    return HybridQNNClassifier(**options)


@pytest.fixture(scope="module")
def fitted():
    return deep().fit(IRIS_X, IRIS_Y)


@parametrize_with_checks([HybridQNNClassifier(max_iter=60)])
def test_scikit_learn_s_checks_pass(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_a_deep_head_learns_iris():
    clf = deep().set_params(max_iter=60, learning_rate_init=0.02, early_stopping=False)
    assert clf.fit(IRIS_X, IRIS_Y).score(IRIS_X, IRIS_Y) > 0.9


# Those that `deep()` has what they need for.
_MADE_FOR = [
    name
    for name, cls in STRATEGIES.items()
    if cls.classifier_params.items() <= deep().get_params(deep=False).items()
]


@pytest.mark.parametrize("name", _MADE_FOR)
@pytest.mark.parametrize("what", ["class", "subset"])
def test_every_mechanism_runs_on_a_network_with_buffers(fitted, name, what):
    model = pickle.loads(pickle.dumps(fitted))
    members = np.flatnonzero(model.is_member(IRIS_X))
    rows = members[IRIS_Y[members] == 0] if what == "class" else members[::20]
    strategy = STRATEGIES[name]()
    if "max_iter" in strategy.get_params():
        strategy.set_params(max_iter=2)
    buffers = model.buffers_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.unlearn(IRIS_X[rows], strategy=strategy)
    entry = model.unlearning_log_[-1]
    assert entry["status"] in ("done", "short of target", "damaged")
    assert any("running statistics" in note for note in entry["notes"])
    assert not model.is_member(IRIS_X[rows], IRIS_Y[rows]).any()
    assert np.isfinite(model.predict_proba(IRIS_X)).all()
    assert (model.buffers_["head.1.variance"] > 0).all()
    trained = any("repaired by training" in note for note in entry["notes"])
    without = strategy.requires == {"forget"} or name in ("amnesiac", "selective_dampening")
    if without and not trained:
        for key, value in buffers.items():
            assert np.array_equal(model.buffers_[key], value), key


def test_retraining_resets_buffers_and_equals_a_fit_on_what_stays():
    model = deep().set_params(early_stopping=False).fit(IRIS_X, IRIS_Y)
    model.unlearn(index=np.arange(50), strategy=Retrain(random_state="same"))
    twin = deep().set_params(early_stopping=False)
    twin.fit(IRIS_X[50:], IRIS_Y[50:], classes=[0, 1, 2])
    assert np.array_equal(model.params_, twin.params_)


def test_fits_repeat_and_dropout_follows_the_seed():
    first, second = deep().fit(IRIS_X, IRIS_Y), deep().fit(IRIS_X, IRIS_Y)
    assert np.array_equal(first.params_, second.params_)
    other = deep().set_params(random_state=1).fit(IRIS_X, IRIS_Y)
    assert not np.array_equal(first.params_, other.params_)


def test_weights_go_out_and_in_by_name(fitted):
    weights = fitted.get_weights()
    assert set(fitted.buffers_) == {"head.1.mean", "head.1.variance"}
    again = HybridQNNClassifier.from_weights(
        weights, classes=[0, 1, 2], n_features=4, **_network_parameters(fitted)
    )
    assert np.array_equal(again.predict_proba(IRIS_X), fitted.predict_proba(IRIS_X))
    with pytest.raises(MemberRecordError, match=r"released|record"):
        again.unlearn(IRIS_X[:2])
    again = HybridQNNClassifier.from_weights(
        weights, classes=[0, 1, 2], X=IRIS_X, y=IRIS_Y, **_network_parameters(fitted)
    )
    assert np.array_equal(again.params_, fitted.params_)
    again.unlearn(IRIS_X[:2], strategy=Retrain())
    assert not again.is_member(IRIS_X[:1])[0]


def _network_parameters(model):
    names = ("front_end", "encoding", "head_layers", "n_layers")
    return {name: model.get_params(deep=False)[name] for name in names}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("head.0.bias"), r"missing \['head.0.bias'\]"),
        (lambda w: w.update({"head.0.bais": w.pop("head.0.bias")}), "Did you mean 'head.0.bias'"),
        (lambda w: w.update({"quantum.angles": np.zeros(5)}), r"shape \(12,\); got shape \(5,\)"),
        (lambda w: w["head.0.bias"].fill(np.nan), "NaN"),
    ],
)
def test_weights_that_do_not_fit_are_refused(fitted, change, message):
    weights = fitted.get_weights()
    change(weights)
    with pytest.raises(ValueError, match=message):
        HybridQNNClassifier.from_weights(
            weights, classes=[0, 1, 2], n_features=4, **_network_parameters(fitted)
        )


@pytest.mark.parametrize("front_end", ["cnn-h", "cnn-s"])
def test_convolutional_front_ends_train_on_images_of_both_shapes(torch, front_end):
    sample = load_fashion_sample()
    rows = np.flatnonzero(sample.y < 3)
    X, y = sample.X[rows], sample.y[rows]
    clf = HybridQNNClassifier(
        front_end,
        n_qubits=4,
        encoding="amplitude" if front_end == "cnn-s" else "angle_xyz",
        ansatz="strong" if front_end == "cnn-s" else "rotations_cz",
        n_layers=1,
        max_iter=20,
        batch_size=16,
        learning_rate_init=0.003,
        random_state=0,
    ).fit(X.reshape(-1, 28, 28), y)
    assert clf.score(X, y) > 0.8
    assert np.array_equal(clf.predict_proba(X.reshape(-1, 28, 28)), clf.predict_proba(X))
    again = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(again.predict_proba(X), clf.predict_proba(X))
    again.unlearn(X[:4].reshape(-1, 28, 28), strategy="selective_dampening")
    assert not again.is_member(X[:4]).any()
    assert again.is_member(X[4:5].reshape(1, 28, 28)).all()
    assert clone(clf).get_params()["front_end"] == front_end


def test_a_module_of_the_user_s_is_copied_not_trained_in_place(torch):
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.1))
    before = module[0].weight.detach().clone()
    clf = HybridQNNClassifier(module, n_qubits=3, n_layers=1, max_iter=3, random_state=0)
    clf.fit(IRIS_X, IRIS_Y)
    assert torch.equal(before, module[0].weight)
    assert "front.0.0.weight" in clf.get_weights()
    copy = clone(clf).fit(IRIS_X, IRIS_Y)
    assert np.array_equal(copy.params_, clf.params_)
    pickle.loads(pickle.dumps(clf)).unlearn(IRIS_X[:3], strategy="fine_tune")


def test_a_module_whose_width_does_not_fit_the_circuit_is_refused(torch):
    clf = HybridQNNClassifier(torch.nn.Linear(4, 5), n_qubits=3)
    with pytest.raises(ValueError, match="gives 5 values a row and the circuit takes 3"):
        clf.fit(IRIS_X, IRIS_Y)


def test_numbers_that_are_not_finite_behind_the_front_end_are_told(torch):
    class Broken(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, rows):
            return torch.log(-rows[:, :2].abs() - 1) * self.scale

    with pytest.raises((ValueError, RuntimeError), match=r"NaN|non-finite"):
        HybridQNNClassifier(Broken(), n_qubits=2).fit(IRIS_X, IRIS_Y)


def test_wrong_images_are_refused():
    X, y = np.zeros((4, 10)), [0, 1, 0, 1]
    with pytest.raises(ValueError, match="10 features"):
        HybridQNNClassifier("cnn-h").fit(X, y)
    with pytest.raises(ValueError, match="has 12 pixels"):
        HybridQNNClassifier("cnn-h", image_shape=(3, 4)).fit(X, y)
    with pytest.raises(ValueError, match=r"images of shape \(5, 5\)"):
        HybridQNNClassifier("cnn-h", image_shape=(4, 4)).fit(np.zeros((4, 5, 5)), y)


def test_a_missing_torch_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without_torch(name, *args, **options):
        if name == "torch":
            raise ImportError("No module named 'torch'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(ImportError, match=r"skqmu\[torch\]"):
        HybridQNNClassifier("cnn-h").fit(np.zeros((4, 784)), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head_layers": ("rellu",)}, "describes no layer"),
        ({"head_layers": (0,)}, "describes no layer"),
        ({"head_layers": ("dropout:x",)}, "is no rate"),
        ({"head_layers": ("dropout:1.5",)}, "must lie in"),
        ({"front_end": "none", "front_layers": (4,)}, "belongs to front_end='dense'"),
        ({"front_end": "cnn"}, "front_end"),
    ],
)
def test_bad_descriptions_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        HybridQNNClassifier(**options).fit(IRIS_X, IRIS_Y)


def test_the_classical_twin_has_about_as_many_parameters_and_no_circuit():
    options = {"front_end": "none", "n_layers": 6, "max_iter": 60, "random_state": 0}
    twin = HybridQNNClassifier(core="dense", **options).fit(IRIS_X, IRIS_Y)
    sizes = {name: array.size for name, array in twin.get_weights().items()}
    core = sum(size for name, size in sizes.items() if name.startswith("core"))
    assert abs(core - 72) <= 5
    assert twin.fit_cost_["circuits"] == 0
    assert twin.score(IRIS_X, IRIS_Y) > 0.8


def test_predictions_move_to_another_backend(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    copy.set_params(backend=StatevectorBackend(dtype="complex64"))
    np.testing.assert_allclose(copy.predict_proba(IRIS_X), fitted.predict_proba(IRIS_X), atol=1e-4)
