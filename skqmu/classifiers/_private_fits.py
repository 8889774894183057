"""Private fits: what goes with `privacy`, what the loss is made of, and what was promised."""

import inspect
import warnings

import numpy as np

from .._searches import in_cross_validation
from .._validation import check_is_fitted
from ..exceptions import PrivacyWarning
from ..privacy import PrivateObjective
from ..training import Records
from ._fitting import class_factors, resolved_batch_size
from .state import fitted_state, reads

__all__ = [
    "PrivateFitsMixin",
    "check_network_is_private",
    "check_privacy",
    "plan_of",
    "private_objective",
    "private_records",
    "warn_of_search",
]

# Parameter, the value that it must have, why another one is refused, and the way out.
_CONDITIONS = (
    ("early_stopping", False, "held-out rows would choose the epoch", "set max_iter"),
    (
        "warm_start",
        False,
        "each fit spends anew, and there is one account",
        "fit anew",
    ),
    ("log_updates", False, "steps would be written down with the rows of their batches", ""),
    ("checkpoint", None, "one file would let a fit end in many ways under one account", ""),
    ("loss", "cross_entropy", "sums over all rows are kept, without noise", ""),
    ("head", ("softmax", "fixed"), "a head that is solved takes no noisy steps", ""),
    ("core", ("quantum", "dense"), "nobody knows whether it treats each row alone", ""),
)


class PrivateFitsMixin:
    """Public attributes of a classifier that was fitted with `privacy`."""

    @property
    @reads
    def epsilon_(self):
        """What the parameters give away of a row, at ``privacy.delta``; only with `privacy`."""
        return self._privacy_record("epsilon_").epsilon

    @property
    @reads
    def privacy_spent_(self):
        """Account of the private fits since `fit`, a dict; only with `privacy`.

        ``epsilon`` and ``delta`` of all `n_fits` together (a request that retrains is another
        one), and of the last: ``noise_multiplier``, ``clip``, ``sampling_rate``, ``n_steps``,
        ``n_public``; ``n_deleted``, the rows that private training has made forgotten since;
        ``adjacency``, which data sets the promise tells apart.
        """
        return self._privacy_record("privacy_spent_").spent()

    def _privacy_record(self, name):
        check_is_fitted(self, "params_")
        record = fitted_state(self).privacy
        if record is None:
            raise AttributeError(
                f"{name}: this {type(self).__name__} was not fitted privately; fit with "
                "privacy=DifferentialPrivacy(...)."
            )
        return record


def check_privacy(estimator):
    """Refuse what would let more than noisy steps depend on the rows.

    Raises
    ------
    ValueError
    """
    if estimator.privacy is None:
        return

    def refuse(name, why, way_out):
        raise ValueError(
            f"{name}={getattr(estimator, name)!r} does not go with privacy=: {why}. "
            f"{way_out or 'Leave it at its default'}, or set privacy=None."
        )

    estimator.privacy.validate()
    if not (isinstance(estimator.solver, str) and estimator.solver in ("adam", "sgd")):
        refuse("solver", "it looks at the loss of all rows, without noise", "Use 'adam' or 'sgd'")
    for name, needed, why, way_out in _CONDITIONS:
        value = getattr(estimator, name, None)
        allowed = needed if isinstance(needed, tuple) else (needed,)
        if hasattr(estimator, name) and not any(value is each or value == each for each in allowed):
            refuse(name, why, way_out.capitalize())
    if isinstance(estimator.class_weight, str):
        refuse("class_weight", "it is found out from all labels", "Use a dict, or None")
    # It says nothing in a private fit; at another value than its default somebody relies on it.
    default = inspect.signature(type(estimator).__init__).parameters.get("tol")
    if default is not None and estimator.tol != default.default:
        refuse("tol", "a private fit takes all its max_iter epochs, whatever the loss says", "")
    if getattr(estimator, "_skl_callbacks", None):
        raise ValueError(
            "callbacks do not go with privacy=: they see losses and parameters of each epoch, and "
            "may end training by what they see. Remove them, or set privacy=None."
        )


def check_network_is_private(estimator, network):
    """Refuse layers in which one row's part depends on another row.

    Raises
    ------
    ValueError
    """
    if network.treats_rows_alone:
        return
    names = [layer.name for layer in network.layers if layer.has_training_mode]
    if names:
        raise ValueError(
            f"layer {names[0]!r} does not go with privacy=: it trains in another way than it "
            "predicts (batch norm mixes the rows of a batch and keeps their statistics; dropout "
            "is not needed beside the noise). Leave it out, or put the module into evaluation mode."
        )
    raise ValueError(
        f"backend={estimator.backend!r} does not go with privacy=: `random_state` governs its "
        "shots, and whoever knows it would see a row by the shots of all others. Fit with "
        "backend='statevector'; the same weights predict on any backend, by "
        "set_params(backend=...)."
    )


def plan_of(estimator, n_rows):
    """What a private fit is to do; None where it is not private.

    Parameters
    ----------
    estimator : classifier
    n_rows : int

    Returns
    -------
    PrivacyPlan or None
    """
    privacy = estimator.privacy
    if privacy is None:
        return None
    n = n_rows if privacy.n_public is None else privacy.n_public
    return privacy.plan(
        n_rows=n, batch_size=resolved_batch_size(estimator, n), max_iter=estimator.max_iter
    )


def private_records(data, class_weight, classes):
    """Records whose weights are their own: nothing is divided by what all rows have."""
    weights = data.weights
    if class_weight is not None:
        weights = weights * class_factors(data.labels, weights, class_weight, classes)[data.labels]
    return Records(data.X, np.eye(data.n_classes)[data.labels], weights)


def private_objective(estimator, network, records, plan):
    """Loss of a private fit."""
    return PrivateObjective(
        records,
        plan,
        decay=estimator.alpha / plan.n_public,
        trainable=estimator._trainable_mask(network),
    )


def warn_of_search(estimator):
    """Warn where scikit-learn fits the same rows many times."""
    if in_cross_validation():
        warnings.warn(
            "this private fit is one of a search or cross-validation: each candidate and fold "
            f"spends epsilon={estimator.privacy.epsilon:g} of its rows, and the scores are given "
            "away without noise. Choose parameters on public data, or count the candidates "
            "(epsilon_spent(..., n_fits=)); see docs/private.md.",
            PrivacyWarning,
            stacklevel=2,
        )
