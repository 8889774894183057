"""
The attacker who kept the version before
========================================

A deletion is exact if the model is one that never saw the row. But whoever kept yesterday's model
holds two, and the difference between them is the row. `UpdateAttack` looks for it, and we look at
the cures: to delete in batches, and to publish with a new seed.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skqmu
from skqmu.attacks import UpdateAttack, UpdateResult

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
order = rng.permutation(len(X))
X, y = X[order], y[order]
private, public, elsewhere = np.split(np.arange(len(X)), [600, 1200])
X = make_pipeline(MinMaxScaler(), PCA(6, random_state=0)).fit(X[public]).transform(X)

# %%
# The model: an untrained circuit under a ridge regression, which can be downdated exactly, in
# milliseconds. The attacker has public rows of the same kind, and a list of suspects: the deleted
# rows, 100 that stay, 100 that neither version ever saw.

settings = {"trainable": "head", "head": "ridge", "unlearning": "exact_downdate"}
before = skqmu.QNNClassifier(random_state=0, **settings).fit(X[private], y[private])


def request(k):
    """Positions of k random rows of the model, and of the suspects: these k first."""
    deleted = rng.choice(private, k, replace=False)
    stay = rng.choice(np.setdiff1d(private, deleted), 100, replace=False)
    return deleted, np.concatenate([deleted, stay, rng.choice(elsewhere, 100, replace=False)])


def attacked(k, access, make_after, n_requests=20):
    """What the attacker finds, over `n_requests` requests of `k` rows each."""
    found = []
    for _ in range(n_requests):
        deleted, suspects = request(k)
        attack = UpdateAttack(before, make_after(deleted), access=access, n_deleted=k, n_rows=600)
        attack.fit(X[public], y[public])
        found.append(attack.evaluate(X[suspects], y[suspects], np.arange(len(suspects)) < k))
    return UpdateResult.pool(found)


def downdated(deleted):
    return copy.deepcopy(before).unlearn(index=deleted, report="none")


def new_circuit(deleted):
    rows = np.setdiff1d(private, deleted)
    return skqmu.QNNClassifier(random_state=1, **settings).fit(X[rows], y[rows])


sizes = [1, 2, 4, 8, 16]
curves = {
    "sees the weights": [attacked(k, "weights", downdated) for k in sizes],
    "sees answers only": [attacked(k, "answers", downdated) for k in sizes],
    "sees answers, new circuit": [attacked(k, "answers", new_circuit) for k in sizes],
}
for name, results in curves.items():
    print(f"{name}: " + ", ".join(f"{result.found:.2f}" for result in results))

# %%
# Left, what a batch hides: the share of its k rows among the k most suspect. Right, what it does
# not: how often one of its rows is the first suspect of all (95 % intervals over 20 requests).

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for i, (name, results) in enumerate(curves.items()):
    left.plot(sizes, [result.found for result in results], marker="o", label=name)
    tops = [result.top(1) for result in results]
    values = np.array([top.value for top in tops])
    errors = [values - [top.low for top in tops], [top.high for top in tops] - values]
    right.errorbar(np.array(sizes) * 1.05**i, values, errors, marker="o", capsize=3)
left.plot(sizes, np.array(sizes) / (np.array(sizes) + 200), "k:", lw=1, label="guessing")
right.plot(sizes, np.array(sizes) / (np.array(sizes) + 200), "k:", lw=1)
for ax, what in (
    (left, "share of deleted rows found"),
    (right, "a deleted row is the first suspect"),
):
    ax.set(xscale="log", xticks=sizes, xticklabels=sizes, ylim=(-0.04, 1.04))
    ax.set(xlabel="rows deleted in one request", ylabel=what)
    ax.minorticks_off()
left.legend(loc="center", bbox_to_anchor=(0.5, 0.28), fontsize="small")
plt.show()

# %%
# Exact deletion compares one version with retraining, and says nothing about two. A batch hides
# about half of its rows from whoever sees answers, but not the most exposed one, and hides little
# from whoever sees weights. A new circuit, drawn for the new version, brings this attacker down to
# about what guessing finds, and costs a training. More in :doc:`/two_versions`.
