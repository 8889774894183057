"""`QNNClassifier`: a variational quantum circuit with a linear head."""

from numbers import Real

import numpy as np

from .._validation import Interval, StrOptions, check_is_fitted
from ..circuits import Probabilities
from ..network import BornLogits, Dense, FixedGain, Network, OneVsRest, QuantumLayer
from ..statistics import StatisticsProgram
from ._base import BaseUnlearningClassifier
from ._circuit import CircuitMixin, resolve_observables
from ._fitting import takes_steps
from ._fixed_readout import (
    check_fixed_head,
    check_one_a_class,
    check_states,
    check_unnormalised,
    takes_states,
)
from ._input_scale import InputScaleMixin, input_scale_layers, resolved_input_scale
from ._on_statistics import check_linear_loss
from ._statistics_access import StatisticsAccessMixin
from .state import reads

__all__ = ["QNNClassifier"]

# Heads that are solved, not trained.
_SOLVED = ("ridge", "logistic")


class QNNClassifier(StatisticsAccessMixin, CircuitMixin, InputScaleMixin, BaseUnlearningClassifier):
    """Quantum neural network classifier that can forget.

    The features of a record enter a circuit as rotation angles, trainable layers follow,
    and a softmax over a linear head reads the expectation values <Z> of every qubit and <ZZ>
    of every pair.

    Parameters
    ----------
    encoding : {"angle", "angle_xyz", "iqp", "amplitude", "state", "unnormalised"}, \
QuantumCircuit or Choice, default="angle"
        How features enter. See :func:`skqmu.circuits.build_circuit`. ``"state"``: rows are quantum
        states, ``2 ** n_qubits`` real parts and as many imaginary parts behind them, of norm 1 to
        within 1e-6 (see :func:`skqmu.datasets.make_xxz`). ``"unnormalised"``: rows are the
        initial vector as they stand, which no device can prepare (expectation values exceed 1;
        ``backend="statevector"``, ``loss="cross_entropy"`` and ``trainable="all"`` only).
        As one of several values of a search a circuit goes into
        :func:`skqmu.circuits.choices`.
    input_scale : {"auto", "learned"}, float, array-like of shape (n_features,) or None, \
default="auto"
        How features become the angles of a named encoding, between whose bounds none wraps (see
        :class:`skqmu.network.InputScale`; the bound is 3/4 pi, divided where features fold onto a
        qubit). ``"learned"``: each feature has a scale that is trained with the rest, from one
        radian a unit on (not with ``trainable="head"``). Numbers: fixed scales, in radians a
        unit near 0. None: features are the angles as they stand, in radians, repeating every
        2 pi. ``"auto"``: ``"learned"`` for the encodings by angles, 1.0 where `solver` is
        neither ``"adam"`` nor ``"sgd"``; None where features are amplitudes, and for a circuit of
        your own.
        On sampled backends learned scales cost two circuits more a row and step for each
        rotation that holds a feature.
    ansatz : {"strong", "rotations_cz", "rotations_rzz", "real_amplitudes", "efficient_su2"}, \
QuantumCircuit or Choice, default="strong"
        Trainable layers. Parameters of a circuit are weights, in natural order (x2 before x10).
    n_qubits : int or None, default=None
        None: as many as features, at least 4 and at most 8 (where features are amplitudes: as
        few as hold them; with a circuit: its own). Features fold onto fewer qubits:
        feature ``i`` acts on qubit ``i % n_qubits``.
    n_layers : int or None, default=None
        None: 3 layers of a named ansatz; a circuit of your own runs once, as drawn. A number
        repeats it, too, each time with weights of its own.
    entanglement : {"none", "linear", "ring", "full"}, default="ring"
    loss : {"cross_entropy", "linear"}, default="cross_entropy"
        ``"linear"``: the share of wrong answers if the class were read off one shot a row,
        ``mean(1 - Pr(outcome y))`` with the lowest qubits' outcome as the class. It is linear in
        expectation values, so that `fit` keeps and trains on class statistics, sums over rows
        in whole numbers, and ``statistics_downdate`` deletes exactly at a cost that does not
        depend on the number of rows. See Notes.
    reuploading : bool, default=False
        Repeat the encoding before every layer (Perez-Salinas et al. 2020).
    circuit : QuantumCircuit, (QuantumCircuit, inputs, weights), Choice or None, default=None
        Your own circuit for both, features and weights, in the place of `encoding` and
        `ansatz`; also what ``qnn_circuit`` of qiskit-machine-learning returns.
    inputs : ParameterVector, iterable of Parameter or str, str or None, default=None
        Which parameters of `circuit` hold the features, in the order of the features; all
        others are weights. A name stands for a vector, or for all that are called so but for a
        number: ``"x"`` for x0, x1, ... None: those of the triple, or the parameters that are
        called x, data, input or feature. See :func:`skqmu.circuits.mark_circuit`.
    observables : {"z", "zz"}, list of SparsePauliOp or label, or Choice, default="zz"
        What the head reads: <Z> of each qubit, these and <ZZ> of each pair, or your own.
    trainable : {"all", "head"}, default="all"
        ``"head"``: circuit weights stay as they are drawn or given; only such a model can
        be downdated exactly or with a certificate.
    circuit_weights : array-like of shape (n_weights,) or None, default=None
        For ``trainable="head"``: weights trained on other data.
    initial_std : float or None, default=None
        Standard deviation of the normal initial circuit weights, in radians; None:
        ``1 / sqrt(weights a qubit)``.
    head : {"softmax", "ridge", "logistic", "fixed"}, default="softmax"
        ``"fixed"``: no head is trained; the logits are `head_gain` times the observables, one a
        class. A single one stands for two classes: the second has the probability
        ``sigmoid(head_gain * value)``. For ``trainable="head"``: ``"ridge"``, least squares, or
        ``"logistic"``, one-vs-rest logistic regressions, both solved instead of trained.
    head_gain : float, default=1.0
        Of a fixed head.
    head_penalty : float, default=0.1
        Of a solved head: on the summed squares (ridge), or per row (logistic).
    objective_noise : float, default=0.0
        Standard deviation of the random linear term in a logistic head's loss, which
        `CertifiedRemoval` needs. It must stay secret, and `random_state` determines it.
    backend : {"statevector", "aer", ...}, Backend, or V2 primitive or device of qiskit, \
default="statevector"
        Where circuits run. An object of qiskit (``AerSimulator()``, ``StatevectorSampler()``)
        is run by :class:`skqmu.backends.PrimitiveBackend`. It may be changed after `fit`: the
        same weights predict on any backend, and deletion requests run there too.
    solver : {"adam", "sgd", "spsa", "cobyla", "nft", "l_bfgs_b", ...} or Optimizer, \
default="adam"
        Besides ``"adam"`` and ``"sgd"``, the optimizers of qiskit-machine-learning
        (which must be installed), for losses that are noisy or whose gradients cost too much:
        by name (``"aqgd"``, ``"cg"``, ``"cobyla"``, ``"gsls"``, ``"l_bfgs_b"``,
        ``"nelder_mead"``, ``"nft"``, ``"powell"``, ``"slsqp"``, ``"spsa"``, ``"tnc"``,
        ``"umda"``) or as an object of `qiskit_machine_learning.optimizers`. See Notes.
    learning_rate_init : float, default=0.05
        For ``"adam"``, ``"sgd"``, and ``"spsa"``, whose k-th step goes
        ``10 * learning_rate_init * k**-0.3`` times the estimated slope along its direction.
    batch_size : int or "auto", default="auto"
        ``"auto"``: min(200, n_samples).
    max_iter : int, default=150
        Epochs at most, an epoch being one pass over the data.
    alpha : float, default=0.0
        Strength of the L2 penalty on the head's kernel, divided by the number of training
        rows. Circuit weights are angles and are not penalised.
    tol : float, default=1e-4
    n_iter_no_change : int, default=10
        Training ends when the loss (with `early_stopping`: the validation loss) has not
        improved by `tol` for so many epochs.
    early_stopping : bool, default=False
        Hold a part of the data out, and keep the epoch with the lowest loss on it.
    validation_fraction : float, default=0.1
    momentum : float, default=0.9
        For ``solver="sgd"``.
    nesterovs_momentum : bool, default=True
    beta_1 : float, default=0.9
        For ``solver="adam"``.
    beta_2 : float, default=0.999
    epsilon : float, default=1e-8
    class_weight : dict, "balanced" or None, default=None
        A class that a dict leaves out weighs 1. `partial_fit` balances each call's rows.
    privacy : DifferentialPrivacy or None, default=None
        :class:`skqmu.privacy.DifferentialPrivacy`: each record's gradient is cut and the sums are
        noised, by the operating system's entropy and not by `random_state`, so that the
        parameters hardly depend on any one row. `fit` takes all `max_iter` epochs then (`tol` and
        `n_iter_no_change` say nothing) and warns of nothing that it saw in the rows.
    warm_start : bool, default=False
        Let `fit` go on from the last parameters. Rows of earlier fits stay members. A circuit
        or head that was changed since is refused.
    unlearning : str or UnlearningStrategy, default="retrain"
        What `unlearn` does: exact by default, approximate by choice. It may be changed after
        `fit`. (All other parameters act at the next `fit`, see `set_params`.)
    store_data : {"rows", "fingerprints", "none"}, default="rows"
        What is remembered of the training rows. ``"rows"``: the rows, so that
        ``unlearn(X_forget)`` is all that a request needs. ``"fingerprints"``: keyed hashes
        and labels; requests are still checked, retained rows must be passed. ``"none"``:
        nothing; requests cannot be checked.
    log_updates : bool, default=False
        Write down every step and who was in its batch, for the strategy `Amnesiac`.
        Takes memory of n_parameters numbers a step.
    checkpoint : path-like or None, default=None
        File that `fit` writes after each epoch and on interruption, and resumes from.
        Needs an integer `random_state`. One file serves one fit: a checkpoint of other
        data or parameters is refused (so leave it None inside a grid search). It is
        deleted by `unlearn`, which goes on, where it retrains and was cut off, from a file of
        this name with ``.unlearn`` behind it.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1: a progress bar; 2: a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Keeps a class whose rows are all forgotten.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where `X` has string column names.
    n_qubits_ : int
    circuit_ : QuantumCircuit
        What runs, with parameters for inputs and weights; `draw` and `to_qasm` show it.
    backend_ : BaseBackend
        What predictions run on: `backend`, a name made an object. It follows
        ``set_params(backend=...)``.
    params_ : ndarray of shape (n_parameters,)
        Logarithms of learned input scales, circuit weights, then the head's kernel and bias.
    input_scale_ : ndarray of shape (n_features,) or None
        Radians a unit of each feature, near 0.
    class_statistics_ : ndarray of shape (n_classes, 2**n_qubits, 2**n_qubits)
        With ``loss="linear"``: the sums over rows that stand in for these.
    class_counts_ : ndarray of shape (n_classes,)
        Likewise: how many rows of each class they are over.
    epsilon_ : float
        With `privacy`: what the parameters give away of a row, at ``privacy.delta``.
    privacy_spent_ : dict
        With `privacy`: the account of the fits, deletions by retraining among them.
    history_ : list of dict
        One row an epoch: ``epoch``, ``loss``, ``gradient_norm`` (where the solver takes
        gradients), ``seconds``, and with early stopping ``valid_loss`` and ``valid_score``.
    loss_curve_ : list of float
    loss_ : float
    n_iter_ : int
    stop_reason_ : str
    fit_cost_ : dict
        What the last fit (or refit, by `unlearn`) spent: ``forward_rows``,
        ``gradient_rows``, ``circuits`` and ``shots``.
    unlearning_log_ : list of dict
        One entry a deletion request: ``strategy``, ``params``, ``kind``, ``status`` ("done",
        "short of target", "damaged"; "failed", "diverged" and "interrupted" changed
        nothing), counts, ``seconds``, ``cost`` (rows, circuits, shots), ``before``,
        ``after``, ``measuring_cost`` (what measuring these two took, beside ``cost``),
        ``stop_reason``, ``target_reached`` (None: there is no target), ``reference`` (what
        the stop rule went by: "given", "validation", "leave-one-out", an estimate, or
        "members", a lower bound; "retained" or "chance" for a removed class), ``harm`` (to
        retained rows, since the last fit), ``certificate`` (or None), ``notes``,
        ``beyond_reach``.

    See Also
    --------
    skqmu.unlearning : The strategies.
    sklearn.neural_network.MLPClassifier : The classical twin.

    Notes
    -----
    Deviations from `MLPClassifier`: early stopping watches the validation loss, not the
    accuracy (which saturates on small parts and keeps an early model); weights of a batch
    are relative to the mean weight of the training set (for `partial_fit`: of the call);
    the penalty `alpha` is divided by the rows of the training set, not of the batch.

    With ``loss="linear"`` the rows enter training through ``S_c = sum w |x><x|``, one matrix of
    4^n_qubits numbers a class (16 bytes each: up to 8 or 10 qubits), counts and sums of weights;
    class weights and the normaliser are applied afterwards. All must be fixed that the states
    depend on: no learned `input_scale` (``"auto"`` is 1.0 here) nor `reuploading`, the exact
    backend, all rows in each step, no validation rows, no `observables`, `head` or `alpha`;
    what differs is refused. `partial_fit` adds rows to the sums and trains again from the start
    of the fit, so that it equals `fit` on all rows; a row that comes again counts again, and
    ``class_weight="balanced"`` balances all rows. The statistics are stored data: they stay in
    pickles, whatever `store_data` says, and `release` drops them. `predict_proba` gives the
    frequencies that measuring would give (Born's rule): the loss is improper and nothing
    calibrates them, so that they are to be read as a ranking, not as chances of being right. A
    step costs as much as some 2^n_qubits rows would, and a row of `fit_cost_` is one of these.

    An optimizer of qiskit-machine-learning chooses for itself where to evaluate the loss. One
    evaluation over all rows, batch by batch, with the gradient if it wants one, is an epoch: a
    row of `history_`, one of `n_iter_`, and of the `max_iter` that bound what a fit can cost. So
    SPSA takes two a step, and an object that needs more than `max_iter` (SPSA without gains
    spends 50 on calibrating them) is stopped there with a `ConvergenceWarning`. The model is
    where the optimizer ends; where `max_iter`, a callback, a budget or Ctrl-C ends it, the best
    point so far. `random_state` governs the random draws, and the library's global generator is
    left as it was. An object's own settings are its own (`tol`, `n_iter_no_change` and, but for
    ``"spsa"``, `learning_rate_init` say nothing to it), and `fit` works on a copy. Neither
    `early_stopping`, `log_updates` nor `partial_fit` goes with such a solver; deletion
    mechanisms that take gradient steps take them with Adam. COBYLA, Nelder-Mead and Powell
    decide by comparing losses, so that a last bit of one may change the path.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> X = scale(X)
    >>> clf = QNNClassifier(max_iter=20, random_state=0).fit(X, y)
    >>> clf.predict_proba(X[:2]).shape
    (2, 3)
    >>> clf = clf.unlearn(X[:3])
    >>> clf.unlearning_log_[-1]["strategy"], clf.is_member(X[:4]).tolist()
    ('Retrain', [False, False, False, True])
    """

    _parameter_constraints = {
        **BaseUnlearningClassifier._parameter_constraints,
        **CircuitMixin._parameter_constraints,
        **InputScaleMixin._parameter_constraints,
        "loss": [StrOptions({"cross_entropy", "linear"})],
        "trainable": [StrOptions({"all", "head"})],
        "circuit_weights": ["array-like", None],
        "initial_std": [Interval(Real, 0, None, closed="left"), None],
        "head": [StrOptions({"softmax", "ridge", "logistic", "fixed"})],
        "head_gain": [Interval(Real, 0, None, closed="neither")],
        "head_penalty": [Interval(Real, 0, None, closed="neither")],
        "objective_noise": [Interval(Real, 0, None, closed="left")],
    }

    _named_layers = 3

    def __init__(
        self,
        encoding="angle",
        *,
        input_scale="auto",
        ansatz="strong",
        n_qubits=None,
        n_layers=None,
        entanglement="ring",
        loss="cross_entropy",
        reuploading=False,
        circuit=None,
        inputs=None,
        observables="zz",
        trainable="all",
        circuit_weights=None,
        initial_std=None,
        head="softmax",
        head_gain=1.0,
        head_penalty=0.1,
        objective_noise=0.0,
        backend="statevector",
        solver="adam",
        learning_rate_init=0.05,
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
        self.encoding = encoding
        self.input_scale = input_scale
        self.ansatz = ansatz
        self.n_qubits = n_qubits
        self.n_layers = n_layers
        self.entanglement = entanglement
        self.loss = loss
        self.reuploading = reuploading
        self.circuit = circuit
        self.inputs = inputs
        self.observables = observables
        self.trainable = trainable
        self.circuit_weights = circuit_weights
        self.initial_std = initial_std
        self.head = head
        self.head_gain = head_gain
        self.head_penalty = head_penalty
        self.objective_noise = objective_noise
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

    def _structure_for(self, n_features):
        return {
            **self._circuit_structure(n_features),
            "input_scale": resolved_input_scale(
                self.input_scale,
                encoding=self._named_encoding(),
                n_inputs=n_features,
                searched=self.loss == "linear" or not takes_steps(self),
            ),
            "loss": self.loss,
            # A certificate rests on these: they are fit's, whatever is set afterwards.
            "trainable": self.trainable,
            "circuit_weights": self.circuit_weights,
            "initial_std": self.initial_std,
            "head": self.head,
            "head_gain": self.head_gain,
            "head_penalty": self.head_penalty,
            "objective_noise": self.objective_noise,
        }

    def _build_network(self, structure, n_features, n_classes, backend):
        qnn = self._built_circuit(structure, n_features)
        check_states(qnn.circuit, structure["trainable"])
        own = {"initial_std": structure["initial_std"], "unit_inputs": takes_states(qnn)}
        if structure["loss"] == "linear":
            readout = Probabilities(structure["n_qubits"], "first", n_classes)
            executable = backend.compile(
                qnn.circuit, readout, inputs=qnn.inputs, weights=qnn.weights
            )
            scale = input_scale_layers(structure, n_features)
            quantum = QuantumLayer(executable, **own)
            return Network([*scale, quantum, BornLogits()])
        observables = resolve_observables(structure["observables"], structure["n_qubits"])
        executable = backend.compile(
            qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights
        )
        quantum = QuantumLayer(executable, **own)
        layers = [*input_scale_layers(structure, n_features), quantum]
        if structure["head"] == "fixed":
            check_one_a_class(observables, n_classes)
            return Network([*layers, FixedGain(structure["head_gain"])])
        if structure["head"] == "logistic" and n_classes > 1:
            n_columns = 1 if n_classes == 2 else n_classes
            return Network([*layers, Dense("head", len(observables), n_columns), OneVsRest()])
        return Network([*layers, Dense("head", len(observables), n_classes)])

    def _observable_bounds(self):
        """Largest absolute value that each observable may take."""
        observables = resolve_observables(
            self._structure["observables"], self._structure["n_qubits"]
        )
        return np.array([np.abs(observable.coeffs).sum() for observable in observables])

    def _statistics_program(self, n_classes):
        structure, n_features = self._structure, self.n_features_in_
        return StatisticsProgram(
            *self._built_circuit(structure, n_features),
            n_classes=n_classes,
            backend=self._backend(),
            before=input_scale_layers(structure, n_features),
        )

    def _trains_on_statistics(self):
        return self._structure["loss"] == "linear"

    def _check_parameters(self):
        super()._check_parameters()
        check_fixed_head(self)
        check_unnormalised(self, self._named_encoding())
        if self.loss == "linear":
            check_linear_loss(self)
        if self.trainable == "all":
            given = []
            if self.head in _SOLVED:
                given.append(f"head={self.head!r}")
            if self.circuit_weights is not None:  # an array: it has no one truth value
                shape = np.shape(self.circuit_weights)
                given.append(f"circuit_weights=<array of shape {shape}>")
            if given:
                raise ValueError(
                    f"{given[0]} needs trainable='head': a solved head, or given circuit weights, "
                    "go with a circuit that is not trained. To start training from weights, fit "
                    "with warm_start=True after set_weights."
                )
        if self.objective_noise and self.head != "logistic":
            raise ValueError(
                f"objective_noise={self.objective_noise!r} belongs to head='logistic'; this "
                f"classifier has head={self.head!r}."
            )
        if self.class_weight == "balanced" and self.head in _SOLVED:
            raise ValueError(
                "class_weight='balanced' makes every row's weight depend on the others, so that no "
                f"row can be taken out of a head={self.head!r}; use a dict."
            )

    def _initial_params(self, network, seed):
        params = super()._initial_params(network, seed)
        if self._structure["circuit_weights"] is not None:
            weights = np.asarray(self._structure["circuit_weights"], dtype=float)
            part = network.layout.slices["quantum"]
            if weights.shape != params[part].shape or not np.isfinite(weights).all():
                raise ValueError(
                    f"circuit_weights must be {part.stop - part.start} finite numbers for this "
                    f"circuit; got shape {weights.shape}."
                )
            params[part] = weights
        return params

    def _trainable_mask(self, network):
        return network.layout.mask(["head"]) if self._structure["trainable"] == "head" else None

    def _given_parts(self):
        given = self._structure["circuit_weights"] is not None
        return {"quantum": "frozen"} if given else {}

    def _solves_head(self):
        return self._structure["head"] in _SOLVED

    @property
    @reads
    def circuit_weights_(self):
        """Weights of the fitted circuit, shape (n_weights,)."""
        check_is_fitted(self, "params_")
        return self.params_[self._network().layout.slices["quantum"]]

    @property
    @reads
    def n_qubits_(self):
        """Qubits of the fitted circuit."""
        check_is_fitted(self, "params_")
        return self._structure["n_qubits"]
