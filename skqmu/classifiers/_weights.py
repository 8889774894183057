"""Weights by name, in and out: models trained elsewhere can be audited and unlearned here."""

import numpy as np

from .._validation import check_is_fitted, did_you_mean
from ..training import FitResult
from ._fitting import make_records
from .state import Writing, reads

__all__ = ["NamedWeightsMixin"]


class NamedWeightsMixin:
    """`get_weights` and `from_weights`."""

    @reads
    def get_weights(self):
        """Parameters and buffers as named arrays.

        Returns
        -------
        dict of str to ndarray
            From input to output. ``"<group>.kernel"`` (n_inputs, n_outputs) and
            ``"<group>.bias"`` of dense layers; ``"quantum.angles"`` in the order layer, then
            qubit, then axis (for ``"rotations_cz"`` RX, RY, RZ; for ``"strong"`` the theta,
            phi, lambda of U); ``"<group>.scale"``, ``"shift"``, ``"mean"``, ``"variance"`` of
            batch norm; ``"front.0.<name>"`` for a torch module, where `name` and layout are
            those of its ``state_dict``. A group is ``"front.<i>"``, ``"quantum"`` (or
            ``"core.<i>"``) or ``"head.<i>"``, i the layer's place in its row, activations
            counted.

        Notes
        -----
        torch keeps the kernel of a `Linear` as (n_outputs, n_inputs): transpose it.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import HybridQNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = HybridQNNClassifier(max_iter=2, n_layers=1, random_state=0).fit(X, y)
        >>> clf.get_weights()["quantum.angles"].shape
        (15,)
        """
        check_is_fitted(self, "params_")
        params = self.params_
        return {
            name: params[part].reshape(shape).copy()
            for name, part, shape in _arrays(self._network())
        }

    @classmethod
    def from_weights(cls, weights, *, classes, n_features=None, X=None, y=None, **parameters):
        """A fitted classifier with weights that were trained elsewhere.

        Parameters
        ----------
        weights : dict of str to array-like
            All arrays that `get_weights` of such a classifier names. The
            ``num_batches_tracked`` of a ``state_dict`` may be among them.
        classes : array-like of shape (n_classes,)
            Sorted labels.
        n_features : int or None, default=None
            Width of a row (pixels of an image); None: that of `X`.
        X : array-like of shape (n_samples, n_features), default=None
            The rows that the weights were trained on. With them the classifier keeps a
            member record and can `unlearn`; without, it only predicts and can be audited.
        y : array-like of shape (n_samples,), default=None
            Their labels.
        **parameters
            Of the constructor: they must describe the same network. `reset` is
            ``"trainable"`` unless it is passed: a module that comes with weights trained on
            rows often holds these very weights, and no refit, shadow or oracle may start
            there. What a module has frozen must be in it already.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            Missing or unknown names, wrong shapes, what are no finite numbers, labels that
            are not sorted, values other than those that a module has frozen.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from skqmu import HybridQNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = HybridQNNClassifier(max_iter=2, random_state=0).fit(X, y)
        >>> twin = HybridQNNClassifier.from_weights(clf.get_weights(), classes=[0, 1, 2], X=X, y=y)
        >>> np.array_equal(twin.predict_proba(X), clf.predict_proba(X))
        True
        """
        estimator = cls(**{"reset": "trainable", **parameters})
        estimator._check_parameters()
        if not np.array_equal(np.unique(classes), classes):
            raise ValueError(
                f"classes={classes!r} must be sorted and without repetition: they name the columns "
                "of the last layer, in order. Sort them, and the columns of its arrays with them."
            )
        if (X is None) != (y is None):
            raise ValueError("X= and y= go together: the rows the weights were trained on.")
        if X is None and n_features is None:
            raise ValueError("n_features= is needed where the training rows X are not passed.")
        with Writing(estimator) as work:
            if X is None:
                known = {"classes_": np.unique(classes), "n_features_in_": int(n_features)}
                _adopt_weights(work.model, weights, known)
            else:
                _adopt_rows(work.model, weights, classes, X, y)
            work.commit()
        return estimator


def _adopt_weights(model, weights, known):
    """Let a working copy have the weights, and no record of rows."""
    model._become(**known)
    model._start_afresh()
    model._become(params_=_imported(model._network(), weights))


def _adopt_rows(model, weights, classes, X, y):
    """The same with a member record, as a fit that took no step would leave it."""
    data = model._validated(X, y, None, classes, fixed=None)
    model._check_members_can_be_kept(None)
    model._start_afresh()
    model._next_seed()
    network = model._network()
    make_records(data, model.class_weight, model.classes_)  # refuses weights that are none
    result = FitResult(
        params=_imported(network, weights),
        held_out=np.zeros(len(data), dtype=bool),
        history=[],
        cost=network.meter.since(network.meter.copy()),
        stop_reason="weights were imported",
    )
    model._adopt(result, data, None, extend=False)


def _arrays(network):
    """Name, place in the flat vector and shape of every array."""
    layout = network.layout
    for layer in network.layers:
        starts = [layout.slices[layer.name].start] if layer.n_parameters else []
        start, read = (starts or [0])[0], 0
        for name, shape in layer.array_shapes().items():
            size = int(np.prod(shape))
            if read == layer.n_parameters:
                start = layout.buffers[layer.name].start
            yield f"{layer.name}.{name}", slice(start, start + size), shape
            start, read = start + size, read + size


def _imported(network, weights):
    """Flat vector of named arrays; what is frozen is where every refit will have it."""
    params = _flat(network, weights)
    if network.trainable is None:
        return params
    start = network.initial(np.random.default_rng(0))
    other = ~network.trainable & (params != start)
    names = [name for name, part, _ in _arrays(network) if other[part].any()]
    if names:
        raise ValueError(
            f"weights differ from what front_end has frozen: {', '.join(names)}. A refit would "
            "have the module's values: load the weights into it first (load_state_dict), let it "
            "train (requires_grad_(), train()), or pass reset='all'."
        )
    return params


def _flat(network, weights):
    arrays = list(_arrays(network))
    names = [name for name, _, _ in arrays]
    # A count that torch's batch norm keeps and no prediction reads.
    read = [name for name in weights if not str(name).endswith(".num_batches_tracked")]
    unknown = [name for name in read if name not in names]
    missing = [name for name in names if name not in weights]
    if unknown or missing:
        hint = did_you_mean(unknown[0], missing or names) if unknown else ""
        raise ValueError(
            f"weights do not fit this network: unknown {unknown}, missing {missing}.{hint} It has "
            f"{', '.join(names)}."
        )
    params = np.empty(network.layout.size)
    for name, part, shape in arrays:
        try:
            values = np.asarray(weights[name], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"weights[{name!r}] must be finite numbers of shape {shape}; got no numbers "
                f"({error})."
            ) from error
        if values.shape != shape or not np.isfinite(values).all():
            raise ValueError(
                f"weights[{name!r}] must be finite numbers of shape {shape}; got shape "
                f"{values.shape}{'' if values.shape != shape else ' with NaN or infinity'}."
            )
        params[part] = values.ravel()
    return params
