"""Take back the steps that saw the rows."""

import numpy as np

from ._guard import most_repaired_rows
from ._outcome import Outcome
from ._strategy import GUARDED, UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["Amnesiac"]


class Amnesiac(UnlearningStrategy):
    """Subtract the logged updates of the batches that held a forgotten row.

    Needs a classifier that was fitted with ``log_updates=True``. The retained rows of those
    batches lose their steps too: small batches forget precisely, one big batch forgets all.

    Parameters
    ----------
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`). What costs more is taken back in part. None: any, as published.

    Notes
    -----
    Source: Graves et al. 2021 (arXiv 2010.10981), Section 5.

    Examples
    --------
    >>> from skqmu.unlearning import Amnesiac
    >>> sorted(Amnesiac().requires)
    ['forget', 'update_log']
    """

    formula = "theta -= sum of the updates whose batch held a row of D_f"
    advice = "Only with small batches, and followed by a repair."
    source = "Graves et al. 2021 (arXiv 2010.10981)"
    damage = "much"
    requires = frozenset({"forget", "update_log"})
    classifier_params = {"log_updates": True}
    repairs = False
    _parameter_constraints = GUARDED

    def __init__(self, *, guard: float | str | None = "auto"):
        self.guard = guard

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        return most_repaired_rows(self, n_retain)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        updates = request.updates
        taken_back = np.sum(updates, axis=0) if len(updates) else np.zeros_like(request.params)
        left = request.params - taken_back
        return Outcome(
            # Running means and variances minus some of their steps are no statistics.
            params=request.network.with_buffers(left, request.params),
            stop_reason=f"{len(updates)} logged updates taken back",
            log_holds=True,
        )
