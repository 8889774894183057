"""`leakage`: what a classifier gives away of its training rows, where nothing is forgotten."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..attacks.tools import adapted, entropy_from, shadow_template
from ..exceptions import NoCloneError
from ._attacks import needs_shadows
from ._audit_measure import Judge
from ._audit_rows import split_data
from ._checked_settings import (
    check_attacks,
    check_estimator,
    check_level,
    check_memory,
    check_n_jobs,
    check_title,
)
from ._checked_tables import checked_tables
from ._kept_models import folder_of_audits
from ._leakage_report import LeakageReport, leakage_data
from ._models import fit_model
from ._prefit import as_original, check_against_record, check_prefit, training_rows
from ._progress_lines import listening
from ._scenarios import Scenario, class_matched
from ._shadow_models import trained_shadows
from ._step_judge import StepsJudge

__all__ = ["leakage"]


def leakage(
    estimator,
    X,
    y,
    *,
    X_test=None,
    y_test=None,
    train=None,
    prefit=False,
    attacks=("loss", "confidence", "lira", "rmia"),
    n_shadows=16,
    test_size=0.3,
    n_jobs=None,
    random_state=None,
    level=0.95,
    title=None,
    memory=None,
    verbose=0,
):
    """Attack a classifier, and report what it gives away of the rows that it was trained on.

    The question before any deletion: can somebody who asks the model tell its training rows from
    other rows of the same classes? Every attack is fitted against the model and judged on
    training rows (members) and held-out rows (non-members) in the same class proportions.

    Parameters
    ----------
    estimator : classifier
        As for :func:`skqmu.audit`. It is cloned and trained on the training rows, or attacked as
        it is with `prefit`. A model that stands for itself alone (as `skqmu.attacks.as_target`
        wraps functions and tables of answers, without ``retrain=``) has no shadows: attacks that
        learn from shadows are left out then, and the report says so.
    X : table of shape (n_samples, n_columns)
        Whatever the pipeline takes: array, data frame, sparse matrix, list of texts.
    y : array-like of shape (n_samples,)
    X_test : table of shape (n_test, n_columns), default=None
        Rows that the model never saw; None: `train` or `test_size` say which rows of `X` are.
    y_test : array-like of shape (n_test,), default=None
    train : array-like of bool of shape (n_samples,) or of int, default=None
        With `prefit`: which rows of `X` the model was trained on.
    prefit : bool, default=False
        Whether `estimator` is fitted, and itself what is attacked.
    attacks : str or sequence of str, default=("loss", "confidence", "lira", "rmia")
        As for :func:`skqmu.audit`, but for ``"update"``, which needs two versions of a model.
    n_shadows : int, default=16
    test_size : float, default=0.3
        Share of `X` to hold out where neither `X_test` nor `train` is given.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    level : float, default=0.95
        Of all intervals; the verdict holds at this level for all attacks together (Bonferroni).
    title : str or None, default=None
    memory : None, str, path-like or joblib.Memory, default=None
        Where shadows are kept; see :func:`skqmu.audit`.
    verbose : int or callable, default=0
        Above 0, one line for each finished piece of work on the error stream; a callable is told
        ``verbose(stage, done, total)``.

    Returns
    -------
    LeakageReport

    Raises
    ------
    ValueError, TypeError
        Anything that can be checked beforehand: nothing is trained then.

    Notes
    -----
    A report of no leak means that these attacks found none in so many rows, not that there is
    none; it says how large an AUC the data leave possible.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.audit import leakage
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = DecisionTreeClassifier(random_state=0).fit(X[:300], y[:300])
    >>> report = leakage(model, X[:300], y[:300], X_test=X[300:], y_test=y[300:],
    ...                  prefit=True, attacks="loss", random_state=0)
    >>> report.verdict
    'leaks'
    """
    start = time.perf_counter()
    estimator = adapted(estimator)
    check_estimator(estimator)
    fitted = check_prefit(estimator, prefit, train)
    check_level(level)
    check_n_jobs(n_jobs)
    check_title(title)
    check_memory(memory, random_state)
    template, attacks, notes = _possible(estimator, check_attacks(attacks, n_shadows))
    entropy = entropy_from(random_state)
    split_seed, *seeds = np.random.SeedSequence(entropy).spawn(4)
    tables = checked_tables(X, y, X_test, y_test, estimator)
    rows = None if fitted is None else training_rows(train, len(tables[1]), tables[2])
    data, scenario = _rows_to_judge(tables, rows, test_size, np.random.default_rng(split_seed))
    if fitted is not None:
        check_against_record(fitted, data)
    elif template is None:
        raise NoCloneError(
            "this stands for a model that cannot be trained anew; pass prefit=True, and train= or "
            "X_test=, to attack it as it is."
        )
    work = _Work(template, fitted, data, scenario, attacks, n_shadows, n_jobs, seeds, level, memory)
    with listening(verbose) as listener:
        measured = work.measured(listener)
    facts = {"estimator": estimator, "title": title, "entropy": entropy, "notes": notes}
    return LeakageReport(leakage_data(work, measured, **facts, seconds=time.perf_counter() - start))


def _possible(estimator, attacks):
    """What shadows are clones of, and the attacks that are left where there can be none."""
    if "update" in attacks:
        raise ValueError(
            "attacks: 'update' compares two versions of a model; where nothing is forgotten there "
            "is one. Leave it out, or use skqmu.audit."
        )
    try:
        return shadow_template(estimator), attacks, []
    except NoCloneError as error:
        able = tuple(name for name in attacks if not needs_shadows((name,)))
        left_out = [name for name in attacks if name not in able]
        if not able:
            raise
        note = f"left out, for no shadow can be trained: {', '.join(left_out)} ({error})"
        return None, able, [note] if left_out else []


def _rows_to_judge(tables, train, test_size, rng):
    """Rows by role, and those that attacks are judged on."""
    data = split_data(*tables, train=train, test_size=test_size, reference_size=0, rng=rng)
    notes = []
    all_of_them = np.ones(len(data.y), dtype=bool)
    members, nonmembers = class_matched(all_of_them, data, rng, "training rows", notes)
    return data, Scenario(
        name="membership",
        kind="subset",
        forget=~all_of_them,
        removed=data.y[:0],
        members=members,
        nonmembers=nonmembers,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Work:
    """What is trained and asked, in order."""

    template: Any
    fitted: Any
    data: Any
    scenario: Scenario
    attacks: tuple
    n_shadows: int
    n_jobs: int | None
    seeds: list
    level: float
    memory: Any

    def measured(self, listener):
        """Return the model, the judge, what it observed, and what steps before the model tell."""
        original_seed, shadow_seed, attack_seed = self.seeds
        model = self._model(original_seed, listener)
        pool = self._shadows(shadow_seed, listener)
        judge = Judge(
            self.data,
            self.scenario,
            model.estimator.classes_,
            self.attacks,
            pool,
            self.level,
            int(attack_seed.generate_state(1)[0]),
            delta=None,
        )
        listener("attacks", 0, 1)
        seen = judge.observe(model.estimator)
        listener("attacks", 1, 1)
        steps = StepsJudge(
            self.data,
            (self.scenario.members, self.scenario.nonmembers),
            self.level,
            judge.seed,
            self.n_jobs,
        )
        upstream = {} if self.template is None else steps.measure(model.estimator)
        return model, judge, seen, (upstream, steps.threat_models)

    def _model(self, seed, listener):
        if self.fitted is not None:
            return as_original(self.fitted)
        listener("training the model", 0, 1)
        rows = self.data.X, self.data.y
        model = fit_model(self.template, *rows, name="original", role="original", seed=seed)
        listener("training the model", 1, 1)
        return model

    def _shadows(self, seed, listener):
        if not needs_shadows(self.attacks):
            return None
        return trained_shadows(
            self.template,
            self.data,
            listener,
            n_shadows=self.n_shadows,
            memory=folder_of_audits(self.memory),
            n_jobs=self.n_jobs,
            seed=seed,
        )
