"""Attacks on the fitted steps before a classifier: found where they leak, silent where not.

This file looks inside.
"""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from skqmu.attacks import ThreatModel, UpstreamAttack, upstream_steps
from skqmu.attacks.upstream._step_evidence import Evidence
from skqmu.exceptions import ShadowFitError

rng = np.random.default_rng(0)
X, y = load_digits(return_X_y=True)
ROWS = rng.permutation(len(y))[:240]
# pixels take 17 values: without the jitter every row would sit at some end of some range
X, y = X[ROWS] + rng.normal(scale=1e-3, size=(240, 64)), y[ROWS]
MEMBERS = np.arange(240) % 2 == 0


def attacked(*steps, rows=slice(None), **params):
    target = make_pipeline(*steps, GaussianNB()).fit(X[MEMBERS], y[MEMBERS])
    attack = UpstreamAttack(target, random_state=0, **params).fit(X, y)
    return attack, attack.evaluate(X, y, MEMBERS, fprs=(0.1,))


@pytest.mark.parametrize(
    ("step", "least"),
    [
        (PCA(64), 0.9),
        (PCA(30), 0.9),
        (PCA(8, whiten=True), 0.6),
        (StandardScaler(), 0.6),
        (MinMaxScaler(), 0.7),
        (MaxAbsScaler(), 0.6),
        (KernelPCA(5), 0.99),
        (KNNImputer(), 0.99),
        (LinearDiscriminantAnalysis(), 0.55),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_steps_that_give_their_rows_away_are_found(step, least):
    attack, result = attacked(step, n_shadows=32)
    assert result.auc > least
    assert result.auc_interval[0] > 0.5
    # most records that it calls members are
    assert MEMBERS[attack.predict(X, y)].mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        SelectKBest(k=10),
        KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    ],
)
def test_steps_that_learn_little_get_a_result_all_the_same(step):
    _, result = attacked(step, n_shadows=16)
    assert 0.4 < result.auc < 0.9


def test_labels_pull_the_encodings_of_rare_categories():
    categories = rng.integers(60, size=(240, 3)).astype(float)
    labels = rng.integers(2, size=240)
    target = make_pipeline(TargetEncoder(smooth=1.0), GaussianNB())
    target.fit(categories[MEMBERS], labels[MEMBERS])
    attack = UpstreamAttack(target, n_shadows=32, random_state=0).fit(categories, labels)
    result = attack.evaluate(categories, labels, MEMBERS, fprs=(0.1,))
    assert "class_margin" in attack.signals_["targetencoder"]
    assert result.auc_interval[0] > 0.6


def test_a_row_outside_the_range_of_a_scaler_was_not_in_it():
    lowest, highest = np.argmin(X[:, 20]), np.argmax(X[:, 21])
    held_out = np.isin(np.arange(240), (lowest, highest))
    target = make_pipeline(MinMaxScaler(), GaussianNB()).fit(X[~held_out], y[~held_out])
    attack = UpstreamAttack(target, signals="range", n_shadows=32, random_state=0).fit(X, y)
    scores = attack.decision_function(X, y)
    assert scores[held_out].max() < np.quantile(scores[~held_out], 0.05)


@pytest.mark.slow
def test_steps_are_attacked_together_or_one_by_one():
    steps = (StandardScaler(), PCA(20))
    both, joint = attacked(*steps, n_shadows=16)
    assert both.steps_ == ["standardscaler", "pca"]
    one, alone = attacked(*steps, step="pca", n_shadows=16)
    assert one.steps_ == ["pca"]
    assert min(joint.auc, alone.auc) > 0.8
    with pytest.raises(ValueError, match=r"step='pcs' is unknown.*Did you mean 'pca'"):
        attacked(*steps, step="pcs")


def test_the_attacker_is_named_and_asks_no_model():
    attack, result = attacked(PCA(20), n_shadows=16)
    model = result.threat_model
    assert (model.query, model.knows_members, model.n_shadows) == ("step", False, 16)
    assert "HOLDS fitted steps" in str(model)
    assert "sees raw rows" in str(model)
    assert ThreatModel.from_dict(model.to_dict()) == model
    assert attack.signals_ == {"pca": ["reconstruction", "extremity", "influence"]}


# --- finding the steps --------------------------------------------------------------------


def names(target, rows=X):
    return [step.name for step in upstream_steps(target, rows)]


