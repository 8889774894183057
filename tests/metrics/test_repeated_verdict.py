"""A verdict over repeats: what differs on average is found, what cannot be told says what it takes.

This file looks inside.
"""

import numpy as np
import pytest

from skqmu.metrics import RecordedAnswers, repeated_verdict, retraining_differences
from skqmu.metrics._gap import Difference
from skqmu.metrics._repeated_gap import repeated_gap


class World:
    """A table of rows with their own hardness; models with a seed effect, and perhaps a leak."""

    def __init__(self, seed, *, n=150, n_forget=15, fixed=False, leak=0.0, spread=0.5):
        self.rng = np.random.default_rng(seed)
        self.hardness = self.rng.normal(0, 1.5, n)
        self.y = (self.rng.random(n) < 0.5).astype(int)
        self.n, self.n_forget, self.fixed = n, n_forget, fixed
        self.leak, self.spread = leak, spread

    def answers(self, forgotten):
        n, rng = self.n, self.rng
        logit = 1 + self.hardness + rng.normal(0, self.spread) + rng.normal(0, 0.7, n)
        p = 1 / (1 + np.exp(-logit - self.leak * forgotten))
        proba = np.empty((n, 2))
        proba[np.arange(n), self.y], proba[np.arange(n), 1 - self.y] = p, 1 - p
        return RecordedAnswers(proba)

    def repeat(self, n_oracles=3):
        order = np.arange(self.n) if self.fixed else self.rng.permutation(self.n)
        test, train = np.sort(order[:60]), order[60:]
        forget = np.sort(train[: self.n_forget])
        rows = {"forget": forget, "nonmembers": test, "test": test}
        mask = np.isin(np.arange(self.n), forget)
        return retraining_differences(
            self.answers(mask),
            [self.answers(np.zeros(self.n)) for _ in range(n_oracles)],
            rows=rows,
            **{name: (at, self.y[at]) for name, at in rows.items()},
        )

    def repeats(self, n, **options):
        return [self.repeat(**options) for _ in range(n)]


def test_a_leak_is_found_and_none_is_found_to_be_none():
    leaking = repeated_verdict(World(0, leak=2.0).repeats(12))
    assert leaking.level == "differs"
    assert any("loss attack" in each for each in leaking.findings)
    assert leaking.repeats_needed is leaking.rows_needed is None
    clean = repeated_verdict(World(1).repeats(24))
    assert clean.level == "indistinguishable", clean.sentence
    assert all(gap["margin"] <= 0.1 for key, gap in clean.gaps.items() if "loss_" not in key)


def test_what_is_open_says_how_many_repeats_would_decide_and_they_do():
    few = repeated_verdict(World(2).repeats(4))
    assert few.level == "unresolved"
    assert not few.is_settled(1000)
    assert f"about {few.repeats_needed} repeats would decide" in few.sentence
    more = repeated_verdict(World(2).repeats(2 * few.repeats_needed))
    assert more.level == "indistinguishable", more.sentence


