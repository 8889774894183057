"""Every backend keeps the contract; a backend that breaks it is caught; the docs' one keeps it."""

import sys
import warnings
from types import ModuleType

import numpy as np
import pytest

from skqmu import QNNClassifier
from skqmu.backends import (
    BACKENDS,
    AerBackend,
    BaseBackend,
    Executable,
    StatevectorBackend,
)
from skqmu.exceptions import BackendError
from skqmu.utils.estimator_checks import (
    backend_checks,
    check_backend,
    parametrize_with_backend_checks,
)

# What a backend needs to run here; all others are taken at their defaults.
NEEDED = {"runtime": {"name": "fake_manila", "shots": 64}}
OTHERS = [
    StatevectorBackend(dtype="complex64"),
    AerBackend(shots=200),
    AerBackend(shots=200, gradient="parameter_shift"),
    AerBackend(noise="depolarizing:0.02"),
    AerBackend(shots=100, noise="fake_manila"),
]


@parametrize_with_backend_checks(
    [*(cls(**NEEDED.get(name, {})) for name, cls in BACKENDS.items()), *OTHERS]
)
def test_every_backend_keeps_the_contract(check):
    check()


def test_the_backend_of_the_docs_keeps_it(monkeypatch, python_of):
    codes = python_of("docs/extending.md")
    written = ModuleType("written_in_the_docs")  # a module: pickles find its classes
    monkeypatch.setitem(sys.modules, written.__name__, written)
    for code in codes:
        exec(compile(code, "docs/extending.md", "exec"), vars(written))
    with pytest.raises(AssertionError, match=r"the variance is \d"):
        dict(backend_checks(written.EstimatorBackend(0.1)))["check_variance"]()
    lines = [line for line in codes[0].splitlines() if line.strip()]
    assert len(lines) <= 60


# --- the least that an executable can be --------------------------------------------------


class Cosines(Executable):
    """<Z> of each qubit after RY(x + w): nothing but values and gradients."""

    def __init__(self, n):
        self.n_qubits = self.n_inputs = self.n_weights = self.n_outputs = n

    def forward(self, inputs, weights):
        inputs, weights = self._checked(inputs, weights)
        return np.cos(inputs + weights), inputs + weights

    def backward(self, tape, cotangent, per_sample=False, need_inputs=True, need_weights=True):
        slopes = -np.sin(tape) * cotangent
        return slopes, slopes if per_sample else slopes.sum(axis=0)


class CosineBackend(BaseBackend):
    def compile(self, circuit, observables, *, inputs, weights):
        return Cosines(len(inputs))


