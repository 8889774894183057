"""How near the statevector engine comes to this machine's limits, by qubits and batch.

    python benchmarks/engine_limit.py [--qubits 2 4 ... 16] [--batches 16 64 256]

Measured first, on the same one thread (``--threads``): the rate of a large complex matrix
product, and the bandwidth of a copy that fits no cache. Then, for each size, a gradient step
(weights and inputs; "strong" layers): its time, the share of the product rate that its
matrix products reach over the WHOLE step (everything else counts as waiting), and the share
of the bandwidth that its passes over states make up. Last, the cost law: a step should be
linear in batch and layers, and double with each qubit once arithmetic outweighs calls; and
the compilation of 10 qubits and 10 layers. Operations are counted from the compiled program
(`step_work`), not estimated from the circuit. Times are CPU seconds of the process, the
smallest of several repeats, so that other work on the machine does not count. Results go to
``results/engine_limit.json``.
"""

import argparse
import itertools
import json
import os
import platform
import time
from pathlib import Path

import numpy as np

from skqmu.backends import StatevectorBackend
from skqmu.backends._threads import limit_blas_threads
from skqmu.circuits import build_circuit, z_observables
from skqmu.circuits.lowering import BlockOp, JoinOp

HERE = Path(__file__).resolve().parent


def smallest(function, seconds=1.0, at_least=3):
    """Return the smallest CPU time of a call, after one call that does not count."""
    function()
    times = []
    while len(times) < at_least or (sum(times) < seconds and len(times) < 300):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def product_rate(size=512):
    """Return the rate of a complex128 matrix product in operations a second."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)) for _ in range(2))
    out = np.empty_like(a)
    return 8 * size**3 / smallest(lambda: np.matmul(a, b, out=out))


def copy_bandwidth(megabytes=256):
    """Return the bandwidth of a copy, bytes read and written a second."""
    source = np.ones(megabytes * 2**17)
    target = np.empty_like(source)
    return 2 * source.nbytes / smallest(lambda: np.copyto(target, source))


def step_work(program, batch):
    """Return (operations of matrix products, bytes of passes over states) of a step.

    Operations: `Program.operations`, three products for each block. Passes: a block reads and
    writes one state forward, and reads three and writes one back; a monomial reads and writes
    one each way; a join writes one and, back, reads one twice with two products written and
    summed; the readout squares a state and makes a costate of it.
    """
    passes = 0.0
    for op in program.ops:
        size = 2.0 ** program.widths[op.target] * batch
        if isinstance(op, BlockOp):
            passes += 6 * size
        elif isinstance(op, JoinOp):
            passes += 7 * size
        else:
            passes += 4 * size
    for group in program.readout:
        passes += 5 * 2.0 ** program.widths[group.slot] * batch
    return program.operations * batch, 16 * passes


def step_of(n_qubits, batch, n_layers, fusion="auto", dtype="complex128"):
    """Return ``(step, program)`` of a gradient step."""
    qnn = build_circuit(
        "angle_xyz", "strong", n_features=n_qubits, n_qubits=n_qubits, n_layers=n_layers
    )
    executable = StatevectorBackend(dtype, n_threads=None, fusion=fusion).compile(
        qnn.circuit, z_observables(n_qubits), inputs=qnn.inputs, weights=qnn.weights
    )
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(batch, n_qubits))
    weights = rng.normal(size=len(qnn.weights))
    cotangent = rng.normal(size=(batch, n_qubits))
    return lambda: executable.vjp(inputs, weights, cotangent), executable.program


def sizes_table(arguments, rate, bandwidth):
    """Measure every size; return the rows."""
    print(
        f"\n{'qubits':>6}{'batch':>7}{'ms':>10}{'GFlop/s':>9}{'of rate':>9}{'of copy':>9}  windows"
    )
    rows = []
    for n_qubits in arguments.qubits:
        for batch in arguments.batches:
            if 2**n_qubits * batch > arguments.largest:
                continue
            step, program = step_of(n_qubits, batch, arguments.layers)
            seconds = smallest(step, arguments.seconds)
            operations, traffic = step_work(program, batch)
            row = {
                "qubits": n_qubits,
                "batch": batch,
                "ms": 1e3 * seconds,
                "product_gflops": operations / seconds / 1e9,
                "share_of_product_rate": operations / seconds / rate,
                "share_of_bandwidth": traffic / seconds / bandwidth,
                "windows": [len(window) for window in program.summary["windows"]],
            }
            rows.append(row)
            print(
                f"{n_qubits:6}{batch:7}{row['ms']:10.2f}{row['product_gflops']:9.1f}"
                f"{row['share_of_product_rate']:9.0%}{row['share_of_bandwidth']:9.0%}"
                f"  {row['windows']}"
            )
    return rows


def fusion_table(arguments, rate):
    """Measure 10 qubits and batch 64 with every block width: what the cost model chose from."""
    print("\n10 qubits, batch 64, 2 layers, by largest block")
    rows = []
    for fusion in ("auto", 1, 2, 3, 4, 5, 6):
        step, program = step_of(10, 64, 2, fusion)
        seconds = smallest(step, arguments.seconds)
        operations, _ = step_work(program, 64)
        rows.append(
            {
                "fusion": fusion,
                "ms": 1e3 * seconds,
                "share_of_product_rate": operations / seconds / rate,
            }
        )
        print(f"{fusion!s:>6}{1e3 * seconds:9.2f} ms{operations / seconds / rate:8.0%} of the rate")
    return rows


def cost_law(arguments):
    """Measure growth with batch, layers and qubits; return the factors."""
    law = {"batch": {}, "layers": {}, "qubits": {}}
    for batch in (64, 128, 256, 512):
        law["batch"][batch] = smallest(step_of(10, batch, 2)[0], arguments.seconds)
    for n_layers in (2, 4, 8, 16):
        law["layers"][n_layers] = smallest(step_of(10, 64, n_layers)[0], arguments.seconds)
    for n_qubits in range(2, max(arguments.qubits) + 1):
        law["qubits"][n_qubits] = smallest(step_of(n_qubits, 16, 2)[0], arguments.seconds)
    print("\ncost law: factor of the time for each doubling (for each qubit)")
    for name, times in law.items():
        values = list(times.values())
        factors = [b / a for a, b in itertools.pairwise(values)]
        print(f"  {name:8}" + " ".join(f"{factor:.2f}" for factor in factors))
    return {name: {str(k): v for k, v in times.items()} for name, times in law.items()}


def compile_seconds():
    """Return the CPU seconds of compiling 10 qubits and 10 layers."""
    qnn = build_circuit("angle", "strong", n_features=10, n_qubits=10, n_layers=10)
    observables = z_observables(10)
    backend = StatevectorBackend()
    return smallest(
        lambda: backend.compile(qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--qubits", nargs="+", type=int, default=[2, 4, 6, 8, 10, 12, 14, 16])
    parser.add_argument("--batches", nargs="+", type=int, default=[16, 64, 256])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument(
        "--largest", type=int, default=2**21, help="amplitudes of the largest batch measured"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each measurement")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "engine_limit.json")
    arguments = parser.parse_args()
    with limit_blas_threads(arguments.threads):
        rate, bandwidth = product_rate(), copy_bandwidth()
        print(f"complex matrix product: {rate / 1e9:.1f} GFlop/s; copy: {bandwidth / 1e9:.1f} GB/s")
        report = {
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cpus": os.cpu_count(),
                "numpy": np.__version__,
            },
            "threads": arguments.threads,
            "layers": arguments.layers,
            "product_rate_gflops": rate / 1e9,
            "copy_gb_per_s": bandwidth / 1e9,
            "sizes": sizes_table(arguments, rate, bandwidth),
            "fusion_10_qubits_64": fusion_table(arguments, rate),
            "cost_law_seconds": cost_law(arguments),
            "compile_10_qubits_10_layers_ms": 1e3 * compile_seconds(),
        }
    print(f"compile, 10 qubits x 10 layers: {report['compile_10_qubits_10_layers_ms']:.0f} ms")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {arguments.out}")


if __name__ == "__main__":
    main()
