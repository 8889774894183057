"""
A device, and its cost before it is spent
=========================================

`estimate_cost` counts circuits, shots and seconds of a device without running anything. A budget
then holds the spending to it. The device here is a fake of one of IBM's, with its noise; a real
one differs by its name.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from skqmu import QNNClassifier
from skqmu.backends import RuntimeBackend
from skqmu.exceptions import BudgetExceededError

if find_spec("qiskit_ibm_runtime") is None:
    print("Left out: this example needs qiskit-ibm-runtime (pip install qiskit-ibm-runtime).")
    raise SystemExit

X, y = load_iris(return_X_y=True)
X = MinMaxScaler((-np.pi / 2, np.pi / 2)).fit_transform(X)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)

# %%
# Five things that one may want of the device, and what each would take. The features are angles
# already (``input_scale=None``), so that no scale of theirs has to be trained.

device = RuntimeBackend("fake_manila", shots=1024, seed=0)
model = QNNClassifier(
    n_layers=2, observables="z", input_scale=None, batch_size=32, max_iter=60, random_state=0
)
on_device = clone(model).set_params(backend=device)
by_spsa = clone(on_device).set_params(solver="spsa", max_iter=150)
head_only = clone(on_device).set_params(trainable="head", head="ridge")
costs = {
    "fit, gradients by parameter shift": on_device.estimate_cost(X, y),
    "fit, SPSA": by_spsa.estimate_cost(X, y),
    "forget 5 rows, gradient ascent": on_device.estimate_cost(
        X, y, method="unlearn", forget=np.arange(5), strategy="gradient_ascent"
    ),
    "fit, head only": head_only.estimate_cost(X, y),
    "predict 30 rows": on_device.estimate_cost(X_test, y_test, method="predict"),
}
for name, cost in costs.items():
    print(f"{name}: {cost['circuits']} circuits, {cost['shots']} shots, {cost['jobs']} jobs")

# %%
# On a logarithmic scale, for they lie far apart.

figure, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
seconds = np.array([cost["qpu_seconds"] for cost in costs.values()])
bars = ax.barh(list(costs), seconds, color="C0")
ax.bar_label(
    bars, [f"{s / 3600:.1f} h" if s > 3600 else f"{s:.0f} s" for s in seconds], padding=4
)  # fmt: skip
ax.set(xscale="log", xlim=(1, 1e6), xlabel="estimated time of the processor (s)")
ax.invert_yaxis()
plt.show()

# %%
# So the model is trained here, on exact values, and only asked there, within a budget of shots.

model.fit(X, y)
print(f"accuracy here: {model.score(X_test, y_test):.2f}")
budget = {"shots": costs["predict 30 rows"]["shots"]}
model.set_params(backend=RuntimeBackend("fake_manila", shots=1024, seed=0, budget=budget))
print(f"accuracy on the device: {model.score(X_test, y_test):.2f}")

# %%
# The estimate was enough. One row more is not run at all.

try:
    model.predict(np.vstack([X_test, X[:1]]))
except BudgetExceededError as error:
    print(error)

# %%
# Training on a device is dear, and most of it is gradients: two circuits and more for each weight
# and row. Seconds are a rule of thumb that was not checked on a device; circuits and shots are
# counts. :doc:`From laptop to hardware </hardware>` says how they come about.