def test_values_and_gradients_are_enough_for_a_classifier():
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    X = rng.normal(size=(30, 2)) + 2 * y[:, None]
    clf = QNNClassifier(
        n_qubits=2,
        n_layers=1,
        ansatz="real_amplitudes",
        entanglement="none",
        observables="z",
        backend=CosineBackend(),
        max_iter=30,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
        assert clf.score(X, y) > 0.8
        assert clf.estimate_cost(X, y)["shots"] == 0
        for row, strategy in enumerate(("gradient_ascent", "selective_dampening", "retrain")):
            clf.unlearn(index=[row], strategy=strategy)
    assert len(clf.unlearning_log_) == 3


def test_what_an_executable_cannot_say_is_an_error_that_names_the_way_out():
    executable = Cosines(1)
    with pytest.raises(BackendError, match="importance='fisher'"):
        executable.quantum_fisher(np.zeros((1, 1)), np.zeros(1))
    with pytest.raises(BackendError, match="no method pretend"):
        executable.pretend()
    np.testing.assert_array_equal(executable.weight_periods, [np.inf])


# --- the suite itself can fail -------------------------------------------------------------


def spoiled(base, change):
    """A class of backends like `base` whose executables are changed by `change`."""

    class Spoiled(base):
        def compile(self, circuit, observables, *, inputs, weights):
            executable = super().compile(circuit, observables, inputs=inputs, weights=weights)
            change(executable)
            return executable

    # found again by its parameters, as a class of a module would be
    Spoiled.__init__ = base.__init__
    return Spoiled


def wrong_values(executable):
    right = executable.expectations
    executable.expectations = lambda inputs, weights: -right(inputs, weights)


def wrong_gradients(executable):
    right = executable.backward

    def backward(*args, **kwargs):
        d_inputs, d_weights = right(*args, **kwargs)
        return d_inputs, -d_weights

    executable.backward = backward


def mixed_rows(executable):
    right = executable.expectations
    executable.expectations = lambda inputs, weights: (
        right(inputs, weights) + 1e-3 * (len(inputs) - 1)
    )


def no_checks(executable):
    executable._checked = lambda inputs, weights: (np.asarray(inputs), np.asarray(weights))


def one_output_more(executable):
    executable.n_outputs += 1


def wrong_periods(executable):
    executable.weight_periods = np.ones(executable.n_weights)


def noise_of_its_own(executable):
    executable.draw = lambda: np.random.SeedSequence()


def noise_that_repeats(executable):
    executable.draw = lambda: np.random.SeedSequence(0)


def one_draw_a_row(executable):
    right = executable.expectations

    def expectations(inputs, weights):
        rows, place = np.unique(inputs, axis=0, return_inverse=True)
        return right(rows, weights)[place.reshape(-1)]

    executable.expectations = expectations


def twice_the_shots(executable):
    right = executable.evaluate
    executable.evaluate = lambda values: (right(values) + right(values)) / 2


def half_of_the_counts(executable):
    right = executable.charge
    executable.charge = lambda n_rows: {name: n // 2 for name, n in right(n_rows).items()}


def nothing_pretended(executable):
    right = executable.pretend

    def pretend():
        right()
        executable.charge = lambda n_rows: {"circuits": 0}

    executable.pretend = pretend


@pytest.mark.parametrize(
    ("base", "settings", "change", "caught_by"),
    [
        (StatevectorBackend, {}, wrong_values, "check_values"),
        (StatevectorBackend, {}, wrong_gradients, "check_gradients"),
        (StatevectorBackend, {}, mixed_rows, "check_rows_are_independent"),
        (StatevectorBackend, {}, no_checks, "check_bad_numbers"),
        (StatevectorBackend, {}, one_output_more, "check_executable_is_complete"),
        (StatevectorBackend, {}, wrong_periods, "check_periods"),
        (AerBackend, {"shots": 500}, wrong_values, "check_values"),
        (AerBackend, {"shots": 500}, wrong_gradients, "check_gradients"),
        (AerBackend, {"shots": 50}, noise_of_its_own, "check_noise_stream"),
        (AerBackend, {"shots": 50}, noise_that_repeats, "check_noise_stream"),
        (AerBackend, {"shots": 50}, one_draw_a_row, "check_noise_stream"),
        (AerBackend, {"shots": 50}, twice_the_shots, "check_variance"),
        (AerBackend, {"shots": 50}, half_of_the_counts, "check_counts"),
        (AerBackend, {"shots": 50}, nothing_pretended, "check_pretended_runs"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_backend_that_breaks_the_contract_is_caught(base, settings, change, caught_by):
    with pytest.raises(AssertionError):
        dict(backend_checks(spoiled(base, change)(**settings)))[caught_by]()


class KeepsAHandle(StatevectorBackend):
    def compile(self, circuit, observables, *, inputs, weights):
        self.open_ = circuit
        return super().compile(circuit, observables, inputs=inputs, weights=weights)


class ChangesAParameter(AerBackend):
    def __init__(self, shots=None, seed=None):
        super().__init__(shots or 100, seed=seed)


@pytest.mark.parametrize(
    ("backend", "caught_by"),
    [
        (KeepsAHandle(), "check_work_leaves_no_trace"),
        (ChangesAParameter(), "check_backend_is_a_value"),
    ],
)
def test_a_backend_that_is_no_value_is_caught(backend, caught_by):
    with pytest.raises(AssertionError):
        dict(backend_checks(backend))[caught_by]()


def test_costs_beyond_their_estimate_are_caught():
    checks = dict(backend_checks(spoiled(AerBackend, nothing_pretended)(shots=20)))
    with pytest.raises(AssertionError, match="its estimate is"):
        checks["check_classifier"]()


def test_check_backend_names_the_check_that_failed():
    with pytest.raises(AssertionError, match=r"^check_work_leaves_no_trace: AssertionError: new"):
        check_backend(KeepsAHandle())
