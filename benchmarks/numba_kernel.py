"""Would a compiled kernel be worth its dependency? The engine beside a kernel in numba.

Run from the root of the repository, in an environment that has numba (a minute)::

    python benchmarks/numba_kernel.py

writes ``benchmarks/results/numba_kernel.json``. The kernel is written for one circuit (RX, RY,
RZ of the inputs, then layers of RX, RY, RZ and a ring of CZ, all <Z>) and nothing else: one
record's state at a time, which fits the first-level cache up to 10 qubits, adjoint
differentiation with the three angles of a qubit from one 2 x 2 transition matrix. That is what
a compiled engine could reach at best. Same outputs, same gradients (compared to 1e-10), one
thread, complex128, the least of the repeats taken in turns. The library would add such a kernel
as an extra from 1.5 times on at 8 to 12 qubits.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables

RESULTS = Path(__file__).parent / "results" / "numba_kernel.json"
# Qubits, batch, layers.
SIZES = ((4, 32, 2), (8, 64, 2), (10, 64, 2), (12, 64, 4))
EARNS_ITS_KEEP = 1.5


@numba.njit(fastmath=True)
def _rotation(axis, angle, out):
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    out[0, 0], out[1, 1] = c, c
    out[0, 1], out[1, 0] = 0.0, 0.0
    if axis == 0:
        out[0, 1] = out[1, 0] = -1j * s
    elif axis == 1:
        out[0, 1], out[1, 0] = -s, s
    else:
        out[0, 0], out[1, 1] = c - 1j * s, c + 1j * s


@numba.njit(fastmath=True)
def _apply(psi, q, u):
    step = 1 << q
    a, b, c, d = u[0, 0], u[0, 1], u[1, 0], u[1, 1]
    for base in range(0, len(psi), 2 * step):
        for i in range(base, base + step):
            x, y = psi[i], psi[i + step]
            psi[i] = a * x + b * y
            psi[i + step] = c * x + d * y


@numba.njit(fastmath=True)
def _apply_both(phi, lam, q, u, moved):
    """Undo `u` on both states and return the transition matrix before that."""
    step = 1 << q
    t00 = t01 = t10 = t11 = 0j
    a, b = np.conj(u[0, 0]), np.conj(u[1, 0])
    c, d = np.conj(u[0, 1]), np.conj(u[1, 1])
    for base in range(0, len(phi), 2 * step):
        for i in range(base, base + step):
            x, y = phi[i], phi[i + step]
            v, w = lam[i], lam[i + step]
            cv, cw = np.conj(v), np.conj(w)
            t00 += x * cv
            t01 += x * cw
            t10 += y * cv
            t11 += y * cw
            phi[i], phi[i + step] = a * x + b * y, c * x + d * y
            lam[i], lam[i + step] = a * v + b * w, c * v + d * w
    moved[0, 0], moved[0, 1], moved[1, 0], moved[1, 1] = t00, t01, t10, t11


@numba.njit(fastmath=True)
def _product(a, b, out):
    for i in range(2):
        for j in range(2):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j]


@numba.njit(fastmath=True)
def _generator(axis, t):
    """Im tr(P t), the derivative by the angle of exp(-i angle P / 2)."""
    if axis == 0:
        return (t[0, 1] + t[1, 0]).imag
    if axis == 1:
        return (-1j * t[1, 0] + 1j * t[0, 1]).imag
    return (t[0, 0] - t[1, 1]).imag


@numba.njit(fastmath=True)
def step(X, w, cotangent, signs, n, n_layers):
    """Values (B, n), gradients for inputs (B, n) and weights; see the module's docstring."""
    size, n_rows = 1 << n, len(X)
    values, d_x, d_w = np.zeros((n_rows, n)), np.zeros((n_rows, n)), np.zeros(len(w))
    blocks = np.zeros((n_layers + 1, n, 2, 2), dtype=np.complex128)
    parts = np.zeros((3, 2, 2), dtype=np.complex128)
    u, t, tmp = np.zeros_like(parts[0]), np.zeros_like(parts[0]), np.zeros_like(parts[0])
    psi, lam = np.zeros(size, dtype=np.complex128), np.zeros(size, dtype=np.complex128)
    for layer in range(n_layers):
        for q in range(n):
            for axis in range(3):
                _rotation(axis, w[(layer * n + q) * 3 + axis], parts[axis])
            _product(parts[1], parts[0], tmp)
            _product(parts[2], tmp, blocks[layer + 1, q])
    for row in range(n_rows):
        psi[:] = 0
        psi[0] = 1
        for q in range(n):
            for axis in range(3):
                _rotation(axis, X[row, q], parts[axis])
            _product(parts[1], parts[0], tmp)
            _product(parts[2], tmp, blocks[0, q])
        for layer in range(n_layers + 1):
            for q in range(n):
                _apply(psi, q, blocks[layer, q])
            if layer:
                for i in range(size):
                    psi[i] *= signs[i]
        for i in range(size):
            p = psi[i].real ** 2 + psi[i].imag ** 2
            weight = 0.0
            for q in range(n):
                sign = 1.0 - 2.0 * ((i >> q) & 1)
                values[row, q] += sign * p
                weight += sign * cotangent[row, q]
            lam[i] = weight * psi[i]
        for layer in range(n_layers, -1, -1):
            if layer:
                for i in range(size):
                    psi[i] *= signs[i]
                    lam[i] *= signs[i]
            for q in range(n):
                _apply_both(psi, lam, q, blocks[layer, q], t)
                # From the last of the qubit's three rotations to the first: t -> R' t R.
                for axis in range(2, -1, -1):
                    if layer:
                        angle = w[((layer - 1) * n + q) * 3 + axis]
                        d_w[((layer - 1) * n + q) * 3 + axis] += _generator(axis, t)
                    else:
                        angle = X[row, q]
                        d_x[row, q] += _generator(axis, t)
                    _rotation(axis, -angle, u)
                    _product(u, t, tmp)
                    _rotation(axis, angle, u)
                    _product(tmp, u, t)
    return values, d_x, d_w


