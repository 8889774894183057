"""The 13 errors of this field's published code, each refused, warned of or made impossible.

A test is named after the error and carries its number; there is at least one for each.
"""

import inspect
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier, audit
from skqmu.attacks import AttackResult, LiRAAttack, ThresholdAttack, all_attacks
from skqmu.backends import AerBackend
from skqmu.exceptions import (
    MemberRecordError,
    NotATrainingSampleError,
    ResolutionWarning,
    ThreatModelWarning,
    UnlearningError,
)
from skqmu.metrics import (
    MembershipResult,
    accuracy_interval,
    agreement_score,
    gap_to_oracle,
    js_to_oracle,
    kl_to_oracle,
    mean_interval,
    membership_result,
    neg_forget_gap,
    oracle_agreement,
    retraining_verdict,
    tug_of_war,
)
from skqmu.unlearning import STRATEGIES, LoopStrategy, Outcome, UnlearningStrategy

rng = np.random.default_rng(0)
X, y = rng.normal(size=(80, 3)), np.arange(80) % 2
MEMBERS = np.arange(80) < 40


class Remembers(GaussianNB):
    """A classifier with a member record, as ours have."""

    def fit(self, X, y, sample_weight=None):
        self._rows = np.asarray(X).copy()
        self.unlearning_log_ = []
        return super().fit(X, y)

    def is_member(self, X, y=None):
        if self._rows is None:
            raise MemberRecordError("store_data='none' keeps no record")
        return (np.abs(np.asarray(X)[:, None] - self._rows).max(axis=2) < 1e-9).any(axis=1)

    def unlearn(self, X, y=None):
        gone = (np.abs(self._rows[:, None] - np.asarray(X)).max(axis=2) < 1e-9).any(axis=1)
        self._rows = self._rows[~gone]
        self.unlearning_log_.append({"n": int(gone.sum())})
        return self

    def __sklearn_clone__(self):
        return Remembers()


def attack_on(target):
    return ThresholdAttack(target, n_shadows=0).fit(X, y)


def test_01_a_true_positive_rate_without_its_false_positive_rate():
    attack = attack_on(GaussianNB().fit(X[MEMBERS], y[MEMBERS]))
    for one_side in (np.ones(80, bool), np.zeros(80, bool)):
        with pytest.raises(ValueError, match="without its false-positive rate"):
            attack.evaluate(X, y, one_side)
    result = attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    for point in result.operating_points:
        assert np.isfinite([point.fpr, point.tpr, *point.fpr_interval, *point.tpr_interval]).all()


def test_02_an_attack_that_is_shown_the_targets_membership():
    for name, attack in all_attacks():
        shown = "membership" in inspect.signature(attack.fit).parameters
        for method in ("decision_function", "predict", "predict_proba"):
            assert "membership" not in inspect.signature(getattr(attack, method)).parameters
        assert shown == (name in {"QNNOutputAttack"}), name


def test_02_scores_that_use_the_membership_they_are_evaluated_with():
    attack = LiRAAttack(Remembers().fit(X[MEMBERS], y[MEMBERS]), n_shadows=8, random_state=0)
    attack.fit(X, y)
    before = attack.decision_function(X, y)
    attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    np.testing.assert_array_equal(attack.decision_function(X, y), before)


@pytest.mark.parametrize(
    "wrap", [lambda t: t, FrozenEstimator, lambda t: FrozenEstimator(FrozenEstimator(t))]
)
def test_04_non_members_drawn_from_the_training_set(wrap):
    attack = attack_on(wrap(Remembers().fit(X[:50], y[:50])))
    with pytest.raises(ValueError, match=r"10 of 40 .* non-members are in .* \(first: row 40\)"):
        attack.evaluate(X, y, MEMBERS)


def test_04_non_members_drawn_from_the_training_set_of_a_pipeline():
    target = make_pipeline(StandardScaler(), Remembers()).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match="10 of 40 records given as non-members"):
        attack_on(target).evaluate(X, y, MEMBERS)
    attack_on(target).evaluate(X, y, np.arange(80) < 50, fprs=(0.1,))