def test_pipelines_unions_and_column_transformers_are_taken_apart():
    columns = ColumnTransformer(
        [("scale", StandardScaler(), [0, 1]), ("keep", "passthrough", [2]), ("cut", "drop", [3])],
        remainder=make_pipeline(MinMaxScaler(), PCA(2)),
    )
    inner = make_pipeline(make_union(PCA(2), Normalizer()), LogisticRegression(max_iter=1000))
    target = make_pipeline(columns, "passthrough", None, inner).fit(X, y)
    assert names(target) == [
        "columntransformer.scale",
        "columntransformer.remainder.minmaxscaler",
        "columntransformer.remainder.pca",
        "featureunion.pca",
    ]
    steps = {step.name: step for step in upstream_steps(target, X)}
    for step in steps.values():
        assert np.shape(step.transformer.transform(step.X))[0] == 240
    attack = UpstreamAttack(target, n_shadows=8, random_state=0).fit(X, y)
    assert np.isfinite(attack.decision_function(X[:5], y[:5])).all()


def test_steps_that_learned_nothing_here_are_left_out():
    public = FrozenEstimator(PCA(3).fit(X))
    target = make_pipeline(FunctionTransformer(), Normalizer(), public, GaussianNB()).fit(X, y)
    assert names(target) == []
    with pytest.raises(ValueError, match="nothing upstream to attack"):
        UpstreamAttack(target).fit(X, y)
    with pytest.raises(ValueError, match="nothing upstream to attack"):
        UpstreamAttack(GaussianNB().fit(X, y)).fit(X, y)


def test_searches_and_frozen_pipelines_are_looked_into():
    search = GridSearchCV(
        make_pipeline(PCA(), GaussianNB()), {"pca__n_components": [3, 5]}, cv=2
    ).fit(X, y)
    assert names(search) == ["pca"]
    assert names(FrozenEstimator(search)) == ["pca"]


def test_data_frames_reach_the_steps_with_their_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, 18:22], columns=list("abcd"))
    columns = ColumnTransformer(
        [("one", StandardScaler(), ["a", "c"]), ("two", PCA(1), ["b", "d"])]
    )
    target = make_pipeline(columns.set_output(transform="pandas"), GaussianNB())
    target.fit(frame[MEMBERS], y[MEMBERS])
    attack = UpstreamAttack(target, n_shadows=8, random_state=0).fit(frame, y)
    assert attack.steps_ == ["columntransformer.one", "columntransformer.two"]
    outside = frame.iloc[:4] + 0.01
    assert np.isfinite(attack.decision_function(outside, y[:4])).all()


# --- bad cases ------------------------------------------------------------------------------


def test_a_pool_too_small_for_the_step_is_an_error_that_says_so():
    target = make_pipeline(PCA(30), GaussianNB()).fit(X, y)
    with pytest.raises(ShadowFitError, match=r"PCA\(n_components=30\) could not be refitted on 20"):
        UpstreamAttack(target).fit(X[:40], y[:40])
    with pytest.raises(ValueError, match="3 distinct record"):
        UpstreamAttack(target).fit(X[:3], y[:3])


@pytest.mark.slow
def test_transforms_that_overflow_and_categories_never_seen_give_finite_scores():
    wild = np.exp(5 * rng.normal(size=(80, 3)))
    kinds = np.array(["a", "b", "c", "d"] * 20, dtype=object)[:, None]
    for rows, step in (
        (wild, PowerTransformer()),
        (kinds, OneHotEncoder(handle_unknown="ignore")),
        (np.where(rng.random((80, 3)) < 0.2, np.nan, rng.normal(size=(80, 3))), KNNImputer()),
    ):
        target = make_pipeline(step, LogisticRegression()).fit(rows[:40], y[:40])
        with np.errstate(all="ignore"):
            attack = UpstreamAttack(target, n_shadows=8, random_state=0).fit(rows, y[:80])
        assert np.isfinite(attack.decision_function(rows, y[:80])).all()


@pytest.mark.parametrize(
    "params", [{"n_shadows": 3}, {"n_shadows": 2}, {"signals": "reconstructon"}, {"signals": ["x"]}]
)
def test_bad_parameters_are_refused(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        attacked(PCA(3), **params)


# --- the statistics -------------------------------------------------------------------------


def test_ratios_of_gaussian_numbers_equal_the_formula():
    """Two numbers with a known covariance and a shift the same for all records."""
    n_refits, n = 400, 300
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    shift = np.array([0.5, -1.0])
    members = rng.random((n_refits, n)) < 0.5
    noise = rng.multivariate_normal(np.zeros(2), covariance, size=(n_refits, n))
    numbers = noise + members[:, :, None] * shift + np.arange(n)[:, None]
    empty = np.zeros((n, 0), dtype=np.int8)
    evidence = Evidence(numbers, [empty] * n_refits, members)
    seen = rng.multivariate_normal(np.zeros(2), covariance, size=n) + np.arange(n)[:, None]
    expected = (seen - np.arange(n)[:, None] - shift / 2) @ np.linalg.solve(covariance, shift)
    found = evidence.score(seen, empty, np.arange(n))
    # the centre of each record has a standard error of 1/20 of its noise
    assert np.corrcoef(found, expected)[0, 1] > 0.99
    assert abs(found - expected).mean() < 0.15
