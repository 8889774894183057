"""Where a model's fitted transformers are, and which rows each of them was fitted on."""

from dataclasses import dataclass

from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import _safe_indexing, get_tags

from .._estimators import layers

__all__ = ["UpstreamStep", "upstream_steps"]


@dataclass(frozen=True)
class UpstreamStep:
    """One fitted transformer before a classifier, and rows as they reach it.

    Parameters
    ----------
    name : str
        Where it is: names of steps, joined by dots.
    transformer : fitted transformer
    X : rows, as this transformer takes them

    Examples
    --------
    >>> from skqmu.attacks import UpstreamStep
    >>> UpstreamStep("pca", None, None).name
    'pca'
    """

    name: str
    transformer: object
    X: object


def upstream_steps(target, X):
    """Return the fitted transformers that rows pass on their way to a classifier.

    Pipelines (nested ones too), column transformers and feature unions are taken apart.
    Left out is what learned nothing from the training rows: ``"passthrough"``, steps that
    need no fit, and frozen ones, which were fitted elsewhere.

    Parameters
    ----------
    target : fitted Pipeline, or estimator that wraps one (search, FrozenEstimator)
    X : rows as the target takes them

    Returns
    -------
    list of UpstreamStep

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> from sklearn.preprocessing import Normalizer, StandardScaler
    >>> from skqmu.attacks import upstream_steps
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), Normalizer(), make_union(PCA(2)), LogisticRegression()).fit(X, y)
    >>> [step.name for step in upstream_steps(model, X)]
    ['standardscaler', 'featureunion.pca']
    """
    found = []
    for layer in layers(target):
        if isinstance(layer, Pipeline):
            for name, step in layer.steps[:-1]:
                found += _leaves(name, step, X)
                X = _passed(step, X)
    return found


def _nothing(step):
    return step is None or isinstance(step, str)


def _passed(step, X):
    return X if _nothing(step) else step.transform(X)


def _leaves(name, step, X):
    if _nothing(step) or isinstance(step, FrozenEstimator):
        return []
    if isinstance(step, Pipeline):
        found = []
        for inner, part in step.steps:
            found += _leaves(f"{name}.{inner}", part, X)
            X = _passed(part, X)
        return found
    if isinstance(step, FeatureUnion):
        parts = [(inner, part, X) for inner, part in step.transformer_list]
    elif isinstance(step, ColumnTransformer):
        parts = [
            (inner, part, None if _nothing(part) else _safe_indexing(X, columns, axis=1))
            for inner, part, columns in step.transformers_
        ]
    else:
        return [UpstreamStep(name, step, X)] if get_tags(step).requires_fit else []
    return [leaf for inner, part, rows in parts for leaf in _leaves(f"{name}.{inner}", part, rows)]
