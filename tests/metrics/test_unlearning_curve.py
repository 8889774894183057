"""A metric along one unlearning run: its values, its cost, and its picture."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier, ShardedClassifier, audit
from skqmu.metrics import UnlearningCurve, UnlearningCurveDisplay, unlearning_curve
from skqmu.unlearning import FineTune, GradientAscent, StopWhen

X, Y = load_iris(return_X_y=True)
PARTS = {"forgotten": (X[::14], Y[::14]), "held out": (X[1::2], Y[1::2])}
REQUEST = PARTS["forgotten"]


def qnn():
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=4, random_state=0)


def mean_confidence(model, X, y):
    return model.predict_proba(X).max(axis=1).mean()


@pytest.fixture(scope="module")
def fitted():
    return qnn().fit(X[::2], Y[::2])


def test_any_metric_is_measured_at_each_epoch_on_any_rows(fitted):
    before = fitted.params_
    curve = unlearning_curve(
        fitted, *REQUEST, parts=PARTS, strategy=FineTune(max_iter=3, guard=None),
        scoring=["accuracy", "neg_log_loss", mean_confidence],
    )  # fmt: skip
    assert curve.epochs.tolist() == [0, 1, 2, 3, 4]
    assert len(curve.scores) == 6
    seen = []
    other = qnn().fit(X[::2], Y[::2])
    other.unlearn(
        *REQUEST, strategy=FineTune(max_iter=3, guard=None),
        watch=lambda epoch, model: seen.append(model.predict_proba(PARTS["held out"][0])),
    )  # fmt: skip
    y = PARTS["held out"][1]
    for k, proba in enumerate([*seen, other.predict_proba(PARTS["held out"][0])]):
        assert curve.scores["accuracy, held out"][k] == accuracy_score(y, proba.argmax(axis=1))
        assert curve.scores["neg_log_loss, held out"][k] == pytest.approx(-log_loss(y, proba))
    assert curve.end["mean_confidence, held out"] == pytest.approx(proba.max(axis=1).mean())
    # what it cost; and the model itself is as it was
    assert curve.n_rows == 5 * 3 * (11 + 75)
    assert curve.seconds > 0
    assert np.array_equal(fitted.params_, before)
    assert fitted.is_member(REQUEST[0]).all()
    assert json.loads(json.dumps(curve.to_dict()))["epochs"] == [0, 1, 2, 3, 4]


def test_the_end_is_what_the_request_left_not_its_last_epoch(fitted):
    """A guard takes back what costs too much: the last point says what came of that."""
    strategy = GradientAscent(stop=None, max_iter=10, learning_rate_init=0.5, guard=0.0)
    curve = unlearning_curve(
        fitted, *REQUEST, parts=PARTS, scoring="neg_log_loss", strategy=strategy
    )
    honoured = qnn().fit(X[::2], Y[::2]).unlearn(*REQUEST, strategy=strategy)
    X_test, y_test = PARTS["held out"]
    expected = -log_loss(y_test, honoured.predict_proba(X_test), labels=[0, 1, 2])
    assert curve.end["neg_log_loss, held out"] == pytest.approx(expected)


def test_a_pipeline_is_measured_as_a_whole():
    model = make_pipeline(StandardScaler(), qnn()).fit(X[::2], Y[::2])
    curve = unlearning_curve(model, *REQUEST, parts=PARTS, strategy=FineTune(max_iter=2))
    assert curve.scores["accuracy, held out"][0] == model.score(*PARTS["held out"])


def test_a_run_may_end_early_by_rows_that_the_mechanism_sees(fitted):
    stop = StopWhen(lambda y, proba: proba.max(), on="retain", above=0)
    strategy = FineTune(max_iter=9, guard=None)
    curve = unlearning_curve(fitted, *REQUEST, parts=PARTS, strategy=strategy, stop_when=stop)
    assert curve.epochs.tolist() == [0, 1, 2]
    assert curve.stop_reason.startswith("stop_when: <lambda> on retain rows")


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"parts": {}}, ValueError, "parts is empty"),
        ({"scoring": []}, ValueError, "names no metric"),
        ({"scoring": "acuracy"}, ValueError, "acuracy"),
    ],
)
def test_what_is_missing_is_said(fitted, options, error, problem):
    with pytest.raises(error, match=problem):
        unlearning_curve(fitted, *REQUEST, **{"parts": PARTS, **options})


def test_a_model_that_shows_no_epochs_is_refused():
    shards = ShardedClassifier(LogisticRegression(), n_shards=2).fit(X[::2], Y[::2])
    with pytest.raises(TypeError, match=r"ShardedClassifier has no unlearn\(watch="):
        unlearning_curve(shards, *REQUEST, parts=PARTS)


# --- pictures ----------------------------------------------------------------------------------


def test_a_picture_is_drawn_from_an_estimator_with_what_oracles_span(fitted):
    oracles = [qnn().set_params(random_state=s).fit(X[20::2], Y[20::2]) for s in (1, 2)]
    display = UnlearningCurveDisplay.from_estimator(
        fitted, *REQUEST, parts=PARTS, strategy=FineTune(max_iter=2), oracles=oracles
    )
    assert [line.get_label() for line in display.lines_] == list(display.curve.scores)
    low, high = display.bands["accuracy, held out"]
    scores = [oracle.score(*PARTS["held out"]) for oracle in oracles]
    assert (low, high) == (min(scores), max(scores))
    assert len(display.bands_) == 2
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), display.curve.epochs)


def test_a_picture_is_drawn_from_a_curve_on_given_axes():
    import matplotlib.pyplot as plt

    curve = UnlearningCurve(np.arange(3), {"_odd $name$": np.array([0.1, 0.2, 0.3])})
    ax = plt.subplots()[1]
    display = UnlearningCurveDisplay.from_curve(curve, ax=ax)
    assert display.ax_ is ax
    display.figure_.canvas.draw()
    assert ax.get_xticklabels()[-1].get_text() == "end"
    plt.close(display.figure_)


def test_a_picture_is_drawn_from_a_report():
    report = audit(
        qnn(), X, Y, forget="fraction:0.1", mechanisms={"tune": FineTune(max_iter=2)},
        attacks="loss", n_oracles=2, random_state=0, curves=True,
    )  # fmt: skip
    display = UnlearningCurveDisplay.from_report(
        report, "fraction:0.1", "tune", measures=["accuracy_forget", "confidence_forget"]
    )
    told = report.model("fraction:0.1", "tune")["curve"]
    np.testing.assert_allclose(
        display.lines_[0].get_ydata(), told["gaps"]["accuracy_forget"]["value"]
    )
    with pytest.raises(ValueError, match="measures holds 'accuracy'"):
        UnlearningCurveDisplay.from_report(report, "fraction:0.1", "tune", measures=["accuracy"])
    with pytest.raises(ValueError, match="curves=True"):
        UnlearningCurveDisplay.from_report(report, "fraction:0.1", "original")
