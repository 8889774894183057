"""Which circuit a classifier runs, and how it is shown."""

import sys
from inspect import signature
from numbers import Integral

import numpy as np

from .._validation import (
    HasMethods,
    Interval,
    StrOptions,
    check_is_fitted,
    validate_params,
)
from ..circuits import (
    PREPARING,
    Choice,
    ansatze,
    build_circuit,
    encodings,
    entanglements,
    mark_circuit,
    plain,
    z_observables,
    zz_observables,
)
from ..exceptions import CircuitError
from ..network import QuantumLayer
from .state import reads

__all__ = ["CircuitMixin", "resolve_observables"]

_CIRCUIT = HasMethods(["compose", "assign_parameters"])
# What takes a circuit's place in it, and so has nothing to say beside `circuit`.
_PARTS = ("encoding", "ansatz", "entanglement", "reuploading")
# What may be in a `Choice`.
_CHOSEN = ("encoding", "ansatz", "circuit", "observables")
# Qubits that n_qubits=None takes at least and at most where features enter by angles: two
# features on two qubits leave a circuit too few functions of them (a ring in a ring is learned
# from some starts only).
_FEWEST, _MOST = 4, 8


class CircuitMixin:
    """Parameters that say what circuit runs; and the circuit of a fitted classifier."""

    _parameter_constraints = {
        "encoding": [StrOptions(set(encodings())), _CIRCUIT, Choice],
        "ansatz": [StrOptions(set(ansatze())), _CIRCUIT, Choice],
        "n_qubits": [Interval(Integral, 1, None, closed="left"), None],
        "n_layers": [Interval(Integral, 1, None, closed="left"), None],
        "entanglement": [StrOptions(set(entanglements()))],
        "reuploading": ["boolean"],
        "circuit": [_CIRCUIT, tuple, Choice, None],
        "inputs": [HasMethods(["__iter__"]), None],
        "observables": [StrOptions({"z", "zz"}), list, tuple, Choice],
    }

    #: Layers that ``n_layers=None`` takes of a named ansatz.
    _named_layers = 1

    def set_params(self, **params):
        """Set parameters of this classifier, or of its parts as ``<part>__<parameter>``.

        On a fitted classifier they act at the next `fit` or `partial_fit`: predictions and
        deletion requests, a refit among them, go by the values that it was fitted with. Three
        act at once: `backend` (of predictions and requests alike), `unlearning` (the next
        request's strategy) and `verbose`.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : estimator

        Raises
        ------
        CircuitError
            A plain circuit is a value in one of scikit-learn's searches, which would fail at
            its end.
        """
        _refuse_plain_circuits_in_a_search(params)
        return super().set_params(**params)

    def _circuit_structure(self, n_features):
        """What the circuit is built from, as a dict; `n_features` decide on None."""
        ansatz, circuit = plain(self.ansatz), plain(self.circuit)
        named = circuit is None and isinstance(ansatz, str)
        layers = self._named_layers if named else 1
        return {
            "encoding": plain(self.encoding),
            "ansatz": ansatz,
            "circuit": circuit,
            "inputs": self.inputs,
            "n_qubits": self._n_qubits_for(n_features),
            "n_layers": layers if self.n_layers is None else self.n_layers,
            "entanglement": self.entanglement,
            "reuploading": self.reuploading,
            "observables": plain(self.observables),
        }

    def _n_qubits_for(self, n_features):
        if self.n_qubits is not None:
            return self.n_qubits
        own = self._own_circuits()
        if own:
            return own[0].num_qubits
        return self._usual_n_qubits(n_features)

    def _usual_n_qubits(self, n_features):
        """Qubits where neither a number nor a circuit says so."""
        encoding = self._named_encoding()
        if encoding == "state":  # real and imaginary parts
            return max(1, (n_features - 1).bit_length() - 1)
        if encoding in PREPARING:
            return max(2, (n_features - 1).bit_length())
        return min(max(_FEWEST, n_features), _MOST)

    def _own_circuits(self):
        """Circuits that the user passed."""
        whole = plain(self.circuit)
        if isinstance(whole, tuple):
            whole = whole[0] if whole else None
        given = [plain(self.encoding), plain(self.ansatz)] if whole is None else [whole]
        return [circuit for circuit in given if not isinstance(circuit, str)]

    def _named_encoding(self):
        """Name of the encoding; None where features enter by a circuit of the user's."""
        encoding = plain(self.encoding)
        return encoding if self.circuit is None and isinstance(encoding, str) else None

    def _check_parameters(self):
        super()._check_parameters()
        chosen = {name: plain(getattr(self, name)) for name in _CHOSEN}
        validate_params(self, **chosen)
        if self.circuit is None:
            if self.inputs is not None:
                raise ValueError(
                    f"inputs={self.inputs!r} marks the features of circuit=, which is None: pass "
                    "the whole circuit as circuit=. The parameters of an encoding circuit are all "
                    "features."
                )
            return
        taken = signature(type(self)).parameters
        for name in _PARTS:
            value, default = getattr(self, name), taken[name].default
            if not _is_default(value, default):
                raise ValueError(
                    f"{name}={value!r} has no place beside circuit=, which is the whole circuit; "
                    f"leave it at {default!r}, or circuit at None."
                )

    def _built_circuit(self, structure, n_inputs):
        """The `QNNCircuit` of a structure for records of `n_inputs` numbers."""
        if structure["circuit"] is None:
            names = ("encoding", "ansatz", "n_qubits", "n_layers", "entanglement", "reuploading")
            return build_circuit(n_features=n_inputs, **{k: structure[k] for k in names})
        qnn = mark_circuit(
            structure["circuit"], structure["inputs"], n_layers=structure["n_layers"]
        )
        if qnn.circuit.num_qubits != structure["n_qubits"]:
            raise CircuitError(
                f"circuit= has {qnn.circuit.num_qubits} qubits and n_qubits="
                f"{structure['n_qubits']}; leave n_qubits at None."
            )
        if len(qnn.inputs) != n_inputs:
            names = ", ".join(p.name for p in qnn.inputs)
            raise CircuitError(
                f"circuit= has {len(qnn.inputs)} inputs ({names}) and the data {n_inputs} "
                "features; it needs one input a feature: mark them by inputs=, or select the "
                "features before."
            )
        return qnn

    def _fitted_circuit(self):
        """The `QNNCircuit` that the fitted classifier runs."""
        check_is_fitted(self, "params_")
        return self._built_circuit(self._structure, self.n_features_in_)

    @property
    @reads
    def circuit_(self):
        """The circuit that runs, a `QuantumCircuit` with parameters for inputs and weights.

        Its weights are, in order, those of the parameters' group ``"quantum"``.
        """
        return self._fitted_circuit().circuit.copy()

    @reads
    def draw(self, output="text", *, x=None, **options):
        """Draw the circuit that runs.

        Parameters
        ----------
        output : str, default="text"
            As of `QuantumCircuit.draw`.
        x : array-like of shape (n_features,), default=None
            A record: the numbers that run for it stand in the place of parameters.
        **options
            Of `QuantumCircuit.draw`.

        Returns
        -------
        object
            What `QuantumCircuit.draw` returns.

        Examples
        --------
        >>> from qiskit.circuit import Parameter, QuantumCircuit
        >>> from skqmu import QNNClassifier
        >>> circuit = QuantumCircuit(1)
        >>> circuit.ry(Parameter("x"), 0); circuit.rz(Parameter("a"), 0)  # doctest: +ELLIPSIS
        <...
        >>> clf = QNNClassifier(circuit=circuit, max_iter=2).fit([[0.0], [1.0]], [0, 1])
        >>> clf.draw()
           ┌───────┐┌───────┐
        q: ┤ Ry(x) ├┤ Rz(a) ├
           └───────┘└───────┘
        """
        return self._shown(x).draw(output, **options)

    @reads
    def to_qasm(self, *, x=None):
        """The circuit that runs as OpenQASM 3.

        Parameters
        ----------
        x : array-like of shape (n_features,), default=None
            A record: the numbers that run for it stand in the place of parameters, which are
            declared as inputs otherwise.

        Returns
        -------
        str

        Raises
        ------
        CircuitError
            A gate that has no definition before its parameters are numbers (amplitude
            encoding): pass `x`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import QNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = QNNClassifier(max_iter=1, random_state=0).fit(X, y)
        >>> clf.to_qasm().splitlines()[0]
        'OPENQASM 3.0;'
        """
        from qiskit import qasm3

        try:
            return qasm3.dumps(self._shown(x))
        except CircuitError as error:
            if x is not None:
                raise
            raise CircuitError(f"{error} Pass a record: to_qasm(x=X[0]).") from None

    def _shown(self, x):
        """The circuit with parameters; or with the numbers of a record."""
        qnn = self._fitted_circuit()
        if x is None:
            return qnn.circuit
        X = np.asarray(x, dtype=np.float64).reshape(1, -1)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"x must be one record, of {self.n_features_in_} features; got shape {np.shape(x)}."
            )
        network = self._network()
        place = next(i for i, e in enumerate(network.layers) if isinstance(e, QuantumLayer))
        values = X
        if place:
            values = network.outputs(self.params_, X, n_layers=place)
        numbers = dict(zip(qnn.inputs, values[0].tolist(), strict=True))
        weights = self.params_[network.layout.slices.get("quantum", slice(0))]
        numbers.update(zip(qnn.weights, weights.tolist(), strict=True))
        return qnn.circuit.assign_parameters(
            {p: v for p, v in numbers.items() if p in qnn.circuit.parameters}
        )


