"""Quantum errors of a noise model, found in the circuit as it was written.

Aer looks for an error by the name or label of an instruction when it runs. But what runs
here is seldom what was written: gates are opened, a transpiler renames and merges them, and
a distribution takes the measurements' place; an error whose instruction is gone would be
silently inactive. So errors are looked up in the user's circuit, by Aer's rules, and go
along: first as marks (barriers, which every step leaves where they are), in the end as
instructions of the circuit.
"""

from qiskit.circuit import Barrier, ControlledGate, QuantumCircuit
from qiskit.circuit.library import DiagonalGate, Initialize, UCGate, get_standard_gate_name_mapping

from ...circuits import AmplitudeGate
from ._columns import is_standard, opened
from ._translate import NATIVE_GATES, ONE_QUBIT_GATES, TWO_QUBIT_GATES, translate

__all__ = ["WrittenNoise", "quantum_errors"]

_OPEN, _CLOSE = "[written] ", "[error] "
# What Aer 0.18 runs under its own name: what is inside meets no errors of its own.
_AER_GATES = {
    *ONE_QUBIT_GATES,
    *TWO_QUBIT_GATES,
    *("ccx", "ccz", "cp", "crx", "cry", "crz", "cswap", "csx", "cu", "cu1", "cu3", "delay"),
    *("mcphase", "mcx", "mcx_gray", "unitary"),
}
_AER_COMPOSITES = (DiagonalGate, Initialize, UCGate)
# Aer takes errors on these names, and never applies them.
_INERT = {"barrier", "pauli"}
# Gates of every default `NoiseModel`; others that a model names are a device's.
_DEFAULT_BASIS = {"id", "rz", "sx", "cx"}
_NO_GATES = {"measure", "reset", "delay"}


