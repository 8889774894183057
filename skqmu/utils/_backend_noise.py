"""Checks of a backend's randomness, and of what it counts."""

import numpy as np
from scipy.stats import chi2
from sklearn.base import clone

from skqmu.backends import NoiseStream
from skqmu.utils._backend_world import cases, one_qubit

__all__ = ["check_counts", "check_noise_stream", "check_pretended_runs", "check_variance"]

_LEVEL = 1e-6
_N_ROWS = 300


def check_noise_stream(backend):
    """One stream, one sequence of answers: none repeats another, and copies of a row differ."""
    case = cases()[0]
    inputs, weights = case.numbers
    inputs = np.repeat(inputs[:1], 30, axis=0)

    def answers(seed):
        executable = case.compiled(clone(backend))
        executable.use_noise(NoiseStream(seed))
        return [executable.expectations(inputs, weights) for _ in range(2)]

    first, again, other = answers(3), answers(3), answers(4)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two, err_msg="one seed, other answers")
    if backend.exact:
        np.testing.assert_allclose(first[0], other[0], atol=1e-6, err_msg="exact values vary")
        return
    # 30 rows agree with each other, or with 30 others, by chance about never
    assert (first[0] != first[0][:1]).any(), (
        "copies of a row get one answer, not draws of their own"
    )
    assert (first[0] != first[1]).any(), "the second call repeats the noise of the first"
    assert (first[0] != other[0]).any(), "another seed gives the same noise"


def check_variance(backend):
    """Without errors <Z> has the variance (1 - z^2) / shots."""
    executable = one_qubit().compiled(backend)
    if backend.exact or executable.noisy or not executable.shots_a_row:
        return
    values = executable.expectations(np.full((_N_ROWS, 1), 0.4), np.zeros(1))[:, 0]
    expected = (1 - np.cos(0.4) ** 2) / executable.shots_a_row
    ratio = values.var(ddof=1) / expected
    low, high = chi2.ppf([_LEVEL / 2, 1 - _LEVEL / 2], _N_ROWS - 1) / (_N_ROWS - 1)
    assert low <= ratio <= high, (
        f"the variance is {ratio:.3g} times that of {executable.shots_a_row} shots, where chance "
        f"gives {low:.2f} to {high:.2f}"
    )


def _work(executable, case):
    inputs, weights = case.numbers
    values, tape = executable.forward(inputs, weights)
    before_gradient = vars(executable.spent).copy()
    executable.backward(tape, np.ones_like(values))
    return before_gradient, vars(executable.spent).copy(), values


def _counts(totals):
    return {name: totals[name] for name in ("circuits", "shots", "pubs", "jobs")}


def check_counts(backend):
    """`spent` counts the shots that `shots_a_row` says, and circuits with them."""
    for case in cases():
        executable = case.compiled(backend)
        if executable.spent is None:
            assert not executable.shots_a_row, "who takes shots counts them"
            continue
        assert not any(_counts(vars(executable.spent)).values()), "something was spent at once"
        forward, all_, _ = _work(executable, case)
        n_rows = len(case.numbers[0])
        wanted = n_rows * executable.shots_a_row
        assert forward["shots"] == wanted, f"{forward['shots']} shots counted, {wanted} taken"
        assert forward["circuits"] >= n_rows, f"{forward['circuits']} circuits for {n_rows} rows"
        for name in ("circuits", "shots"):
            assert all_[name] >= forward[name], f"a gradient gives {name} back"


def check_pretended_runs(backend):
    """Pretended runs cost nothing and count what real ones count."""
    for case in cases():
        real, pretended = case.compiled(backend), case.compiled(backend)
        if real.spent is None:
            continue
        pretended.pretend()
        _, counted, values = _work(pretended, case)
        assert np.isfinite(values).all(), "pretended values are finite"
        _, spent, _ = _work(real, case)
        assert _counts(counted) == _counts(spent), (
            f"pretended: {_counts(counted)}, run: {_counts(spent)}"
        )
