"""
Which mechanism forgets best? A grid search
===========================================

How a model forgets is a setting like any other. `GridSearchCV` goes over mechanisms and over the
settings of each, and scores accuracy beside privacy.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.datasets import ForgetKFold, forget_split, make_memorisation
from skqmu.metrics import privacy_scoring
from skqmu.unlearning import FineTune, GradientAscent, LabelComplement

# one label in ten is wrong: there is something to know by heart
X, y = make_memorisation(160, n_features=4, label_noise=0.1, random_state=0)
forget = forget_split(y, "fraction:0.15", random_state=0)

# %%
# `UnlearningClassifier` is one experiment: fit, forget, and train two *oracles*, models that
# never saw the forgotten rows. ``neg_forget_gap`` is how far the accuracy on these rows is from
# the oracles', as a negative number: 0 is best.

experiment = UnlearningClassifier(
    QNNClassifier(max_iter=80, random_state=0), n_oracles=2, random_state=0
)
grid = [
    {"strategy": ["retrain"]},
    {"strategy": [FineTune()], "strategy__max_iter": [2, 10, 50]},
    {"strategy": [GradientAscent()], "strategy__max_iter": [2, 10, 50]},
    {"strategy": [LabelComplement()], "strategy__beta": [0.1, 0.3, 1.0]},
]

# %%
# `ForgetKFold` keeps the forgotten rows in the training part of every fold: a fold that never
# saw them could not forget them.

search = GridSearchCV(
    experiment,
    grid,
    scoring=privacy_scoring("accuracy", "neg_forget_gap"),
    refit="neg_forget_gap",
    cv=ForgetKFold(5, forget=forget),
)
search.fit(X, y, forget=forget)
print(search.best_params_)
