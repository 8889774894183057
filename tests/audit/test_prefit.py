"""Audits of a model as it was handed over: it is the original, and it stays what it is."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier, audit

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:240, :5], y[:240]
TRAIN = np.arange(240) % 2 == 0


@pytest.fixture(scope="module")
def fitted():
    return RandomForestClassifier(15, random_state=3).fit(X[TRAIN], y[TRAIN])


def audited(model, **options):
    options = {"forget": {"ten": np.arange(0, 60, 2)}, "random_state": 0, **options}
    options = {"attacks": ("loss", "lira"), "n_shadows": 6, "n_oracles": 2, **options}
    return audit(model, X, y, prefit=True, **options)


def test_the_model_itself_is_the_original_and_is_not_touched(fitted):
    before = pickle.dumps(fitted)
    report = audited(fitted, train=TRAIN)
    assert pickle.dumps(fitted) == before
    settings = report.data["settings"]
    assert settings["prefit"]
    assert (settings["n_train"], settings["n_test"]) == (120, 120)
    original = report.model("ten", "original")
    assert original["accuracy"]["test"]["value"] == fitted.score(X[~TRAIN], y[~TRAIN])
    assert any("handed over" in note for note in original["notes"])
    assert report.attack("ten", "original", "lira").auc > 0.7
    assert report.attack("ten", "retrain", "lira").auc < 0.7


def test_the_page_speaks_of_the_model_that_was_handed_over():
    noise = np.random.default_rng(0).integers(0, 2, 240)
    left = np.arange(0, 60, 2)
    stays = TRAIN.copy()
    stays[left] = False

    def page(rows):
        forest = RandomForestClassifier(15, random_state=3).fit(X[rows], noise[rows])
        options = {"train": TRAIN, "forget": {"thirty": left}, "attacks": "loss"}
        return audit(
            forest, X, noise, prefit=True, n_oracles=8, random_state=0, **options
        ).to_markdown()

    told = "The model as it was handed over can be told from models that never saw them."
    assert told in page(TRAIN)
    cleaned = page(stays)
    assert told not in cleaned
    assert "still knows them is not resolved" in cleaned


def test_positions_a_mask_and_two_tables_say_the_same(fitted):
    by_mask = audited(fitted, train=TRAIN, attacks="loss")
    by_position = audited(fitted, train=np.flatnonzero(TRAIN), attacks="loss")
    apart = audit(
        fitted, X[TRAIN], y[TRAIN], X_test=X[~TRAIN], y_test=y[~TRAIN], prefit=True,
        forget={"ten": np.arange(30)}, attacks="loss", n_oracles=2, random_state=0,
    )  # fmt: skip
    aucs = [r.attack("ten", "original", "loss").auc for r in (by_mask, by_position, apart)]
    assert aucs[0] == aucs[1] == aucs[2]


def test_requests_by_id_mean_all_rows_of_a_person_that_were_trained_on(fitted):
    ids = np.array([f"p{i // 8}" for i in range(240)])
    options = {"forget": {"two": "ids:p1,p3"}, "attacks": "loss", "ids": ids}
    report = audited(fitted, train=TRAIN, **options)
    assert report["two"]["n_forget"] == 8
    assert "p1" not in report.to_json().replace("ids:p1,p3", "")
    unnamed = audited(fitted, train=TRAIN, **{**options, "forget": ["ids:p1,p3"]})
    assert unnamed.scenarios == ["ids (request 1)"]
    assert "p1" not in unnamed.to_json()
    with pytest.raises(ValueError, match="those of no row"):
        audited(fitted, train=TRAIN, **{**options, "forget": {"nobody": "ids:q9"}})
    with pytest.raises(ValueError, match=r"ids has shape \(3,\)"):
        audited(fitted, train=TRAIN, **{**options, "ids": ids[:3]})


def test_a_model_that_forgets_does_so_on_a_copy():
    model = make_pipeline(StandardScaler(), QNNClassifier(max_iter=3, random_state=0))
    model.fit(X[TRAIN], y[TRAIN])
    report = audited(model, train=TRAIN, mechanisms=("retrain", "fine_tune"), attacks="loss")
    assert report.model("ten", "fine_tune")["status"] == "ok"
    assert model[-1].unlearning_log_ == []
    assert model[-1].is_member(model[:-1].transform(X[TRAIN])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "got neither"),
        ({"train": TRAIN, "X_test": X, "y_test": y}, "got both"),
        ({"train": TRAIN[:9]}, r"mask of shape \(9,\); X has 240 rows"),
        ({"train": np.zeros(240, dtype=bool)}, "train= names 0 of 240 rows"),
        ({"train": [1, 240]}, "position 240, outside 0 to 239"),
        ({"train": [0.5]}, "positions as integers"),
        ({"train": TRAIN, "repeats": 4}, "prefit=True excludes repeats=4"),
        ({"train": TRAIN, "until": "decided"}, "excludes"),
    ],
)
def test_what_cannot_be_is_refused(fitted, options, message):
    with pytest.raises(ValueError, match=message):
        audited(fitted, **options)


def test_train_without_prefit_is_refused(fitted):
    with pytest.raises(ValueError, match="goes with prefit=True"):
        audit(fitted, X, y, forget="fraction:0.1", train=TRAIN)
    with pytest.raises(ValueError, match="prefit='yes' must be True or False"):
        audit(fitted, X, y, forget="fraction:0.1", prefit="yes")


def test_a_model_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        audited(RandomForestClassifier(), train=TRAIN)


def test_a_member_record_that_says_otherwise_is_believed():
    model = QNNClassifier(max_iter=1, random_state=0).fit(X[TRAIN], y[TRAIN])
    with pytest.raises(ValueError, match=r"120 of 120 training rows are not in the model's member"):
        audited(model, train=~TRAIN, forget="fraction:0.1")
    model.unlearn(X[:2][TRAIN[:2]])
    with pytest.raises(ValueError, match=r"1 of 120 training rows.*has forgotten them"):
        audited(model, train=TRAIN)
    half = QNNClassifier(max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="held-out rows are in the model's member record"):
        audited(half, train=TRAIN)


def test_labels_that_the_model_does_not_know_are_named(fitted):
    with pytest.raises(ValueError, match=r"labels that the fitted model does not know: \[7\]"):
        audit(
            fitted, X, np.where(np.arange(240) < 40, 7, y), forget="class:7", prefit=True,
            train=TRAIN,
        )  # fmt: skip


def test_a_classifier_that_answers_only_once_fitted_is_audited():
    stack = StackingClassifier([("tree", DecisionTreeClassifier(random_state=0))], cv=2)
    report = audit(stack, X, y, forget="fraction:0.2", attacks="loss", n_oracles=1, random_state=0)
    assert report.model("fraction:0.2", "original")["status"] == "ok"
    stack = StackingClassifier([("tree", DecisionTreeClassifier())], SVC(), cv=2)
    for model in (SVC(), stack):
        with pytest.raises(TypeError, match="has no predict_proba"):
            audit(model, X, y, forget="fraction:0.2", attacks="loss")


def test_an_oracle_that_cannot_be_asked_is_named():
    class Picky(LogisticRegression):
        """Refuses rows unlike those that it was trained on."""

        def fit(self, X, y):
            self.largest_ = np.max(X)
            return super().fit(X, y)

        def predict_proba(self, X):
            if np.max(X) > self.largest_:
                raise ValueError("Found unknown values.")
            return super().predict_proba(X)

    rows = X[:, :1].copy()
    rows[0] = 1e3
    with pytest.raises(ValueError, match=r"forget\['one'\]: oracle 1, trained without.*cannot"):
        audit(
            Picky(max_iter=500), rows[:160], y[:160], forget={"one": [0]}, attacks="loss",
            n_oracles=1, X_test=rows[160:], y_test=y[160:], random_state=0,
        )  # fmt: skip
