"""
Shots as a knob of privacy
==========================

A device answers by the shot, and few shots blur what a model says: of its training rows, too.
How many does an attacker need, and what do they cost the honest user?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split

import skqmu
from skqmu.attacks import LiRAAttack, ShotLeakageCurve
from skqmu.backends import AerBackend
from skqmu.datasets import make_memorisation
from skqmu.metrics import ShotCurveDisplay, accuracy_interval

X, y = make_memorisation(800, n_features=4, label_noise=0.2, random_state=0)
pool = np.arange(800) < 240  # what the attacker holds; half of it was trained on
members, _ = train_test_split(np.arange(240), test_size=0.5, stratify=y[pool], random_state=0)
trained_on = np.isin(np.arange(240), members)

# %%
# The model is trained on exact values (no shots are spent on that), and is asked on a simulated
# device, shot by shot.

model = skqmu.QNNClassifier(n_layers=3, reuploading=True, max_iter=150, random_state=0)
model.fit(X[pool][trained_on], y[pool][trained_on])
model.set_params(backend=AerBackend(shots=1024, seed=0))

# %%
# `ShotLeakageCurve` trains the attacker's shadows once, and attacks at every number of shots.

attack = LiRAAttack(
    model, clone(model).set_params(backend="statevector"), n_shadows=12, random_state=0
)
curve = ShotLeakageCurve(attack, shots=(2, 16, 128, 1024, None)).fit(X[pool], y[pool])
once = curve.evaluate(X[pool], y[pool], trained_on, fprs=(0.1,))

# %%
# An attacker may ask again and average. Eight answers a row, from the same shadows:

curve.set_params(shots=(2, 16, 128), n_queries=(8,)).fit(pool=curve.shadow_pool_)
again = curve.evaluate(X[pool], y[pool], trained_on, fprs=(0.1,))
print(again)

# %%
# The honest user asks once about rows that nobody was trained on.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
ShotCurveDisplay(once.points + again.points).plot(ax=left)
numbers = (2, 16, 128, 1024, None)
for i, shots in enumerate(numbers):
    model.set_params(backend=AerBackend(shots=shots, seed=0))
    right_answers = int((model.predict(X[~pool]) == y[~pool]).sum())
    value, low, high, _ = accuracy_interval(right_answers, int((~pool).sum()))
    right.errorbar(i, value, [[value - low], [high - value]], fmt="o", color="C0", capsize=3)
right.axhline(0.5, color="0.6", ls=":", lw=1)
right.set(
    xticks=range(len(numbers)),
    xticklabels=[shots or "exact" for shots in numbers],
    xlabel="shots of one answer",
    ylabel="accuracy on new rows",
)
plt.show()

# %%
# Two shots tell neither of them more than guessing does. From 16 on the attack wins (its whole
# interval is above 1/2) and the user is better off than by guessing; 128 shots serve the user as
# well as exact answers do, and give the attacker most of what those give. Nor does it help to
# sell answers of few shots without counting them: eight of 16 shots tell him what one of 128
# does.
#
# So shots are a weak knob: they hide rows only where they spoil answers, too.
# :doc:`Attacks </attacks>` has the other attacks, :doc:`private training </private>` a stronger
# knob.
