"""Strategies one after another."""

from collections.abc import Sequence

import numpy as np

from ._guard import most_repaired_rows, unguarded
from ._names import resolve_strategy
from ._outcome import Outcome
from ._strategy import GUARDED, UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["Composite"]


class Composite(UnlearningStrategy):
    """Several strategies in a row, each from where the last one ended.

    Parameters
    ----------
    strategies : list of (str or UnlearningStrategy)
        For example a dampening and then a repair on the retained rows.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit before a `DamageWarning` says
        so; ``"auto"``: 0.02; None: any. The end is judged, not the parts.

    Notes
    -----
    Source: the alternating unlearn/repair schedules of Su et al. 2025 (arXiv 2509.06086).
    A later part sees the parameters that the one before it left: they are its teacher,
    its anchor, and what its importances are measured at. Approximate; parts that are exact
    or certified by themselves are refused.

    Examples
    --------
    >>> from skqmu.unlearning import Composite, FineTune, SelectiveDampening
    >>> both = Composite([SelectiveDampening(), FineTune(max_iter=3)])
    >>> sorted(both.requires)
    ['forget', 'importance', 'retain']
    """

    formula = "one strategy after another"
    advice = "Dampen or ascend, then repair."
    source = "Su et al. 2025 (arXiv 2509.06086)"
    _parameter_constraints = {"strategies": [list, tuple], **GUARDED}

    def __init__(
        self,
        strategies: Sequence[str | UnlearningStrategy] = ("selective_dampening", "fine_tune"),
        *,
        guard: float | str | None = "auto",
    ):
        self.strategies = strategies
        self.guard = guard

    @property
    def has_epochs(self) -> bool:  # type: ignore[override]
        return any(part.has_epochs for part in self._resolved())

    def _resolved(self):
        return [resolve_strategy(s, "strategies") for s in self.strategies]

    @property
    def requires(self) -> frozenset[str]:
        return frozenset().union(*(s.requires for s in self._resolved()))

    @property
    def importance_kinds(self) -> frozenset[str]:
        return frozenset().union(*(s.importance_kinds for s in self._resolved()))

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        parts = sum(unguarded(s).gradient_rows(n_forget, n_retain) for s in self._resolved())
        return parts + most_repaired_rows(self, n_retain)

    def validate(self) -> None:
        super().validate()
        parts = self._resolved()
        if not parts:
            raise ValueError("strategies is empty; name at least one.")
        for part in parts:
            if part.kind != "approximate":
                raise ValueError(
                    f"strategies holds {type(part).__name__}, which is {part.kind} by itself and "
                    "would lose that in a composite; use it alone."
                )

    def check(self, request: UnlearningRequest) -> None:
        for part in self._resolved():
            part.check(request)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        params = request.params
        outcomes = []
        for number, part in enumerate(self._resolved()):
            seed = np.random.SeedSequence(
                request.seed.entropy, spawn_key=(*request.seed.spawn_key, number)
            )
            seen = request.replace(params=params, seed=seed, yardstick=None)
            outcomes.append(part.unlearn(seen))
            params = request.settled(outcomes[-1].params)
        return Outcome(
            params=params,
            stop_reason="; ".join(o.stop_reason for o in outcomes),
            n_epochs=sum(o.n_epochs for o in outcomes),
            n_steps=sum(o.n_steps for o in outcomes),
            history=[row for o in outcomes for row in o.history],
            notes=[note for o in outcomes for note in o.notes],
            reference=next((o.reference for o in outcomes if o.reference is not None), None),
            target_reached=_together([o.target_reached for o in outcomes]),
        )


def _together(reached):
    """Whether all parts that have a target reached it; None: none has one."""
    known = [each for each in reached if each is not None]
    return all(known) if known else None
