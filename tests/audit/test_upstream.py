"""What an audit of a pipeline says about the fitted steps before the classifier."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skqmu.audit import AuditReport, audit
from skqmu.audit.report import words


@pytest.fixture(scope="module")
def report():
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:400]
    pipeline = make_pipeline(PCA(64, random_state=0), LogisticRegression(max_iter=2000))
    return audit(
        pipeline, X[rows], y[rows], forget="fraction:0.25", mechanisms=("retrain",),
        attacks=("loss",), n_oracles=3, test_size=0.4, random_state=0,
    )  # fmt: skip


def aucs(report, role):
    models = report["fraction:0.25"]["models"]
    return [m["upstream"]["pca"] for m in models if m["role"] == role]


def test_a_leaking_step_is_found_in_the_original_and_not_in_the_oracles(report):
    (original,) = aucs(report, "original")
    assert original["auc_interval"][0] > 0.55
    for oracle in aucs(report, "oracle"):
        assert oracle["auc_interval"][0] < 0.5 < oracle["auc_interval"][1] + 0.1
        assert oracle["auc"] < original["auc_interval"][0]


def test_a_verdict_on_the_model_does_not_pass_over_its_steps(report):
    verdict = report.model("fraction:0.25", "original")["verdict"]
    assert "its fitted steps still tell the forgotten rows: pca (AUC" in verdict["beside"]
    assert 'upstream="refit"' in " ".join(str(report).split())
    # without an unlearn of its own, the whole pipeline was fitted anew
    assert "beside" not in report.model("fraction:0.25", "retrain")["verdict"]


def test_the_attacker_that_it_takes_is_stated(report):
    stated = report["fraction:0.25"]["upstream_threat_models"]["pca"]
    assert stated["query"] == "step"


def test_every_form_of_the_report_shows_it(report, tmp_path):
    assert "step pca" in str(report)
    page = tmp_path / "audit.html"
    report.to_html(page)
    assert "What the steps before the classifier can tell" in page.read_text()
    path = tmp_path / "audit.json"
    report.to_json(path)
    assert json.loads(path.read_text())["scenarios"] == report.data["scenarios"]
    assert AuditReport.from_json(path) == report


def test_a_classifier_without_fitted_steps_has_none():
    X, y = load_digits(return_X_y=True)
    pipeline = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=2000))
    report = audit(
        pipeline, X[:200], y[:200], forget="fraction:0.2", mechanisms=("retrain",),
        attacks=("loss",), n_oracles=1, random_state=0,
    )  # fmt: skip
    assert "upstream" not in report["fraction:0.2"]["models"][0]
    assert "step " not in str(report)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (["a.b.c"], ["step a.b.c"]),
        (["a.b.c", "a.b.d"], ["step c", "step d"]),
        (["a.b.c", "a.d"], ["step b.c", "step d"]),
        (["a.b", "a.b.c"], ["step b", "step b.c"]),
        (["pca", "scaler"], ["step pca", "step scaler"]),
        ([], []),
    ],
)
def test_a_table_leaves_out_what_all_steps_begin_with(steps, told):
    assert words.step_labels(steps) == told
