"""Attacks: meta-estimators that measure what a fitted classifier gives away of its members."""

from skqmu.attacks._guards import match_classes
from skqmu.attacks._lira import LiRAAttack
from skqmu.attacks._pool import ShadowPool
from skqmu.attacks._registry import all_attacks
from skqmu.attacks._result import AttackResult
from skqmu.attacks._threat_model import ThreatModel
from skqmu.attacks._threshold import ThresholdAttack

__all__ = [
    "AttackResult",
    "LiRAAttack",
    "ShadowPool",
    "ThreatModel",
    "ThresholdAttack",
    "all_attacks",
    "match_classes",
]
