"""What an audit will do, checked before anything is trained."""

import numbers
import re
from dataclasses import dataclass, replace

import numpy as np

from .._fit_many import last_step
from ..attacks.tools import adapted, entropy_from, shadow_template
from ._attacks import needs_shadows
from ._audit_rows import Data
from ._checked_settings import (
    check_attacks,
    check_count,
    check_delta,
    check_estimator,
    check_level,
    check_memory,
    check_n_jobs,
    check_title,
    estimator_facts,
    name_of,
)
from ._checked_tables import checked_ids, checked_tables
from ._corrupted_rows import worlds_of
from ._epochs import check_curves
from ._first_attack import check_first_attack, first_attack
from ._kept_models import folder_of_audits
from ._models import can_unlearn, is_default, strategy_label, takes_strategy
from ._prefit import check_against_record, check_prefit, training_rows
from ._rehearsal import able_plan
from ._scenarios import Table, named_requests, repeat_entropy
from ._sequence import check_sequential
from .report import check_key, keyed_ids, new_key

__all__ = ["AuditSettings", "Plan", "make_plan"]

# repeats of an audit until it is decided: at most, and before the first look; fewer than four
# leave a t-interval three times as wide as it will be
_MOST_REPEATS = 32
_FIRST_LOOK = 4
DEFAULT_MECHANISMS = ("retrain", "gradient_ascent", "label_complement")


@dataclass(frozen=True)
class AuditSettings:
    """What an audit is asked to do, as the caller said it: nothing is checked yet.

    The fields are the parameters of :func:`skqmu.audit` of the same names.
    """

    forget: object
    mechanisms: object
    attacks: object
    n_shadows: int
    n_oracles: int
    test_size: float
    reference_size: object
    n_jobs: int | None
    random_state: object
    level: float
    title: str | None
    memory: object
    repeats: object
    until: str | None
    max_seconds: float | None
    delta: float
    digest_key: bytes | None = None
    prefit: bool = False
    train: object = None
    ids: object = None
    sequential: object = False
    curves: object = False


