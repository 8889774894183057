"""Which model the command line audits: one that suits the data, and shows what an audit finds."""

from itertools import combinations

__all__ = ["MODELS", "auto_model", "make_model"]

#: in the order of the help
MODELS = ("features", "trained")
# wider data are reduced to so many principal components, one to a qubit
_MOST_FEATURES = 8


def auto_model(dataset):
    """Return which of the models suits a data set.

    Parameters
    ----------
    dataset : str
    """
    # pixels have one scale: no step before the model, which would keep what it learned of rows
    return "features" if dataset == "digits" else "trained"


def make_model(kind, n_features):
    """Return the model that is audited.

    Parameters
    ----------
    kind : {"features", "trained"}
        ``"features"``: amplitudes, a circuit that is drawn and never trained, ridge
        regression on all products of Z. It learns few rows by heart, and can forget exactly.
        ``"trained"``: standard scaling, then a QNN with trained weights on at most 8 features.
    n_features : int

    Returns
    -------
    classifier
    """
    from skqmu import QNNClassifier

    if kind == "features":
        n_qubits = max(2, (n_features - 1).bit_length())
        return QNNClassifier(
            encoding="amplitude",
            n_layers=2,
            observables=_products_of_z(n_qubits),
            trainable="head",
            head="ridge",
            alpha=1e-3,
        )
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [StandardScaler(), QNNClassifier()]
    if n_features > _MOST_FEATURES:
        # whitened: an angle wraps around, so components must not differ in their spread
        steps.insert(1, PCA(_MOST_FEATURES, whiten=True))
    return make_pipeline(*steps)


def _products_of_z(n_qubits):
    from qiskit.quantum_info import SparsePauliOp

    return [
        SparsePauliOp.from_sparse_list([("Z" * size, qubits, 1.0)], n_qubits)
        for size in range(1, n_qubits + 1)
        for qubits in combinations(range(n_qubits), size)
    ]
