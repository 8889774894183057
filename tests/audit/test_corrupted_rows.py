"""Who stands for a bad row that was never seen: held-out rows that were made bad alike.

This file looks inside: rows are drawn as an audit draws them, without its models.
"""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from skqmu.audit._scenarios import Table
from skqmu.datasets import make_memorisation

X, Y = make_memorisation(300, 2, label_noise=0, n_classes=3, random_state=0)


def drawn(text, seed, reference_size=0.0):
    table = Table(X, Y, None, None, None, 0.4, reference_size, {"bad": text})
    _, (scenario,) = table.draw(seed)
    return scenario, scenario.data


def confidence(model, rows, labels):
    proba = model.predict_proba(rows)
    return proba[np.arange(len(labels)), np.searchsorted(model.classes_, labels)]


@pytest.mark.parametrize("kind", ["label_flip", "feature_noise", "confusion"])
@pytest.mark.parametrize("known", [0.2, 1.0])
def test_models_without_the_forgotten_rows_cannot_tell_them_from_the_others(kind, known):
    """The null hypothesis: over draws, an attack on retrained models is as good as guessing."""
    areas, clean = [], []
    for seed in range(16):
        scenario, data = drawn(f"corrupt:{kind}:0.4:known={known}", seed)
        stays = ~scenario.forget
        model = KNeighborsClassifier(9).fit(data.X[stays], data.y[stays])
        members = confidence(model, data.X[scenario.members], data.y[scenario.members])
        unseen = data.X_test[scenario.nonmembers], data.y_test[scenario.nonmembers]
        for found, rows in ((areas, unseen), (clean, (data.truth.X_test, data.truth.y_test))):
            others = confidence(model, *rows)
            truth = np.repeat([1, 0], [len(members), len(others)])
            found.append(roc_auc_score(truth, np.concatenate([members, others])))
    error = np.std(areas, ddof=1) / np.sqrt(len(areas))
    assert abs(np.mean(areas) - 0.5) < 4 * error
    # clean rows would be told from bad ones by a model that has seen neither
    assert np.mean(clean) < (0.4 if kind == "feature_noise" else 0.3)


@pytest.mark.parametrize("kind", ["label_flip", "feature_noise", "confusion"])
def test_rows_are_bad_by_one_rule_with_streams_of_their_own(kind):
    scenario, data = drawn(f"corrupt:{kind}:0.3", 5, reference_size=0.2)
    truth = data.truth
    assert scenario.forget.sum() == truth.bad.sum()
    np.testing.assert_array_equal(scenario.forget, truth.bad)
    changed = (data.X_test != truth.X_test).any(axis=1) | (data.y_test != truth.y_test)
    assert truth.comparable[changed].all()
    touched = np.isin(truth.y_test, truth.affected)
    assert truth.comparable.sum() == pytest.approx(0.3 * touched.sum(), abs=1)
    assert truth.comparable[scenario.nonmembers].all()
    # of the reference rows bad ones alone, as many as there can be of each class
    known = {tuple(row) for row in X}
    if kind == "feature_noise":
        assert not known & {tuple(row) for row in data.X_reference}
    else:
        labels = dict(zip(map(tuple, X), Y, strict=True))
        right = np.array([labels[tuple(row)] for row in data.X_reference])
        assert (right != data.y_reference).all()
    assert len(data.y_reference) >= 0.5 * 0.2 * 120


def test_held_out_rows_of_few_are_bad_as_far_as_it_goes_and_it_is_said():
    """Of a class with one held-out row one is bad, and of the others no more."""
    train, test = np.arange(60, 300), np.arange(60)
    test = np.concatenate([test[Y[test] < 2], test[Y[test] == 2][:1]])
    rows = (X[train], Y[train], X[test], Y[test])
    _, (scenario,) = Table(*rows, None, 0.4, 0.0, {"bad": "corrupt:label_flip:0.3"}).draw(0)
    assert scenario.data.truth.bad.sum() == 72
    assert scenario.data.truth.comparable.sum() == 3
    assert any("is bad, for some class has too few" in note for note in scenario.notes)
