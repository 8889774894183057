"""Our contracts as public check suites, to run on a class of one's own."""

from skqmu.utils._attack_checks import (
    attack_checks,
    check_attack,
    parametrize_with_attack_checks,
)

__all__ = ["attack_checks", "check_attack", "parametrize_with_attack_checks"]
