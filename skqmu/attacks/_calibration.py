"""From scores to probabilities of membership, learned where membership is known: shadows."""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

__all__ = ["Calibration"]


class Calibration:
    """p(member) = sigmoid(slope * u + intercept), u the score in robust units.

    Fitted with equal total weight for members and non-members, so the prior odds are even.
    The slope is never negative: where shadows show no signal, or one against the attack's
    orientation (chance, under no leak), every record gets 1/2.

    Parameters
    ----------
    centre, scale : float
        u = clip((score - centre) / scale, -50, 50).
    slope, intercept : float
    """

    def __init__(self, centre, scale, slope, intercept):
        self.centre, self.scale = centre, scale
        self.slope, self.intercept = slope, intercept

    @classmethod
    def fit(cls, scores, membership):
        """Fit to scores of records whose membership is known."""
        centre = float(np.median(scores))
        low, high = np.percentile(scores, [25, 75])
        scale = float(high - low) or float(np.std(scores)) or 1.0
        if np.unique(membership).size < 2 or np.ptp(scores) == 0:
            return cls(centre, scale, 0.0, 0.0)
        u = np.clip((scores - centre) / scale, -50, 50)[:, None]
        model = LogisticRegression(class_weight="balanced").fit(u, membership)
        slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
        return cls(centre, scale, slope, intercept) if slope > 0 else cls(centre, scale, 0.0, 0.0)

    def proba(self, scores):
        """Return the probability of being a member for each score."""
        u = np.clip((scores - self.centre) / self.scale, -50, 50)
        return expit(self.slope * u + self.intercept)
