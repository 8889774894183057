"""Brief training on the retained rows: what gives back what forgetting has cost."""

import numpy as np

from .._spending import counting_upper_bound
from ..training import Hook, Objective, Point, TrainingRun, train

__all__ = ["brief_training", "most_rows"]

# Steps after which a head that was drawn anew has found its place again, and the rows of
# each: small data take many short epochs, large ones few long ones.
_STEPS, _BATCH, _FEWEST_EPOCHS = 120, 200, 3


def brief_training(request, start, enough, *, number):
    """Train on the retained rows until it is enough, for some hundred steps at most.

    Parameters
    ----------
    request : UnlearningRequest
    start : ndarray of shape (n_parameters,)
    enough : callable
        From the run, after each epoch, to whether it ends.
    number : int
        Of this training within the request: each draws its own order of rows.

    Returns
    -------
    TrainingRun
    """
    retain = request.retain
    batch_size = min(_BATCH, request.batch_size, len(retain))
    run = TrainingRun(
        network=request.network,
        objective=Objective({"retain": retain}, trainable=request.trainable),
        solver=request.solver(request.learning_rate_init),
        point=Point(request.settled(start)),
        seed=child(request.seed, number),
        max_iter=_epochs(len(retain), batch_size),
        batch_size=batch_size,
    )
    watching = [] if request.watch is None else [request.watch.hook(own=False)]
    return train(run, [_Until(enough), *watching])


def child(seed, number):
    """Seed of a part of a request that is none of the strategy's own."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 1_000 + number))


def most_rows(n_retain):
    """Rows that gradients are taken of, at most."""
    return n_retain * _epochs(n_retain, min(_BATCH, n_retain)) if n_retain else 0


def _epochs(n_rows, batch_size):
    return max(_FEWEST_EPOCHS, -(-_STEPS // -(-n_rows // batch_size)))


class _Until(Hook):
    def __init__(self, enough):
        self.enough = enough

    def after_epoch(self, run):
        return self.enough(run) and not counting_upper_bound()
