"""Checks of a backend as a value: parameters, copies, pickles, and what it is for."""

import inspect
import pickle
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skqmu import QNNClassifier
from skqmu.backends import BaseBackend, Executable
from skqmu.exceptions import EncodingWarning, UnlearningWarning
from skqmu.utils._backend_world import cases

__all__ = [
    "check_backend_is_a_value",
    "check_classifier",
    "check_executable_is_complete",
    "check_work_leaves_no_trace",
]


def check_backend_is_a_value(backend):
    """`__init__` only assigns; clone, repr and set_params work; equal ones run alike."""
    assert isinstance(backend, BaseBackend), "a backend is a BaseBackend"
    params = backend.get_params(deep=False)
    rebuilt = type(backend)(**params)
    for name, value in params.items():
        assert getattr(rebuilt, name) is value, f"__init__ changes {name}={value!r}"
    signature = inspect.signature(type(backend)).parameters.values()
    defaults = {p.name: p.default for p in signature if p.default is not p.empty}
    required = {p.name: params[p.name] for p in signature if p.name not in defaults}
    fresh = type(backend)(**required)
    for name, value in defaults.items():
        assert getattr(fresh, name) is value, f"__init__ changes its default {name}={value!r}"
    copy = clone(backend)
    assert repr(copy) == repr(backend), "a clone looks different"
    assert copy.identity() == backend.identity(), "a clone does not run circuits alike"
    assert backend.set_params(**params) is backend, "set_params must return the backend"
    assert backend.sampled is not backend.exact, "sampled is the opposite of exact"


def check_work_leaves_no_trace(backend):
    """Running circuits puts nothing into the backend: no handle, and it still can be pickled."""
    case, backend = cases()[0], clone(backend)
    before = set(vars(backend))
    assert pickle.loads(pickle.dumps(backend)).identity() == backend.identity()
    with backend.session():
        case.compiled(backend).expectations(*case.numbers)
    assert set(vars(backend)) == before, f"new attributes {set(vars(backend)) - before}"
    copy = pickle.loads(pickle.dumps(backend))
    assert copy.identity() == backend.identity(), "a pickle does not run circuits alike"


def check_executable_is_complete(backend):
    """What others ask of an executable is there and has the right form."""
    for case in cases():
        executable = case.compiled(backend)
        assert isinstance(executable, Executable), "compile returns an Executable"
        found = tuple(getattr(executable, f"n_{n}") for n in ("qubits", "inputs", "weights"))
        wanted = (case.circuit.num_qubits, len(case.inputs), len(case.weights))
        assert found == wanted, f"n_qubits, n_inputs, n_weights are {found}, not {wanted}"
        assert executable.n_outputs == len(case.observables), "n_outputs counts observables"
        periods = np.asarray(executable.weight_periods)
        assert periods.shape == (len(case.weights),), f"weight_periods has shape {periods.shape}"
        assert (periods > 0).all(), "a period is positive, or inf"
        assert isinstance(executable.noisy, bool), "noisy is True or False"
        assert executable.shots_a_row >= 0, "shots_a_row is 0 or more"
        if not backend.exact:
            assert executable.noise is not None, "sampling noise comes from a NoiseStream"
        if executable.shots_a_row:
            assert executable.spent is not None, "who takes shots counts them in `spent`"


def check_classifier(backend):
    """A classifier on it fits, predicts, forgets, is pickled, and its costs are bounds."""
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    X = rng.normal(size=(12, 2)) * 0.4 + y[:, None]
    clf = QNNClassifier(
        n_qubits=2, n_layers=1, observables="z", backend=clone(backend), max_iter=2, random_state=0
    )
    with warnings.catch_warnings():
        for kind in (EncodingWarning, ConvergenceWarning, UnlearningWarning):
            warnings.simplefilter("ignore", kind)  # two epochs teach nothing
        estimate = clf.estimate_cost(X, y)
        clf.fit(X, y)
        for name in ("circuits", "shots"):
            spent, most = clf.fit_cost_[name], estimate[name]
            assert spent <= most, f"a fit spent {spent} {name}, its estimate is {most}"
        first = clf.predict_proba(X)
        copy = pickle.loads(pickle.dumps(clf))
        second = copy.predict_proba(X)
        assert first.shape == second.shape == (12, 2)
        np.testing.assert_allclose(first.sum(axis=1), 1)
        if backend.exact:
            np.testing.assert_allclose(first, second, atol=1e-5)
        request = {"forget": [0], "strategy": "gradient_ascent"}
        estimate = clf.estimate_cost(X, y, method="unlearn", **request)
        clf.unlearn(index=[0], strategy="gradient_ascent")
        entry = clf.unlearning_log_[-1]
        for name in ("circuits", "shots"):
            spent = entry["cost"][name] + entry["measuring_cost"][name]
            assert spent <= estimate[name], f"a deletion spent {spent} {name} of {estimate[name]}"
        assert not clf.is_member(X[:1]).any(), "the row was not forgotten"
        clf.unlearn(index=[1], strategy="retrain")
        assert len(clf.release().predict(X)) == 12
