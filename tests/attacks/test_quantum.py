"""The attacks on what they were built for: a quantum neural network that forgets."""

from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import (
    HybridQNNClassifier,
    QNNClassifier,
    ShardedClassifier,
    UnlearningClassifier,
)
from skqmu.attacks import (
    LabelOnlyAttack,
    LiRAAttack,
    QNNOutputAttack,
    RMIAAttack,
    ShotLeakageCurve,
    ThresholdAttack,
    UnlearningAttack,
)
from skqmu.backends import AerBackend
from skqmu.exceptions import NotATrainingSampleError, ThreatModelWarning
from skqmu.unlearning import GradientAscent

X, y = load_iris(return_X_y=True)
# one record of Iris comes twice: it cannot be a member and held out
_, first = np.unique(np.column_stack((X, y)), axis=0, return_index=True)
X, y = X[np.sort(first)], y[np.sort(first)]
MEMBERS = np.arange(len(y)) % 2 == 0


def network(**params):
    params = {"n_layers": 2, "max_iter": 15, "random_state": 0, **params}
    return make_pipeline(StandardScaler(), QNNClassifier(**params))


@pytest.fixture(scope="module")
def target():
    return network().fit(X[MEMBERS], y[MEMBERS])


@pytest.fixture(scope="module")
def lira(target):
    return LiRAAttack(target, n_shadows=8, random_state=0).fit(X, y)


def test_one_pool_of_quantum_shadows_serves_all_attacks(target, lira):
    pool = lira.shadow_pool_
    for attack in (
        ThresholdAttack(target),
        RMIAAttack(target),
        QNNOutputAttack(target, random_state=0),
        LabelOnlyAttack(target, n_queries=4, random_state=0),
    ):
        result = attack.fit(pool=pool).evaluate(X, y, MEMBERS, fprs=(0.1,))
        # 30 weights on 75 rows of Iris: nothing to memorise, nothing to find
        assert abs(result.auc - 0.5) < 0.2
        assert "QNNClassifier" in str(result)


def test_shadows_hold_no_training_row(lira):
    final = lira.shadow_pool_.model(0)[-1]
    content = lira.shadow_pool_._store.model(0)
    rows = lira.shadow_pool_.model(0)[0].transform(X)
    assert not any(row.tobytes() in content for row in rows)
    assert final.predict_proba(rows).shape == (len(y), 3)


def test_the_result_is_the_same_for_two_workers(target, lira):
    two = clone(lira).set_params(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(two.decision_function(X, y), lira.decision_function(X, y))


def test_the_member_record_guards_the_evaluation(target):
    attack = ThresholdAttack(target, n_shadows=0).fit(X, y)
    shifted = np.roll(MEMBERS, 1)
    with pytest.raises(ValueError, match="given as non-members are in the target's training set"):
        attack.evaluate(X, y, shifted)
    with pytest.raises(NotATrainingSampleError, match="never trained on"):
        attack.evaluate(X, y, MEMBERS | (np.arange(len(y)) < 9), fprs=(0.1,))


def test_unlearning_makes_an_attack_stale():
    target = network().fit(X[MEMBERS], y[MEMBERS])
    attack = ThresholdAttack(target, n_shadows=0).fit(X, y)
    final = target[-1]
    final.unlearn(target[:-1].transform(X[MEMBERS][:5]))
    with pytest.warns(ThreatModelWarning, match="fit the attack again"):
        attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    # forgotten records may be asked about as the members they were
    attack.fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))


@pytest.mark.slow
def test_shadows_trained_exactly_are_read_out_with_the_targets_shots(target, lira):
    from skqmu.backends import AerBackend

    sampled = make_pipeline(target[0], deepcopy(target[-1]))
    sampled.set_params(qnnclassifier__backend=AerBackend(shots=64))
    attack = LiRAAttack(sampled, n_shadows=8)
    curve = ShotLeakageCurve(attack, shots=(16, 4096)).fit(pool=lira.shadow_pool_)
    rows = np.arange(len(y)) < 60
    few, many = curve.evaluate(X[rows], y[rows], MEMBERS[rows], fprs=(0.1,)).points
    assert few.result.threat_model.shots == 16
    again = lira.shadow_pool_.asked_again(params={"qnnclassifier__backend": AerBackend(shots=16)})
    spread = np.abs(again.outputs().one(0) - lira.shadow_pool_.outputs().one(0)).max()
    # an expectation of 16 shots has a standard deviation of up to 1/4
    assert 0.01 < spread < 1
    assert many.budget == 4096


