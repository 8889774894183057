"""Data frames in, arrays out: column names are checked from fit to unlearn."""

import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu.exceptions import UnlearningWarning

pd = pytest.importorskip("pandas", reason="pandas is not installed")


@pytest.fixture
def frame(blobs):
    X, y = blobs
    return pd.DataFrame(X, columns=["a", "b", "c"]), pd.Series(y, name="class")


def test_a_frame_gives_what_its_array_gives(small, blobs, frame):
    expected = small().fit(*blobs)
    clf = small().fit(*frame)
    assert clf.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(clf.predict_proba(frame[0]), expected.predict_proba(blobs[0]))
    clf.unlearn(frame[0].iloc[3:5], frame[1].iloc[3:5])
    expected.unlearn(blobs[0][3:5], blobs[1][3:5])
    np.testing.assert_array_equal(clf.params_, expected.params_)
    assert clf.is_member(frame[0], frame[1]).sum() == 58
    assert clf.release().feature_names_in_.tolist() == ["a", "b", "c"]


def test_columns_in_another_order_are_refused_everywhere(small, frame):
    X, y = frame
    clf = small().fit(X, y)
    wrong = X[["b", "a", "c"]]
    for call in (
        lambda: clf.predict(wrong),
        lambda: clf.partial_fit(wrong, y),
        lambda: clf.unlearn(wrong[:1]),
        lambda: clf.unlearn(X[:1], X_retain=wrong[1:], y_retain=y[1:]),
        lambda: clf.unlearn(X[:1], X_reference=wrong[:1] + 1, y_reference=y[:1]),
        lambda: clf.is_member(wrong),
    ):
        with pytest.raises(ValueError, match=r"[Ff]eature names"):
            call()
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        clf.unlearn(X.to_numpy()[:1])


def test_positions_are_not_the_frame_s_index(small, frame):
    X, y = frame
    X, y = X.set_axis(np.arange(60)[::-1]), y.set_axis(np.arange(60)[::-1])
    clf = small().fit(X, y).unlearn(index=pd.Index([0, 1]))
    assert clf.is_member(X).tolist() == [False, False] + [True] * 58


def test_frames_between_the_steps_of_a_pipeline(small, frame):
    X, y = frame
    model = make_pipeline(StandardScaler(), small()).set_output(transform="pandas").fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        skqmu.unlearn(model, X[:2])
    assert model[-1].unlearning_log_[-1]["n_forget"] == 2


def test_a_scoring_monitor_sees_the_names(small, frame):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    small().set_callbacks(monitor).fit(*frame)  # warnings are errors here
    assert len(monitor.get_logs().data) == 6
