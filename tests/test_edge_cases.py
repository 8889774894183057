"""Attacks, metrics, scorers and audits on generated data at the edge.

Any labels, 2 to 20 classes, one member, constant features, copies, probabilities of exactly 0
and 1: a result, or an error in words; never a silent nan, a crash inside NumPy, a wrong claim.
"""

import json
import traceback
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier, UnlearningClassifier, audit
from skqmu.attacks import (
    LabelOnlyAttack,
    LiRAAttack,
    QNNOutputAttack,
    QuantileAttack,
    RMIAAttack,
    ShadowModelAttack,
    ThresholdAttack,
    UpstreamAttack,
)
from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import (
    SCORERS,
    RecordedAnswers,
    agreement_score,
    forgetting_quality,
    forgetting_result,
    js_to_oracle,
    kl_to_oracle,
    membership_result,
    oracle_equivalence,
    retraining_verdict,
    zrf_score,
)

EDGE = settings(
    deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), max_examples=25
)

# where an error may be raised: by this package, or by scikit-learn's own checks of input
SPEAKS_CLEARLY = ("/skqmu/", "/sklearn/utils/", "/sklearn/base.py", "/sklearn/model_selection/")


def as_labels(codes, kind):
    """Labels of one kind for class numbers."""
    if kind == "string":
        return np.array([f"class {c:02d}" for c in codes])
    if kind == "object":
        return np.array([f"class {c:02d}" for c in codes], dtype=object)
    if kind == "bool":
        return codes % 2 == 1
    if kind == "negative":
        return -3 * codes - 1
    return codes + (0.0 if kind == "float" else 0)


@dataclass
class Case:
    """A pool, the target's members in it, and a classifier."""

    X: np.ndarray
    y: np.ndarray
    membership: np.ndarray
    classifier: object
    seed: int


