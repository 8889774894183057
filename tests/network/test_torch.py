"""A torch module as a layer of the flat vector."""

import builtins

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skqmu.network import TorchLayer


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the extra 'torch' is not installed")


def layer_of(torch, dtype="float64"):
    nn = torch.nn
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)
    )
    layer = TorchLayer("front.0", module, 16, input_shape=(1, 4, 4), dtype=dtype, reset="all")
    return layer, module


X = np.random.default_rng(0).normal(size=(6, 16))
D = np.random.default_rng(1).normal(size=(6, 2))


def start(layer, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([layer.initial(rng), layer.initial_buffers()])


def test_outputs_and_names_are_the_module_s_own(torch):
    layer, module = layer_of(torch)
    own = start(layer)
    state, place = module.double().eval().state_dict(), 0
    for name, shape in layer.array_shapes().items():
        size = int(np.prod(shape))
        state[name] = torch.tensor(own[place : place + size].reshape(shape))
        place += size
    assert place == len(own) == layer.n_parameters + layer.n_buffers
    module.load_state_dict(state)
    wanted = module(torch.tensor(X).reshape(-1, 1, 4, 4)).detach().numpy()
    np.testing.assert_allclose(layer.outputs(own, X), wanted, atol=1e-12)
    np.testing.assert_allclose(layer.forward(own, X)[0], wanted, atol=1e-12)


def test_gradients_are_those_of_finite_differences(torch):
    layer, _ = layer_of(torch)
    own = start(layer)
    _, tape = layer.forward(own, X)
    d_params, d_inputs = layer.backward(own, tape, D, per_sample=False, need_inputs=True)
    rng, step = np.random.default_rng(5), 1e-6
    for _ in range(20):
        along = np.zeros_like(own)
        along[: layer.n_parameters] = rng.normal(size=layer.n_parameters)
        up, down = (layer.outputs(own + s * step * along, X) for s in (1, -1))
        numeric = (D * (up - down)).sum() / (2 * step)
        assert d_params @ along[: layer.n_parameters] == pytest.approx(numeric, abs=1e-5)
        along = rng.normal(size=X.shape)
        up, down = (layer.outputs(own, X + s * step * along) for s in (1, -1))
        assert (d_inputs * along).sum() == pytest.approx(
            (D * (up - down)).sum() / (2 * step), abs=1e-5
        )


def test_per_sample_gradients_add_up(torch):
    layer, _ = layer_of(torch)
    own = start(layer)
    _, tape = layer.forward(own, X)
    each, _ = layer.backward(own, tape, D, per_sample=True, need_inputs=False)
    whole, _ = layer.backward(own, tape, D, per_sample=False, need_inputs=False)
    assert each.shape == (6, layer.n_parameters)
    np.testing.assert_allclose(each.sum(axis=0), whole, atol=1e-12)


def test_training_moves_buffers_prediction_and_forgetting_do_not(torch):
    layer, _ = layer_of(torch)
    own = start(layer)
    _, _, after = layer.forward_training(own, X, np.random.default_rng(0))
    assert (after != own[layer.n_parameters :]).all()
    outputs, _, kept = layer.forward_training(own, X, np.random.default_rng(0), to_forget=True)
    assert kept is None
    np.testing.assert_allclose(outputs, layer.outputs(own, X), atol=1e-12)


def test_draws_follow_the_seed_and_leave_torch_s_generator_alone(torch):
    layer, _ = layer_of(torch)
    before = torch.random.get_rng_state()
    first, second, other = start(layer, 1), start(layer, 1), start(layer, 2)
    layer.forward_training(first, X, np.random.default_rng(0))
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_torch_keeps_its_number_of_threads(torch):
    layer, _ = layer_of(torch)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        layer.outputs(start(layer), X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_float32_agrees_to_single_precision(torch):
    double, _ = layer_of(torch)
    single, _ = layer_of(torch, "float32")
    own = start(double)
    np.testing.assert_allclose(single.outputs(own, X), double.outputs(own, X), atol=1e-5)
    assert single.outputs(own, X).dtype == np.float64


def test_read_only_arrays_are_taken_and_left_alone(torch):
    layer, _ = layer_of(torch)
    own, rows = start(layer), X.copy()
    own.setflags(write=False)
    rows.setflags(write=False)
    outputs, tape, _ = layer.forward_training(own, rows, np.random.default_rng(0))
    layer.backward(own, tape, D, per_sample=False, need_inputs=True)
    assert np.array_equal(own, start(layer))
    assert np.array_equal(rows, X)
    assert np.isfinite(outputs).all()


def test_a_module_that_works_in_place_does_not_reach_the_rows(torch):
    layer = TorchLayer("front.0", torch.nn.ReLU(inplace=True), 16, dtype="float64")
    rows = X.copy()
    assert np.array_equal(layer.outputs(np.zeros(0), rows), np.maximum(X, 0.0))
    assert np.array_equal(rows, X)


def test_modules_that_do_not_fit_are_refused(torch):
    nn = torch.nn
    with pytest.raises(ValueError, match="does not accept rows of shape"):
        TorchLayer("front.0", nn.Linear(5, 2), 16)
    with pytest.raises(ValueError, match="one vector a row"):
        TorchLayer("front.0", nn.Conv2d(1, 2, 3), 16, input_shape=(1, 4, 4))
    with pytest.raises(ValueError, match=r"torch\.nn\.Module"):
        TorchLayer("front.0", "linear", 16)


def test_a_missing_torch_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without_torch(name, *args, **options):
        if name == "torch":
            raise ImportError("No module named 'torch'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(ImportError, match=r"skqmu\[torch\]"):
        TorchLayer("front.0", object(), 4)


def test_only_modules_that_train_otherwise_than_they_predict_have_a_training_mode(torch):
    nn = torch.nn

    class Own(nn.Module):
        def forward(self, rows):
            return rows * 2 if self.training else rows

    plain = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
    assert not TorchLayer("front.0", plain, 16).has_training_mode
    for part in (nn.Dropout(0.5), nn.BatchNorm1d(8), Own()):
        module = nn.Sequential(nn.Linear(16, 8), part, nn.Linear(8, 2))
        assert TorchLayer("front.0", module, 16).has_training_mode


def test_predictions_are_the_same_in_any_number_of_rows(torch):
    layer, _ = layer_of(torch)
    own, rows = start(layer), np.random.default_rng(2).normal(size=(200, 16))
    alone = np.concatenate([layer.outputs(own, row[None]) for row in rows])
    np.testing.assert_allclose(layer.outputs(own, rows), alone, atol=1e-12)


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_gradients_of_a_partly_frozen_module_are_those_of_the_whole_where_it_moves(moving, seed):
    torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    whole, module = layer_of(torch)
    for parameter, moves in zip(module.parameters(), moving, strict=True):
        parameter.requires_grad_(moves)
    part = TorchLayer("front.0", module, 16, input_shape=(1, 4, 4), dtype="float64")
    n, mask = part.n_parameters, part.trainable()
    own = start(part, seed)
    assert np.array_equal(own, start(part, seed + 1))
    sizes = [parameter.numel() for parameter in module.parameters()]
    assert np.array_equal(mask[:n], np.repeat(moving, sizes))
    # Running statistics rest where the layer's own parameters do.
    assert mask[n:].all() == (moving[2] or moving[3])
    assert (
        part.given
        == {
            (True, True): "the start of every fit",
            (False, False): "frozen",
            (False, True): "in part frozen, in part the start of every fit",
        }[bool(mask.all()), bool(mask.any())]
    )
    for per_sample in (False, True):
        gradients = []
        for layer in (part, whole):
            outputs, tape = layer.forward(own, X)
            gradients.append(layer.backward(own, tape, D, per_sample=per_sample, need_inputs=True))
            np.testing.assert_allclose(outputs, part.outputs(own, X), atol=1e-12)
        (d_part, d_inputs), (d_whole, d_inputs_whole) = gradients
        np.testing.assert_allclose(d_part, np.where(mask[:n], d_whole, 0.0), atol=1e-12)
        np.testing.assert_allclose(d_inputs, d_inputs_whole, atol=1e-12)
    _, _, after = part.forward_training(own, X, np.random.default_rng(0))
    if after is not None:
        assert np.array_equal(after == own[n:], ~mask[n:])
    else:
        assert not mask[n:].any()


def test_a_module_that_trains_complex_numbers_is_refused(torch):
    class Turning(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.phase = torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))

        def forward(self, rows):
            return (rows[:, :2] * self.phase).real

    with pytest.raises(ValueError, match=r"complex parameters \(phase\)"):
        TorchLayer("front.0", Turning(), 16)


def test_a_layer_that_keeps_its_weights_in_a_dict_is_trained_all_the_same(torch):
    class Kept(torch.nn.Module):
        """As PennyLane's TorchLayer: registered, and read elsewhere."""

        def __init__(self):
            super().__init__()
            self.kept = {"w": torch.nn.Parameter(torch.ones(2, 2))}
            self.register_parameter("w", self.kept["w"])
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, rows):
            if self.training:
                self.seen += len(rows)
            return torch.tanh(rows @ self.kept["w"])

    module = Kept()
    layer = TorchLayer("front.0", torch.nn.Sequential(module), n_inputs=2, dtype="float64")
    rows, rng = np.array([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]]), np.random.default_rng(0)
    params = np.append(rng.normal(size=4), 0.0)
    expected = np.tanh(rows @ params[:4].reshape(2, 2))
    np.testing.assert_allclose(layer.outputs(params, rows), expected)
    outputs, tape, buffers = layer.forward_training(params, rows, rng)
    np.testing.assert_allclose(outputs, expected)
    assert buffers.tolist() == [3.0]
    _, tape = layer.forward(params, rows)
    cotangent = rng.normal(size=(3, 2))
    whole, of_rows = layer.backward(params, tape, cotangent, per_sample=False, need_inputs=True)
    inner = cotangent * (1 - expected**2)
    np.testing.assert_allclose(whole, (rows.T @ inner).ravel())
    np.testing.assert_allclose(of_rows, inner @ params[:4].reshape(2, 2).T)
    each, _ = layer.backward(params, tape, cotangent, per_sample=True, need_inputs=False)
    np.testing.assert_allclose(each.sum(axis=0), whole)
    assert module.kept["w"].tolist() == [[1, 1], [1, 1]]
    assert not module.seen.any()


