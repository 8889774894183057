"""One training step by parameter shift on Aer: ours in one PUB, and qiskit-machine-learning's.

Same circuit, same batch, same process, one thread each: values of all <Z> and the gradient of
every weight for each record of the batch. The peer is `EstimatorQNN` with
`ParamShiftEstimatorGradient` on `qiskit_aer.primitives.EstimatorV2`; ours is `AerBackend` with
``gradient="parameter_shift"``, exact on the same primitive, and with 1024 shots. (The peer's
precision of 1/32 stands for 1024 shots; Aer then adds normal noise of that width to the exact
value, ours draws outcomes.)

    python benchmarks/sampled_gradient.py [--repeats 3] [--qubits 4] [--batch 32]

prints a table and writes results/sampled_gradient.json. Times are the least of the repeats,
taken alternately; CPU seconds beside wall seconds tell whether something else was running.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.circuits import build_circuit, z_observables

SHOTS = 1024


def problem(n_qubits, batch):
    """Circuit, observables, inputs and weights of the step."""
    qnn = build_circuit(
        "angle_xyz", "rotations_cz", n_features=n_qubits, n_qubits=n_qubits, n_layers=2
    )
    rng = np.random.default_rng(0)
    X = rng.uniform(-np.pi, np.pi, (batch, n_qubits))
    return qnn, z_observables(n_qubits), X, rng.uniform(-np.pi, np.pi, len(qnn.weights))


def ours(qnn, observables, X, w, backend):
    """Step that returns values and the gradient of their sum."""
    executable = backend.compile(qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights)

    def step():
        values, tape = executable.forward(X, w)
        _, gradient = executable.backward(tape, np.ones_like(values), need_inputs=False)
        return values, gradient

    return step


def theirs(qnn, observables, X, w, precision):
    """The same step by qiskit-machine-learning."""
    from qiskit_aer.primitives import EstimatorV2
    from qiskit_machine_learning.gradients import ParamShiftEstimatorGradient
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    estimator = EstimatorV2(
        options={
            "default_precision": precision,
            "backend_options": {"max_parallel_threads": 1},
            "run_options": {"seed_simulator": 1},
        }
    )
    network = EstimatorQNN(
        circuit=qnn.circuit,
        observables=observables,
        input_params=qnn.inputs,
        weight_params=qnn.weights,
        estimator=estimator,
        gradient=ParamShiftEstimatorGradient(estimator),
        default_precision=precision,
    )

    def step():
        values = network.forward(X, w)
        _, jacobian = network.backward(X, w)
        return values, jacobian.sum(axis=(0, 1))

    return step


def measure(steps, repeats):
    """Least wall and CPU seconds of each step, taken alternately."""
    times = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: {"wall_s": min(w for w, _ in pairs), "cpu_s": min(c for _, c in pairs)}
        for name, pairs in times.items()
    }


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--qubits", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    given = problem(arguments.qubits, arguments.batch)
    shift = "parameter_shift"
    steps = {
        "theirs, exact": theirs(*given, 0.0),
        "ours, exact": ours(*given, AerBackend(gradient=shift)),
        f"theirs, precision 1/{int(SHOTS**0.5)}": theirs(*given, SHOTS**-0.5),
        f"ours, {SHOTS} shots": ours(*given, AerBackend(shots=SHOTS, seed=0, gradient=shift)),
    }
    for name in list(steps)[1::2]:
        steps[name]()  # warm up: imports, simulators
    reference = ours(*given, StatevectorBackend())()
    names = list(steps)
    checks = {name: float(abs(steps[name]()[1] - reference[1]).max()) for name in names[:2]}
    with threadpool_limits(1):
        found = measure(steps, arguments.repeats)
    ratios = {
        kind: {
            clock: found[names[i]][clock] / found[names[i + 1]][clock]
            for clock in ("wall_s", "cpu_s")
        }
        for kind, i in (("exact", 0), ("sampled", 2))
    }
    result = {
        "n_qubits": arguments.qubits,
        "batch": arguments.batch,
        "n_weights": len(given[0].weights),
        "circuits_a_step": arguments.batch * (1 + 2 * len(given[0].weights)),
        "repeats": arguments.repeats,
        "python": platform.python_version(),
        "processor_count": os.cpu_count(),
        "seconds": found,
        "times_faster": ratios,
        "largest_gradient_error": checks,
    }
    for name, clocks in found.items():
        print(f"{name:24s} wall {clocks['wall_s']:8.3f} s   cpu {clocks['cpu_s']:8.3f} s")
    for kind, clocks in ratios.items():
        print(f"{kind}: {clocks['cpu_s']:.0f} times faster (CPU), {clocks['wall_s']:.0f} (wall)")
    path = Path(__file__).parent / "results" / "sampled_gradient.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