def test_04_non_members_drawn_from_the_training_set_of_a_pipeline_in_a_pipeline():
    inner = make_pipeline(StandardScaler(), Remembers())
    target = make_pipeline(StandardScaler(), inner).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match="10 of 40 records given as non-members"):
        attack_on(target).evaluate(X, y, MEMBERS)


def test_04_a_target_that_keeps_no_record_is_evaluated_as_it_is_told():
    target = Remembers().fit(X[MEMBERS], y[MEMBERS])
    target._rows = None
    attack_on(target).evaluate(X, y, MEMBERS, fprs=(0.1,))


def test_04_non_members_of_other_classes_than_the_members():
    target = GaussianNB().fit(X, y)
    membership = (y == 0) & (np.arange(80) < 60)
    with pytest.warns(ThreatModelWarning, match=r"different classes.*match_classes"):
        attack_on(target).evaluate(X, y, membership, fprs=(0.1,))
    with pytest.warns(ThreatModelWarning, match="different classes"):
        attack_on(target).evaluate(X[:4], y[:4], y[:4] == 0, fprs=(0.5,))


def test_04_classes_that_differ_by_chance_only_are_not_warned_of():
    attack = attack_on(GaussianNB().fit(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ThreatModelWarning)
        for seed in range(10):
            membership = np.random.default_rng(seed).random(80) < 0.5
            attack.evaluate(X, y, membership, fprs=(0.1,))


def test_09_members_that_were_never_trained_on():
    attack = attack_on(Remembers().fit(X[:30], y[:30]))
    with pytest.raises(NotATrainingSampleError, match=r"10 of 40 .* never trained on") as info:
        attack.evaluate(X, y, MEMBERS)
    assert info.value.rows == tuple(range(30, 40))


def test_09_forgotten_records_may_be_attacked_as_the_members_they_were():
    target = Remembers().fit(X[MEMBERS], y[MEMBERS]).unlearn(X[:10])
    attack_on(target).evaluate(X, y, MEMBERS, fprs=(0.1,))


def test_03_an_attack_that_is_not_refitted_after_unlearning():
    target = Remembers().fit(X[MEMBERS], y[MEMBERS])
    attack = attack_on(make_pipeline(target))
    attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    target.unlearn(X[:10])
    with pytest.warns(ThreatModelWarning, match="1 deletion request since this attack was fitted"):
        attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    attack.fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))


def test_05_an_auc_below_one_half_read_as_private():
    class Inverted(GaussianNB):
        """Unsure of what it was trained on: forgetting too much."""

        def fit(self, X, y, sample_weight=None):
            self.rows_ = np.asarray(X).copy()
            return super().fit(X, y)

        def predict_proba(self, X):
            p = super().predict_proba(X)
            seen = (np.abs(X[:, None] - self.rows_).max(axis=2) < 1e-12).any(axis=1)
            return np.where(seen[:, None], 0.5, np.eye(2)[p.argmax(axis=1)])

    target = Inverted().fit(X[MEMBERS], y[MEMBERS])
    result = (
        ThresholdAttack(target, signal="confidence", n_shadows=0)
        .fit(X, y)
        .evaluate(X, y, MEMBERS, fprs=(0.1,))
    )
    assert result.auc < 0.1
    assert result.distinguishability > 0.4


def test_10_rates_that_the_sample_cannot_resolve():
    attack = attack_on(GaussianNB().fit(X[MEMBERS], y[MEMBERS]))
    with pytest.warns(ResolutionWarning, match="cannot resolve a false-positive rate of 0.01"):
        result = attack.evaluate(X, y, MEMBERS, fprs=(0.01,))
    assert np.isnan(result.at_fpr(0.01).tpr)


def test_a_result_without_what_its_attacker_knew():
    attack = LiRAAttack(RandomForestClassifier(3, random_state=0).fit(X, y), n_shadows=4)
    result = attack.fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))
    assert AttackResult.from_dict(result.to_dict()) == result
    assert str(result).startswith("LiRAAttack: the attacker holds 80 records of 2 classes (40, 40)")
    assert not result.threat_model.knows_members


