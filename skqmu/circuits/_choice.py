"""Circuits and observables as values that a search can list, hold and show."""

from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

__all__ = ["Choice", "choices", "plain"]


class Choice:
    """A circuit, or a list of observables, that is one thing: no sequence.

    scikit-learn's searches make an array of a parameter's values, and NumPy takes a
    `QuantumCircuit` apart: it is a sequence of instructions. What is in a `Choice` stays
    whole. The classifiers take one wherever they take what is in it.

    Parameters
    ----------
    value : QuantumCircuit, (QuantumCircuit, inputs, weights), or list of SparsePauliOp
    name : str or None, default=None
        How results show it; None: a few words about the value.

    See Also
    --------
    choices : Several at once.

    Examples
    --------
    >>> from qiskit.circuit.library import real_amplitudes
    >>> from skqmu.circuits import Choice
    >>> Choice(real_amplitudes(2)), Choice(real_amplitudes(2), "ladder")
    (<circuit of 2 qubits, 8 parameters>, ladder)
    """

    def __init__(self, value: Any, name: str | None = None):
        self.value = value
        self.name = name

    def __repr__(self):
        return _words(self.value) if self.name is None else self.name

    def __skqmu_identity__(self):
        """What caches tell choices apart by."""
        return self.value


def _words(value):
    if isinstance(value, QuantumCircuit):
        return f"<circuit of {value.num_qubits} qubits, {value.num_parameters} parameters>"
    if isinstance(value, tuple) and value and isinstance(value[0], QuantumCircuit):
        return _words(value[0])
    if isinstance(value, list | tuple) and all(isinstance(v, SparsePauliOp) for v in value):
        return f"<{len(value)} observables>"
    return repr(value)


def choices(*values: Any, **named: Any) -> list[Choice]:
    """Circuits or lists of observables as the values of a parameter in a search.

    Parameters
    ----------
    *values : QuantumCircuit, (QuantumCircuit, inputs, weights), list of SparsePauliOp or str
    **named : likewise
        The names are what ``cv_results_`` shows.

    Returns
    -------
    list of Choice

    Examples
    --------
    >>> from qiskit.circuit.library import efficient_su2, real_amplitudes
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skqmu import QNNClassifier
    >>> from skqmu.circuits import choices
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"ansatz": choices("strong", ladder=real_amplitudes(4), su2=efficient_su2(4))}
    >>> search = GridSearchCV(QNNClassifier(max_iter=2, random_state=0), grid, cv=2)
    >>> search = search.fit(X, y)
    >>> list(search.cv_results_["param_ansatz"])
    ['strong', ladder, su2]
    """
    return [Choice(value) for value in values] + [
        Choice(value, name) for name, value in named.items()
    ]


def plain(value: Any) -> Any:
    """Return what is in a `Choice`; anything else as it is.

    Parameters
    ----------
    value : object

    Returns
    -------
    object

    Examples
    --------
    >>> from skqmu.circuits import Choice, plain
    >>> plain(Choice("strong")), plain("strong")
    ('strong', 'strong')
    """
    return value.value if isinstance(value, Choice) else value
