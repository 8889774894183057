"""Batch normalisation and buffers: derived from data, restored, reset, never half changed."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from skqmu.network import BatchNorm, Dense, Network
from skqmu.training import SGD, Objective, Point, Records, TrainingRun, train

RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (12, 3))


def network():
    return Network([Dense("a", 3, 4), BatchNorm("b", 4), Dense("c", 4, 2)])


def records(n=12):
    return Records(X[:n], np.eye(2)[np.arange(n) % 2], np.ones(n))


def test_batches_come_out_with_mean_0_and_variance_1():
    layer = BatchNorm("b", 3)
    own = np.concatenate([layer.initial(None), layer.initial_buffers()])
    outputs, _, buffers = layer.forward_training(own, X, None)
    np.testing.assert_allclose(outputs.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(outputs.var(axis=0), 1.0, atol=1e-4)
    np.testing.assert_allclose(buffers[:3], 0.1 * X.mean(axis=0))
    np.testing.assert_allclose(buffers[3:], 0.9 + 0.1 * X.var(axis=0, ddof=1))


@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_finite_differences(training):
    net = network()
    params = net.initial(np.random.default_rng(1))
    params[net.layout.n_parameters :] = [0.3, -0.2, 0.5, 0.1, 1.5, 0.7, 2.0, 1.1]
    weight = np.random.default_rng(2).normal(size=(12, 2))

    def value(flat, rows):
        logits = net.forward_training(flat, rows, None)[0] if training else net.logits(flat, rows)
        return (weight * logits).sum()

    run = net.forward_training(params, X, None)[1] if training else net.forward(params, X)[1]
    d_params, d_inputs = net.backward(run, weight, need_inputs=True)
    n = net.layout.n_parameters
    numeric = approx_fprime(params, lambda flat: value(flat, X), 1e-7)
    np.testing.assert_allclose(d_params[:n], numeric[:n], atol=1e-4)
    assert not d_params[n:].any()
    numeric = approx_fprime(X.ravel(), lambda x: value(params, x.reshape(X.shape)), 1e-7)
    np.testing.assert_allclose(d_inputs.ravel(), numeric, atol=1e-4)


def test_per_sample_gradients_add_up_in_prediction_and_are_refused_in_training():
    net = network()
    params = net.initial(np.random.default_rng(1))
    weight = np.random.default_rng(2).normal(size=(12, 2))
    tape = net.forward(params, X)[1]
    each, _ = net.backward(tape, weight, per_sample=True)
    np.testing.assert_allclose(each.sum(axis=0), net.backward(tape, weight)[0], atol=1e-12)
    tape = net.forward_training(params, X, None)[1]
    with pytest.raises(ValueError, match="prediction mode"):
        net.backward(tape, weight, per_sample=True)


def test_rows_to_forget_and_single_rows_move_no_buffer():
    net = network()
    params = net.initial(np.random.default_rng(1))
    for rows, to_forget in ((X, True), (X[:1], False)):
        logits, _, after = net.forward_training(params, rows, None, to_forget=to_forget)
        assert np.array_equal(after, params)
        assert np.array_equal(logits, net.logits(params, rows))
    _, _, after = net.forward_training(params, X, None)
    n = net.layout.n_parameters
    assert np.array_equal(after[:n], params[:n])
    assert (after[n:] != params[n:]).all()


def test_a_run_moves_buffers_with_its_steps_and_a_failed_step_moves_nothing():
    net = network()
    run = TrainingRun(
        network=net,
        objective=Objective({"train": records()}),
        solver=SGD(0.1),
        point=Point(net.initial(np.random.default_rng(1))),
        seed=np.random.SeedSequence(0),
        max_iter=300,
        batch_size=12,
    )
    before = run.params.copy()
    train(run)
    hidden = X @ run.params[:12].reshape(3, 4) + run.params[12:16]
    mean = run.params[net.layout.buffers["b"]][:4]
    assert not np.array_equal(mean, before[net.layout.buffers["b"]][:4])
    # 300 steps of momentum 0.1 over the same batch: the mean of where the network ended.
    np.testing.assert_allclose(mean, hidden.mean(axis=0), atol=0.2)

    class Broken(SGD):
        def step(self, params, gradient, moments=None):
            return params * np.nan, moments

    kept = run.params
    run.solver, run.max_iter = Broken(0.1), 400
    with pytest.raises(RuntimeError, match="non-finite"):
        train(run)
    assert run.params is kept


def test_penalties_and_noise_on_the_whole_vector_do_not_reach_buffers():
    class Noisy(Objective):
        def combine(self, gradients, run):
            return gradients["forget"] + 1.0

        def penalty(self, run):
            return 0.0, run.params

    net = network()
    run = TrainingRun(
        network=net,
        objective=Noisy({"forget": records()}),
        solver=SGD(0.1),
        point=Point(net.initial(np.random.default_rng(1))),
        seed=np.random.SeedSequence(0),
        max_iter=2,
        batch_size=12,
    )
    before = run.params
    train(run)
    n = net.layout.n_parameters
    assert np.array_equal(run.params[n:], before[n:])
    assert (run.params[:n] != before[:n]).all()