def ring(n):
    """Signs that the ring of CZ gives to each basis state."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return (-1.0) ** (bits * np.roll(bits, -1, axis=1)).sum(axis=1)


def least(functions, seconds):
    """Least time of each function, called in turns."""
    best = [np.inf] * len(functions)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for number, function in enumerate(functions):
            started = time.perf_counter()
            function()
            best[number] = min(best[number], time.perf_counter() - started)
    return best


def compare(n, batch, n_layers, seconds):
    """One size: milliseconds of both, and how far apart their results are."""
    qnn = build_circuit("angle_xyz", "rotations_cz", n_features=n, n_qubits=n, n_layers=n_layers)
    rng = np.random.default_rng(0)
    X = rng.uniform(-np.pi, np.pi, (batch, n))
    w = rng.uniform(-np.pi, np.pi, len(qnn.weights))
    cotangent = rng.normal(size=(batch, n))
    executable = StatevectorBackend().compile(
        qnn.circuit, z_observables(n), inputs=qnn.inputs, weights=qnn.weights
    )

    def engine():
        values, tape = executable.forward(X, w)
        return values, *executable.backward(tape, cotangent)

    def kernel():
        return step(X, w, cotangent, ring(n), n, n_layers)

    error = max(float(abs(a - b).max()) for a, b in zip(engine(), kernel(), strict=True))
    if error > 1e-10:
        raise AssertionError(f"the kernel and the engine differ by {error:.1e} at {n} qubits")
    ours, compiled = least([engine, kernel], seconds)
    return {
        "n_qubits": n,
        "batch": batch,
        "n_layers": n_layers,
        "engine_ms": 1e3 * ours,
        "kernel_ms": 1e3 * compiled,
        "engine_over_kernel": ours / compiled,
        "largest_difference": error,
    }


def main():
    """Run all sizes, write the JSON, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each size")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        rows = [compare(*size, arguments.seconds) for size in SIZES]
    result = {
        "command": "python benchmarks/numba_kernel.py",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "earns_its_keep": min(r["engine_over_kernel"] for r in rows if r["n_qubits"] >= 8)
        >= EARNS_ITS_KEEP,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    for row in rows:
        sys.stdout.write(
            f"{row['n_qubits']:2d} qubits, batch {row['batch']}, {row['n_layers']} layers: engine "
            f"{row['engine_ms']:.2f} ms, kernel {row['kernel_ms']:.2f} ms, ratio "
            f"{row['engine_over_kernel']:.2f}, difference {row['largest_difference']:.0e}\n"
        )


if __name__ == "__main__":
    main()
