"""What the loss of rows would be, had they never been seen: an estimate from the others."""

import numpy as np

from ..network import cross_entropy
from ._repair import brief_training, child

__all__ = ["left_out_loss"]

# As well trained as before: to within this share of the loss.
_RECOVERED = 1.05


def left_out_loss(request, forget):
    """Estimate the mean loss that rows would have under a model that never saw them.

    The model's last group of parameters is drawn anew and all are trained on without the
    rows, from where they are, until the retained rows are as well learned as before. What
    they still lack at the end is subtracted. The other groups remember a little: the
    estimate is on the low side, where memorising is strong.

    Parameters
    ----------
    request : UnlearningRequest
        With retained rows.
    forget : Records

    Returns
    -------
    float
        Not below the rows' loss now.
    """
    network, retain = request.network, request.retain

    def loss(params, records, weights=1.0):
        losses = cross_entropy(network.logits(params, records.X), records.targets)
        return float((weights * losses).mean())

    fresh = network.initial(np.random.default_rng(child(request.seed, 0)))
    layout = network.layout
    start = np.where(layout.mask(layout.last(1)), fresh, request.params)
    level = _RECOVERED * loss(request.params, retain, retain.weights)
    # The mean over an epoch's steps lags behind a little: no pass of its own is spent on it.
    run = brief_training(request, start, lambda run: run.history[-1]["loss"] <= level, number=0)
    lacking = max(0.0, loss(run.params, retain) - loss(request.params, retain))
    return max(loss(request.params, forget), loss(run.params, forget) - lacking)
