"""Many runs at once end as each would have ended alone, whoever is trained beside it."""

from dataclasses import replace

import numpy as np
import pytest

from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.circuits import build_circuit, z_observables
from skqmu.exceptions import TrainingDivergedError
from skqmu.network import (
    Activation,
    BatchNorm,
    Dense,
    InputScale,
    Network,
    OneVsRest,
    QuantumLayer,
    cross_entropy,
)
from skqmu.training import (
    SGD,
    Adam,
    EarlyStopping,
    Hook,
    Objective,
    Point,
    Records,
    Tolerance,
    TrainingRun,
    UpdateLog,
    can_train_many,
    many_obstacle,
    train,
    train_many,
)

N_FEATURES, N_CLASSES = 3, 3


def circuit(backend=None, encoding="angle", n_qubits=3):
    qnn = build_circuit(encoding, "strong", n_features=3, n_qubits=n_qubits, n_layers=1)
    return QuantumLayer(
        (backend or StatevectorBackend()).compile(
            qnn.circuit, z_observables(n_qubits), inputs=qnn.inputs, weights=qnn.weights
        )
    )


def quantum():
    return Network([InputScale([2.0] * 3), circuit(), Dense("head", 3, N_CLASSES)])


def hybrid():
    front = [Dense("front", 3, 3), Activation("pi_tanh")]
    head = [Dense("mid", 3, 4), Activation("elu"), Dense("head", 4, N_CLASSES)]
    return Network([*front, circuit(), *head])


def classical():
    layers = [Dense("a", 3, 5), Activation("relu"), Dense("b", 5, N_CLASSES), OneVsRest()]
    return Network(layers)


def amplitude():
    return Network([circuit(encoding="amplitude", n_qubits=2), Dense("head", 2, N_CLASSES)])


NETWORKS = {f.__name__: f() for f in (quantum, hybrid, classical, amplitude)}


def records(seed, n=17, weighted=True):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % N_CLASSES
    X = rng.normal(size=(n, N_FEATURES)) + 1.5 * np.eye(3)[labels]
    weights = rng.uniform(0.5, 1.5, n) if weighted else np.ones(n)
    return Records(X, np.eye(N_CLASSES)[labels], weights / weights.mean())


def make(network, seed, **parts):
    """The run of a seed: rows, start, order of batches are its own."""
    n = parts.pop("n", 17)
    decay = parts.pop("decay", 0.0)
    return TrainingRun(
        **{
            "network": network.twin(),
            "objective": Objective({"train": records(seed, n)}, decay=decay),
            "solver": Adam(0.1),
            "point": Point(network.initial(np.random.default_rng((seed, 1)))),
            "seed": np.random.SeedSequence(seed),
            "max_iter": 4,
            "batch_size": 5,
            **parts,
        }
    )


def without_seconds(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def assert_same(run, alone, atol=1e-9):
    assert (run.epoch, run.point.step, run.finished) == (alone.epoch, alone.point.step, True)
    assert (run.stop_reason, run.kept_epoch) == (alone.stop_reason, alone.kept_epoch)
    np.testing.assert_allclose(run.params, alone.params, rtol=0, atol=atol)
    for one, other in zip(
        without_seconds(run.history), without_seconds(alone.history), strict=True
    ):
        assert list(one) == list(other)
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)
    assert run.cost == alone.cost
    for (name, rows), (other_name, others) in zip(run.batches, alone.batches, strict=True):
        assert name == other_name
        np.testing.assert_array_equal(rows, others)


def check(make_one, seeds, hooks=lambda seed: []):
    """Train the runs of some seeds at once and one by one; returns those trained at once."""
    runs, own = [make_one(seed) for seed in seeds], [hooks(seed) for seed in seeds]
    assert train_many(runs, own) == {}
    for seed, run in zip(seeds, runs, strict=True):
        alone = train(make_one(seed), hooks(seed))
        assert_same(run, alone)
    return runs


# --- as alone ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_models", [1, 5, 64])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_each_run_ends_as_it_would_alone(network, n_models):
    check(lambda seed: make(network, seed, max_iter=3), range(n_models))


def test_equal_batches_give_the_very_same_numbers():
    runs = [make(NETWORKS["quantum"], seed, max_iter=8) for seed in range(20)]
    assert train_many(runs) == {}
    for seed, run in enumerate(runs):
        alone = train(make(NETWORKS["quantum"], seed, max_iter=8))
        np.testing.assert_allclose(run.params, alone.params, rtol=1e-13, atol=1e-13)


