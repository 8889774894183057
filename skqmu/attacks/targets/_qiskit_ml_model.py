"""Classifiers of qiskit-machine-learning as targets, and trained anew from their own parts."""

import copy
import pickle
from contextlib import contextmanager

import numpy as np
from scipy import sparse

from ..._validation import check_choice
from ...exceptions import NoCloneError
from .._cloudpickle import cloudpickle
from ._adapter import TargetAdapter, class_list, is_a, one_at_a_time
from ._read_answers import OUTPUTS, as_probabilities

__all__ = ["QiskitMLTarget"]


class QiskitMLTarget(TargetAdapter):
    """A `VQC` or `NeuralNetworkClassifier` of qiskit-machine-learning as a target.

    Attacks take these classifiers themselves and put this adapter around them. It says which
    column is which class, and `fit` trains a copy of the classifier from its own parts (circuits
    or network, loss, optimizer, primitive): attacks get shadows of the target's kind, and an
    audit its models.

    Parameters
    ----------
    model : VQC or NeuralNetworkClassifier
        Fitted, or not: `fit` trains a copy.
    classes : array-like of labels or None, default=None
        Labels of the outputs, in their order; for one expectation value, of -1 and 1. None: as
        the classifier predicts them, or, where it was given one-hot rows, 0 to n - 1.
    output : {"probabilities", "logits", "expectations"} or None, default=None
        What its network's outputs are. None: ``"expectations"`` for one expectation value e,
        read as the probability (1 + e)/2 of the second class; ``"probabilities"`` else.
    retrain : callable or None, default=None
        ``retrain(X, y)`` returns such a classifier, trained on these rows; it is given
        ``random_state=`` where it takes that. None: a copy of `model` is trained, from an
        initial point drawn anew as qiskit-machine-learning draws it, without warm start.
    random_state : int or None, default=None
        Draws the initial points, and seeds qiskit-machine-learning's generator while a copy
        trains; it is put back. None: from fresh entropy.

    Attributes
    ----------
    classes_ : ndarray
    model_ : VQC or NeuralNetworkClassifier
        After `fit`: the one that answers now.
    n_features_in_ : int
        Inputs of the network.

    See Also
    --------
    skqmu.HybridQNNClassifier : ``core=`` takes an `EstimatorQNN` or `SamplerQNN`, and forgets.

    Notes
    -----
    A primitive that draws shots goes on drawing as it does; its own seed is its own. A copy
    of a primitive that holds an open connection cannot be made: pass `retrain` then.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit.circuit.library import real_amplitudes, z_feature_map
    >>> from qiskit_machine_learning.algorithms import VQC
    >>> from qiskit_machine_learning.optimizers import COBYLA
    >>> from skqmu.attacks import QiskitMLTarget, ThresholdAttack
    >>> X = np.random.default_rng(0).uniform(0, 1, (12, 2))
    >>> y = np.where(X.sum(axis=1) > 1, "up", "down")
    >>> vqc = VQC(feature_map=z_feature_map(2), ansatz=real_amplitudes(2, reps=1),
    ...           optimizer=COBYLA(maxiter=8)).fit(X[:6], y[:6])
    >>> QiskitMLTarget(vqc).classes_.tolist()
    ['down', 'up']
    >>> attack = ThresholdAttack(vqc, n_shadows=2, random_state=0).fit(X, y)
    >>> attack.predict_proba(X, y).shape
    (12, 2)
    """

    def __init__(self, model, *, classes=None, output=None, retrain=None, random_state=None):
        self.model = model
        self.classes = classes
        self.output = output
        self.retrain = retrain
        self.random_state = random_state

    # -- what it answers --------------------------------------------------------------------

    def _given_classes(self):
        if self.classes is not None:
            return class_list(self.classes)
        return _classes_of(self.model) if _is_trained(self.model) else None

    def _output(self, network):
        if self.output is not None:
            return check_choice("output", self.output, OUTPUTS)
        return "expectations" if _one_value(network) else "probabilities"

    def _labels(self, model, X):
        outputs = _outputs(model, X)
        if _one_value(model.neural_network):
            return self.classes_[(outputs[:, 0] >= 0).astype(int)]
        return self.classes_[np.argmax(outputs, axis=1)]

    def _proba(self, model, X):
        outputs, what = _outputs(model, X), type(model).__name__
        output = self._output(model.neural_network)
        if output == "expectations" and _one_value(model.neural_network):
            # estimates of shots may pass the ends
            outputs = np.clip(outputs, -1.0, 1.0)
        return as_probabilities(outputs, output, self.classes_, len(outputs), what)

    @property
    def answer_shots(self):
        """Shots behind an answer: a number, None where it is exact, or "unknown"."""
        return _shots(vars(self).get("model_", self.model).neural_network)

    # -- what it is trained as ----------------------------------------------------------------

    @property
    def n_features_in_(self):
        """Inputs of the network."""
        return vars(self).get("_width") or self.model.neural_network.num_inputs

    @n_features_in_.setter
    def n_features_in_(self, width):
        self._width = width

    def __sklearn_is_fitted__(self):
        return "model_" in vars(self) or _is_trained(self.model)

    def _retrains(self):
        return True

    def _classes_for(self, y):
        found = np.unique(y)
        if len(found) < 2:
            raise ValueError("y holds 1 class; a classifier needs two or more.")
        if _encodes(self.model):
            return found
        given = self._given_classes()
        return given if given is not None and np.isin(found, given).all() else found

    def _train(self, X, y, seed):
        if self.retrain is not None:
            return super()._train(X, y, seed)
        rng = np.random.default_rng(seed)
        model = self._untrained()
        model.initial_point = rng.random(model.neural_network.num_weights)
        with _seeded(rng):
            return model.fit(X, self._labels_for(model, y))

    def _untrained(self):
        try:
            model = copy.deepcopy(self.model)
        except Exception as error:  # whatever an open connection makes of a copy
            raise NoCloneError(
                f"no other {type(self.model).__name__} can be trained from its parts: a copy of "
                f"them fails with {type(error).__name__}: {error}. Pass retrain=function, with "
                "function(X, y) building and training one."
            ) from error
        model.warm_start = False
        return model

    def _labels_for(self, model, y):
        """Labels as this kind of network is trained on them."""
        if _encodes(model):
            return y
        columns = np.searchsorted(np.sort(self._classes_for(y)), y)
        columns = np.argsort(self._classes_for(y))[columns]
        return 2.0 * columns - 1.0 if _one_value(model.neural_network) else columns

    def _model_name(self):
        return type(self.model).__name__

    def __getstate__(self):
        # pickle itself cannot: a VQC holds a function that was made within another
        state = dict(super().__getstate__())
        held = {name: state.pop(name) for name in ("model", "model_") if name in state}
        return {**state, "_held": cloudpickle.dumps(held)}

    def __setstate__(self, state):
        state = dict(state)
        held = pickle.loads(state.pop("_held"))
        super().__setstate__({**state, **held})