@st.composite
def cases(draw, largest=24):
    """Draw a :class:`Case`: 2 to 20 classes, 1 to 5 members or more, rows of every bad kind."""
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["integer", "string", "object", "bool", "negative", "float"]))
    n_classes = 2 if kind == "bool" else draw(st.sampled_from([2, 3, 5, 20]))
    n = draw(st.integers(2, largest))
    few = draw(st.booleans())
    n_members = draw(st.integers(1, min(5, n - 1) if few else n))
    codes = rng.integers(n_classes, size=n)
    if draw(st.booleans()):
        codes = np.sort(codes)  # classes that only one side has
    X = rng.normal(size=(n, 2)) + codes[:, None]
    shape = draw(st.sampled_from(["plain", "one constant", "all constant", "copies", "huge"]))
    if shape == "one constant":
        X[:, 0] = 1.0
    elif shape == "all constant":
        X[:] = 1.0
    elif shape == "copies":
        X[n // 2 :] = X[: n - n // 2]
    elif shape == "huge":
        X *= 1e8
    classifier = draw(
        st.sampled_from(
            [
                DecisionTreeClassifier(random_state=0),  # probabilities of exactly 0 and 1
                GaussianNB(),
                LogisticRegression(max_iter=50, tol=0.1),
                DummyClassifier(strategy="prior"),  # constant predictions
            ]
        )
    )
    membership = np.zeros(n, dtype=bool)
    membership[rng.permutation(n)[:n_members]] = True
    return Case(X, as_labels(codes, kind), membership, classifier, seed)


def result_or_clear_error(function):
    """Return what a function returns, or None where it refuses in words; fail otherwise.

    A clear error is a ValueError, TypeError or RuntimeError of this package (or of
    scikit-learn's input checks) with a sentence in it. nan goes with a ResolutionWarning.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = function()
        except (ValueError, TypeError, RuntimeError) as raised:
            error = raised
        else:
            error = None
    if error is not None:
        where = traceback.extract_tb(error.__traceback__)[-1].filename
        clear = any(part in where for part in SPEAKS_CLEARLY) and len(str(error).split()) >= 5
        assert clear, f"{type(error).__name__} from {where}: {error}"
        return None, []
    ours = [w for w in caught if "site-packages" not in w.filename]
    silent = [w for w in ours if issubclass(w.category, RuntimeWarning)]
    assert not silent, f"numpy warned: {silent[0].message} in {silent[0].filename}"
    return found, caught


def no_silent_nan(values, caught):
    """Fail where a number is nan and no ResolutionWarning said so."""
    values = np.asarray(values, dtype=float)
    if np.isnan(values).any():
        assert any(issubclass(w.category, ResolutionWarning) for w in caught), values


# --- attacks --------------------------------------------------------------------------------

ATTACKS = {
    "threshold": lambda t: ThresholdAttack(t, n_shadows=0),
    "threshold by class": lambda t: ThresholdAttack(
        t, signal="modified_entropy", per_class=True, n_shadows=4, random_state=0
    ),
    "lira": lambda t: LiRAAttack(t, n_shadows=4, random_state=0),
    "lira offline": lambda t: LiRAAttack(t, online=False, n_shadows=4, random_state=0),
    "rmia": lambda t: RMIAAttack(t, n_shadows=4, random_state=0),
    "shadow model": lambda t: ShadowModelAttack(t, n_shadows=4, random_state=0),
    "label only": lambda t: LabelOnlyAttack(t, n_shadows=4, n_queries=3, random_state=0),
    "quantile": lambda t: QuantileAttack(t, random_state=0),
    "network": lambda t: QNNOutputAttack(t, n_shadows=4, random_state=0),
}


def fitted_on_members(case, *steps):
    """Return the target, or give the case up where the classifier itself cannot be fitted."""
    inside = case.membership
    target = make_pipeline(*steps, case.classifier) if steps else case.classifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one member has no variance: that is the step's affair
        try:
            return target.fit(case.X[inside], case.y[inside])
        except ValueError:
            reject()


def of_known_classes(case, target):
    """Leave out, in every other case, the rows of classes that the target never saw."""
    if case.seed % 2:
        return case
    known = np.isin(case.y, target.classes_)
    return Case(case.X[known], case.y[known], case.membership[known], case.classifier, case.seed)


def attacked(attack, case):
    case = of_known_classes(case, attack.target)
    attack.fit(case.X, case.y)
    scores = attack.decision_function(case.X, case.y)
    found = [scores]
    if hasattr(attack, "predict_proba"):
        proba = attack.predict_proba(case.X, case.y)
        assert ((proba >= 0) & (proba <= 1)).all()
        found.append(proba[:, 1])
    assert scores.shape == case.y.shape
    return found, attack.evaluate(case.X, case.y, case.membership, fprs=(0.2,), n_resamples=3)


@pytest.mark.parametrize("name", ATTACKS)
@given(case=cases())
@settings(EDGE, max_examples=12)
def test_an_attack_on_data_at_the_edge(name, case):
    target = fitted_on_members(case)
    found, caught = result_or_clear_error(lambda: attacked(ATTACKS[name](target), case))
    if found is None:
        return
    (scores, *probabilities), result = found
    assert not np.isnan(scores).any()
    no_silent_nan(np.concatenate([*probabilities, [0]]), [])
    no_silent_nan([result.auc, *result.auc_interval, *result.distinguishability_interval], [])
    no_silent_nan([result.advantage, *(p.tpr for p in result.operating_points)], caught)
    assert 0 <= result.auc_interval[0] <= result.auc <= result.auc_interval[1] <= 1
    json.dumps(result.to_dict(), allow_nan=False)
    # five records a side tell little, and the interval must say so
    if min(result.n_members, result.n_nonmembers) <= 2:
        assert np.ptp(result.auc_interval) > 0.3


@given(case=cases(), step=st.sampled_from([PCA(1), StandardScaler(), MinMaxScaler()]))
@EDGE
def test_an_attack_on_the_steps_of_data_at_the_edge(case, step):
    target = fitted_on_members(case, step)
    attack = UpstreamAttack(target, n_shadows=8, random_state=0)
    found, caught = result_or_clear_error(lambda: attacked(attack, case))
    if found is None:
        return
    (scores, *probabilities), result = found
    assert not np.isnan(scores).any()
    no_silent_nan(np.concatenate([*probabilities, [0]]), [])
    no_silent_nan([result.advantage], caught)
    assert 0 <= result.auc_interval[0] <= result.auc <= result.auc_interval[1] <= 1


# --- metrics --------------------------------------------------------------------------------

scores = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, -np.inf, np.inf, 1e300]), st.floats(-5, 5)),
    min_size=1,
    max_size=6,
)


@given(members=scores, others=scores, fpr=st.sampled_from([0.001, 0.3, 0.9]))
@settings(EDGE, max_examples=60)
def test_membership_measures_of_a_handful_of_scores(members, others, fpr):
    result, caught = result_or_clear_error(
        lambda: membership_result(members, others, fprs=(fpr,), n_resamples=5)
    )
    assert result is not None
    no_silent_nan([result.advantage, result.corrected_distinguishability], caught)
    no_silent_nan([point.tpr for point in result.operating_points], caught)
    low, high = result.auc_interval
    assert 0 <= low <= result.auc <= high <= 1
    # not one record on a side can show more than this
    if len(members) == len(others) == 1:
        assert low < 0.1 or high > 0.9
    json.dumps(result.to_dict(), allow_nan=False)
    assert type(result).from_dict(result.to_dict()).auc == result.auc


@st.composite
def answers(draw):
    """Probabilities of a model and three oracles, exact zeros and ones among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n, c = draw(st.integers(1, 8)), draw(st.sampled_from([1, 2, 3, 20]))
    sharp = draw(st.sampled_from([0.0, 0.1, 1.0]))
    models = []
    for _ in range(4):
        p = rng.dirichlet(np.full(c, 0.5), size=n) if sharp else np.eye(c)[rng.integers(c, size=n)]
        if sharp == 0.1:
            p[rng.random(n) < 0.5] = np.eye(c)[0]
        models.append(p)
    return models, rng.integers(c, size=n)


@given(drawn=answers())
@settings(EDGE, max_examples=40)
def test_distances_of_models_that_are_certain(drawn):
    (model, *oracles), y = drawn
    n = len(y)
    for metric, highest in ((kl_to_oracle, -np.log(1e-9)), (js_to_oracle, np.log(2) + 1e-9)):
        assert 0 <= metric(model, oracles[0]) <= highest
        assert metric(model, model) == pytest.approx(0, abs=1e-12)
    assert -1e-9 <= zrf_score(model, oracles) <= 1 + 1e-9
    models = [RecordedAnswers(p) for p in (model, *oracles)]
    rows = np.arange(n)
    assert 0 <= agreement_score(models[0], models[1], rows) <= 1
    part = (rows, y)

    def measured():
        return forgetting_result(models[0], retain=part, forget=part, test=part,
                                 original=models[1], oracles=models[1:])  # fmt: skip

    result, _ = result_or_clear_error(measured)
    for name in ("accuracies", "gaps", "kl", "js", "agreement"):
        for estimate in getattr(result, name).values():
            assert not np.isnan(estimate[:3]).any()
            assert estimate.low <= estimate.value <= estimate.high
    verdict, _ = result_or_clear_error(
        lambda: retraining_verdict(models[0], models[1:], forget=part, nonmembers=part, test=part)
    )
    assert "nan" not in verdict.sentence
    # at most eight rows: nothing can be called the same
    assert verdict.level in ("differs", "unresolved")
    same = retraining_verdict(models[1], models[1:], forget=part, nonmembers=part, test=part)
    assert same.level == "unresolved"


@given(
    model=st.floats(0, 1),
    oracles=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=5),
    delta=st.floats(0.01, 0.5),
)
@EDGE
def test_equivalence_of_numbers_that_repeat(model, oracles, delta):
    result = oracle_equivalence(model, oracles, delta=delta)
    assert "nan" not in result.sentence
    assert 0 <= result.p_value <= 1
    if len(set(oracles)) == 1:
        assert not result.equivalent


