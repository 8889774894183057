"""Metrics of leakage and of forgetting, each with an interval."""

from ._membership import MembershipResult, membership_result
from ._rates import OperatingPoint

__all__ = ["MembershipResult", "OperatingPoint", "membership_result"]
