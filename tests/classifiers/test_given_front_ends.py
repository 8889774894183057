"""Front-ends that were trained elsewhere: frozen ones stay, the others are where a fit starts."""

import pickle
import warnings
from functools import wraps
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skqmu
from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier, audit
from skqmu.attacks import LiRAAttack
from skqmu.unlearning import (
    STRATEGIES,
    Composite,
    FisherForgetting,
    LastLayersRetrain,
    SelectiveDampening,
)

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
nn = torch.nn

DIGITS, DIGIT_LABELS = load_digits(n_class=3, return_X_y=True)
X, Y = DIGITS[:60] / 16, DIGIT_LABELS[:60]
OTHERS, OTHER_LABELS = DIGITS[200:400] / 16, DIGIT_LABELS[200:400]


@pytest.fixture(scope="module")
def pretrained():
    """A small convolutional network with batch norm and dropout, trained on other digits."""
    torch.manual_seed(1)
    parts = [nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2)]
    module = nn.Sequential(*parts, nn.Linear(72, 2))
    whole = nn.Sequential(module, nn.Linear(2, 3))
    optimizer = torch.optim.Adam(whole.parameters(), 0.02)
    rows = torch.tensor(OTHERS, dtype=torch.float32).reshape(-1, 1, 8, 8)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(whole(rows), torch.tensor(OTHER_LABELS)).backward()
        optimizer.step()
    module.zero_grad()
    return module


@pytest.fixture
def frozen(pretrained):
    return pickle.loads(pickle.dumps(pretrained)).requires_grad_(False)


def behind(module, **params):
    settings = {"image_shape": (8, 8), "n_qubits": 2, "n_layers": 1, "head_layers": ()}
    settings |= {"max_iter": 2, "batch_size": 16, "learning_rate_init": 0.05, "random_state": 0}
    return HybridQNNClassifier(module, **{**settings, **params})


def values(module):
    return {
        f"front.0.{name}": value.numpy().astype(float, copy=True)
        for name, value in module.state_dict().items()
        if value.is_floating_point()
    }


def moved(model, module):
    """Names of the module's arrays that are not bit-equal in the model."""
    weights = model.get_weights()
    return [name for name, v in values(module).items() if not np.array_equal(weights[name], v)]


