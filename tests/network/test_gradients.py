"""Derivatives through the whole network against finite differences of its outputs."""

import itertools

import numpy as np
import pytest

from skqmu.backends import StatevectorBackend
from skqmu.circuits import (
    PREPARING,
    ansatze,
    build_circuit,
    encodings,
    entanglements,
    z_observables,
    zz_observables,
)
from skqmu.network import (
    Dense,
    Network,
    OneVsRest,
    QuantumLayer,
    cross_entropy,
    cross_entropy_gradient,
    softmax,
)

# Five-point central differences: the error is of the order STEP^4, and rounding / STEP.
STEP = 2e-3
OFFSETS = STEP * np.array([-2.0, -1.0, 1.0, 2.0])
COEFFICIENTS = np.array([1.0, -8.0, 8.0, -1.0]) / (12 * STEP)


def quantum_layer(encoding, ansatz, entanglement, *, n_features, n_qubits, n_layers=1, **more):
    qnn = build_circuit(
        encoding,
        ansatz,
        n_features=n_features,
        n_qubits=n_qubits,
        n_layers=n_layers,
        entanglement=entanglement,
        **more,
    )
    observables = [*z_observables(n_qubits), *zz_observables(n_qubits)[:1]]
    return QuantumLayer(
        StatevectorBackend().compile(
            qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights
        )
    )


def network_of(encoding, ansatz, entanglement, n_classes, **sizes):
    layer = quantum_layer(encoding, ansatz, entanglement, **sizes)
    return Network([layer, Dense("head", layer.executable.n_outputs, n_classes)])


def problem(network, n_features, n_classes, n_rows=3, seed=0):
    rng = np.random.default_rng(seed)
    return (
        network.initial(rng) + 0.1 * rng.normal(size=network.layout.size),
        rng.uniform(0.2, 1.5, (n_rows, n_features)),
        rng.dirichlet(np.ones(n_classes), n_rows),
        rng.uniform(0.5, 2.0, n_rows),
    )


def derivatives(network, params, X, targets, weights, **options):
    logits, tape = network.forward(params, X)
    d_logits = cross_entropy_gradient(logits, targets, weights)
    return network.backward(tape, d_logits, need_inputs=True, **options)


def by_differences(network, params, X, targets, weights):
    """Derivatives of each row's loss by the parameters (B, P) and by its inputs (B, d)."""

    def losses(params, X):
        return weights * cross_entropy(network.logits(params, X), targets)

    d_params = np.empty((len(X), len(params)))
    for k, unit in enumerate(np.eye(len(params))):
        d_params[:, k] = COEFFICIENTS @ [losses(params + h * unit, X) for h in OFFSETS]
    d_inputs = np.empty(X.shape)
    for k, unit in enumerate(np.eye(X.shape[1])):
        d_inputs[:, k] = COEFFICIENTS @ [losses(params, X + h * unit) for h in OFFSETS]
    return d_params, d_inputs


def relative_error(value, expected):
    return np.linalg.norm(value - expected) / np.linalg.norm(expected)


def check(network, params, X, targets, weights):
    d_params, d_inputs = by_differences(network, params, X, targets, weights)
    total, inputs = derivatives(network, params, X, targets, weights)
    assert relative_error(total, d_params.sum(axis=0)) < 1e-6
    assert relative_error(inputs, d_inputs) < 1e-6
    per_sample, inputs = derivatives(network, params, X, targets, weights, per_sample=True)
    assert per_sample.shape == (len(X), network.layout.size)
    for mine, theirs in zip(per_sample, d_params, strict=True):
        assert relative_error(mine, theirs) < 1e-6
    assert relative_error(inputs, d_inputs) < 1e-6
    # the gradient of every group is met, not only that of the largest
    for part in network.layout.slices.values():
        if np.abs(d_params[:, part]).max() > 1e-6:
            assert relative_error(total[part], d_params[:, part].sum(axis=0)) < 1e-6


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("encoding", "ansatz", "entanglement"),
    # states, whose inputs have no free derivatives, are in tests/backends/test_states.py
    list(itertools.product(sorted({*encodings()} - {"state"}), ansatze(), entanglements())),
)
def test_gradients_of_every_design(encoding, ansatz, entanglement, n_classes):
    sizes = {"n_features": 3, "n_qubits": 3 if n_classes == 3 else 2}
    network = network_of(encoding, ansatz, entanglement, n_classes, **sizes)
    check(network, *problem(network, 3, n_classes))


@pytest.mark.parametrize("encoding", [e for e in encodings() if e not in PREPARING])
def test_gradients_with_layers_reuploading_and_folded_features(encoding):
    network = network_of(
        encoding,
        "strong",
        "ring",
        2,
        n_features=5,
        n_qubits=2,
        n_layers=2,
        reuploading=True,
    )
    check(network, *problem(network, 5, 2))


def test_gradients_through_classical_layers_before_and_after_the_circuit():
    layer = quantum_layer("angle", "strong", "ring", n_features=2, n_qubits=2)
    network = Network([Dense("front", 4, 2), layer, Dense("head", 3, 3)])
    check(network, *problem(network, 4, 3))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradients_of_one_vs_rest_heads(n_classes):
    layer = quantum_layer("angle", "strong", "ring", n_features=2, n_qubits=2)
    n_columns = 1 if n_classes == 2 else n_classes
    network = Network([layer, Dense("head", 3, n_columns), OneVsRest()])
    check(network, *problem(network, 2, n_classes))


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_the_classes_probabilities_move_at_each_others_expense(n_classes):
    network = network_of("angle", "strong", "ring", n_classes, n_features=3, n_qubits=3)
    params, X, _, _ = problem(network, 3, n_classes)
    logits, tape = network.forward(params, X)
    p = softmax(logits, axis=1)
    slopes = []
    for c in range(n_classes):
        d_logits = p[:, [c]] * (np.eye(n_classes)[c] - p)
        slopes.append(network.backward(tape, d_logits, per_sample=True)[0])
    slopes = np.array(slopes)
    assert np.abs(slopes).max() > 1e-3
    assert np.abs(slopes.sum(axis=0)).max() < 1e-14
    # and these are the derivatives of the probabilities
    k = int(np.abs(slopes).max(axis=(0, 1)).argmax())
    moved = [
        softmax(network.logits(params + h * np.eye(len(params))[k], X), axis=1) for h in OFFSETS
    ]
    expected = np.tensordot(COEFFICIENTS, moved, 1).T
    assert relative_error(slopes[:, :, k], expected) < 1e-6


def test_the_gradient_of_a_batch_is_the_sum_over_its_rows():
    network = network_of("angle_xyz", "rotations_cz", "full", 3, n_features=4, n_qubits=3)
    params, X, targets, weights = problem(network, 4, 3, n_rows=7)
    total, inputs = derivatives(network, params, X, targets, weights)
    alone = [
        derivatives(network, params, X[[i]], targets[[i]], weights[[i]]) for i in range(len(X))
    ]
    np.testing.assert_allclose(total, sum(a[0] for a in alone), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(inputs, np.concatenate([a[1] for a in alone]), rtol=1e-10)
