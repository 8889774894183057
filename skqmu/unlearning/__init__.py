"""Unlearning strategies: small objects that say what the shared loop should optimise."""

from ._adversarial import AdversarialUniform
from ._amnesiac import Amnesiac
from ._ascent import FisherForgetting, GradientAscent, NegGradPlus, RelativeGradientAscent
from ._base import LoopStrategy, UnlearningStrategy
from ._certificate import UPSTREAM, Assumption, Certificate
from ._composite import Composite
from ._convex import CertifiedRemoval, ExactDowndate
from ._dampening import SelectiveDampening
from ._distill import SCRUB, BadTeacher, DistributionGuided
from ._finetune import FineTune, LastLayersFineTune, LastLayersRetrain, NoisyFineTune
from ._guard import guarded, tolerance_of, unguarded
from ._harm import Harm, Yardstick
from ._importance import Importance, importance_of
from ._refit import LastLayerRefit
from ._registry import STRATEGIES, resolve_strategy
from ._relabel import (
    LabelComplement,
    RandomLabels,
    SaliencyUnlearning,
    SimilarLabelReweighting,
)
from ._request import HeadView, Outcome, UnlearningRequest
from ._retrain import Retrain
from ._stop import stop_source
from ._twin import RetrainedTwin

__all__ = [
    "SCRUB",
    "STRATEGIES",
    "UPSTREAM",
    "AdversarialUniform",
    "Amnesiac",
    "Assumption",
    "BadTeacher",
    "Certificate",
    "CertifiedRemoval",
    "Composite",
    "DistributionGuided",
    "ExactDowndate",
    "FineTune",
    "FisherForgetting",
    "GradientAscent",
    "Harm",
    "HeadView",
    "Importance",
    "LabelComplement",
    "LastLayerRefit",
    "LastLayersFineTune",
    "LastLayersRetrain",
    "LoopStrategy",
    "NegGradPlus",
    "NoisyFineTune",
    "Outcome",
    "RandomLabels",
    "RelativeGradientAscent",
    "Retrain",
    "RetrainedTwin",
    "SaliencyUnlearning",
    "SelectiveDampening",
    "SimilarLabelReweighting",
    "UnlearningRequest",
    "UnlearningStrategy",
    "Yardstick",
    "guarded",
    "importance_of",
    "resolve_strategy",
    "stop_source",
    "tolerance_of",
    "unguarded",
]
