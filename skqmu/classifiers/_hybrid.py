"""`HybridQNNClassifier`: a classical front-end, a circuit and a classical head, trained jointly."""

import copy

import numpy as np

from .._validation import HasMethods, StrOptions, check_is_fitted
from ..circuits import PREPARING, mark_circuit
from ..network import Network, QiskitMLLayer, QuantumLayer, check_neural_network
from ._base import BaseUnlearningClassifier
from ._circuit import CircuitMixin, resolve_observables
from ._fitting import takes_steps
from ._input_scale import InputScaleMixin, input_scale_layers, resolved_input_scale
from ._layer_specs import (
    FRONT_ENDS,
    classical_layers,
    dense_core,
    front_layers,
    image_shape_for,
)
from ._weights import NamedWeightsMixin
from .state import reads

__all__ = ["HybridQNNClassifier"]

# Qubits that n_qubits=None takes: behind a dense front-end, and behind a convolutional one.
_DENSE, _CNN = 5, 8


class HybridQNNClassifier(
    CircuitMixin, InputScaleMixin, NamedWeightsMixin, BaseUnlearningClassifier
):
    """Hybrid quantum neural network classifier that can forget.

    A classical front-end turns a record into angles (or amplitudes), a circuit with
    trainable layers follows, and a classical head reads the expectation values. All
    parameters form one vector and are trained together; its groups are ``"front.0"``, ...,
    ``"quantum"``, ``"head.0"``, ...

    Parameters
    ----------
    front_end : {"dense", "none", "cnn-h", "cnn-s"} or torch.nn.Module, default="dense"
        ``"dense"``: `front_layers`, then a dense layer to the circuit's inputs. ``"none"``:
        features enter the circuit themselves. ``"cnn-h"``: two convolutions of 16 and 32
        channels (3 x 3, ReLU, 2 x 2 max pool each), then dense; ``"cnn-s"``: one of 5 channels
        (5 x 5), then dense and LeakyReLU (the front-ends of the studies arXiv 2512.19253 and
        2509.06086). These two and modules need the extra ``torch``. A module must end with
        as many outputs as the circuit has inputs; it is copied, and its values are honoured
        as `reset` says. `input_scale` says how these become angles.
    front_layers : sequence of (int or str), default=()
        For ``"dense"``: layers before the last one, described as `head_layers`.
    image_shape : tuple of int or None, default=None
        Shape of a row for a convolution or a module, (height, width) or (channels, height,
        width). None: square for ``"cnn-*"``, a vector for a module. Rows may then be given
        in this shape or flattened.
    dtype : {"float32", "float64"}, default="float32"
        What torch computes in. Everything else is float64.
    reset : {"trainable", "all"} or None, default=None
        What of a module every fit draws anew. None: nothing. Parameters that require no
        gradient (``module.requires_grad_(False)``) are frozen: no fit and no deletion moves
        them, and no gradient is taken below the last that do; the others START each fit at
        the module's values. ``"trainable"``: these others are drawn anew from `random_state`,
        for a frozen part with new layers behind it. ``"all"``: everything is drawn anew and
        trained. Named front-ends are always drawn. See the notes.
    head_layers : sequence of (int or str), default=(16, "relu")
        Layers between the circuit and the last dense layer, in order: an integer is a dense
        layer of that width, a string ``"batch_norm"``, ``"dropout:RATE"``, or an activation
        (``"relu"``, ``"leaky_relu"``, ``"elu"``, ``"tanh"``, ``"pi_tanh"``, ``"sigmoid"``).
    core : {"quantum", "dense"} or NeuralNetwork, default="quantum"
        ``"dense"``: the classical twin. Two dense layers with about as many parameters
        (and a tanh) take the circuit's place, so that no claim about a circuit stands
        without its control. An `EstimatorQNN`, `SamplerQNN` or other network of
        qiskit-machine-learning: it is the circuit, with its own primitive and gradient (see
        :class:`skqmu.network.QiskitMLLayer`); `encoding` to `backend` are then not used, its
        initial weights are drawn here, and `estimate_cost` is not to be had. To be pickled, a
        `SamplerQNN` needs a named function, such as ``interpret=int``.
    encoding : {"angle", "angle_xyz", "iqp", "amplitude"}, QuantumCircuit or Choice, \
default="angle"
        See :func:`skqmu.circuits.build_circuit`.
    input_scale : {"auto", "learned"}, float, array-like of shape (n_inputs,) or None, \
default="auto"
        How numbers become the circuit's angles, without one wrapping; as of `QNNClassifier`,
        with a scale for each input of the circuit. ``"auto"`` learns them behind any
        front-end. None: ``pi * tanh`` behind a front-end, as in the studies.
    ansatz : {"strong", "rotations_cz", "real_amplitudes", "efficient_su2"}, QuantumCircuit \
or Choice, default="rotations_cz"
    n_qubits : int or None, default=None
        None: 5 behind a dense front-end, 8 behind a convolution or a module; with
        ``front_end="none"`` as many as features, at least 4 and at most 8; with a circuit
        its own.
    n_layers : int or None, default=None
        None: 2 layers of a named ansatz; a circuit of your own runs once.
    entanglement : {"none", "linear", "ring", "full"}, default="ring"
    reuploading : bool, default=False
    circuit : QuantumCircuit, (QuantumCircuit, inputs, weights), Choice or None, default=None
        As of `QNNClassifier`; the front-end has as many outputs as it has inputs.
    inputs : ParameterVector, iterable of Parameter or str, str or None, default=None
    observables : {"z", "zz"}, list of SparsePauliOp or label, or Choice, default="zz"
    backend : {"statevector", ...}, BaseBackend, or V2 primitive or device of qiskit, \
default="statevector"
        As of `QNNClassifier`, and so are the parameters that follow.
    solver : {"adam", "sgd", "spsa", "cobyla", "nft", "l_bfgs_b", ...} or Optimizer, \
default="adam"
    learning_rate_init : float, default=0.02
    batch_size : int or "auto", default="auto"
    max_iter : int, default=150
    alpha : float, default=0.0
        Strength of the L2 penalty on the kernels of dense layers.
    tol : float, default=1e-4
    n_iter_no_change : int, default=10
    early_stopping : bool, default=False
    validation_fraction : float, default=0.1
    momentum : float, default=0.9
    nesterovs_momentum : bool, default=True
    beta_1, beta_2 : float, default=0.9, 0.999
    epsilon : float, default=1e-8
    class_weight : dict, "balanced" or None, default=None
    privacy : DifferentialPrivacy or None, default=None
        As of `QNNClassifier`; a front-end without batch norm or dropout, which treats each row by
        itself.
    warm_start : bool, default=False
    unlearning : str or UnlearningStrategy, default="retrain"
    store_data : {"rows", "fingerprints", "none"}, default="rows"
    log_updates : bool, default=False
    checkpoint : path-like or None, default=None
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    params_ : ndarray
        All parameters, then the buffers (running statistics of batch norm).
    buffers_ : dict of str to ndarray
        Buffers by name: what training derived from the data without a gradient.
    n_qubits_ : int
    circuit_ : QuantumCircuit
        As of `QNNClassifier`.
    backend_ : BaseBackend or None
        As of `QNNClassifier`; None where `core` is no circuit of this package.
    epsilon_ : float
    privacy_spent_ : dict
        With `privacy`; as of `QNNClassifier`.
    unlearning_log_ : list of dict
    history_ : list of dict
    fit_cost_ : dict
        What the last fit (or refit, by `unlearn`) spent: ``forward_rows``,
        ``gradient_rows``, ``circuits`` and ``shots``.
    n_features_in_ : int
        Pixels count as features.

    See Also
    --------
    QNNClassifier : Without classical layers before the circuit.

    Notes
    -----
    Buffers are restored when a step or a request fails and start anew at retraining. Rows to
    forget never move them, but what they left there during `fit` stays until retraining:
    each entry of the log names the buffers.

    **Modules with values.** `clone` copies a module whole (values, ``requires_grad``, modes), so
    that refits, warm starts, shadows, oracles and shards have the same frozen parts and the
    same start, whatever their seeds; what has been fitted is on a copy, and `front_end` stays
    as it was passed. A part whose parameters are all frozen computes in training as in
    prediction: no dropout, and running statistics stay. So does, with ``reset=None``, a part
    in evaluation mode (``module.eval()``), whose parameters, if not frozen, still train. A
    module that was just made is given values too, by torch's generator: seed it
    (`torch.manual_seed`), or use ``reset="all"`` to have `random_state` draw them.

    A module of another package (a `TorchLayer` of PennyLane, a `TorchConnector`) is trained as
    torch's own; where it takes shots, these are its own draws, which `random_state` does not
    govern. A module takes one input, the rows: several stand side by side in them, and a module
    around yours splits them.

    Where a module's values were trained cannot be known here. If the forgotten rows were among
    that data, no mechanism reaches them there, retraining included: the log says so, and a
    certificate assumes that they were not.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skqmu import HybridQNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = HybridQNNClassifier(max_iter=20, random_state=0).fit(scale(X), y)
    >>> list(clf.get_weights())
    ['front.0.kernel', 'front.0.bias', 'input_scale.log_scale', 'quantum.angles', \
'head.0.kernel', 'head.0.bias', 'head.2.kernel', 'head.2.bias']
    """

    _parameter_constraints = {
        **BaseUnlearningClassifier._parameter_constraints,
        "front_end": [StrOptions(set(FRONT_ENDS)), HasMethods(["forward", "state_dict"])],
        "front_layers": [list, tuple],
        "image_shape": [list, tuple, None],
        "dtype": [StrOptions({"float32", "float64"})],
        "reset": [StrOptions({"trainable", "all"}), None],
        "head_layers": [list, tuple],
        "core": [StrOptions({"quantum", "dense"}), HasMethods(["forward", "backward"])],
        **CircuitMixin._parameter_constraints,
        **InputScaleMixin._parameter_constraints,
    }

    _named_layers = 2

    def __init__(
        self,
        front_end="dense",
        *,
        front_layers=(),
        image_shape=None,
        dtype="float32",
        reset=None,
        head_layers=(16, "relu"),
        core="quantum",
        encoding="angle",
        input_scale="auto",
        ansatz="rotations_cz",
        n_qubits=None,
        n_layers=None,
        entanglement="ring",
        reuploading=False,
        circuit=None,
        inputs=None,
        observables="zz",
        backend="statevector",
        solver="adam",
        learning_rate_init=0.02,
        batch_size="auto",
        max_iter=150,
        alpha=0.0,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        class_weight=None,
        privacy=None,
        warm_start=False,
        unlearning="retrain",
        store_data="rows",
        log_updates=False,
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.front_end = front_end
        self.front_layers = front_layers
        self.image_shape = image_shape
        self.dtype = dtype
        self.reset = reset
        self.head_layers = head_layers
        self.core = core
        self.encoding = encoding
        self.input_scale = input_scale
        self.ansatz = ansatz
        self.n_qubits = n_qubits
        self.n_layers = n_layers
        self.entanglement = entanglement
        self.reuploading = reuploading
        self.circuit = circuit
        self.inputs = inputs
        self.observables = observables
        self.backend = backend
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.alpha = alpha
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.class_weight = class_weight
        self.privacy = privacy
        self.warm_start = warm_start
        self.unlearning = unlearning
        self.store_data = store_data
        self.log_updates = log_updates
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    def _as_rows(self, X):
        """Images as flat rows; anything else as it is."""
        takes_images = self.image_shape is not None or (
            isinstance(self.front_end, str) and self.front_end.startswith("cnn")
        )
        shape = np.shape(X) if takes_images and hasattr(X, "__array__") else ()
        if len(shape) < 3:
            return X
        expected = self.image_shape
        if expected is not None and tuple(shape[1:]) not in (tuple(expected), (1, *expected)):
            raise ValueError(
                f"X holds images of shape {tuple(shape[1:])}; image_shape={expected!r} is what "
                f"this {type(self).__name__} takes, or flattened rows."
            )
        return np.asarray(X).reshape(shape[0], -1)

    def _structure_for(self, n_features):
        circuit = self._circuit_structure(n_features)
        n_inputs = self._n_circuit_inputs(circuit, n_features)
        encoding = self._named_encoding()
        return {
            "front_end": self.front_end,
            "front_layers": tuple(self.front_layers),
            "image_shape": image_shape_for(self.front_end, self.image_shape, n_features),
            "dtype": self.dtype,
            "reset": self.reset,
            "head_layers": tuple(self.head_layers),
            "core": self.core,
            **circuit,
            "input_scale": resolved_input_scale(
                self.input_scale,
                encoding=encoding,
                n_inputs=n_inputs,
                searched=not takes_steps(self),
                behind_layers=not (isinstance(self.front_end, str) and self.front_end == "none"),
                foreign=not isinstance(self.core, str),
            ),
            "n_circuit_inputs": n_inputs,
            "angles": not isinstance(self.core, str) or encoding not in PREPARING,
        }

    def _own_param(self, name, value):
        if name == "core" and not isinstance(value, str):
            return copy.copy(value)  # shallow: a network of qiskit may hold an open session
        return super()._own_param(name, value)

    def _n_qubits_for(self, n_features):
        if not isinstance(self.core, str):
            return getattr(self.core, "num_virtual_qubits", None)
        return super()._n_qubits_for(n_features)

    def _usual_n_qubits(self, n_features):
        if isinstance(self.front_end, str) and self.front_end in ("dense", "none"):
            return _DENSE if self.front_end == "dense" else super()._usual_n_qubits(n_features)
        return _CNN

    def _n_circuit_inputs(self, circuit, n_features):
        if isinstance(self.front_end, str) and self.front_end == "none":
            return n_features
        if not isinstance(self.core, str):
            return self.core.num_inputs
        if circuit["circuit"] is not None:
            return len(mark_circuit(circuit["circuit"], circuit["inputs"]).inputs)
        if not isinstance(circuit["encoding"], str):
            return circuit["encoding"].num_parameters
        n_qubits = circuit["n_qubits"]
        return 2**n_qubits if circuit["encoding"] == "amplitude" else n_qubits

    def _check_parameters(self):
        super()._check_parameters()
        if not isinstance(self.core, str):
            check_neural_network(self.core, "core")
        if len(self.front_layers) and self.front_end != "dense":
            raise ValueError(
                f"front_layers={self.front_layers!r} belongs to front_end='dense'; this classifier "
                f"has front_end={self.front_end!r}."
            )
        encoding = self._named_encoding()
        if encoding in ("state", "unnormalised"):
            raise ValueError(
                f"encoding={encoding!r} takes rows as they stand, and a front-end would change "
                "them; use QNNClassifier, or encoding='amplitude'."
            )
        for name in ("front_layers", "head_layers"):
            try:
                classical_layers(getattr(self, name), name, 1)
            except ValueError as error:
                raise ValueError(f"{name}={getattr(self, name)!r}: {error}") from error

    def _build_network(self, structure, n_features, n_classes, backend):
        n_inputs = structure["n_circuit_inputs"]
        front = [
            *front_layers(structure, n_features),
            *input_scale_layers(structure, n_inputs),
        ]
        if not isinstance(structure["core"], str):
            return self._around(structure, front, n_classes)
        observables = resolve_observables(structure["observables"], structure["n_qubits"])
        qnn = self._built_circuit(structure, n_inputs)
        if structure["core"] == "dense":
            core = dense_core(n_inputs, len(observables), len(qnn.weights))
        else:
            core = [
                QuantumLayer(
                    backend.compile(
                        qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights
                    )
                )
            ]
        items = (*structure["head_layers"], n_classes)
        head, _ = classical_layers(items, "head", len(observables))
        return Network([*front, *core, *head])

    def _around(self, structure, front, n_classes):
        """Network with a circuit of qiskit-machine-learning in the middle."""
        core = QiskitMLLayer(structure["core"])
        if core.n_inputs != structure["n_circuit_inputs"]:
            raise ValueError(
                f"core takes {core.n_inputs} inputs and the rows of X have "
                f"{structure['n_circuit_inputs']} features; use front_end='dense', or as many "
                "features."
            )
        items = (*structure["head_layers"], n_classes)
        return Network([*front, core, *classical_layers(items, "head", core.n_outputs)[0]])

    def _unrun(self):
        if not isinstance(self.core, str):
            raise ValueError(
                "estimate_cost counts circuits of this package; with a core of "
                "qiskit-machine-learning, fit a few rows and read fit_cost_."
            )
        return super()._unrun()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not isinstance(self.core, str):
            tags.non_deterministic = getattr(self.core, "default_precision", 1.0) != 0
        elif self.core == "dense":
            tags.non_deterministic = False
        return tags

    def _fitted_circuit(self):
        check_is_fitted(self, "params_")
        core = self._structure["core"]
        if not isinstance(core, str) or core != "quantum":
            shown = core if isinstance(core, str) else type(core).__name__
            raise AttributeError(
                f"core={shown!r}: this classifier runs no circuit of this package; a network of "
                "qiskit-machine-learning has its own, core.circuit."
            )
        return self._built_circuit(self._structure, self._structure["n_circuit_inputs"])

    @property
    @reads
    def buffers_(self):
        """Running statistics and other buffers by name, as in `get_weights`."""
        check_is_fitted(self, "params_")
        layout, found = self._network().layout, {}
        weights = self.get_weights()
        for group in layout.buffers:
            own = layout.slices.get(group, slice(0, 0))
            left = own.stop - own.start
            for name in (name for name in weights if name.startswith(f"{group}.")):
                # buffers stand behind the parameters of their group
                if left <= 0:
                    found[name] = weights[name]
                left -= weights[name].size
        return found

    @property
    @reads
    def backend_(self):
        """The backend that predictions run on; None where `core` runs on none."""
        backend = super().backend_
        core = self._structure["core"]
        return backend if isinstance(core, str) and core == "quantum" else None

    @property
    @reads
    def n_qubits_(self):
        """Qubits of the fitted circuit."""
        check_is_fitted(self, "params_")
        return self._structure["n_qubits"]