@given(n_models=st.integers(1, 4), n=st.integers(1, 5), seed=st.integers(0, 99), tie=st.booleans())
@EDGE
def test_the_challenges_score_of_few_models(n_models, n, seed, tie):
    rng = np.random.default_rng(seed)
    both = [np.zeros((n_models, n)) if tie else rng.normal(size=(n_models, n)) for _ in range(2)]
    result, caught = result_or_clear_error(lambda: forgetting_quality(*both))
    if result is not None:
        no_silent_nan([result.value, result.low, result.high], caught)


# --- scorers --------------------------------------------------------------------------------


@given(case=cases(), n_forget=st.integers(1, 5), n_held=st.integers(1, 6))
@settings(EDGE, max_examples=20)
def test_scorers_on_data_at_the_edge(case, n_forget, n_held):
    rng = np.random.default_rng(case.seed)
    n = len(case.y)
    forget = np.zeros(n, dtype=bool)
    forget[rng.permutation(n)[:n_forget]] = True
    model = UnlearningClassifier(
        QNNClassifier(n_qubits=2, n_layers=1, max_iter=1, random_state=0), n_oracles=1
    )
    fitted, _ = result_or_clear_error(lambda: model.fit(case.X, case.y, forget=forget))
    if fitted is None:
        return
    X = rng.normal(size=(n_held, 2))
    # a fold may hold one class, or none of the forgotten rows'
    y = case.y[rng.integers(n, size=n_held)]
    if rng.random() < 0.3:
        y = np.repeat(y[:1], n_held)
    for scorer in SCORERS.values():
        value, caught = result_or_clear_error(lambda scorer=scorer: scorer(fitted, X, y))
        if value is not None:
            no_silent_nan(value, caught)


