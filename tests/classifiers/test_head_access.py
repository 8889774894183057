"""The head's public attributes: they are what the answers are made of."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skqmu import HybridQNNClassifier, QNNClassifier

X, Y = load_iris(return_X_y=True)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    ("make", "kind", "penalty"),
    [
        (lambda: QNNClassifier(max_iter=2, alpha=0.5, random_state=0), "softmax", 0.5),
        (lambda: HybridQNNClassifier(max_iter=2, random_state=0), "softmax", 0.0),
        (lambda: QNNClassifier(trainable="head", head="ridge", random_state=0), "ridge", 0.1),
        (lambda: QNNClassifier(trainable="head", head="logistic", random_state=0), "logistic", 0.1),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_features_times_coefficients_are_the_logits(make, kind, penalty, classes):
    X_, y = X[classes > Y], Y[classes > Y]
    clf = make().fit(X_, y)
    assert clf.head_kind_ == kind
    assert clf.head_penalty_ == penalty
    phi, coef = clf.head_features(X_), clf.head_coef_
    columns = 1 if kind == "logistic" and classes == 2 else classes
    assert coef.shape == (columns, phi.shape[1])
    assert (phi[:, -1] == phi[0, -1]).all()
    logits = phi @ coef.T
    if columns == 1:
        assert ((logits[:, 0] > 0) == (clf.predict(X_) == 1)).all()
    elif kind == "logistic":
        assert (logits.argmax(axis=1) == clf.predict(X_)).all()
    else:
        log_p = clf.predict_log_proba(X_)
        centred = logits - logits.mean(axis=1, keepdims=True)
        assert centred == pytest.approx(log_p - log_p.mean(axis=1, keepdims=True), abs=1e-9)
    if kind == "logistic":
        assert np.linalg.norm(phi, axis=1).max() <= 1 + 1e-12


def test_the_solved_head_is_the_minimum_in_these_terms():
    clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, Y)
    phi, coef = clf.head_features(X), clf.head_coef_.T
    penalty = np.full((len(coef), 1), clf.head_penalty_)
    penalty[-1] = 0.0
    assert phi.T @ (phi @ coef - np.eye(3)[Y]) + penalty * coef == pytest.approx(0.0, abs=1e-9)
    clf = QNNClassifier(trainable="head", head="logistic", random_state=0).fit(X, Y)
    phi, coef = clf.head_features(X), clf.head_coef_.T
    slope = phi.T @ (1 / (1 + np.exp(-phi @ coef)) - np.eye(3)[Y])
    assert slope + clf.head_penalty_ * len(X) * coef == pytest.approx(0.0, abs=1e-6)


def test_an_unfitted_classifier_has_no_head():
    for name in ("head_coef_", "head_kind_", "head_penalty_"):
        with pytest.raises(NotFittedError):
            getattr(QNNClassifier(), name)
        assert not hasattr(QNNClassifier(), name)
