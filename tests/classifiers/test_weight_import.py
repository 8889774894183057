"""Weights by name: networks of torch and plain NumPy come back, what does not fit is told."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import minmax_scale

from skqmu import HybridQNNClassifier
from skqmu.datasets import load_fashion_sample
from skqmu.exceptions import AlreadyForgottenError, TrainingDivergedError

X, Y = load_iris(return_X_y=True)
X = minmax_scale(X, (-np.pi, np.pi))
# As in the studies, whose networks are written down here.
STUDY = {"input_scale": None, "observables": "z"}
IRIS = {"classes": [0, 1, 2], "n_features": 4, "n_qubits": 4, **STUDY}
# Study H's head of the deep Iris network, in our words and (below) in torch's.
DEEP = (32, "batch_norm", "elu", 32, "batch_norm", "elu", 16, "elu", "dropout:0.2")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the extra 'torch' is not installed")


def named(module, group):
    """Arrays of a torch Sequential under this package's names."""
    renamed = {"running_mean": "mean", "running_var": "variance"}
    weights = {}
    for name, value in module.state_dict().items():
        place, _, what = name.rpartition(".")
        if what == "num_batches_tracked":
            continue
        normed = f"{place}.running_mean" in module.state_dict()
        if what == "weight" and not normed:
            value, what = value.T, "kernel"
        elif normed:
            what = {"weight": "scale", "bias": "shift"}.get(what, renamed.get(what))
        weights[f"{group}.{place}.{what}"] = value.detach().numpy()
    return weights


def used(torch, module):
    """In double precision, with statistics as after training, predicting."""
    for part in module.modules():
        if hasattr(part, "running_mean"):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2.0)
            torch.nn.init.normal_(part.weight)
            torch.nn.init.normal_(part.bias)
    return module.double().eval()


def probabilities(torch, head, values):
    with torch.no_grad():
        return torch.softmax(head(torch.tensor(values)), dim=1).numpy()


def test_a_deep_head_with_batch_norm_gives_torch_s_probabilities(torch, plain_circuit):
    nn = torch.nn
    torch.manual_seed(0)
    layers = [nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ELU(), nn.Linear(32, 32)]
    layers += [nn.BatchNorm1d(32), nn.ELU(), nn.Linear(32, 16), nn.ELU(), nn.Dropout(0.2)]
    head = used(torch, nn.Sequential(*layers, nn.Linear(16, 3)))
    angles = np.random.default_rng(0).normal(size=72)
    clf = HybridQNNClassifier.from_weights(
        {"quantum.angles": angles, **named(head, "head")},
        front_end="none",
        encoding="angle_xyz",
        n_layers=6,
        head_layers=DEEP,
        **IRIS,
    )
    wanted = probabilities(torch, head, plain_circuit(X, angles, 4, 6))
    np.testing.assert_allclose(clf.predict_proba(X), wanted, atol=1e-6, rtol=0)


def test_a_dense_front_end_gives_torch_s_probabilities(torch, plain_circuit):
    nn = torch.nn
    torch.manual_seed(1)
    front = used(torch, nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4)))
    head = used(torch, nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)))
    angles = np.random.default_rng(1).normal(size=36)
    clf = HybridQNNClassifier.from_weights(
        {**named(front, "front"), "quantum.angles": angles, **named(head, "head")},
        front_layers=(6, "tanh"),
        encoding="angle_xyz",
        n_layers=3,
        head_layers=(16, "relu"),
        **IRIS,
    )
    with torch.no_grad():
        rows = np.pi * np.tanh(front(torch.tensor(X)).numpy())
    wanted = probabilities(torch, head, plain_circuit(rows, angles, 4, 3))
    np.testing.assert_allclose(clf.predict_proba(X), wanted, atol=1e-6, rtol=0)


def test_a_module_s_own_state_dict_is_taken_with_its_buffers(torch, plain_circuit):
    nn = torch.nn
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    module = used(torch, module)
    head = used(torch, nn.Sequential(nn.Linear(3, 3)))
    angles = np.random.default_rng(2).normal(size=18)
    weights = {f"front.0.{name}": value.numpy() for name, value in module.state_dict().items()}
    assert "front.0.1.num_batches_tracked" in weights
    clf = HybridQNNClassifier.from_weights(
        {**weights, "quantum.angles": angles, **named(head, "head")},
        front_end=module,
        dtype="float64",
        encoding="angle_xyz",
        head_layers=(),
        **{**IRIS, "n_qubits": 3},
    )
    with torch.no_grad():
        rows = np.pi * np.tanh(module(torch.tensor(X)).numpy())
    wanted = probabilities(torch, head, plain_circuit(rows, angles, 3, 2))
    np.testing.assert_allclose(clf.predict_proba(X), wanted, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(
        clf.buffers_["front.0.1.running_var"], weights["front.0.1.running_var"]
    )


def test_imported_weights_reproduce_a_network_of_torch_and_plain_numpy(torch, plain_circuit):
    nn = torch.nn
    torch.manual_seed(0)
    conv = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, 4),
    ).double()
    head = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ELU(), nn.Linear(32, 10)).double()
    head[1].running_mean.normal_()
    head[1].running_var.uniform_(0.5, 2.0)
    head.eval()
    angles = np.random.default_rng(0).normal(size=24)
    sample = load_fashion_sample()
    X = sample.X[:12]
    with torch.no_grad():
        rows = np.pi * np.tanh(conv(torch.tensor(X).reshape(-1, 1, 28, 28)).numpy())
        logits = head(torch.tensor(plain_circuit(rows, angles, 4, 2)))
        wanted = torch.softmax(logits, dim=1).numpy()
    state = {name: value.numpy() for name, value in head.state_dict().items()}
    weights = {f"front.0.{name}": value.numpy() for name, value in conv.state_dict().items()}
    weights |= {
        "quantum.angles": angles,
        "head.0.kernel": state["0.weight"].T,
        "head.0.bias": state["0.bias"],
        "head.1.scale": state["1.weight"],
        "head.1.shift": state["1.bias"],
        "head.1.mean": state["1.running_mean"],
        "head.1.variance": state["1.running_var"],
        "head.3.kernel": state["3.weight"].T,
        "head.3.bias": state["3.bias"],
    }
    clf = HybridQNNClassifier.from_weights(
        weights,
        classes=np.arange(10),
        n_features=784,
        front_end="cnn-h",
        dtype="float64",
        encoding="angle_xyz",
        n_qubits=4,
        head_layers=(32, "batch_norm", "elu"),
        **STUDY,
    )
    np.testing.assert_allclose(clf.predict_proba(X), wanted, atol=1e-6, rtol=0)
    assert set(clf.get_weights()) == set(weights)


