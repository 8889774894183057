"""Strategies by name."""

from .._validation import resolve
from ._adversarial import AdversarialUniform
from ._amnesiac import Amnesiac
from ._ascent import FisherForgetting, GradientAscent, NegGradPlus, RelativeGradientAscent
from ._base import UnlearningStrategy
from ._composite import Composite
from ._convex import CertifiedRemoval, ExactDowndate
from ._dampening import SelectiveDampening
from ._distill import SCRUB, BadTeacher, DistributionGuided
from ._finetune import FineTune, LastLayersFineTune, LastLayersRetrain, NoisyFineTune
from ._refit import LastLayerRefit
from ._relabel import (
    LabelComplement,
    RandomLabels,
    SaliencyUnlearning,
    SimilarLabelReweighting,
)
from ._retrain import Retrain
from ._twin import RetrainedTwin

__all__ = ["STRATEGIES", "resolve_strategy"]

STRATEGIES = {
    "retrain": Retrain,
    "exact_downdate": ExactDowndate,
    "certified_removal": CertifiedRemoval,
    "gradient_ascent": GradientAscent,
    "neg_grad_plus": NegGradPlus,
    "relative_gradient_ascent": RelativeGradientAscent,
    "fisher_forgetting": FisherForgetting,
    "selective_dampening": SelectiveDampening,
    "last_layers_fine_tune": LastLayersFineTune,
    "last_layers_retrain": LastLayersRetrain,
    "last_layer_refit": LastLayerRefit,
    "scrub": SCRUB,
    "noisy_fine_tune": NoisyFineTune,
    "similar_label_reweighting": SimilarLabelReweighting,
    "label_complement": LabelComplement,
    "adversarial_uniform": AdversarialUniform,
    "distribution_guided": DistributionGuided,
    "bad_teacher": BadTeacher,
    "retrained_twin": RetrainedTwin,
    "saliency_unlearning": SaliencyUnlearning,
    "random_labels": RandomLabels,
    "fine_tune": FineTune,
    "amnesiac": Amnesiac,
    "composite": Composite,
}


def resolve_strategy(value, name="strategy"):
    """Turn a name into a strategy with its defaults; pass a strategy through.

    Parameters
    ----------
    value : str or UnlearningStrategy
    name : str, default="strategy"
        The parameter that `value` was given as, for messages.

    Returns
    -------
    UnlearningStrategy

    Examples
    --------
    >>> from skqmu.unlearning import resolve_strategy
    >>> resolve_strategy("retrain")
    Retrain()
    """
    strategy = resolve(name, value, STRATEGIES, UnlearningStrategy)
    strategy.validate()
    return strategy
