"""The call behind a report as data, and what runs it again."""

import sys
from inspect import Parameter, signature

from ..._identity import draws_secret_noise, rebuilt, recorded
from .._attacks import ATTACKS

__all__ = ["again", "arguments_again", "withholds_seeds"]

# What an audit hands to each of its attacks, or what changes no number.
_OF_THE_AUDIT = {"shadow_estimator", "memory", "n_jobs", "random_state", "verbose", "original"}


def withholds_seeds(plan):
    """Whether noise that must stay secret is drawn from this audit's seeds.

    Parameters
    ----------
    plan : Plan
    """
    return any(map(draws_secret_noise, (plan.estimator, *plan.mechanisms.values())))


def again(plan):
    """All that an audit was asked, as JSON: with the data it is carried out again.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict
    """
    table, withheld = plan.table, withholds_seeds(plan)
    arguments = {
        "estimator": recorded(plan.estimator),
        "forget": {
            "dict": [
                [name, asked if isinstance(asked, str) else _positions(asked)]
                for name, asked in table.requests.items()
            ]
        },
        "mechanisms": recorded(dict(plan.mechanisms)),
        "attacks": {"tuple": list(plan.attacks)},
        "random_state": {"withheld": "it draws noise that must stay secret"}
        if withheld
        else recorded(plan.entropy),
    }
    for name in ("n_shadows", "n_oracles", "level", "title", "repeats", "until", "max_seconds"):
        arguments[name] = recorded(getattr(plan, name))
    arguments["delta"] = plan.delta
    arguments["test_size"] = recorded(table.test_size)
    arguments["reference_size"] = recorded(table.reference_size)
    arguments["prefit"] = plan.fitted is not None
    arguments["sequential"] = plan.sequential
    arguments["curves"] = plan.curves
    arguments["train"] = None if table.train is None else _positions(table.train)
    return {
        "function": "skqmu.audit.audit",
        "arguments": arguments,
        "mechanisms": {name: _mechanism(each) for name, each in plan.mechanisms.items()},
        "attacks": {name: _attack(name, plan) for name in plan.attacks},
        "has_test_rows": table.X_test is not None,
        "code": _code(plan, withheld),
    }


def _code(plan, withheld):
    """Lines of Python that do the audit again; what they need stands in capitals."""
    given = ["X", "y", *(["X_test", "y_test"] if plan.table.X_test is not None else [])]
    given += ["random_state=SEED"] * withheld + ["fitted=MODEL"] * (plan.fitted is not None)
    return (
        "from skqmu.audit import AuditReport\n\n"
        'report = AuditReport.from_json("audit.json")\n'
        f"again = report.rerun({', '.join(given)})  # the same data, in the same order\n"
        "assert again.same_numbers(report)\n"
    )


def _positions(rows):
    return {"array": {"dtype": "<i8", "shape": [len(rows)], "items": rows.tolist()}}


def _mechanism(strategy):
    """All settings of a mechanism; those of a name are the defaults that it had at the time."""
    if not isinstance(strategy, str):
        return recorded(strategy)
    # looked up where it is loaded: this tower imports nothing of the other
    known = getattr(sys.modules.get("skqmu.unlearning"), "STRATEGIES", {})
    try:
        return recorded(known[strategy]()) if strategy in known else strategy
    except TypeError:  # it cannot do without settings
        return strategy


def _attack(name, plan):
    make, parameters = ATTACKS[name]
    taken = signature(make).parameters.values()
    settings = {
        p.name: p.default
        for p in taken
        if p.default is not Parameter.empty and p.name not in _OF_THE_AUDIT
    }
    settings.update(parameters, n_shadows=plan.n_shadows if make.needs_shadows else 0)
    return {
        "class": f"{make.__module__.partition('._')[0]}.{make.__name__}",
        "settings": {key: recorded(value) for key, value in settings.items()},
    }


def arguments_again(told, *, objects, trusted):
    """Keyword arguments for `audit` from what :func:`again` wrote.

    Parameters
    ----------
    told : dict
    objects, trusted : sequence
        See :meth:`skqmu.audit.AuditReport.rerun`.

    Returns
    -------
    dict
    """

    def made(record):
        return rebuilt(record, objects=objects, trusted=trusted)

    arguments = {name: made(record) for name, record in told["arguments"].items()}
    mechanisms = arguments["mechanisms"]
    for name, strategy in mechanisms.items():
        then = told["mechanisms"].get(name)
        # a name stands for defaults; those of the time are meant
        if isinstance(strategy, str) and isinstance(then, dict) and then != _mechanism(strategy):
            mechanisms[name] = made(then)
    return arguments
