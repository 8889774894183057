"""The shadows of an audit: on training and held-out rows alike, with their progress told."""

import numpy as np

from .._rows import join
from ..attacks import ShadowPool

__all__ = ["trained_shadows"]


def trained_shadows(template, data, listener, *, n_shadows, memory, n_jobs, seed):
    """Return the pool that all attacks share.

    Parameters
    ----------
    template : classifier
    data : Data
    listener : callable
        Told ``(stage, done, total)``.
    n_shadows : int
    memory : path-like or None
    n_jobs : int or None
    seed : numpy.random.SeedSequence
    """
    stage = f"{n_shadows} shadow models"
    listener(stage, 0, n_shadows)

    def tell(label, done, total):
        if label == "shadows":
            listener(stage, n_shadows - total + done, n_shadows)

    pool = ShadowPool(
        template,
        n_shadows=n_shadows,
        memory=memory,
        n_jobs=n_jobs,
        random_state=seed,
        verbose=tell,
    )
    pool.fit(join(data.X, data.X_test), np.concatenate([data.y, data.y_test]))
    pool.set_params(verbose=0)
    listener(stage, n_shadows, n_shadows)
    return pool
