"""The processes of a study end with their parent, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from _study_pool import Processes

def here(seconds):
    time.sleep(seconds)
    return os.getpid()

if __name__ == "__main__":
    with Processes(int(sys.argv[2])) as processes:
        for pid in processes.finished([(here, 0.5), (here, 0.5), (here, float(sys.argv[3]))]):
            print(pid, flush=True)
"""


@pytest.fixture
def script(tmp_path):
    if not BENCHMARKS.exists():
        pytest.skip("the benchmarks are not beside the tests")
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return lambda *more: [sys.executable, str(path), str(BENCHMARKS), *more]


@pytest.mark.parametrize(("n_jobs", "n_processes"), [("1", 1), ("2", 2)])
def test_tasks_run_in_as_many_processes_as_are_asked_for(script, n_jobs, n_processes):
    done = subprocess.run(script(n_jobs, "0"), capture_output=True, text=True, check=True)
    pids = done.stdout.split()
    assert len(pids) == 3
    assert len(set(pids)) == n_processes


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_no_process_outlives_a_command_that_was_killed(script):
    run = subprocess.Popen(script("2", "60"), stdout=subprocess.PIPE, text=True)
    pids = {int(run.stdout.readline()) for _ in range(2)}
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not alive
