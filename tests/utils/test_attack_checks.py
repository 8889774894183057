"""Every attack keeps the contract; a class that breaks it is caught."""

import numpy as np
import pytest

from skqmu.attacks import LiRAAttack, ThresholdAttack, all_attacks
from skqmu.utils.estimator_checks import (
    attack_checks,
    check_attack,
    parametrize_with_attack_checks,
)


@parametrize_with_attack_checks([attack for _, attack in all_attacks()])
def test_every_attack_keeps_the_contract(check):
    check()


# --- the suite itself can fail ----------------------------------------------------------


class RefitsItsTarget(ThresholdAttack):
    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        super().fit(X_pool, y_pool, pool=pool)
        self.target.fit(X_pool, y_pool)
        return self


class UsesTheGlobalGenerator(ThresholdAttack):
    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        np.random.random()  # noqa: NPY002
        return super().fit(X_pool, y_pool, pool=pool)


class LooksAtThePlaceOfARecord(ThresholdAttack):
    def _score(self, X, y, labels):
        return super()._score(X, y, labels) + np.arange(len(y))


class ChangesAParameter(ThresholdAttack):
    def __init__(self, target, shadow_estimator=None, *, n_shadows=8):
        super().__init__(target, shadow_estimator, n_shadows=(n_shadows,))


class ReturnsNaN(ThresholdAttack):
    def _score(self, X, y, labels):
        return np.full(len(y), np.nan)


class IsReversedInItsProbabilities(LiRAAttack):
    def predict_proba(self, X, y):
        return super().predict_proba(X, y)[:, ::-1]


class HidesItsThreatModel(LiRAAttack):
    def _finish_fit(self, labels, **facts):
        return super()._finish_fit(labels, **{**facts, "knows_members": True})


@pytest.mark.parametrize(
    ("mutant", "caught_by"),
    [
        (RefitsItsTarget, "check_target_is_never_changed"),
        (UsesTheGlobalGenerator, "check_global_generators_untouched"),
        (LooksAtThePlaceOfARecord, "check_rows_are_independent"),
        (ChangesAParameter, "check_init_only_assigns"),
        (ReturnsNaN, "check_extreme_probabilities"),
        (IsReversedInItsProbabilities, "check_outputs"),
        (HidesItsThreatModel, "check_threat_model"),
    ],
)
def test_an_attack_that_breaks_the_contract_is_caught(mutant, caught_by):
    with pytest.raises(AssertionError):
        dict(attack_checks(mutant))[caught_by]()


def test_check_attack_names_the_check_that_failed():
    with pytest.raises(AssertionError, match=r"^check_\w+: AssertionError: scores are not finite"):
        check_attack(ReturnsNaN)
