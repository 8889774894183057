"""What a fit, a prediction or a deletion will cost, counted with circuits that do not run."""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from .._spending import upper_bound_cost
from .._validation import check_choice, check_is_fitted
from ..backends import BaseBackend, StatevectorBackend, resolve_backend
from ..exceptions import EncodingWarning, UnlearningWarning
from ..unlearning import resolve_strategy
from .state import MODEL, CircuitState, Writing, as_fitted, fitted_state

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
            executable.pretend()
        return executable


class EstimatingMixin:
    """`estimate_cost`, beside the `fit_cost_` that a fit really had."""

    def estimate_cost(self, X, y=None, *, method="fit", forget=None, strategy=None, **request):
        """Count what `fit`, `predict` or `unlearn` would spend; no circuit is run.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Labels, for ``method="fit"`` and ``"unlearn"``.
        method : {"fit", "predict", "unlearn"}, default="fit"
            ``"predict"`` needs a fitted classifier, or labels `y` to set one up with.
            ``"unlearn"`` counts a deletion request to a classifier that was fitted on `X`
            and `y`; this one need not be.
        forget : array-like of int, or of bool of shape (n_samples,), default=None
            For ``method="unlearn"``: which rows of `X` to forget.
        strategy : str or UnlearningStrategy, default=None
            As for `unlearn`.
        **request : dict
            For ``method="unlearn"``: `X_reference` and `y_reference`, as for `unlearn`.

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
        MemberRecordError, BackendError
            What `unlearn` would say of a strategy that needs more than is at hand, or that
            the backend cannot carry out.

        Notes
        -----
        A fit is counted for all `max_iter` epochs: it may stop earlier (`tol`), not later.
        Two epochs are gone through and the second one is multiplied. Rows of a batch that
        come to the same angles share their circuits when they run, and are counted as if they
        did not: with copies in `X` less is spent. A deletion is counted with what its log
        measures before and after, for all epochs, with a stop rule that ends nothing and a
        guard, and both look at all that they may look at.
        Where the values themselves decide what is run (`CertifiedRemoval` beyond its
        budget), the count is that of one way. Devices are asked for their gates, and nothing
        is submitted.

        Examples
        --------
        >>> import numpy as np
        >>> from skqmu import QNNClassifier
        >>> from skqmu.backends import AerBackend
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
        >>> clf = QNNClassifier(backend=AerBackend(shots=100), max_iter=5, tol=0.0, random_state=0)
        >>> cost = clf.estimate_cost(X, y)
        >>> cost["circuits"], cost["shots"], clf.fit(X, y).fit_cost_["shots"]
        (1620, 162000, 162000)
        >>> from skqmu.unlearning import FineTune
        >>> strategy = FineTune(guard=None)
        >>> cost = clf.estimate_cost(X, y, method="unlearn", forget=[0], strategy=strategy)
        >>> entry = clf.unlearn(index=[0], strategy=strategy).unlearning_log_[-1]
        >>> cost["shots"], entry["cost"]["shots"] + entry["measuring_cost"]["shots"]
        (365300, 365300)
        """
        check_choice("method", method, ("fit", "predict", "unlearn"))
        if method != "unlearn" and (forget is not None or strategy is not None or request):
            raise ValueError(
                f"forget=, strategy= and data of a request belong to method='unlearn'; got "
                f"method={method!r}."
            )
        if method == "unlearn":
            if y is None or forget is None:
                raise ValueError(
                    "estimate_cost(X, y, method='unlearn', forget=rows) needs the labels y and "
                    "the rows of X to forget."
                )
            return self._deletion_cost(X, y, np.asarray(forget), strategy, request)
        if method == "predict" and y is not None and not hasattr(self, "params_"):
            copy = self._fitted_unrun(X, y)
            return _counted(copy, lambda: copy.predict_proba(X))
        if method == "predict":
            check_is_fitted(self, "params_")
            with as_fitted(self) as reading:
                public = {k: v for k, v in vars(reading.model).items() if k in MODEL}
                state = fitted_state(reading.model)
            copy = self._unrun()
            copy._become(
                CircuitState(state.settings, state.structure, state.seed, state.noise.spawn()),
                **public,
            )
            return _counted(copy, lambda: copy.predict_proba(X))
        if y is None:
            raise ValueError("estimate_cost(X, y) needs the labels y for method='fit'.")
        costs = []
        for epochs in (1, 2):
            copy = self._unrun()
            copy.set_params(max_iter=min(epochs, self.max_iter), n_iter_no_change=epochs + 1)
            costs.append(_counted(copy, lambda fresh=copy: fresh.fit(X, y, **_key(fresh))))
        return _prolonged(*costs, max(0, self.max_iter - 2))

    def _deletion_cost(self, X, y, forget, strategy, request):
        chosen = resolve_strategy(self.unlearning if strategy is None else strategy, "strategy")
        retrains = chosen.refits
        X = np.asarray(X)
        y = np.asarray(y)
        costs = []
        for epochs in (1, 2):
            copy = self._fitted_unrun(X, y)
            if retrains:
                # What fits its epochs is counted as a fit is; strategies have few and all count.
                shortened = {
                    "max_iter": min(epochs, self.max_iter),
                    "n_iter_no_change": epochs + 1,
                }
                with Writing(copy) as work:
                    work.model._become(settings={**fitted_state(copy).settings, **shortened})
                    work.commit()
            rows = {"index": forget}
            if self.store_data != "rows":
                gone = np.zeros(len(X), dtype=bool)
                gone[forget] = True
                rows = {"X_forget": X[gone], "y_forget": y[gone], **_key(copy)}
                rows.update(X_retain=X[~gone], y_retain=y[~gone])
            work = {**rows, **request, "strategy": chosen}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnlearningWarning)  # the request will tell
                costs.append(_counted(copy, lambda model=copy, work=work: model.unlearn(**work)))
            if not retrains:
                return costs[0]
        return _prolonged(*costs, max(0, self.max_iter - 2))

    def _fitted_unrun(self, X, y):
        """A copy after one epoch on circuits that do not run."""
        copy = self._unrun()
        copy.set_params(max_iter=1)
        with warnings.catch_warnings():
            for kind in (ConvergenceWarning, EncodingWarning):  # the fit itself will tell
                warnings.simplefilter("ignore", kind)
            return copy.fit(X, y, **_key(copy))

    def _unrun(self):
        """An unfitted copy on circuits that do not run: it writes, shows and tells nothing."""
        copy = type(self)(**self.get_params(deep=False))
        quiet = {"checkpoint": None, "verbose": 0, "warm_start": False}
        if self.privacy is not None:  # as many rows as Poisson samples have on average
            quiet["privacy"] = clone(self.privacy).set_params(sampling="full", classes="public")
        seeded = self.random_state is None or isinstance(self.random_state, int | np.integer)
        backend = resolve_backend(self.backend)
        # The exact engine counts no circuits, whoever stands before it.
        own = isinstance(backend, StatevectorBackend)
        return copy.set_params(
            backend=backend if own else _Unrun(backend),
            random_state=self.random_state if seeded else 0,
            **quiet,
        )