def test_steps_and_looks_are_really_taken_side_by_side(monkeypatch):
    leads = {"forward": [], "outputs": []}

    def watch(name):
        inner = getattr(Network, name)

        def watched(self, params, *arguments, **layers):
            leads[name].append(params.shape[:-1])
            return inner(self, params, *arguments, **layers)

        monkeypatch.setattr(Network, name, watched)

    watch("forward")
    watch("outputs")
    runs = [make(NETWORKS["quantum"], seed, n=15) for seed in range(8)]
    valid = [records(seed, 6) for seed in range(8)]
    hooks = [[EarlyStopping(own, tol=0.1, n_iter_no_change=9)] for own in valid]
    assert train_many(runs, hooks) == {}
    assert leads == {"forward": [(8,)] * 12, "outputs": [(8,)] * 4}


SOLVERS = [
    Adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-4),
    SGD(0.2, momentum=0.0, nesterov=False),
    SGD(0.1, momentum=0.9, nesterov=False),
    SGD(0.1, momentum=0.9, nesterov=True),
]


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_every_solver_takes_its_own_steps(solver):
    check(lambda seed: make(NETWORKS["quantum"], seed, solver=solver), range(5))


class Halved(Adam):
    """Half of Adam's step; of many models it says nothing."""

    def step(self, params, gradient, moments=None):
        there, moments = super().step(params, gradient, moments)
        return 0.5 * (params + there), moments


def test_a_solver_that_changes_a_step_changes_that_of_many():
    runs = check(lambda seed: make(NETWORKS["quantum"], seed, solver=Halved(0.1)), range(4))
    whole = train(make(NETWORKS["quantum"], 0, solver=Adam(0.1)))
    assert not np.allclose(runs[0].params, whole.params, atol=1e-3)


def test_solvers_schedules_and_lengths_may_all_differ():
    def one(seed):
        return make(
            NETWORKS["quantum"],
            seed,
            solver=SOLVERS[seed % 4],
            schedule=(lambda run: 0.5**run.epoch) if seed % 3 == 0 else None,
            max_iter=2 + seed % 4,
            batch_size=4 + seed % 5,
            decay=0.3 * (seed % 2),
            n=13 + seed % 6,
        )

    check(one, range(24))


@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_the_penalty_is_each_runs_own(decay):
    check(lambda seed: make(NETWORKS["hybrid"], seed, decay=decay * (seed + 1)), range(6))


def test_batches_of_other_lengths_are_filled_up_without_effect():
    for network in (NETWORKS["quantum"], NETWORKS["amplitude"]):
        check(lambda seed, net=network: make(net, seed, n=9 + 4 * seed, batch_size=40), range(7))


def test_streams_that_are_summed_go_side_by_side():
    def one(seed):
        whole = records(seed, 19)
        streams = {
            "retain": whole[: 10 + seed % 4],
            "forget": whole[14:].replace(weights=-0.2 * np.ones(5)),
        }
        return make(NETWORKS["quantum"], seed, objective=Objective(streams))

    check(one, range(6))


class Pooled(Objective):
    pooled = True


def test_pooled_streams_go_side_by_side():
    def one(seed):
        whole = records(seed, 19)
        return make(
            NETWORKS["quantum"],
            seed,
            objective=Pooled({"retain": whole[:14], "forget": whole[14:]}),
        )

    assert can_train_many(one(0))
    check(one, range(4))


def test_parameters_that_do_not_move_stay():
    network = NETWORKS["quantum"]
    mask = np.ones(network.layout.size, dtype=bool)
    mask[network.layout.slices["head"]] = False

    def one(seed):
        objective = Objective(
            {"train": records(seed)}, decay=0.1, trainable=None if seed % 2 else mask
        )
        return make(network, seed, objective=objective)

    for seed, run in enumerate(check(one, range(4))):
        moved = run.params != one(seed).params
        assert moved[~mask].any() == bool(seed % 2)


@pytest.mark.parametrize("name", ["quantum", "hybrid", "amplitude"])
def test_what_layers_that_do_not_move_say_is_asked_for_once_a_row(name):
    network = NETWORKS[name]

    def one(seed):
        head = network.layout.mask(["head"])
        objective = Objective({"train": records(seed)}, decay=0.1, trainable=head)
        return make(network, seed, objective=objective)

    def hooks(seed):
        return [EarlyStopping(records(seed + 30, 6), tol=1e-4, n_iter_no_change=9)]

    for run in check(one, range(5), hooks):
        assert run.fixed.n_layers
        assert run.cost["circuits"] == 17 + 4 * 6


