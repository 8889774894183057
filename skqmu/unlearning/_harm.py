"""How harm to retained rows is measured, and how much of it is too much."""

from dataclasses import dataclass

import numpy as np

from ..exceptions import TrainingDivergedError
from ..network import Network, cross_entropy, log_softmax
from ..training import Records

__all__ = ["TOLERANCE", "Harm", "Yardstick"]

# Accuracy that a deletion may cost where nothing else is said: a tenth of a class of ten.
TOLERANCE = 0.02
# Loss that goes with it: rows that turn wrong do so with some conviction, and a loss that
# rises while no row turns yet is accuracy that the next requests will cost. Beside the rows it
# counts as much: a model that is repaired on the same rows again and again knows them alone.
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
    loss_beside, loss_beside_at_fit : float or None
        Beside the rows (see `rows_beside`); None: nobody looked.

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
    loss_beside: float | None = None
    loss_beside_at_fit: float | None = None

    @property
    def beyond(self) -> bool:
        """Whether it is more than the tolerance, on the rows or beside them."""
        return self.beyond_on_rows or self.beyond_beside

    @property
    def beyond_on_rows(self) -> bool:
        """Whether it is more than the tolerance (one row may turn wrong in any case)."""
        lost = self.accuracy_at_fit - self.accuracy
        allowed = max(self.tolerance, 1 / self.n_rows)
        return lost > allowed + 1e-9 or self._too_much(self.loss - self.loss_at_fit)

    @property
    def beyond_beside(self) -> bool:
        """Whether the loss beside the rows rose by more: training on them does not mend that."""
        if self.loss_beside is None:
            return False
        return self._too_much(self.loss_beside - self.loss_beside_at_fit)

    def _too_much(self, rise):
        return rise > _LOSS_PER_ACCURACY * self.tolerance

    def __str__(self):
        text = (
            f"accuracy {self.accuracy:.3f} and loss {self.loss:.3g} on {self.n_rows} retained "
            f"rows, after the last fit {self.accuracy_at_fit:.3f} and {self.loss_at_fit:.3g}"
        )
        if self.loss_beside is None:
            return text
        return (
            f"{text}; loss {self.loss_beside:.3g} beside them, then {self.loss_beside_at_fit:.3g}"
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
    beside : ndarray of shape (n, n_features) or None
        A row beside each; None where each look at them runs circuits that are counted.
    loss_beside : ndarray of shape (n,) or None
        Cross-entropy of these at the last fit.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import Records
    >>> from skqmu.unlearning import Yardstick
    >>> network = Network([Dense("head", 1, 2)])
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> yardstick = Yardstick(records, loss=np.array([0.1, 0.1]), hits=np.array([1.0, 1.0]))
    >>> harm = yardstick.harm(network, np.zeros(4), tolerance=0.02)  # of knowing nothing any more
    >>> harm.accuracy, round(harm.loss, 3), harm.beyond
    (0.5, 0.693, True)
    """

    records: Records
    loss: np.ndarray
    hits: np.ndarray
    beside: np.ndarray | None = None
    loss_beside: np.ndarray | None = None

    def __len__(self):
        return len(self.records)

    def without_classes(
        self, network: Network, params: np.ndarray, classes: np.ndarray
    ) -> "Yardstick":
        """What the rows would be, did the model not know some classes: without harm to any.

        A model that was trained without the classes takes no other row for one of them. What
        lies beside the rows may be anything then, and is not looked at.

        Parameters
        ----------
        network : Network
        params : ndarray of shape (n_parameters,)
        classes : ndarray of int
            Columns of the logits.
        """
        logits = network.logits(params, self.records.X)
        logits[:, classes] = -np.inf
        loss = -log_softmax(logits, axis=1)[np.arange(len(self)), self.records.labels]
        hits = logits.argmax(axis=1) == self.records.labels
        return Yardstick(self.records, np.minimum(loss, self.loss), np.maximum(hits, self.hits))

    def harm(self, network: Network, params: np.ndarray, tolerance: float) -> Harm:
        """`Harm` of parameters; costs a forward pass over the rows.

        Parameters
        ----------
        network : Network
        params : ndarray of shape (n_parameters,)
        tolerance : float
            Accuracy that may be lost.

        Raises
        ------
        TrainingDivergedError
            The loss is not finite.
        """
        looks = [self.records.X, *([] if self.beside is None else [self.beside])]
        with np.errstate(over="ignore", invalid="ignore"):
            logits = [network.logits(params, X) for X in looks]
            loss = [float(cross_entropy(each, self.records.targets).mean()) for each in logits]
        if not np.isfinite(loss).all():
            raise TrainingDivergedError(
                "the loss on retained rows became non-finite; lower learning_rate_init or scale "
                "the features."
            )
        return Harm(
            n_rows=len(self),
            accuracy=float((logits[0].argmax(axis=1) == self.records.labels).mean()),
            loss=loss[0],
            accuracy_at_fit=float(self.hits.mean()),
            loss_at_fit=float(self.loss.mean()),
            tolerance=tolerance,
            loss_beside=None if self.beside is None else loss[1],
            loss_beside_at_fit=None if self.beside is None else float(self.loss_beside.mean()),
        )
