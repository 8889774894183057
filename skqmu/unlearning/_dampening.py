"""Selective synaptic dampening: shrink what matters to the forgotten rows alone."""

import warnings
from numbers import Real

import numpy as np

from .._validation import Interval, StrOptions
from ..exceptions import UnlearningWarning
from ._guard import most_repaired_rows
from ._importance import importance_of
from ._outcome import Outcome
from ._strategy import GUARDED, UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["SelectiveDampening"]


_ROUNDING = 1e-24


class SelectiveDampening(UnlearningStrategy):
    """Dampen the parameters that matter more to the forgotten rows than to the others (SSD).

    Where ``F_f,j > alpha * F_ref,j``, multiplies ``theta_j`` by
    ``min(lam * F_ref,j / F_f,j, 1)``. F is the mean of squared per-sample gradients (the
    diagonal empirical Fisher information), or for circuit weights the diagonal quantum
    Fisher information. Angles are wrapped by their period first: they shrink towards the
    identity gate.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Threshold of the ratio F_f / F_ref; ``"auto"``: the `quantile` of the ratios.
    lam : float, default=1.0
        Strength of the dampening.
    reference : {"retain", "all"}, default="retain"
        What F_f is compared with: ``"all"``, as published, F_D over forgotten and retained
        rows together; ``"retain"`` (ours), ``F_r = (n F_D - n_f F_f) / (n - n_f)``.
    importance : {"fisher", "qfi"}, default="fisher"
        ``"qfi"``: circuit weights by ``4 (<d_j psi|d_j psi> - |<psi|d_j psi>|^2)``, averaged
        over the rows, with the head by ``"fisher"``; the quantile is taken apart.
    quantile : float, default=0.9
        For ``alpha="auto"``.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`). What costs more is dampened in part. None: any, as published.

    Notes
    -----
    Source: Foster et al. 2024 (arXiv 2308.07707), eq. 3-5, with ``alpha=10`` and ``lam=1`` on
    F_D; the Fisher-based mechanism of Su et al. 2025 (arXiv 2509.06086). With per-sample
    squares F_f / F_D cannot exceed n / n_f, so that a fixed `alpha` from there on can never
    select anything: it is an error.

    Examples
    --------
    >>> from skqmu.unlearning import SelectiveDampening
    >>> sorted(SelectiveDampening().requires)
    ['forget', 'importance']
    """

    formula = "theta_j *= min(lam F_ref,j / F_f,j, 1) where F_f,j > alpha F_ref,j"
    advice = "No training at all; follow it with a repair: Composite([SelectiveDampening(), ...])."
    source = "Foster et al. 2024 (arXiv 2308.07707); Su et al. 2025 (arXiv 2509.06086)"
    damage = "much"
    requires = frozenset({"forget", "importance"})
    repairs = False
    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "lam": [Interval(Real, 0, None, closed="left")],
        "reference": [StrOptions({"retain", "all"})],
        "importance": [StrOptions({"fisher", "qfi"})],
        "quantile": [Interval(Real, 0, 1, closed="left")],
        **GUARDED,
    }

    def __init__(
        self,
        *,
        alpha: float | str = "auto",
        lam: float = 1.0,
        reference: str = "retain",
        importance: str = "fisher",
        quantile: float = 0.9,
        guard: float | str | None = "auto",
    ):
        self.alpha = alpha
        self.lam = lam
        self.reference = reference
        self.importance = importance
        self.quantile = quantile
        self.guard = guard

    @property
    def importance_kinds(self) -> frozenset[str]:
        return frozenset({self.importance})

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        return 2 * n_forget + n_retain + most_repaired_rows(self, n_retain)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        everyone = request.importance(self.importance, request.params)
        part = importance_of(
            *(request.network, request.params, request.forget, self.importance),
            wanted=request.trainable,
        )
        self._check_threshold(part.weight / everyone.weight)
        reference = (everyone.without(part) if self.reference == "retain" else everyone).values
        # A weight that cannot matter (a last RZ) has squared rounding errors for gradients.
        floor = _ROUNDING * max(part.values.max(), everyone.values.max())
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(part.values > floor, part.values / reference, 0.0)
            factor = np.minimum(self.lam / ratio, 1.0)
        moving = request.network.shrinkable
        if request.trainable is not None:
            moving &= request.trainable
        chosen = moving & (ratio > self._thresholds(ratio, moving, request.network.layout))
        params = request.params.copy()
        params[chosen] = (factor * request.network.wrapped(params))[chosen]
        moved = chosen & (factor < 1)
        notes = [f"{int(moved.sum())} of {len(params)} parameters were dampened."]
        if not moved.any():
            notes.append(
                f"nothing was dampened: the largest ratio is {ratio.max():.3g}; lower alpha or lam."
            )
            warnings.warn(notes[-1], UnlearningWarning, stacklevel=2)
        return Outcome(params=params, stop_reason="dampened once", notes=notes)

    def _check_threshold(self, share):
        if self.alpha == "auto" or self.reference == "retain":
            return
        if self.alpha >= 1 / share:
            raise ValueError(
                f"alpha={self.alpha:g} can never select a parameter: with per-sample gradients "
                f"F_f / F_D is at most n / n_f = {1 / share:.3g} here. Use alpha='auto', a smaller "
                "alpha, or reference='retain'."
            )

    def _thresholds(self, ratio, moving, layout):
        if self.alpha != "auto":
            return np.full(len(ratio), self.alpha)
        parts = [slice(None)] if self.importance == "fisher" else layout.slices.values()
        thresholds = np.full(len(ratio), np.inf)  # buffers, which belong to no group
        for part in parts:
            # Never below 1: what matters as much to the others is not to be dampened.
            finite = ratio[part][np.isfinite(ratio[part]) & moving[part]]
            quantile = np.quantile(finite, self.quantile) if len(finite) else 1.0
            thresholds[part] = max(1.0, quantile)
        return thresholds
