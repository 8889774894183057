"""Attacks: meta-estimators that measure what a fitted classifier gives away of its members."""

from ._all_attacks import all_attacks
from ._attack_reports import ShotCurveReport, UpdateReport
from ._epsilon_audit import EpsilonAudit
from ._epsilon_report import EpsilonReport
from ._epsilon_result import EpsilonAuditResult
from ._exposure import exposure
from ._guards import match_classes
from ._label_only import LabelOnlyAttack
from ._learned import QNNOutputAttack, ShadowModelAttack
from ._lira import LiRAAttack
from ._pool import ShadowPool
from ._quantile import QuantileAttack
from ._result import AttackResult
from ._rmia import RMIAAttack
from ._shots import ShotCurveResult, ShotLeakageCurve, ShotPoint
from ._threat_model import ThreatModel
from ._threshold import ThresholdAttack
from ._unlearning import UnlearningAttack, UnlearningResult
from ._update import UpdateAttack
from ._update_match import statistics_scores
from ._update_reconstruct import Reconstruction
from ._update_result import UpdateResult
from .targets import (
    BlackBoxTarget,
    QiskitMLTarget,
    SkorchTarget,
    TableTarget,
    TorchTarget,
    as_target,
)
from .upstream import UpstreamAttack, UpstreamStep, upstream_steps

__all__ = [
    "AttackResult",
    "BlackBoxTarget",
    "EpsilonAudit",
    "EpsilonAuditResult",
    "EpsilonReport",
    "LabelOnlyAttack",
    "LiRAAttack",
    "QNNOutputAttack",
    "QiskitMLTarget",
    "QuantileAttack",
    "RMIAAttack",
    "Reconstruction",
    "ShadowModelAttack",
    "ShadowPool",
    "ShotCurveReport",
    "ShotCurveResult",
    "ShotLeakageCurve",
    "ShotPoint",
    "SkorchTarget",
    "TableTarget",
    "ThreatModel",
    "ThresholdAttack",
    "TorchTarget",
    "UnlearningAttack",
    "UnlearningResult",
    "UpdateAttack",
    "UpdateReport",
    "UpdateResult",
    "UpstreamAttack",
    "UpstreamStep",
    "all_attacks",
    "as_target",
    "exposure",
    "match_classes",
    "statistics_scores",
    "upstream_steps",
]
