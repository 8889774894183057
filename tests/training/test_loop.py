"""The loop: its steps by hand, its batches, streams, endings and costs.

This file looks inside.
"""

import numpy as np
import pytest

from skqmu.exceptions import TrainingDivergedError
from skqmu.network import cross_entropy, softmax
from skqmu.training import SGD, Adam, Hook, Objective, Point, train
from skqmu.training._objective import epoch_batches


class Watch(Hook):
    """Write down the batches and the points of each step."""

    def __init__(self):
        self.steps, self.epochs, self.calls = [], [], []

    def begin(self, run):
        self.calls.append("begin")
        return False

    def before_epoch(self, run):
        self.calls.append("before_epoch")

    def after_step(self, run):
        self.steps.append((run.epoch, dict(run.batches), run.params))
        return False

    def after_epoch(self, run):
        self.epochs.append(run.params)
        self.calls.append("after_epoch")
        return False

    def end(self, run):
        self.calls.append("end")


class EndAt(Hook):
    def __init__(self, n_steps):
        self.left = n_steps

    def after_step(self, run):
        self.left -= 1
        return self.left == 0


# --- steps -------------------------------------------------------------------------------


def test_full_batch_descent_is_the_recursion_by_hand(make_run, records):
    run = make_run(batch_size=23, solver=SGD(0.1, momentum=0.0), max_iter=4)
    start = run.params
    train(run)
    kernel, bias = start[:6].reshape(2, 3), start[6:]
    losses = []
    for _ in range(4):
        logits = records.X @ kernel + bias
        losses.append((records.weights * cross_entropy(logits, records.targets)).mean())
        d = records.weights[:, None] * (softmax(logits, axis=1) - records.targets) / 23
        kernel, bias = kernel - 0.1 * records.X.T @ d, bias - 0.1 * d.sum(axis=0)
    np.testing.assert_allclose(run.params, np.r_[kernel.ravel(), bias], rtol=1e-12)
    np.testing.assert_allclose([row["loss"] for row in run.history], losses, rtol=1e-12)
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
    assert run.stop_reason == "max_iter"
    assert run.finished


def test_weight_decay_pulls_on_kernels_alone(make_run, records):
    plain, decayed = make_run(), make_run(objective=Objective({"train": records}, decay=0.3))
    batches = [("train", np.arange(23))]
    (loss, gradient), (loss_d, gradient_d) = plain.evaluate(batches), decayed.evaluate(batches)
    kernel = plain.params * np.r_[np.ones(6), np.zeros(3)]
    assert loss_d == pytest.approx(loss + 0.15 * kernel @ kernel)
    np.testing.assert_allclose(gradient_d, gradient + 0.3 * kernel)


@pytest.mark.parametrize("solver", [SGD(0.1), Adam(0.1)])
def test_frozen_parameters_do_not_move_at_all(make_run, records, solver):
    trainable = np.arange(9) % 2 == 0
    run = make_run(
        objective=Objective({"train": records}, decay=0.1, trainable=trainable), solver=solver
    )
    start = run.params
    train(run)
    np.testing.assert_array_equal(run.params[~trainable], start[~trainable])
    assert (run.params[trainable] != start[trainable]).all()


# --- batches -----------------------------------------------------------------------------


def test_each_epoch_goes_once_through_the_rows_in_a_new_order(make_run):
    watch = Watch()
    train(make_run(), [watch])
    orders = []
    for epoch in range(6):
        batches = [b["train"] for e, b, _ in watch.steps if e == epoch]
        assert [len(b) for b in batches] == [5, 5, 5, 5, 3]
        orders.append(np.concatenate(batches))
        assert sorted(orders[-1]) == list(range(23))
    assert len({tuple(order) for order in orders}) == 6


def test_the_order_depends_on_the_seed_alone(make_run):
    points = []
    for seed in (2, 2, 3):
        run = make_run(seed=np.random.SeedSequence(seed))
        np.random.default_rng(0).normal(size=seed)
        points.append(train(run).params)
    np.testing.assert_array_equal(points[0], points[1])
    assert (points[0] != points[2]).any()


