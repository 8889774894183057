"""
Attacking any classifier: a random forest
=========================================

An attack asks a model what anybody may ask, so any classifier of scikit-learn will do. Here are
two forests of one kind; one of them may grow a leaf for a single row.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier

from skqmu.attacks import LiRAAttack
from skqmu.datasets import make_memorisation
from skqmu.metrics import LeakRankingDisplay, MembershipRocDisplay

X, y, wrong = make_memorisation(
    600, n_features=6, label_noise=0.15, return_noisy=True, random_state=0
)
trained_on = np.arange(len(y)) < 300

# %%
# `LiRAAttack` trains 32 *shadows*: forests like the target, on halves of rows that the attacker
# holds. From them it learns, row by row, what a forest that saw the row says of it.

results, attacks = {}, {}
for name, smallest in (("leaves of 1 row and more", 1), ("leaves of 20 rows and more", 20)):
    forest = RandomForestClassifier(40, min_samples_leaf=smallest, random_state=0)
    forest.fit(X[trained_on], y[trained_on])
    attacks[name] = LiRAAttack(forest, n_shadows=32, random_state=0).fit(X, y)
    results[name] = attacks[name].evaluate(X, y, trained_on, fprs=(0.1,))
    accuracy = forest.score(X[~trained_on], y[~trained_on])
    print(f"{name}: accuracy on new rows {accuracy:.2f}, AUC {results[name].auc:.2f}")

# %%
# What the attacker knew and how far he got, in words:

print(results["leaves of 1 row and more"])

# %%
# Both axes of the picture are logarithmic: an attacker who is sure of a few rows is dangerous,
# even where he is wrong about most.

MembershipRocDisplay(results).plot()
plt.show()

# %%
# The leak is not spread evenly. Most of the 15 most exposed rows have a wrong label, which only
# one row in seven has: the forest can be right about them only by having kept them.

members = np.flatnonzero(trained_on)
scores = attacks["leaves of 1 row and more"].decision_function(X, y)
names = [f"row {row}{', wrong label' if wrong[row] else ''}" for row in members]
LeakRankingDisplay.from_predictions(
    scores[members], names=names, reference=scores[~trained_on], fpr=0.05, n_records=15
)
plt.show()

# %%
# Small leaves remember rows. Larger ones give much less away, and cost a point of accuracy.
# :doc:`Attacks </attacks>` says which attack to take for what.
