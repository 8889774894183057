"""The attack before the audit: which rows are exposed, found with other seeds."""

import numpy as np

from ..attacks import exposure
from ._checked_settings import check_count

__all__ = ["check_first_attack", "first_attack"]

# Of its shadows, apart from the seeds of repeats, splits and models.
_SEED = (9,)


def check_first_attack(table, n_shadows):
    """Raise where exposed rows are asked for and these shadows cannot say which they are.

    Parameters
    ----------
    table : Table
    n_shadows : int
    """
    if table.needs_exposure:
        check_count("n_shadows", n_shadows, 4, "exposed rows are found by shadow models")
        if n_shadows % 2:
            raise ValueError(f"n_shadows={n_shadows} must be even: each row is in half of them.")


def first_attack(plan, listener):
    """Return the exposure of each row of the plan's table, those of `X_test` last.

    Parameters
    ----------
    plan : Plan
    listener : callable
        Told ``(stage, done, total)``.

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    stage = f"first attack: {plan.n_shadows} shadow models"
    listener(stage, 0, plan.n_shadows)

    def tell(label, done, total):
        if label == "shadows":
            listener(stage, plan.n_shadows - total + done, plan.n_shadows)

    return exposure(
        plan.estimator,
        *plan.table.all_rows,
        n_shadows=plan.n_shadows,
        memory=plan.memory,
        n_jobs=plan.n_jobs,
        random_state=np.random.SeedSequence(plan.entropy, spawn_key=_SEED),
        verbose=tell,
    )
