"""Names come from what a package exports; looks at the one mechanism for it.

This file looks inside.
"""

import sys
import types

import pytest

from skqmu import unlearning
from skqmu._registry import NamedClasses, NamedFunctions, exported, snake_case
from skqmu.unlearning import STRATEGIES, LoopStrategy, UnlearningStrategy, resolve_strategy


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("SCRUB", "scrub"),
        ("LastLayersFineTune", "last_layers_fine_tune"),
        ("NegGradPlus", "neg_grad_plus"),
        ("Retrain", "retrain"),
    ],
)
def test_a_name_is_the_class_s_in_snake_case(name, word):
    assert snake_case(name) == word


def test_the_strategies_are_the_concrete_ones_that_are_exported():
    exported = [getattr(unlearning, name) for name in unlearning.__all__]
    concrete = {
        each for each in exported if isinstance(each, type) and issubclass(each, UnlearningStrategy)
    } - {UnlearningStrategy, LoopStrategy}
    assert set(STRATEGIES.values()) == concrete
    assert STRATEGIES["scrub"] is unlearning.SCRUB
    with pytest.raises(ValueError, match="Did you mean 'fine_tune'"):
        resolve_strategy("fine_tunes")


def test_a_class_is_there_once_its_package_exports_it(monkeypatch):
    class Mine(unlearning.FineTune):
        pass

    package = types.ModuleType("a_package_of_mechanisms")
    package.Mine, package.helper, package.Base = Mine, len, UnlearningStrategy
    package.__all__ = ["Base", "Mine", "helper"]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    named = NamedClasses(package.__name__, UnlearningStrategy)
    assert dict(named) == {"mine": Mine}
    assert repr(named) == "NamedClasses(mine)"
    assert list(NamedClasses(package.__name__, UnlearningStrategy, ending="ine")) == ["m"]
    assert exported(package.__name__, callable).keys() == {"Base", "Mine", "helper"}
    assert len(named) == 1
    assert "base" not in named


def test_functions_are_there_by_the_way_that_they_are_called(monkeypatch):
    class Called:
        def __call__(self, model, X, **options):
            return X

    package = types.ModuleType("a_package_of_functions")
    package.plain = lambda model, X, *, scale=1: X
    package.other = lambda model, rows: rows
    package.longer = lambda model, X, y: y
    package.called, package.number = Called(), 3
    package.Called = Called
    package.__all__ = ["Called", "called", "longer", "number", "other", "plain"]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    named = NamedFunctions(package.__name__, ("model", "X"))
    assert dict(named) == {"called": package.called, "plain": package.plain}


def test_one_word_for_two_things_is_refused(monkeypatch):
    class Mine(unlearning.FineTune):
        pass

    package = types.ModuleType("a_package_that_repeats_itself")
    package.Mine, package.MINE = Mine, Mine
    package.__all__ = ["MINE", "Mine"]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    with pytest.raises(ValueError, match="two things that are called 'mine'"):
        len(NamedClasses(package.__name__, UnlearningStrategy))