@dataclass(frozen=True)
class Plan:
    """Everything that decides an audit's numbers.

    Attributes
    ----------
    estimator : classifier
        Unfitted template.
    data : Data
    scenarios : list of Scenario
    mechanisms : dict of str to strategy
    attacks : tuple of str
    n_shadows, n_oracles : int
    n_jobs : int or None
    entropy : int
        All seeds are spawned from it.
    level : float
    title : str or None
    memory : pathlib.Path or None
        Where models are kept as they are finished.
    table : Table
        What the rows of each repeat are drawn from.
    repeats : int
        At most.
    until : {"decided", None}
    max_seconds : float or None
    delta : float
    digest_key : bytes
        Of the digests in the report, which does not hold it.
    has_own_key : bool
        Whether the caller gave it.
    fitted : fitted classifier or None
        The original, where it was handed over.
    keyed_ids : ndarray of bytes or None
        For each row of the table, a digest of whose it is: no id stays with the plan.
    curves : bool
        Whether each mechanism's run is measured at each epoch.
    """

    estimator: object
    data: Data
    scenarios: list
    mechanisms: dict
    attacks: tuple
    n_shadows: int
    n_oracles: int
    n_jobs: int | None
    entropy: int
    level: float
    title: str | None
    memory: object
    table: Table
    repeats: int
    until: str | None
    max_seconds: float | None
    delta: float
    digest_key: bytes
    has_own_key: bool
    fitted: object = None
    keyed_ids: np.ndarray | None = None
    curves: bool = False

    @property
    def sequential(self):
        """Whether the requests come one after another to the same model."""
        return self.table.sequential

    @property
    def n_together(self):
        """How many requests one statement is about, and share the error of their verdicts."""
        return len(self.table.requests) if self.sequential else 1

    def with_exposure(self, listener):
        """Return the plan with the rows that a first attack finds best, or worst, where asked for.

        Its shadows are trained on all rows, with seeds of their own: neither the models that are
        audited nor the attacks on them share any.

        Parameters
        ----------
        listener : callable
            Told ``(stage, done, total)``.
        """
        if not self.table.needs_exposure:
            return self
        table = replace(self.table, exposure=first_attack(self, listener))
        data, scenarios = table.draw(self.entropy)
        table.check_repeats(self.entropy, self.repeats, (data, scenarios))
        return replace(self, table=table, data=data, scenarios=scenarios)

    def repeat(self, r):
        """Return the plan of one repeat, which one worker carries out.

        Parameters
        ----------
        r : int
            From 0.
        """
        data, scenarios = self.table.draw_repeat(self.entropy, r)
        entropy = repeat_entropy(self.entropy, r)
        curves = self.curves and r == 0  # what is shown is the first repeat's
        return replace(
            self, data=data, scenarios=scenarios, entropy=entropy, n_jobs=1, curves=curves
        )

    def looks(self):
        """Return after how many repeats the verdicts are looked at, the last one at the end."""
        if self.until is None:
            return [self.repeats]
        looks, n = [], min(_FIRST_LOOK, self.repeats)
        while n < self.repeats:
            looks.append(n)
            n *= 2
        return [*looks, self.repeats]

    @property
    def n_classes(self):
        """Number of classes among the training rows."""
        return len(np.unique(self.data.y))

    @property
    def estimator_facts(self):
        """Name of the estimator, its settings on one line, and in full; no credentials."""
        return estimator_facts(self.estimator)

    def steps(self):
        """Return how many models will be trained, by purpose."""
        worlds = worlds_of(self)
        shadows = self.n_shadows if needs_shadows(self.attacks) else 0
        first = {"first attack": self.n_shadows} if self.table.needs_exposure else {}
        of_a_repeat = {
            "original": len(worlds) * (self.fitted is None),
            "oracles": self.n_oracles * len(self.scenarios),
            "mechanism runs": len(self.mechanisms) * len(self.scenarios),
            "shadows": shadows * len(worlds),
            "attacks": len(self.attacks)
            * len(self.scenarios)
            * (1 + self.n_oracles + len(self.mechanisms)),
        }
        # of the first repeat alone, as all that is beside the verdicts
        clean = sum(len(kinds) for _, kinds in worlds.values()) * self.n_oracles
        first |= {"models without the damage": clean} if clean else {}
        counts = {purpose: n * self.repeats for purpose, n in of_a_repeat.items()} | first
        if self.sequential and can_unlearn(self.estimator):
            # of those that say that the order does not matter, in the first repeat
            orders = len(self.mechanisms) * (len(self.scenarios) + 1)
            counts["runs in another order, and at once (at most)"] = orders
        return counts


def make_plan(estimator, X, y, X_test, y_test, settings):
    """Check everything that can be checked without training; see :func:`skqmu.audit`.

    Parameters
    ----------
    estimator : classifier
    X, y, X_test, y_test : array-like
        The test rows may be None.
    settings : AuditSettings

    Returns
    -------
    Plan
    """
    estimator = adapted(estimator)
    check_estimator(estimator)
    fitted = check_prefit(
        estimator, settings.prefit, settings.train, settings.repeats, settings.until
    )
    repeats = _repeats(settings)
    _check_simple(settings, repeats)
    attacks = check_attacks(settings.attacks, settings.n_shadows)
    mechanisms = _check_mechanisms(settings.mechanisms, estimator)
    check_curves(settings.curves, estimator)
    X, y, X_test, y_test = checked_tables(X, y, X_test, y_test, estimator)
    ids, key = checked_ids(settings.ids, len(y)), settings.digest_key or new_key()
    requests = named_requests(settings.forget, X, y, ids, again=settings.sequential is True)
    check_sequential(settings.sequential, requests)
    table = Table(
        *(X, y, X_test, y_test),
        train=None if fitted is None else training_rows(settings.train, len(y), X_test),
        test_size=settings.test_size,
        reference_size=_reference_size(settings.reference_size, estimator),
        requests=requests,
        sequential=settings.sequential,
    )
    check_first_attack(table, settings.n_shadows)
    entropy = entropy_from(settings.random_state)
    data, scenarios = table.draw(entropy)
    if fitted is not None:
        check_against_record(fitted, data, scenarios)
    table.check_repeats(entropy, repeats, (data, scenarios))
    plan = Plan(
        estimator=shadow_template(estimator),
        data=data,
        scenarios=scenarios,
        mechanisms=mechanisms,
        attacks=attacks,
        n_shadows=settings.n_shadows,
        n_oracles=settings.n_oracles,
        n_jobs=settings.n_jobs,
        entropy=entropy,
        level=float(settings.level),
        title=settings.title,
        memory=folder_of_audits(settings.memory),
        table=table,
        repeats=repeats,
        until=settings.until,
        max_seconds=settings.max_seconds,
        delta=float(settings.delta),
        digest_key=key,
        has_own_key=settings.digest_key is not None,
        fitted=fitted,
        keyed_ids=keyed_ids(ids, key),
        curves=settings.curves,
    )
    return able_plan(plan, was_asked=settings.mechanisms is not None)


