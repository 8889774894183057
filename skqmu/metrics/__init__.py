"""Metrics of leakage and of forgetting, each with an interval."""

from ._answers import RecordedAnswers
from ._corrective import CorrectiveResult, corrective_result
from ._divergence import agreement_score, js_to_oracle, kl_per_record, kl_to_oracle, zrf_score
from ._epsilon_bounds import (
    attack_limits,
    epsilon_from_guesses,
    epsilon_from_rates,
    epsilon_of_gaussian,
    separation_bound,
)
from ._equivalence import EquivalenceResult, oracle_equivalence
from ._forgetting_result import (
    ForgettingResult,
    forgetting_result,
    gap_to_oracle,
    tug_of_war_score,
    uqi_score,
)
from ._interval import Estimate, accuracy_interval, gap_interval, mean_interval
from ._klom import KlomResult, klom
from ._make_scorer import make_privacy_scorer, privacy_scoring
from ._membership_report import MembershipReport
from ._membership_result import MembershipResult
from ._membership_scores import membership_result
from ._pareto import pareto
from ._plot_course import UnlearningCurveDisplay
from ._plot_front import ForgettingUtilityDisplay
from ._plot_loss import LossDistributionDisplay
from ._plot_pareto import ParetoDisplay
from ._plot_ranking import LeakRankingDisplay
from ._plot_roc import MembershipRocDisplay
from ._plot_shots import ShotCurveDisplay
from ._quality import ForgettingQuality, forgetting_quality
from ._rates import OperatingPoint
from ._relearn import RelearnTime, relearn_time
from ._repeated_verdict import (
    RepeatedVerdict,
    RetrainingDifferences,
    repeated_verdict,
    retraining_differences,
)
from ._scorer_names import SCORERS
from ._scorers import (
    accuracy_recovered,
    neg_false_forgetting,
    neg_forget_gap,
    neg_mia_advantage,
    neg_mia_distinguishability,
    neg_retain_gap,
    neg_tpr_at_1pct_fpr,
    oracle_agreement,
    tug_of_war,
    uqi,
)
from ._scoring_case import ScoringCase
from ._search_report import SearchReport
from ._unlearning_curve import UnlearningCurve, unlearning_curve
from ._verdict import RetrainingVerdict, retraining_verdict

__all__ = [
    "SCORERS",
    "CorrectiveResult",
    "EquivalenceResult",
    "Estimate",
    "ForgettingQuality",
    "ForgettingResult",
    "ForgettingUtilityDisplay",
    "KlomResult",
    "LeakRankingDisplay",
    "LossDistributionDisplay",
    "MembershipReport",
    "MembershipResult",
    "MembershipRocDisplay",
    "OperatingPoint",
    "ParetoDisplay",
    "RecordedAnswers",
    "RelearnTime",
    "RepeatedVerdict",
    "RetrainingDifferences",
    "RetrainingVerdict",
    "ScoringCase",
    "SearchReport",
    "ShotCurveDisplay",
    "UnlearningCurve",
    "UnlearningCurveDisplay",
    "accuracy_interval",
    "accuracy_recovered",
    "agreement_score",
    "attack_limits",
    "corrective_result",
    "epsilon_from_guesses",
    "epsilon_from_rates",
    "epsilon_of_gaussian",
    "forgetting_quality",
    "forgetting_result",
    "gap_interval",
    "gap_to_oracle",
    "js_to_oracle",
    "kl_per_record",
    "kl_to_oracle",
    "klom",
    "make_privacy_scorer",
    "mean_interval",
    "membership_result",
    "neg_false_forgetting",
    "neg_forget_gap",
    "neg_mia_advantage",
    "neg_mia_distinguishability",
    "neg_retain_gap",
    "neg_tpr_at_1pct_fpr",
    "oracle_agreement",
    "oracle_equivalence",
    "pareto",
    "privacy_scoring",
    "relearn_time",
    "repeated_verdict",
    "retraining_differences",
    "retraining_verdict",
    "separation_bound",
    "tug_of_war",
    "tug_of_war_score",
    "unlearning_curve",
    "uqi",
    "uqi_score",
    "zrf_score",
]
