"""
A forest in shards, and what a deletion costs
=============================================

Whatever classifier it is: train it in shards, and a deletion trains only those shards again that
held a row of the request. The result is exact, the same as if the rows had never been there. What
is it worth, and what is the price? Here with a random forest on 1,347 images of digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

import skqmu
from skqmu.metrics import accuracy_interval

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
forest = RandomForestClassifier(30, random_state=0)
n_shards = [1, 2, 4, 8, 16]
models = [skqmu.ShardedClassifier(forest, n_shards=n, random_state=0).fit(X, y) for n in n_shards]

# %%
# **The price** is accuracy: each shard's forest knows a part of the rows only.

right = [int(np.sum(model.predict(X_test) == y_test)) for model in models]
accuracy = [accuracy_interval(n, len(y_test)) for n in right]
for n, each in zip(n_shards, accuracy, strict=True):
    print(f"{n:2d} shards: {each.value:.3f} [{each.low:.3f}, {each.high:.3f}]")

# %%
# **What it is worth** depends on the request. A request of one row comes to one shard; one of many
# rows comes to all of them. The model's own record of who is in which shard, `assignment_`, says
# which share of the rows would be trained on again. Means over 200 random requests of each size:

sizes = np.array([1, 2, 4, 8, 16, 32, 64])
rng = np.random.default_rng(0)


def share_again(model, size):
    """Rows in the shards that a request of `size` random rows comes to, as a share of all."""
    shard = model.assignment_[:, 0]
    rows = np.bincount(shard)
    hit = [np.unique(rng.choice(shard, size, replace=False)) for _ in range(200)]
    return np.mean([rows[shards].sum() for shards in hit]) / len(shard)


figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
values = np.array([each.value for each in accuracy])
errors = [
    [each.value - each.low for each in accuracy],
    [each.high - each.value for each in accuracy],
]
left.errorbar(n_shards, values, errors, marker="o", capsize=3)
left.set(xscale="log", xticks=n_shards, xticklabels=n_shards, xlabel="shards")
left.set(ylabel="accuracy on held-out images, 95 % interval")
left.minorticks_off()
for n, model in zip(n_shards, models, strict=True):
    shares = [100 * share_again(model, size) for size in sizes]
    right.plot(sizes, shares, marker="o", ms=4, label=f"{n} shards" if n > 1 else "one model")
right.set(xscale="log", xticks=sizes, xticklabels=sizes, ylim=(0, 104))
right.set(xlabel="rows in one request", ylabel="rows trained on again (%)")
right.minorticks_off()
right.legend()
plt.show()

# %%
# **Is it exact?** Delete three rows from the eight shards; the log says what was trained again.
# Then train anew on the rows that are left, dealt in the same way, by the same seeds.

model = models[3]
model.unlearn(index=[0, 1, 2])
log = model.unlearning_log_[-1]
print(f"trained again: {log['shards_refitted']} of 8 shards")
anew = skqmu.ShardedClassifier(forest, n_shards=8, random_state=0)
anew.fit(X[3:], y[3:], assignment=model.assignment_)
difference = np.abs(anew.predict_proba(X_test) - model.predict_proba(X_test)).max()
print(f"largest difference of a probability: {difference}")

# %%
# Shards are a bargain where requests are small: one row of 1,347 costs a sixteenth of a training
# with 16 shards. They are none where requests are large, or where few rows have to be shared by
# many shards. More on the choice in :doc:`/choosing`, on the word "exact" in :doc:`/guarantees`.
