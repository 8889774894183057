"""
Which mechanism forgets best? A grid search
===========================================

How a model forgets is a setting like any other. `GridSearchCV` goes over mechanisms and over the
settings of each, and scores privacy beside accuracy.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.datasets import ForgetKFold, make_memorisation
from skqmu.exceptions import UnlearningWarning
from skqmu.metrics import privacy_scoring
from skqmu.unlearning import FineTune, GradientAscent, LabelComplement

# %%
# One label in ten is wrong, and those rows are to be forgotten: who trained on them by mistake
# wants to be rid of them.

X, y, wrong = make_memorisation(
    160, n_features=4, label_noise=0.1, return_noisy=True, random_state=0
)

# %%
# `UnlearningClassifier` is one experiment: fit, forget, and train two *oracles*, which never saw
# the forgotten rows. ``neg_forget_gap`` is the distance to the oracles in accuracy on these rows,
# with a minus sign, so that greater is better and 0 is best.

experiment = UnlearningClassifier(
    QNNClassifier(n_layers=4, reuploading=True, random_state=0), n_oracles=2, random_state=0
)
grid = [
    {"strategy": ["retrain"]},
    {"strategy": [FineTune()], "strategy__max_iter": [2, 10, 50]},
    {"strategy": [GradientAscent()], "strategy__learning_rate_init": [0.01, 0.1]},
    {"strategy": [LabelComplement()], "strategy__beta": [0.1, 1.0]},
]

# %%
# `ForgetKFold` keeps the forgotten rows in the training part of every fold: a model that never
# saw them could not forget them. Candidates that end short of their own target say so in
# warnings, which are left out here, for the scores say it, too.

warnings.simplefilter("ignore", UnlearningWarning)
search = GridSearchCV(
    experiment,
    grid,
    scoring=privacy_scoring("accuracy", "neg_forget_gap"),
    refit="neg_forget_gap",
    cv=ForgetKFold(3, forget=wrong, random_state=0),
)
search.fit(X, y, forget=wrong)
print(f"nearest to retraining: {search.best_params_}")

# %%
# Both scores of all candidates, with their standard errors over the folds; the circle is the
# candidate that was chosen.

results = search.cv_results_
names = []
for params in results["params"]:
    settings = [f"{key.split('__')[1]}={value}" for key, value in params.items() if "__" in key]
    strategy = params["strategy"]
    names.append(
        " ".join([strategy if isinstance(strategy, str) else type(strategy).__name__] + settings)
    )

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
rows = np.arange(len(names))
for ax, score, sign in zip(axes, ("accuracy", "neg_forget_gap"), (1, -1), strict=True):
    mean = sign * results[f"mean_test_{score}"]
    error = results[f"std_test_{score}"] / np.sqrt(search.n_splits_)
    ax.errorbar(mean, rows, xerr=error, fmt="o", capsize=3)
    ax.plot(mean[search.best_index_], search.best_index_, "o", ms=14, mfc="none", color="C3")
axes[0].set(yticks=rows, yticklabels=names, xlabel="accuracy on held-out rows")
axes[0].invert_yaxis()
axes[1].set_xlabel("forget gap: distance to retraining (0 is best)")
axes[1].axvline(0, color="0.6", ls=":", lw=1)
plt.show()

# %%
# A few epochs on the rows that stay forget little; more of them come nearer to retraining. One
# and the same mechanism lies beside retraining or far from it, as its setting is: comparing
# mechanisms at one setting each would compare settings.
#
# The score that a candidate was chosen by flatters it: audit the winner on rows that the search
# never saw. :doc:`Searches </searches>` goes on from here.