def _one_value(network):
    return network.output_shape == (1,)


def _outputs(model, X):
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
    if not len(X):
        return np.zeros((0, *model.neural_network.output_shape))
    outputs = model.neural_network.forward(X, model.weights)
    outputs = outputs.todense() if hasattr(outputs, "todense") else outputs
    return np.asarray(outputs, dtype=np.float64)


def _is_trained(model):
    from qiskit_machine_learning.exceptions import QiskitMachineLearningError

    try:
        return model.fit_result is not None
    except QiskitMachineLearningError:
        return False


def _encodes(model):
    """Whether it is given labels of any kind, and learns a column for each."""
    return bool(model._one_hot)


def _classes_of(model):
    """Labels of the columns of a trained classifier; it has no public name for them."""
    encoder, network = model._target_encoder, model.neural_network
    if hasattr(encoder, "categories_"):
        return encoder.categories_[0]
    if hasattr(encoder, "classes_"):
        if _one_value(network):
            raise ValueError(
                f"{type(model).__name__} was trained on the labels {encoder.classes_.tolist()} "
                "with one expectation value: qiskit-machine-learning trains it towards 0 and 1, "
                "and reads signs when it predicts. Train it on -1 and 1, and say classes=."
            )
        return encoder.classes_
    return np.array([-1, 1]) if _one_value(network) else np.arange(network.output_shape[0])


def _shots(network):
    sampler = getattr(network, "sampler", None)
    if sampler is None:
        return None if _is_exact(network) else "unknown"
    if is_a(sampler, "qiskit_machine_learning.primitives", "QMLSampler"):
        return getattr(sampler.options, "default_shots", "unknown")
    shots = getattr(sampler, "default_shots", None)
    return int(shots) if isinstance(shots, int | np.integer) else "unknown"


def _is_exact(network):
    """Whether an estimator's expectation values have no noise of shots."""
    estimator = getattr(network, "estimator", None)
    if is_a(estimator, "qiskit_machine_learning.primitives", "QMLEstimator"):
        return estimator.options.default_precision == 0
    return getattr(network, "default_precision", None) == 0


@contextmanager
def _seeded(rng):
    """The generator that optimizers of qiskit-machine-learning draw from, and put it back."""
    from qiskit_machine_learning.utils import algorithm_globals

    with one_at_a_time():
        generator = algorithm_globals.random.bit_generator
        before = generator.state
        generator.state = np.random.default_rng(rng.integers(2**63)).bit_generator.state
        try:
            yield
        finally:
            generator.state = before
