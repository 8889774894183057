"""What gradient steps add to the process's memory, as the operating system counts it."""

import subprocess
import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")
if not STATUS.exists():
    pytest.skip("the peak of one process is read from /proc", allow_module_level=True)

STEP = """
import re, sys
import numpy as np
from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables

def peak_bytes():
    # getrusage would tell the parent's peak, too: it survives fork and exec
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

n_qubits, batch, n_layers, limit = map(int, sys.argv[1:])
qnn = build_circuit(
    "angle_xyz", "strong", n_features=n_qubits, n_qubits=n_qubits, n_layers=n_layers
)
executable = StatevectorBackend(max_memory=limit).compile(
    qnn.circuit, z_observables(n_qubits), inputs=qnn.inputs, weights=qnn.weights
)
rng = np.random.default_rng(0)
inputs, weights = rng.normal(size=(batch, n_qubits)), rng.normal(size=len(qnn.weights))
np.ones((64, 64)) @ np.ones((64, 64))  # BLAS takes its buffers
before = peak_bytes()
executable.vjp(inputs, weights, np.ones((batch, n_qubits)))
print(peak_bytes() - before)
"""


def added_bytes(n_qubits, batch, n_layers, limit):
    """Return what a step in a fresh process adds to its peak resident memory."""
    root = Path(__file__).resolve().parents[2]
    sizes = map(str, (n_qubits, batch, n_layers, limit))
    done = subprocess.run(
        [sys.executable, "-c", STEP, *sizes], cwd=root, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_twelve_qubits_batch_64_and_four_layers_stay_under_400_mb():
    assert 0 < added_bytes(12, 64, 4, 2**30) < 400e6


def test_a_batch_beyond_the_memory_limit_is_chunked_within_it():
    """The limit is for states; BLAS and the angles' arrays get 40 MB beside it."""
    limit = 60 * 2**20
    assert 0 < added_bytes(12, 256, 4, limit) < limit + 40e6
    assert added_bytes(12, 256, 4, 2**30) > 2 * limit  # so much it would be without a limit


@pytest.mark.slow
def test_sixteen_qubits_and_batch_256_run_in_chunks_within_the_limit():
    limit = 200 * 2**20
    assert 0 < added_bytes(16, 256, 1, limit) < limit + 40e6


FIT = """
import re, sys
import numpy as np
from skqmu import QNNClassifier
from skqmu.backends import AerBackend, RuntimeBackend

def resident_bytes():
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

backend, n_steps = eval(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
X, y = rng.normal(size=(80, 2)), np.arange(80) % 2
clf = QNNClassifier(
    n_qubits=2, n_layers=1, batch_size=8, tol=0, n_iter_no_change=10**6, warm_start=True,
    random_state=0, backend=backend, max_iter=n_steps // 10,
).fit(X, y)  # simulators, caches, the allocator's own pools
before = resident_bytes()
clf.fit(X, y)
print(clf.fit_cost_["shots"], resident_bytes() - before)
"""


def growth(backend, n_steps):
    """Return how many bytes a sampled fit of so many steps adds, after one that was as long."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIT, backend, str(n_steps)],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    shots, added = map(int, done.stdout.split())
    assert shots > 0
    return added


def test_a_long_sampled_fit_holds_no_more_than_a_short_one():
    """300 steps; 3 MB of noise would still be 10 kB a step, 30 MB in 3000."""
    assert growth('AerBackend(shots=64, gradient="spsa")', 300) < 3e6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "n_steps"),
    [
        ('AerBackend(shots=64, gradient="parameter_shift")', 1500),
        ('AerBackend(shots=64, gradient="spsa")', 3000),
        ('AerBackend(shots=64, gradient="spsa", noise="fake_manila")', 300),
        ('RuntimeBackend("fake_manila", shots=64, gradient="spsa")', 60),
    ],
)
def test_thousands_of_steps_leave_the_memory_flat(backend, n_steps):
    assert growth(backend, n_steps) < 20e6