def test_13_shot_noise_repeated_by_reseeding():
    class Sampled(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            self.noise_ = np.random.default_rng(0)
            return super().fit(X, y)

        def predict_proba(self, X):
            p = self.noise_.binomial(10, super().predict_proba(X)[:, 1]) / 10
            return np.column_stack((1 - p, p))

    def spread(n_queries):
        attack = ThresholdAttack(
            Sampled().fit(X, y), signal="true_confidence", n_shadows=0, n_queries=n_queries
        ).fit(X, y)
        return np.var([attack.decision_function(X, y) for _ in range(30)], axis=0).mean()

    # n draws act as n times the shots: the variance falls by 9, within 5 deviations of an
    # estimate from 80 records x 30 repeats (relative error about .03)
    assert spread(1) / spread(9) == pytest.approx(9, rel=0.2)


# --- 1 -------------------------------------------------------------------------------------


def test_01_no_result_can_be_made_that_holds_one_rate_alone():
    result = membership_result([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], fprs=(0.4,))
    point = result.operating_points[0]
    with pytest.raises(ValueError, match="has no fpr"):
        type(point)(None, 0.5, np.nan, 0.9, (0.0, 1.0), (0.8, 1.0))
    # a bare number in the place of a pair, through the back door of a file
    told = json.loads(json.dumps(result.to_dict()))
    told["operating_points"] = [{"tpr": 0.9}]
    with pytest.raises(ValueError, match=r"lacks .*'fpr'"):
        MembershipResult.from_dict(told)


# --- 3 -------------------------------------------------------------------------------------


def test_03_an_audit_refits_every_attack_to_every_model(monkeypatch):
    fitted = []
    fit = ThresholdAttack.fit

    def spy(self, *args, **kwargs):
        fitted.append(self.target)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(ThresholdAttack, "fit", spy)
    report = audit(Learner(), X, y, forget="fraction:0.2", attacks="loss", n_oracles=2,
                   mechanisms=["a", "b"], random_state=0)  # fmt: skip
    assert len(fitted) == len({id(target) for target in fitted}) == 1 + 2 + 2
    assert len(report.data["scenarios"][0]["models"]) == len(fitted)


# --- 5 -------------------------------------------------------------------------------------


def test_05_the_headline_of_an_inverted_attack_is_that_of_the_attack():
    members, others = rng.normal(1, 1, 60), rng.normal(0, 1, 60)
    right, wrong = (
        membership_result(sign * members, sign * others, fprs=(0.1,)) for sign in (1, -1)
    )
    assert wrong.auc < 0.5 < right.auc
    assert wrong.distinguishability == pytest.approx(right.distinguishability)
    assert str(wrong).splitlines()[1].startswith("distinguishability")


# --- 6 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [kl_to_oracle, js_to_oracle, agreement_score])
def test_06_rows_of_two_models_compared_in_different_order(metric):
    two = [LogisticRegression(C=c).fit(X, y) for c in (0.01, 10)]
    answers = [model.predict_proba(X) for model in two]
    if metric is agreement_score:
        answers = [model.predict(X) for model in two]
    # rows next to answers that were made elsewhere: which row is which cannot be known
    for pair in ((two[0], answers[1]), (answers[0], two[1]), answers):
        with pytest.raises(ValueError, match=r"estimator|classifier"):
            metric(*pair, X)
    # asked by the metric itself, the order of the rows is of no account
    for order in (rng.permutation(80) for _ in range(3)):
        assert metric(*two, X[order]) == pytest.approx(metric(*two, X), abs=1e-12)


@pytest.mark.parametrize("metric", [kl_to_oracle, js_to_oracle])
def test_06_columns_of_two_models_compared_in_different_order(metric):
    class Shuffled(ClassifierMixin, BaseEstimator):
        """The same model, with the columns the other way round."""

        def __init__(self, model):
            self.classes_ = model.classes_[::-1]
            self.model = model

        def predict_proba(self, X):
            return self.model.predict_proba(X)[:, ::-1]

    model = LogisticRegression().fit(X, y)
    assert metric(Shuffled(model), model, X) == pytest.approx(0, abs=1e-12)


# --- 7 -------------------------------------------------------------------------------------


class Watcher(UnlearningStrategy):
    """Changes nothing, and keeps what it was shown."""

    shown = []
    source = "test"

    def unlearn(self, request):
        self.shown.append(request)
        return Outcome(request.params, "looked")


IRIS_X, IRIS_Y = load_iris(return_X_y=True)
_, once = np.unique(IRIS_X, axis=0, return_index=True)
IRIS_X, IRIS_Y = IRIS_X[np.sort(once)], IRIS_Y[np.sort(once)]


@pytest.mark.parametrize("forget", [IRIS_Y == 0, np.arange(len(IRIS_Y)) % 7 == 0])
def test_07_a_mechanism_is_shown_a_validation_part_of_the_rows_that_stay(forget):
    clf = QNNClassifier(max_iter=3, n_layers=1, early_stopping=True, random_state=0)
    clf.fit(IRIS_X, IRIS_Y)
    clf.unlearn(IRIS_X[forget], strategy=Watcher())
    request = Watcher.shown.pop()
    gone = {row.tobytes() for row in IRIS_X[forget]}
    fit = {row.tobytes() for row in IRIS_X}
    reference = [row.tobytes() for row in request.reference.X]
    assert reference
    assert not gone & set(reference)
    assert set(reference) < fit - gone
    trained = {row.tobytes() for part in (request.retain, request.forget) for row in part.X}
    assert not trained & set(reference)


def test_07_rows_that_were_trained_on_or_shall_go_are_no_reference():
    clf = QNNClassifier(max_iter=2, n_layers=1, random_state=0).fit(IRIS_X[:100], IRIS_Y[:100])
    before = clf.params_.copy()
    for rows in (slice(0, 5), slice(50, 60)):
        with pytest.raises(ValueError, match="trained on or are to be forgotten"):
            clf.unlearn(IRIS_X[:5], X_reference=IRIS_X[rows], y_reference=IRIS_Y[rows],
                        strategy="gradient_ascent")  # fmt: skip
    np.testing.assert_array_equal(clf.params_, before)
    assert clf.unlearning_log_ == []


class Learner(ClassifierMixin, BaseEstimator):
    """Forgets nothing; keeps what it was shown, and every row that it was asked about."""

    asked = []
    shown = []

    def fit(self, X, y):
        self.model_ = KNeighborsClassifier(3).fit(X, y)
        self.classes_ = self.model_.classes_
        self.unlearning_log_ = []
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        Learner.asked += [row.tobytes() for row in np.asarray(X)]
        return self.model_.predict_proba(X)

    def unlearn(
        self, X_forget, y_forget=None, *, X_reference=None, y_reference=None, strategy=None
    ):
        Learner.shown += [row.tobytes() for row in X_reference]
        self.unlearning_log_.append({"kind": "approximate", "cost": {"gradient_rows": 7}})
        return self


def test_07_model_selection_on_the_rows_of_the_test():
    Learner.asked.clear(), Learner.shown.clear()
    report = audit(Learner(), X, y, forget="fraction:0.2", attacks="loss", n_oracles=2,
                   mechanisms=["a", "b"], random_state=0)  # fmt: skip
    assert report.data["settings"]["n_reference"] == len(set(Learner.shown)) > 0
    # not one row that a mechanism saw is among those that the report's figures come from
    assert not set(Learner.shown) & set(Learner.asked)


# --- 8 -------------------------------------------------------------------------------------


def test_08_an_accuracy_drop_without_the_oracle():
    with pytest.raises(ValueError, match=r"n_oracles=0 .* every figure stands beside"):
        audit(LogisticRegression(), X, y, forget="fraction:0.2", n_oracles=0)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="at least one oracle"):
        gap_to_oracle(model, [], X, y)
    rows = {"forget": (X[:9], y[:9]), "nonmembers": (X[40:], y[40:]), "test": (X[40:], y[40:])}
    with pytest.raises(ValueError, match="0 oracles"):
        retraining_verdict(model, [], **rows)
    searched = UnlearningClassifier(QNNClassifier(max_iter=1, n_layers=1, random_state=0))
    searched.fit(X[:40], y[:40], forget=np.arange(40) < 8)
    for scorer in (neg_forget_gap, oracle_agreement, tug_of_war):
        with pytest.raises(ValueError, match="n_oracles"):
            scorer(searched, X[40:], y[40:])
    report = audit(LogisticRegression(), X, y, forget="fraction:0.2", n_oracles=1, attacks="loss",
                   random_state=0)  # fmt: skip
    roles = [model["role"] for model in report.data["scenarios"][0]["models"]]
    assert roles.count("oracle") == 1
    # one oracle has no spread: numbers, and no verdict
    assert report.model("fraction:0.2", "retrain")["verdict"]["level"] == "none"


