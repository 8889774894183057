"""
Bad rows, and what forgetting them undoes
=========================================

A third of the training labels turns out to be wrong, and only a part of the wrong ones is known.
What counts then is less that rows are gone than that their damage is. A request ``"corrupt:..."``
makes an audit of just that. The rows here are quantum states, ground states of a spin chain in two
phases.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

import skqmu
from skqmu.datasets import make_xxz

data = make_xxz(400, n_qubits=6, spacing="random", random_state=0)
print(f"{len(data.X)} states of 6 qubits, each of {data.X.shape[1]} numbers")

# %%
# Two models: a circuit that takes the state as it is (``encoding="state"``) under a ridge
# regression, and the three nearest neighbours. Each is trained with a third of the labels flipped,
# and a quarter, half, three quarters, or all of the flipped rows are then deleted, by retraining.

models = {
    "3 nearest neighbours": KNeighborsClassifier(3),
    "circuit, ridge head": skqmu.QNNClassifier(
        "state", n_layers=1, trainable="head", head="ridge", random_state=0
    ),
}
shares = [0.25, 0.5, 0.75, 1]
frames = {}
for name, model in models.items():
    report = skqmu.audit(
        model,
        data.X,
        data.y,
        forget=[f"corrupt:label_flip:0.33:known={share}" for share in shares],
        mechanisms="retrain",
        attacks="loss",
        n_oracles=4,
        random_state=0,
    )
    frames[name] = report.to_frame()
    last = report.data["scenarios"][-1]["models"]
    print(name, "|", *(m["corrective"]["sentence"] for m in last if m["role"] == "original"))

# %%
# The frame has it all in columns, with intervals (95 %). Left, accuracy on unseen rows with right
# labels; the point at 0 is the model that was trained on everything. Right, the damage undone: 0 is
# as before, 1 as good as models without any wrong label. Where no damage is shown, the share has no
# finite interval, and is left out.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for i, (name, frame) in enumerate(frames.items()):
    rows = frame[frame["role"] == "mechanism"]
    nothing = pd.Series(np.nan, rows.index)  # the column is not there where nothing was lost
    both = [frame[frame["role"] == "original"].iloc[:1], rows]
    for ax, column, parts, at in (
        (left, "clean_accuracy", both, [0, *shares]),
        (right, "undone_without_bad", [rows], shares),
    ):
        value, low, high = (
            np.concatenate([part.get(column + end, nothing).to_numpy(float) for part in parts])
            for end in ("", "_low", "_high")
        )
        known = np.isfinite(low) & np.isfinite(high)
        at, value, low, high = (np.array(a)[known] for a in (at, value, low, high))
        style = {"marker": "o", "capsize": 3, "color": f"C{i}", "label": name}
        ax.errorbar(100 * at + 1.5 * i, value, [value - low, high - value], **style)
left.set(xlabel="wrong labels that are known and deleted (%)", ylabel="accuracy on right labels")
right.set(xlabel="wrong labels that are known and deleted (%)", ylabel="share of the damage undone")
right.axhline(1, color="0.6", ls=":", lw=1)
right.axhline(0, color="0.6", ls=":", lw=1)
left.legend(loc="lower right")
plt.show()

# %%
# Neighbours repeat wrong labels, and get better with each wrong row that goes; what is not known
# stays and does its damage. The few weights of the other model average over wrong labels, and
# nothing has to be undone. Kinds of damage and measures: :doc:`/corrupt`.