@pytest.fixture(scope="module")
def weights():
    return (
        HybridQNNClassifier(n_qubits=4, max_iter=1, random_state=0, **STUDY).fit(X, Y).get_weights()
    )


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (lambda w: w.pop("quantum.angles"), [r"missing \['quantum.angles'\]", "It has front.0"]),
        (lambda w: w.update(extra=np.zeros(2)), [r"unknown \['extra'\]", "It has front.0"]),
        (
            lambda w: w.update({"front.0.kernel": np.zeros((4, 5))}),
            [r"weights\['front.0.kernel'\]", r"shape \(4, 4\); got shape \(4, 5\)"],
        ),
        (
            lambda w: w.update({"front.0.kernel": w["front.0.kernel"] * np.inf}),
            [r"weights\['front.0.kernel'\]", "NaN or infinity"],
        ),
        (
            lambda w: w.update({"head.0.bias": "none"}),
            [r"weights\['head.0.bias'\]", r"finite numbers of shape \(16,\)"],
        ),
    ],
    ids=["missing", "unknown", "shape", "infinite", "no numbers"],
)
def test_arrays_that_do_not_fit_are_named(weights, change, messages):
    weights = dict(weights)
    change(weights)
    for message in messages:
        with pytest.raises(ValueError, match=message):
            HybridQNNClassifier.from_weights(weights, **IRIS)


@pytest.mark.parametrize("classes", [[2, 1, 0], [0, 1, 1, 2]])
def test_classes_out_of_order_are_refused(weights, classes):
    with pytest.raises(ValueError, match="must be sorted and without repetition"):
        HybridQNNClassifier.from_weights(weights, classes=classes, n_features=4)


def test_weights_of_another_number_of_classes_are_refused(weights):
    with pytest.raises(ValueError, match=r"head.2.kernel.*shape \(16, 2\); got shape \(16, 3\)"):
        HybridQNNClassifier.from_weights(weights, **{**IRIS, "classes": [0, 1]})


def test_a_front_end_that_returns_no_numbers_is_named_with_the_rows(torch):
    class Inverse(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(4, 2)

        def forward(self, rows):
            return self.inner(rows) / (rows[:, :1].abs() > 1)

    with pytest.raises(TrainingDivergedError, match=r"Inverse \(front.0\) returns NaN or inf"):
        HybridQNNClassifier(Inverse(), n_qubits=2, max_iter=2).fit(X, Y)
    fine = X[np.abs(X[:, 0]) > 1]
    clf = HybridQNNClassifier(Inverse(), n_qubits=2, max_iter=2, random_state=0)
    clf.fit(fine, Y[np.abs(X[:, 0]) > 1])
    with pytest.raises(TrainingDivergedError, match="for 1 of 3 rows"):
        clf.predict(np.concatenate([fine[:2], np.zeros((1, 4))]))


def test_a_class_that_is_gone_keeps_its_column_and_cannot_be_asked_for_again():
    clf = HybridQNNClassifier(max_iter=30, random_state=0).fit(X, Y)
    clf.unlearn(X[Y == 0], strategy="retrain")
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.predict_proba(X).shape == (150, 3)
    assert not (clf.predict(X) == 0).any()
    with pytest.raises(AlreadyForgottenError, match="already forgotten"):
        clf.unlearn(X[Y == 0][:5])
    with pytest.raises(ValueError, match="names all 100 rows"):
        clf.unlearn(X[Y > 0])
    assert clf.is_member(X[Y > 0]).all()  # refused, and nothing was changed


@pytest.mark.parametrize("shape", [(2, 7, 7), (2, 49), (2, 8, 8, 3)])
def test_images_of_another_size_than_those_of_fit_are_refused(torch, shape):
    rows = np.random.default_rng(0).random((20, 8, 8))
    clf = HybridQNNClassifier("cnn-h", n_qubits=2, max_iter=1, random_state=0)
    clf.fit(rows, np.arange(20) % 2)
    with pytest.raises(ValueError, match=f"X has {np.prod(shape[1:])} features"):
        clf.predict(np.zeros(shape))
