"""Time one gradient step on our engine and on its peers, side by side in one run.

    python benchmarks/gradient_step.py [--python OTHER] [--sizes 4x32x2 8x64x2 ...]

Every engine runs in a process of its own with one thread (``--threads``), on the same numbers;
gradients are compared before times are. Engines that are not installed are skipped with a
line that says so; ``--python`` names an interpreter that has them (with scikit-learn, qiskit
and this package on its path). Our engine runs first and last, which shows how steady the
machine was. The table and ``results/gradient_step.json`` give medians and minima.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SIZES = ("4x32x2", "8x64x2", "10x64x2", "12x64x4")
GOALS = {
    "qiskit-machine-learning": 2000,
    "the better of pennylane": 15,
    "jax complex64": 2,
}
_PACKAGES = (
    "numpy",
    "qiskit",
    "qiskit-machine-learning",
    "qiskit-algorithms",
    "pennylane",
    "pennylane-lightning",
    "torch",
    "jax",
    "squlearn",
)


def numbers(n_qubits, batch, n_layers):
    """Return inputs, weights and cotangent, the same for every engine."""
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(batch, n_qubits)),
        rng.normal(size=3 * n_qubits * n_layers),
        rng.normal(size=(batch, n_qubits)),
    )


def work(engine, n_qubits, batch, n_layers, seconds):
    """Run in the engine's own process: print its times and gradients as JSON."""
    from _gradient_engines import ENGINES

    build, _, _ = ENGINES[engine]
    inputs, weights, cotangent = numbers(n_qubits, batch, n_layers)
    step, compiling = build(n_qubits, n_layers)
    result = {}
    for need_inputs, name in ((False, "w"), (True, "wx")):
        start = time.perf_counter()
        d_weights, d_inputs = step(inputs, weights, cotangent, need_inputs)
        first = time.perf_counter() - start
        times = []
        while len(times) < 3 or (sum(times) < seconds and len(times) < 400):
            if times and sum(times) > 4 * seconds:
                break
            start = time.perf_counter()
            step(inputs, weights, cotangent, need_inputs)
            times.append(time.perf_counter() - start)
        result[name] = {
            "median_ms": 1e3 * float(np.median(times)),
            "min_ms": 1e3 * float(np.min(times)),
            "repeats": len(times),
            "first_ms": 1e3 * first,
        }
    result["compile_s"] = sum(compiling.values()) if isinstance(compiling, dict) else compiling
    gradients = np.concatenate([np.ravel(d_weights), np.ravel(d_inputs)]).astype(float)
    result["gradients"] = gradients.tolist()
    print(json.dumps(result))


def measure(engine, size, arguments):
    """Return an engine's result at a size, or a string that says why there is none."""
    environment = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join([str(HERE.parent), str(HERE)]),
        XLA_FLAGS=f"--xla_cpu_multi_thread_eigen={'false' if arguments.threads == 1 else 'true'}"
        f" intra_op_parallelism_threads={arguments.threads}",
        **{
            f"{library}_NUM_THREADS": str(arguments.threads)
            for library in ("OMP", "OPENBLAS", "MKL")
        },
        PYTHONWARNINGS="ignore",
    )
    command = [arguments.python, __file__, "--worker", engine, "--sizes", size]
    command += ["--seconds", str(arguments.seconds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def installed(module, python):
    """Whether the other interpreter finds a module."""
    if module == "skqmu" or python == sys.executable:
        return module == "skqmu" or find_spec(module) is not None
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def versions(python):
    """Return the versions of what took part."""
    if python == sys.executable:
        found = {}
        for package in _PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found
    code = (
        "import json\nfrom importlib.metadata import version, PackageNotFoundError\nfound = {}\n"
        f"for p in {_PACKAGES!r}:\n    try: found[p] = version(p)\n"
        "    except PackageNotFoundError: pass\nprint(json.dumps(found))"
    )
    return json.loads(subprocess.check_output([python, "-c", code], text=True))


def run_size(size, arguments, engines):
    """Measure all engines at a size; return the results by name."""
    n_qubits, batch, n_layers = map(int, size.split("x"))
    print(f"\n{n_qubits} qubits, batch {batch}, {n_layers} layers")
    print(f"{'engine':26}{'W ms':>10}{'W+X ms':>10}{'min':>10}{'ratio':>9}{'compile s':>11}")
    results, reference = {}, None
    for name in [*engines, "skqmu again"]:
        engine = name.removesuffix(" again")
        _, module, largest = engines[engine]
        if not installed(module, arguments.python):
            print(f"{name:26}  skipped: {module} is not installed")
            continue
        if n_qubits > largest:
            print(f"{name:26}  skipped: a step of {n_qubits} qubits takes minutes")
            continue
        result = measure(engine, size, arguments)
        if isinstance(result, str):
            print(f"{name:26}  {result}")
            continue
        gradients = np.array(result.pop("gradients"))
        reference = gradients if reference is None else reference
        error = float(np.abs(gradients - reference).max() / np.abs(reference).max())
        if error > 1e-4:
            raise SystemExit(f"{name}: gradients differ by {error:.1e}; no time is comparable.")
        results[name] = result | {"relative_difference": error}
        ours = results["skqmu"]["wx"]["median_ms"]
        print(
            f"{name:26}{result['w']['median_ms']:10.2f}{result['wx']['median_ms']:10.2f}"
            f"{result['wx']['min_ms']:10.2f}{result['wx']['median_ms'] / ours:9.1f}"
            f"{result['compile_s']:11.2f}"
        )
    return results


def ratios(results):
    """Return how many times longer than ours the step takes, weights and inputs."""
    ours = results["skqmu"]["wx"]["median_ms"]
    found = {name: r["wx"]["median_ms"] / ours for name, r in results.items() if name != "skqmu"}
    lanes = [found[name] for name in found if name.startswith("pennylane")]
    if lanes:
        found["the better of pennylane"] = min(lanes)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="qubits x batch x layers")
    parser.add_argument("--engines", nargs="+", help="only these")
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each measurement")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "gradient_step.json")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        n_qubits, batch, n_layers = map(int, arguments.sizes[0].split("x"))
        work(arguments.worker, n_qubits, batch, n_layers, arguments.seconds)
        return
    from _gradient_engines import ENGINES

    engines = {
        name: engine
        for name, engine in ENGINES.items()
        if name == "skqmu" or arguments.engines is None or name in arguments.engines
    }
    report = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cpus": os.cpu_count(),
        },
        "threads": arguments.threads,
        "versions": versions(arguments.python),
        "goals": GOALS,
        "sizes": {},
    }
    for size in arguments.sizes:
        results = run_size(size, arguments, engines)
        report["sizes"][size] = {"engines": results, "ratios": ratios(results)}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {arguments.out}")


if __name__ == "__main__":
    main()
