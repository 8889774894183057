"""What shadows and oracles are clones of."""

from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator

from ._estimators import layers, unwrap
from .targets import adapted

__all__ = ["shadow_template"]


def shadow_template(estimator):
    """Return an unfitted copy whose every classifier will be fitted anew.

    A frozen classifier survives :func:`~sklearn.base.clone` with what it learned, and a
    shadow made of it would have been trained on the target's members. Frozen transformers
    stay: they are public preprocessing.

    Parameters
    ----------
    estimator : classifier
        Fitted or not; also a pipeline, an adapter, or a model that `adapted` knows.

    Returns
    -------
    classifier
        Unfitted.

    Raises
    ------
    NoCloneError
        It stands for a model that cannot be trained anew.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.attacks.tools import shadow_template
    >>> frozen = FrozenEstimator(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    >>> template = shadow_template(frozen)
    >>> template, hasattr(template, "coef_")
    (LogisticRegression(), False)
    """
    estimator = adapted(estimator)
    for layer in layers(estimator):
        if hasattr(layer, "check_trainable"):
            layer.check_trainable()
    template = clone(unwrap(estimator))
    while True:
        frozen = {
            name: clone(unwrap(value))
            for name, value in template.get_params(deep=True).items()
            if isinstance(value, FrozenEstimator) and is_classifier(unwrap(value))
        }
        if not frozen:
            return template
        template.set_params(**frozen)