def quietly(work, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work(*args, **options)


def test_the_issue_s_frozen_layer_stays_in_double_precision_too():
    lin = nn.Linear(3, 3).double()
    nn.init.eye_(lin.weight)
    lin.weight.data[0, 1] = 1 / 3  # no number of single precision
    lin.requires_grad_(False)
    clf = HybridQNNClassifier(lin, n_qubits=3, max_iter=3, random_state=0).fit(X[:, 18:21], Y)
    assert not moved(clf, lin)
    assert clf.get_weights()["front.0.weight"][0, 1] == 1 / 3


@pytest.mark.parametrize("solver", ["adam", "sgd", "spsa", "l_bfgs_b"])
def test_a_frozen_front_end_stays_whatever_trains(frozen, solver):
    clf = behind(frozen, solver=solver, max_iter=5, alpha=0.1, warm_start=True).fit(X, Y)
    before = clf.params_
    assert not moved(clf, frozen)
    assert not moved(clf.fit(X, Y), frozen)
    assert not np.array_equal(clf.params_, before)
    if solver == "adam":
        assert not moved(clf.partial_fit(X[:20], Y[:20]), frozen)


@pytest.fixture(scope="module")
def fitted(pretrained):
    module = pickle.loads(pickle.dumps(pretrained)).requires_grad_(False)
    return behind(module, early_stopping=True, log_updates=True, max_iter=4).fit(X, Y)


MORE = {
    "fisher noise": FisherForgetting(noise=True),
    "retrain all groups": LastLayersRetrain(k=9, train="all", max_iter=1),
    "dampening, then noise": Composite([SelectiveDampening(alpha=1.01), "noisy_fine_tune"]),
}
# Those that `fitted`, which logs its updates, has what they need for.
ALL = [n for n, c in STRATEGIES.items() if c.classifier_params in ({}, {"log_updates": True})]


@pytest.mark.parametrize("name", [*ALL, *MORE])
def test_no_mechanism_moves_a_frozen_front_end(fitted, name):
    model = pickle.loads(pickle.dumps(fitted))
    members = np.flatnonzero(model.is_member(X))
    strategy = MORE[name] if name in MORE else STRATEGIES[name]()
    if "max_iter" in strategy.get_params() and name not in MORE:
        strategy.set_params(max_iter=2)
    quietly(model.unlearn, X[members[:6]], strategy=strategy)
    assert not moved(model, fitted.front_end)
    entry = model.unlearning_log_[-1]
    assert entry["status"] in ("done", "short of target")
    assert not any("running statistics" in note for note in entry["notes"])
    assert any("front.0 (frozen)" in note and "may have seen" in note for note in entry["notes"])
    assert "front.0 (frozen)" in entry["beyond_reach"]


class Watched(HybridQNNClassifier):
    """Writes down its weights after each `fit` and `unlearn`, in whatever process."""

    folder = None

    def _write(self):
        np.savez(Path(self.folder) / uuid4().hex, **self.get_weights())
        return self

    def fit(self, X, y, sample_weight=None, *, classes=None, fingerprint_key=None):
        super().fit(X, y, sample_weight, classes=classes, fingerprint_key=fingerprint_key)
        return self._write()

    @wraps(HybridQNNClassifier.unlearn)
    def unlearn(self, *args, **request):
        super().unlearn(*args, **request)
        return self._write()


def test_an_audit_leaves_every_frozen_front_end_as_it_was(frozen, tmp_path, monkeypatch):
    before = values(frozen)
    monkeypatch.setattr(Watched, "folder", str(tmp_path))
    quietly(
        audit,
        Watched(**behind(frozen).get_params(deep=False)),
        *(X, Y),
        forget="fraction:0.1",
        mechanisms=["retrain", "fine_tune", "bad_teacher"],
        attacks=("loss", "lira"),
        n_shadows=4,
        n_oracles=1,
        random_state=0,
    )
    seen = [np.load(path) for path in tmp_path.iterdir()]
    assert len(seen) >= 1 + 3 + 1 + 4  # the original, mechanisms, an oracle, shadows
    for weights in seen:
        assert all(np.array_equal(weights[name], value) for name, value in before.items())
    assert all(np.array_equal(value, before[name]) for name, value in values(frozen).items())


@pytest.mark.parametrize("is_frozen", [True, False], ids=["frozen", "pretrained"])
def test_shadows_oracles_shards_and_clones_have_the_front_end_that_was_given(pretrained, is_frozen):
    module = pickle.loads(pickle.dumps(pretrained)).eval().requires_grad_(not is_frozen)
    # So slow that where it ends is where it started.
    model = behind(module, learning_rate_init=1e-9, max_iter=1).fit(X, Y)
    attack = quietly(LiRAAttack(model, n_shadows=4, random_state=0).fit, X, Y)
    models = [attack.shadow_pool_.model(i) for i in range(4)]
    around = UnlearningClassifier(model, strategy="fine_tune", n_oracles=2, random_state=0)
    around = quietly(around.fit, X, Y, forget=np.arange(60) < 6)
    models += [around.original_, around.estimator_, *around.oracles_]
    shards = ShardedClassifier(model, n_shards=2, n_slices=2, random_state=0).fit(X, Y)
    shards.unlearn(index=[3])
    models += [slices[-1] for slices in shards.models_]
    models += [clone(model).fit(X, Y), pickle.loads(pickle.dumps(model))]
    models += [clone(model).partial_fit(X, Y, classes=[0, 1, 2])]
    models += [pickle.loads(pickle.dumps(model)).unlearn(index=[1]), model.release()]
    for other in models:
        if is_frozen:
            assert not moved(other, module)
        for name, value in values(module).items():
            np.testing.assert_allclose(other.get_weights()[name], value, atol=1e-6)
    entry = shards.unlearning_log_[-1]
    how = "front.0 (frozen)" if is_frozen else "front.0 (in part frozen, in part the start"
    assert how in entry["notes"][0]
    assert how in entry["certificate"]["assumptions"][-1]["text"]
    assert not entry["certificate"]["assumptions"][-1]["checked"]


def test_each_parameter_goes_by_its_own_requires_grad(pretrained):
    module = pickle.loads(pickle.dumps(pretrained))
    module[0].requires_grad_(False)
    module[5].bias.requires_grad_(False)
    clf = behind(module).fit(X, Y)
    stays = {"front.0.0.weight", "front.0.0.bias", "front.0.5.bias"}
    assert set(moved(clf, module)) == set(values(module)) - stays
    clf.unlearn(index=[0, 1])
    assert set(moved(clf, module)) == set(values(module)) - stays
    notes = " ".join(clf.unlearning_log_[-1]["notes"])
    assert "front.0 (in part frozen, in part the start of every fit)" in notes
    assert "buffers of front.0 started where they were given" in notes


def test_a_part_in_evaluation_mode_trains_its_weights_and_keeps_its_statistics(pretrained):
    module = pickle.loads(pickle.dumps(pretrained))
    module[1].eval()
    clf = behind(module).fit(X, Y)
    statistics = {"front.0.1.running_mean", "front.0.1.running_var"}
    assert set(values(module)) - set(moved(clf, module)) == statistics
    module[1].train()
    assert statistics <= set(moved(behind(module).fit(X, Y), module))
    # Frozen, it is at rest in either mode, in a module whose other parts train.
    module[1].requires_grad_(False)
    left = set(values(module)) - set(moved(behind(module).fit(X, Y), module))
    assert left == {*statistics, "front.0.1.weight", "front.0.1.bias"}


def test_a_frozen_front_end_has_no_dropout(frozen):
    """Two epochs that differ in nothing but what dropout would draw are the same."""
    without = pickle.loads(pickle.dumps(frozen))
    without[4].p = 0.9
    one, other = (behind(module).fit(X, Y) for module in (frozen, without))
    assert np.array_equal(one.params_, other.params_)


def test_reset_draws_what_it_names(pretrained):
    module = pickle.loads(pickle.dumps(pretrained))
    module[0].requires_grad_(False)
    slow = {"learning_rate_init": 1e-9, "max_iter": 1}
    other = pickle.loads(pickle.dumps(module))
    for parameter in other.parameters():
        parameter.data += parameter.requires_grad
    drawn = [behind(m, reset="trainable").fit(X, Y) for m in (module, other)]
    assert np.array_equal(drawn[0].params_, drawn[1].params_)
    left = set(values(module)) - set(moved(drawn[0], module))
    assert left == {"front.0.0.weight", "front.0.0.bias"}
    other[0].weight.data += 1.0
    whole = [behind(m, reset="all").fit(X, Y) for m in (module, other)]
    assert np.array_equal(whole[0].params_, whole[1].params_)
    assert set(moved(whole[0], module)) == set(values(module))
    seeds = [behind(module, reset="trainable", random_state=s, **slow).fit(X, Y) for s in (0, 1)]
    assert not np.allclose(*(m.get_weights()["front.0.5.weight"] for m in seeds))
    assert np.array_equal(*(m.get_weights()["front.0.0.weight"] for m in seeds))
    entry = whole[0].unlearn(index=[0]).unlearning_log_[-1]
    assert not any("given" in note for note in entry["notes"])
    assert len(entry["certificate"]["assumptions"]) == 1
    with pytest.raises(ValueError, match="reset"):
        behind(module, reset="none").fit(X, Y)


def test_the_circuit_starts_alike_with_and_without_a_frozen_front_end(frozen):
    slow = {"learning_rate_init": 1e-9, "max_iter": 1}
    given, drawn = (behind(frozen, reset=r, **slow).fit(X, Y) for r in (None, "all"))
    for name in ("quantum.angles", "head.0.kernel"):
        np.testing.assert_allclose(given.get_weights()[name], drawn.get_weights()[name], atol=1e-6)


def test_the_user_s_module_and_what_was_fitted_do_not_touch_each_other(frozen):
    clf = behind(frozen).fit(X, Y)
    before = clf.get_weights()["front.0.0.weight"]
    frozen[0].weight.data.zero_()
    clf.unlearn(index=[0])  # as fitted
    assert np.array_equal(clf.get_weights()["front.0.0.weight"], before)
    assert not clf.fit(X, Y).get_weights()["front.0.0.weight"].any()  # as it is now
    copy = clone(clf).front_end
    assert copy is not frozen
    assert not any(p.requires_grad for p in copy.parameters())
    assert all(
        torch.equal(a, b) for a, b in zip(copy.parameters(), frozen.parameters(), strict=True)
    )


class NoGradient(torch.autograd.Function):
    """Nothing may ask for a gradient here."""

    @staticmethod
    def forward(ctx, rows):
        return rows * 1.0

    @staticmethod
    def backward(ctx, d_rows):
        raise AssertionError("a gradient passed below the first parameter that moves")


class Guarded(nn.Module):
    def __init__(self, moves):
        super().__init__()
        self.below, self.above = nn.Linear(64, 5), nn.Linear(5, 2)
        self.requires_grad_(False)
        self.above.requires_grad_(moves)

    def forward(self, rows):
        return self.above(NoGradient.apply(self.below(rows)))


@pytest.mark.parametrize("moves", [False, True])
def test_a_gradient_stops_at_the_first_parameter_that_moves(moves):
    clf = behind(Guarded(moves), image_shape=None, unlearning="selective_dampening").fit(X, Y)
    names = {"front.0.above.weight", "front.0.above.bias"} if moves else set()
    assert set(moved(clf, clf.front_end)) == names
    strategies = ["saliency_unlearning", "neg_grad_plus"]
    # Gradients of single rows are a vmap, which the guard above does not go with.
    strategies += [] if moves else ["selective_dampening", FisherForgetting(noise=True)]
    for number, strategy in enumerate(strategies):
        quietly(clf.unlearn, index=[number], strategy=strategy)


@pytest.mark.parametrize("name", ["saliency_unlearning", "selective_dampening"])
def test_a_large_frozen_front_end_takes_no_place_among_what_moves(name):
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Linear(64, 500), nn.Tanh(), nn.Linear(500, 2)).requires_grad_(False)
    clf = behind(wide, image_shape=None, max_iter=5).fit(X, Y)
    before = clf.params_
    quietly(clf.unlearn, X[Y == 0], strategy=STRATEGIES[name]().set_params(guard=None))
    n_moved = np.count_nonzero(clf.params_ != before)
    moving = clf.params_.size - sum(v.size for v in values(wide).values())
    assert 0 < n_moved <= (moving + 1) / 2