class WrittenNoise:
    """The errors of one noise model and the circuits that meet them.

    Parameters
    ----------
    model : qiskit_aer.noise.NoiseModel
    circuit : qiskit.QuantumCircuit
        As the user wrote it.

    Attributes
    ----------
    circuit : qiskit.QuantumCircuit
        With marks where errors of the model stand.
    translates : bool
        Whether gates without an error of their own are translated to the model's basis
        gates, so that they meet its errors there: the model was made for a device's gates.

    Raises
    ------
    ValueError
        An error that Aer would not apply, or that is wider than its instruction.
    """

    def __init__(self, model, circuit):
        self.model = model
        self._everywhere = model._default_quantum_errors
        self._local = model._local_quantum_errors
        self.names = {*self._everywhere, *self._local}
        self._instructions = {}
        # Of the model's basis gates, those that no transpiler can aim at.
        self._opaque = {*model.basis_gates} - {*get_standard_gate_name_mapping()}
        self._gates = set()  # (number of qubits, whether the model has its name)
        self.circuit = self.marked(circuit)
        self.translates = self._made_for_other_gates()

    # ------------------------------------------------------------------------- marking

    def marked(self, circuit):
        """Return a circuit, the measurements for example, with marks for its errors."""
        result = circuit.copy_empty_like()
        self._mark(circuit, circuit.qubits, result)
        return result

    def _made_for_other_gates(self):
        basis = set(self.model.basis_gates)
        if not basis >= _DEFAULT_BASIS or basis & _NO_GATES:
            return True
        # The default basis says nothing. Where the model has errors on the gates that
        # compilers aim at, and names no gate of the circuit, it was made for those.
        for width, aims in ((1, {"sx", "u", "u3"}), (2, {"cx"})):
            widths = {met for gate, met in self._gates if gate == width}
            if aims & self.names and widths == {False}:
                return True
        return False

    def _mark(self, circuit, qubits, result):
        place = dict(zip(circuit.qubits, qubits, strict=True))
        for instruction in circuit.data:
            operation = instruction.operation
            here = [place[qubit] for qubit in instruction.qubits]
            key = getattr(operation, "label", None) or operation.name
            if operation.name == "measure":
                self._check_measured(here[0], result)
                self._opened(here, result)
                self._close("measure", here, result)
                result.append(operation, here, instruction.clbits)
                continue
            self._check_inert(operation, key)
            native = _runs_in_aer(operation)
            if operation.name == "initialize" and native:
                key = "initialize"
            if native and not _same_name(operation) and {key, "x", _plain(operation)} & self.names:
                self._mark_open_controls(operation, here, result)
                continue
            found = self._at(key, here, result)
            if native and operation.name not in _NO_GATES:
                self._gates.add((len(here), key in self.names))
            kept = found is not None or (native and operation.name in self._opaque)
            if kept:
                self._opened(here, result)
            if native or isinstance(operation, Barrier | AmplitudeGate) or not self.names:
                result.append(operation, here, instruction.clbits)
            else:
                self._mark(opened(operation), here, result)
            if kept:
                self._close(key, here, result)

    def _mark_open_controls(self, operation, here, result):
        """Mark what Aer makes of a gate with controls on 0: X gates around the plain one."""
        state, n_controls = operation.ctrl_state, operation.num_ctrl_qubits
        plain = operation.to_mutable()
        plain.ctrl_state = None
        around = QuantumCircuit(len(here))
        for control in range(n_controls):
            if not state >> control & 1:
                around.x(control)
        if operation.label is not None:
            raise self._problem(
                operation.label, "Aer gives the label of a gate with controls on 0 to X gates too; "
                "write the X gates yourself and label the plain gate",
            )  # fmt: skip
        whole = around.copy()
        whole.append(plain, range(len(here)))
        whole.compose(around, inplace=True)
        self._mark(whole, here, result)

    def _at(self, key, here, result):
        qubits = tuple(result.find_bit(qubit).index for qubit in here)
        error = self._local.get(key, {}).get(qubits)
        error = self._everywhere.get(key) if error is None else error
        if error is None or error.ideal():
            return None
        if error.num_qubits > len(here):
            raise self._problem(
                key, f"an error of {error.num_qubits} qubits does not fit an instruction of "
                f"{len(here)}; attach one of {len(here)}",
            )  # fmt: skip
        return error

    def _opened(self, here, result):
        result.append(Barrier(len(here), label=_OPEN), here)

    def _close(self, key, here, result):
        error = self._at(key, here, result)
        label, width = _CLOSE, len(here)
        if error is not None:
            label, width = _CLOSE + error.id, error.num_qubits
            self._instructions.setdefault(label, error.to_instruction())
        result.append(Barrier(width, label=label), here[:width])

    def _check_inert(self, operation, key):
        for name in {key, operation.name} & self.names:
            if operation.name in _INERT or (name == operation.name and "_o" in name):
                raise self._problem(
                    name, "Aer has no such instruction and would never apply it; attach the error "
                    "to a gate that it runs, or to a labelled 'unitary' or 'id' gate",
                )  # fmt: skip

    def _check_measured(self, qubit, result):
        """Refuse errors of several measured qubits together."""
        number = result.find_bit(qubit).index
        joint = [qubits for qubits in self._local.get("measure", {}) if len(qubits) > 1]
        for what, held in (("a quantum", joint), ("a readout", self.model._local_readout_errors)):
            for qubits in held:
                if len(qubits) > 1 and number in qubits:
                    raise self._problem(
                        "measure", f"{what} error of the qubits {tuple(qubits)} together meets no "
                        "measurement, since Aer measures qubit by qubit and never applies it; "
                        "give each qubit its own error",
                    )  # fmt: skip

    @staticmethod
    def _problem(name, reason):
        return ValueError(f"noise_model has an error on {name!r} that cannot act: {reason}.")

    # ------------------------------------------------------------------------- placing

    def placed(self, circuit, optimization_level):
        """Return the marked circuit in gates that run, with the errors in it.

        Parameters
        ----------
        circuit : qiskit.QuantumCircuit
        optimization_level : int
            Of the translation to the model's basis gates, where :attr:`translates`.
        """
        gates = {*NATIVE_GATES, "delay"}  # delays: relaxation is a pass over them
        manager = self._manager(optimization_level) if self.translates else None
        result = circuit.copy_empty_like()
        result.global_phase = 0
        waiting, depth = circuit.copy_empty_like(), 0

        def flush():
            nonlocal waiting
            if waiting.data:
                if depth or manager is None:
                    self._append(translate(waiting, gates), result)
                else:
                    self._append(manager.run(waiting), result, by_name=True)
            waiting = waiting.copy_empty_like()

        for instruction in circuit.data:
            label = instruction.operation.label if instruction.operation.name == "barrier" else None
            mark = (label or "")[: len(_CLOSE)] == _CLOSE
            if label != _OPEN and not mark:
                waiting.append(instruction)
                continue
            if manager is not None or mark:
                flush()
            depth += -1 if mark else 1
            if label in self._instructions:
                result.append(self._instructions[label], instruction.qubits)
        flush()
        return result

    def _manager(self, optimization_level):
        from qiskit.transpiler import generate_preset_pass_manager

        basis = sorted({*self.model.basis_gates} - self._opaque)
        return generate_preset_pass_manager(
            optimization_level, basis_gates=basis, seed_transpiler=0
        )

    def _append(self, part, result, by_name=False):
        for instruction in part.data:
            operation = instruction.operation
            here = [result.qubits[part.find_bit(q).index] for q in instruction.qubits]
            clbits = [result.clbits[part.find_bit(c).index] for c in instruction.clbits]
            result.append(operation, here, clbits)
            if by_name and operation.name not in ("measure", "barrier"):
                error = self._at(operation.name, here, result)
                if error is not None:
                    result.append(error.to_instruction(), here[: error.num_qubits])

    def rest(self):
        """Return a model of what is no quantum error: readout errors, and passes over delays."""
        from qiskit_aer.noise import NoiseModel

        rest = NoiseModel()
        if self.model._default_readout_error is not None:
            rest.add_all_qubit_readout_error(self.model._default_readout_error, warnings=False)
        for qubits, error in self.model._local_readout_errors.items():
            if len(qubits) == 1:
                rest.add_readout_error(error, qubits, warnings=False)
        rest._custom_noise_passes = list(self.model._custom_noise_passes)
        return rest


def _plain(operation):
    """Name of a gate without the state of its controls."""
    return operation.name.partition("_o")[0]


def _same_name(operation):
    return not (isinstance(operation, ControlledGate) and "_o" in operation.name)


def _runs_in_aer(operation):
    """Whether Aer runs the operation as it stands, by some method."""
    if isinstance(operation, _AER_COMPOSITES):
        return True
    return is_standard(operation) and _plain(operation) in _AER_GATES


def quantum_errors(model, circuits):
    """Return the quantum errors that circuits meet: a model's (or None), and their own."""
    found = []
    if model is not None:
        found += model._default_quantum_errors.values()
        found += [e for own in model._local_quantum_errors.values() for e in own.values()]
    operations = (i.operation for circuit in circuits for i in circuit.data)
    own = {id(o): o._quantum_error for o in operations if hasattr(o, "_quantum_error")}
    return [*found, *own.values()]
