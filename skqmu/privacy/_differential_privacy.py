"""`DifferentialPrivacy`: what a user asks of a fit, and the plan that becomes of it."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._identity import Unidentifiable
from .._site_links import SiteLinksMixin
from .._validation import Interval, StrOptions, validate_params
from ._accounting import epsilon_spent, noise_needed

__all__ = ["ADJACENCY", "DifferentialPrivacy", "PrivacyPlan"]

#: which data sets a promise tells apart, in one sentence
ADJACENCY = (
    "two data sets are neighbours where they differ in one record (its features, label and "
    "weight), whose place is empty in one of them; how many places there are is public"
)


@dataclass(frozen=True)
class PrivacyPlan:
    """What a private fit does in each step, and what it promises.

    Parameters
    ----------
    epsilon, delta : float
        Of one fit.
    noise_multiplier : float
        Standard deviation of the noise over `clip`.
    clip : float
        Longest gradient of a record, over all trained parameters together.
    sampling_rate : float
        Chance of each record to take part in a step; 1: all do.
    n_steps : int
        Of the whole fit, which ends after as many and no other.
    n_public : int
        Number of places for records, which is public.
    steps_per_epoch : int

    Examples
    --------
    >>> from skqmu.privacy import DifferentialPrivacy
    >>> plan = DifferentialPrivacy(1.0).plan(n_rows=500, batch_size=500, max_iter=20)
    >>> plan.n_steps, plan.sampling_rate, round(plan.noise_multiplier, 1)
    (20, 1.0, 16.7)
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    clip: float
    sampling_rate: float
    n_steps: int
    n_public: int
    steps_per_epoch: int

    @property
    def steps(self) -> tuple[float, float, int]:
        """Noise multiplier, sampling rate and number of steps, for the accountant."""
        return self.noise_multiplier, self.sampling_rate, self.n_steps


