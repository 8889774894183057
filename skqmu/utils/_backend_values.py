"""Checks of a backend's numbers: values, gradients, shapes, errors."""

import numpy as np
from scipy.stats import t as student

from skqmu.utils._backend_world import cases

__all__ = [
    "check_bad_numbers",
    "check_gradients",
    "check_model_axis",
    "check_periods",
    "check_rows_are_independent",
    "check_values",
]

# Single precision, and differences of the reference.
_CLOSE = 2e-4
# Answers to each question where answers are random, and what all tests of means may fail by.
_REPEATS, _LEVEL = 40, 1e-6


def _assert_mean(samples, truth, what):
    """`samples` of shape (R, ...) have that mean."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    wide = student.isf(_LEVEL / (2 * error.size), len(samples) - 1) * error + _CLOSE
    away = np.abs(samples.mean(axis=0) - truth)
    worst = np.unravel_index(np.argmax(away - wide), away.shape)
    assert (away <= wide).all(), (
        f"{what}: the mean of {len(samples)} answers is {away[worst]:.3g} from {truth[worst]:.3g}, "
        f"where chance gives {wide[worst]:.3g}"
    )


def check_values(backend):
    """Expectation values are those of qiskit's state vector, exactly or in the mean."""
    for case in cases():
        executable = case.compiled(backend)
        inputs, weights = case.numbers
        truth = case.values(inputs, weights)
        values = executable.expectations(inputs, weights)
        assert values.shape == truth.shape, f"{case.name}: values have shape {values.shape}"
        assert np.isfinite(values).all(), f"{case.name}: values are not finite"
        assert (np.abs(values) <= _largest(case) + _CLOSE).all(), f"{case.name}: impossible values"
        assert executable.expectations(inputs[:0], weights).shape == (0, truth.shape[1])
        if executable.noisy:
            continue
        if backend.exact:
            np.testing.assert_allclose(values, truth, atol=_CLOSE, err_msg=case.name)
        else:
            many = executable.expectations(np.tile(inputs, (_REPEATS, 1)), weights)
            _assert_mean(many.reshape(_REPEATS, *truth.shape), truth, case.name)


def check_gradients(backend):
    """`vjp` is the gradient: of each row, summed, and of either argument alone."""
    for case in cases():
        executable = case.compiled(backend)
        inputs, weights = case.numbers
        cotangent = np.random.default_rng(7).normal(size=(len(inputs), executable.n_outputs))
        if backend.exact:
            _check_exact_gradients(case, executable, cotangent)
            continue
        tiled = np.tile(inputs, (_REPEATS, 1)), weights, np.tile(cotangent, (_REPEATS, 1))
        d_inputs, d_weights = executable.vjp(*tiled, per_sample=True)
        assert d_inputs.shape == tiled[0].shape, f"{case.name}: d_inputs {d_inputs.shape}"
        assert d_weights.shape == (len(tiled[0]), len(weights)), f"{case.name}: d_weights"
        assert np.isfinite(d_inputs).all(), f"{case.name}: gradients are not finite"
        assert np.isfinite(d_weights).all(), f"{case.name}: gradients are not finite"
        if executable.noisy:
            continue
        by_inputs, by_weights = case.slopes(inputs, weights, cotangent)
        _assert_mean(d_inputs.reshape(_REPEATS, *inputs.shape), by_inputs, f"{case.name}: inputs")
        summed = d_weights.reshape(_REPEATS, len(inputs), -1).sum(axis=1)
        _assert_mean(summed, by_weights, f"{case.name}: weights")