# --- 9 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda clf: clf, lambda clf: ShardedClassifier(clf, n_shards=2)])
def test_09_a_forget_set_that_is_not_the_trained_records(wrap):
    clf = wrap(QNNClassifier(max_iter=2, n_layers=1, random_state=0)).fit(X[:40], y[:40])
    before = clf.predict_proba(X)
    for rows in (X[38:42], X[:2] + 1e-6):
        with pytest.raises(NotATrainingSampleError):
            clf.unlearn(rows)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.unlearning_log_ == []


# --- 10 ------------------------------------------------------------------------------------


def test_10_one_seed_or_three_rows_without_an_interval():
    with pytest.warns(ResolutionWarning):
        few = membership_result([1.0, 2.0, 3.0], [0.0, 1.5, 2.5])
    assert few.auc_interval[1] - few.auc_interval[0] > 0.5
    assert all(np.isnan(point.tpr) for point in few.operating_points)
    with pytest.warns(ResolutionWarning, match="one"):
        assert mean_interval([0.9]).high == np.inf
    assert accuracy_interval(3, 3).low < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResolutionWarning)
        report = audit(LogisticRegression(), X, y, forget=np.arange(80) < 3, attacks="loss",
                       X_test=rng.normal(size=(30, 3)), y_test=np.arange(30) % 2,
                       random_state=0)  # fmt: skip
    assert report.model("forget", "retrain")["verdict"]["level"] == "unresolved"