def test_importances_kept_at_fit_are_those_of_what_moves(frozen):
    keyed = {"store_data": "fingerprints", "unlearning": "selective_dampening"}
    clf = behind(frozen, **keyed).fit(X, Y, fingerprint_key=bytes(range(16)))
    quietly(clf.unlearn, X[:3], fingerprint_key=bytes(range(16)))
    assert not moved(clf, frozen)


def test_a_checkpoint_of_another_freezing_is_not_resumed(frozen, pretrained, tmp_path):
    class Stop(Exception):
        pass

    class Stopping(HybridQNNClassifier):
        def _adopt(self, *args, **more):
            raise Stop

    settings = {"checkpoint": tmp_path / "run", "max_iter": 3}
    first = Stopping(**behind(frozen, **settings).get_params(deep=False))
    with pytest.raises(Stop):
        first.fit(X, Y)
    thawed = pickle.loads(pickle.dumps(frozen)).requires_grad_(True)
    with pytest.raises(ValueError, match="checkpoint"):
        behind(thawed, **settings).fit(X, Y)
    assert not moved(behind(frozen, **settings).fit(X, Y), frozen)


def test_imported_weights_are_no_start_and_keep_what_is_frozen(pretrained):
    module = pickle.loads(pickle.dumps(pretrained)).eval()
    design = {k: v for k, v in behind(module).get_params(deep=False).items() if k != "reset"}
    trained = behind(module).fit(X, Y)
    # The module of the trained network, as users hold it: its values saw the rows.
    held = pickle.loads(pickle.dumps(module))
    weights = trained.get_weights()
    named = dict(held.named_parameters()) | dict(held.named_buffers())
    for name, value in named.items():
        if value.is_floating_point():
            value.data = torch.tensor(weights[f"front.0.{name}"]).float()
            weights[f"front.0.{name}"] = value.detach().numpy().copy()
    imported = {"classes": [0, 1, 2], "X": X, "y": Y, **design, "front_end": held}
    imported |= {"learning_rate_init": 1e-9, "max_iter": 1}
    clf = HybridQNNClassifier.from_weights(weights, **imported)
    assert clf.reset == "trainable"
    assert not moved(clf, held)
    clf.unlearn(index=[0])
    kernels = [name for name in values(held) if name.endswith("weight") and ".1." not in name]
    for name in (*kernels, "front.0.1.running_mean"):
        assert not np.allclose(clf.get_weights()[name], weights[name], atol=1e-3), name
    held.requires_grad_(False)
    clf = HybridQNNClassifier.from_weights(weights, **imported).unlearn(index=[0])
    assert not moved(clf, held)
    held[0].bias.data += 1.0
    with pytest.raises(ValueError, match=r"front_end has frozen: front\.0\.0\.bias\. .*load_state"):
        HybridQNNClassifier.from_weights(weights, **imported)
    HybridQNNClassifier.from_weights(weights, **{**imported, "reset": "all"})


