"""
Shots as a knob of privacy
==========================

A device answers by the shot, and few shots blur what a model says: of its training rows, too.
How many does an attacker need, and what do they cost the honest user?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone

import skqmu
from skqmu.attacks import LiRAAttack, ShotLeakageCurve
from skqmu.backends import AerBackend
from skqmu.datasets import make_memorisation
from skqmu.metrics import ShotCurveDisplay, accuracy_interval

X, y = make_memorisation(800, n_features=4, label_noise=0.2, random_state=0)
pool = np.arange(800) < 240  # what the attacker holds; half of it was trained on
trained_on = np.arange(240) < 120

# %%
# The model is trained on exact values (no shots are spent on that), and is asked on a simulated
# device, shot by shot.

model = skqmu.QNNClassifier(n_layers=3, reuploading=True, max_iter=150, random_state=0)
model.fit(X[pool][trained_on], y[pool][trained_on])
model.set_params(backend=AerBackend(shots=1024, seed=0))

# %%
# `ShotLeakageCurve` trains the attacker's shadows once, and attacks at every number of shots.
# An attacker may ask again and average: 16 answers of 64 shots tell what one of 1024 tells.

attack = LiRAAttack(
    model, clone(model).set_params(backend="statevector"), n_shadows=16, random_state=0
)
curve = ShotLeakageCurve(attack, shots=(4, 16, 64, 256, 1024, None), n_queries=(1, 16))
result = curve.fit(X[pool], y[pool]).evaluate(X[pool], y[pool], trained_on, fprs=(0.1,))
print(result)
