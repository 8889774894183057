"""scikit-learn's own checks on every classifier: nothing is expected to fail."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier


@parametrize_with_checks([QNNClassifier()])
def test_qnn_classifier(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [
        QNNClassifier(trainable="head", head="ridge", observables="zz", n_qubits=4, random_state=0),
        QNNClassifier(
            trainable="head", head="logistic", head_penalty=1e-4, observables="zz", random_state=0
        ),
        QNNClassifier(loss="linear", random_state=0),
        ShardedClassifier(DecisionTreeClassifier(), n_shards=2),
        UnlearningClassifier(LogisticRegression()),
    ]
)
def test_other_classifiers(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        QNNClassifier(store_data="none"),
        QNNClassifier(solver="sgd", learning_rate_init=0.2, observables="zz"),
        UnlearningClassifier(QNNClassifier(random_state=0)),
        ShardedClassifier(QNNClassifier(), n_shards=2),
    ]
)
def test_other_parameters(estimator, check):
    check(estimator)
