"""
A front-end that was trained elsewhere
======================================

What was learned from public rows needs never be unlearned. Here the step from 64 pixels to four
numbers is fitted on public digits and frozen; private rows train what is behind it, and a deletion
has to reach nothing else.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu.exceptions import UnlearningWarning
from skqmu.metrics import mean_interval

X, y = load_digits(n_class=5, return_X_y=True)
X_public, X, y_public, y = train_test_split(X, y, train_size=200, random_state=0, stratify=y)
X, X_test, y, y_test = train_test_split(X, y, test_size=300, random_state=0, stratify=y)

# %%
# Two models. One trains a dense front-end of its own along with the circuit; all that is public
# about it is a scaler. The other stands behind linear discriminants of the public rows.
# `FrozenEstimator` keeps a pipeline from fitting them again.

scaler = StandardScaler().fit(X_public)
discriminants = make_pipeline(
    LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1), StandardScaler()
).fit(X_public, y_public)
models = {
    "front-end trained on the private rows": (scaler, "dense"),
    "front-end frozen, from 200 public rows": (discriminants, "none"),
}


def model(before, front_end, seed):
    clf = skqmu.HybridQNNClassifier(front_end, n_qubits=4, random_state=seed)
    return make_pipeline(FrozenEstimator(before), clf)


# %%
# From few private rows and from many, five draws of rows and seeds each; intervals of 95 % over the
# draws.

sizes = [20, 40, 80, 160, 320]
figure, ax = plt.subplots(layout="constrained")
for i, (name, (before, front_end)) in enumerate(models.items()):
    means = []
    for n in sizes:
        scores = []
        for seed in range(5):
            X_some, _, y_some, _ = train_test_split(
                X, y, train_size=n, random_state=seed, stratify=y
            )
            fitted = model(before, front_end, seed).fit(X_some, y_some)
            scores.append(fitted.score(X_test, y_test))
        means.append(mean_interval(scores))
    values = np.array([each.value for each in means])
    errors = [values - [each.low for each in means], [each.high for each in means] - values]
    ax.errorbar(np.array(sizes) * 1.03**i, values, errors, marker="o", capsize=3, label=name)
    weights = fitted[-1].params_.size
    print(f"{name} ({weights} weights): " + ", ".join(f"{value:.3f}" for value in values))
alone = discriminants[0].score(X_test, y_test)
ax.axhline(alone, color="0.5", ls=":", label="the public discriminants by themselves")
ax.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="private rows", ylim=(None, 1))
ax.set_ylabel("accuracy on 300 unseen digits")
ax.minorticks_off()
ax.legend(loc="lower right")
plt.show()

# %%
# The frozen front-end saves most where rows are few. (The public discriminants by themselves are
# better still: digits like these are no case for a circuit.) A deletion retrains what is behind the
# front-end, and is exact if the front-end never saw the rows. Nobody but you can know that, and the
# library says so:

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UnlearningWarning)  # the same words stand in the log
    skqmu.unlearn(fitted, X_some[:5], y_some[:5])
log = fitted[-1].unlearning_log_[-1]
print(f"{log['n_forget']} rows forgotten by {log['strategy']}: {log['kind']}")
print(*log["notes"], sep="\n")

# %%
# Any module of torch can be such a front-end as well: with ``requires_grad_(False)`` it is passed
# as ``front_end=`` of `HybridQNNClassifier`, and neither a fit nor a deletion moves it. Which words
# promise what: :doc:`/guarantees`.
