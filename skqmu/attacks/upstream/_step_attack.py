"""Leaks beside the model: what the fitted steps before a classifier tell of their rows."""

import numpy as np
from sklearn.base import clone

from ..._validation import check_choice
from ...metrics.signals import encode_labels
from .._attack import Attack
from .._balance import balanced_membership
from .._calibration import Calibration
from .._estimators import check_target, entropy_from, settings_of, unwrap
from .._records import RecordIndex, check_count, check_records
from ._fitted_steps import upstream_steps
from ._step_shadows import SIGNALS, StepEvidence, calibration_shadows

__all__ = ["UpstreamAttack"]


class UpstreamAttack(Attack):
    """Likelihood-ratio attack on fitted transformers, held by the attacker.

    Forgetting in the classifier leaves the steps before it as they were: a PCA rebuilds the
    rows that it was fitted on better than others, a scaler's mean leans towards them. For
    each record this attack compares what the target's step shows of it with what clones of
    the step show that were fitted on random halves of the pool, with the record and
    without it.

    The attacker holds the fitted steps (not only the classifier's answers), knows their
    settings, sees raw rows, and has a pool of them. Steps before the one under attack are
    held as well, so that rows reach it as they did at fit.

    What a step shows of a record (`signals`):

    - ``"reconstruction"``: log squared distance to what ``inverse_transform`` gives back;
    - ``"extremity"``: log squared length of its image in units of the step's spread;
    - ``"class_margin"``, of steps that use labels: how much nearer its image is to the mean
      of its own class than to the next one's;
    - ``"range"``: whether it lies outside, or at the end of, the range that the step kept,
      or is itself stored in a fitted array;
    - ``"influence"``: the step's learned numbers, projected on the change that putting this
      record in makes. One refit a record; ``"auto"`` leaves it out above 5e7 entries
      (records x rows of a half x features).

    Parameters
    ----------
    target : fitted Pipeline
        That ends in a classifier, or something that wraps one; never refitted.
    step : str or None, default=None
        Name of one step, as in :func:`upstream_steps`, or of one that holds several; None
        attacks all of them together.
    signals : "auto" or sequence of str, default="auto"
        ``"auto"`` uses what applies to the step.
    n_shadows : int, default=64
        Refits of the step; even, at least 4.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0

    Attributes
    ----------
    steps_ : list of str
        Steps under attack.
    signals_ : dict of str to list of str
        Signals used of each step.
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Raises
    ------
    ValueError
        No step was fitted on training rows: there is nothing to attack.
    ShadowFitError
        A step cannot be fitted on half of the pool; the message says why.

    Notes
    -----
    The numbers are taken as jointly Gaussian over refits, with one covariance within
    records for all, as LiRA does with one number (Carlini et al., 2022); the shift that a
    record causes is its own, shrunk towards the average shift of all records by as much as
    the few refits make it uncertain (James & Stein, 1961). Events (``"range"``) add the log
    ratio of their frequencies. ``"influence"`` is the inner product that traces a record in
    a mean (Dwork et al., 2015, "Robust traceability from trace amounts"), with a refit in
    place of its formula.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skqmu.attacks import UpstreamAttack
    >>> X, y = load_digits(return_X_y=True)
    >>> order = y[:200].argsort()  # every other row of each class is a member
    >>> X, y, members = X[order], y[order], [True, False] * 100
    >>> target = make_pipeline(PCA(30), LogisticRegression(max_iter=2000)).fit(X[::2], y[::2])
    >>> attack = UpstreamAttack(target, n_shadows=32, random_state=0).fit(X, y)
    >>> result = attack.evaluate(X, y, members, fprs=(0.1,))
    >>> bool(result.auc_interval[0] > 0.9)
    True
    """

    query = "step"
    n_queries = 1
    # what fit attacks, for check_attack: a pipeline's steps, not a bare classifier
    attacks_steps = True

    def __init__(
        self,
        target,
        *,
        step=None,
        signals="auto",
        n_shadows=64,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.step = step
        self.signals = signals
        self.n_shadows = n_shadows
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_target(self):
        self.target_classes_ = check_target(self._adapted)
        check_count("n_shadows", self.n_shadows, 4)
        if self.n_shadows % 2:
            raise ValueError(f"n_shadows={self.n_shadows} must be even: halves in, halves out.")
        if not isinstance(self.signals, str) or self.signals != "auto":
            for name in np.atleast_1d(self.signals).tolist():
                check_choice("signals", name, SIGNALS)
        self.classes_ = np.array([False, True])
        if hasattr(self._adapted, "n_features_in_"):
            self.n_features_in_ = self._adapted.n_features_in_

    def _steps(self, X):
        """Return the steps under attack with rows as they reach them."""
        every = upstream_steps(unwrap(self._adapted), X)
        if not every:
            raise ValueError(
                f"{type(unwrap(self._adapted)).__name__} has no step before the classifier that "
                "was fitted on training rows; there is nothing upstream to attack."
            )
        if self.step is None:
            return every
        chosen = [s for s in every if s.name == self.step or s.name.startswith(f"{self.step}.")]
        if not chosen:
            check_choice("step", self.step, [s.name for s in every])
        return chosen

    def fit(self, X_pool, y_pool):
        """Refit the steps on halves of the attacker's pool.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
            Raw rows, those to be attacked among them.
        y_pool : array-like of shape (n_pool,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            The pool holds fewer than four distinct records.
        """
        X, y, labels = self._start_fit(X_pool, y_pool)
        steps = self._steps(X)
        index = RecordIndex(X, labels)
        if index.n_groups < 4:
            raise ValueError(
                f"the pool holds {index.n_groups} distinct record(s); steps are refitted on halves "
                "of it, so it needs 4 at least (dozens to be of use)."
            )
        drawn, *seeds = np.random.SeedSequence(entropy_from(self.random_state)).spawn(
            1 + self.n_shadows
        )
        members = balanced_membership(index.groups, y, self.n_shadows, np.random.default_rng(drawn))
        self._index = index
        self._parts = [
            StepEvidence(self, step, labels, y, members, [s.spawn(k + 1)[k] for s in seeds])
            for k, step in enumerate(steps)
        ]
        self.steps_ = [step.name for step in steps]
        self.signals_ = {
            step.name: part.signals for step, part in zip(steps, self._parts, strict=True)
        }
        scores = sum(part.calibration for part in self._parts)
        self._calibration = Calibration.fit(
            scores.ravel(), members[calibration_shadows(self.n_shadows)].ravel()
        )
        return self._finish_fit(
            labels,
            shots=None,
            shadow_estimator="; ".join(settings_of(clone(s.transformer)) for s in steps),
            n_shadows=self.n_shadows,
            notes=(f"holds the fitted step(s) {', '.join(self.steps_)}, and sees raw rows.",),
        )

    def _start_fit(self, X, y):
        self._check_target()
        X, labels = check_records(X, y, unwrap(self._adapted), suffix="_pool")
        return X, encode_labels(labels, self.target_classes_, name="y_pool"), labels

    def _score(self, X, y, labels):
        at = self._index.locate(X, labels)
        parts = zip(self._parts, self._steps(X), strict=True)
        return sum(part.score(step, labels, y, at) for part, step in parts)
