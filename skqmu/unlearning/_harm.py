"""How harm to retained rows is measured, and how much of it is too much."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..exceptions import TrainingDivergedError
from ..network import Network, cross_entropy, log_softmax
from ..training import Records

__all__ = ["TOLERANCE", "Harm", "Yardstick"]

# Accuracy that a deletion may cost where nothing else is said: a tenth of a class of ten.
TOLERANCE = 0.02
# Loss that goes with it: rows that turn wrong do so with some conviction, and a loss that
# rises while no row turns yet is accuracy that the next requests will cost.
_LOSS_PER_ACCURACY = 5.0


@dataclass(frozen=True)
class Harm:
    """What retained rows have lost since the last fit.

    Parameters
    ----------
    n_rows : int
        Rows that were looked at.
    accuracy, loss : float
        Of the parameters that are judged.
    accuracy_at_fit, loss_at_fit : float
        Of those that the last fit left, on the same rows.
    tolerance : float
        Accuracy that may be lost.

    Examples
    --------
    >>> from skqmu.unlearning import Harm
    >>> harm = Harm(100, 0.95, 0.30, accuracy_at_fit=0.96, loss_at_fit=0.15, tolerance=0.02)
    >>> harm.beyond  # accuracy holds, and the loss says that it will not for long
    True
    """

    n_rows: int
    accuracy: float
    loss: float
    accuracy_at_fit: float
    loss_at_fit: float
    tolerance: float

    @property
    def beyond(self) -> bool:
        """Whether it is more than the tolerance (one row may turn wrong in any case)."""
        lost = self.accuracy_at_fit - self.accuracy
        rise = self.loss - self.loss_at_fit
        allowed = max(self.tolerance, 1 / self.n_rows)
        return lost > allowed + 1e-9 or rise > _LOSS_PER_ACCURACY * self.tolerance

    def __str__(self):
        return (
            f"accuracy {self.accuracy:.3f} and loss {self.loss:.3g} on {self.n_rows} retained "
            f"rows, after the last fit {self.accuracy_at_fit:.3f} and {self.loss_at_fit:.3g}"
        )


@dataclass(frozen=True)
class Yardstick:
    """Retained rows, and what the model of the last fit made of them.

    Parameters
    ----------
    records : Records
    loss : ndarray of shape (n,)
        Cross-entropy of each row at the last fit.
    hits : ndarray of shape (n,)
        Whether each row was right then (or the share of its class that was).

    Examples
    --------
    >>> from skqmu.unlearning import Yardstick
    >>> Yardstick.__dataclass_params__.frozen
    True
    """

    records: Records
    loss: np.ndarray
    hits: np.ndarray

    def __len__(self):
        return len(self.records)

    def without_classes(self, network: Network, params: np.ndarray, classes: np.ndarray) -> Self:
        """What the rows would be, did the model not know some classes: without harm to any.

        A model that was trained without the classes takes no other row for one of them.
        """
        logits = network.logits(params, self.records.X)
        logits[:, classes] = -np.inf
        loss = -log_softmax(logits, axis=1)[np.arange(len(self)), self.records.labels]
        hits = logits.argmax(axis=1) == self.records.labels
        return replace(self, loss=np.minimum(loss, self.loss), hits=np.maximum(hits, self.hits))

    def harm(self, network: Network, params: np.ndarray, tolerance: float) -> Harm:
        """`Harm` of parameters; costs a forward pass over the rows.

        Raises
        ------
        TrainingDivergedError
            The loss is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            logits = network.logits(params, self.records.X)
            loss = float(cross_entropy(logits, self.records.targets).mean())
        if not np.isfinite(loss):
            raise TrainingDivergedError(
                "the loss on retained rows became non-finite; lower learning_rate_init or scale "
                "the features."
            )
        return Harm(
            n_rows=len(self),
            accuracy=float((logits.argmax(axis=1) == self.records.labels).mean()),
            loss=loss,
            accuracy_at_fit=float(self.hits.mean()),
            loss_at_fit=float(self.loss.mean()),
            tolerance=tolerance,
        )
