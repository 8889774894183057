"""A leak beside the model: it survives unlearning in the classifier, and a refit ends it."""

import copy
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import skqmu
from skqmu.attacks import UpstreamAttack
from skqmu.exceptions import UnlearningWarning


def test_a_pca_gives_forgotten_rows_away_until_it_is_refitted():
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:600]
    X, y = X[rows] / 16, y[rows]
    trained, forget = np.arange(600) < 300, np.arange(600) < 60
    stays, judged = trained & ~forget, forget | ~trained
    qnn = skqmu.QNNClassifier(n_layers=1, max_iter=2, random_state=0)
    model = make_pipeline(PCA(64), qnn).fit(X[trained], y[trained])

    def interval(target):
        attack = UpstreamAttack(target, random_state=0).fit(X, y)
        return attack.evaluate(X[judged], y[judged], forget[judged], fprs=(0.1,)).auc_interval

    assert interval(model)[0] > 0.65
    warned, refitted = copy.deepcopy(model), copy.deepcopy(model)
    with pytest.warns(UnlearningWarning, match=r"pca \(PCA\)"):
        skqmu.unlearn(warned, X[forget])
    assert interval(warned)[0] > 0.65
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnlearningWarning)
        skqmu.unlearn(refitted, X[forget], X_retain=X[stays], y_retain=y[stays], upstream="refit")
    low, high = interval(refitted)
    assert low <= 0.5 <= high
