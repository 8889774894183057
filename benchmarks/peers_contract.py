"""What of scikit-learn's contract do QNN classifiers keep, ours and those of others?

Run: pip install squlearn, if it shall be tried; python benchmarks/peers_contract.py [--markdown]

Each is asked for what a pipeline, a search and a file need: clone, a pipeline with a scaler,
GridSearchCV, a pickle that predicts the same, labels that are words, sample weights, and how many
of scikit-learn's own estimator checks pass. Iris, 60 rows of two classes. Where a package is
missing its line says so.
"""

import argparse
import contextlib
import pickle
import platform
import warnings
from importlib.metadata import version

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

X, Y = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(X[20:80]), Y[20:80]


def ours():
    """Our own classifier, at its defaults."""
    from skqmu import QNNClassifier

    return QNNClassifier(random_state=0)


def vqc():
    """`VQC` of qiskit-machine-learning, with few steps of its optimizer."""
    from qiskit.circuit.library import real_amplitudes, zz_feature_map
    from qiskit_machine_learning.algorithms import VQC
    from qiskit_machine_learning.optimizers import COBYLA

    return VQC(
        feature_map=zz_feature_map(4, reps=1), ansatz=real_amplitudes(4, reps=1),
        optimizer=COBYLA(maxiter=5),
    )  # fmt: skip


def squlearn():
    """`QNNClassifier` of sQUlearn, with few steps of its optimizer."""
    from squlearn import Executor
    from squlearn.encoding_circuit import ChebyshevRx
    from squlearn.observables import SinglePauli
    from squlearn.optimizers import SLSQP
    from squlearn.qnn import QNNClassifier, SquaredLoss

    return QNNClassifier(
        ChebyshevRx(4, 1), SinglePauli(4, 0, op_str="Z"), Executor("qulacs"), SquaredLoss(),
        SLSQP(options={"maxiter": 2}),
    )  # fmt: skip


PEERS = {
    "skqmu": ("skqmu", ours),
    "qiskit-machine-learning `VQC`": ("qiskit-machine-learning", vqc),
    "sQUlearn `QNNClassifier`": ("squlearn", squlearn),
}


def fitted(make, y=Y, **options):
    """A model after `fit`, whatever `fit` returns."""
    model = make()
    model.fit(X, y, **options)
    return model


def same_after_pickle(make):
    """Whether a fitted model predicts the same after a pickle."""
    model = fitted(make)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X), model.predict(X))


def words(make):
    """Whether labels may be words."""
    names = np.array(["no", "yes"])[Y]
    assert set(fitted(make, names).predict(X)) <= set(names)


def checks(make):
    """How many of scikit-learn's checks pass, of those that apply."""
    results = check_estimator(make(), on_skip=None, on_fail=None)
    passed = sum(each["status"] == "passed" for each in results)
    return f"{passed} of {sum(each['status'] != 'skipped' for each in results)}"


QUESTIONS = {
    "clone": lambda make: clone(make()),
    "pipeline": lambda make: make_pipeline(StandardScaler(), make()).fit(X, Y).predict(X),
    "GridSearchCV": lambda make: (
        GridSearchCV(make_pipeline(StandardScaler(), make()), {}, cv=2, error_score="raise")
        .fit(X, Y)
        .predict(X)
    ),
    "pickle": same_after_pickle,
    "words as labels": words,
    "sample_weight": lambda make: fitted(make, sample_weight=np.ones(len(Y))),
    "predict_proba": lambda make: fitted(make).predict_proba(X),
    "estimator checks": checks,
}


def answer(question, make):
    """What came of one question: yes, a count, or the kind of error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            told = question(make)
        except Exception as error:  # whatever a peer raises is its answer
            return f"no ({type(error).__name__})"
    return told if isinstance(told, str) else "yes"


def main():
    """Print a line a classifier."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--markdown", action="store_true", help="as a table for docs/comparison.md")
    options = parser.parse_args()
    lines = [["", *QUESTIONS]]
    for name, (package, make) in PEERS.items():
        try:
            make()
        except ImportError:
            lines.append([f"{name} (not installed)", *["" for _ in QUESTIONS]])
            continue
        with contextlib.suppress(ImportError):  # a checkout that is not installed
            name = f"{name} {version(package)}"
        lines.append([name, *(answer(question, make) for question in QUESTIONS.values())])
    if options.markdown:
        lines.insert(1, ["---"] * len(lines[0]))
    for line in lines:
        print("| " + " | ".join(line) + " |" if options.markdown else "  ".join(line))
    print(f"\nscikit-learn {version('scikit-learn')}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
