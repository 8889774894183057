"""
Noise: what it costs, and what it hides
=======================================

A noisy device blurs what a model says of every row. What does that cost in accuracy on new rows,
and does it hide the rows that the model was trained on?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split

import skqmu
from skqmu.attacks import LiRAAttack, ShotLeakageCurve
from skqmu.backends import AerBackend
from skqmu.datasets import make_memorisation
from skqmu.metrics import accuracy_interval

# %%
# 400 rows are the attacker's, half of them trained on, as many of each class as not; 600 rows
# tell the accuracy.

X, y = make_memorisation(1000, n_features=4, label_noise=0.2, random_state=0)
X_pool, X_new, y_pool, y_new = X[:400], X[400:], y[:400], y[400:]
members, _ = train_test_split(np.arange(400), test_size=0.5, stratify=y_pool, random_state=0)
trained_on = np.isin(np.arange(400), members)

model = skqmu.QNNClassifier(n_layers=3, reuploading=True, max_iter=200, random_state=0)
model.fit(X_pool[trained_on], y_pool[trained_on])

# %%
# Depolarizing noise behind each gate: with the given probability, the qubits that the gate acted
# on are replaced by noise. Answers are exact here (no shots), so that noise alone is seen. The
# attacker's shadows are asked through the same noise: he knows the device.

strengths = (0, 0.01, 0.02, 0.05, 0.1)
words = [f"depolarizing:{strength}" if strength else None for strength in strengths]
model.set_params(backend=AerBackend())
attack = LiRAAttack(
    model, clone(model).set_params(backend="statevector"), n_shadows=12, random_state=0
)
curve = ShotLeakageCurve(attack, shots=(None,), noise=words).fit(X_pool, y_pool)
points = curve.evaluate(X_pool, y_pool, trained_on, fprs=(0.1,)).points

accuracies = []
for word in words:
    model.set_params(backend=AerBackend(noise=word))
    n_right = int((model.predict(X_new) == y_new).sum())
    accuracies.append(accuracy_interval(n_right, len(y_new)))

# %%

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
leaks = [(point.result.auc, *point.result.auc_interval) for point in points]
columns = ([each[:3] for each in accuracies], leaks)
for ax, values, color in zip(axes, columns, ("C0", "C3"), strict=True):
    value, low, high = np.transpose(values)
    ax.errorbar(strengths, value, [value - low, high - value], fmt="o-", color=color, capsize=3)
    ax.axhline(0.5, color="0.6", ls=":", lw=1)
    ax.set_xlabel("probability of noise, each gate")
axes[0].set_ylabel("accuracy on new rows")
axes[1].set_ylabel("AUC of LiRA")
plt.show()

for strength, accuracy, (leak, low, high) in zip(strengths, accuracies, leaks, strict=True):
    print(f"noise {strength}: accuracy {accuracy}, AUC {leak:.3f} [{low:.3f}, {high:.3f}]")

# %%
# With noise of .05 a gate the attack cannot be told from guessing, while 600 new rows show no
# loss of accuracy. That is a finding about this model and this attack, and no promise: a promise
# is made by :doc:`private training </private>`. :doc:`From laptop to hardware </hardware>` has the
# noise of devices by name, as in ``AerBackend(noise="fake_manila")``.