def test_a_pipeline_s_refit_and_given_circuit_weights_are_told_too(frozen):
    model = make_pipeline(FunctionTransformer(), behind(frozen)).fit(X, Y)
    skqmu.unlearn(model, X[:2], X_retain=X[2:], y_retain=Y[2:], upstream="refit")
    assert not moved(model[-1], frozen)
    entry = model[-1].unlearning_log_[-1]
    assert any("front.0 (frozen)" in note for note in entry["notes"])
    assert "front.0 (frozen)" in entry["certificate"]["assumptions"][-1]["text"]
    few = X[:, 18:21]
    weights = QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0).fit(few, Y)
    options = {"trainable": "head", "circuit_weights": weights.circuit_weights_}
    clf = QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=1, **options)
    entry = clf.fit(few, Y).unlearn(index=[0]).unlearning_log_[-1]
    assert "quantum (frozen)" in entry["beyond_reach"]
    assert "quantum (frozen)" in entry["certificate"]["assumptions"][-1]["text"]


@pytest.mark.parametrize("strategy", ["retrain", "fine_tune", "scrub"])
def test_a_deletion_moves_what_may_move_of_a_partly_frozen_module(strategy):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(24, 3)), np.arange(24) % 2
    torch.manual_seed(0)
    frozen = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    module = torch.nn.Sequential(
        frozen.requires_grad_(False), torch.nn.Dropout(0.3), torch.nn.Linear(4, 2)
    )
    model = HybridQNNClassifier(front_end=module, n_qubits=2, max_iter=5, random_state=0)
    before = model.fit(rows, labels).get_weights()
    after = model.unlearn(rows[:3], strategy=strategy).get_weights()
    given = {f"front.0.{name}": part for name, part in module.state_dict().items()}
    for name in given.keys() & before.keys():
        if name.startswith("front.0.0."):
            for found in (before, after):
                np.testing.assert_array_equal(found[name].ravel(), given[name].numpy().ravel())
        else:
            assert np.abs(after[name] - before[name]).max() > 0, name
    assert np.abs(after["quantum.angles"] - before["quantum.angles"]).max() > 0
