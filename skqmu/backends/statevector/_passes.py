"""One pass of a program over a chunk of records, with buffers that outlive it.

Fresh arrays of this size cost a page fault every 4 kB, about as much as the arithmetic; so a
finished pass leaves its arrays to the next one of the same shape.
"""

import numpy as np

from ._kernels import make_kernel
from ._matrices import ParameterMatrices
from ._reading import Reading
from ._start import ProductStart, StatePreparation

__all__ = ["KEPT_WORKSPACES", "Engine", "Pass"]

KEPT_WORKSPACES = 4


class Pass:
    """States, costates and tapes of one chunk.

    Attributes
    ----------
    lead, n_records : int
        Models and records.
    states : list of ndarray
        One a slot, shape (models, 2**k, records).
    costates : dict of int to ndarray
    held : int
        Bytes of all buffers when the last pass ended.
    """

    def __init__(self, widths, dtype, lead, n_records):
        # No reference to the engine, which keeps finished runs: without a circle, dropping
        # an executable frees its buffers at once, not at some later garbage collection.
        self.widths = widths
        self.lead, self.n_records = lead, n_records
        self.held = 0
        self.dtype = dtype
        self.states = [None] * len(widths)
        self.costates = {}
        self.tapes = {}
        self._own = {}
        self._free = {}
        self._n_made = {}
        self._free_real = {}

    def begin_forward(self, blocks, shared, sampled):
        """Take the numbers of a forward pass."""
        self.blocks, self.shared, self.sampled = blocks, shared, sampled

    def begin_backward(self, d_blocks, d_shared, d_sampled, per_sample):
        """Take the arrays that a backward pass adds to."""
        self.d_blocks, self.d_shared, self.d_sampled = d_blocks, d_shared, d_sampled
        self.need_weights, self.per_sample = d_shared is not None, per_sample

    def set_costate(self, slot, costate):
        """Start the costate of a slot, in an array of :meth:`scratch`."""
        self.costates[slot] = costate

    def finish(self):
        """Drop what belongs to one chunk and keep the buffers."""
        self.costates.clear()
        self.tapes.clear()
        self.held = self.nbytes  # counted once: it does not change until it is taken

    def add_zero_costates(self, slots):
        """Costates of 0 where nothing has come back to a slot."""
        for slot in slots:
            if slot not in self.costates:
                self.costates[slot] = np.zeros(self._shape(slot), self.dtype)

    def _shape(self, slot):
        return self.lead, 2 ** self.widths[slot], self.n_records

    @property
    def nbytes(self):
        """Bytes of all buffers."""
        pools = (*self._free.values(), *self._free_real.values())
        arrays = [*self._own.values(), *(array for pool in pools for array in pool)]
        return sum(array.nbytes for array in arrays)

    def new_state(self, slot):
        """Return the buffer that holds a slot's state in every pass."""
        if slot not in self._own:
            self._own[slot] = np.empty(self._shape(slot), self.dtype)
        return self._own[slot]

    def scratch(self, slot):
        """Return a free array of the slot's shape."""
        width = self.widths[slot]
        pool = self._free.get(width)
        if pool:
            return pool.pop()
        self._n_made[width] = self._n_made.get(width, 0) + 1
        return np.empty(self._shape(slot), self.dtype)

    def release(self, slot, array):
        """Give back an array of :meth:`scratch`'s kind; no more are kept than were asked for.

        Costates that a join made anew come back, too: with all of them every pass would leave
        a few more arrays than the one before.
        """
        width = self.widths[slot]
        pool = self._free.setdefault(width, [])
        if len(pool) < self._n_made.get(width, 0):
            pool.append(array)

    def scratch_real(self, slot):
        """Return a free real array with two numbers for each amplitude of the slot."""
        pool = self._free_real.get(self.widths[slot])
        if pool:
            return pool.pop()
        lead, size, n_records = self._shape(slot)
        return np.empty((lead, size, 2 * n_records), np.zeros(0, self.dtype).real.dtype)

    def release_real(self, slot, array):
        """Give back an array of :meth:`scratch_real`'s kind."""
        self._free_real.setdefault(self.widths[slot], []).append(array)


class Engine:
    """A program with everything that its passes need.

    Parameters
    ----------
    program : Program
    dtype : numpy.dtype
        complex128 or complex64.
    max_memory : int
        Bytes that buffers of finished passes may take together.
    """

    def __init__(self, program, dtype, max_memory):
        self.program = program
        self.max_memory = max_memory
        self.dtype = np.dtype(dtype)
        self.matrices = ParameterMatrices(program)
        self.start = ProductStart(program)
        self.preparations = [StatePreparation(g, program.angles) for g in program.prepares]
        self.kernels = [make_kernel(op) for op in program.ops]
        self.reading = Reading(program)
        self._workspaces = []

    def take(self, lead, n_records):
        """Return a :class:`Pass` of a shape, an earlier one's buffers if there are any."""
        for run in list(self._workspaces):
            if (run.lead, run.n_records) == (lead, n_records):
                try:
                    self._workspaces.remove(run)
                except ValueError:  # another thread took it
                    continue
                return run
        return Pass(self.program.widths, self.dtype, lead, n_records)

    def give(self, run):
        """Keep a finished run's buffers for the next pass of its shape; the oldest go first."""
        run.finish()
        kept = self._workspaces  # never replaced, for other threads take from it meanwhile
        kept.append(run)
        while len(kept) > KEPT_WORKSPACES or sum(r.held for r in list(kept)) > self.max_memory:
            try:
                kept.pop(0)
            except IndexError:  # others took all of it
                break

    def forward(self, run, blocks, shared, sampled, first_row):
        """Evolve a chunk; return the values, shape (models, n_outputs, records)."""
        run.begin_forward(blocks, shared, sampled)
        run.tapes[self.start] = self.start.forward(shared, sampled, run.states, self.dtype)
        for preparation in self.preparations:
            run.tapes[preparation] = preparation.forward(
                shared, sampled, run.states, self.dtype, first_row
            )
        for kernel in self.kernels:
            kernel.forward(run)
        return self.reading.forward(run)

    def backward(self, run, cotangent, d_blocks, d_shared, d_sampled, per_sample):
        """Pull a cotangent (models, n_outputs, records) back through a chunk.

        Adds to `d_blocks` (see :class:`ParameterMatrices`) and `d_shared`, and writes
        `d_sampled` of shape (models, n_sampled, records); either may be None.
        """
        run.begin_backward(d_blocks, d_shared, d_sampled, per_sample)
        self.reading.backward(run, cotangent)
        self.pull(run)

    def pull(self, run):
        """Pull the costates of a pass that has begun to go back through all operations."""
        for kernel in reversed(self.kernels):
            if kernel.op.target in run.costates:
                kernel.backward(run)
        program, d_shared, d_sampled = self.program, run.d_shared, run.d_sampled
        need = (d_shared is not None, d_sampled is not None)
        if program.starts and self.start.matter(*need):
            for start in program.starts:
                run.add_zero_costates(start.slots)
            self.start.backward(run.tapes[self.start], run.costates, d_shared, d_sampled)
        for preparation in self.preparations:
            slot = preparation.group.slot
            if preparation.columns.matter(*need) and slot in run.costates:
                preparation.backward(
                    run.tapes[preparation], run.costates[slot], d_shared, d_sampled
                )
        run.costates.clear()
