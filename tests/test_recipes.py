"""The recipes of CONTRIBUTING.md: each adds one, and the common checks find it."""

import sys
import warnings
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.tree import DecisionTreeClassifier

import skqmu.attacks
import skqmu.metrics
import skqmu.unlearning
from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.attacks import ThresholdAttack, all_attacks
from skqmu.exceptions import UnlearningWarning
from skqmu.metrics import make_privacy_scorer, privacy_scoring
from skqmu.training import Objective
from skqmu.unlearning import LoopStrategy, resolve_strategy
from skqmu.utils.estimator_checks import check_attack, unlearner_checks


@pytest.fixture
def recipe(monkeypatch, python_of):
    """A module that holds what the page's code makes."""
    written = ModuleType("written_by_a_contributor")
    monkeypatch.setitem(sys.modules, written.__name__, written)
    given = (LoopStrategy, Objective, ThresholdAttack, make_privacy_scorer)
    vars(written).update({each.__name__: each for each in given}, np=np)
    for code in python_of("CONTRIBUTING.md"):
        exec(compile(code, "CONTRIBUTING.md", "exec"), vars(written))
    return written


def exported(monkeypatch, package, value):
    """What the second file of a recipe does: the name stands in a package's ``__all__``."""
    monkeypatch.setattr(package, value.__name__, value, raising=False)
    monkeypatch.setattr(package, "__all__", [*package.__all__, value.__name__])


def test_a_mechanism_is_found_by_its_word_and_keeps_the_contract(recipe, monkeypatch):
    known = skqmu.unlearning.STRATEGIES
    assert "soften" not in known  # asked now: it looks once
    exported(monkeypatch, skqmu.unlearning, recipe.Soften)
    names = type(known)(known.package, known.base)
    assert names["soften"] is recipe.Soften
    assert isinstance(resolve_strategy(recipe.Soften()), recipe.Soften)
    clf = QNNClassifier(n_qubits=2, n_layers=1, max_iter=15, unlearning=recipe.Soften(max_iter=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, check in unlearner_checks(clf):
            if "exact" not in name:
                check()


def test_a_mechanism_softens(recipe):
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    clf = QNNClassifier(max_iter=40, random_state=0).fit(X, y)
    before = clf.predict_proba(X[:10])[:, 0].mean()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        clf.unlearn(X[:10], strategy=recipe.Soften(max_iter=20, guard=None))
    assert clf.predict_proba(X[:10])[:, 0].mean() < before


def test_an_attack_is_found_and_keeps_the_contract(recipe, monkeypatch):
    exported(monkeypatch, skqmu.attacks, recipe.MarginAttack)
    assert dict(all_attacks())["MarginAttack"] is recipe.MarginAttack
    check_attack(recipe.MarginAttack(DecisionTreeClassifier(), n_shadows=8))


def test_a_scorer_is_found_by_its_name(recipe, monkeypatch):
    known = skqmu.metrics.SCORERS
    name = "neg_confidence_left"
    monkeypatch.setattr(skqmu.metrics, name, recipe.neg_confidence_left, raising=False)
    monkeypatch.setattr(skqmu.metrics, "__all__", [*skqmu.metrics.__all__, name])
    names = type(known)(known.package, known.arguments)
    assert set(names) == {*known, name}
    assert names[name] is recipe.neg_confidence_left


def test_a_scorer_searches(recipe):
    X, y = load_iris(return_X_y=True)
    forget = np.arange(150) % 10 == 0
    search = GridSearchCV(
        UnlearningClassifier(DecisionTreeClassifier(random_state=0)),
        {"estimator__max_depth": [1, 3]},
        scoring=privacy_scoring("accuracy", left=recipe.neg_confidence_left),
        refit="left",
        cv=3,
    )
    search.fit(X, y, forget=forget)
    scores = search.cv_results_["mean_test_left"]
    assert np.isfinite(scores).all()
    assert (scores < 0).all()


def test_a_data_set_is_loaded_by_its_name_and_audited(monkeypatch):
    from sklearn.datasets import make_moons
    from sklearn.utils import Bunch

    from skqmu.datasets import EMBEDDED, load

    def moons():
        X, y = make_moons(60, noise=0.2, random_state=0)
        names = {"feature_names": ["a", "b"], "target_names": ["up", "down"]}
        return Bunch(X=X, y=y, **names, name="moons")

    monkeypatch.setitem(EMBEDDED, "moons", moons)
    assert load("moons").X.shape == (60, 2)
