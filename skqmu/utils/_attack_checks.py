"""The contract of attacks, as a public suite that any attack class can be held to."""

from sklearn.tree import DecisionTreeClassifier

from skqmu.utils import _attack_conventions, _attack_measures

__all__ = ["attack_checks", "check_attack", "parametrize_with_attack_checks"]


def _as_instance(attack):
    if not isinstance(attack, type):
        return attack
    instance = attack(DecisionTreeClassifier())
    small = {"n_shadows": 8}
    names = instance.get_params(deep=False)
    return instance.set_params(**{k: v for k, v in small.items() if k in names})


def attack_checks(attack):
    """Yield the checks for one attack.

    Parameters
    ----------
    attack : attack instance or class
        Its target is replaced by those of the checks; a class is used with its defaults
        and 8 shadows.

    Yields
    ------
    name : str
    check : callable without arguments
        Raises :class:`AssertionError` when the attack breaks that part of the contract.

    Examples
    --------
    >>> from skqmu.attacks import LiRAAttack
    >>> from skqmu.utils.estimator_checks import attack_checks
    >>> "check_pickle" in dict(attack_checks(LiRAAttack))
    True
    """
    for module in (_attack_conventions, _attack_measures):
        for name in module.__all__:
            yield name, _Check(getattr(module, name), attack)


class _Check:
    """One check, made ready to run."""

    def __init__(self, function, attack):
        self.function, self.attack = function, attack
        self.__doc__ = function.__doc__

    def __call__(self):
        self.function(_as_instance(self.attack))


def check_attack(attack):
    """Hold an attack to the contract of all attacks.

    scikit-learn's conventions (parameters, clone, pickle, repr, errors), the target never
    refitted or changed, the same scores for every seed, number of workers and joblib
    backend, global generators untouched, any labels and numbers of classes, records
    outside the pool, probabilities of exactly 0 and 1, a threat model with every result.

    Parameters
    ----------
    attack : attack instance or class
        An instance keeps its parameters, but for the target.

    Raises
    ------
    AssertionError
        Names the first check that failed.

    Examples
    --------
    >>> from skqmu.attacks import ThresholdAttack
    >>> from skqmu.utils.estimator_checks import check_attack
    >>> check_attack(ThresholdAttack)
    """
    for name, check in attack_checks(attack):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def parametrize_with_attack_checks(attacks):
    """Return a pytest decorator that runs every check on every attack as a test of its own.

    Parameters
    ----------
    attacks : iterable of attack instances or classes

    Returns
    -------
    pytest.mark.parametrize
        For a test function with one argument, ``check``.

    Examples
    --------
    >>> from skqmu.attacks import LiRAAttack
    >>> from skqmu.utils.estimator_checks import parametrize_with_attack_checks
    >>> @parametrize_with_attack_checks([LiRAAttack])
    ... def test_attack(check):
    ...     check()
    """
    import pytest

    cases = [
        pytest.param(check, id=f"{_name(attack)}-{name}")
        for attack in attacks
        for name, check in attack_checks(attack)
    ]
    return pytest.mark.parametrize("check", cases)


def _name(attack):
    return attack.__name__ if isinstance(attack, type) else type(attack).__name__
