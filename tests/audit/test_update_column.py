"""The attacker with two versions as a column of the audit."""

from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from skqmu.audit import audit

X, Y = make_classification(400, 10, n_informative=6, n_classes=3, flip_y=0.1, random_state=0)


def test_retraining_without_seeds_leaks_to_who_kept_the_original():
    report = audit(
        LogisticRegression(max_iter=2000), X, Y, forget={"few": range(6)}, mechanisms="retrain",
        attacks=("loss", "update"), n_oracles=2, test_size=0.5, random_state=0,
    )  # fmt: skip
    assert report.attack("few", "original", "update").auc == 0.5
    assert report.attack("few", "retrain", "update").auc > 0.8
    assert report.attack("few", "oracle 1", "update").auc > 0.8
    threat = report["few"]["threat_models"]["update"]
    assert threat["n_shadows"] == 0
    assert "Two versions" in threat["notes"][0]
    assert "two versions, before and after" in str(report)


def test_the_page_says_what_exact_means(tmp_path):
    report = audit(
        LogisticRegression(), X, Y, forget={"few": range(6)}, attacks="update", n_oracles=2,
        random_state=0,
    )  # fmt: skip
    page = tmp_path / "audit.html"
    report.to_html(page)
    assert "compare one version of the model with one retrained" in page.read_text("utf-8")
