"""How much each parameter matters to a set of rows."""

from dataclasses import dataclass

import numpy as np

from ..exceptions import TrainingDivergedError
from ..network import Network, cross_entropy_gradient
from ..training import Records

__all__ = ["Importance", "gradient_norms", "importance_of", "squared_gradients"]

# Rows whose gradients are held apart at once, and numbers: 32 MB. With a front-end of a
# quarter of a million weights 256 rows take seven times as long as 16.
_CHUNK, _NUMBERS = 256, 2**22


@dataclass(frozen=True)
class Importance:
    """Importances of the parameters to some rows.

    Parameters
    ----------
    values : ndarray of shape (n_parameters,)
        Weighted mean over the rows.
    weight : float
        Sum of the rows' weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import Importance
    >>> everyone = Importance(np.array([2.0, 1.0]), weight=10.0)
    >>> everyone.without(Importance(np.array([2.0, 10.0]), weight=1.0)).values
    array([2., 0.])
    """

    values: np.ndarray
    weight: float

    def without(self, part: "Importance") -> "Importance":
        """Importance to the rows that are left when `part` is taken away.

        ``F_r = (n F_D - n_f F_f) / (n - n_f)``.

        Parameters
        ----------
        part : Importance
            To those rows, at the same parameters.
        """
        left = self.weight - part.weight
        values = (self.weight * self.values - part.weight * part.values) / left
        # A difference of close numbers: what is below rounding is not information.
        return Importance(np.where(values > 1e-12 * self.values, values, 0.0), left)


def importance_of(
    network: Network,
    params: np.ndarray,
    records: Records,
    kind: str = "fisher",
    *,
    wanted: np.ndarray | None = None,
) -> Importance:
    """Importance of each parameter to the given rows.

    Parameters
    ----------
    network : Network
    params : ndarray of shape (n_parameters,)
    records : Records
    kind : {"fisher", "qfi"}, default="fisher"
        ``"fisher"``: mean of the squared per-sample gradients of the cross-entropy with the
        true labels; ``"qfi"``: the same for the head, and the diagonal quantum Fisher
        information for circuit weights.
    wanted : ndarray of bool of shape (n_parameters,) or None, default=None
        As of `squared_gradients`.

    Returns
    -------
    Importance

    Raises
    ------
    TrainingDivergedError
        The importances are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import Records
    >>> from skqmu.unlearning import importance_of
    >>> network = Network([Dense("head", 1, 2)])  # a kernel of two numbers, then two biases
    >>> records = Records(np.array([[2.0], [0.0]]), np.eye(2), np.ones(2))
    >>> importance_of(network, np.zeros(4), records).values
    array([0.5 , 0.5 , 0.25, 0.25])
    """
    values = squared_gradients(network, params, records, wanted=wanted)
    if kind == "qfi":
        information = network.quantum_information(params, records.X, records.weights)
        values = np.where(np.isnan(information), values, information)
    if not np.isfinite(values).all():
        raise TrainingDivergedError(
            "the importances of the parameters are not finite; the model has diverged."
        )
    return Importance(values, float(records.weights.sum()))


def squared_gradients(network, params, records, *, wanted=None):
    """Diagonal of the empirical Fisher information.

    Parameters
    ----------
    network : Network
    params : ndarray of shape (n_parameters,)
    records : Records
    wanted : ndarray of bool of shape (n_parameters,) or None, default=None
        Parameters whose importance is asked for; None: all. Layers before the first of them
        cost no gradient, and what is not gone through is 0.

    Returns
    -------
    ndarray of shape (n_parameters,)
        Mean, weighted by the records' weights, of the squared PER-SAMPLE gradients of the
        cross-entropy with the true labels.
    """
    total = np.zeros(len(params))
    for batch, gradients in _row_gradients(network, params, records, wanted):
        total += batch.weights @ gradients**2
    return total / records.weights.sum()


def gradient_norms(network, params, records, *, wanted=None):
    """Norm of each row's gradient of the cross-entropy with its true label.

    Parameters
    ----------
    network : Network
    params : ndarray of shape (n_parameters,)
    records : Records
        Weights do not count.
    wanted : ndarray of bool of shape (n_parameters,) or None, default=None
        Parameters whose gradients count; None: all.

    Returns
    -------
    ndarray of shape (n_records,)
    """
    mask = slice(None) if wanted is None else wanted
    return np.concatenate(
        [
            np.linalg.norm(gradients[:, mask], axis=1)
            for _, gradients in _row_gradients(network, params, records, wanted)
        ]
    )


def _row_gradients(network, params, records, wanted):
    """Records a few at a time, each with its own gradient."""
    chunk = min(_CHUNK, max(1, _NUMBERS // len(params)))
    for start in range(0, len(records), chunk):
        batch = records[slice(start, start + chunk)]
        logits, tape = network.forward(params, batch.X)
        d_logits = cross_entropy_gradient(logits, batch.targets, np.ones(len(batch)))
        gradients, _ = network.backward(tape, d_logits, per_sample=True, wanted=wanted)
        yield batch, gradients
