"""
A membership signal that grows with memorisation
================================================

The more of its training rows a model has learned by heart, the better an attacker tells who was
among them. `make_memorisation` dials it: the share of wrong labels, which can only be fitted by
knowing the row.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPClassifier

import skqmu
from skqmu.attacks import ThresholdAttack
from skqmu.datasets import make_memorisation

shares = np.linspace(0, 0.4, 5)
models = {
    "circuit of 8 qubits, linear head": skqmu.QNNClassifier(random_state=0),
    "network of 32 units": MLPClassifier((32,), max_iter=1000, tol=0, random_state=0),
}

# %%
# Half of the rows are trained on, half are not. The attack is the simplest there is, a threshold
# on the loss; its AUC on members against non-members comes with a 95 % interval.

figure, ax = plt.subplots(layout="constrained")
trained_on = np.arange(400) < 200
for i, (name, model) in enumerate(models.items()):
    found = []
    for share in shares:
        X, y = make_memorisation(400, n_features=8, label_noise=share, random_state=0)
        model.fit(X[trained_on], y[trained_on])
        attack = ThresholdAttack(model, n_shadows=0).fit(X, y)
        found.append(attack.evaluate(X, y, trained_on, fprs=(0.1,)))
    values = np.array([each.auc for each in found])
    low, high = np.array([each.auc_interval for each in found]).T
    errors = [values - low, high - values]
    ax.errorbar(shares + 0.004 * i, values, errors, marker="o", capsize=3, label=name)
    print(f"{name}: " + ", ".join(f"{value:.2f}" for value in values))
ax.axhline(0.5, color="0.6", ls=":", lw=1)
ax.set(xlabel="share of wrong labels", ylabel="AUC of the loss attack", ylim=(0.4, 0.9))
ax.legend(loc="upper left")
plt.show()
