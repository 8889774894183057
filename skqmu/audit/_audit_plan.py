"""What an audit will do, checked before anything is trained."""

import numbers
import os
import re
from dataclasses import dataclass, replace

import joblib
import numpy as np
from sklearn.base import is_classifier

from .._identity import described, settings_line
from .._validation import check_choice
from ..attacks.tools import adapted, entropy_from, model_name, shadow_template
from ._attacks import ATTACKS, needs_shadows
from ._checked_tables import checked_tables
from ._kept_models import folder_of_audits
from ._models import can_unlearn, is_default, strategy_label, takes_strategy
from ._prefit import check_against_record, check_prefit, training_rows
from ._rehearsal import check_mechanisms
from ._scenarios import Data, Table, named_requests, repeat_entropy

__all__ = ["AuditSettings", "Plan", "make_plan"]

# more models than this no machine holds: whoever asks for it has mistyped
_MOST_MODELS = 100_000
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
    prefit: bool = False
    train: object = None


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
    fitted : fitted classifier or None
        The original, where it was handed over.
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
    fitted: object = None

    def repeat(self, r):
        """Return the plan of one repeat, which one worker carries out.

        Parameters
        ----------
        r : int
            From 0.
        """
        data, scenarios = self.table.draw_repeat(self.entropy, r)
        entropy = repeat_entropy(self.entropy, r)
        return replace(self, data=data, scenarios=scenarios, entropy=entropy, n_jobs=1)

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
        return {
            "name": _name(self.estimator),
            "settings": settings_line(self.estimator),
            "described": described(self.estimator),
        }

    def steps(self):
        """Return how many models will be trained, by purpose."""
        shadows = self.n_shadows if needs_shadows(self.attacks) else 0
        of_a_repeat = {
            "original": int(self.fitted is None),
            "oracles": self.n_oracles * len(self.scenarios),
            "mechanism runs": len(self.mechanisms) * len(self.scenarios),
            "shadows": shadows,
            "attacks": len(self.attacks)
            * len(self.scenarios)
            * (1 + self.n_oracles + len(self.mechanisms)),
        }
        return {purpose: n * self.repeats for purpose, n in of_a_repeat.items()}


def _name(estimator):
    steps = getattr(estimator, "steps", None)
    return " > ".join(model_name(part) for _, part in steps) if steps else model_name(estimator)


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
    _check_estimator(estimator)
    fitted = check_prefit(estimator, settings)
    repeats = _repeats(settings)
    fewest = "every figure stands beside retrained models"
    _check_count("n_oracles", settings.n_oracles, 1, fewest)
    if repeats > 1:
        why = "with repeats, how far retrained models lie apart is a measure of its own"
        _check_count("n_oracles", settings.n_oracles, 2, why)
    _check_level(settings.level)
    _check_delta(settings.delta)
    _check_n_jobs(settings.n_jobs)
    _check_memory(settings.memory, settings.random_state)
    if settings.title is not None and not isinstance(settings.title, str):
        raise ValueError(f"title={settings.title!r} must be a text or None.")
    attacks = _check_attacks(settings.attacks, settings.n_shadows)
    mechanisms = _check_mechanisms(settings.mechanisms, estimator)
    X, y, X_test, y_test = checked_tables(X, y, X_test, y_test, estimator)
    table = Table(
        *(X, y, X_test, y_test),
        train=None if fitted is None else training_rows(settings.train, len(y), X_test),
        test_size=settings.test_size,
        reference_size=_reference_size(settings.reference_size, estimator),
        requests=named_requests(settings.forget),
    )
    entropy = entropy_from(settings.random_state)
    data, scenarios = table.draw(entropy)
    if fitted is not None:
        check_against_record(fitted, data)
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
        fitted=fitted,
    )
    check_mechanisms(plan)
    return plan


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
    _check_count("repeats", settings.repeats, least, "a number of independent originals")
    return int(settings.repeats)


