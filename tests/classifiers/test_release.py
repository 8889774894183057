"""What one deploys: a copy that only predicts, of pipelines and of whatever holds a classifier.

This file looks inside, at what a pickle holds.
"""

import pickle

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier, load, release, save
from skqmu._inside import objects_in
from skqmu.classifiers._members import MemberRecord
from skqmu.exceptions import MemberRecordError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)


def qnn():
    return QNNClassifier(n_qubits=3, n_layers=1, max_iter=1, random_state=0)


HOLDERS = {
    "alone": qnn,
    "a pipeline": lambda: make_pipeline(StandardScaler(), qnn()),
    "nested": lambda: make_pipeline(
        StandardScaler(), make_pipeline(StandardScaler(), qnn()), memory="kept-steps"
    ),
    "shards": lambda: make_pipeline(StandardScaler(), ShardedClassifier(qnn(), random_state=0)),
    "calibrated": lambda: CalibratedClassifierCV(qnn(), cv=2),
    "stacked": lambda: StackingClassifier([("q", qnn()), ("l", LogisticRegression())], cv=2),
    "a search": lambda: GridSearchCV(make_pipeline(StandardScaler(), qnn()), {}, cv=2),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_nothing_of_the_rows_is_left_and_predictions_are_the_same(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = HOLDERS[name]().fit(X, y)
    released = release(model)
    np.testing.assert_array_equal(released.predict_proba(X), model.predict_proba(X))
    assert any(isinstance(each, MemberRecord) for each in objects_in(model))
    assert not any(isinstance(each, MemberRecord) for each in objects_in(released))
    data = pickle.dumps(released)
    scaled = StandardScaler().fit_transform(X)
    assert not any(v.tobytes() in data for rows in (X, scaled) for v in rows.ravel())
    assert b"kept-steps" not in data
    save(released, tmp_path / "model.skops")
    back = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_an_experiment_is_released_without_what_it_compared_with():
    model = UnlearningClassifier(qnn(), random_state=0).fit(X, y, forget=np.arange(40) < 3)
    released = release(model)
    assert not hasattr(released, "X_forget_")
    with pytest.raises(MemberRecordError):
        release(make_pipeline(StandardScaler(), qnn()).fit(X, y))[-1].is_member(X)


def test_steps_that_keep_rows_are_named():
    model = make_pipeline(KNNImputer(), qnn()).fit(X, y)
    with pytest.warns(UserWarning, match="KNNImputer: keeps rows that it was fitted on"):
        released = release(model)
    np.testing.assert_array_equal(released.predict(X), model.predict(X))
    with pytest.warns(UserWarning, match="KNNImputer, KNeighborsClassifier: keeps rows"):
        release(make_pipeline(KNNImputer(), KNeighborsClassifier()).fit(X, y))


def test_what_is_not_fitted_cannot_be_released():
    with pytest.raises(NotFittedError):
        release(qnn())


@pytest.mark.parametrize(
    "holder",
    [
        lambda: UnlearningClassifier(CalibratedClassifierCV(qnn(), cv=2)),
        lambda: ShardedClassifier(CalibratedClassifierCV(qnn(), cv=2), n_shards=2, random_state=0),
    ],
    ids=["experiment", "shards"],
)
def test_what_is_released_by_its_own_method_holds_no_rows_either(holder):
    model = holder().fit(X, y)
    assert any(isinstance(each, MemberRecord) for each in objects_in(model))
    released = model.release()
    assert not any(isinstance(each, MemberRecord) for each in objects_in(released))
    assert X[3].tobytes() not in pickle.dumps(released)
    np.testing.assert_array_equal(released.predict_proba(X), model.predict_proba(X))
