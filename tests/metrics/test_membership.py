"""MembershipResult: what it holds, what it refuses, and how it behaves at the edges."""

import json
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import MembershipResult, OperatingPoint, membership_result

SCORES = st.lists(st.integers(-6, 6).map(float) | st.just(np.inf) | st.just(-np.inf), min_size=2)


def quiet(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResolutionWarning)
        return membership_result(*args, **kwargs)


def normal(m, n, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1, m), rng.normal(0, 1, n)


def test_auc_is_scikit_learns():
    members, nonmembers = normal(60, 150)
    truth = np.repeat([1, 0], [60, 150])
    expected = roc_auc_score(truth, np.concatenate([members, nonmembers]))
    assert quiet(members, nonmembers).auc == pytest.approx(expected, abs=1e-12)


def test_standard_error_is_delongs_by_its_definition():
    members, nonmembers = normal(7, 11)
    kernel = (members[:, None] > nonmembers) + 0.5 * (members[:, None] == nonmembers)
    variance = kernel.mean(1).var(ddof=1) / 7 + kernel.mean(0).var(ddof=1) / 11
    assert quiet(members, nonmembers).auc_se == pytest.approx(np.sqrt(variance), abs=1e-12)


def test_a_true_positive_rate_cannot_be_held_without_its_false_positive_rate():
    with pytest.raises(ValueError, match="has no fpr"):
        OperatingPoint(0.01, 0.5, None, 0.9, (0, 1), (0.8, 1))
    with pytest.raises(ValueError, match="has no fpr"):
        OperatingPoint(0.01, 0.5, float("nan"), 0.9, (0, 1), (0.8, 1))
    good = quiet(*normal(20, 20)).to_dict()
    good["operating_points"] = [{"tpr": 0.9}]
    with pytest.raises(ValueError, match=r"operating_points.* lacks .*'fpr'"):
        MembershipResult.from_dict(good)
    with pytest.raises(TypeError, match="OperatingPoint"):
        MembershipResult(5, 5, 0.95, 0.5, 0.1, (0, 1), 0, (0, 0.5), 0, 0, (0, 1), (0.9,))


def test_rates_below_the_resolution_are_nan_and_say_so():
    members, nonmembers = normal(50, 80)
    with pytest.warns(ResolutionWarning, match=r"80 non-members .* 0.01 \(needs 100\)"):
        result = membership_result(members, nonmembers, fprs=(0.1, 0.01))
    assert np.isnan(result.at_fpr(0.01).tpr)
    assert not result.at_fpr(0.01).resolved
    assert result.at_fpr(0.1).resolved


def test_a_rate_of_exactly_one_over_n_is_resolved():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = membership_result(*normal(50, 1000), fprs=(0.01, 0.001))
    assert result.at_fpr(0.001).fpr == pytest.approx(0.001)


def test_rates_hold_on_the_sample_at_the_threshold_they_name():
    members, nonmembers = normal(300, 400)
    point = quiet(members, nonmembers).at_fpr(0.01)
    assert point.fpr == np.mean(nonmembers >= point.threshold) <= 0.01
    assert point.tpr == np.mean(members >= point.threshold)
    # no lower threshold respects the false-positive rate and finds more members
    lower = np.concatenate([members, nonmembers])
    lower = lower[lower < point.threshold]
    ok = (nonmembers[:, None] >= lower).mean(0) <= 0.01
    assert not (ok & ((members[:, None] >= lower).mean(0) > point.tpr)).any()