def test_rows_that_branch_have_gradients_of_their_own(torch):
    class Branch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(2, 2)

        def forward(self, rows):
            return self.inner(rows) if rows.sum() > 0 else self.inner(-rows)

    layer = TorchLayer("front.0", Branch(), n_inputs=2, dtype="float64")
    params = layer.initial(np.random.default_rng(0))
    rows, cotangent = np.array([[1.0, 2.0], [-3.0, 1.0]]), np.ones((2, 2))
    _, tape = layer.forward(params, rows)
    each, _ = layer.backward(params, tape, cotangent, per_sample=True, need_inputs=False)
    np.testing.assert_allclose(each, [[1, 2, 1, 2, 1, 1], [3, -1, 3, -1, 1, 1]])


@pytest.mark.parametrize("around", ["no_grad", "inference_mode"])
def test_gradients_are_taken_inside_of_no_grad(torch, around):
    layer = TorchLayer("front.0", torch.nn.Linear(2, 2), n_inputs=2, dtype="float64")
    params, rows = np.linspace(0, 1, 6), np.array([[1.0, 2.0], [3.0, 4.0]])

    def gradients():
        outputs, tape, _ = layer.forward_training(params, rows, np.random.default_rng(0))
        return layer.backward(params, tape, outputs, per_sample=False, need_inputs=True)

    expected = gradients()
    with getattr(torch, around)():
        found = gradients()
        assert not torch.is_grad_enabled()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one).min() > 0


def test_what_no_layer_can_be_is_refused_with_the_way_out(torch):
    class Two(torch.nn.Module):
        def forward(self, rows, context):
            return rows + context

    class Pair(torch.nn.Module):
        def forward(self, rows):
            return rows, rows

    class Live(torch.nn.Module):
        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle 'device' object")

    for module, message in (
        (Two(), r"takes 2 inputs \(rows, context\).*forward\(rows\) splits them"),
        (Pair(), "returns a tuple.*returns that part"),
        (torch.nn.LazyLinear(2), "weight, bias.*call it once"),
        (Live(), "cannot be copied.*'device' object.*default.qubit"),
    ):
        with pytest.raises(ValueError, match=message):
            TorchLayer("front.0", module, n_inputs=2)
