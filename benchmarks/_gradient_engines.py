"""The same gradient step on several engines: ours, and peers as they are meant to be used.

The circuit: RX, RY, RZ of a feature on each qubit; layers of RX, RY, RZ with weights and a CZ
ring; <Z> on every qubit. The step: from inputs, weights and a cotangent to the gradients of
``sum(cotangent * <Z>)`` by weights and inputs. Each engine is a function that builds its
circuit and returns a step; what it imports, it imports itself.
"""

import os
import time

import numpy as np

__all__ = ["ENGINES", "ring"]


def ring(n_qubits):
    """Pairs of the CZ ring; on two qubits one pair."""
    pairs = [(q, q + 1) for q in range(n_qubits - 1)]
    return [*pairs, (n_qubits - 1, 0)] if n_qubits > 2 else pairs


def _named_circuit(n_qubits, n_layers):
    from skqmu.circuits import build_circuit

    return build_circuit(
        "angle_xyz", "rotations_cz", n_features=n_qubits, n_qubits=n_qubits, n_layers=n_layers
    )


def _skqmu(n_qubits, n_layers, dtype="complex128"):
    from skqmu.backends import StatevectorBackend
    from skqmu.circuits import z_observables

    start = time.perf_counter()
    qnn = _named_circuit(n_qubits, n_layers)
    executable = StatevectorBackend(dtype).compile(
        qnn.circuit, z_observables(n_qubits), inputs=qnn.inputs, weights=qnn.weights
    )
    compile_seconds = time.perf_counter() - start

    def step(inputs, weights, cotangent, need_inputs):
        _, tape = executable.forward(inputs, weights)
        d_inputs, d_weights = executable.backward(tape, cotangent, need_inputs=need_inputs)
        return d_weights, d_inputs

    return step, compile_seconds


def _skqmu_single(n_qubits, n_layers):
    return _skqmu(n_qubits, n_layers, "complex64")


