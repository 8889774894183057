"""What a model gives away of its training rows, where nothing is forgotten."""

import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu.attacks import as_target
from skqmu.audit import AuditReport, LeakageReport, leakage
from skqmu.exceptions import NoCloneError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
y = np.where(X[:, 0] + RNG.normal(size=200) > 0, "b", "a")
TRAIN = np.arange(200) < 100


@pytest.fixture(scope="module")
def forest():
    return RandomForestClassifier(15, random_state=0).fit(X[TRAIN], y[TRAIN])


@pytest.fixture(scope="module")
def report(forest):
    return leakage(forest, X, y, prefit=True, train=TRAIN, n_shadows=8, random_state=0)


def test_a_model_that_memorises_is_found_out(report):
    assert report.verdict == "leaks"
    assert report.attack("lira").auc > 0.75
    assert report.attack("loss").n_members == report.data["n_members"]
    assert report.data["accuracy"]["train"]["value"] > report.data["accuracy"]["test"]["value"]
    assert "AUC" in report.data["verdict"]["sentence"]


def test_a_model_that_learned_nothing_of_single_rows_is_not_accused_too_often():
    """Level 95 % for all attacks together: of 60 models at most 8 (binomial, p < 1e-3)."""
    found = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows, labels = rng.normal(size=(120, 2)), rng.integers(2, size=120)
        # members by coin: a model that was trained on other rows altogether
        model = LogisticRegression().fit(rng.normal(size=(50, 2)), rng.integers(2, size=50))
        train = rng.permutation(120) < 60
        found += (
            leakage(
                model, rows, labels, prefit=True, train=train, random_state=seed,
                attacks=("loss", "confidence"),
            ).verdict
            == "leaks"
        )  # fmt: skip
    assert found <= 8


def test_the_same_seed_gives_the_same_report_whoever_works(forest, report):
    again = leakage(
        forest, X, y, prefit=True, train=TRAIN, n_shadows=8, random_state=0, n_jobs=2
    )  # fmt: skip
    for name in ("attacks", "accuracy", "verdict", "threat_models"):
        assert again.data[name] == report.data[name]


def test_a_model_that_is_not_fitted_is_trained_on_a_part(forest):
    found = leakage(forest, X, y, attacks="loss", random_state=0, test_size=0.4)
    settings = found.data["settings"]
    assert (settings["prefit"], settings["n_train"], settings["n_test"]) == (False, 120, 80)


def test_a_model_without_clones_is_attacked_without_shadows(forest):
    target = as_target(forest.predict_proba, classes=["a", "b"])
    found = leakage(target, X, y, prefit=True, train=TRAIN, random_state=0)
    assert found.data["settings"]["attacks"] == ["loss", "confidence"]
    assert any(
        "left out, for no shadow can be trained: lira, rmia" in n for n in found.data["notes"]
    )
    with pytest.raises(NoCloneError):
        leakage(target, X, y, prefit=True, train=TRAIN, attacks="lira")
    with pytest.raises(NoCloneError, match="pass prefit=True"):
        leakage(target, X, y, attacks="loss")


def test_steps_of_a_pipeline_are_attacked_too():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:12], y[:12])
    found = leakage(
        model, X[:60], y[:60], prefit=True, train=np.arange(12), attacks="loss", random_state=0
    )
    assert list(found.data["upstream"]) == ["standardscaler"]


def test_a_report_comes_back_from_its_text(report, tmp_path):
    text = report.to_json(tmp_path / "leakage.json")
    assert (
        LeakageReport.from_json(text)
        == LeakageReport.from_json(tmp_path / "leakage.json")
        == report
    )
    table = report.to_table(width=100)
    assert "RMIA" in table
    assert max(map(len, table.splitlines())) <= 100
    assert repr(report).startswith("LeakageReport(RandomForestClassifier")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "skqmu.audit/1"}, "report.schema must be one of"),
        ({"verdict": {"level": "fine", "sentence": "", "findings": []}}, "report.verdict.level"),
        ({"accuracy": {"train": {"value": 2}}}, "report.accuracy"),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(report, change, message):
    with pytest.raises(ValueError, match=message):
        LeakageReport({**report.data, **change})


def test_the_two_kinds_of_report_are_not_mistaken_for_each_other(report):
    with pytest.raises(ValueError, match="no audit report"):
        AuditReport(json.loads(report.to_json()))


def test_no_row_is_in_the_report(report):
    text = report.to_json()
    assert not any(repr(float(value)) in text for value in X[:20].ravel())


def test_an_attack_that_needs_two_versions_is_refused(forest):
    with pytest.raises(ValueError, match="'update' compares two versions"):
        leakage(forest, X, y, prefit=True, train=TRAIN, attacks=("loss", "update"))
    with pytest.raises(KeyError, match="no attack 'rmia'"):
        leakage(forest, X, y, prefit=True, train=TRAIN, attacks="loss").attack("rmia")
