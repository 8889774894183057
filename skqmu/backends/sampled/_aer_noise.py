"""Noise for Aer: from a word, from a fake device's name, or a `NoiseModel` as it is."""

import hashlib

import numpy as np

from ..._validation import did_you_mean
from ._translate import ONE_QUBIT_GATES, TWO_QUBIT_GATES

__all__ = ["noise_from_word", "noise_identity", "readout_matrices"]

CHANNELS = ("amplitude_damping", "bit_flip", "depolarizing", "phase_damping", "readout")
_RELAXATION = ("_t1s", "_t2s", "_p1s", "_dt", "_method", "_ops")
_EXAMPLE = 'for example noise="depolarizing:0.02+readout:0.01", or noise="fake_manila"'


def noise_from_word(word):
    """Noise model of a shorthand.

    Parameters
    ----------
    word : str
        ``"channel:strength"``, several joined by ``+``. Channels:

        - ``depolarizing:p``: after each gate its one or two qubits, together, are replaced
          by the maximally mixed state with probability p;
        - ``amplitude_damping:g``, ``phase_damping:g``, ``bit_flip:p``: after each gate, on
          each of its qubits;
        - ``readout:p``: each measured bit is flipped with probability p.

    Returns
    -------
    qiskit_aer.noise.NoiseModel

    Raises
    ------
    ValueError
        An unknown channel, or a strength outside [0, 1].
    """
    from qiskit_aer import noise as aer

    one, two, flip = [], [], None
    for part in word.split("+"):
        name, _, strength = part.strip().partition(":")
        name = name.strip().replace("depolarising", "depolarizing")
        if name not in CHANNELS:
            raise ValueError(
                f"noise={word!r}: channel {name!r} is unknown; allowed: "
                f"{', '.join(map(repr, CHANNELS))} ({_EXAMPLE}).{did_you_mean(name, CHANNELS)}"
            )
        try:
            p = float(strength)
        except ValueError:
            p = np.nan
        if not 0 <= p <= 1:
            raise ValueError(
                f"noise={word!r}: the strength of {name!r} must be a number in [0, 1]; got "
                f"{strength!r} ({_EXAMPLE})."
            )
        if name == "readout":
            flip = p
        elif name == "depolarizing":
            one.append(aer.depolarizing_error(p, 1))
            two.append(aer.depolarizing_error(p, 2))
        else:
            single = {
                "amplitude_damping": aer.amplitude_damping_error,
                "phase_damping": aer.phase_damping_error,
                "bit_flip": lambda p: aer.pauli_error([("X", p), ("I", 1 - p)]),
            }[name](p)
            one.append(single)
            two.append(single.tensor(single))
    model = aer.NoiseModel(basis_gates=[*ONE_QUBIT_GATES, *TWO_QUBIT_GATES])
    for errors, gates in ((one, ONE_QUBIT_GATES), (two, TWO_QUBIT_GATES)):
        if errors:
            total = errors[0]
            for error in errors[1:]:
                total = total.compose(error)
            model.add_all_qubit_quantum_error(total, list(gates))
    if flip is not None:
        model.add_all_qubit_readout_error(aer.ReadoutError([[1 - flip, flip], [flip, 1 - flip]]))
    return model


def noise_identity(model):
    """Digest of a noise model's content: equal models are one simulator."""
    if model is None or isinstance(model, str):
        return model
    # Its dict holds neither the passes over delays nor what circuits are translated to.
    passes = [sorted(vars(own).items()) for own in model._custom_noise_passes]
    passes = [[(k, repr(v)) for k, v in own if k in _RELAXATION] for own in passes]
    content = (_plain(model.to_dict()), model.basis_gates, passes)
    return hashlib.blake2b(repr(content).encode(), digest_size=12).hexdigest()


def _plain(value):
    """Nested lists and tuples of plain numbers, so that the digest does not see objects."""
    if isinstance(value, dict):
        return tuple((key, _plain(value[key])) for key in sorted(value) if key != "id")
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    return value if isinstance(value, str | int | float | complex | bool) else repr(value)


def readout_matrices(model, qubits):
    """Assignment matrix of each measured qubit.

    Parameters
    ----------
    model : NoiseModel
    qubits : list of int

    Returns
    -------
    list of (ndarray of shape (2, 2) or None)
        Entry [i, j]: probability to read j where the qubit is i; None: read rightly.
    """
    own, common = {}, None
    for error in model.to_dict()["errors"]:
        if error["type"] != "roerror":
            continue
        matrix = np.asarray(error["probabilities"], dtype=float)
        if matrix.shape != (2, 2):
            continue  # refused, where its qubits are measured: see `WrittenNoise`
        if error.get("gate_qubits"):
            for (qubit,) in error["gate_qubits"]:
                own[qubit] = matrix
        else:
            common = matrix
    return [own.get(qubit, common) for qubit in qubits]
