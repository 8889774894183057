"""Jobs that train in between: what several of them train goes side by side.

This file looks inside.
"""

import threading
from contextvars import ContextVar

import numpy as np
import pytest
import sklearn

from skqmu.network import Network
from skqmu.training import Hook, train, train_many, train_together
from skqmu.training import _together as inside

WHERE = ContextVar("where", default="nowhere")


class Interrupt(Hook):
    """Ctrl-C after some steps."""

    def __init__(self, n_steps):
        self.left = n_steps

    def after_step(self, run):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return False


@pytest.fixture
def make(make_run):
    """From a seed to a run with a network of its own, twins of one."""
    first = make_run()

    def made(seed):
        network = first.network.twin()
        return make_run(network=network, seed=np.random.SeedSequence(seed), max_iter=2)

    return made


def test_jobs_train_as_often_as_they_like_and_end_as_alone(make, monkeypatch):
    def job(seed):
        total = 0.0
        for part in range(seed % 3):
            total += train(make(10 * seed + part)).history[-1]["loss"]
        return total

    alone = [job(seed) for seed in range(5)]
    leads, forward = [], Network.forward

    def watched(self, params, *arguments, **layers):
        leads.append(len(params) if params.ndim == 2 else 1)
        return forward(self, params, *arguments, **layers)

    monkeypatch.setattr(Network, "forward", watched)
    results, failures = train_together([lambda seed=seed: job(seed) for seed in range(5)])
    assert failures == {}
    assert results == pytest.approx(alone, rel=1e-12)
    assert set(leads) == {1, 3}  # jobs 1, 2 and 4, then 2 alone


def test_one_job_at_a_time_runs_and_knows_where_it_is(make):
    at_work = threading.Lock()

    def job(seed):
        for part in range(2):
            assert at_work.acquire(blocking=False)
            seen = WHERE.get(), sklearn.get_config()["assume_finite"]
            at_work.release()
            train(make(10 * seed + part))
        return seen

    WHERE.set("here")
    with sklearn.config_context(assume_finite=True):
        results, failures = train_together([lambda seed=seed: job(seed) for seed in range(3)])
    assert (results, failures) == ([("here", True)] * 3, {})


def test_a_job_that_fails_touches_no_other(make):
    def fails():
        train(make(1))
        raise OSError("full")

    results, failures = train_together([lambda: train(make(0)).epoch, fails, lambda: "nothing"])
    assert results == [2, None, "nothing"]
    assert list(failures) == [1]
    assert str(failures[1]) == "full"


def test_an_error_of_a_run_is_raised_where_it_was_trained(make):
    def job(seed):
        run = make(seed)
        if seed == 1:
            run.point = run.point._replace(params=np.full_like(run.params, np.inf))
        try:
            return train(run).epoch
        except Exception as error:
            return type(error).__name__

    results, failures = train_together([lambda seed=seed: job(seed) for seed in range(3)])
    assert (results[0], results[2], failures) == (2, 2, {})
    assert isinstance(results[1], str)


def test_ctrl_c_is_raised_in_every_job_that_trains(make):
    seen = []

    def job(seed):
        try:
            train(make(seed), [Interrupt(2)] if seed == 1 else [])
        except KeyboardInterrupt:
            seen.append(seed)
            raise

    with pytest.raises(KeyboardInterrupt):
        train_together([lambda seed=seed: job(seed) for seed in range(3)])
    assert seen == [0, 1, 2]


def test_jobs_within_jobs(make):
    def job(seed):
        inner = [lambda part=part: train(make(10 * seed + part)).params for part in range(2)]
        return train_together(inner)[0]

    results, failures = train_together([lambda seed=seed: job(seed) for seed in range(2)])
    assert failures == {}
    expected = [make(10 * seed + part) for seed in range(2) for part in range(2)]
    train_many(expected)
    for found, run in zip([each for own in results for each in own], expected, strict=True):
        np.testing.assert_allclose(found, run.params, atol=1e-9)


def test_no_jobs_are_no_error():
    assert train_together([]) == ([], {})


def test_whatever_cuts_the_work_off_no_job_stays_behind(make, monkeypatch):
    held = []

    def job(seed):
        held.append(seed)
        try:
            train(make(seed))
        finally:
            held.remove(seed)

    def cut_off(jobs):
        for job in jobs:
            job.go_on(None)
        assert held == [0, 1, 2]
        raise MemoryError

    monkeypatch.setattr(inside, "_do", cut_off)
    with pytest.raises(MemoryError):
        train_together([lambda seed=seed: job(seed) for seed in range(3)])
    assert held == []