def test_a_short_stream_is_gone_through_again_beside_a_long_one(records):
    objective = Objective({"long": records, "short": records[:4]})
    steps = list(epoch_batches(objective, 0, 5, np.random.default_rng(0)))
    assert [[name for name, _ in step] for step in steps] == [["long", "short"]] * 5
    short = [dict(step)["short"] for step in steps]
    assert all(sorted(rows) == [0, 1, 2, 3] for rows in short)
    assert sorted(np.concatenate([dict(step)["long"] for step in steps])) == list(range(23))


@pytest.mark.parametrize("n_short", [1, 4, 23])
def test_pooled_streams_share_the_batches_and_each_row_comes_once(records, n_short):
    class Pooled(Objective):
        pooled = True

    objective = Pooled({"long": records, "short": records[:n_short]})
    steps = list(epoch_batches(objective, 0, 5, np.random.default_rng(0)))
    assert len(steps) == -(-(23 + n_short) // 5)
    assert all(3 <= sum(len(rows) for _, rows in step) <= 6 for step in steps)
    for name, size in {"long": 23, "short": n_short}.items():
        taken = np.concatenate([dict(step).get(name, []) for step in steps])
        assert sorted(taken) == list(range(size))


def test_phases_come_one_after_another(records):
    class Alternating(Objective):
        def phases(self, epoch):
            return [("a",), ("b",)] if epoch == 0 else [("b",)]

    objective = Alternating({"a": records[:7], "b": records})
    names = [
        [
            name
            for step in epoch_batches(objective, e, 5, np.random.default_rng(0))
            for name, _ in step
        ]
        for e in (0, 1)
    ]
    assert names == [["a"] * 2 + ["b"] * 5, ["b"] * 5]


def test_the_gradients_of_two_streams_add_up(make_run, records):
    both = make_run(objective=Objective({"a": records[:10], "b": records[10:]}))
    parts = [make_run(objective=Objective({"a": part})) for part in (records[:10], records[10:])]
    loss, gradient = both.evaluate([("a", np.arange(10)), ("b", np.arange(13))])
    one, other = (
        part.evaluate([("a", np.arange(n))]) for part, n in zip(parts, (10, 13), strict=True)
    )
    assert loss == pytest.approx(one[0] + other[0])
    np.testing.assert_allclose(gradient, one[1] + other[1])


def test_a_stream_without_records_is_an_error_not_a_hang(make_run, records):
    run = make_run(objective=Objective({"a": records, "b": records[:0]}))
    with pytest.raises(ValueError, match="stream 'b' holds no records"):
        train(run)


# --- endings -----------------------------------------------------------------------------


def test_hooks_are_called_in_order_and_always_ended(make_run):
    watch = Watch()
    train(make_run(max_iter=2), [watch])
    assert watch.calls == ["begin", *["before_epoch", "after_epoch"] * 2, "end"]

    class Fail(Hook):
        def after_step(self, run):
            raise KeyboardInterrupt

    watch = Watch()
    run = make_run()
    with pytest.raises(KeyboardInterrupt):
        train(run, [watch, Fail()])
    assert watch.calls == ["begin", "before_epoch", "end"]
    assert not run.finished
    assert run.point.step == 1


def test_every_hook_is_asked_although_one_ends_the_run(make_run):
    watch = Watch()
    run = train(make_run(), [EndAt(7), watch])
    assert len(watch.steps) == 7
    assert run.finished
    assert run.epoch == 2  # the second epoch was closed where it stood
    assert len(run.history) == 2


def test_a_run_stopped_between_steps_goes_on_as_if_it_had_not_been(make_run):
    undisturbed = train(make_run())
    for n_steps in (1, 5, 8, 29):

        class Interrupt(EndAt):
            def after_step(self, run):
                if super().after_step(run):
                    raise KeyboardInterrupt
                return False

        run = make_run()
        with pytest.raises(KeyboardInterrupt):
            train(run, [Interrupt(n_steps)])
        train(run)
        np.testing.assert_array_equal(run.params, undisturbed.params)
        assert [r["loss"] for r in run.history] == [r["loss"] for r in undisturbed.history]
        assert run.cost == undisturbed.cost


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"solver": SGD(1.7e308)}, "parameters|gradient|loss"),
        ({"solver": SGD(1e308), "objective_decay": 1e10}, "parameters|gradient|loss"),
        ({"point_scale": 1e308}, "loss|gradient"),
    ],
)
def test_divergence_is_told_and_the_point_is_that_before(make_run, records, parts, what):
    if "objective_decay" in parts:
        parts["objective"] = Objective({"train": records}, decay=parts.pop("objective_decay"))
    run = make_run(**{k: v for k, v in parts.items() if k != "point_scale"})
    if "point_scale" in parts:
        run.point = Point(run.params * parts["point_scale"])
    watch = Watch()
    with pytest.raises(TrainingDivergedError, match=f"the ({what}) became non-finite in epoch"):
        train(run, [watch])
    assert np.isfinite(run.params).all()
    assert not run.finished
    assert watch.calls[-1] == "end"


