"""Metrics of leakage and of forgetting, each with an interval."""

from ._divergence import agreement_score, js_to_oracle, kl_to_oracle, zrf_score
from ._equivalence import EquivalenceResult, oracle_equivalence
from ._estimate import Estimate, accuracy_interval, gap_interval, mean_interval
from ._forgetting import (
    ForgettingResult,
    forgetting_result,
    gap_to_oracle,
    tug_of_war_score,
    uqi_score,
)
from ._membership import MembershipResult, membership_result
from ._pareto import pareto
from ._plot_front import ForgettingUtilityDisplay
from ._plot_loss import LossDistributionDisplay
from ._plot_pareto import ParetoDisplay
from ._plot_ranking import LeakRankingDisplay
from ._plot_roc import MembershipRocDisplay
from ._quality import ForgettingQuality, forgetting_quality
from ._rates import OperatingPoint
from ._relearn import RelearnTime, relearn_time

__all__ = [
    "EquivalenceResult",
    "Estimate",
    "ForgettingQuality",
    "ForgettingResult",
    "ForgettingUtilityDisplay",
    "LeakRankingDisplay",
    "LossDistributionDisplay",
    "MembershipResult",
    "MembershipRocDisplay",
    "OperatingPoint",
    "ParetoDisplay",
    "RelearnTime",
    "accuracy_interval",
    "agreement_score",
    "forgetting_quality",
    "forgetting_result",
    "gap_interval",
    "gap_to_oracle",
    "js_to_oracle",
    "kl_to_oracle",
    "mean_interval",
    "membership_result",
    "oracle_equivalence",
    "pareto",
    "relearn_time",
    "tug_of_war_score",
    "uqi_score",
    "zrf_score",
]
