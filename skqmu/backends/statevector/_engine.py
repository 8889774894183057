"""The exact backend: state vectors of a whole batch, adjoint gradients, in chunks."""

import weakref
from itertools import pairwise
from numbers import Integral

import numpy as np

from ..._validation import check_choice
from ...circuits.lowering import check_width, compile_program, parameter_lists
from .._contract import BaseBackend, Executable
from .._threads import limit_blas_threads
from ._gatewise import GateByGate
from ._passes import KEPT_WORKSPACES, Engine

__all__ = ["StatevectorBackend"]

_DTYPES = ("complex64", "complex128")
# A chunk's state stays in the outer cache, but is wide enough to keep BLAS busy.
_CHUNK_BYTES = 2**22
_CHUNK_ROWS = 16
# What a chunk of many models keeps for `backward` stays about in a core's own cache where that
# leaves enough of them to share the calls, else in the outer one. A few chunks share the calls
# that no record takes part in.
_NEAR_BYTES, _FAR_BYTES, _FEW_MODELS, _KEPT_BYTES = 3 * 2**19, 2**24, 16, 2**26


class StatevectorBackend(BaseBackend):
    """Exact expectation values and adjoint gradients, by NumPy.

    The batch is one array. Neighbouring gates fuse into matrices on a few qubits, chosen by
    cost; the gradient is the adjoint method on the same operations (Jones & Gacon 2020,
    arXiv 2009.02823), with one reduced transition matrix a block, from which all its
    parameters' derivatives follow.

    Parameters
    ----------
    dtype : {"complex128", "complex64"}, default="complex128"
        Precision of the states. Angles and gate matrices are always double.
    n_threads : int or None, default=1
        BLAS threads while the backend works; None leaves BLAS alone. The default leaves
        parallelism to ``n_jobs`` and gives the same numbers for every ``n_jobs``.
    max_memory : int, default=2**30
        Bytes that states may take. A batch that needs more is worked off in chunks.
    chunk_size : int or None, default=None
        Records a chunk; None chooses by cache and memory.
    fusion : {"auto", "none"} or int, default="auto"
        ``"auto"`` chooses the blocks by cost, an integer is the largest number of qubits of
        a block, ``"none"`` runs gate by gate.

    Notes
    -----
    Results do not depend on the chunking beyond rounding (1e-12). A live array is never
    part of the backend: it pickles and clones as its parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit.quantum_info import SparsePauliOp
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.circuits import build_circuit
    >>> circuit, x, w = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> run = StatevectorBackend().compile(
    ...     circuit, [SparsePauliOp("IZ"), SparsePauliOp("ZI")], inputs=x, weights=w
    ... )
    >>> run.expectations(np.zeros((1, 2)), np.zeros(6))
    array([[1., 1.]])
    """

    def __init__(
        self, dtype="complex128", *, n_threads=1, max_memory=2**30, chunk_size=None, fusion="auto"
    ):
        self.dtype = dtype
        self.n_threads = n_threads
        self.max_memory = max_memory
        self.chunk_size = chunk_size
        self.fusion = fusion

    def session(self):
        """Return a context manager that holds BLAS at `n_threads` threads."""
        return limit_blas_threads(self.n_threads)

    def compile(self, circuit, observables, *, inputs, weights):
        self._check()
        dtype = np.dtype(self.dtype)
        check_width(circuit, dtype.itemsize, self.max_memory)
        program = compile_program(
            circuit, observables, **parameter_lists(inputs, weights), fusion=self.fusion
        )
        return StatevectorExecutable(
            program, dtype, self.n_threads, self.max_memory, self.chunk_size
        )

    def _check(self):
        check_choice("dtype", str(self.dtype), _DTYPES)
        for name in ("n_threads", "chunk_size", "max_memory"):
            value = getattr(self, name)
            none_allowed = name != "max_memory"
            if not (value is None and none_allowed) and not (
                isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
            ):
                raise ValueError(
                    f"{name}={value!r} must be an integer >= 1{' or None' * none_allowed}."
                )
        if isinstance(self.fusion, str) or not isinstance(self.fusion, Integral):
            check_choice("fusion", self.fusion, ("auto", "none"))
        elif not 1 <= self.fusion <= 12:
            raise ValueError(f"fusion={self.fusion!r}: the largest block has 1 to 12 qubits.")


