"""Shift rules: exact on the trigonometric polynomials that circuits are.

This file looks inside.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skqmu.backends.sampled._shift import shift_rule


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 2.7, 3.0]), min_size=1, max_size=4),
    st.integers(0, 1000),
)
def test_rules_differentiate_every_polynomial_of_their_frequencies(frequencies, seed):
    frequencies = tuple(sorted(frequencies))
    rng = np.random.default_rng(seed)
    cosines, sines = rng.normal(size=(2, len(frequencies)))
    at, w = rng.uniform(-4, 4), np.array(frequencies)

    def polynomial(t):
        return 0.3 + cosines @ np.cos(w * t) + sines @ np.sin(w * t)

    rule = shift_rule(frequencies)
    measured = sum(
        c * polynomial(at + s) for s, c in zip(rule.shifts, rule.coefficients, strict=True)
    )
    exact = np.sum(w * (sines * np.cos(w * at) - cosines * np.sin(w * at)))
    assert len(rule) == 2 * len(frequencies)
    assert measured == pytest.approx(exact, abs=1e-8)


def test_a_pauli_rotation_has_two_terms():
    rule = shift_rule((1.0,))
    np.testing.assert_allclose(rule.shifts, [np.pi / 2, -np.pi / 2])
    np.testing.assert_allclose(rule.coefficients, [0.5, -0.5])


def test_a_controlled_rotation_has_the_published_four_terms():
    # Anselmetti et al. 2021 (arXiv 2104.05695), eq. 13: shifts pi/2 and 3 pi/2 with
    # coefficients (sqrt 2 + 1) / (4 sqrt 2) and -(sqrt 2 - 1) / (4 sqrt 2).
    rule = shift_rule((0.5, 1.0))
    np.testing.assert_allclose(rule.shifts[:2], [np.pi / 2, 3 * np.pi / 2])
    root = np.sqrt(2)
    np.testing.assert_allclose(
        rule.coefficients[:2], [(root + 1) / (4 * root), -(root - 1) / (4 * root)]
    )


def test_an_angle_that_does_not_matter_has_no_terms():
    assert len(shift_rule(())) == 0
