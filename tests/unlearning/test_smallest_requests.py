"""Every strategy on the smallest batches and requests: it works, or says why not."""

import warnings
from copy import deepcopy

import numpy as np
import pytest
from sklearn.datasets import load_wine

from skqmu import QNNClassifier
from skqmu.unlearning import STRATEGIES


def models():
    X, y = load_wine(return_X_y=True)
    X = (X[::9, :3] - X[:, :3].mean(axis=0)) / X[:, :3].std(axis=0)
    y = y[::9]
    common = {"n_qubits": 2, "n_layers": 1, "max_iter": 1, "random_state": 0}
    one = QNNClassifier(batch_size=1, log_updates=True, **common).fit(X, y)
    solved = QNNClassifier(trainable="head", head="logistic", objective_noise=0.1, **common)
    two = QNNClassifier(batch_size=1, log_updates=True, **common).fit(X[[0, -1]], y[[0, -1]])
    return X, y, {"batches of one": one, "solved head": solved.fit(X, y), "two rows": two}


X, Y, MODELS = models()
# What must be refused, and what the refusal says of what the model lacks.
LACKING = {
    ("amnesiac", "solved head"): "update_log",
    ("certified_removal", "batches of one"): "objective_noise",
    ("certified_removal", "two rows"): "objective_noise",
    ("exact_downdate", "batches of one"): "cannot vouch",
    ("exact_downdate", "solved head"): "ridge head",
    ("exact_downdate", "two rows"): "cannot vouch",
    ("newton_step", "solved head"): "another loss",
    ("last_layer_refit", "solved head"): "dense last layer",
}


def lacks(clf, strategy):
    """Whether a model was fitted without what the strategy needs (any number but 0 will do)."""
    has = clf.get_params()
    return any(
        has.get(key) != value if isinstance(value, str | bool) else not has.get(key)
        for key, value in strategy.classifier_params.items()
    )


@pytest.mark.parametrize("n_forget", [1, -1], ids=["one row", "all but one"])
@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_batches_of_one_and_requests_of_one_row(name, model, n_forget):
    clf = deepcopy(MODELS[model])
    n = len(clf._fitted.members)
    n_forget = min(n_forget, n - 1) if n_forget > 0 else n - 1
    parameters = STRATEGIES[name]().get_params()
    small = {"batch_size": 1} if "batch_size" in parameters else {}
    strategy = STRATEGIES[name](**small)
    reference = {"X_reference": X[:6] + 0.01, "y_reference": Y[:6]} if "stop" in parameters else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if (name, model) in LACKING:
            with pytest.raises(ValueError, match=LACKING[name, model]):
                clf.unlearn(index=np.arange(n_forget), strategy=strategy, **reference)
            return
        try:
            clf.unlearn(index=np.arange(n_forget), strategy=strategy, **reference)
        except ValueError:
            assert lacks(clf, strategy)  # nothing else is a reason
            return
    assert np.isfinite(clf.predict_proba(X)).all()
    assert clf.unlearning_log_[-1]["n_forget"] == n_forget