# --- costs -------------------------------------------------------------------------------


def test_the_cost_is_what_the_run_spent_and_no_more(make_run):
    run = make_run()
    run.network.logits(run.params, np.ones((100, 2)))  # by someone else, before
    run = make_run(network=run.network)
    train(run)
    assert run.cost == {
        "forward_rows": 6 * 23,
        "gradient_rows": 6 * 23,
        "circuits": 0,
        "shots": 0,
    }
    run.network.logits(run.params, np.ones((100, 2)))  # and after
    assert run.cost["forward_rows"] == 6 * 23


def test_generators_differ_by_key_and_epoch_and_repeat(make_run):
    run = make_run()
    draws = [run.generator(k).integers(1 << 60) for k in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]
    run.point = Point(run.params, epoch=1)
    assert run.generator(0).integers(1 << 60) not in draws


# --- streams in one pass -------------------------------------------------------------------


class Apart(Objective):
    """The same sum, in a method of its own: the loop then takes a pass a stream."""

    def combine(self, gradients, run):
        return sum(gradients.values())


@pytest.mark.parametrize("batch_size", [4, 9])
def test_streams_that_are_summed_take_one_pass_and_say_the_same(make_run, records, batch_size):
    streams = {"retain": records[:16], "forget": records[16:].replace(weights=-np.ones(7))}
    calls = []
    runs = []
    for kind in (Objective, Apart):
        run = make_run(objective=kind(streams), batch_size=batch_size)

        def counted(params, X, forward=run.network.forward, **layers):
            calls.append(len(X))
            return forward(params, X, **layers)

        run.network.forward = counted
        runs.append(train(run))
    together, apart = runs
    np.testing.assert_allclose(together.params, apart.params, rtol=1e-12)
    for one, other in zip(together.history, apart.history, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-12)
    assert together.cost == apart.cost
    half = len(calls) // 3
    assert sum(calls[:half]) == sum(calls[half:])  # half the passes, the same rows


def test_networks_that_mix_or_sample_rows_keep_their_streams_apart():
    from skqmu.backends import AerBackend, StatevectorBackend
    from skqmu.circuits import build_circuit, z_observables
    from skqmu.network import BatchNorm, Dense, Dropout, Network, QuantumLayer

    qnn = build_circuit("angle", "real_amplitudes", n_features=2, n_qubits=2)

    def circuit(backend):
        return QuantumLayer(
            backend.compile(qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights)
        )

    dense = Dense("head", 2, 2)
    assert Network([circuit(StatevectorBackend()), dense]).treats_rows_alone
    assert not Network([circuit(AerBackend(shots=64)), dense]).treats_rows_alone
    assert not Network([dense, BatchNorm("norm", 2)]).treats_rows_alone
    assert not Network([Dropout(0.5), dense]).treats_rows_alone


@pytest.mark.parametrize("entropy", [0, 7, 2**32, 2**127 + 5, 2**200, [1, 2**40], np.int64(9)])
@pytest.mark.parametrize("key", [(), (3,), (1, 2**33)])
def test_an_epoch_has_the_generator_of_its_own_child_of_the_seed(make_run, entropy, key):
    run = make_run(seed=np.random.SeedSequence(entropy, spawn_key=key))
    run.point = run.point._replace(epoch=11)
    for more in ((), (4,), (4, 2)):
        child = np.random.SeedSequence(entropy, spawn_key=(*key, 11, *more))
        expected = np.random.default_rng(child).integers(2**63, size=8)
        np.testing.assert_array_equal(run.generator(*more).integers(2**63, size=8), expected)
