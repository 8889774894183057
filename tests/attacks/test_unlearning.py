"""UnlearningAttack: perfect forgetting leaves no trace, none leaves it all, too much a new one.

This file looks inside.
"""

import json
import warnings

import numpy as np
import pytest
from scipy.stats import gaussian_kde
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu.attacks import LiRAAttack, ShadowPool, UnlearningAttack
from skqmu.attacks._unlearning import _log_density, masked_auc
from skqmu.metrics.signals import true_class_logit

rng = np.random.default_rng(0)
N = 160
X, y = rng.normal(size=(N, 3)), np.arange(N) % 2
MEMBERS = np.arange(N) < N // 2
# the target's forget set, and as many held-out records
FORGOTTEN = np.arange(N) < 20
CANDIDATES = FORGOTTEN | ((np.arange(N) >= N // 2) & (np.arange(N) < N // 2 + 20))


class Neighbours(ClassifierMixin, BaseEstimator):
    """Memorises; forgets exactly, not at all, or by inverting what it knew."""

    def __init__(self, forgets="exactly"):
        self.forgets = forgets

    def fit(self, X, y):
        self.rows_, self.labels_, self.classes_ = np.array(X), np.array(y), np.unique(y)
        self.inverted_ = np.zeros(len(y), bool)
        self.n_features_in_ = self.rows_.shape[1]
        self.unlearning_log_ = []
        return self

    def _find(self, X):
        return (np.abs(self.rows_[:, None] - np.asarray(X)).max(axis=2) < 1e-12).any(axis=1)

    def unlearn(self, X, y=None):
        gone = self._find(X)
        if self.forgets == "exactly":
            self.rows_, self.labels_ = self.rows_[~gone], self.labels_[~gone]
            self.inverted_ = self.inverted_[~gone]
        elif self.forgets == "too much":
            self.inverted_ |= gone
        self.unlearning_log_.append({"n": int(gone.sum())})
        return self

    def predict_proba(self, X):
        model = KNeighborsClassifier(5, weights=lambda d: 1 / (d + 0.3)).fit(
            self.rows_, np.where(self.inverted_, 1 - self.labels_, self.labels_)
        )
        return 0.02 + 0.96 * model.predict_proba(np.asarray(X))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def fitted(forgets, **params):
    target = Neighbours(forgets).fit(X[MEMBERS], y[MEMBERS]).unlearn(X[FORGOTTEN])
    params = {"n_shadows": 32, "random_state": 0, **params}
    return UnlearningAttack(target, **params).fit(X, y, forget=CANDIDATES)


def test_exact_forgetting_leaves_no_trace():
    result = fitted("exactly").evaluate_groups(X, y, MEMBERS, fprs=(0.1,))
    low, high = result.forgotten.auc_interval
    assert low < 0.5 < high
    # the retained records are still in the model
    assert result.retained.auc_interval[0] > 0.7
    mine = result.records["candidate"]
    before, after = (np.abs(result.records[k][mine] - 0.5).mean() for k in ("auc_before", "auc"))
    # |AUC - 1/2| of a record without signal averages sqrt(2/pi) standard errors
    # (40 records of the same 32 models, so their mean is itself uncertain)
    assert after < 1.6 * np.sqrt(2 / np.pi) * result.records["auc_se"][0]
    assert before > after + 0.05


def test_no_forgetting_leaves_everything():
    result = fitted("nothing").evaluate_groups(X, y, MEMBERS, fprs=(0.1,))
    assert result.forgotten.auc_interval[0] > 0.6
    np.testing.assert_array_equal(result.records["auc"], result.records["auc_before"])
    assert not result.worse().any()


def test_forgetting_too_much_is_found_by_the_attack_that_knows_of_unlearning():
    attack = fitted("too much")
    result = attack.evaluate_groups(X, y, MEMBERS, fprs=(0.1,))
    # its likelihood ratio knows that forgotten records answer BELOW never trained ones
    assert result.forgotten.auc_interval[0] > 0.6
    mine = result.records["candidate"]
    assert result.records["auc"][mine].mean() < 0.3


def test_retained_records_that_get_worse_are_counted():
    result = fitted("too much").report()
    assert result.forgotten is None
    assert result.retained is None
    worse = result.worse()
    after, before = (np.abs(result.records[k] - 0.5) for k in ("auc", "auc_before"))
    assert (after[worse] > before[worse]).all()
    text = str(result)
    assert f"{worse[~CANDIDATES].sum()} more exposed than before" in text


def test_scores_are_those_of_lira_on_unlearned_shadows():
    attack = fitted("exactly", variance="record")
    pool = attack.shadow_pool_
    np.testing.assert_array_equal(pool.forgotten_, pool.members_ & CANDIDATES)
    model = pool.model(0)
    assert len(model.rows_) == (pool.members_[0] & ~CANDIDATES).sum()
    np.testing.assert_array_equal(pool.outputs().one(0), model.predict_proba(X))
    before = Neighbours().fit(X[pool.members_[0]], y[pool.members_[0]]).predict_proba(X)
    np.testing.assert_array_equal(pool.outputs(before=True).one(0), before)
    lira = LiRAAttack(attack.target, variance="record").fit(pool=pool)
    np.testing.assert_array_equal(attack.decision_function(X, y), lira.decision_function(X, y))


def test_candidates_are_halved_in_every_shadow():
    members = fitted("exactly").shadow_pool_.members_
    assert (members[:, CANDIDATES].sum(axis=1) == CANDIDATES.sum() // 2).all()


def test_a_callable_unlearns_what_has_no_verb_of_its_own():
    calls = []

    def forget(model, rows, labels):
        calls.append(len(rows))
        return model

    target = GaussianNB().fit(X[MEMBERS], y[MEMBERS])
    attack = UnlearningAttack(target, unlearn=forget, n_shadows=4, n_jobs=1, random_state=0)
    attack.fit(X, y, forget=CANDIDATES)
    assert calls == [20, 20, 20, 20]
    with pytest.raises(RuntimeError, match=r"no unlearn\(X_forget, y_forget\)"):
        UnlearningAttack(target, n_shadows=4).fit(X, y, forget=CANDIDATES)


def test_the_last_step_of_a_pipeline_unlearns_transformed_rows():
    target = make_pipeline(StandardScaler(), Neighbours()).fit(X[MEMBERS], y[MEMBERS])
    attack = UnlearningAttack(target, n_shadows=4, random_state=0).fit(X, y, forget=CANDIDATES)
    pool = attack.shadow_pool_
    assert len(pool.model(1)[-1].rows_) == (pool.members_[1] & ~CANDIDATES).sum()


def test_a_copy_of_a_candidate_is_a_candidate():
    rows, labels = np.concatenate((X[:40], X[:5])), np.concatenate((y[:40], y[:5]))
    pool = ShadowPool(Neighbours(), n_shadows=4, random_state=0)
    pool.fit(rows, labels, forget=np.arange(45) < 5)
    assert pool.candidates_[40:].all()


def test_results_survive_json():
    result = fitted("exactly", n_shadows=4).evaluate_groups(X, y, MEMBERS, fprs=(0.1,))
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["forgotten"]["threat_model"]["attack"] == "UnlearningAttack"
    assert len(plain["records"]["auc"]) == N


def test_what_is_missing_is_said():
    attack = fitted("exactly", n_shadows=4)
    with pytest.raises(ValueError, match="1 of 160 records are not in the pool"):
        attack.evaluate_groups(np.r_[X[:-1], X[:1] + 1], y, MEMBERS)
    rows = np.r_[0:10, 120:140]
    with pytest.raises(ValueError, match="neither the candidates"):
        attack.evaluate_groups(X[rows], y[rows], MEMBERS[rows])
    with pytest.raises(ValueError, match="forget="):
        UnlearningAttack(attack.target).fit(X, y)
    with pytest.raises(ValueError, match="boolean mask of shape"):
        UnlearningAttack(attack.target).fit(X, y, forget=[1, 2, 3])
    plain = ShadowPool(Neighbours(), n_shadows=4).fit(X, y)
    with pytest.raises(ValueError, match="have not unlearned"):
        UnlearningAttack(attack.target).fit(pool=plain)
    with pytest.raises(ValueError, match="fitted with forget="):
        plain.outputs(before=True)


def test_one_group_alone_is_measured_alone():
    attack = fitted("exactly", n_shadows=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = attack.evaluate_groups(
            X[CANDIDATES], y[CANDIDATES], MEMBERS[CANDIDATES], fprs=(0.1,)
        )
    assert result.retained is None
    assert result.forgotten.n_members == 20


def test_masked_auc_counts_pairs():
    values = rng.integers(0, 5, size=(11, 30)).astype(float)
    mask = rng.random((11, 30)) < 0.5
    mask[0], mask[1] = True, False
    for j, area in enumerate(masked_auc(values, mask)):
        inside, outside = values[mask[:, j], j], values[~mask[:, j], j]
        wins = np.sign(inside[:, None] - outside) / 2 + 0.5
        assert area == pytest.approx(wins.mean())


def test_kernel_densities_are_those_of_scipy():
    attack = fitted("nothing", density="kernel", variance="record")
    pool, rows = attack.shadow_pool_, np.arange(0, N, 20)
    phi = logits_of(attack.target, X, y, attack.eps_)
    shadows = np.array([logits_of(pool.model(s), X, y, attack.eps_) for s in range(32)])
    scores = attack.decision_function(X[rows], y[rows])
    for row, score in zip(rows, scores, strict=True):
        inside, expected = pool.members_[:, row], 0.0
        for sign, mask in ((1, inside), (-1, ~inside)):
            values = shadows[mask, row]
            # SciPy's factor times the spread, ours 1.06 m^(-1/5)
            density = gaussian_kde(values, bw_method=1.06 * len(values) ** -0.2)
            expected += sign * density.logpdf(phi[row])[0]
        assert score == pytest.approx(expected, rel=1e-6)


def logits_of(model, X, y, eps):
    return true_class_logit(model.predict_proba(X), y, eps)


def test_kernel_densities_see_what_a_normal_law_cannot():
    """Half of the models overshoot in forgetting, half undershoot: the mean says nothing."""
    rng, m = np.random.default_rng(0), 64
    mask = np.tile(np.arange(m) % 2 == 0, (200, 1))
    humps = np.where(rng.random((200, m)) < 0.5, -3.0, 3.0) + 0.3 * rng.normal(size=(200, m))
    values = np.where(mask, humps, 3.0 * rng.normal(size=(200, m)))
    at = np.where(np.arange(200) < 100, 3.0, 0.0)  # forgotten ones in the first half
    spread = np.full(200, 1.0)
    ratio = _log_density(at, values, mask, spread) - _log_density(at, values, ~mask, spread)
    assert (ratio[:100] > ratio[100:].max()).mean() > 0.95


def test_a_density_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="density='uniform'"):
        fitted("nothing", density="uniform")