# --- audits ---------------------------------------------------------------------------------


class Forgetter(ClassifierMixin, BaseEstimator):
    """Any classifier, which forgets by being fitted again."""

    def __init__(self, classifier=None):
        self.classifier = classifier

    def fit(self, X, y):
        self.X_, self.y_ = np.asarray(X), np.asarray(y)
        self.classes_ = np.unique(y)
        self.model_ = self.classifier.fit(X, y)
        self.unlearning_log_ = []
        return self

    def predict_proba(self, X):
        proba = np.zeros((len(X), len(self.classes_)))
        known = np.searchsorted(self.classes_, self.model_.classes_)
        proba[:, known] = self.model_.predict_proba(X)
        return proba

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def unlearn(self, X_forget, y_forget=None):
        gone = (self.X_[:, None] == np.asarray(X_forget)).all(axis=2).any(axis=1)
        self.model_ = self.classifier.fit(self.X_[~gone], self.y_[~gone])
        self.unlearning_log_.append({"kind": "exact"})
        return self


@given(case=cases(largest=40), n_oracles=st.integers(1, 3), few=st.booleans())
@settings(EDGE, max_examples=15)
def test_audits_on_data_at_the_edge(case, n_oracles, few):
    forget = np.arange(len(case.y)) < (2 if few else max(2, len(case.y) // 4))
    held_out = case.X[::2] + 0.1, case.y[::2]
    report, _ = result_or_clear_error(
        lambda: audit(
            Forgetter(case.classifier), case.X, case.y, forget=forget, X_test=held_out[0],
            y_test=held_out[1], attacks=("loss", "lira"), n_shadows=4, n_oracles=n_oracles,
            mechanisms="default", reference_size=0, random_state=0,
        )
    )  # fmt: skip
    if report is None:
        return
    text = report.to_json()
    assert "NaN" not in text
    json.loads(text)
    assert "nan" not in report.to_table(width=100).replace("nanosecond", "")
    levels = {
        m["verdict"]["level"] for m in report.data["scenarios"][0]["models"] if "verdict" in m
    }
    if n_oracles == 1:
        assert levels == {"none"}
    if n_oracles == 2:
        assert "indistinguishable" not in levels
