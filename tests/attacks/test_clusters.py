"""Shadows, attacks, oracles and audits say the same on a cluster, which is sent its data once.

This file looks inside.
"""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.attacks import ShadowPool, all_attacks
from skqmu.audit import audit

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), np.arange(60) % 3
TREE = DecisionTreeClassifier(max_depth=3)


@pytest.fixture(scope="module")
def client():
    """Client of a cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def qnn():
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=4, random_state=0)


def ensembles(n_jobs=None):
    """What every kind of ensemble says of the rows."""
    forget = np.arange(60) < 6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that end at max_iter
        pool = ShadowPool(qnn(), n_shadows=6, n_jobs=n_jobs, random_state=0).fit(X, Y)
        asked = pool.query(X + 0.1).rows(slice(None))
        made = {"n_oracles": 3, "random_state": 0, "n_jobs": n_jobs}
        clf = UnlearningClassifier(qnn(), **made).fit(X, Y, forget=forget)
        sharded = ShardedClassifier(qnn(), n_shards=3, random_state=0, n_jobs=n_jobs).fit(X, Y)
    return {
        "shadows": pool.outputs().rows(slice(None)),
        "asked": asked,
        "oracles": np.stack([oracle.predict_proba(X) for oracle in clf.oracles_]),
        "shards": sharded.predict_proba(X),
    }


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_ensembles_say_the_same_on_two_workers(backend):
    with joblib.parallel_config(backend=backend):
        assert_same(ensembles(n_jobs=2), ensembles(n_jobs=1))


def test_ensembles_say_the_same_on_dask_workers(client):
    with joblib.parallel_config(backend="dask"):
        there = ensembles()
    assert_same(there, ensembles(n_jobs=1))


def test_a_cluster_is_sent_the_rows_once(client, monkeypatch):
    rows, sent = RNG.normal(size=(500, 4)), []
    scatter = client.scatter

    def watched(data, **how):
        sent.append(data)
        return scatter(data, **how)

    monkeypatch.setattr(client, "scatter", watched)
    with joblib.parallel_config(backend="dask"):
        pool = ShadowPool(TREE, n_shadows=8, random_state=0).fit(rows, np.arange(500) % 3)
        assert [data.shape for data in sent].count((500, 4)) == 1
        sent.clear()
        pool.query(rows + 0.1)
        assert [np.shape(data) for data in sent].count((500, 4)) == 1


def test_every_attack_and_an_audit_are_the_same_on_dask_workers(client):
    from skqmu.utils._attack_world import checked_scores, fitted_attack

    def everything():
        found = {}
        for name, attack in all_attacks():
            instance = attack(DecisionTreeClassifier())
            if "n_shadows" in instance.get_params(deep=False):
                instance.set_params(n_shadows=4)
            fitted, rows, labels = fitted_attack(instance, random_state=0)
            found[name] = [checked_scores(fitted, rows + move, labels) for move in (0, 0.01)]
        for repeats in (1, 3):
            asked = {"n_shadows": 4, "random_state": 0, "repeats": repeats}
            scenario = audit(TREE, X, Y, forget="fraction:0.2", **asked)["fraction:0.2"]
            gaps = [list(m["gaps"].items()) for m in scenario["models"] if "gaps" in m]
            found[f"audit, {repeats} repeats"] = gaps
        return found

    expected = everything()
    with joblib.parallel_config(backend="dask"):
        there = everything()
    assert there.keys() == expected.keys()
    for name, scores in expected.items():
        np.testing.assert_equal(there[name], scores, err_msg=name)


def test_ensembles_say_the_same_on_ray():
    pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    register_ray()
    with joblib.parallel_config(backend="ray", n_jobs=2):
        there = ensembles()
    assert_same(there, ensembles(n_jobs=1))
