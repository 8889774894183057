"""The models of `ensembles.py` in JAX: hand-written, jitted, ``vmap`` over models.

Each qubit's gate is a 2 x 2 matrix, the start a product state, the CX of a layer one gather; an
epoch's steps are a ``lax.scan``. Nothing is validated, watched or kept: a training is its steps.
"""

import time

import numpy as np
from qiskit.quantum_info import SparsePauliOp

# Of what reverse mode keeps of a pass: more models go through one after another. Larger chunks
# took up to twice as long a model.
_TAPE_BYTES = 2**26


def layers_of(circuit, weights):
    """Weights (n_layers, n_qubits, 3) of the U gates, and the order behind each layer's CX."""
    n_qubits = circuit.num_qubits
    place = {weight: number for number, weight in enumerate(weights)}
    gates, orders, here = [], [], np.arange(2**n_qubits)
    for instruction in circuit.data:
        qubits = [circuit.find_bit(bit).index for bit in instruction.qubits]
        name = instruction.operation.name
        if name == "u":
            gates.append((qubits[0], [place[p] for p in instruction.operation.params]))
        elif name == "cx":
            control, target = qubits
            index = np.arange(2**n_qubits)
            orders.append(index ^ ((index >> control & 1) << target))
        elif name != "ry":
            raise ValueError(f"gate {name!r} is none of this benchmark's")
    angles = np.empty((len(gates) // n_qubits, n_qubits, 3), dtype=int)
    for number, (qubit, places) in enumerate(gates):
        angles[number // n_qubits, qubit] = places
    joined = []
    for first in range(0, len(orders), n_qubits):
        here = orders[first]
        for order in orders[first + 1 : first + n_qubits]:
            here = here[order]
        joined.append(here)
    return angles, joined


def signs_of(observables, n_qubits):
    """Eigenvalues of diagonal observables, shape (n_observables, 2**n_qubits)."""
    bits = (np.arange(2**n_qubits)[:, None] >> np.arange(n_qubits)) & 1
    rows = []
    for observable in observables:
        (pauli,) = SparsePauliOp(observable).paulis
        if pauli.x.any():
            raise ValueError(f"observable {pauli} is not diagonal")
        rows.append((-1.0) ** (bits @ pauli.z))
    return np.array(rows)


def chunk_of(n_models, batch_size, n_qubits, n_layers, itemsize):
    """Models that go through ``vmap`` together."""
    tape = batch_size * 2**n_qubits * itemsize * 3 * n_layers * n_qubits
    return int(max(1, min(n_models, _TAPE_BYTES // tape)))


class JaxModels:
    """Trainings of one design.

    Parameters
    ----------
    design : circuit, inputs, weights
    observables : list of SparsePauliOp
    bounds : ndarray of shape (n_qubits,)
        Of the input scale.
    double : bool
        complex128 and float64.
    """

    def __init__(self, design, observables, bounds, *, n_classes, learning_rate, double):
        import jax

        jax.config.update("jax_enable_x64", double)
        self.double = double
        self.n_qubits = design.circuit.num_qubits
        self.angles, self.orders = layers_of(design.circuit, design.weights)
        self.signs = signs_of(observables, self.n_qubits)
        self.bounds, self.n_classes, self.rate = bounds, n_classes, learning_rate
        self._compiled = {}

    def _loss(self, params, X, Y):
        import jax
        import jax.numpy as jnp

        n, n_outputs = self.n_qubits, len(self.signs)
        scale, weights, head = jnp.split(params, [n, n + self.angles.size])
        kernel, bias = jnp.split(head, [n_outputs * self.n_classes])
        turns = weights[self.angles]
        c, s = jnp.cos(turns[..., 0] / 2), jnp.sin(turns[..., 0] / 2)
        phi, lam = jnp.exp(1j * turns[..., 1]), jnp.exp(1j * turns[..., 2])
        gates = jnp.stack([c + 0j, -lam * s, phi * s, phi * lam * c], -1)
        gates = gates.reshape(*turns.shape[:2], 2, 2)

        def one(x):
            u = x * jnp.exp(3.0 * scale) / self.bounds
            half = self.bounds * u / (1 + jnp.abs(u)) / 2
            vectors = jnp.stack([jnp.cos(half), jnp.sin(half)], -1)
            vectors = jnp.einsum("qij,qj->qi", gates[0], vectors)
            state = vectors[n - 1]
            for q in range(n - 2, -1, -1):
                state = jnp.outer(state, vectors[q]).ravel()
            state = state[self.orders[0]]
            for layer, order in zip(gates[1:], self.orders[1:], strict=True):
                for q in range(n):
                    split = state.reshape(-1, 2, 2**q)
                    state = jnp.einsum("ij,ajb->aib", layer[q], split).ravel()
                state = state[order]
            values = self.signs.astype(x.dtype) @ (state.real**2 + state.imag**2)
            return values @ kernel.reshape(n_outputs, self.n_classes) + bias

        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(jax.vmap(one)(X)), -1))

    def _train(self, params, X, Y, batches):
        """Adam over batches of rows (n_steps, B); returns parameters and losses."""
        import jax
        import jax.numpy as jnp

        def step(carry, rows):
            params, first, second, n_steps = carry
            loss, gradient = jax.value_and_grad(self._loss)(params, X[rows], Y[rows])
            n_steps += 1
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            scale = jnp.sqrt(second / (1 - 0.999**n_steps)) + 1e-8
            params = params - self.rate * first / (1 - 0.9**n_steps) / scale
            return (params, first, second, n_steps), loss

        zero = jnp.zeros_like(params)
        start = (params, zero, zero, jnp.zeros((), params.dtype))
        (params, *_), losses = jax.lax.scan(step, start, batches)
        return params, losses

    def trained(self, params, X, Y, batches):
        """Train M models.

        Parameters
        ----------
        params : ndarray of shape (M, n_parameters)
        X, Y : ndarray of shape (M, n, n_features), (M, n, C)
        batches : ndarray of int of shape (M, n_steps, B)

        Returns
        -------
        losses : ndarray of shape (M, n_steps)
        seconds, compiling : float
            Of this process's CPU time.
        size : int
            Models that went through at once.
        """
        import jax

        real = np.float64 if self.double else np.float32
        n_models, _, batch_size = batches.shape
        itemsize = 16 if self.double else 8
        size = chunk_of(n_models, batch_size, self.n_qubits, len(self.angles), itemsize)
        data = [np.asarray(array, real) for array in (params, X, Y)]
        # As many in each: another size would have to be compiled, too.
        firsts = [min(first, n_models - size) for first in range(0, n_models, size)]
        parts = [[a[f : f + size] for a in (*data, batches)] for f in firsts]
        shapes = tuple(a.shape for a in parts[0])
        compiling = 0.0
        if shapes not in self._compiled:
            started = time.process_time()
            lowered = jax.jit(jax.vmap(self._train)).lower(*parts[0])
            self._compiled[shapes] = lowered.compile()
            compiling = time.process_time() - started
        started = time.process_time()
        found = [np.asarray(self._compiled[shapes](*part)[1]) for part in parts]
        seconds = time.process_time() - started
        # The last chunk may have begun within the one before.
        losses = np.empty((n_models, batches.shape[1]))
        for first, own in zip(firsts, found, strict=True):
            losses[first : first + size] = own
        return losses, seconds * n_models / (len(firsts) * size), compiling, size