# --- 11 ------------------------------------------------------------------------------------


def test_11_certified_without_a_guarantee():
    claims = {name: s.kind for name, s in STRATEGIES.items() if s.kind != "approximate"}
    assert set(claims) == {
        *("certified_removal", "exact_downdate", "private_by_training"),
        *("retrain", "statistics_downdate"),
    }
    assert ShardedClassifier.kind == "exact"
    assert not any(issubclass(STRATEGIES[name], LoopStrategy) for name in claims)


@pytest.mark.parametrize("claim", ["certified", "exact"])
def test_11_a_claim_that_comes_without_its_certificate(claim):
    class Boaster(Watcher):
        kind = claim

    clf = QNNClassifier(max_iter=2, n_layers=1, random_state=0).fit(X[:40], y[:40])
    before = clf.params_.copy()
    with pytest.raises(UnlearningError, match=f"calls itself '{claim}' and gave no certificate"):
        clf.unlearn(X[:3], strategy=Boaster())
    np.testing.assert_array_equal(clf.params_, before)
    assert clf.is_member(X[:3]).all()
    assert clf.unlearning_log_[-1]["status"] != "done"


def test_11_an_approximate_mechanism_with_a_certificate():
    class Flatterer(Watcher):
        def unlearn(self, request):
            return Outcome(request.params, "looked", certificate="trust me")

    clf = QNNClassifier(max_iter=2, n_layers=1, random_state=0).fit(X[:40], y[:40])
    with pytest.raises(UnlearningError, match="An approximate mechanism certifies nothing"):
        clf.unlearn(X[:3], strategy=Flatterer())
    assert clf.is_member(X[:3]).all()


# --- 12 ------------------------------------------------------------------------------------

SPENT = ("forward_rows", "gradient_rows", "circuits", "shots")


