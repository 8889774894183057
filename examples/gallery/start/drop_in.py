"""
A pipeline that can forget
==========================

`QNNClassifier` stands where any classifier of scikit-learn stands. Here it learns three kinds of
Iris from two lengths, forgets one of them, and is compared with a model that never saw it.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu

X, y = load_iris(return_X_y=True)
X = X[:, [0, 2]]
model = make_pipeline(StandardScaler(), skqmu.QNNClassifier(random_state=0))
print(f"cross-validated accuracy: {cross_val_score(model, X, y, cv=5).mean():.2f}")

# %%
# Versicolor, the class in the middle, is to be forgotten. The scaler saw it, too:
# ``upstream="refit"`` fits it anew, from the raw rows that stay. The mechanism is the default,
# retraining on these; the log says what happened.

models = {"fitted": deepcopy(model.fit(X, y))}

stays = y != 1
skqmu.unlearn(model, X[~stays], y[~stays], X_retain=X[stays], y_retain=y[stays], upstream="refit")
models["after the deletion"] = deepcopy(model)
print(model[-1].unlearning_log_[-1])

# %%
# The model still knows that there is such a class. Of its rows it knows no more than a model that
# was trained without them, here from another seed.

model.set_params(qnnclassifier__random_state=1)
models["never saw them"] = model.fit(X[stays], y[stays], qnnclassifier__classes=[0, 1, 2])

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for ax, (title, own) in zip(axes, models.items(), strict=True):
    DecisionBoundaryDisplay.from_estimator(own, X, response_method="predict", alpha=0.4, ax=ax)
    ax.scatter(*X.T, c=y, s=14, cmap="cividis", edgecolor="k", linewidth=0.4)
    ax.set(title=title, xlabel="sepal length (cm)")
axes[0].set_ylabel("petal length (cm)")
plt.show()
