"""
Privacy scorers, and the front between two goals
================================================

Accuracy and privacy are two goals, and two goals have no single best, but a front. Where it lies
depends on what is called privacy: two scorers are compared here, and one of them misleads.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.datasets import ForgetKFold, make_memorisation
from skqmu.exceptions import UnlearningWarning
from skqmu.metrics import ParetoDisplay, pareto, privacy_scoring
from skqmu.unlearning import FineTune, GradientAscent, LabelComplement

X, y, wrong = make_memorisation(
    160, n_features=4, label_noise=0.1, return_noisy=True, random_state=0
)

# %%
# Three scores of every candidate. ``neg_forget_gap`` compares with models that never saw the
# forgotten rows. ``neg_mia_distinguishability`` attacks: it takes the losses of the forgotten
# rows and of held-out ones, and asks how well these can be told apart.
#
# ``refit=pareto(...)`` chooses on the front: here among candidates whose accuracy is .75 or more.

warnings.simplefilter("ignore", UnlearningWarning)  # candidates that end short of their target
search = GridSearchCV(
    UnlearningClassifier(
        QNNClassifier(n_layers=4, reuploading=True, random_state=0), n_oracles=2, random_state=0
    ),
    [
        {"strategy": ["retrain"]},
        {"strategy": [FineTune()], "strategy__max_iter": [2, 10, 50]},
        {"strategy": [GradientAscent()], "strategy__learning_rate_init": [0.01, 0.1]},
        {"strategy": [LabelComplement()], "strategy__beta": [0.1, 1.0]},
    ],
    scoring=privacy_scoring("accuracy", "neg_forget_gap", "neg_mia_distinguishability"),
    refit=pareto("accuracy", "neg_forget_gap", at_least={"accuracy": 0.75}),
    cv=ForgetKFold(3, forget=wrong, random_state=0),
)
search.fit(X, y, forget=wrong)
print(f"chosen: {search.best_params_}")

# %%
# The same candidates by the two kinds of privacy; the chosen one is marked in both.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
ParetoDisplay.from_estimator(search, "accuracy", "neg_forget_gap", ax=axes[0])
ParetoDisplay.from_estimator(search, "accuracy", "neg_mia_distinguishability", ax=axes[1])
axes[0].set_title("compared with retraining")
axes[1].set_title("the attack by itself")
plt.show()

attacked = search.cv_results_["mean_test_neg_mia_distinguishability"]
print(f"best by the attack: {search.cv_results_['params'][attacked.argmax()]}")

# %%
# The attack by itself calls retraining the worst of all and two epochs of fine-tuning the best,
# although it has forgotten the least. For the forgotten rows have wrong labels: a model that never
# saw them is surprised by them, and that tells them from other rows, too. What an attack finds
# means something only beside what it finds in a retrained model.
#
# ``neg_forget_gap`` makes that comparison, and by it and accuracy there is nothing to trade here:
# retraining is best in both. :doc:`Searches </searches>` lists the scorers, and
# :doc:`Reading an audit </audits>` says which number to trust.
