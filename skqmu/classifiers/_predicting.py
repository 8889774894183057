"""Prediction of a fitted classifier, on whatever backend it has now."""

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from .._identity import Unidentifiable, same_settings
from .._validation import check_is_fitted, validate_data
from ..backends import BACKENDS, BaseBackend, is_live, resolve_backend
from ..network import log_softmax, softmax
from ._queries import count_query, query_report
from .state import fitted_state, origin, reads

__all__ = ["PredictingMixin", "sharing_networks"]

# Networks live outside the estimators: they hold compiled circuits, which are neither
# state that `predict` may change nor anything to pickle. Whoever works takes one out and gives
# it back: two threads never share its meter, its noise or a torch module.
_NETWORKS: WeakKeyDictionary = WeakKeyDictionary()
# Of one estimator, for the next who asks.
_MOST_IDLE = 2


# Networks whose layers the models of a context share, to be trained side by side.
_SHARED: ContextVar[list | None] = ContextVar("shared_networks", default=None)


@contextmanager
def sharing_networks():
    """Context in which models of equal structure have twins of one network."""
    token = _SHARED.set([])
    try:
        yield
    finally:
        _SHARED.reset(token)


def _alike(one, other):
    """Whether two structures make the same network; not where nobody can tell."""
    if one.keys() != other.keys():
        return False
    if all(one[name] is other[name] for name in one):
        return True
    try:
        return same_settings(dict(one), dict(other))
    except Unidentifiable:
        return False


@dataclass(frozen=True)
class _Compiled:
    key: tuple
    network: object
    structure: object  # kept, so that its id in the key cannot be given to another


class PredictingMixin:
    """`predict`, `predict_proba` and `predict_log_proba` from parameters and a structure."""

    @property
    def _structure(self):
        return fitted_state(self).structure

    def _backend(self):
        return resolve_backend(self.backend)

    @property
    def backend_(self):
        """The backend that predictions run on: that of `backend` now, a name made an object."""
        check_is_fitted(self, "params_")
        return self._backend()

    def _network(self, n_classes=None):
        """The network for the fitted structure and the current backend, built once."""
        backend = self._backend()
        n_classes = len(self.classes_) if n_classes is None else n_classes
        key = (id(self._structure), n_classes, backend.identity())
        mine = _NETWORKS.setdefault(self, [])
        known = next((each for each in mine if each.key == key), None)
        if known is None and _SHARED.get() is None:
            known = self._taken_out(key)
        if known is None:
            known = _Compiled(key, self._made_network(n_classes, backend), self._structure)
        known.network.use_noise(fitted_state(self).noise)
        mine[:] = [known]
        return known.network

    def _made_network(self, n_classes, backend):
        """A network for the fitted structure, or a twin of an equal one that is shared."""
        n_features, shared = self.n_features_in_, _SHARED.get()
        if shared is None or not backend.exact:  # noise is drawn by one model alone
            return self._build_network(self._structure, n_features, n_classes, backend)
        shape = (n_features, n_classes, backend.identity())
        for structure, its_shape, network in shared:
            if its_shape == shape and _alike(structure, self._structure):
                return network.twin()
        network = self._build_network(self._structure, n_features, n_classes, backend)
        shared.append((self._structure, shape, network))
        return network.twin()

    def _taken_out(self, key):
        """A network that nobody works with, out of those of the estimator this is a copy of."""
        idle = _NETWORKS.get(origin(self))
        while idle and origin(self) is not self:
            try:
                found = idle.pop()
            except IndexError:  # another thread took it
                return None
            if found.key == key:
                return found  # the others are of an earlier fit, or of another backend
        return None

    def _give_back_networks(self):
        """Let others have what this working copy has used; see `_taken_out`."""
        shared = _SHARED.get() is not None
        owner = origin(self)
        idle = _NETWORKS.setdefault(owner, [])
        for used in _NETWORKS.pop(self, ()):
            if (
                used.structure is getattr(fitted_state(owner), "structure", None)
                and len(idle) < _MOST_IDLE
                # A twin shares its layers: where these keep something while they work, whoever
                # works with one later builds their own.
                and (not shared or used.network.takes_models)
            ):
                idle.append(used)

    def _logits(self, X):
        check_is_fitted(self, "params_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        network = self._network()
        with self._backend().session():
            logits = network.logits(self.params_, X)
        count_query(origin(self), self._structure, network, X)
        return logits

    @reads
    def query_report(self):
        """What was asked of this estimator's predictions, in this process, since `fit`.

        Asking K times for a row on a backend with N shots tells as much as one answer with
        K N shots: who meters access must meter repetitions.

        Returns
        -------
        dict
            ``n_calls``, ``n_rows``; and of the rows that were answered with shots:
            ``n_distinct_rows``, ``n_repeated_rows``, ``max_queries_per_row``,
            ``max_shots_per_row``, ``shots``. Rows are recognised by a hash under a key of
            this process; at most a million are told apart (``complete`` is False beyond).

        Examples
        --------
        >>> import numpy as np
        >>> from skqmu import QNNClassifier
        >>> from skqmu.backends import AerBackend
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
        >>> clf = QNNClassifier(max_iter=3, random_state=0).fit(X, y)
        >>> clf = clf.set_params(backend=AerBackend(shots=100))
        >>> for _ in range(3):
        ...     _ = clf.predict(X[:2])
        >>> report = clf.query_report()
        >>> report["n_rows"], report["max_queries_per_row"], report["max_shots_per_row"]
        (6, 3, 300)
        """
        check_is_fitted(self, "params_")
        return query_report(origin(self), self._structure)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A sampled backend answers the same question differently each time.
        known = isinstance(self.backend, BaseBackend | str) or is_live(self.backend)
        known = known and (not isinstance(self.backend, str) or self.backend in BACKENDS)
        tags.non_deterministic = known and self._backend().sampled
        return tags

    @reads
    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return softmax(self._logits(X), axis=1)

    @reads
    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`, exact where a probability underflows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return log_softmax(self._logits(X), axis=1)

    @reads
    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        columns = self._logits(X).argmax(axis=1)
        return self.classes_[columns]
