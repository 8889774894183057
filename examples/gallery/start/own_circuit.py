"""
Your own circuit as the model
=============================

A circuit of qiskit that you drew yourself is a classifier, as it stands: some of its parameters
are the features, all others are trained. This one has two qubits and is run one, two and four
times over.
"""

import matplotlib.pyplot as plt
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import train_test_split

import skqmu

X, y = make_moons(240, noise=0.15, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)

# %%
# Features turn the qubits about Y, weights about Z and Y, and one gate entangles the two.
# The features enter as angles in radians, exactly as they are in the table.

x, weight = ParameterVector("x", 2), ParameterVector("w", 4)
circuit = QuantumCircuit(2)
for qubit in range(2):
    circuit.ry(x[qubit], qubit)
    circuit.rz(weight[2 * qubit], qubit)
    circuit.ry(weight[2 * qubit + 1], qubit)
circuit.cz(0, 1)
print(circuit.draw(fold=-1))

# %%
# ``inputs="x"`` says which parameters are the features. ``n_layers`` repeats the circuit: each
# time with the same features and with weights of its own. The more often features enter, the
# finer the functions of them that the circuit can be. Colours are probabilities; the points are
# held-out rows.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for ax, n_layers in zip(axes, (1, 2, 4), strict=True):
    model = skqmu.QNNClassifier(circuit=circuit, inputs="x", n_layers=n_layers, random_state=0)
    model.fit(X_train, y_train)
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", class_of_interest=1, cmap="PuOr", vmin=0,
        vmax=1, alpha=0.8, grid_resolution=60, ax=ax,
    )  # fmt: skip
    ax.scatter(*X_test.T, c=y_test, s=16, cmap="PuOr", edgecolor="k", linewidth=0.5)
    accuracy = model.score(X_test, y_test)
    n_weights = len(model.circuit_weights_)
    ax.set_title(f"{n_layers} x: {n_weights} weights, accuracy {accuracy:.2f}")
    ax.set_xlabel("first feature (radians)")
axes[0].set_ylabel("second feature (radians)")
plt.show()

# %%
# Everything else works as with a named circuit. Ten of the training rows are forgotten here, by
# fitting anew without them.

model.unlearn(X_train[:10])
print(f"accuracy on held-out rows after the deletion: {model.score(X_test, y_test):.2f}")

# %%
# Once is not enough for these two moons: what counts is how often the features enter.
# :doc:`Your own circuit </circuits>` has the other ways in (an encoding, trainable layers, what
# qiskit-machine-learning returns) and says how parameters are ordered.