def _check_simple(settings, repeats):
    """Check what says by itself whether it can be."""
    fewest = "every figure stands beside retrained models"
    check_count("n_oracles", settings.n_oracles, 1, fewest)
    if repeats > 1:
        why = "with repeats, how far retrained models lie apart is a measure of its own"
        check_count("n_oracles", settings.n_oracles, 2, why)
    check_level(settings.level)
    check_delta(settings.delta)
    check_key(settings.digest_key)
    check_n_jobs(settings.n_jobs)
    check_memory(settings.memory, settings.random_state)
    check_title(settings.title)


def _repeats(settings):
    """Return how many repeats there are at most, and check what ends them earlier."""
    if settings.until not in (None, "decided"):
        raise ValueError(f"until={settings.until!r} must be None or 'decided'.")
    seconds = settings.max_seconds
    if seconds is not None:
        if settings.until is None:
            raise ValueError(
                f"max_seconds={seconds!r} belongs to until='decided'; without it the number of "
                "repeats says how long an audit takes."
            )
        if not isinstance(seconds, numbers.Real) or isinstance(seconds, bool) or not seconds > 0:
            raise ValueError(f"max_seconds={seconds!r} must be a positive number or None.")
    if settings.repeats == "auto":
        return 1 if settings.until is None else _MOST_REPEATS
    least = 1 if settings.until is None else 2
    check_count("repeats", settings.repeats, least, "a number of independent originals")
    return int(settings.repeats)


def _check_mechanisms(mechanisms, estimator):
    able = can_unlearn(estimator)
    if mechanisms is None:
        mechanisms = _default_mechanisms(estimator)
    if isinstance(mechanisms, str) or not hasattr(mechanisms, "__iter__"):
        mechanisms = (mechanisms,)
    if not isinstance(mechanisms, dict):
        named = [(strategy_label(strategy), strategy) for strategy in mechanisms]
        if len({name for name, _ in named}) < len(named):
            raise ValueError(
                f"mechanisms={[name for name, _ in named]} names one mechanism twice; a dict "
                "{name: strategy} tells variants apart."
            )
        mechanisms = dict(named)
    for name in mechanisms:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"a mechanism cannot be called {name!r}: its name must be a text.")
        if name == "original" or re.fullmatch(r"oracle \d+", name):
            raise ValueError(f"a mechanism cannot be called {name!r}: that is another model.")
    others = [name for name, strategy in mechanisms.items() if strategy != "retrain"]
    if others and not able:
        raise ValueError(
            f"{name_of(estimator)} has no unlearn, so mechanisms can only be ('retrain',); got "
            f"{', '.join(map(repr, others))}."
        )
    if able and not takes_strategy(estimator):
        chosen = [name for name, strategy in mechanisms.items() if not is_default(strategy)]
        if chosen:
            raise ValueError(
                f"mechanism {chosen[0]!r} was asked for, but the unlearn of {name_of(estimator)} "
                "takes no strategy; use mechanisms=('default',), its own way to forget."
            )
    return mechanisms


def _default_mechanisms(estimator):
    if not can_unlearn(estimator):
        return ("retrain",)
    if not takes_strategy(estimator):
        return ("default",)
    own = getattr(last_step(estimator), "unlearning", "retrain")
    is_among_them = isinstance(own, str) and own in DEFAULT_MECHANISMS
    return DEFAULT_MECHANISMS if is_among_them else (*DEFAULT_MECHANISMS, "default")


def _reference_size(reference_size, estimator):
    if reference_size == "auto":
        return 0.2 if can_unlearn(estimator) else 0
    if not isinstance(reference_size, numbers.Real) or not 0 <= reference_size < 1:
        raise ValueError(f"reference_size={reference_size!r} must be 'auto' or lie in [0, 1).")
    return float(reference_size)
