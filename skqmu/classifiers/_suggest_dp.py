"""What epsilon a circuit, a number of rows and of steps can bear, before a private fit."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..network import weighted_cross_entropy
from ..privacy import DifferentialPrivacy
from ._private_fits import check_network_is_private, private_records
from .state import Writing

__all__ = ["PrivacySuggestion", "suggest_dp"]

_EPSILONS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0)
# Of the noise on the sum of all steps over the signal in it: little accuracy was lost up to here,
# as measured (docs/private.md).
_BEARABLE = 0.3
# Rows looked at, and starts.
_MOST_ROWS, _N_STARTS = 1000, 4


@dataclass(frozen=True)
class PrivacySuggestion:
    """Noise over signal of private fits, before one is made; prints as a table.

    Parameters
    ----------
    n_weights, n_rows : int
        Trained weights, and rows.
    clip : float
        Median length of a row's gradient at the start: half of the rows are cut there.
    coherence : float
        Length of the mean cut gradient over the clip, from 0 (rows pull against each other) to 1.
    rows : list of dict
        For each ``epsilon``: ``noise_multiplier`` of one fit, and ``noise_to_signal``.
    epsilon : float or None
        The least of those that the fit can bear; None: none of them.
    params : dict
        Settings to try, for ``set_params``.

    Examples
    --------
    >>> from skqmu.classifiers import PrivacySuggestion
    >>> row = {"epsilon": 1.0, "noise_multiplier": 29.0, "noise_to_signal": 0.4}
    >>> print(PrivacySuggestion(27, 500, 0.8, 0.5, [row], 1.0, {"max_iter": 60}))
    27 weights, 500 rows; clip 0.8, coherence 0.50
    epsilon  noise  noise/signal
        1.0   29.0          0.40  bearable
    try: max_iter=60
    """

    n_weights: int
    n_rows: int
    clip: float
    coherence: float
    rows: list
    epsilon: float | None
    params: dict

    def __str__(self):
        lines = [
            f"{self.n_weights} weights, {self.n_rows} rows; clip {self.clip:.2g}, coherence "
            f"{self.coherence:.2f}",
            "epsilon  noise  noise/signal",
        ]
        for row in self.rows:
            bearable = self.epsilon is not None and row["epsilon"] >= self.epsilon
            lines.append(
                f"{row['epsilon']:7.1f} {row['noise_multiplier']:6.1f} "
                f"{row['noise_to_signal']:13.2f}{'  bearable' if bearable else ''}"
            )
        settings = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return "\n".join([*lines, f"try: {settings}"])


def suggest_dp(estimator, X, y, *, epsilons=_EPSILONS):
    """What epsilon this number of weights, rows and steps can bear, and settings to try.

    The rows are looked at without noise, and what comes out is not private: ask with public rows
    of the same kind and number, or keep the answer.

    Parameters
    ----------
    estimator : QNNClassifier or HybridQNNClassifier
        Its `privacy`, if it has one, gives delta, sampling and the public number of rows.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    epsilons : sequence of float, default=(0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0)

    Returns
    -------
    PrivacySuggestion

    Raises
    ------
    ValueError
        All gradients are 0 at the start: there is nothing to train.

    Notes
    -----
    A fit of T steps adds T mean gradients, of length ``coherence * clip`` at the start, and noise
    of standard deviation ``sqrt(T) noise_multiplier clip / n`` on each of p weights. The noise
    multiplier grows as ``sqrt(T)`` for one epsilon, so that noise over signal is about
    ``sqrt(p) noise_multiplier / (sqrt(T) n coherence)``, whatever T is: it is the number of
    weights, of rows and epsilon that decide. The signal is that of the start; it fades as
    training goes on, and with it the use of more steps.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skqmu import QNNClassifier
    >>> from skqmu.classifiers import suggest_dp
    >>> X, y = load_iris(return_X_y=True)
    >>> told = suggest_dp(QNNClassifier(observables="z", random_state=0), scale(X), y)
    >>> told.n_weights, told.epsilon is not None, sorted(told.params)
    (55, True, ['learning_rate_init', 'max_iter', 'privacy'])
    """
    model = clone(estimator)
    privacy = DifferentialPrivacy() if model.privacy is None else model.privacy
    model.set_params(privacy=clone(privacy).set_params(classes="public"))
    model._check_parameters()
    gradients, n_weights = _start_gradients(model, X, y)
    lengths = np.linalg.norm(gradients, axis=2)
    clip = float(np.median(lengths))
    if not clip > 0:
        raise ValueError(
            "the gradients of the rows at the start are 0: there is nothing to train, whatever "
            "epsilon is. Look at the scale of the features."
        )
    cut = gradients * np.minimum(1.0, clip / np.maximum(lengths, np.finfo(float).tiny))[..., None]
    coherence = float(np.linalg.norm(cut.mean(axis=1), axis=1).mean() / clip)
    n = len(y) if privacy.n_public is None else privacy.n_public
    size = {"n_rows": n, "batch_size": n, "max_iter": model.max_iter}
    rows = []
    for epsilon in epsilons:
        asked = clone(privacy).set_params(epsilon=epsilon, noise_multiplier=None, sampling="full")
        plan = asked.plan(**size)
        rows.append(
            {
                "epsilon": float(epsilon),
                "noise_multiplier": plan.noise_multiplier,
                "noise_to_signal": float(
                    np.sqrt(n_weights / plan.n_steps) * plan.noise_multiplier / (n * coherence)
                ),
            }
        )
    bearable = [row["epsilon"] for row in rows if row["noise_to_signal"] <= _BEARABLE]
    chosen = min(bearable, default=None)
    params = {
        "privacy": clone(privacy).set_params(
            epsilon=max(epsilons) if chosen is None else chosen, clip=float(f"{clip:.2g}")
        ),
        "max_iter": 60,
        "learning_rate_init": 0.1,
    }
    return PrivacySuggestion(n_weights, n, clip, coherence, rows, chosen, params)


def _start_gradients(model, X, y):
    """Each row's gradient at some starts, shape (starts, rows, weights), and how many move."""
    with Writing(model) as work:  # nothing of which is put in place
        return _of_copy(work.model, X, y)


def _of_copy(model, X, y):
    data = model._validated(X, y, None, None, fixed=None)
    model._start_afresh()
    network = model._network()
    check_network_is_private(model, network)
    records = private_records(data, model.class_weight, model.classes_)
    rng = check_random_state(model.random_state)
    if len(records) > _MOST_ROWS:
        records = records[rng.choice(len(records), _MOST_ROWS, replace=False)]
    moves = model._trainable_mask(network)
    found = []
    for _ in range(_N_STARTS):
        seed = np.random.SeedSequence(int(rng.randint(2**31 - 1)))
        logits, tape = network.forward(model._initial_params(network, seed), records.X)
        _, slopes = weighted_cross_entropy(logits, records.targets, records.weights)
        each, _ = network.backward(tape, slopes, per_sample=True, wanted=moves)
        found.append(each if moves is None else np.where(moves, each, 0.0))
    n_weights = network.layout.n_parameters if moves is None else int(np.count_nonzero(moves))
    return np.array(found), n_weights
