"""Attacks: meta-estimators that measure what a fitted classifier gives away of its members."""

from skqmu.attacks._all_attacks import all_attacks
from skqmu.attacks._guards import match_classes
from skqmu.attacks._label_only import LabelOnlyAttack
from skqmu.attacks._learned import QNNOutputAttack, ShadowModelAttack
from skqmu.attacks._lira import LiRAAttack
from skqmu.attacks._pool import ShadowPool
from skqmu.attacks._quantile import QuantileAttack
from skqmu.attacks._result import AttackResult
from skqmu.attacks._rmia import RMIAAttack
from skqmu.attacks._shots import ShotCurveResult, ShotLeakageCurve, ShotPoint
from skqmu.attacks._threat_model import ThreatModel
from skqmu.attacks._threshold import ThresholdAttack
from skqmu.attacks._unlearning import UnlearningAttack, UnlearningResult
from skqmu.attacks._update import UpdateAttack
from skqmu.attacks._update_match import statistics_scores
from skqmu.attacks._update_reconstruct import Reconstruction
from skqmu.attacks._update_result import UpdateResult
from skqmu.attacks.upstream import UpstreamAttack, UpstreamStep, upstream_steps

__all__ = [
    "AttackResult",
    "LabelOnlyAttack",
    "LiRAAttack",
    "QNNOutputAttack",
    "QuantileAttack",
    "RMIAAttack",
    "Reconstruction",
    "ShadowModelAttack",
    "ShadowPool",
    "ShotCurveResult",
    "ShotLeakageCurve",
    "ShotPoint",
    "ThreatModel",
    "ThresholdAttack",
    "UnlearningAttack",
    "UnlearningResult",
    "UpdateAttack",
    "UpdateResult",
    "UpstreamAttack",
    "UpstreamStep",
    "all_attacks",
    "match_classes",
    "statistics_scores",
    "upstream_steps",
]
