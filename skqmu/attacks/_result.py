"""A membership result that says what its attacker knew."""

import dataclasses
from dataclasses import dataclass

from ..metrics import MembershipResult, membership_result
from ._threat_model import ThreatModel

__all__ = ["AttackResult", "attack_result"]


@dataclass(frozen=True, repr=False)
class AttackResult(MembershipResult):
    """What one attack achieved against one target: rates, intervals, and the threat model.

    Returned by every attack's ``evaluate``; a :class:`skqmu.metrics.MembershipResult` with
    one field more.

    Parameters
    ----------
    n_members, n_nonmembers, level, auc, auc_se, auc_interval : object
        See :class:`skqmu.metrics.MembershipResult`, like all others but the last.
    distinguishability, distinguishability_interval, corrected_distinguishability : object
    advantage, advantage_interval, operating_points : object
    roc_fpr, roc_tpr, roc_thresholds, n_resamples : object
    threat_model : ThreatModel or None, default=None
        What the attacker knew.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.attacks import ThresholdAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = DecisionTreeClassifier(random_state=0).fit(X[::2], y[::2])
    >>> members = [True, False] * 284 + [True]
    >>> attack = ThresholdAttack(target, n_shadows=0).fit(X, y)
    >>> result = attack.evaluate(X, y, members, fprs=(0.01,))
    >>> result.threat_model.knows_members
    False
    """

    threat_model: ThreatModel | None = None

    def summary(self):
        """Return the lines a reader needs: the threat model, then rates with intervals.

        Returns
        -------
        str
        """
        return f"{self.threat_model}\n{super().summary()}"

    __str__ = summary

    def to_dict(self):
        """Return plain Python values that strict JSON holds.

        Returns
        -------
        dict
        """
        threat_model = None if self.threat_model is None else self.threat_model.to_dict()
        return {**super().to_dict(), "threat_model": threat_model}

    @classmethod
    def from_dict(cls, values):
        """Return the result that `to_dict` wrote.

        Parameters
        ----------
        values : dict

        Returns
        -------
        AttackResult
        """
        values = dict(values)
        known = values.pop("threat_model", None)
        plain = MembershipResult.from_dict(values)
        threat_model = None if known is None else ThreatModel.from_dict(known)
        return _with_threat_model(plain, threat_model, cls)


def attack_result(scores_member, scores_nonmember, threat_model, **options):
    """Return the :class:`AttackResult` of scores; options as in `membership_result`."""
    plain = membership_result(scores_member, scores_nonmember, **options)
    return _with_threat_model(plain, threat_model, AttackResult)


def _with_threat_model(plain, threat_model, cls):
    fields = {f.name: getattr(plain, f.name) for f in dataclasses.fields(plain)}
    return cls(**fields, threat_model=threat_model)
