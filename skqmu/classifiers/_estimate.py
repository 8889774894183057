"""What a fit or a prediction will cost, counted by doing it with circuits that do not run."""

import numpy as np

from .._validation import check_choice, check_is_fitted
from ..backends import BaseBackend, resolve_backend

__all__ = ["EstimatingMixin"]

_TOTALS = ("circuits", "pubs", "jobs", "shots", "qpu_seconds")


class _Unrun(BaseBackend):
    """A backend whose circuits are compiled and counted, and give random numbers."""

    def __init__(self, backend=None):
        self.backend = backend

    @property
    def exact(self):
        """As of the backend that is estimated."""
        return self.backend.exact

    def compile(self, circuit, observables, *, inputs, weights):
        executable = self.backend.compile(circuit, observables, inputs=inputs, weights=weights)
        if executable.spent is not None:
            executable.pretend("random")
        return executable


class EstimatingMixin:
    """`estimate_cost`, beside the `fit_cost_` that a fit really had."""

    def estimate_cost(self, X, y=None, *, method="fit"):
        """Count what `fit` or `predict` would spend; no circuit is run.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Labels, for ``method="fit"``.
        method : {"fit", "predict"}, default="fit"
            ``"predict"`` needs a fitted classifier.

        Returns
        -------
        dict
            ``forward_rows`` and ``gradient_rows``; ``circuits`` (with numbers bound),
            ``pubs``, ``jobs`` and ``shots``; ``qpu_seconds``, estimated as
            :class:`skqmu.backends.RuntimeBackend` states, 0 for simulators; ``depth`` and
            ``two_qubit_gates`` of the deepest circuit as it runs, None where nothing is
            transpiled (the state vector).

        Raises
        ------
        ValueError
            What the method itself would say of parameters or data.

        Notes
        -----
        A fit is counted for all `max_iter` epochs: it may stop earlier (`tol`), not later.
        Two epochs are gone through and the second one is multiplied; rows that come twice in
        a batch cost once, so that with copies in `X` the count depends on the batches a
        little. Devices are asked for their gates, and nothing is submitted.

        Examples
        --------
        >>> import numpy as np
        >>> from skqmu import QNNClassifier
        >>> from skqmu.backends import AerBackend
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
        >>> clf = QNNClassifier(backend=AerBackend(shots=100), max_iter=5, tol=0.0, random_state=0)
        >>> cost = clf.estimate_cost(X, y)
        >>> cost["circuits"], cost["shots"], clf.fit(X, y).fit_cost_["shots"]
        (740, 74000, 74000)
        """
        check_choice("method", method, ("fit", "predict"))
        if method == "predict":
            check_is_fitted(self, "params_")
            copy = self._unrun()
            vars(copy).update({k: v for k, v in vars(self).items() if k in _FITTED})
            copy._noise = self._noise.spawn()
            return _counted(copy, lambda: copy._logits(X))
        if y is None:
            raise ValueError("estimate_cost(X, y) needs the labels y for method='fit'.")
        costs = []
        for epochs in (1, 2):
            copy = self._unrun()
            copy.set_params(max_iter=min(epochs, self.max_iter), n_iter_no_change=epochs + 1)
            costs.append(_counted(copy, lambda fresh=copy: fresh.fit(X, y, **_key(fresh))))
        first, second = costs
        further = max(0, self.max_iter - 2)
        return {
            name: value + further * (value - first[name])
            if name in (*_TOTALS, "forward_rows", "gradient_rows")
            else value
            for name, value in second.items()
        }

    def _unrun(self):
        """An unfitted copy on circuits that do not run: it writes, shows and tells nothing."""
        copy = type(self)(**self.get_params(deep=False))
        quiet = {"checkpoint": None, "verbose": 0, "warm_start": False}
        seeded = self.random_state is None or isinstance(self.random_state, int | np.integer)
        return copy.set_params(
            backend=_Unrun(resolve_backend(self.backend)),
            random_state=self.random_state if seeded else 0,
            **quiet,
        )


_FITTED = ("params_", "classes_", "n_features_in_", "feature_names_in_", "_structure")


def _key(estimator):
    """A throw-away key where the record of the copy needs one."""
    return {"fingerprint_key": bytes(16)} if estimator.store_data == "fingerprints" else {}


def _counted(estimator, work):
    """Do the work of a fresh copy; return what its network counted."""
    work()
    network = estimator._network()
    meter = vars(network.meter)
    executables = [e for e in network.executables if e.spent is not None]
    circuits = [circuit for e in executables for circuit in e.physical]
    cost = {name: meter[name] for name in ("forward_rows", "gradient_rows", "circuits", "shots")}
    for name in ("pubs", "jobs", "qpu_seconds"):
        cost[name] = sum(getattr(e.spent, name) for e in executables)
    return {
        **cost,
        "depth": max((c.depth() for c in circuits), default=None),
        "two_qubit_gates": max((c.num_nonlocal_gates() for c in circuits), default=None),
    }
