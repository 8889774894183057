"""Selective dampening: its formula, its references, its thresholds, the quantum importance.

This file looks inside.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from skqmu.exceptions import MemberRecordError, UnlearningWarning
from skqmu.unlearning import Composite, FineTune, Importance, SelectiveDampening, importance_of
from skqmu.unlearning._importance import squared_gradients


@pytest.fixture(scope="module")
def data(data):
    """The same rows, of which six of one class are to be forgotten."""
    first = np.flatnonzero(data.y == 1)
    order = np.r_[first, np.flatnonzero(data.y != 1)]
    X, y = data.X[order], data.y[order]
    return SimpleNamespace(X=X, y=y, X_f=X[:6], y_f=y[:6], X_r=X[6:], y_r=y[6:])


@pytest.fixture
def trained(make_classifier, data):
    return make_classifier().fit(data.X, data.y)


def squares(hand, theta, X, y):
    """Mean of squared per-sample gradients, by finite differences."""
    per_row = [
        hand.slope(lambda p, x=x, c=c: hand.ce(p, x[None], [c]), theta)
        for x, c in zip(X, y, strict=True)
    ]
    mean = np.mean(np.square(per_row), axis=0)
    # What is below the differences' own error is no gradient (the RZ before the readout).
    return np.where(mean > 1e-16, mean, 0.0)


def expected_params(clf, part, reference, chosen, lam):
    theta = clf.params_.copy()
    wrapped = clf._network().wrapped(theta)
    theta[chosen] = np.minimum(lam * reference[chosen] / part[chosen], 1) * wrapped[chosen]
    return theta


@pytest.mark.parametrize("reference", ["retain", "all"])
@pytest.mark.parametrize("alpha", [1.2, 1.5])
def test_fixed_alpha(trained, data, hand, reference, alpha):
    part = squares(hand, trained.params_, data.X_f, data.y_f)
    rows = (data.X_r, data.y_r) if reference == "retain" else (data.X, data.y)
    compared = squares(hand, trained.params_, *rows)
    chosen = part > alpha * compared
    assert 0 < chosen.sum() < len(chosen)
    expected = expected_params(trained, part, compared, chosen, lam=0.9)
    strategy = SelectiveDampening(alpha=alpha, lam=0.9, reference=reference, guard=None)
    trained.unlearn(data.X_f, strategy=strategy)
    np.testing.assert_allclose(trained.params_, expected, atol=1e-6)
    noted = trained.unlearning_log_[-1]["notes"][0]
    assert noted == f"{chosen.sum()} of {len(chosen)} parameters were dampened."


def test_auto_alpha_is_a_quantile_of_the_ratios_and_never_below_one(trained, data, hand):
    part = squares(hand, trained.params_, data.X_f, data.y_f)
    compared = squares(hand, trained.params_, data.X_r, data.y_r)
    ratio = np.divide(part, compared, out=np.zeros_like(part), where=part > 0)
    chosen = ratio > max(1, np.quantile(ratio, 0.6))
    expected = expected_params(trained, part, compared, chosen, lam=1.0)
    trained.unlearn(data.X_f, strategy=SelectiveDampening(quantile=0.6, guard=None))
    np.testing.assert_allclose(trained.params_, expected, atol=1e-6)


def test_angles_are_wrapped_before_they_shrink(trained, data):
    turned = trained.params_.copy()
    turned[:6] += 4 * np.pi  # the same circuit
    probe = trained.predict_proba(data.X)
    one = trained.unlearn(data.X_f, strategy=SelectiveDampening(alpha=1.2, guard=None)).params_
    other = type(trained)(**trained.get_params()).fit(data.X, data.y)
    other.params_ = turned
    np.testing.assert_allclose(other.predict_proba(data.X), probe, atol=1e-12)
    other.unlearn(data.X_f, strategy=SelectiveDampening(alpha=1.2, guard=None))
    moved = other.params_ != turned
    assert moved[:6].any()
    np.testing.assert_allclose(other.params_[moved], one[moved], atol=1e-9)


@pytest.mark.parametrize("alpha", [5.0, 10.0, 1000.0])
def test_an_alpha_that_can_never_select_is_an_error(trained, data, alpha):
    before = trained.params_
    with pytest.raises(ValueError, match=r"can never select .* n / n_f = 5"):
        trained.unlearn(data.X_f, strategy=SelectiveDampening(alpha=alpha, reference="all"))
    assert trained.params_ is before


def test_the_bound_of_the_ratio_is_the_law_behind_that_error(trained, data):
    clf = trained
    network = clf._network()
    rng = np.random.default_rng(0)
    for size in (1, 3, 10, 25):
        rows = rng.choice(len(data.X), size, replace=False)
        clf_request = {}

        class Spy(SelectiveDampening):
            def unlearn(self, request, kept=clf_request):
                kept["part"] = squared_gradients(network, request.params, request.forget)
                kept["all"] = request.importance("fisher", request.params).values
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            clf.unlearn(index=rows, strategy=Spy())
        ratio = clf_request["part"] / clf_request["all"]
        assert ratio.max() <= len(data.X) / size * (1 + 1e-9)


def test_changing_nothing_warns_and_is_logged(trained, data):
    before = trained.params_.copy()
    with pytest.warns(UnlearningWarning, match="nothing was dampened"):
        trained.unlearn(data.X_f, strategy=SelectiveDampening(alpha=1e9))
    np.testing.assert_array_equal(trained.params_, before)
    assert "nothing was dampened" in trained.unlearning_log_[-1]["notes"][1]


def test_what_fit_did_not_train_is_not_dampened(make_classifier, data):
    clf = make_classifier(trainable="head").fit(data.X, data.y)
    before = clf.params_.copy()
    clf.unlearn(data.X_f, strategy=SelectiveDampening(alpha=1.05))
    moved = clf.params_ != before
    assert not moved[:6].any()
    assert clf.unlearning_log_[-1]["notes"][0].startswith(f"{moved.sum()} of ")


def test_quantum_importance_is_one_minus_the_overlap_after_a_turn_by_pi(trained, data):
    """For a Pauli rotation of its own, F_kk = 1 - |<psi(w)|psi(w + pi e_k)>|^2."""
    network = trained._network()
    executable = network.layers[0].executable
    weights = trained.params_[:6]
    information = executable.quantum_fisher(data.X, weights)
    state = executable.statevectors(data.X, weights)
    for k in range(6):
        turned = executable.statevectors(data.X, weights + np.pi * (np.arange(6) == k))
        overlap = np.abs((state.conj() * turned).sum(axis=1)) ** 2
        np.testing.assert_allclose(information[:, k], 1 - overlap, atol=1e-12)


def test_quantum_importance_replaces_the_circuits_part_alone(trained, data):
    network, kept = trained._network(), {}

    class Spy(SelectiveDampening):
        def unlearn(self, request):
            kept["request"] = request
            return super().unlearn(request)

    theta = trained.params_
    trained.unlearn(data.X_f, strategy=Spy(importance="qfi", quantile=0.5))
    records = kept["request"].forget
    fisher = importance_of(network, theta, records).values
    quantum = importance_of(network, theta, records, "qfi").values
    np.testing.assert_array_equal(fisher[6:], quantum[6:])
    expected = network.layers[0].executable.quantum_fisher(records.X, theta[:6]).mean(axis=0)
    np.testing.assert_allclose(quantum[:6], expected)
    moved = trained.params_ != theta
    # The quantile is taken apart: neither group can keep the other from being chosen.
    assert moved[:6].any()
    assert moved[6:].any()


def test_importances_of_the_rest_are_those_of_the_whole_without_the_part():
    rng = np.random.default_rng(1)
    values, weights = rng.exponential(size=(10, 4)), rng.uniform(0.5, 2, 10)

    def importance(rows):
        return Importance(
            np.average(values[rows], axis=0, weights=weights[rows]), weights[rows].sum()
        )

    left = importance(np.arange(10)).without(importance(np.arange(3)))
    expected = importance(np.arange(3, 10))
    np.testing.assert_allclose(left.values, expected.values)
    assert left.weight == pytest.approx(expected.weight)


KEY = b"0123456789abcdef0123456789abcdef"


def test_stored_importances_are_enough_where_no_rows_are_kept(make_classifier, data):
    strategy = SelectiveDampening(alpha=1.2, guard=None)
    stored = make_classifier(store_data="fingerprints", unlearning=strategy)
    stored.fit(data.X, data.y, fingerprint_key=KEY).unlearn(data.X_f, fingerprint_key=KEY)
    kept = make_classifier().fit(data.X, data.y).unlearn(data.X_f, strategy=strategy)
    np.testing.assert_allclose(stored.params_, kept.params_, atol=1e-10)


def test_stored_importances_are_refreshed_by_each_request(make_classifier, data):
    strategy = SelectiveDampening(alpha=1.2, guard=None)
    clf = make_classifier(store_data="fingerprints", unlearning=strategy)
    clf.fit(data.X, data.y, fingerprint_key=KEY)
    whole = clf._fitted.importances["fisher"]
    clf.unlearn(data.X_f, fingerprint_key=KEY)
    after = clf._fitted.importances["fisher"]
    assert after.weight == pytest.approx(whole.weight - 6)
    # With the rows that stay at hand they are measured at the new parameters.
    clf.unlearn(data.X_r[:3], X_retain=data.X_r[3:], y_retain=data.y_r[3:], fingerprint_key=KEY)
    reference = make_classifier().fit(data.X_r[3:], data.y_r[3:])
    reference.params_ = clf.params_
    kept = {}

    class Spy(SelectiveDampening):
        def unlearn(self, request):
            kept["values"] = request.importance("fisher", request.params).values
            return super().unlearn(request)

    reference.unlearn(index=[0], strategy=Spy(alpha=1.01))
    np.testing.assert_allclose(clf._fitted.importances["fisher"].values, kept["values"], rtol=1e-9)


def test_without_rows_or_importances_it_says_what_to_do(make_classifier, data):
    clf = make_classifier(store_data="none").fit(data.X, data.y)
    with pytest.raises(MemberRecordError, match="so that fit measures importances"):
        clf.unlearn(data.X_f, data.y_f, strategy="selective_dampening")


def test_in_a_composite_importances_are_measured_where_the_part_before_ended(trained, data):
    kept = {}

    class Spy(SelectiveDampening):
        def unlearn(self, request):
            kept["given"] = request.importance("fisher", request.params).values
            both = [request.forget, request.retain]
            values = [squared_gradients(request.network, request.params, r) for r in both]
            kept["expected"] = (6 * values[0] + 24 * values[1]) / 30
            return super().unlearn(request)

    trained.unlearn(data.X_f, strategy=Composite([FineTune(max_iter=5), Spy(alpha=1.2)]))
    atol = 1e-12 * kept["expected"].max()  # of a parameter that nothing depends on: rounding
    np.testing.assert_allclose(kept["given"], kept["expected"], atol=atol)