# --- hooks and endings -------------------------------------------------------------------


def test_runs_stop_in_epochs_of_their_own():
    def one(seed):
        return make(NETWORKS["quantum"], seed, max_iter=60, batch_size=17)

    def hooks(seed):
        return [Tolerance(tol=0.02 * (1 + seed % 3), n_iter_no_change=2)]

    runs = check(one, range(12), hooks)
    assert len({run.epoch for run in runs}) > 3
    assert all("did not improve" in run.stop_reason for run in runs)


def test_early_stopping_keeps_each_runs_own_epoch():
    def hooks(seed):
        valid = records(seed + 100, 6 + seed % 3)
        return [UpdateLog(), EarlyStopping(valid, tol=1e-3, n_iter_no_change=3)]

    def one(seed):
        return make(NETWORKS["quantum"], seed, max_iter=40, solver=Adam(0.3))

    runs = check(one, range(9), hooks)
    assert len({run.kept_epoch for run in runs}) > 2
    assert any(run.kept_epoch < run.epoch for run in runs)
    assert {"valid_loss", "valid_score"} < set(runs[0].history[0])


def test_updates_are_written_down_as_alone():
    def logged(train_it):
        runs = [make(NETWORKS["quantum"], seed) for seed in range(3)]
        logs = [UpdateLog() for _ in runs]
        train_it(runs, [[log] for log in logs])
        return [log.updates for log in logs]

    def one_by_one(runs, hooks):
        for run, own in zip(runs, hooks, strict=True):
            train(run, own)

    for own, alone in zip(logged(train_many), logged(one_by_one), strict=True):
        assert len(own) == len(alone) == 16
        for (epoch, rows, step), (other, others, alone_step) in zip(own, alone, strict=True):
            assert epoch == other
            np.testing.assert_array_equal(rows, others)
            np.testing.assert_allclose(step, alone_step, atol=1e-12)


class MoveAndEnd(Hook):
    """Put other parameters in place in one epoch, and end in another."""

    def __init__(self, move_in, end_in):
        self.move_in, self.end_in = move_in, end_in

    def begin(self, run):
        return self.end_in == 0

    def after_epoch(self, run):
        if run.epoch == self.move_in:
            run.move(0.5 * run.params)
        return run.epoch == self.end_in and run.stop("enough")


def test_hooks_may_move_and_end_their_run():
    runs = check(
        lambda seed: make(NETWORKS["hybrid"], seed, max_iter=6),
        range(6),
        lambda seed: [MoveAndEnd(1 + seed % 2, seed)],
    )
    assert [run.epoch for run in runs] == [0, 1, 2, 3, 4, 5]
    assert [run.stop_reason for run in runs] == ["max_iter", *["enough"] * 5]


def test_a_run_that_is_further_goes_on_from_there():
    def one(seed):
        run = make(NETWORKS["quantum"], seed, max_iter=1 + seed)
        train(run)
        later = make(NETWORKS["quantum"], seed, max_iter=5, point=run.point)
        later.history = list(run.history)
        return later

    check(one, range(4))


def test_every_run_holds_arrays_of_its_own():
    runs = [make(NETWORKS["quantum"], seed) for seed in range(4)]
    train_many(runs)
    for run in runs:
        _, first, second = run.point.moments
        assert all(array.base is None for array in (run.params, first, second))


# --- failures and interrupts -------------------------------------------------------------


def diverging(seed, network, at):
    solver = SGD(1.7e308) if seed == at else SGD(0.1)
    return make(network, seed, solver=solver)


@pytest.mark.parametrize("network", ["quantum", "classical"])
def test_a_run_that_diverges_is_named_and_touches_no_other(network):
    network = NETWORKS[network]
    runs = [diverging(seed, network, at=2) for seed in range(6)]
    failures = train_many(runs)
    assert list(failures) == [2]
    assert isinstance(failures[2], TrainingDivergedError)
    alone = diverging(2, network, at=2)
    with pytest.raises(TrainingDivergedError) as told:
        train(alone)
    assert str(failures[2]) == str(told.value)
    np.testing.assert_array_equal(runs[2].params, alone.params)
    assert (runs[2].cost, runs[2].finished) == (alone.cost, False)
    for seed in (0, 1, 3, 4, 5):
        assert_same(runs[seed], train(diverging(seed, network, at=2)))