def _check_delta(delta):
    if not isinstance(delta, numbers.Real) or isinstance(delta, bool) or not 0 < delta < 1:
        raise ValueError(f"delta={delta!r} must lie strictly between 0 and 1, for example 0.1.")


def _check_memory(memory, random_state):
    if memory is None:
        return
    if not isinstance(memory, str | os.PathLike | joblib.Memory):
        raise ValueError(
            f"memory={memory!r} must be None, a folder, or a joblib.Memory; got "
            f"{type(memory).__name__}."
        )
    if random_state is None:
        raise ValueError(
            f"memory={memory!r} needs a random_state (got None): models are found again by what "
            "they were drawn from. Pass an integer."
        )


def _check_estimator(estimator):
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class; pass an object, {estimator.__name__}()."
        )
    if not is_classifier(estimator):
        raise TypeError(
            f"estimator must be a scikit-learn classifier; got {type(estimator).__name__}."
        )
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{type(estimator).__name__} has no predict_proba, which losses and attacks need; wrap "
            "it in CalibratedClassifierCV, or ask what it gives away of its members by "
            "skqmu.attacks.LabelOnlyAttack."
        )
    final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if getattr(final, "store_data", None) == "fingerprints":
        raise ValueError(
            'store_data="fingerprints" needs a key that an audit, which trains models of its own, '
            'does not have; audit the classifier with store_data="rows" or "none".'
        )


def _check_count(name, value, least, why):
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}: {why}.")
    if value > _MOST_MODELS:
        raise ValueError(f"{name}={value!r} is more than {_MOST_MODELS} models.")


def _check_n_jobs(n_jobs):
    whole = isinstance(n_jobs, numbers.Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r} must be an integer other than 0 (-1: one a core), or None."
        )


def _check_level(level):
    if not isinstance(level, numbers.Real) or not 0.5 <= level < 1:
        raise ValueError(f"level={level!r} must lie in [0.5, 1), for example 0.95.")


def _check_attacks(attacks, n_shadows):
    if isinstance(attacks, str):
        attacks = (attacks,)
    if not hasattr(attacks, "__iter__"):
        raise ValueError(f"attacks={attacks!r} must be a name or a list of names.")
    attacks = tuple(attacks)
    if not attacks:
        raise ValueError(f"attacks is empty; choose from {', '.join(sorted(ATTACKS))}.")
    for name in attacks:
        check_choice("attacks", name, ATTACKS)
    if len(set(attacks)) < len(attacks):
        raise ValueError(f"attacks={attacks!r} names one attack twice.")
    _check_count("n_shadows", n_shadows, 0, "it is a number of models")
    if needs_shadows(attacks):
        why = "shadow attacks need a spread with and without each record"
        _check_count("n_shadows", n_shadows, 4, why)
        if n_shadows % 2:
            raise ValueError(
                f"n_shadows={n_shadows} must be even: each record is in exactly half of them."
            )
    return attacks


def _check_mechanisms(mechanisms, estimator):
    able = can_unlearn(estimator)
    if mechanisms is None:
        mechanisms = ("retrain",)
        if able:
            mechanisms = DEFAULT_MECHANISMS if takes_strategy(estimator) else ("default",)
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
            f"{_name(estimator)} has no unlearn, so mechanisms can only be ('retrain',); got "
            f"{', '.join(map(repr, others))}."
        )
    if able and not takes_strategy(estimator):
        chosen = [name for name, strategy in mechanisms.items() if not is_default(strategy)]
        if chosen:
            raise ValueError(
                f"mechanism {chosen[0]!r} was asked for, but the unlearn of {_name(estimator)} "
                "takes no strategy; use mechanisms=('default',), its own way to forget."
            )
    return mechanisms


def _reference_size(reference_size, estimator):
    if reference_size == "auto":
        return 0.2 if can_unlearn(estimator) else 0
    if not isinstance(reference_size, numbers.Real) or not 0 <= reference_size < 1:
        raise ValueError(f"reference_size={reference_size!r} must be 'auto' or lie in [0, 1).")
    return float(reference_size)