@pytest.mark.parametrize("backend", ["statevector", AerBackend(shots=32)], ids=["exact", "shots"])
@pytest.mark.parametrize(
    "strategy", ["retrain", "gradient_ascent", "label_complement", "fine_tune"]
)
def test_12_unequal_training_budgets_that_no_log_states(strategy, backend):
    clf = QNNClassifier(max_iter=2, n_layers=1, backend=backend, random_state=0)
    clf.fit(IRIS_X[::3], IRIS_Y[::3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no reference rows here
        clf.unlearn(index=[0, 1, 2], strategy=strategy)
    entry = clf.unlearning_log_[-1]
    assert set(SPENT) <= set(entry["cost"])
    assert entry["n_forget"] == 3
    assert entry["n_retain"] == len(IRIS_X[::3]) - 3
    assert entry["seconds"] > 0
    rows = entry["cost"]["forward_rows"] + entry["cost"]["gradient_rows"]
    assert rows > 0
    assert entry["cost"]["circuits"] > 0
    assert (entry["cost"]["shots"] > 0) == (backend != "statevector")


def test_12_tables_that_do_not_show_what_a_mechanism_spent():
    report = audit(Learner(), X, y, forget="fraction:0.2", attacks="loss", n_oracles=2,
                   mechanisms=["a", "b"], random_state=0)  # fmt: skip
    assert report.model("fraction:0.2", "a")["cost"]["gradient_rows"] == 7
    table, page = report.to_table(width=80), report.to_html()
    assert "7 gradients" in table  # what is counted stands below the name
    for unit in ("gradient", "circuits", "shots"):
        assert unit in page
    assert "<td>7</td>" in page


# --- 13 ------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(2, 20), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_13_modified_entropy_over_columns_instead_of_rows(seed, n_classes, n):
    """Song & Mittal's equation 8, record by record, with plain Python."""
    random = np.random.default_rng(seed)
    proba = random.dirichlet(np.full(n_classes, 0.5), size=n)
    labels = random.integers(n_classes, size=n)

    class Answers(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(n_classes)
        n_features_in_ = 1

        def fit(self, X, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict_proba(self, X):
            return proba[np.asarray(X)[:, 0].astype(int)]

        def predict(self, X):
            return self.predict_proba(X).argmax(axis=1)

    rows = np.arange(n, dtype=float)[:, None]
    attack = ThresholdAttack(Answers(), signal="modified_entropy", n_shadows=0).fit(rows, labels)
    scores = attack.decision_function(rows, labels)
    log = lambda v: float(np.log(max(v, 1e-9)))  # noqa: E731
    for p, label, score in zip(proba.tolist(), labels, scores, strict=True):
        others = sum(v * log(1 - v) for c, v in enumerate(p) if c != label)
        assert score == pytest.approx((1 - p[label]) * log(p[label]) + others, abs=1e-9)


def test_13_a_softmax_gradient_that_disagrees_with_finite_differences():
    """Through the public door: one full-batch step of plain descent against numeric slopes."""
    clf = QNNClassifier(n_layers=1, max_iter=1, solver="sgd", momentum=0.0, batch_size=1000,
                        learning_rate_init=1e-3, nesterovs_momentum=False, alpha=0.0,
                        random_state=0)  # fmt: skip
    rows, labels = IRIS_X[::3] / 4, IRIS_Y[::3]
    start = clf.set_params(learning_rate_init=1e-12).fit(rows, labels).params_.copy()
    moved = clf.set_params(learning_rate_init=1e-3).fit(rows, labels).params_
    gradient = (start - moved) / 1e-3

    def loss(params):
        clf.params_ = params
        proba = clf.predict_proba(rows)
        return -np.log(proba[np.arange(len(labels)), labels]).mean()

    steps = 1e-5 * np.eye(len(start))
    numeric = np.array([(loss(start + h) - loss(start - h)) / 2e-5 for h in steps])
    np.testing.assert_allclose(gradient, numeric, atol=2e-6)


def test_13_two_calls_of_a_sampled_classifier_are_two_draws():
    clf = QNNClassifier(max_iter=1, n_layers=1, backend=AerBackend(shots=64), random_state=0)
    clf.fit(X[:40], y[:40])
    one, two = clf.predict_proba(X), clf.predict_proba(X)
    assert not np.array_equal(one, two)
    # identical rows of one call are independent draws, too
    same = clf.predict_proba(np.repeat(X[:1], 30, axis=0))
    assert len(np.unique(same[:, 0])) > 5


# --- all of them ---------------------------------------------------------------------------


def test_each_of_the_thirteen_errors_has_its_test():
    numbers = {int(n) for n in re.findall(r"^def test_(\d\d)_", Path(__file__).read_text(), re.M)}
    assert numbers == set(range(1, 14))
