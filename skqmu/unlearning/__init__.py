"""Unlearning strategies: small objects that say what the shared loop should optimise."""

from ._adversarial import AdversarialUniform
from ._amnesiac import Amnesiac
from ._ascent import FisherForgetting, GradientAscent, NegGradPlus, RelativeGradientAscent
from ._beside import noise_scale, rows_beside
from ._certificate import UPSTREAM, Assumption, Certificate
from ._composite import Composite
from ._convex import CertifiedRemoval, ExactDowndate
from ._dampening import SelectiveDampening
from ._distill import SCRUB, BadTeacher, DistributionGuided
from ._finetune import FineTune, LastLayersFineTune, LastLayersRetrain, NoisyFineTune
from ._guard import guarded, tolerance_of, unguarded
from ._harm import Harm, Yardstick
from ._head_view import HeadEvidence, HeadMaps, HeadProblem, HeadView
from ._importance import Importance, importance_of
from ._names import STRATEGIES, resolve_strategy
from ._newton import NewtonStep
from ._orthogonal_entropy import OrthogonalEntropy
from ._outcome import Outcome
from ._privacy_view import PrivacyView
from ._private_by_training import PrivateByTraining
from ._refit import LastLayerRefit
from ._relabel import (
    LabelComplement,
    RandomLabels,
    SaliencyUnlearning,
    SimilarLabelReweighting,
)
from ._retrain import Retrain
from ._sensitivity_noise import SensitivityNoise
from ._statistics_downdate import StatisticsDowndate
from ._statistics_view import StatisticsView
from ._stop import stop_source
from ._strategy import LoopStrategy, UnlearningStrategy
from ._twin import RetrainedTwin
from ._unlearning_request import RequestRows, Trainer, UnlearningRequest
from ._watching import EpochWatch, StopWhen

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
    "EpochWatch",
    "ExactDowndate",
    "FineTune",
    "FisherForgetting",
    "GradientAscent",
    "Harm",
    "HeadEvidence",
    "HeadMaps",
    "HeadProblem",
    "HeadView",
    "Importance",
    "LabelComplement",
    "LastLayerRefit",
    "LastLayersFineTune",
    "LastLayersRetrain",
    "LoopStrategy",
    "NegGradPlus",
    "NewtonStep",
    "NoisyFineTune",
    "OrthogonalEntropy",
    "Outcome",
    "PrivacyView",
    "PrivateByTraining",
    "RandomLabels",
    "RelativeGradientAscent",
    "RequestRows",
    "Retrain",
    "RetrainedTwin",
    "SaliencyUnlearning",
    "SelectiveDampening",
    "SensitivityNoise",
    "SimilarLabelReweighting",
    "StatisticsDowndate",
    "StatisticsView",
    "StopWhen",
    "Trainer",
    "UnlearningRequest",
    "UnlearningStrategy",
    "Yardstick",
    "guarded",
    "importance_of",
    "noise_scale",
    "resolve_strategy",
    "rows_beside",
    "stop_source",
    "tolerance_of",
    "unguarded",
]
