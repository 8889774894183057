"""Circuits on a primitive that was brought: prepared once, seeded for each job."""

import numpy as np
from qiskit.primitives import BaseEstimatorV2
from qiskit.providers import BackendV2

from ..._text import shortened
from ...exceptions import BackendError, CircuitError
from ..sampled import PrimitiveExecutable
from ..sampled._columns import frequencies_of
from ..sampled._seconds import OVERHEAD_A_JOB, seconds_a_shot
from ..sampled._settings import precision_of, read_settings, setting_pubs
from ..sampled._translate import NATIVE_GATES, translate
from ._live import device_of
from ._seeded import own_seed, sampler_for, seeded

__all__ = ["GivenExecutable"]

# Shots that one job holds at most, as samplers keep each of them.
_SHOTS_A_JOB = 4_000_000


class GivenExecutable(PrimitiveExecutable):
    """Expectation values of an estimator; or from the counts of a sampler."""

    def prepare(self, backend):
        self.primitive = backend.primitive_
        self.shots = backend.shots_
        self.noisy = backend.noisy_
        self.uses_estimator = isinstance(self.primitive, BaseEstimatorV2)
        if backend.seed is None:
            self.salt = own_seed(self.primitive)
        device = device_of(self.primitive)
        circuit = self.columns.circuit
        measured = [setting.measured(circuit) for setting in self.plan.settings]
        self.physical = [circuit] if self.uses_estimator else measured
        self._seconds_a_shot = 0.0
        if device is not None:
            level = backend.optimization_level
            self.physical = _transpiled(device, self.physical, level)
            self.frequencies = frequencies_of(
                self.physical, self.columns.parameters, self.columns.n_rotations
            )
            timed = _transpiled(device, measured, level) if self.uses_estimator else self.physical
            self._seconds_a_shot = seconds_a_shot(device, timed)
        self._places = [[p.index for p in c.parameters] for c in self.physical]
        if self.shots is not None:
            n_settings = max(1, len(self.plan.settings))
            self.rows_a_job = max(1, min(self.rows_a_job, _SHOTS_A_JOB // self.shots // n_settings))

    def charge(self, n_rows):
        """See :class:`PrimitiveExecutable`."""
        charge = super().charge(n_rows)
        per_setting = [1 if places else n_rows for places in self._places]
        charge["pubs"] = sum(per_setting)
        if self._seconds_a_shot:
            seconds = n_rows * (self.shots or 0) * self._seconds_a_shot
            charge["qpu_seconds"] = OVERHEAD_A_JOB + seconds
        return charge

    def evaluate(self, values):
        """See :class:`PrimitiveExecutable`."""
        if self.uses_estimator:
            return self._estimated(values)
        pubs = setting_pubs(self.physical, self._places, values)
        if isinstance(self.primitive, BackendV2):
            sampler = sampler_for(self.primitive, self.draw())
        else:
            sampler = seeded(self.primitive, self.draw())
        result = self._ran(sampler, pubs, shots=self.shots)
        estimates = read_settings(self.plan.settings, self._places, result, len(values))
        return self.plan.combine(estimates, len(values))

    def _estimated(self, values):
        circuit, places = self.physical[0], self._places[0]
        observables = self.observables
        if circuit.layout is not None:
            observables = [observable.apply_layout(circuit.layout) for observable in observables]
        observables = [[observable] for observable in observables]
        pubs = [(circuit, observables)] * len(values)  # without numbers: a draw a row
        if places:
            pubs = [(circuit, observables, values[:, places])]
        precision = 0.0 if self.shots is None else precision_of(self.shots)
        estimator = self.primitive if self.shots is None else seeded(self.primitive, self.draw())
        result = self._ran(estimator, pubs, precision=precision)
        found = [np.asarray(each.data.evs, dtype=float).reshape(self.n_outputs, -1).T
                 for each in result]  # fmt: skip
        return np.concatenate(found)

    def _ran(self, primitive, pubs, **precision):
        """The result of a job; whatever stops it is a backend's failure."""
        try:
            return primitive.run(pubs, **precision).result()
        except Exception as error:
            reason = shortened(str(error))
            raise BackendError(
                f"{type(self.primitive).__name__}, given as backend=, could not run a job of "
                f"{len(pubs)} PUBs ({type(error).__name__}: {reason})."
            ) from error


def _transpiled(device, circuits, level):
    """The circuits in a device's own gates and coupling."""
    from qiskit.transpiler import generate_preset_pass_manager

    manager = generate_preset_pass_manager(level, backend=device, seed_transpiler=0)
    result = []
    for circuit in circuits:
        most = device.num_qubits
        if most is not None and circuit.num_qubits > most:
            raise CircuitError(
                f"the circuit has {circuit.num_qubits} qubits and {device.name} {most}; take a "
                "larger device or a smaller n_qubits."
            )
        # Aer fails on arrays of numbers for controlled gates: they are opened before.
        result.append(manager.run(translate(circuit, NATIVE_GATES)))
    return result