def test_the_unlearning_attack_lets_quantum_shadows_unlearn():
    target = network(unlearning=GradientAscent(max_iter=3, stop=None)).fit(X[MEMBERS], y[MEMBERS])
    forgotten = np.flatnonzero(MEMBERS)[:10]
    candidates = np.isin(np.arange(len(y)), np.concatenate((forgotten, forgotten + 1)))
    calls = []

    def ascend(model, rows, labels):
        calls.append(len(rows))
        model[-1].unlearn(model[:-1].transform(rows))
        return model

    ascend(target, X[forgotten], y[forgotten])
    attack = UnlearningAttack(target, unlearn=ascend, n_shadows=4, n_jobs=1, random_state=0)
    result = attack.fit(X, y, forget=candidates).evaluate_groups(X, y, MEMBERS, fprs=(0.1,))
    assert calls == [10] * 5
    assert result.forgotten.n_members == 10
    assert result.retained.n_members == MEMBERS.sum() - 10
    assert np.isfinite(result.records["auc"]).all()


# --- the shots behind an answer ------------------------------------------------------------

SMALL = {"n_layers": 1, "max_iter": 1, "random_state": 0}
EXACT, SAMPLED = "sees exact probabilities (1 query", "1 query a record, 64 shots per query"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: QNNClassifier(**SMALL), EXACT),
        (lambda: QNNClassifier(backend="aer", **SMALL), EXACT),
        (lambda: network(backend=AerBackend(shots=64), n_layers=1, max_iter=1), SAMPLED),
        (lambda: HybridQNNClassifier(backend=AerBackend(shots=64), max_iter=1), SAMPLED),
        # a dense core runs on no backend, whatever the parameter says
        (
            lambda: HybridQNNClassifier(core="dense", backend=AerBackend(shots=64), max_iter=1),
            EXACT,
        ),
        (lambda: ShardedClassifier(QNNClassifier(**SMALL), n_shards=2), EXACT),
    ],
    ids=["statevector", "aer", "shots in a pipeline", "hybrid", "dense core", "sharded"],
)
def test_the_threat_model_states_the_shots_of_the_backend_that_answers(make, says):
    target = make().fit(X[MEMBERS], y[MEMBERS])
    attack = ThresholdAttack(target, n_shadows=0).fit(X, y)
    assert says in str(attack.threat_model_)


def test_shots_that_change_after_fit_are_those_that_the_attack_meets():
    target = QNNClassifier(**SMALL).fit(X[MEMBERS], y[MEMBERS])
    target.set_params(backend=AerBackend(shots=64))
    attack = ThresholdAttack(target, n_shadows=0).fit(X, y)
    assert attack.threat_model_.shots == 64
    target = UnlearningClassifier(QNNClassifier(backend=AerBackend(shots=32), **SMALL))
    target.fit(X[MEMBERS], y[MEMBERS], forget=np.arange(MEMBERS.sum()) < 5)
    assert ThresholdAttack(target, n_shadows=0).fit(X, y).threat_model_.shots == 32


def test_a_sampled_model_that_states_no_shots_is_not_called_exact():
    class Sampled(QNNClassifier):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.non_deterministic = True
            return tags

        backend_ = property(lambda self: None)

    target = Sampled(**SMALL).fit(X[MEMBERS], y[MEMBERS])
    threat = ThresholdAttack(target, n_shadows=0).fit(X, y).threat_model_
    assert threat.shots == "unknown"
    assert "unknown number of shots per query" in str(threat)
    assert type(threat).from_dict(threat.to_dict()) == threat
