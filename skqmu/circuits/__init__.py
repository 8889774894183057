"""Encodings and ansaetze as qiskit circuits, and the compiler that lowers any circuit."""

from ._ansatze import ansatze, entangled_pairs, entanglements
from ._build import QNNCircuit, build_circuit
from ._encodings import AmplitudeGate, encodings
from ._observables import z_observables, zz_observables
from ._readouts import Probabilities

__all__ = [
    "AmplitudeGate",
    "Probabilities",
    "QNNCircuit",
    "ansatze",
    "build_circuit",
    "encodings",
    "entangled_pairs",
    "entanglements",
    "z_observables",
    "zz_observables",
]
