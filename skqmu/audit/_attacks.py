"""The attacks that an audit can make, by name: what the room of attacks exports for it."""

from inspect import isabstract, isclass

from .._registry import NamedExports, snake_case

__all__ = ["ATTACKS", "AuditAttacks", "asks_about_pool", "fit_attack", "needs_shadows"]


class AuditAttacks(NamedExports):
    """Exported attacks with ``for_audit``, each under its own words.

    A class says them as ``audit_names``, ``{word: parameters}``; ``{}`` keeps it out of audits.
    A subclass does not take over its parent's words: what says nothing has one, its name in snake
    case (``MarginAttack`` is ``"margin"``), and its defaults.
    """

    def _is_wanted(self, value):
        return isclass(value) and not isabstract(value) and hasattr(value, "for_audit")

    def _entries(self, name, value):
        word = snake_case(name.removesuffix("Attack"))
        names = vars(value).get("audit_names", {word: {}})
        return {word: (value, parameters) for word, parameters in names.items()}


#: word -> (class, parameters)
ATTACKS = AuditAttacks("skqmu.attacks")


def needs_shadows(names):
    """Whether any of these attacks learns from shadow models."""
    return any(ATTACKS[name][0].needs_shadows for name in names)


def asks_about_pool(name):
    """Whether this attack asks each target about all rows of the pool once more."""
    return ATTACKS[name][0].uses_population


def fit_attack(name, case):
    """Fit a fresh attack against one model.

    Parameters
    ----------
    name : str
    case : AttackCase
    """
    make, parameters = ATTACKS[name]
    return make.for_audit(case, **parameters)
