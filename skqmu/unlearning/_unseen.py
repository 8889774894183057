"""What the loss of rows would be, had they never been seen: an estimate from the others."""

import numpy as np

from .._spending import counting_the_most
from ..network import cross_entropy
from ..training import Hook, Objective, Point, TrainingRun, train

__all__ = ["left_out_loss", "most_rows"]

# Steps after which a head that was drawn anew has found its place again, and the rows of
# each: small data take many short epochs, large ones few long ones.
_STEPS, _BATCH, _FEWEST_EPOCHS = 120, 200, 3
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

    def loss(params, records):
        return float(cross_entropy(network.logits(params, records.X), records.targets).mean())

    seed = np.random.SeedSequence(request.seed.entropy, spawn_key=(*request.seed.spawn_key, 1))
    layout = network.layout
    fresh = network.initial(np.random.default_rng(seed))
    start = np.where(layout.mask(layout.last(1)), fresh, request.params)
    batch_size = min(_BATCH, request.batch_size, len(retain))
    run = TrainingRun(
        network=network,
        objective=Objective({"retain": retain}, trainable=request.trainable),
        solver=request.solver(request.learning_rate_init),
        point=Point(request.settled(start)),
        seed=seed,
        max_iter=_epochs(len(retain), batch_size),
        batch_size=batch_size,
    )
    before, own = loss(request.params, retain), loss(request.params, forget)
    train(run, [_Recovered(_RECOVERED * before)])
    lacking = max(0.0, loss(run.params, retain) - before)
    return max(own, loss(run.params, forget) - lacking)


def most_rows(n_retain):
    """Rows that gradients are taken of, at most."""
    return n_retain * _epochs(n_retain, min(_BATCH, n_retain)) if n_retain else 0


def _epochs(n_rows, batch_size):
    return max(_FEWEST_EPOCHS, -(-_STEPS // -(-n_rows // batch_size)))


class _Recovered(Hook):
    """End where an epoch's mean loss is down to a level: no pass of its own is spent on it."""

    def __init__(self, level):
        self.level = level

    def after_epoch(self, run):
        return run.history[-1]["loss"] <= self.level and not counting_the_most()
