"""Jobs side by side: all come back, also where a worker is killed. This file looks inside."""

import os
import signal
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest

from skqmu._side_by_side import chunks, finished_jobs


def square(i, _=None):
    return i * i


def dies_once(i, folder):
    """The third job kills its worker, the first time that it is begun."""
    mark = os.path.join(folder, "died")
    if i == 3 and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return i * i


def dies(i):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_all_jobs_come_back_with_their_numbers(n_jobs, backend):
    with joblib.parallel_config(backend=backend):
        found = dict(finished_jobs(square, ((i,) for i in range(20)), n_jobs=n_jobs))
    assert found == {i: i * i for i in range(20)}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nobody is killed here")
def test_a_killed_worker_s_job_is_begun_again(tmp_path):
    arguments = [(i, str(tmp_path)) for i in range(12)]
    with pytest.warns(UserWarning, match="worker process was killed"):
        found = list(finished_jobs(dies_once, arguments, n_jobs=2))
    assert sorted(found) == [(i, i * i) for i in range(12)]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nobody is killed here")
def test_a_job_that_kills_each_worker_ends_in_the_error_of_joblib():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match=r"terminated|killed"):
            list(finished_jobs(dies, [(i,) for i in range(3)], n_jobs=2))


def test_arguments_are_made_when_they_are_wanted_and_not_kept():
    tracemalloc.start()
    big = ((i, np.zeros(250_000)) for i in range(200))
    for i, result in finished_jobs(square, big):
        assert result == i * i
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2_000_000


@pytest.mark.parametrize("n", [0, 1, 5, 64, 65])
@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3])
@pytest.mark.parametrize("most", [None, 1, 10])
def test_chunks_are_few_and_keep_all_workers_at_work(n, n_jobs, most):
    items = list(range(n))
    parts = chunks(items, n_jobs, most=most)
    assert [item for part in parts for item in part] == items
    assert all(parts)
    assert most is None or max(map(len, parts), default=0) <= most
    assert most is not None or len(parts) <= (n_jobs or 1)
    assert len(parts) >= min(n, 2) or n_jobs in (None, 1)