def test_fixed_threshold_has_clopper_pearson_rates():
    from scipy.stats import binomtest

    members, nonmembers = normal(30, 40)
    fixed = quiet(members, nonmembers, threshold=0.5, level=0.9).fixed
    hits, false = np.sum(members >= 0.5), np.sum(nonmembers >= 0.5)
    assert fixed.tpr_interval == pytest.approx(binomtest(hits, 30).proportion_ci(0.9))
    assert fixed.fpr_interval == pytest.approx(binomtest(false, 40).proportion_ci(0.9))
    assert quiet(members, nonmembers).fixed is None


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
@example([0.0] * 2, [np.inf] * 6 + [-np.inf] * 3)  # as far from 1/2 as its standard error
def test_laws_of_any_two_samples(members, nonmembers):
    result = quiet(members, nonmembers, fprs=(0.5, 0.1), n_resamples=5)
    low, high = result.auc_interval
    assert 0 <= low <= result.auc <= high <= 1
    assert low < high  # five tied scores do not prove an area
    near, far = result.distinguishability_interval
    assert 0 <= near <= far <= 0.5
    assert 0 <= result.distinguishability <= 0.5
    assert -0.5 <= result.corrected_distinguishability <= 0.5
    low, high = result.advantage_interval
    assert -1 <= low <= result.advantage <= high <= 1
    assert result.balanced_accuracy == (1 + result.advantage) / 2
    for point in result.operating_points:
        assert point.tpr_interval[0] <= point.tpr_interval[1]
        assert point.fpr <= point.fpr_target
    assert np.all(np.diff(result.roc_fpr) >= 0)
    assert np.all(np.diff(result.roc_tpr) >= 0)

    swapped = quiet(nonmembers, members, fprs=(), n_resamples=5)
    assert swapped.auc == pytest.approx(1 - result.auc, abs=1e-12)
    assert swapped.distinguishability == pytest.approx(result.distinguishability, abs=1e-9)
    assert swapped.auc_interval == pytest.approx(
        (1 - result.auc_interval[1], 1 - result.auc_interval[0]), abs=1e-9
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 99))
def test_only_the_order_of_scores_matters(m, n, seed):
    members, nonmembers = normal(m, n, 0.5, seed)
    one = quiet(members, nonmembers, fprs=(0.5,))
    two = quiet(np.exp(members), np.exp(nonmembers), fprs=(0.5,))
    assert one.auc_interval == two.auc_interval
    assert one.advantage == two.advantage
    assert one.at_fpr(0.5).tpr_interval == two.at_fpr(0.5).tpr_interval


def test_an_inverted_attack_is_as_distinguishable_as_the_attack():
    members, nonmembers = normal(200, 200)
    one, two = quiet(members, nonmembers), quiet(-members, -nonmembers)
    assert two.auc < 0.3
    assert two.distinguishability == pytest.approx(one.distinguishability)
    assert two.corrected_distinguishability == pytest.approx(0.5 - two.auc, abs=1e-3)
    assert two.advantage == pytest.approx(one.advantage, abs=0.03)


def test_a_perfect_attack_reaches_its_bounds():
    result = quiet(np.arange(10, 60), np.arange(-50, 0))
    assert result.auc == 1
    assert result.distinguishability == result.corrected_distinguishability == 0.5
    assert result.advantage == pytest.approx(1, abs=0.03)
    assert result.auc_interval[0] > 0.9


def test_constant_scores_show_nothing():
    result = quiet(np.ones(20), np.ones(30))
    assert (result.auc, result.distinguishability, result.advantage) == (0.5, 0, 0)
    assert result.at_fpr(0.01).threshold == np.inf
    assert result.auc_interval[0] < 0.5 < result.auc_interval[1]


def test_infinite_scores_are_scores():
    result = quiet([np.inf, np.inf, 3.0], [-np.inf, 2.0, -np.inf], fprs=(0.4,))
    assert result.auc == 1
    assert result.at_fpr(0.4).tpr == 1


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n", [1, 2, 5, 200])
def test_tiny_samples_give_numbers_or_a_warning(m, n):
    members, nonmembers = normal(m, n)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = membership_result(members, nonmembers, fprs=(0.01,))
    assert np.isnan(result.advantage) == (min(m, n) < 2)
    text = " ".join(str(w.message) for w in caught)
    assert ("two of each" in text) == (min(m, n) < 2)
    assert ("cannot resolve" in text) == (n < 100)
    assert np.isfinite([*result.auc_interval, *result.advantage_interval]).all()
    assert np.isfinite(result.at_fpr(0.01).tpr_interval).all()