def _key(estimator):
    """A throw-away key where the record of the copy needs one."""
    return {"fingerprint_key": bytes(16)} if estimator.store_data == "fingerprints" else {}


def _prolonged(first, second, further):
    """The cost of two epochs, and of `further` ones that cost what the second did."""
    return {
        name: value + further * (value - first[name])
        if name in (*_TOTALS, "forward_rows", "gradient_rows")
        else value
        for name, value in second.items()
    }


def _spent(estimator):
    network = estimator._network()
    cost = vars(network.meter.copy())
    for name in ("pubs", "jobs", "qpu_seconds"):
        cost[name] = sum(getattr(e.spent, name) for e in network.executables if e.spent is not None)
    return cost


def _counted(estimator, work):
    """Do the work of a copy; return what its network counted of it."""
    before = _spent(estimator) if hasattr(estimator, "params_") else {}
    with warnings.catch_warnings(), upper_bound_cost():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it was given two epochs
        warnings.simplefilter("ignore", EncodingWarning)  # fit will tell
        work()
    cost = {name: value - before.get(name, 0) for name, value in _spent(estimator).items()}
    executables = [e for e in estimator._network().executables if e.spent is not None]
    circuits = [circuit for e in executables for circuit in e.physical]
    return {
        **cost,
        "depth": max((c.depth() for c in circuits), default=None),
        "two_qubit_gates": max((c.num_nonlocal_gates() for c in circuits), default=None),
    }