class _Tape:
    """What a backward pass needs: angles, matrices, and each chunk's states or its rows."""

    def __init__(self, angles, matrices, blocks, shared, sampled, squeeze):
        self.angles = angles
        self.matrices = matrices
        self.blocks = blocks
        self.shared = shared
        self.sampled = sampled
        self.squeeze = squeeze
        self.runs = {}


class StatevectorExecutable(Executable):
    """A compiled circuit on the statevector engine.

    Attributes
    ----------
    program : Program
        ``program.describe()`` shows the fusion choice.
    """

    takes_models = True

    def __init__(self, program, dtype, n_threads, max_memory, chunk_size):
        self.program = program
        self.n_qubits = program.n_qubits
        self.n_inputs = program.angles.n_inputs
        self.n_weights = program.angles.n_weights
        self.n_outputs = program.n_outputs
        self.weight_periods = program.weight_periods
        self.dtype = dtype
        self.n_threads = n_threads
        self.max_memory = max_memory
        self.chunk_size = chunk_size
        # A record's largest state; and all that a kept forward pass and its backward pass
        # take: every slot, two costates and the squares.
        self._state_bytes = dtype.itemsize * 2 ** max(program.widths, default=0)
        self._record_bytes = dtype.itemsize * program.amplitudes() + 3 * self._state_bytes
        self._engine = Engine(program, dtype, max_memory)
        self._gatewise = GateByGate(program)

    def models_at_once(self, n_rows):
        # Few enough for their rows to be one chunk, as they are when each is alone.
        model = max(1, n_rows) * self._record_bytes
        kept = int(min(_KEPT_BYTES, self.max_memory) // model)
        chunk = self._chunk_models(n_rows)
        # Where a chunk has room for one, its calls are nothing beside its arithmetic, and what
        # several keep until `backward` only leaves the cache.
        return max(1, min(kept, KEPT_WORKSPACES * chunk)) if chunk > 1 else 1

    def _chunk_models(self, n_rows):
        """Models a chunk."""
        model = max(1, n_rows) * self._record_bytes
        near = min(_NEAR_BYTES, self.max_memory) // model
        far = min(_FAR_BYTES, self.max_memory) // model
        return int(max(1, near, min(_FEW_MODELS, far)))

    def limit_threads(self):
        """Return a context manager that holds BLAS at the backend's number of threads."""
        return limit_blas_threads(self.n_threads)

    def forward(self, inputs, weights):
        return self._forward(inputs, weights, keep=True)

    def expectations(self, inputs, weights):
        return self._forward(inputs, weights, keep=False)[0]

    def _forward(self, inputs, weights, keep):
        inputs, weights = self._checked(inputs, weights)
        if (
            inputs.ndim > 3
            or weights.ndim > 2
            or (inputs.ndim == 3 and weights.ndim == 2 and len(inputs) != len(weights))
        ):
            raise ValueError(
                "models are the one leading axis of weights (M, n_weights) and, if they have rows "
                f"of their own, of inputs (M, B, n_inputs); got weights {weights.shape} and "
                f"inputs {inputs.shape}."
            )
        squeeze = weights.ndim == 1 and inputs.ndim == 2
        weights = np.atleast_2d(weights)
        with self.limit_threads():
            tape = self._prepared(inputs, weights, squeeze)
            lead, n_rows = len(tape.shared), tape.sampled.shape[-1]
            values = np.empty((lead, n_rows, self.n_outputs))
            keep = keep and lead * self._record_bytes * n_rows <= self.max_memory
            for models, rows in self._chunks(lead, n_rows):
                run = self._evolve(tape, models, rows, values)
                if keep:
                    tape.runs[models.start, rows.start] = run
                    # The buffers return when the tape is gone, or used up.
                    weakref.finalize(tape, self._engine.give, run)
                else:
                    self._engine.give(run)
        return values[0] if squeeze else values, tape

    def _prepared(self, inputs, weights, squeeze):
        """Evaluate what does not depend on the chunk."""
        shared, sampled, angles = self.program.angles.evaluate(inputs, weights)
        # Records last: (models, angles, records).
        sampled = np.ascontiguousarray(sampled.swapaxes(1, 2))
        blocks, matrices = self._engine.matrices.forward(shared)
        blocks = [block.astype(self.dtype, copy=False) for block in blocks]
        return _Tape(angles, matrices, blocks, shared, sampled, squeeze)

    def _evolve(self, tape, models, rows, values=None):
        run = self._engine.take(models.stop - models.start, rows.stop - rows.start)
        blocks = [block[models] for block in tape.blocks]
        result = self._engine.forward(
            run, blocks, tape.shared[models], tape.sampled[models, :, rows], rows.start
        )
        if values is not None:
            values[models, rows] = result.swapaxes(1, 2)
        return run

    def backward(self, tape, cotangent, per_sample=False, need_inputs=True, need_weights=True):
        lead, n_rows = len(tape.shared), tape.sampled.shape[-1]
        cotangent = np.asarray(cotangent, dtype=float)
        expected = (*(() if tape.squeeze else (lead,)), n_rows, self.n_outputs)
        if cotangent.shape != expected:
            raise ValueError(f"cotangent must have shape {expected}; got {cotangent.shape}.")
        cotangent = cotangent.reshape(lead, n_rows, self.n_outputs).swapaxes(1, 2)
        with self.limit_threads():
            d_shared, d_sampled = self._pulled(
                tape, cotangent, per_sample, need_inputs, need_weights
            )
            d_inputs, d_weights = self.program.angles.pullback(
                tape.angles, d_shared, d_sampled.swapaxes(1, 2), per_sample=per_sample
            )
        if tape.squeeze:
            d_inputs, d_weights = d_inputs[0], d_weights[0]
        return d_inputs if need_inputs else None, d_weights if need_weights else None

    def jacobian(self, inputs, weights):
        """Return all derivatives, record by record.

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)

        Returns
        -------
        d_inputs : ndarray of shape (B, n_outputs, n_inputs)
        d_weights : ndarray of shape (B, n_outputs, n_weights)

        Raises
        ------
        ValueError
            Many models.
        """
        values, tape = self.forward(inputs, weights)
        if values.ndim != 2:
            raise ValueError("jacobian takes one model: weights of shape (n_weights,).")
        d_inputs = np.empty((*values.shape, self.n_inputs))
        d_weights = np.empty((*values.shape, self.n_weights))
        for output in range(self.n_outputs):
            cotangent = np.zeros(values.shape)
            cotangent[:, output] = 1.0
            d_inputs[:, output], d_weights[:, output] = self.backward(
                tape, cotangent, per_sample=True
            )
        return d_inputs, d_weights

    def quantum_fisher(self, inputs, weights, *, average=False):
        """Return the diagonal quantum Fisher information of the weights.

        ``F_kk = 4 (<d_k psi|d_k psi> - |<psi|d_k psi>|^2)`` for each record, through the
        chain rule where a weight enters expressions or several gates (Meyer 2021,
        arXiv 2103.15191, eq. 21). The readout does not matter: this is the state's
        information.

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)
        average : bool, default=False
            Return the mean over the records, shape (n_weights,).

        Returns
        -------
        ndarray of shape (B, n_weights)
        """
        inputs, weights = self._one_model(inputs, weights)
        rows = self._gatewise_rows(inputs, 2 + self.n_weights)
        information = [self._gatewise.fisher(inputs[own], weights) for own in rows]
        information = np.concatenate(information or [np.zeros((0, self.n_weights))])
        return information.mean(axis=0) if average else information

    def statevectors(self, inputs, weights):
        """Return the final states, up to a global phase.

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)

        Returns
        -------
        ndarray of complex of shape (B, 2**n_qubits)
        """
        inputs, weights = self._one_model(inputs, weights)
        rows = self._gatewise_rows(inputs, 3)
        states = [self._gatewise.states(inputs[own], weights).T for own in rows]
        return np.concatenate(states or [np.zeros((0, 2**self.n_qubits), complex)])

    def _one_model(self, inputs, weights):
        inputs, weights = self._checked(inputs, weights)
        if weights.ndim != 1 or inputs.ndim != 2:
            raise ValueError(
                "one model at a time: inputs of shape (n_samples, n_inputs) and weights of "
                f"shape (n_weights,); got {inputs.shape} and {weights.shape}."
            )
        return inputs, weights

    def _gatewise_rows(self, inputs, n_vectors):
        """Slices of rows whose `n_vectors` states a row fit into memory."""
        size = max(1, self.max_memory // (3 * n_vectors * 16 * 2**self.n_qubits))
        return [slice(i, i + size) for i in range(0, len(inputs), size)]

    def _pulled(self, tape, cotangent, per_sample, need_inputs, need_weights):
        """Return the slopes of shared and sampled angles."""
        engine, program = self._engine, self.program
        lead, _, n_rows = cotangent.shape
        d_sampled = np.zeros((lead, program.angles.n_sampled, n_rows))
        by_record = (n_rows,) if per_sample else ()
        d_shared = np.zeros((lead, *by_record, program.angles.n_shared))
        d_blocks = None if per_sample else self._empty_blocks(lead, ())
        wants_sampled = need_inputs or (need_weights and program.angles.sampled_weights)
        for models, rows in self._chunks(lead, n_rows):
            kept = tape.runs.get((models.start, rows.start))
            run = self._evolve(tape, models, rows) if kept is None else kept
            if per_sample and models.start == 0:
                d_blocks = self._empty_blocks(lead, (rows.stop - rows.start,))
            own = d_shared[:, rows] if per_sample else d_shared
            engine.backward(
                run,
                cotangent[models, :, rows],
                [block[models] for block in d_blocks],
                own[models] if need_weights else None,
                d_sampled[models, :, rows] if wants_sampled else None,
                per_sample,
            )
            if kept is None:
                engine.give(run)
            if per_sample and need_weights and models.stop == lead:
                engine.matrices.backward(tape.matrices, d_blocks, own)
        if need_weights and not per_sample:
            engine.matrices.backward(tape.matrices, d_blocks, d_shared)
        return d_shared, d_sampled

    def _empty_blocks(self, lead, records):
        return [
            np.zeros((lead, *records, f.size, 2**f.width, 2**f.width), complex)
            for f in self.program.families
        ]

    def _chunks(self, lead, n_rows):
        """Yield the models and the records of each chunk, as slices.

        Records: as many as stay in cache, at least as many as keep BLAS busy, and as many as
        with one model: a chunk's records are summed before the next one's.
        """
        limit = max(1, self.max_memory // self._record_bytes)
        if self.chunk_size is not None:
            size = min(limit, self.chunk_size)
        else:
            size = int(min(limit, max(_CHUNK_ROWS, _CHUNK_BYTES // self._state_bytes)))
        n_chunks = -(-lead // self._chunk_models(min(size, n_rows)))
        ends = [lead * number // n_chunks for number in range(n_chunks + 1)]
        for first in range(0, n_rows, size):
            rows = slice(first, min(first + size, n_rows))
            for start, stop in pairwise(ends):
                yield slice(start, stop), rows
