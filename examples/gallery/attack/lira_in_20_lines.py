"""
LiRA in 20 lines, beside ours
=============================

The likelihood-ratio attack of Carlini et al. (2022) is short: train many models with and without
each row, and ask which of the two groups the target's answer looks like. Here it is in NumPy and
scikit-learn, next to `LiRAAttack`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm, spearmanr
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skqmu.attacks import LiRAAttack, ThresholdAttack
from skqmu.datasets import make_memorisation
from skqmu.metrics import MembershipRocDisplay, membership_result

X, y = make_memorisation(300, n_features=6, label_noise=0.15, random_state=0)
trained_on = np.arange(300) < 150
target = make_pipeline(
    PolynomialFeatures(3), StandardScaler(), LogisticRegression(C=10, max_iter=5000)
)
target.fit(X[trained_on], y[trained_on])

# %%
# Ours first: 64 *shadows*, clones of the target, each trained on a random half of all rows.

attack = LiRAAttack(target, n_shadows=64, variance="pooled", random_state=0).fit(X, y)
ours = attack.decision_function(X, y)

# %%
# Twenty lines. The signal of a row is the logit of its true class. The halves are those of
# ours, so that the two can be compared row by row; the shadows are trained anew. One spread
# serves all rows, as each row alone has few shadows to know its own from.


def logit(model):
    """Logarithm of the odds that the model gives to the true class, row by row."""
    p = model.predict_proba(X)[np.arange(len(y)), y].clip(1e-9, 1 - 1e-9)
    return np.log(p / (1 - p))


def log_ratio(signal, signals, halves, centre=np.ma.mean):
    """Log-likelihood of a signal from models with the row, less that from models without it."""
    likelihoods = []
    for hidden in (~halves, halves):
        group = np.ma.masked_array(signals, hidden)
        spread = np.sqrt(group.var(axis=0, ddof=1).mean())
        likelihoods.append(norm.logpdf(signal, centre(group, axis=0), spread))
    return np.asarray(likelihoods[0] - likelihoods[1])


halves = attack.shadow_pool_.members_
signals = [logit(clone(target).fit(X[half], y[half])) for half in halves]
scores = log_ratio(logit(target), signals, halves)

# %%
# The same attack without any shadow, by the loss of the target alone, stands beside them.

loss = ThresholdAttack(target, n_shadows=0).fit(X, y).decision_function(X, y)
results = {
    name: membership_result(values[trained_on], values[~trained_on], fprs=(0.1,))
    for name, values in (("20 lines", scores), ("LiRAAttack", ours), ("loss alone", loss))
}
for name, result in results.items():
    low, high = result.auc_interval
    print(f"{name}: AUC {result.auc:.3f} (95 %: {low:.3f} to {high:.3f})")
print(f"rank correlation of the two: {spearmanr(scores, ours).statistic:.2f}")
with_medians = log_ratio(logit(target), signals, halves, np.ma.median)
print(f"largest difference with medians in both: {abs(with_medians - ours).max():.1e}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for mask, color, label in (
    (~trained_on, "0.6", "not trained on"),
    (trained_on, "C3", "trained on"),
):
    left.plot(scores[mask], ours[mask], ".", color=color, label=label)
left.axline((0, 0), slope=1, color="k", lw=0.8, ls=":")
left.set(xlabel="score of the 20 lines (nats)", ylabel="score of LiRAAttack (nats)")
left.legend()
MembershipRocDisplay(results).plot(ax=right)
plt.show()

# %%
# The two agree, and to rounding where these lines, too, take medians: the paper takes means, ours
# medians, which one odd shadow cannot move. What the library adds is what one gets wrong by hand:
# halves balanced in each class, copies of a row kept together, probabilities of
# exactly 0 and 1, intervals, and a statement of what the attacker knew.
# :doc:`Attacks </attacks>` has the others.