def _check_exact_gradients(case, executable, cotangent):
    inputs, weights = case.numbers
    d_inputs, d_weights = executable.vjp(inputs, weights, cotangent)
    if executable.noisy:  # of its own values: noise is linear in them

        def own(x, w):
            return float((cotangent * executable.expectations(x, w)).sum())

        step = 1e-3 * np.eye(len(weights))
        by_weights = [(own(inputs, weights + s) - own(inputs, weights - s)) / 2e-3 for s in step]
    else:
        by_inputs, by_weights = case.slopes(inputs, weights, cotangent)
        np.testing.assert_allclose(d_inputs, by_inputs, atol=_CLOSE, err_msg=f"{case.name}: inputs")
    np.testing.assert_allclose(d_weights, by_weights, atol=_CLOSE, err_msg=f"{case.name}: weights")
    _, tape = executable.forward(inputs, weights)
    rows = executable.backward(tape, cotangent, per_sample=True)
    np.testing.assert_allclose(rows[1].sum(axis=0), d_weights, atol=_CLOSE)
    alone = executable.backward(tape, cotangent, need_inputs=False)[1]
    np.testing.assert_allclose(alone, d_weights, atol=_CLOSE, err_msg="need_inputs=False")
    alone = executable.backward(tape, cotangent, need_weights=False)[0]
    np.testing.assert_allclose(alone, d_inputs, atol=_CLOSE, err_msg="need_weights=False")
    if executable.shares_rows:
        some = np.array([2, 0, 0])
        taken = executable.backward(executable.taken(tape, some), cotangent)
        again = executable.vjp(inputs[some], weights, cotangent)
        np.testing.assert_allclose(taken[0], again[0], atol=_CLOSE, err_msg="taken: inputs")
        np.testing.assert_allclose(taken[1], again[1], atol=_CLOSE, err_msg="taken: weights")


def _largest(case):
    return np.array([np.abs(observable.coeffs).sum() for observable in case.observables])


def check_rows_are_independent(backend):
    """A row's exact values do not depend on the rows beside it."""
    if not backend.exact:
        return
    for case in cases():
        executable = case.compiled(backend)
        inputs, weights = case.numbers
        together = executable.expectations(inputs, weights)
        alone = [executable.expectations(row[None], weights)[0] for row in inputs]
        np.testing.assert_allclose(together, alone, atol=1e-5, err_msg=case.name)


def check_periods(backend):
    """Exact values are the same a stated period on."""
    if not backend.exact:
        return
    for case in cases():
        executable = case.compiled(backend)
        inputs, weights = case.numbers
        values = executable.expectations(inputs, weights)
        for i in np.flatnonzero(np.isfinite(executable.weight_periods)):
            moved = weights.copy()
            moved[i] += executable.weight_periods[i]
            found = executable.expectations(inputs, moved)
            message = f"{case.name}: {executable.weight_periods[i]:.3g} is no period of weight {i}"
            np.testing.assert_allclose(found, values, atol=_CLOSE, err_msg=message)


def check_model_axis(backend):
    """Several models at once give what each gives, or are refused by a ValueError."""
    case = cases()[0]
    executable = case.compiled(backend)
    inputs, weights = case.numbers
    models = np.stack([weights, weights + 0.5])
    try:
        values = executable.expectations(np.stack([inputs, inputs]), models)
    except ValueError:
        assert not executable.takes_models, "takes_models is true, and models are refused"
        return
    assert values.shape == (2, len(inputs), executable.n_outputs), f"values {values.shape}"
    if backend.exact:
        alone = [executable.expectations(inputs, model) for model in models]
        np.testing.assert_allclose(values, alone, atol=1e-5)
    if executable.takes_models:
        assert executable.models_at_once(len(inputs)) >= 1, "models_at_once is below 1"
        cotangent = np.ones(values.shape)
        together = executable.vjp(np.stack([inputs, inputs]), models, cotangent)
        for number, model in enumerate(models):
            alone = executable.vjp(inputs, model, cotangent[number])
            for found, own in zip(together, alone, strict=True):
                np.testing.assert_allclose(found[number], own, atol=1e-5)


def check_bad_numbers(backend):
    """Wrong widths, NaN and infinity are a ValueError, before anything runs."""
    case = cases()[0]
    executable = case.compiled(backend)
    inputs, weights = case.numbers
    spoiled = inputs.copy()
    spoiled[1, 0] = np.nan
    wrong = {
        "too many inputs": (np.zeros((2, 3)), weights),
        "one row without its axis": (inputs[0], weights),
        "too few weights": (inputs, weights[:-1]),
        "NaN in the inputs": (spoiled, weights),
        "infinity in the weights": (inputs, np.full(len(weights), np.inf)),
    }
    spent = None if executable.spent is None else executable.spent.circuits
    for what, numbers in wrong.items():
        try:
            executable.expectations(*numbers)
        except ValueError:
            continue
        raise AssertionError(f"{what}: no ValueError")
    assert executable.spent is None or executable.spent.circuits == spent, "something ran"
