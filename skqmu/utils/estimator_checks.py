"""Our contracts as public check suites, to run on a class of one's own."""

from skqmu.utils._attack_checks import (
    attack_checks,
    check_attack,
    parametrize_with_attack_checks,
)
from skqmu.utils._backend_checks import (
    backend_checks,
    check_backend,
    parametrize_with_backend_checks,
)
from skqmu.utils._unlearner_checks import (
    check_unlearner,
    parametrize_with_unlearner_checks,
    unlearner_checks,
)

__all__ = [
    "attack_checks",
    "backend_checks",
    "check_attack",
    "check_backend",
    "check_unlearner",
    "parametrize_with_attack_checks",
    "parametrize_with_backend_checks",
    "parametrize_with_unlearner_checks",
    "unlearner_checks",
]
