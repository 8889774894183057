"""
One request after another
=========================

A mechanism that passes once may do damage that adds up. ``audit(sequential=True)`` puts request
after request to the same model, each time beside models retrained without any row asked for by
then, and says after which request the two can be told apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import skqmu
from skqmu.unlearning import GradientAscent

X, y = load_digits(n_class=4, return_X_y=True)
X = PCA(6, whiten=True, random_state=0).fit_transform(X)[:600]
y = y[:600]

# %%
# Six requests, each for 6 % of the rows that are left by then. One mechanism is exact; the other
# climbs the loss of the forgotten rows in small steps, without the stop rule and the guard that are
# its defaults here. The error of all verdicts on one mechanism together is 5 %.

report = skqmu.audit(
    skqmu.QNNClassifier(trainable="head", head="ridge", n_qubits=6, random_state=0),
    X,
    y,
    forget=["fraction:0.06"] * 6,
    sequential=True,
    mechanisms={
        "exact downdate": "exact_downdate",
        "small ascents": GradientAscent(
            max_iter=5, learning_rate_init=0.003, stop=None, guard=None
        ),
    },
    attacks="loss",
    n_oracles=8,
    random_state=0,
)
for mechanism in report.data["sequence"]["mechanisms"]:
    print(f"{mechanism['name']}: {mechanism['sentence']}\n")

# %%
# `to_frame` has a row for each model after each request. Left, accuracy on unseen rows, and the
# range of the retrained models. Right, how much further the answers on unseen rows lie from those
# of retrained models than these lie from one another, with the interval behind the verdict; a
# filled mark is a verdict "differs", which may be about another measure.

frame = report.to_frame()
oracles = frame[frame["role"] == "oracle"].groupby("scenario", sort=False)["accuracy_test"]
at = np.arange(1, 7)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
left.fill_between(at, oracles.min(), oracles.max(), color="0.85", label="retrained (8 models)")
right.axhline(0, color="0.6", lw=1)
for i, name in enumerate(["exact downdate", "small ascents"]):
    rows = frame[frame["model"] == name]
    values = rows["gap_distance_test"].to_numpy()
    errors = [values - rows["gap_distance_test_low"], rows["gap_distance_test_high"] - values]
    left.plot(at, rows["accuracy_test"], color=f"C{i}", marker="o", label=name)
    right.errorbar(at + 0.1 * i, values, errors, color=f"C{i}", capsize=3)
    for x, value, verdict in zip(at + 0.1 * i, values, rows["verdict"], strict=True):
        inside = f"C{i}" if verdict == "differs" else "w"
        right.plot(x, value, "o", color=f"C{i}", mfc=inside, zorder=3)
left.set(xlabel="requests so far", ylabel="accuracy on unseen rows")
right.set(xlabel="requests so far", ylabel="distance to retrained models")
left.legend(loc="lower left")
plt.show()

# %%
# An audit of the first request alone would have let the ascents pass as "unresolved". How the error
# is shared, and whether the order of requests matters: :doc:`/sequences`.
