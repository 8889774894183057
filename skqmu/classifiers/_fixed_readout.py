"""A readout without trained parameters, and vectors that are no states: where they may go."""

from ..backends import StatevectorBackend
from ..circuits import StateGate, UnnormalisedGate, plain

__all__ = [
    "check_fixed_head",
    "check_one_a_class",
    "check_states",
    "check_unnormalised",
    "takes_states",
]


def check_fixed_head(estimator):
    """Refuse what does not go with ``head="fixed"``, and a gain without it.

    Raises
    ------
    ValueError
    """
    if estimator.head != "fixed":
        if estimator.head_gain != 1.0:
            raise ValueError(
                f"head_gain={estimator.head_gain!r} belongs to head='fixed'; this classifier has "
                f"head={estimator.head!r}."
            )
        return
    if estimator.trainable == "head":
        raise ValueError(
            "head='fixed' has nothing to train, and trainable='head' trains nothing else; use "
            "trainable='all', or head='ridge' or 'logistic'."
        )
    if estimator.alpha:
        raise ValueError(
            f"alpha={estimator.alpha!r} penalises the kernel of a trained head, and head='fixed' "
            "has none; use alpha=0."
        )


def check_one_a_class(observables, n_classes):
    """Refuse another number of observables than a fixed head can read.

    Raises
    ------
    ValueError
    """
    fitting = {n_classes, 1} if n_classes == 2 else {n_classes}
    if len(observables) in fitting:
        return
    wanted = "one, or two," if n_classes == 2 else f"{n_classes}, one a class,"
    last = "Z" + "I" * (observables[0].num_qubits - 1)
    raise ValueError(
        f"head='fixed' needs {wanted} observables for {n_classes} classes; observables has "
        f"{len(observables)}. List them: observables=['{last}'] is <Z> of the last qubit."
    )


def check_unnormalised(estimator, encoding):
    """Refuse what rests on states of norm 1 where rows are vectors of any norm.

    Raises
    ------
    ValueError
    """
    if encoding != "unnormalised":
        return

    def refuse(name, value, why, way_out):
        raise ValueError(
            f"encoding='unnormalised' takes rows that are no quantum states, and {name}={value!r} "
            f"{why}; use {way_out}, or encoding='amplitude'."
        )

    if not isinstance(estimator._backend(), StatevectorBackend):
        backend = plain(estimator.backend)
        refuse("backend", backend, "prepares states", "backend='statevector'")
    if estimator.loss == "linear":
        refuse("loss", "linear", "reads probabilities", "loss='cross_entropy'")


def check_states(circuit, trainable):
    """Refuse to solve a head on values of vectors that are no states: they have no bounds.

    Raises
    ------
    ValueError
    """
    if trainable == "head" and any(
        isinstance(step.operation, UnnormalisedGate) for step in circuit.data
    ):
        raise ValueError(
            "trainable='head' rests on expectation values between -1 and 1, and "
            "encoding='unnormalised' takes rows that are no quantum states; use trainable='all', "
            "or encoding='amplitude'."
        )


def takes_states(qnn):
    """Whether the rows, as they are, go into a `StateGate`, and so must have norm 1.

    Parameters
    ----------
    qnn : QNNCircuit
    """
    gates = [step.operation for step in qnn.circuit.data]
    return any(isinstance(gate, StateGate) and gate.params == list(qnn.inputs) for gate in gates)