def test_rows_that_a_circuit_refuses_end_their_own_run_alone():
    def one(seed):
        run = make(NETWORKS["amplitude"], seed)
        if seed == 1:
            run.objective.streams["train"].X[3] = 0.0  # cannot be normalised
        return run

    runs = [one(seed) for seed in range(4)]
    failures = train_many(runs)
    alone = one(1)
    with pytest.raises(ValueError, match="rows of zeros") as told:
        train(alone)
    assert list(failures) == [1]
    assert (type(failures[1]), str(failures[1])) == (type(told.value), str(told.value))
    np.testing.assert_array_equal(runs[1].params, alone.params)
    for seed in (0, 2, 3):
        assert_same(runs[seed], train(one(seed)))


class FailAfter(Hook):
    def __init__(self, n_steps, error):
        self.left, self.error = n_steps, error
        self.ends = 0

    def after_step(self, run):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return False

    def end(self, run):
        self.ends += 1


def test_an_error_of_a_hook_ends_its_own_run():
    network = NETWORKS["quantum"]
    hooks = [[FailAfter(3 if seed == 1 else 0, OSError("full"))] for seed in range(4)]
    runs = [make(network, seed) for seed in range(4)]
    failures = train_many(runs, hooks)
    assert list(failures) == [1]
    assert str(failures[1]) == "full"
    assert (runs[1].epoch, runs[1].point.step, runs[1].finished) == (0, 3, False)
    assert [hook.ends for (hook,) in hooks] == [1, 1, 1, 1]
    for seed in (0, 2, 3):
        assert_same(runs[seed], train(make(network, seed)))


def test_a_validation_loss_that_is_not_finite_ends_its_own_run():
    network = NETWORKS["classical"]

    def hooks(seed):
        valid = records(seed + 50, 6)
        X = np.full_like(valid.X, 1.7e308) if seed == 0 else valid.X
        own = Records(X, valid.targets, valid.weights)
        return [EarlyStopping(own, tol=1e-4, n_iter_no_change=5)]

    runs = [make(network, seed) for seed in range(3)]
    failures = train_many(runs, [hooks(seed) for seed in range(3)])
    with pytest.raises(TrainingDivergedError, match="validation loss became non-finite") as told:
        train(make(network, 0), hooks(0))
    assert list(failures) == [0]
    assert str(failures[0]) == str(told.value)
    for seed in (1, 2):
        assert_same(runs[seed], train(make(network, seed), hooks(seed)))


