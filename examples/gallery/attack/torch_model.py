"""
Attacking a torch model, epoch by epoch
=======================================

A `torch.nn.Module` is a target once it is said what its outputs are. Asked after every few
epochs, it shows when a network begins to give its training rows away.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skqmu.attacks import ThresholdAttack, as_target
from skqmu.datasets import make_memorisation

if find_spec("torch") is None:
    print("Left out: this example needs torch (pip install torch).")
    raise SystemExit

import torch

# %%
# Half of the rows are trained on. One label in five is wrong, so that a network which is right
# about all of its training rows has learned some of them by heart.

X, y = make_memorisation(1000, n_features=8, label_noise=0.2, random_state=0)
trained_on = np.isin(
    np.arange(1000), train_test_split(np.arange(1000), test_size=0.5, stratify=y, random_state=0)[0]
)
rows, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)

torch.manual_seed(0)
module = torch.nn.Sequential(torch.nn.Linear(8, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2))
optimizer = torch.optim.Adam(module.parameters(), lr=0.01)

# %%
# ``as_target`` takes the module as it is: the attack asks it and never trains it. The attack
# needs no other model, only a threshold on the loss; its AUC comes with a 95 % interval.

target = as_target(module, classes=2, output="logits")
attack = ThresholdAttack(target, n_shadows=0)
epochs, accuracies, found = [], [], []
for epoch in range(301):
    if epoch in (0, 3, 10, 25, 50, 100, 200, 300):
        right = target.predict(X) == y
        epochs.append(epoch)
        accuracies.append((right[trained_on].mean(), right[~trained_on].mean()))
        found.append(attack.fit(X, y).evaluate(X, y, trained_on, fprs=(0.1,)))
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(module(rows[trained_on]), labels[trained_on]).backward()
    optimizer.step()

# %%

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(6.4, 5.6), sharex=True, layout="constrained"
)  # fmt: skip
seen, unseen = np.transpose(accuracies)
top.plot(epochs, seen, "o-", color="C3", label="rows that it was trained on")
top.plot(epochs, unseen, "s-", color="C0", label="other rows")
top.set(ylabel="accuracy")
top.legend()
auc = np.array([each.auc for each in found])
low, high = np.transpose([each.auc_interval for each in found])
bottom.errorbar(epochs, auc, [auc - low, high - auc], marker="o", color="C3", capsize=3)
bottom.axhline(0.5, color="0.6", ls=":", lw=1)
bottom.set(xlabel="epochs of training", ylabel="AUC of the loss attack")
plt.show()

best = int(np.argmax(unseen))
for i in (best, -1):
    print(f"after {epochs[i]} epochs: accuracy on other rows {unseen[i]:.2f}, AUC {auc[i]:.2f}")

# %%
# The network is at its best on new rows after a few epochs. What it learns after that is its
# training rows, and the attacker reads them off: stopping early is a protection that costs
# nothing here. Attacks with shadows of the module's own kind need to know how it was trained:
# :doc:`Targets </targets>` says how to tell them, and what else can be attacked.
