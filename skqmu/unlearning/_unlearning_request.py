"""What a strategy is given."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..network import Network
from ..training import Records
from ._harm import Yardstick
from ._head_view import HeadView
from ._privacy_view import PrivacyView
from ._statistics_view import StatisticsView
from ._watching import EpochWatch

__all__ = ["RequestRows", "Trainer", "UnlearningRequest"]


@dataclass(frozen=True)
class RequestRows:
    """The rows of a request, by what is to become of them.

    Parameters
    ----------
    forget : Records
        Rows to forget that the parameters were trained on.
    retain : Records or None
        Rows that stay; None when the classifier keeps none and none were passed.
    reference : Records or None
        Rows that were not trained on: the validation part, or ``X_reference``.
    removed_classes : ndarray of int
        Classes of which no row stays.
    reference_source : {"given", "validation"}, default="given"
        Where `reference` comes from.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import Records
    >>> from skqmu.unlearning import RequestRows
    >>> gone = Records(np.zeros((2, 1)), np.eye(2), np.ones(2))
    >>> len(RequestRows(gone, None, None, np.array([], dtype=int)).forget)
    2
    """

    forget: Records
    retain: Records | None
    reference: Records | None
    removed_classes: np.ndarray
    reference_source: str = "given"


@dataclass(frozen=True)
class Trainer:
    """How the classifier trains, and what its training has left.

    Parameters
    ----------
    learning_rate_init, batch_size : float, int
        The classifier's own.
    solver : callable
        From a learning rate to the classifier's kind of solver, fresh.
    refit : callable
        From a `numpy.random.SeedSequence` or None (the fit's own) to the `FitResult` of a
        fit on the retained rows with the class list fixed; it belongs into the outcome.
    importance : callable
        From a kind (``"fisher"``, ``"qfi"``) and parameters to the `Importance` of these to
        all rows that were trained on, forgotten and retained. Where the rows are not at
        hand it is that which `fit` measured at its own parameters.
    updates : list of ndarray
        Logged steps whose batch held a forgotten row, each of shape (n_parameters,).
    fit_loss : float, default=nan
        Mean loss of the rows trained on, as the last fit left it; nan: unknown.
    alpha : float, default=0.0
        Strength of the penalty on kernels in a fit, to be divided by its rows.
    watch : EpochWatch or None, default=None
        Who follows the epochs of whatever is trained; None: nobody.

    Examples
    --------
    >>> from skqmu.training import SGD
    >>> from skqmu.unlearning import Trainer
    >>> trainer = Trainer(0.1, 32, solver=SGD, refit=None, importance=None, updates=[])
    >>> trainer.solver(trainer.learning_rate_init).learning_rate
    0.1
    """

    learning_rate_init: float
    batch_size: int
    solver: Callable
    refit: Callable
    importance: Callable
    updates: list
    fit_loss: float = np.nan
    alpha: float = 0.0
    watch: EpochWatch | None = None


@dataclass(frozen=True)
class UnlearningRequest:
    """A deletion request as a strategy sees it.

    Parameters
    ----------
    network : Network
    params : ndarray of shape (n_parameters,)
        The trained parameters; never changed in place.
    seed : numpy.random.SeedSequence
        Of this request alone.
    rows : RequestRows
        ``forget``, ``retain``, ``reference``, ``removed_classes`` and ``reference_source``.
    trainer : Trainer
        ``learning_rate_init``, ``batch_size``, ``solver``, ``refit``, ``importance``,
        ``updates``, ``fit_loss``, ``alpha`` and ``watch``.
    trainable : ndarray of bool of shape (n_parameters,) or None, default=None
        Parameters that `fit` trained; None: all. The others stay as they are.
    head : HeadView or None, default=None
        Where the circuit is fixed.
    statistics : StatisticsView or None, default=None
        Where the loss is linear.
    privacy : PrivacyView or None, default=None
        Where training was private.
    yardstick : Yardstick or None, default=None
        What the guard judges harm by; None: it cannot see, or somebody else judges.
    known : dict
        What parts of the request have found out for later parts; shared by its copies.

    Notes
    -----
    The names in `rows` and `trainer` are attributes of the request, too, and `replace` takes
    them: ``request.forget``, ``request.replace(forget=...)``.

    Examples
    --------
    A classifier makes it; by hand, of a single layer and one row to forget:

    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Records
    >>> from skqmu.unlearning import FineTune, RequestRows, Trainer, UnlearningRequest
    >>> network = Network([Dense("head", 1, 2)])
    >>> forget = Records(np.array([[-1.0]]), np.array([[1.0, 0.0]]), np.ones(1))
    >>> retain = Records(np.array([[1.0]]), np.array([[0.0, 1.0]]), np.ones(1))
    >>> rows = RequestRows(forget, retain, reference=None, removed_classes=np.array([0]))
    >>> trainer = Trainer(0.5, 1, solver=SGD, refit=None, importance=None, updates=[])
    >>> seed = np.random.SeedSequence(0)
    >>> request = UnlearningRequest(network, np.zeros(4), seed, rows, trainer)
    >>> outcome = FineTune(max_iter=2).unlearn(request)
    >>> outcome.n_epochs, network.logits(outcome.params, retain.X).argmax()
    (2, np.int64(1))
    """

    network: Network
    params: np.ndarray
    seed: np.random.SeedSequence
    rows: RequestRows
    trainer: Trainer
    trainable: np.ndarray | None = None
    head: HeadView | None = None
    statistics: StatisticsView | None = None
    privacy: PrivacyView | None = None
    yardstick: Yardstick | None = None
    known: dict = field(default_factory=dict)

    def settled(self, params: np.ndarray) -> np.ndarray:
        """`params` with those that `fit` did not train as they were.

        Parameters
        ----------
        params : ndarray of shape (n_parameters,)

        Returns
        -------
        ndarray of shape (n_parameters,)
        """
        return params if self.trainable is None else np.where(self.trainable, params, self.params)

    def replace(self, **changes: Any) -> Self:
        """Copy with other values, whichever part they stand in.

        Parameters
        ----------
        **changes : dict
            New value of each name: a field of the request, of `rows` or of `trainer`.

        Returns
        -------
        UnlearningRequest
            With the same `known`.

        Raises
        ------
        TypeError
            A name is none of these.
        """
        for part in ("rows", "trainer"):
            whole: Any = changes.pop(part, getattr(self, part))
            names = [f.name for f in dataclasses.fields(whole) if f.name in changes]
            inner = {name: changes.pop(name) for name in names}
            changes[part] = dataclasses.replace(whole, **inner)
        return dataclasses.replace(self, **changes)

    @property
    def forget(self) -> Records:
        """Rows to forget that the parameters were trained on."""
        return self.rows.forget

    @property
    def retain(self) -> Records | None:
        """Rows that stay; None when none are at hand."""
        return self.rows.retain

    @property
    def reference(self) -> Records | None:
        """Rows that were not trained on; None when none are at hand."""
        return self.rows.reference

    @property
    def removed_classes(self) -> np.ndarray:
        """Classes of which no row stays."""
        return self.rows.removed_classes

    @property
    def reference_source(self) -> str:
        """Where `reference` comes from: ``"given"`` or ``"validation"``."""
        return self.rows.reference_source

    @property
    def learning_rate_init(self) -> float:
        """The classifier's own."""
        return self.trainer.learning_rate_init

    @property
    def batch_size(self) -> int:
        """The classifier's own."""
        return self.trainer.batch_size

    @property
    def solver(self) -> Callable:
        """From a learning rate to the classifier's kind of solver, fresh."""
        return self.trainer.solver

    @property
    def refit(self) -> Callable:
        """From a seed, or None, to the `FitResult` of a fit on the retained rows."""
        return self.trainer.refit

    @property
    def importance(self) -> Callable:
        """From a kind and parameters to the `Importance` of these."""
        return self.trainer.importance

    @property
    def updates(self) -> list:
        """Logged steps whose batch held a forgotten row."""
        return self.trainer.updates

    @property
    def alpha(self) -> float:
        """Strength of the penalty on kernels in a fit, to be divided by its rows."""
        return self.trainer.alpha

    @property
    def watch(self) -> EpochWatch | None:
        """Who follows the epochs of whatever is trained; None: nobody."""
        return self.trainer.watch

    @property
    def fit_loss(self) -> float:
        """Mean loss of the rows trained on, as the last fit left it; nan: unknown."""
        return self.trainer.fit_loss