def noisy_rows(n_rows, n_repeats, seed=0):
    """Repeats whose difference is each row's own, the same in all of them."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 0.5, n_rows)
    own -= own.mean()
    ids = (np.arange(n_rows),)
    found = [
        Difference((own + 1e-3 * rng.normal(size=n_rows),), np.array([0.0]), np.zeros(2), True)
        for _ in range(n_repeats)
    ]
    return repeated_gap(found, [ids] * n_repeats)


def test_repeats_do_not_shrink_what_rows_leave_open():
    few, many = noisy_rows(20, 4), noisy_rows(20, 64)
    assert many.rows_error == pytest.approx(few.rows_error, rel=0.02)
    assert many.rows_error == pytest.approx(0.5 / np.sqrt(20), rel=0.3)
    assert many.half_width(0.025) < 0.01 < many.half_width_with_rows(0.025)
    assert noisy_rows(2000, 4).rows_error < few.rows_error / 5


def test_rows_that_leave_too_much_open_end_it_and_the_verdict_says_how_many_it_would_take():
    gap = noisy_rows(20, 8)
    assert gap.repeats_to_show_equivalence(0.05, 0.1) == np.inf
    needed = gap.rows_to_show_equivalence(0.05, 0.1)
    assert needed > 200
    enough = noisy_rows(needed, 8)
    assert np.isfinite(enough.repeats_to_show_equivalence(0.05, 0.1))


def test_a_request_whose_rows_differ_on_their_own_is_found_to_differ():
    """Three rows, of which two leak in opposite ways: on average over rows little is left."""
    world = World(3, n_forget=3, fixed=True, spread=0.0, leak=1.0)
    own = np.zeros(world.n)
    own[60:62] = [4.0, -4.0]
    plain = world.answers
    world.answers = lambda mask: plain(own * mask)
    found = repeated_verdict(world.repeats(10))
    assert found.level == "differs"
    assert found.gaps["distance_forget"]["rows_low"] < 0 < found.gaps["distance_forget"]["low"]


def test_few_rows_of_a_fixed_request_end_it_without_a_verdict():
    world = World(9, n_forget=3, fixed=True, spread=0.0)
    plain = world.answers
    # one row is answered with a little more confidence, one with less
    own = np.zeros(world.n)
    own[60:62] = [0.5, -0.5]
    world.answers = lambda mask: plain(own * mask)
    world.leak = 1.0
    found = repeated_verdict(world.repeats(16))
    assert found.level == "unresolved", found.sentence
    assert found.rows_needed > 3
    assert found.is_settled(64)
    assert "rows alone leave more open" in found.sentence


def test_rows_that_came_once_are_no_reason_to_give_up():
    """Few draws of a table look as if rows differed: only when rows come again is it known."""
    found = repeated_verdict(World(4, n_forget=4).repeats(3))
    assert found.level == "unresolved"
    assert not found.is_settled(1000)


def test_a_request_of_one_row_speaks_of_that_row_alone():
    verdict = repeated_verdict(World(5, n_forget=1, fixed=True, leak=3.0).repeats(16))
    gap = verdict.gaps["accuracy_forget"]
    assert gap["low"] == gap["rows_low"]
    assert verdict.level == "differs"


def test_a_measure_of_two_sides_has_both_in_its_interval():
    verdict = repeated_verdict(World(6).repeats(6))
    for gap in verdict.gaps.values():
        assert gap["rows_low"] <= gap["low"] <= gap["value"] <= gap["high"] <= gap["rows_high"]
        assert len(gap["each"]) == 6
        assert np.mean(gap["each"]) == pytest.approx(gap["value"])


def test_an_early_look_spends_its_share_and_is_wider():
    repeats = World(7).repeats(8)
    whole, early = repeated_verdict(repeats), repeated_verdict(repeats, share=0.125)
    for key, gap in whole.gaps.items():
        assert early.gaps[key]["low"] < gap["low"]
        assert early.gaps[key]["margin"] > gap["margin"]


def test_models_without_randomness_are_indistinguishable_after_three_repeats():
    model = RecordedAnswers(np.tile([[0.8, 0.2]], (80, 1)))
    part = np.arange(40), np.zeros(40, dtype=int)
    held_out = np.arange(40, 80), np.zeros(40, dtype=int)
    parts = {"forget": part, "nonmembers": held_out, "test": held_out}
    repeats = [retraining_differences(model, [model] * 2, **parts) for _ in range(3)]
    verdict = repeated_verdict(repeats)
    assert verdict.level == "indistinguishable", verdict.sentence
    assert verdict.gaps["accuracy_forget"]["margin"] > 0


def test_bad_input_is_named():
    world = World(8, fixed=True)
    repeats = world.repeats(2)
    with pytest.raises(ValueError, match="1 repeat"):
        repeated_verdict(repeats[:1])
    with pytest.raises(ValueError, match="share=0"):
        repeated_verdict(repeats, share=0)
    with pytest.raises(ValueError, match="delta=2"):
        repeated_verdict(repeats, delta=2)
    with pytest.raises(ValueError, match="1 oracle"):
        world.repeat(n_oracles=1)
    part = np.arange(5), world.y[:5]
    parts = dict.fromkeys(("forget", "nonmembers", "test"), part)
    model = world.answers(np.zeros(world.n))
    with pytest.raises(ValueError, match="rows lacks 'test', 'nonmembers'"):
        retraining_differences(model, [model] * 2, rows={"forget": part[0]}, **parts)
    short = dict.fromkeys(parts, np.arange(4))
    with pytest.raises(ValueError, match="not as many numbers as records"):
        retraining_differences(model, [model] * 2, rows=short, **parts)
    other = retraining_differences(model, [model] * 2, retain=part, **parts)
    with pytest.raises(ValueError, match="different measures"):
        repeated_verdict([repeats[0], other])
