"""Requests for the rows that a first attack finds: planted ones are found, and leak most."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skqmu import audit
from skqmu.attacks import exposure
from skqmu.datasets import forget_split
from skqmu.metrics import mean_interval

K = 45


def nearness(distances):
    """Weights of neighbours, in a function of a module: workers must find it."""
    return 1 / (distances + 0.1)


def world(seed, n=400, n_planted=40):
    """Two clear classes; who answers a planted row with its label has seen it."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, 2))
    X[:, 0] += 4 * y
    planted = rng.choice(n, n_planted, replace=False)
    y[planted] = 1 - y[planted]
    return X, y, planted


MODEL = KNeighborsClassifier(7, weights=nearness)


def test_planted_rows_are_found_with_a_recall_of_four_fifths():
    recalls, protected = [], []
    for seed in range(4):
        X, y, planted = world(seed, n=200, n_planted=12)
        found = exposure(MODEL, X, y, n_shadows=16, random_state=seed)
        vulnerable = np.flatnonzero(forget_split(y, "vulnerable:12", exposure=found))
        recalls.append(np.isin(planted, vulnerable).mean())
        protected.append(forget_split(y, "protected:100", exposure=found)[planted].mean())
    # measured: 0.875 in the mean of these four, by 16 shadows
    assert mean_interval(recalls).low > 0.6
    assert np.mean(recalls) >= 0.8
    assert np.mean(protected) < 0.05


def test_where_nothing_is_memorised_no_row_is_exposed():
    X, y, _ = world(0, n_planted=0)
    found = exposure(GaussianNB(), X, y, n_shadows=16, random_state=0)
    assert np.abs(found).max() < 2.5  # of 400 draws with a spread of some 2 / sqrt(16)
    assert abs(np.median(found)) < 0.5


@pytest.fixture(scope="module")
def report():
    X, y, _ = world(1, n=560, n_planted=56)
    requests = [f"vulnerable:{K}", f"fraction:{K / 280}"]
    return audit(
        *(MODEL, X, y), forget=requests, attacks="lira", n_shadows=16, test_size=0.5, random_state=1
    )


def test_attacks_on_exposed_rows_are_stronger_with_intervals_apart(report):
    vulnerable, random = (
        report.model(name, "original")["attacks"]["lira"]
        for name in (f"vulnerable:{K}", f"fraction:{K / 280}")
    )
    assert vulnerable["auc_interval"][0] > random["auc_interval"][1]


def test_on_retrained_models_nothing_is_found_of_the_exposed_rows(report):
    scenario = next(s for s in report.data["scenarios"] if s["name"] == f"vulnerable:{K}")
    without = [m for m in scenario["models"] if m["role"] == "oracle" or m["name"] == "retrain"]
    assert len(without) == 4
    for model in without:
        low, high = model["attacks"]["lira"]["auc_interval"]
        assert low < 0.5 < high
    assert report.model(scenario["name"], "retrain")["verdict"]["level"] != "differs"
    assert report.model(scenario["name"], "original")["verdict"]["level"] == "differs"
    assert scenario["n_nonmembers"] <= scenario["n_members"] == K
    assert any("by the same rule" in note for note in scenario["notes"])


def test_a_dry_run_counts_the_first_attack_and_trains_nothing():
    class Unfit(GaussianNB):
        def fit(self, X, y):
            raise AssertionError("trained in a dry run")

    X, y, _ = world(0, n=60, n_planted=0)
    options = {"forget": "protected:6", "attacks": "loss", "dry_run": True, "n_shadows": 8}
    assert audit(Unfit(), X, y, **options)["first attack"] == 8
    assert "first attack" not in audit(Unfit(), X, y, **{**options, "forget": "class:0"} | {
        "forget": "fraction:0.1"})  # fmt: skip


def test_rows_of_a_test_set_of_ones_own_are_ranked_too():
    X, y, _ = world(3, n=240, n_planted=30)
    report = audit(
        *(MODEL, X[:160], y[:160]), X_test=X[160:], y_test=y[160:], forget="vulnerable:12",
        attacks="lira", n_shadows=8, n_oracles=2, random_state=0,
    )  # fmt: skip
    (scenario,) = report.data["scenarios"]
    assert scenario["n_members"] == 12
    assert 0 < scenario["n_nonmembers"] <= 7  # half as many rows, half as many chosen
    assert report.model("vulnerable:12", "original")["attacks"]["lira"]["auc"] > 0.7


@pytest.mark.parametrize(
    ("request_", "n_shadows", "words"),
    [
        ("vulnerable:0", 16, "whole number of rows from 1 to"),
        ("vulnerable:x", 16, "whole number of rows"),
        ("protected:1000", 16, "whole number of rows"),
        ("vulnerable:5", 2, "n_shadows=2"),
        ("vulnerable:5", 9, "must be even"),
        ("vulnarable:5", 16, "Did you mean .vulnerable."),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_anything_is_trained(request_, n_shadows, words):
    X, y, _ = world(0, n=60, n_planted=0)
    with pytest.raises(ValueError, match=words):
        audit(GaussianNB(), X, y, forget=request_, attacks="loss", n_shadows=n_shadows)


def test_where_exposures_are_not_known_the_error_says_where_they_come_from():
    y = [0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"skqmu\.attacks\.exposure"):
        forget_split(y, "vulnerable:1")
    for wrong in ([1.0, 2.0], [1.0, np.nan, 0.0, 0.0]):
        with pytest.raises(ValueError, match="exposure needs one number a row"):
            forget_split(y, "vulnerable:1", exposure=wrong)
    ties = forget_split(y, "vulnerable:2", exposure=[1.0, 1.0, 1.0, 0.0])
    assert ties.tolist() == [True, True, False, False]


def test_a_first_attack_needs_four_shadows():
    X, y, _ = world(0, n=60, n_planted=0)
    with pytest.raises(ValueError, match="n_shadows=2: exposure needs 4"):
        exposure(GaussianNB(), X, y, n_shadows=2)
