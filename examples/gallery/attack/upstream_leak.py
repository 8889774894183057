"""
What the step before the classifier remembers
=============================================

The classifier has forgotten a row. The PCA before it was fitted on that row, and nobody asked *it*
to forget. `UpstreamAttack` looks there; ``upstream="refit"`` is the cure.
"""

import copy
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import skqmu
from skqmu.attacks import UpstreamAttack
from skqmu.exceptions import UnlearningWarning
from skqmu.metrics import MembershipRocDisplay

X, y = load_digits(return_X_y=True)
chosen = np.random.default_rng(0).permutation(len(X))[:450]
X, y = X[chosen], y[chosen]
gone, stays, unseen = np.split(np.arange(450), [150, 250])  # the model is trained on the first 250

# %%
# Exact deletion of 150 rows, in the classifier: a ridge regression on an untrained circuit is
# downdated. The library says itself that the PCA before it still holds what it learned; here we let
# that be.

classifier = skqmu.QNNClassifier(
    trainable="head", head="ridge", unlearning="exact_downdate", n_qubits=4, random_state=0
)
model = make_pipeline(PCA(40, whiten=True, random_state=0), classifier).fit(X[:250], y[:250])

left_behind = copy.deepcopy(model)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always", UnlearningWarning)
    skqmu.unlearn(left_behind, X[gone], y[gone])
print(told[-1].message)

# %%
# And with the cure: the steps are fitted anew, on the raw rows that stay.

cured = copy.deepcopy(model)
retain = {"X_retain": X[stays], "y_retain": y[stays]}
skqmu.unlearn(cured, X[gone], y[gone], upstream="refit", **retain)

# %%
# The attacker holds the pipeline and sees raw rows. He fits the PCA again and again on halves of
# rows like these, and learns how a row looks to a PCA that has seen it. Then he tells the deleted
# rows from 200 that were never there.

results = {}
for name, target in {"forgotten in the classifier": left_behind, "upstream='refit'": cured}.items():
    attack = UpstreamAttack(target, n_shadows=32, random_state=0).fit(X, y)
    rows = np.concatenate([gone, unseen])
    results[name] = attack.evaluate(X[rows], y[rows], np.isin(rows, gone), fprs=(0.1,))
    low, high = results[name].auc_interval
    print(f"{name}: AUC {results[name].auc:.2f} [{low:.2f}, {high:.2f}]")

display = MembershipRocDisplay(results).plot()
display.ax_.set(title="deleted rows against rows never seen", xlim=(1e-2, 1), ylim=(5e-3, 1))
plt.show()

# %%
# What he goes by can be seen. A PCA keeps 40 numbers of an image's 64, and fits best the images
# that it was made of. Above, five of the deleted digits; below, what is wrong when they are rebuilt
# from the 40 numbers (red: too dark, blue: too light), and how large that is over all 150 of them
# (root of the mean square).


def missed(pipeline, rows):
    """The error of images that are rebuilt from their principal components."""
    return pipeline[0].inverse_transform(pipeline[0].transform(X[rows])) - X[rows]


figure, axes = plt.subplots(3, 5, figsize=(6.5, 4.2), layout="constrained")
shown = gone[5:10]
rows = [("deleted digit", X[shown])]
for name, pipeline in (("PCA that\nsaw it", left_behind), ("PCA fitted\nanew", cured)):
    size = np.sqrt(np.mean(missed(pipeline, gone) ** 2))
    rows.append((f"{name}\n(all: {size:.2f})", missed(pipeline, shown)))
for i, (label, images) in enumerate(rows):
    axes[i, 0].set_ylabel(label, rotation=0, ha="right", va="center")
    style = {"cmap": "RdBu_r", "vmin": -3, "vmax": 3} if i else {"cmap": "gray_r"}
    for ax, image in zip(axes[i], images, strict=True):
        picture = ax.imshow(image.reshape(8, 8), **style)
        ax.set(xticks=[], yticks=[])
figure.colorbar(picture, ax=axes[1:], label="error (grey levels of 16)")
plt.show()

# %%
# A deletion reaches what is inside the estimator that is asked. Steps before it are named, and
# fitted anew only where you say so and pass the raw rows. Or fit them on rows that nobody will ask
# to delete. More in :doc:`/pitfalls` and :doc:`/attacks`.
