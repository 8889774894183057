"""Many deletion requests at once: each ends as its own `unlearn` would have left it.

This file looks inside.
"""

import copy
import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier
from skqmu import _fit_many as protocol
from skqmu._fit_many import unlearns_many
from skqmu.attacks import UnlearningAttack
from skqmu.backends import AerBackend
from skqmu.exceptions import NotATrainingSampleError
from skqmu.network import Network
from skqmu.training import TrainingRun
from skqmu.unlearning import SCRUB, FineTune, NegGradPlus

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] + 0.3 * RNG.normal(size=60) > 0).astype(int) + (X[:, 1] > 0.8)


def qnn(seed=0, **params):
    fixed = {"n_qubits": 2, "n_layers": 1, "max_iter": 8, "random_state": seed}
    return QNNClassifier(**{**fixed, **params})


def rows_of(seed):
    return np.random.default_rng((seed, 5)).permutation(60)[:40]


def fitted(n, **params):
    return [qnn(seed, **params).fit(X[rows_of(seed)], Y[rows_of(seed)]) for seed in range(n)]


def forgotten(n):
    parts = [rows_of(seed)[: 4 + seed % 2] for seed in range(n)]
    return [X[part] for part in parts], [Y[part] for part in parts]


def without_seconds(value):
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if "seconds" not in k}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


def assert_same(one, other):
    np.testing.assert_allclose(one.params_, other.params_, rtol=0, atol=1e-9)
    ours, theirs = (each.unlearning_log_[-1] for each in (one, other))
    for name in ("status", "n_epochs", "n_steps", "stop_reason", "cost", "n_forget", "n_retain"):
        assert without_seconds(ours[name]) == without_seconds(theirs[name]), name
    assert one.is_member(X).tolist() == other.is_member(X).tolist()


STRATEGIES = [
    "retrain",
    FineTune(max_iter=4),
    NegGradPlus(max_iter=4),
    SCRUB(max_iter=3),
    "gradient_ascent",
    "fisher_forgetting",
]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_each_request_is_that_of_the_model_alone(strategy):
    many = fitted(4)
    alone = copy.deepcopy(many)
    Xs, ys = forgotten(4)
    assert QNNClassifier.unlearn_many(many, Xs, ys, strategy=strategy) == {}
    for model, own, labels in zip(alone, Xs, ys, strict=True):
        model.unlearn(own, labels, strategy=strategy)
    for one, other in zip(many, alone, strict=True):
        assert_same(one, other)


def test_what_is_trained_is_really_trained_side_by_side(monkeypatch):
    leads, forward = [], Network.forward

    def watched(self, params, *arguments, **layers):
        leads.append(params.shape[:-1])
        return forward(self, params, *arguments, **layers)

    models = fitted(4)
    monkeypatch.setattr(Network, "forward", watched)
    Xs, ys = forgotten(4)
    Xs, ys = [own[:4] for own in Xs], [own[:4] for own in ys]
    QNNClassifier.unlearn_many(models, Xs, ys, strategy="retrain")
    assert leads.count((4,)) == 8


def test_one_that_fails_is_told_by_its_number_and_touches_no_other():
    many = fitted(3)
    alone = copy.deepcopy(many)
    Xs, ys = forgotten(3)
    Xs[1] = Xs[1] + 5.0
    failures = QNNClassifier.unlearn_many(many, Xs, ys, strategy="fine_tune")
    assert list(failures) == [1]
    assert isinstance(failures[1], NotATrainingSampleError)
    np.testing.assert_array_equal(many[1].params_, alone[1].params_)
    for k in (0, 2):
        assert_same(many[k], alone[k].unlearn(Xs[k], ys[k], strategy="fine_tune"))


@pytest.mark.parametrize("step", [1, 9])
def test_ctrl_c_leaves_every_model_whole(monkeypatch, step):
    advance, steps = TrainingRun.advance, []

    def counted(self, *args):
        steps.append(1)
        if len(steps) == step:
            raise KeyboardInterrupt
        return advance(self, *args)

    many = fitted(3)
    before = [model.params_.copy() for model in many]
    Xs, ys = forgotten(3)
    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "advance", counted)
        with pytest.raises(KeyboardInterrupt):
            QNNClassifier.unlearn_many(many, Xs, ys, strategy="fine_tune")
    for model, params in zip(many, before, strict=True):
        np.testing.assert_array_equal(model.params_, params)
        assert [entry["status"] for entry in model.unlearning_log_] == ["interrupted"]
    assert QNNClassifier.unlearn_many(many, Xs, ys, strategy="fine_tune") == {}


def test_sampled_models_have_noise_of_their_own_each():
    backend = AerBackend(shots=16, seed=5)
    many = fitted(2, backend=backend, max_iter=1)
    alone = copy.deepcopy(many)
    Xs, ys = forgotten(2)
    asked = {"strategy": FineTune(max_iter=1)}
    assert QNNClassifier.unlearn_many(many, Xs, ys, **asked) == {}
    for one, other, own, labels in zip(many, alone, Xs, ys, strict=True):
        np.testing.assert_array_equal(one.params_, other.unlearn(own, labels, **asked).params_)


def test_the_same_model_twice_is_refused():
    (model,) = fitted(1)
    with pytest.raises(ValueError, match="estimators 0 and 1 are the same object"):
        QNNClassifier.unlearn_many([model, model], [X[:1]] * 2, [Y[:1]] * 2)
    assert QNNClassifier.unlearn_many([], [], []) == {}


class Own(QNNClassifier):
    """Has an `unlearn` of its own."""

    def unlearn(self, X_forget=None, y_forget=None, **request):
        return super().unlearn(X_forget, y_forget, strategy="fine_tune")


def test_who_has_an_unlearn_of_their_own_is_asked_by_that():
    assert unlearns_many(qnn())
    assert unlearns_many(make_pipeline(StandardScaler(), qnn()))
    assert not unlearns_many(Own())


@pytest.mark.parametrize("steps", [(), (StandardScaler(),)], ids=["plain", "pipeline"])
def test_shadows_that_forget_are_those_that_forget_one_by_one(steps, monkeypatch):
    model = make_pipeline(*steps, qnn(max_iter=4, unlearning=FineTune(max_iter=3)))
    candidates = np.arange(60) < 12

    def attacked():
        target = copy.deepcopy(model).fit(X[:40], Y[:40])
        attack = UnlearningAttack(target, n_shadows=4, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return attack.fit(X, Y, forget=candidates).shadow_pool_

    pool = attacked()
    monkeypatch.setattr(protocol, "_protocol", lambda *_: None)
    plain = attacked()
    for before in (True, False):
        one, other = (each.outputs(before=before).rows(slice(None)) for each in (pool, plain))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
    assert (np.abs(one - pool.outputs(before=True).rows(slice(None))) > 1e-6).any()
