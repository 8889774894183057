"""What no step moves is asked for once: looks inside, at how often layers are gone through."""

import numpy as np
import pytest

from skqmu import QNNClassifier
from skqmu.network import Dense, Network, TorchLayer
from skqmu.training import Adam, Objective, Point, Records, TrainingRun, train
from skqmu.training._fixed_layers import FixedLayers


class Watched(Dense):
    """Counts the rows that it is asked for."""

    def __init__(self, *args):
        super().__init__(*args)
        self.n_rows = 0

    def forward(self, params, inputs):
        self.n_rows += len(inputs)
        return super().forward(params, inputs)


class Shifted(Objective):
    """Its forgotten rows are other ones in each epoch."""

    def inputs(self, stream, batch, run):
        return batch.X + run.epoch if stream == "forget" else batch.X


class Difference(Objective):
    def combine(self, gradients, run):
        return gradients["retain"] - 0.5 * gradients["forget"]


def streams():
    rng = np.random.default_rng(0)
    every = Records(rng.normal(size=(30, 2)), np.eye(3)[np.arange(30) % 3], np.ones(30))
    return {"retain": every[:23], "forget": every[23:]}


def make_run(kind=Objective, *, keep=True, **parts):
    network = Network([Watched("front", 2, 4), Dense("head", 4, 3)])
    trainable = network.layout.mask(["head"])
    start = Point(network.initial(np.random.default_rng(1)))
    return TrainingRun(
        network=network,
        objective=kind(streams(), trainable=trainable),
        solver=Adam(0.05),
        point=start,
        seed=np.random.SeedSequence(2),
        max_iter=7,
        batch_size=5,
        fixed=None if keep else FixedLayers(network, None),
        **parts,
    )


@pytest.mark.parametrize("kind", [Objective, Shifted, Difference])
def test_keeping_outputs_changes_no_number(kind):
    kept, asked_again = train(make_run(kind)), train(make_run(kind, keep=False))
    np.testing.assert_allclose(kept.params, asked_again.params, rtol=0, atol=1e-12)
    for row, other in zip(kept.history, asked_again.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], abs=1e-12)


def test_each_row_is_asked_for_once():
    assert train(make_run()).network.layers[0].n_rows == 30
    assert train(make_run(Difference)).network.layers[0].n_rows == 30
    again = train(make_run(keep=False)).network.layers[0].n_rows
    assert again > 7 * 23  # the shorter stream comes round again


def test_rows_that_an_objective_changes_are_asked_for_each_time():
    assert train(make_run(Shifted)).network.layers[0].n_rows > 7 * 23


def test_only_the_rows_that_were_needed_are_asked_for():
    run = make_run()
    run.evaluate([("retain", np.array([3, 1])), ("forget", np.array([0]))])
    run.evaluate([("retain", np.array([1, 4])), ("forget", np.array([0]))])
    assert run.network.layers[0].n_rows == 4


def test_other_parameters_of_the_fixed_layers_are_other_outputs():
    run, other = make_run(), make_run(keep=False)
    batches = [("retain", np.arange(4))]
    run.evaluate(batches)
    for each in (run, other):
        each.move(each.params + 0.25)
    np.testing.assert_allclose(
        run.evaluate(batches)[1], other.evaluate(batches)[1], rtol=0, atol=1e-12
    )


def test_nothing_is_kept_where_the_first_layer_moves_or_rows_depend_on_each_other():
    network = make_run().network
    assert FixedLayers(network, None).n_layers == 0
    assert FixedLayers(network, network.layout.mask(["front"])).n_layers == 0
    assert FixedLayers(network, network.layout.mask(["head"])).n_layers == 1
    network.layers[0].batch_free = False
    assert FixedLayers(network, network.layout.mask(["head"])).n_layers == 0


def test_single_precision_is_asked_for_each_time():
    torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    for dtype, n_layers in (("float32", 0), ("float64", 1)):
        front = TorchLayer("front", torch.nn.Linear(2, 4), 2, dtype=dtype)
        network = Network([front, Dense("head", 4, 3)])
        assert FixedLayers(network, network.layout.mask(["head"])).n_layers == n_layers


def test_a_circuit_that_is_not_trained_runs_once_a_row_whatever_is_fitted_on_it():
    X = np.random.default_rng(0).normal(size=(24, 2))
    clf = QNNClassifier(trainable="head", n_layers=1, max_iter=6, tol=0, random_state=0)
    cost = clf.fit(X, np.arange(24) % 3).fit_cost_
    assert (cost["forward_rows"], cost["circuits"]) == (6 * 24, 24)
    assert clf.estimate_cost(X, np.arange(24) % 3)["circuits"] == 24