def _jax(n_qubits, n_layers, double=False):
    """Hand-written and jitted: each qubit's rotations are one 2 x 2 matrix, CZ one product."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", double)
    bits = (np.arange(2**n_qubits)[:, None] >> np.arange(n_qubits)) & 1
    signs = jnp.asarray(
        np.prod([(-1.0) ** (bits[:, a] * bits[:, b]) for a, b in ring(n_qubits)], 0)
    )
    z = jnp.asarray((1.0 - 2.0 * bits).T)

    def rotation(angles):
        """RZ RY RX of the last axis, shape (..., 2, 2)."""
        c, s = jnp.cos(angles / 2), jnp.sin(angles / 2)
        rx = jnp.stack([c[..., 0], -1j * s[..., 0], -1j * s[..., 0], c[..., 0]], -1)
        ry = jnp.stack([c[..., 1], -s[..., 1], s[..., 1], c[..., 1]], -1)
        phase = c[..., 2] + 1j * s[..., 2]
        rz = jnp.stack([phase.conj(), phase], -1)
        shape = (*angles.shape[:-1], 2, 2)
        return rz[..., None] * (ry.reshape(shape) @ rx.reshape(shape))

    def one(features, weights):
        vectors = rotation(jnp.stack([features] * 3, -1))[..., 0]
        state = vectors[n_qubits - 1]
        for q in range(n_qubits - 2, -1, -1):
            state = jnp.outer(state, vectors[q]).ravel()
        for layer in rotation(weights.reshape(n_layers, n_qubits, 3)):
            for q in range(n_qubits):
                split = state.reshape(-1, 2, 2**q)
                state = jnp.einsum("ij,ajb->aib", layer[q], split).ravel()
            state = state * signs
        return z @ (state.real**2 + state.imag**2)

    def loss(weights, inputs, cotangent):
        return jnp.sum(cotangent * jax.vmap(one, (0, None))(inputs, weights))

    both, alone = jax.jit(jax.grad(loss, (0, 1))), jax.jit(jax.grad(loss))
    compiled = {}

    def step(inputs, weights, cotangent, need_inputs):
        if need_inputs not in compiled:
            start = time.perf_counter()
            (both if need_inputs else alone)(weights, inputs, cotangent)
            compiled[need_inputs] = time.perf_counter() - start
        result = (both if need_inputs else alone)(weights, inputs, cotangent)
        result = result if need_inputs else (result, None)
        return tuple(None if r is None else np.asarray(r) for r in result)

    return step, compiled


def _jax_double(n_qubits, n_layers):
    return _jax(n_qubits, n_layers, double=True)


def _pennylane(n_qubits, n_layers, device, diff_method):
    import pennylane as qml
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

    @qml.qnode(qml.device(device, wires=n_qubits), interface="torch", diff_method=diff_method)
    def circuit(inputs, weights):
        for q in range(n_qubits):
            for gate in (qml.RX, qml.RY, qml.RZ):
                gate(inputs[:, q], wires=q)
        for layer in range(n_layers):
            for q in range(n_qubits):
                for axis, gate in enumerate((qml.RX, qml.RY, qml.RZ)):
                    gate(weights[layer, q, axis], wires=q)
            for pair in ring(n_qubits):
                qml.CZ(wires=pair)
        return [qml.expval(qml.PauliZ(q)) for q in range(n_qubits)]

    def step(inputs, weights, cotangent, need_inputs):
        x = torch.tensor(inputs, requires_grad=need_inputs)
        w = torch.tensor(weights.reshape(n_layers, n_qubits, 3), requires_grad=True)
        values = torch.stack(list(circuit(x, w)), dim=-1)
        (values * torch.as_tensor(cotangent)).sum().backward()
        return w.grad.numpy().ravel(), x.grad.numpy() if need_inputs else None

    return step, 0.0


def _pennylane_broadcast(n_qubits, n_layers):
    return _pennylane(n_qubits, n_layers, "default.qubit", "backprop")


def _pennylane_lightning(n_qubits, n_layers):
    return _pennylane(n_qubits, n_layers, "lightning.qubit", "adjoint")


def _estimator_qnn(n_qubits, n_layers):
    from qiskit.primitives import StatevectorEstimator
    from qiskit_algorithms.gradients import ReverseEstimatorGradient
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    from skqmu.circuits import z_observables

    qnn = _named_circuit(n_qubits, n_layers)
    network = EstimatorQNN(
        circuit=qnn.circuit,
        estimator=StatevectorEstimator(),
        observables=z_observables(n_qubits),
        input_params=qnn.inputs,
        weight_params=qnn.weights,
        gradient=ReverseEstimatorGradient(),
        default_precision=0.0,
    )

    def step(inputs, weights, cotangent, need_inputs):
        network.input_gradients = need_inputs
        d_inputs, d_weights = network.backward(inputs, weights)
        d_weights = np.einsum("bm,bmw->w", cotangent, np.asarray(d_weights))
        if need_inputs:
            d_inputs = np.einsum("bm,bmd->bd", cotangent, np.asarray(d_inputs))
        return d_weights, d_inputs if need_inputs else None

    return step, 0.0


def _squlearn(n_qubits, n_layers):
    from squlearn import Executor
    from squlearn.encoding_circuit import QiskitEncodingCircuit
    from squlearn.observables import SinglePauli
    from squlearn.qnn.lowlevel_qnn import LowLevelQNN

    circuit = QiskitEncodingCircuit(_named_circuit(n_qubits, n_layers).circuit, parameter_label="w")
    observables = [SinglePauli(n_qubits, q, "Z") for q in range(n_qubits)]
    network = LowLevelQNN(circuit, observables, Executor("qulacs"), n_qubits, caching=False)

    def step(inputs, weights, cotangent, need_inputs):
        wanted = ("dfdp", "dfdx") if need_inputs else ("dfdp",)
        result = network.evaluate(inputs, weights, np.array([]), *wanted)
        d_weights = np.einsum("bm,bmw->w", cotangent, result["dfdp"])
        d_inputs = np.einsum("bm,bmd->bd", cotangent, result["dfdx"]) if need_inputs else None
        return d_weights, d_inputs

    return step, 0.0


# name: (build, module that must be installed, largest register that ends within minutes)
ENGINES = {
    "skqmu": (_skqmu, "skqmu", 20),
    "skqmu complex64": (_skqmu_single, "skqmu", 20),
    "jax complex64": (_jax, "jax", 20),
    "jax complex128": (_jax_double, "jax", 20),
    "pennylane broadcast": (_pennylane_broadcast, "pennylane", 12),
    "pennylane lightning": (_pennylane_lightning, "pennylane_lightning", 10),
    "squlearn qulacs": (_squlearn, "squlearn", 8),
    "qiskit-machine-learning": (_estimator_qnn, "qiskit_machine_learning", 8),
}
