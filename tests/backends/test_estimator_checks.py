"""scikit-learn's own checks, on classifiers whose circuits run on Aer."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skqmu import QNNClassifier
from skqmu.backends import AerBackend

pytest.importorskip("qiskit_aer")


def _small(backend):
    return QNNClassifier(
        n_qubits=2,
        n_layers=1,
        input_scale=1.0,  # learned ones cost circuits, and have no accuracy to lose here
        backend=backend,
        max_iter=25,
        learning_rate_init=0.2,
        random_state=0,
    )


def _expected(estimator):
    if not estimator.backend.sampled:
        return {}
    return {"check_classifiers_train": "it wants predict to be the argmax of another, noisy call"}


@parametrize_with_checks([_small(AerBackend())], expected_failed_checks=_expected)
def test_exact_aer_fails_none_of_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([_small(AerBackend(shots=512))], expected_failed_checks=_expected)
def test_sampled_aer_fails_one_of_scikit_learns_checks(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [_small(AerBackend(shots=512, gradient="adjoint"))], expected_failed_checks=_expected
)
def test_sampled_values_with_exact_gradients_fail_one_check(estimator, check):
    check(estimator)
