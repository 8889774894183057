"""What a stated epsilon leaves an attack to find."""

import numpy as np
import pytest

from skqmu.metrics import attack_limits


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (1.0, 1e-5), (3.0, 0.1), (0.0, 0.3)])
def test_attack_limits_are_the_corner_and_the_area_of_the_border(epsilon, delta):
    fpr = np.linspace(0, 1, 200_001)
    mirror = 1 - np.exp(-epsilon) * (1 - delta - fpr)
    tpr = np.minimum(np.minimum(np.exp(epsilon) * fpr + delta, mirror), 1)
    limits = attack_limits(epsilon, delta)
    assert limits["advantage"] == pytest.approx((tpr - fpr).max(), abs=1e-4)
    assert limits["auc"] == pytest.approx(np.trapezoid(tpr, fpr), abs=1e-6)


def test_attack_limits_stay_limits_at_the_ends():
    assert attack_limits(800.0) == {"auc": 1.0, "advantage": 1.0}
    for wrong in ((-1.0, 0.1), (float("nan"), 0.1), (1.0, 1.5)):
        with pytest.raises(ValueError, match=r"epsilon=|delta="):
            attack_limits(*wrong)