def _is_default(value, default):
    return value is default or (isinstance(value, str | bool) and value == default)


def _refuse_plain_circuits_in_a_search(params):
    """Say at the first candidate what a search over plain circuits says after the last.

    scikit-learn makes an array of all values when the fits are done, and NumPy takes a circuit,
    which is a sequence of instructions, apart.
    """
    found = [name for name, value in params.items() if _is_circuit(value)]
    searched = _searched_circuits() if found else ()
    if found and any(key.rpartition("__")[2] in found for key in searched):
        raise CircuitError(
            f"{found[0]} has a QuantumCircuit for a value, and scikit-learn's searches cannot list "
            "those: NumPy takes them apart, after all fits. Wrap the values: "
            f"{{{searched[0]!r}: skqmu.circuits.choices(one, other)}}."
        )


def _is_circuit(value):
    return hasattr(value, "assign_parameters")


def _searched_circuits():
    """Names of the plain circuits in the candidate that one of scikit-learn's searches tries."""
    frame = sys._getframe(1)
    while frame is not None:
        here = frame.f_code.co_name, frame.f_globals.get("__name__", "")
        if here == ("_fit_and_score", "sklearn.model_selection._validation"):
            candidate = frame.f_locals.get("parameters") or {}
            return [name for name, value in candidate.items() if _is_circuit(value)]
        frame = frame.f_back
    return []


def resolve_observables(value, n_qubits):
    """The observables of a structure as a list."""
    if isinstance(value, str):
        z = z_observables(n_qubits)
        return z if value == "z" else [*z, *zz_observables(n_qubits)]
    if not len(value):
        raise ValueError("observables is empty; name 'z', 'zz' or at least one SparsePauliOp.")
    return [_as_operator(observable) for observable in value]


def _as_operator(observable):
    """A Pauli, or its label, as an operator; anything else as it is."""
    from qiskit.quantum_info import Pauli, SparsePauliOp

    return SparsePauliOp(observable) if isinstance(observable, str | Pauli) else observable
