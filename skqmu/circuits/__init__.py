"""Encodings and ansaetze as qiskit circuits, and the compiler that lowers any circuit."""

from ._ansatze import ansatze, entangled_pairs, entanglements
from ._build import QNNCircuit, build_circuit
from ._choice import Choice, choices, plain
from ._encodings import PREPARING, AmplitudeGate, StateGate, UnnormalisedGate, encodings
from ._marked import mark_circuit
from ._observables import z_observables, zz_observables
from ._readouts import Probabilities

__all__ = [
    "PREPARING",
    "AmplitudeGate",
    "Choice",
    "Probabilities",
    "QNNCircuit",
    "StateGate",
    "UnnormalisedGate",
    "ansatze",
    "build_circuit",
    "choices",
    "encodings",
    "entangled_pairs",
    "entanglements",
    "mark_circuit",
    "plain",
    "z_observables",
    "zz_observables",
]