@pytest.mark.parametrize(
    ("members", "nonmembers", "kwargs", "words"),
    [
        ([], [1.0], {}, "scores_member holds 0"),
        ([1.0], [], {}, "scores_nonmember holds 0"),
        ([1.0, np.nan], [1.0], {}, "scores_member is nan at 1 position"),
        ([[1.0, 2.0]], [1.0], {}, "one-dimensional"),
        (["a"], [1.0], {}, "must be numbers"),
        ([1.0, 2.0], [1.0, 2.0], {"level": 95}, "level=95"),
        ([1.0, 2.0], [1.0, 2.0], {"fprs": (0,)}, "fprs"),
        ([1.0, 2.0], [1.0, 2.0], {"n_resamples": 0}, "n_resamples=0"),
        ([1.0, 2.0], [1.0, 2.0], {"threshold": np.nan, "fprs": (0.5,)}, "threshold=nan"),
    ],
)
def test_bad_input_is_named(members, nonmembers, kwargs, words):
    with pytest.raises(ValueError, match=words):
        membership_result(members, nonmembers, **kwargs)


def test_json_and_pickle_keep_everything():
    result = quiet([1.0, np.inf, 2.0], [0.0, 1.0, -np.inf], threshold=0.5)
    text = json.dumps(result.to_dict(), allow_nan=False)
    back = MembershipResult.from_dict(json.loads(text))
    assert back.to_dict() == result.to_dict()
    assert back.roc_thresholds == result.roc_thresholds
    assert pickle.loads(pickle.dumps(result)).to_dict() == result.to_dict()
    with pytest.raises(ValueError, match="format='x'"):
        MembershipResult.from_dict({"format": "x"})


def test_same_seed_same_result_and_the_global_generator_is_left_alone():
    members, nonmembers = normal(40, 60)
    np.random.seed(3)  # noqa: NPY002
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    one, two = quiet(members, nonmembers), quiet(members, nonmembers)
    assert one.advantage == two.advantage
    assert quiet(members, nonmembers, random_state=1).advantage != one.advantage
    assert before == pickle.dumps(np.random.get_state())  # noqa: NPY002


def test_asking_for_a_rate_that_was_not_evaluated_says_which_were():
    with pytest.raises(ValueError, match=r"fpr=0.2 was not evaluated; there are \[0.1\]"):
        quiet(*normal(20, 20), fprs=(0.1,)).at_fpr(0.2)


def test_roc_band_holds_the_curve_and_agrees_with_the_operating_points():
    members, nonmembers = normal(150, 250)
    result = quiet(members, nonmembers, fprs=(0.05, 0.2))
    fprs, low, high = result.roc_band([0.05, 0.2, 1.0])
    assert fprs.tolist() == [0.05, 0.2, 1.0]
    for point, lo, hi in zip(result.operating_points, low, high, strict=False):
        assert point.tpr_interval == pytest.approx((lo, hi))
    fprs, low, high = result.roc_band()
    height = np.interp(fprs, result.roc_fpr, result.roc_tpr)
    assert np.all((low <= height + 0.02) & (height - 0.02 <= high))


def test_a_long_curve_is_thinned_but_keeps_its_ends_and_its_band():
    members, nonmembers = normal(300, 30_000)
    result = membership_result(members, nonmembers, fprs=(0.01,), n_resamples=1)
    assert len(result.roc_fpr) <= 2001
    assert (result.roc_fpr[0], result.roc_fpr[-1]) == (0, 1)
    _, low, high = result.roc_band([0.01])
    assert result.at_fpr(0.01).tpr_interval == pytest.approx((low[0], high[0]), abs=0.01)


def test_the_summary_shows_every_interval_and_marks_the_unresolved():
    text = str(quiet(*normal(20, 30), threshold=0.0))
    assert "members 20, non-members 30; 95% interval" in text
    assert "unresolved" in text
    assert text.count("[") >= 8
