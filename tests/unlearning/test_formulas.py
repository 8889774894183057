"""Every strategy's first steps against its formula, with gradients by finite differences.

This file looks inside.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from skqmu.classifiers._fitting import REQUESTS
from skqmu.exceptions import UnlearningError
from skqmu.network import Network
from skqmu.training import Records
from skqmu.training._objective import epoch_batches
from skqmu.unlearning import (
    SCRUB,
    AdversarialUniform,
    Amnesiac,
    BadTeacher,
    Composite,
    DistributionGuided,
    FineTune,
    FisherForgetting,
    GradientAscent,
    LabelComplement,
    LastLayerRefit,
    LastLayersFineTune,
    LastLayersRetrain,
    NegGradPlus,
    NoisyFineTune,
    OrthogonalEntropy,
    RandomLabels,
    RelativeGradientAscent,
    RetrainedTwin,
    SaliencyUnlearning,
    SensitivityNoise,
    SimilarLabelReweighting,
)

N_QUANTUM = 6


def after(clf, data, strategy):
    """Parameters after the strategy was carried out, as its formula says: not guarded."""
    clf.unlearn(data.X_f, data.y_f, strategy=strategy.set_params(guard=None))
    return clf.params_


def request_rng(clf):
    """The generator of the next request, as strategies draw from it."""
    return np.random.default_rng(np.random.SeedSequence(clf._fitted.seed, spawn_key=(REQUESTS,)))


def one_step(cls, **parameters):
    stop = {"stop": None} if "stop" in cls().get_params() else {}
    return cls(max_iter=1, **stop, **parameters)


def close(moved, expected):
    np.testing.assert_allclose(moved, expected, rtol=0, atol=2e-8)


def test_the_hand_written_model_is_the_classifier(trained, data, hand):
    expected = hand.log_proba(trained.params_, data.X)
    np.testing.assert_allclose(trained.predict_log_proba(data.X), expected, atol=1e-12)


def test_gradient_ascent(trained, data, hand):
    theta = trained.params_
    g_f = hand.slope(lambda p: hand.ce(p, data.X_f, data.y_f), theta)
    close(after(trained, data, one_step(GradientAscent)), theta + hand.rate * g_f)


def test_neg_grad_plus(trained, data, hand):
    theta = trained.params_
    gradient = hand.slope(
        lambda p: hand.ce(p, data.X_r, data.y_r) - 0.7 * hand.ce(p, data.X_f, data.y_f), theta
    )
    close(after(trained, data, one_step(NegGradPlus, alpha=0.7)), theta - hand.rate * gradient)


@pytest.mark.parametrize("relative", ["norm", "project"])
def test_relative_gradient_ascent(trained, data, hand, relative):
    theta = trained.params_
    g_r = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), theta)
    g_f = hand.slope(lambda p: hand.ce(p, data.X_f, data.y_f), theta)
    if relative == "norm":
        g_f = g_f * np.linalg.norm(g_r) / np.linalg.norm(g_f)
    else:
        g_f = g_f - g_r * (g_f @ g_r) / (g_r @ g_r)
        assert abs(g_f @ g_r) < 1e-12
    strategy = one_step(RelativeGradientAscent, lam=0.6, relative=relative)
    close(after(trained, data, strategy), theta - hand.rate * (g_r - 0.6 * g_f))


def mean_entropy(hand, params, X):
    log_p = hand.log_proba(params, X)
    return -(np.exp(log_p) * log_p).sum(axis=1).mean()


def test_orthogonal_entropy(trained, data, hand):
    theta = trained.params_
    g_r = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), theta)
    up = hand.slope(lambda p: mean_entropy(hand, p, data.X_f), theta)
    across = up - g_r * (up @ g_r) / (g_r @ g_r)
    assert abs(up @ g_r) > 1e-3 * np.linalg.norm(up) * np.linalg.norm(g_r)  # something to remove
    moved = after(trained, data, one_step(OrthogonalEntropy, lam=3.0))
    close(moved, theta - hand.rate * (g_r - 3.0 * across))
    np.testing.assert_allclose((moved - theta) @ g_r, -hand.rate * g_r @ g_r, atol=1e-7)


def test_orthogonal_entropy_raises_doubt_beyond_fine_tuning(make_classifier, data, hand):
    doubts, losses = [], []
    for strategy in (
        FineTune(max_iter=20),
        OrthogonalEntropy(lam=2.0, max_iter=20, stop=None),
        NegGradPlus(alpha=2.0, max_iter=20, stop=None),
    ):
        moved = after(make_classifier().fit(data.X, data.y), data, strategy)
        doubts.append(mean_entropy(hand, moved, data.X_f))
        losses.append(hand.ce(moved, data.X_r, data.y_r))
    assert doubts[1] > doubts[0] + 0.02
    assert abs(losses[1] - losses[0]) < 0.3 * (losses[2] - losses[0])  # what orthogonality is for


def test_sensitivity_noise(trained, data, hand):
    theta = trained.params_
    norms = [
        np.linalg.norm(hand.slope(lambda p, x=x, c=c: hand.ce(p, x[None], [c]), theta))
        for x, c in zip(data.X_f, data.y_f, strict=True)
    ]
    noise = max(norms) / 4.0 * request_rng(trained).standard_normal(len(theta))
    start = theta + noise
    gradient = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), start)
    moved = after(trained, data, one_step(SensitivityNoise, epsilon=4.0))
    np.testing.assert_allclose(moved, start - hand.rate * gradient, rtol=0, atol=1e-6)


def test_sensitivity_noise_claims_nothing_for_its_epsilon(trained, data):
    assert "Not a privacy parameter" in SensitivityNoise.__doc__
    after(trained, data, SensitivityNoise(epsilon=0.5))
    assert trained.unlearning_log_[-1]["certificate"] is None


@pytest.mark.parametrize("fisher_on", ["forget", "retain"])
def test_fisher_forgetting(trained, data, hand, fisher_on):
    theta = trained.params_
    rows = (data.X_f, data.y_f) if fisher_on == "forget" else (data.X_r, data.y_r)
    per_row = [
        hand.slope(lambda p, x=x, c=c: hand.ce(p, x[None], [c]), theta)
        for x, c in zip(*rows, strict=True)
    ]
    fisher = np.mean(np.square(per_row), axis=0)

    def ascent(p):
        return hand.slope(lambda q: hand.ce(q, data.X_f, data.y_f), p)

    first = theta + hand.rate * ascent(theta)
    second = first - hand.rate * (-ascent(first) + 4.0 * fisher * (first - theta))
    strategy = FisherForgetting(lam=4.0, fisher_on=fisher_on, max_iter=2, stop=None)
    close(after(trained, data, strategy), second)


def test_fisher_noise_has_variance_alpha_over_the_retained_rows_fisher(trained, data, hand):
    theta, alpha = trained.params_, 1e-3
    per_row = [
        hand.slope(lambda p, x=x, c=c: hand.ce(p, x[None], [c]), theta)
        for x, c in zip(data.X_r, data.y_r, strict=True)
    ]
    spread = np.minimum(np.sqrt(alpha / np.mean(np.square(per_row), axis=0)), 0.5)
    expected = theta + spread * request_rng(trained).standard_normal(len(theta))
    moved = after(trained, data, FisherForgetting(noise=True, alpha=alpha))
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_fine_tune_with_a_decaying_l1_penalty(trained, data, hand):
    theta = trained.params_
    wrapped = trained._network().wrapped(theta)

    def step(p, wrapped, strength):
        gradient = hand.slope(lambda q: hand.ce(q, data.X_r, data.y_r), p)
        return p - hand.rate * (gradient + strength * np.sign(wrapped))

    first = step(theta, wrapped, 0.02)
    second = step(first, trained._network().wrapped(first), 0.01)
    close(after(trained, data, FineTune(l1=0.02, max_iter=2)), second)


def test_noisy_fine_tune_clips(trained, data, hand):
    theta = trained.params_
    g_r = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), theta)
    clip = 0.5 * np.linalg.norm(g_r)
    moved = after(trained, data, one_step(NoisyFineTune, clip=clip, sigma=0.0))
    close(moved, theta - hand.rate * 0.5 * g_r)


def test_noisy_fine_tune_leaves_short_gradients_and_adds_noise(make_classifier, data, hand):
    noises = []
    for seed in range(40):
        clf = make_classifier(random_state=seed, max_iter=1).fit(data.X, data.y)
        theta = clf.params_
        g_r = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), theta)
        moved = after(clf, data, one_step(NoisyFineTune, clip=100.0, sigma=0.3))
        noises.append((theta - moved) / hand.rate - g_r)
    noises = np.array(noises)
    # 600 draws: the standard deviation's own relative error is 1/sqrt(1200).
    assert abs(noises.std() / 0.3 - 1) < 4 / np.sqrt(2 * noises.size)
    assert abs(noises.mean()) < 4 * 0.3 / np.sqrt(noises.size)


def test_last_layers_fine_tune_moves_the_head_alone(trained, data, hand):
    theta = trained.params_
    gradient = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), theta)
    gradient[:N_QUANTUM] = 0
    close(after(trained, data, one_step(LastLayersFineTune)), theta - hand.rate * gradient)


def test_last_layers_fine_tune_as_in_hqml_climbs_behind_frozen_first_groups(trained, data, hand):
    theta = trained.params_
    gradient = hand.slope(lambda p: hand.ce(p, data.X_f, data.y_f), theta)
    gradient[:N_QUANTUM] = 0
    strategy = one_step(LastLayersFineTune, ascend=True)
    assert strategy.requires == {"forget"}
    close(after(trained, data, strategy), theta + hand.rate * gradient)


def test_freezing_everything_is_refused(trained, data):
    with pytest.raises(ValueError, match="freezes all 2 parameter groups"):
        after(trained, data, LastLayersFineTune(k=2, ascend=True, stop=None))


@pytest.mark.parametrize("train", ["last", "all"])
def test_last_layers_retrain(trained, data, hand, train):
    theta = trained.params_
    start = theta.copy()
    start[N_QUANTUM:] = trained._network().initial(request_rng(trained))[N_QUANTUM:]
    gradient = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), start)
    if train == "last":
        gradient[:N_QUANTUM] = 0
    close(
        after(trained, data, one_step(LastLayersRetrain, train=train)), start - hand.rate * gradient
    )


def test_scrub_disobeys_then_obeys(trained, data, hand):
    theta = trained.params_
    start = theta + request_rng(trained).normal(0.0, 0.05, len(theta))
    teacher_f, teacher_r = hand.proba(theta, data.X_f), hand.proba(theta, data.X_r)
    up = hand.slope(lambda p: hand.kl(teacher_f, p, data.X_f), start)
    middle = start + hand.rate * 1.5 * up
    down = hand.slope(
        lambda p: 0.5 * hand.kl(teacher_r, p, data.X_r) + 2.0 * hand.ce(p, data.X_r, data.y_r),
        middle,
    )
    strategy = one_step(SCRUB, lam_r=0.5, lam_f=1.5, gamma=2.0, jitter=0.05)
    close(after(trained, data, strategy), middle - hand.rate * down)


def test_scrub_disobeys_for_msteps_epochs_only(trained, data, hand):
    theta = trained.params_
    start = theta + request_rng(trained).normal(0.0, 0.05, len(theta))
    teacher_f, teacher_r = hand.proba(theta, data.X_f), hand.proba(theta, data.X_r)
    p = start + hand.rate * 1.5 * hand.slope(lambda p: hand.kl(teacher_f, p, data.X_f), start)
    for _ in range(2):
        p = p - hand.rate * hand.slope(lambda q: hand.kl(teacher_r, q, data.X_r), p)
    strategy = SCRUB(msteps=1, jitter=0.05, max_iter=2, stop=None)
    close(after(trained, data, strategy), p)


def test_scrub_without_jitter_and_labels_stays_where_the_teacher_is(trained, data):
    theta = trained.params_
    close(after(trained, data, SCRUB(jitter=0.0, max_iter=3, stop=None)), theta)


@pytest.mark.parametrize("ascend", [False, True])
def test_similar_label_reweighting(trained, data, hand, ascend):
    theta = trained.params_
    logits = hand.logits(theta, data.X)
    means = np.array([logits[data.y == c].mean(axis=0) for c in range(3)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosine = means @ means.T - 9 * np.eye(3)
    similar = cosine.argmax(axis=1)[data.y_f]
    g_r = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), theta)
    g_s = hand.slope(lambda p: hand.ce(p, data.X_f, similar), theta)
    w = np.linalg.norm(g_r) / np.linalg.norm(g_s)
    sign = -1 if ascend else 1
    strategy = one_step(SimilarLabelReweighting, alpha=0.8, ascend=ascend)
    close(after(trained, data, strategy), theta - hand.rate * (g_r + sign * 0.8 * w * g_s))


def test_label_complement_is_the_mean_over_the_wrong_labels(trained, data, hand):
    theta = trained.params_
    pairs = [(x, c) for x, y in zip(data.X_f, data.y_f, strict=True) for c in range(3) if c != y]
    X_c, y_c = np.array([x for x, _ in pairs]), np.array([c for _, c in pairs])
    gradient = hand.slope(
        lambda p: hand.ce(p, data.X_r, data.y_r) + 0.6 * hand.ce(p, X_c, y_c), theta
    )
    close(after(trained, data, one_step(LabelComplement, beta=0.6)), theta - hand.rate * gradient)


def test_adversarial_uniform(trained, data, hand):
    theta, eps = trained.params_, 0.2
    uniform = np.log(3)

    def divergence(p, X):
        log_p = hand.log_proba(p, X)
        return uniform + (np.exp(log_p) * log_p).sum(axis=1)

    X_adv = data.X_f.copy()
    for i, x in enumerate(data.X_f):
        X_adv[i] += eps * np.sign(hand.slope(lambda z: divergence(theta, z[None])[0], x))
    X_adv = np.clip(X_adv, -0.8, 1.5)
    gradient = hand.slope(
        lambda p: hand.ce(p, data.X_r, data.y_r) + 1.3 * divergence(p, X_adv).mean(), theta
    )
    strategy = one_step(AdversarialUniform, eps=eps, lam=1.3, clip=(-0.8, 1.5))
    close(after(trained, data, strategy), theta - hand.rate * gradient)


def test_adversarial_points_stay_within_the_features_ranges_by_default(trained, data):
    objective = None

    class Spy(AdversarialUniform):
        def objective(self, request):
            nonlocal objective
            objective = super().objective(request)
            return objective

    after(trained, data, Spy(eps=50.0, max_iter=1, stop=None))
    np.testing.assert_array_equal(objective.low, data.X.min(axis=0))
    np.testing.assert_array_equal(objective.high, data.X.max(axis=0))


def test_distribution_guided(trained, data, hand):
    theta, beta = trained.params_, 1.7
    p0 = hand.proba(theta, data.X_f)
    q = np.zeros_like(p0)
    for label in range(3):
        level = p0[data.y_f == label].mean(axis=0) ** beta
        level[label] = 0
        q[data.y_f == label] = level / level.sum()
    anchor = hand.proba(theta, data.X_r)
    gradient = hand.slope(
        lambda p: hand.ce(p, data.X_f, q) + 0.4 * hand.kl(anchor, p, data.X_r), theta
    )
    strategy = one_step(DistributionGuided, beta=beta, lam=0.4)
    close(after(trained, data, strategy), theta - hand.rate * gradient)


def test_distribution_guided_gives_removed_classes_no_weight(trained, data):
    streams = {}

    class Spy(DistributionGuided):
        def objective(self, request):
            objective = super().objective(request)
            streams.update(objective.streams)
            return objective

    mask = np.isin(data.y, [0, 1])
    trained.unlearn(data.X[mask], strategy=Spy(max_iter=1, stop=None))
    np.testing.assert_allclose(streams["forget"].targets, np.eye(3)[np.full(mask.sum(), 2)])


def test_bad_teacher(trained, data, hand):
    theta, T = trained.params_, 2.0
    twin = trained._network().initial(request_rng(trained))
    bad, good = hand.proba(twin, data.X_f, T), hand.proba(theta, data.X_r, T)
    gradient = hand.slope(
        lambda p: hand.kl(bad, p, data.X_f, T) + hand.kl(good, p, data.X_r, T), theta
    )
    close(after(trained, data, one_step(BadTeacher, T=T)), theta - hand.rate * gradient)


def taught_by(**parameters):
    """A RetrainedTwin whose one step is over all rows, and the twins that it makes."""
    twins = []

    class Twin(LastLayersRetrain):
        def unlearn(self, request):
            outcome = super().unlearn(request)
            twins.append(outcome.params)
            return outcome

    twin = Twin(k=1, max_iter=2)
    strategy = RetrainedTwin(twin=twin, retained_share=1.0, max_iter=1, guard=None)
    return strategy.set_params(**parameters), twins


def test_retrained_twin(trained, data, hand):
    theta, T, twin_T, lam_f = trained.params_, 2.0, 0.6, 0.7
    strategy, twins = taught_by(T=T, twin_T=twin_T, lam_f=lam_f)
    moved = after(trained, data, strategy)
    asked = hand.proba(twins[0], data.X_f, T * twin_T)
    kept = hand.proba(theta, data.X_r, T)
    ratio = lam_f * len(data.X_f) / len(data.X_r)
    gradient = hand.slope(
        lambda p: ratio * hand.kl(asked, p, data.X_f, T) + hand.kl(kept, p, data.X_r, T), theta
    )
    close(moved, theta - hand.rate * gradient)


def test_retrained_twin_begins_with_a_removed_class_as_likely_as_the_others(trained, data, hand):
    removed, theta = data.y == 1, trained.params_
    strategy, _ = taught_by(lam_f=1e-12)
    trained.unlearn(data.X[removed], data.y[removed], strategy=strategy)
    # The retained rows' answers are those of the start, so the one step does not move it.
    log_p = hand.log_proba(trained.params_, data.X[removed])
    odds = log_p[:, 1] - np.logaddexp(log_p[:, 0], log_p[:, 2])
    assert abs(odds.mean()) < 1e-8
    before = hand.log_proba(theta, data.X)[:, [0, 2]]
    same = hand.log_proba(trained.params_, data.X)[:, [0, 2]]
    np.testing.assert_allclose(np.diff(same), np.diff(before), atol=1e-8)


def test_retrained_twin_never_makes_a_removed_class_likelier(trained, data, hand):
    unsure = clone(trained).set_params(max_iter=1, random_state=1).fit(data.X, data.y)
    removed = data.y == 1
    before = unsure.params_.copy()
    assert np.exp(hand.log_proba(before, data.X[removed]))[:, 1].mean() < 0.45
    strategy, _ = taught_by(lam_f=1e-12)
    unsure.unlearn(data.X[removed], data.y[removed], strategy=strategy)
    # The class needs no lower bias, and the step is towards the answers of the start.
    np.testing.assert_allclose(unsure.params_, before, atol=1e-8)


@pytest.mark.parametrize(
    ("n_forget", "n_retain", "batch_size"), [(50, 100, 10), (1, 100, 10), (3, 200, 8), (100, 4, 8)]
)
def test_retrained_twin_weighs_rows_of_both_kinds_as_stated(
    trained, n_forget, n_retain, batch_size
):
    def records(n):
        return Records(np.zeros((n, 2)), np.tile([1.0, 0.0, 0.0], (n, 1)), np.ones(n))

    request = SimpleNamespace(
        network=trained._network(),
        params=trained.params_,
        forget=records(n_forget),
        retain=records(n_retain),
        seed=np.random.SeedSequence(0),
        batch_size=batch_size,
    )
    objective = RetrainedTwin(retained_share=1.0, lam_f=0.7).objective(request)
    weighed = {"forget": 0.0, "retain": 0.0}
    for step in epoch_batches(objective, 0, batch_size, np.random.default_rng(0)):
        for name, rows in step:
            weighed[name] += objective.streams[name].weights[rows].mean()
    assert weighed["forget"] / n_forget == pytest.approx(0.7 * weighed["retain"] / n_retain)


def test_last_layer_refit(trained, data, hand):
    theta, alpha, lam_f = trained.params_, 0.01, 0.4
    asked = hand.proba(theta, data.X_f)
    moved = after(trained, data, LastLayerRefit(alpha=alpha, lam_f=lam_f))
    np.testing.assert_array_equal(moved[:N_QUANTUM], theta[:N_QUANTUM])
    ratio = lam_f * len(data.X_f) / len(data.X_r)

    def objective(p):
        fit = hand.ce(p, data.X_r, data.y_r) + ratio * hand.ce(p, data.X_f, asked)
        return fit + 0.5 * alpha * (p[N_QUANTUM:] ** 2).sum()

    assert np.abs(hand.slope(objective, moved)[N_QUANTUM:]).max() < 1e-7
    assert objective(moved) < objective(theta)


def test_last_layer_refit_asks_for_no_answer_of_a_class_that_is_removed(trained, data, hand):
    removed, theta, alpha = data.y == 1, trained.params_, 0.01
    trained.unlearn(data.X[removed], strategy=LastLayerRefit(alpha=alpha, lam_f=1.0))
    asked = hand.proba(theta, data.X[removed])
    asked[:, 1] = 0.0
    asked /= asked.sum(axis=1, keepdims=True)
    X = np.concatenate([data.X[~removed], data.X[removed]])
    targets = np.concatenate([np.eye(3)[data.y[~removed]], asked])
    scale = len(X) / (~removed).sum()  # a mean over the retained rows

    def objective(p):
        return scale * hand.ce(p, X, targets) + 0.5 * alpha * (p[N_QUANTUM:] ** 2).sum()

    assert np.abs(hand.slope(objective, trained.params_)[N_QUANTUM:]).max() < 1e-7
    assert (trained.predict(data.X) != 1).all()


@pytest.mark.parametrize(("lam_f", "same"), [(0.0, True), (0.1, False)])
def test_where_the_last_layer_stood_matters_through_its_answers_alone(trained, data, lam_f, same):
    other = clone(trained).fit(data.X, data.y)
    moves = np.random.default_rng(0).normal(size=len(other.params_))
    other.params_ = other.params_ + np.where(np.arange(len(moves)) < N_QUANTUM, 0, moves)
    first, second = (after(clf, data, LastLayerRefit(lam_f=lam_f)) for clf in (trained, other))
    assert (np.abs(first - second).max() < 1e-5) == same


@pytest.mark.parametrize(("lam_f", "n_run"), [(0.1, 30), (0.0, 24)])
def test_last_layer_refit_runs_a_circuit_a_row_and_no_gradient(trained, data, lam_f, n_run):
    after(trained, data, LastLayerRefit(lam_f=lam_f))
    cost = trained.unlearning_log_[-1]["cost"]
    assert (cost["forward_rows"], cost["gradient_rows"]) == (n_run, 0)


def test_last_layer_refit_needs_rows_to_solve_on(make_classifier, data):
    clf = make_classifier(early_stopping=True, validation_fraction=0.4).fit(data.X, data.y)
    held_out = clf._fitted.members.held_out
    assert held_out.any()
    before = clf.params_
    with pytest.raises(ValueError, match="no retained records that were trained on"):
        clf.unlearn(
            data.X[~held_out][:6],
            strategy=LastLayerRefit(),
            X_retain=data.X[held_out],
            y_retain=data.y[held_out],
        )
    np.testing.assert_array_equal(clf.params_, before)


@pytest.mark.filterwarnings("error")
def test_last_layer_refit_refuses_features_that_are_not_finite(trained, data, monkeypatch):
    before = trained.params_
    outputs = Network.outputs

    def broken(self, params, X, n_layers):
        whole = n_layers == len(self.layers)
        return outputs(self, params, X, n_layers) if whole else np.full((len(X), 2), np.inf)

    monkeypatch.setattr(Network, "outputs", broken)
    with pytest.raises(UnlearningError, match="not finite"):
        trained.unlearn(data.X_f, strategy=LastLayerRefit())
    np.testing.assert_array_equal(trained.params_, before)


@pytest.mark.parametrize("composite", [False, True])
def test_last_layer_refit_says_which_networks_it_cannot_solve(make_classifier, data, composite):
    clf = make_classifier(trainable="head", head="logistic", objective_noise=1.0)
    clf.fit(data.X, data.y)
    before = clf.params_
    strategy = Composite(["fine_tune", LastLayerRefit()]) if composite else LastLayerRefit()
    with pytest.raises(ValueError, match=r"ends in OneVsRest; use LastLayersRetrain"):
        clf.unlearn(data.X_f, strategy=strategy)
    np.testing.assert_array_equal(clf.params_, before)


@pytest.mark.parametrize("cls", [RandomLabels, SaliencyUnlearning])
def test_random_labels_and_saliency(trained, data, hand, cls):
    streams = {}

    class Spy(cls):
        def objective(self, request):
            objective = super().objective(request)
            streams.update(objective.streams)
            return objective

    theta = trained.params_
    moved = after(trained, data, Spy(max_iter=1, stop=None))
    targets = streams["forget"].targets
    labels = targets.argmax(axis=1)
    np.testing.assert_array_equal(targets, np.eye(3)[labels])
    assert not (labels == data.y_f).any()
    assert len(set(labels)) > 1
    gradient = hand.slope(
        lambda p: hand.ce(p, data.X_r, data.y_r) + hand.ce(p, data.X_f, labels), theta
    )
    if cls is SaliencyUnlearning:
        saliency = np.abs(hand.slope(lambda p: hand.ce(p, data.X_f, data.y_f), theta))
        chosen = saliency >= np.sort(saliency)[-round(0.5 * len(theta))]
        assert 0 < chosen.sum() < len(theta)
        gradient = np.where(chosen, gradient, 0)
    close(moved, theta - hand.rate * gradient)


def test_amnesiac_takes_back_the_steps_of_batches_with_a_forgotten_row(make_classifier, data):
    clf = make_classifier(log_updates=True, batch_size=5, max_iter=4).fit(data.X, data.y)
    start = clf._network().initial(
        np.random.default_rng(np.random.SeedSequence(clf._fitted.seed, spawn_key=(0,)))
    )
    steps = clf._fitted.updates
    assert len(steps) == 4 * 6
    np.testing.assert_allclose(start + sum(s for _, s in steps), clf.params_, atol=1e-12)
    touched = [s for rows, s in steps if set(rows) & set(range(6))]
    assert 0 < len(touched) < len(steps)
    expected = clf.params_ - sum(touched)
    np.testing.assert_allclose(after(clf, data, Amnesiac()), expected, atol=1e-12)
    assert clf.unlearning_log_[-1]["stop_reason"] == f"{len(touched)} logged updates taken back"


def test_amnesiac_over_the_rows_of_one_big_batch_goes_back_to_the_start(make_classifier, data):
    clf = make_classifier(log_updates=True, max_iter=4).fit(data.X, data.y)
    start = clf._network().initial(
        np.random.default_rng(np.random.SeedSequence(clf._fitted.seed, spawn_key=(0,)))
    )
    np.testing.assert_allclose(after(clf, data, Amnesiac()), start, atol=1e-12)


def test_weights_of_the_rows_scale_their_share(make_classifier, data, hand):
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(data.X))
    clf = make_classifier().fit(data.X, data.y, sample_weight=weights)
    theta = clf.params_
    scaled = (weights / weights.mean())[data.mask]

    def weighted(p):
        own = hand.log_proba(p, data.X_f)[np.arange(len(data.y_f)), data.y_f]
        return -(scaled * own).mean()

    close(
        after(clf, data, one_step(GradientAscent)), theta + hand.rate * hand.slope(weighted, theta)
    )