class DifferentialPrivacy(SiteLinksMixin, BaseEstimator):
    """Private training: per-record clipping, Gaussian noise, and the account of it (DP-SGD).

    In each step the gradient of every record by all trained parameters is cut to length `clip`,
    the sum over the records of the step gets Gaussian noise of standard deviation
    ``noise_multiplier * clip`` on every parameter, and the solver steps along that, divided by
    the number of records to be expected. What is promised is about the parameters, which is what
    :meth:`skqmu.QNNClassifier.release` gives away; loss curve, log and member record are not
    private.

    Parameters
    ----------
    epsilon : float, default=1.0
        What a fit may spend.
    delta : float, default=1e-5
        Below one over the number of rows, or a fit that publishes a record would be allowed.
    clip : float, default=1.0
    noise_multiplier : float or None, default=None
        None: the least that keeps to epsilon. A number that does not is refused.
    sampling : {"poisson", "full"}, default="poisson"
        Who takes part in a step. ``"poisson"``: each record with the chance ``batch_size /
        n_public``, by a coin of its own; ``"full"``: all, whatever the batch size says (with it
        at ``"auto"`` both are the same up to 200 rows).
    n_public : int or None, default=None
        Number of rows, which is public: batches, steps, penalty and the divisor of the sum go
        by it. None: as many as `fit` is given, which makes that number public.
    classes : array-like of shape (n_classes,), "public" or None, default=None
        All labels that the model shall know, which are public and must not be found out from
        `y`. ``"public"`` says that the set of labels in `y` is no secret. None: those passed to
        ``fit(classes=...)``, without which it refuses.

    Notes
    -----
    M. Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1. Deviations:
    the divisor is the expected number of records of the weighted steps (as in Opacus), which does
    not depend on who came; batches are Poisson samples, as the account supposes, and may be
    empty; sample weights multiply a record's gradient before it is cut.

    Two data sets are neighbours where they differ in one record, whose place is empty in one of
    them (zero-out adjacency, the size of the account's add-or-remove), N being public.

    Noise and coins come from the operating system's entropy, whatever `random_state` is: there is
    no seed, and two fits differ. Each number is a sum of four draws over 2, against attacks on
    the last bits of floating-point noise (N. Holohan and S. Braghin, "Secure Random Sampling in
    Differential Privacy", ESORICS 2021). The account is one of real numbers, all the same: sums
    and draws of 53 bits are near it and not proven to be it (I. Mironov, CCS 2012).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.privacy import DifferentialPrivacy
    >>> X, y = load_iris(return_X_y=True)
    >>> privacy = DifferentialPrivacy(epsilon=3.0, delta=1e-4, classes=[0, 1, 2])
    >>> clf = QNNClassifier(privacy=privacy, max_iter=5).fit(X, y)
    >>> round(clf.epsilon_, 3), clf.privacy_spent_["n_steps"]
    (3.0, 5)
    """

    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "clip": [Interval(Real, 0, None, closed="neither")],
        "noise_multiplier": [Interval(Real, 0, None, closed="neither"), None],
        "sampling": [StrOptions({"poisson", "full"})],
        "n_public": [Interval(Integral, 1, None, closed="left"), None],
        "classes": [StrOptions({"public"}), "array-like", None],
    }

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float = 1e-5,
        clip: float = 1.0,
        noise_multiplier: float | None = None,
        sampling: str = "poisson",
        n_public: int | None = None,
        classes: Any = None,
    ):
        self.epsilon = epsilon
        self.delta = delta
        self.clip = clip
        self.noise_multiplier = noise_multiplier
        self.sampling = sampling
        self.n_public = n_public
        self.classes = classes

    def validate(self) -> None:
        """Check the parameters by themselves; called before any row is looked at."""
        validate_params(self)

    def __skqmu_identity__(self):
        """Refused: no cache may take one fit's noise for that of another."""
        raise Unidentifiable(
            "a private fit draws noise that nobody can draw again, so that none stands for another."
        )

    def plan(self, *, n_rows: int, batch_size: int, max_iter: int) -> PrivacyPlan:
        """What a fit of this size is to do.

        Parameters
        ----------
        n_rows : int
            Given to `fit`; counts where `n_public` is None.
        batch_size : int
            Records to be expected in a step.
        max_iter : int
            Epochs, of as many steps as make an expected pass over all rows.

        Returns
        -------
        PrivacyPlan

        Raises
        ------
        ValueError
            The target cannot be reached; the message has the figures.
        ImportError
            dp-accounting is not installed.

        Examples
        --------
        >>> from skqmu.privacy import DifferentialPrivacy
        >>> plan = DifferentialPrivacy(3.0).plan(n_rows=1000, batch_size=100, max_iter=2)
        >>> plan.n_steps, plan.sampling_rate
        (20, 0.1)
        """
        self.validate()
        n = n_rows if self.n_public is None else self.n_public
        if self.delta >= 1 / n:
            raise ValueError(
                f"privacy__delta={self.delta:g} is not below 1 / {n} = {1 / n:.3g}, one over the "
                "number of rows: a fit that published a record outright would keep to it. Lower "
                "delta; 1e-5 is usual."
            )
        size = n if self.sampling == "full" else min(batch_size, n)
        per_epoch = -(-n // size)
        rate, n_steps = size / n, per_epoch * max_iter
        noise, epsilon = self._noise_and_epsilon(rate, n_steps)
        return PrivacyPlan(
            epsilon=epsilon,
            delta=float(self.delta),
            noise_multiplier=noise,
            clip=float(self.clip),
            sampling_rate=rate,
            n_steps=n_steps,
            n_public=n,
            steps_per_epoch=per_epoch,
        )

    def _noise_and_epsilon(self, rate, n_steps):
        epsilon, delta = float(self.epsilon), float(self.delta)
        steps = {"sampling_rate": rate, "n_steps": n_steps}
        if self.noise_multiplier is None:
            noise = noise_needed(epsilon, delta, **steps)
            return noise, epsilon_spent(noise, delta=delta, **steps)
        noise = float(self.noise_multiplier)
        spent = epsilon_spent(noise, delta=delta, **steps)
        if not spent <= self.epsilon:
            raise ValueError(
                f"privacy__noise_multiplier={noise:g} spends epsilon={spent:.4g} at delta="
                f"{self.delta:g} in {n_steps} steps with the sampling rate {rate:.3g}, more than "
                f"privacy__epsilon={self.epsilon:g}. Leave it None for the least noise that keeps "
                "to epsilon, raise epsilon, or take fewer steps (max_iter)."
            )
        return noise, spent

    def public_classes(self, given: Any) -> Any:
        """The labels that a fit may know of: those given to it, or stated here.

        Parameters
        ----------
        given : array-like or None
            What `fit` was passed as ``classes``.

        Returns
        -------
        array-like or None
            None: the labels in `y`, which are stated to be public.

        Raises
        ------
        ValueError
            Nobody says which labels are public.
        """
        public = isinstance(self.classes, str)
        if given is not None:
            stated = None if public or self.classes is None else np.unique(self.classes)
            if stated is not None and not np.array_equal(stated, np.unique(given)):
                raise ValueError(
                    f"classes={given!r} of fit and privacy__classes={self.classes!r} differ; pass "
                    "one of them."
                )
            return given
        if self.classes is None:
            raise ValueError(
                "a private fit must not find out from y which classes there are. Pass "
                "fit(X, y, classes=[...]) or DifferentialPrivacy(classes=[...]); "
                'classes="public" says that the labels in y are no secret.'
            )
        return None if public else self.classes
