"""Which rows a first attack finds: how far each row's presence moves what models say of it."""

import numpy as np

from ..metrics.signals import encode_labels, resolution, true_class_logit
from ._per_record import masked_moments
from ._pool import ShadowPool

__all__ = ["exposure"]

_FEWEST = 4


def exposure(
    estimator,
    X,
    y,
    *,
    n_shadows=32,
    memory=None,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """How well a first attack would find each row, were it trained on.

    Shadows are trained on random halves of the rows. A row's exposure is how far its logit
    lies higher in those that saw it than in those that did not, in standard deviations. An
    average over all rows hides the few that are known by heart; deletions of these are what
    a mechanism has to be measured on.

    Parameters
    ----------
    estimator : classifier
        Cloned, never fitted itself; a pipeline, too.
    X : table of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    n_shadows : int, default=32
        Even, at least 4.
    memory : None, str, path-like or joblib.Memory, default=None
        Cache of the shadows; see :class:`ShadowPool`.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
        Take another than that of the models to be attacked: rows chosen by shadows look
        exposed to these same shadows, whatever they are.
    verbose : int or callable, default=0
        As of :class:`ShadowPool`.

    Returns
    -------
    ndarray of shape (n_samples,)
        Around 0: not exposed. Noise alone spreads it by some ``2 / sqrt(n_shadows)``, so that the
        largest of many rows is above 0 even where nothing is memorised.

    Raises
    ------
    ValueError
        Too few shadows or an odd number of them.
    ShadowFitError
        A shadow could not be trained.

    Notes
    -----
    Targets chosen as the most exposed rows and as protected ones follow RULI (Naderloui et al.
    2025, arXiv 2506.13009). Theirs are found by an attack's accuracy on each row; this is the
    difference of the means over the root of the mean of two variances, the row's own within both
    kinds of shadows and that of all rows together, for the row's own is known from few shadows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skqmu.attacks import exposure
    >>> from skqmu.datasets import forget_split
    >>> X = np.concatenate([np.linspace(0, 1, 40), np.linspace(3, 4, 40)])[:, None]
    >>> y = np.repeat([0, 1], 40)
    >>> y[7] = 1  # whoever answers 1 there has seen it
    >>> model = KNeighborsClassifier(3, weights="distance")
    >>> found = exposure(model, X, y, n_shadows=16, random_state=0)
    >>> np.flatnonzero(forget_split(y, "vulnerable:1", exposure=found)).tolist()
    [7]
    """
    if n_shadows < _FEWEST:
        raise ValueError(
            f"n_shadows={n_shadows}: exposure needs {_FEWEST} at least, two with each row and two "
            "without; 32 tell rows apart."
        )
    pool = ShadowPool(
        estimator,
        n_shadows=n_shadows,
        memory=memory,
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    ).fit(X, y)
    columns = encode_labels(pool.y_, pool.classes_)
    outputs = pool.outputs()
    eps = resolution((block, columns[rows]) for rows, block in outputs.blocks())
    gaps, variances = [], []
    for rows, block in outputs.blocks():
        logits, inside = true_class_logit(block, columns[rows], eps), pool.members_[:, rows]
        mean_in, squares_in, n_in = masked_moments(logits, inside)
        mean_out, squares_out, n_out = masked_moments(logits, ~inside)
        gaps.append(mean_in - mean_out)
        variances.append((squares_in + squares_out) / (n_in + n_out - 2))
    own = np.concatenate(variances)
    spread = np.sqrt((own + own.mean()) / 2)
    # where no shadow differs from another nothing is exposed
    return np.concatenate(gaps) / np.where(spread > 0, spread, 1.0)