@pytest.mark.parametrize("n_steps", [1, 4, 7, 15])
def test_after_an_interrupt_every_run_goes_on_as_if_it_had_not_been(n_steps):
    network = NETWORKS["quantum"]
    runs = [make(network, seed) for seed in range(5)]
    hooks = [[FailAfter(n_steps if seed == 2 else 0, KeyboardInterrupt())] for seed in range(5)]
    logs = [UpdateLog() for _ in runs]
    with pytest.raises(KeyboardInterrupt):
        train_many(runs, [[log, *own] for log, own in zip(logs, hooks, strict=True)])
    assert [len(log.updates) for log in logs] == [
        run.epoch * 4 + run.point.step for run in runs
    ]  # no step that its hooks did not see
    taken = [run.epoch * 4 + run.point.step for run in runs]
    assert taken[2] == n_steps
    assert max(taken) - min(taken) <= 1
    assert [hook.ends for (hook,) in hooks] == [1] * 5
    assert not any(run.finished for run in runs)
    spent = [17 * (n // 4) + 5 * (n % 4) for n in taken]
    assert [run.cost["gradient_rows"] for run in runs] == spent
    assert train_many(runs) == {}
    for seed, run in enumerate(runs):
        assert_same(run, train(make(network, seed)))


# --- who is beside does not matter --------------------------------------------------------


def test_a_result_depends_neither_on_neighbours_nor_on_order():
    network = NETWORKS["quantum"]

    def ended(seeds):
        runs = {seed: make(network, seed, n=12 + seed % 5, batch_size=6) for seed in seeds}
        own = [[Tolerance(tol=0.05, n_iter_no_change=2)] for _ in runs]
        assert train_many(list(runs.values()), own) == {}
        return {seed: (run.epoch, run.params) for seed, run in runs.items()}

    rng = np.random.default_rng(0)
    whole = ended(range(30))
    for _ in range(4):
        for seed, (epoch, params) in ended(rng.permutation(30)[: rng.integers(2, 30)]).items():
            assert epoch == whole[seed][0]
            np.testing.assert_allclose(params, whole[seed][1], rtol=0, atol=1e-9)


def test_copies_of_a_run_end_in_one_place():
    runs = [make(NETWORKS["hybrid"], 3) for _ in range(7)]
    assert train_many(runs) == {}
    for run in runs[1:]:
        np.testing.assert_array_equal(run.params, runs[0].params)


def test_runs_of_several_networks_are_told_apart():
    names = [*NETWORKS] * 3
    runs = [make(NETWORKS[name], seed) for seed, name in enumerate(names)]
    assert train_many(runs) == {}
    for seed, (name, run) in enumerate(zip(names, runs, strict=True)):
        assert_same(run, train(make(NETWORKS[name], seed)))


# --- who is trained alone ------------------------------------------------------------------


class Own(Objective):
    def loss(self, stream, logits, batch):
        values = batch.weights * cross_entropy(logits, batch.targets)
        return 2 * values, 2 * super().loss(stream, logits, batch)[1]


def obstacles():
    network = NETWORKS["quantum"]
    sampled = Network([circuit(AerBackend(shots=16, seed=0)), Dense("head", 3, N_CLASSES)])
    normed = Network([Dense("a", 3, 4), BatchNorm("norm", 4), Dense("b", 4, N_CLASSES)])
    return [
        (lambda seed: make(sampled, seed, max_iter=1), "sampled or paid for"),
        (lambda seed: make(normed, seed), "layer 'norm' trains in another way"),
        (
            lambda seed: make(network, seed, objective=Own({"train": records(seed)})),
            "objective Own has a loss of its own",
        ),
    ]


@pytest.mark.parametrize(("one", "why"), obstacles(), ids=[why for _, why in obstacles()])
def test_what_cannot_go_side_by_side_says_why_and_is_trained_alone(one, why):
    assert why in many_obstacle(one(0))
    assert not can_train_many(one(0))
    runs = [one(seed) for seed in range(2)]
    assert train_many(runs) == {}
    assert all(run.finished for run in runs)
    if "sampled" not in why:
        for seed, run in enumerate(runs):
            assert_same(run, train(one(seed)), atol=0)


def test_an_error_of_a_run_that_is_trained_alone_is_named_too():
    normed = Network([Dense("a", 3, 4), BatchNorm("norm", 4), Dense("b", 4, N_CLASSES)])
    runs = [
        make(normed, 0),
        make(normed, 1, solver=SGD(1.7e308)),
        make(NETWORKS["quantum"], 2),
    ]
    failures = train_many(runs)
    assert list(failures) == [1]
    assert [run.finished for run in runs] == [True, False, True]


def test_what_runs_would_change_for_one_another_is_refused():
    shared = make(NETWORKS["quantum"], 0)
    other = replace(make(NETWORKS["quantum"], 1), network=shared.network)
    with pytest.raises(ValueError, match=r"runs 0 and 1 share a network; .*twin"):
        train_many([shared, other])
    runs = [make(NETWORKS["quantum"], seed) for seed in range(3)]
    hook = Tolerance(tol=0.1, n_iter_no_change=2)
    with pytest.raises(ValueError, match="runs 0 and 2 share a hook"):
        train_many(runs, [[hook], [], [hook]])
    with pytest.raises(ValueError, match="3 runs need as many sequences of hooks; got 1"):
        train_many(runs, [[]])


def test_nothing_to_train_is_no_error():
    assert train_many([]) == {}


def test_streams_without_rows_end_their_own_run():
    empty = Objective({"train": records(0)[:0]})
    runs = [
        make(NETWORKS["quantum"], 0, objective=empty),
        make(NETWORKS["quantum"], 1, objective=Objective({})),
        *(make(NETWORKS["quantum"], seed) for seed in (2, 3)),
    ]
    failures = train_many(runs)
    assert list(failures) == [0, 1]
    assert "holds no records" in str(failures[0])
    assert [run.finished for run in runs] == [False, False, True, True]


class Sparse(Objective):
    """With a penalty of its own, which eases off over the epochs."""

    def penalty(self, run):
        strength = 0.1 * (1 - run.epoch / run.max_iter)
        return strength * float(np.abs(run.params).sum()), strength * np.sign(run.params)


def test_penalties_of_their_own_go_side_by_side():
    def one(seed):
        own = Objective if seed % 3 == 0 else Sparse
        return make(NETWORKS["quantum"], seed, objective=own({"train": records(seed)}, decay=0.1))

    assert can_train_many(one(1))
    check(one, range(5))
