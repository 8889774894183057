"""
Your own mechanism, attack and backend
======================================

A mechanism says what is to be minimised, an attack what it looks at, a backend how circuits are
run. Each is a class of some ten lines; everything else (copies, logs, costs, stop rules,
intervals, gradients) comes with it. An object works without being registered: pass it.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np
from qiskit.primitives import StatevectorEstimator

import skqmu
from skqmu.attacks import ThresholdAttack
from skqmu.backends import BaseBackend, PrimitiveExecutable
from skqmu.datasets import make_memorisation
from skqmu.metrics import membership_result
from skqmu.training import Objective
from skqmu.unlearning import LoopStrategy

# %%
# **A mechanism**: train on, with the targets of the forgotten rows halfway to "I do not know".


class Soften(LoopStrategy):
    """Train on, with the forgotten rows' targets halfway to uniform."""

    formula = "min CE(D_r) + CE(p, (t + U) / 2 on D_f)"
    requires = frozenset({"forget", "retain"})

    def objective(self, request):
        targets = request.forget.targets
        softer = request.forget.replace(targets=(targets + 1 / targets.shape[1]) / 2)
        return Objective({"retain": request.retain, "forget": softer})


# %%
# **An attack**: a threshold on the margin between the true class and the best other one.


class MarginAttack(ThresholdAttack):
    """Threshold on the margin of the true class."""

    def _values(self, proba, y):
        rows = np.arange(len(y))
        others = proba.copy()
        others[rows, y] = -1
        return proba[rows, y] - others.max(axis=1)


# %%
# **A backend**: qiskit's reference primitive, exactly or with normal noise of a given size.


class EstimatorBackend(BaseBackend):
    """Circuits on qiskit's `StatevectorEstimator`."""

    def __init__(self, precision=0.0, *, gradient="auto", seed=None):
        self.precision = precision
        self.gradient = gradient
        self.seed = seed

    @property
    def exact(self):
        return self.precision == 0

    def compile(self, circuit, observables, *, inputs, weights):
        return EstimatorExecutable(self, circuit, observables, inputs, weights)


class EstimatorExecutable(PrimitiveExecutable):
    def prepare(self, backend):
        self.precision = backend.precision
        self.shots = None if backend.exact else round(backend.precision**-2)

    def evaluate(self, values):
        seed = None if self.precision == 0 else np.random.default_rng(self.draw())
        estimator = StatevectorEstimator(default_precision=self.precision, seed=seed)
        parameters = tuple(self.columns.parameters)
        observables = [[observable] for observable in self.observables]
        circuit = self.columns.circuit
        pub = (circuit, observables, {parameters: values})
        return estimator.run([pub]).result()[0].data.evs.T


# %%
# All three together. A model learns 120 rows, a third of them with wrong labels that it can only
# know by heart, and a copy forgets 40 of them by the new mechanism. Beside them stands a model that
# never saw these. The new attack tells the 40 from 60 unseen rows, on the new backend, with more
# and more of its noise.

X, y = make_memorisation(180, n_features=4, label_noise=1 / 3, random_state=0)
X, X_unseen, y, y_unseen = X[:120], X[120:], y[:120], y[120:]
n_forget = 40
clf = skqmu.QNNClassifier(n_layers=3, random_state=0).fit(X, y)
models = {
    "before": clf,
    "Soften": copy.deepcopy(clf).unlearn(X[:n_forget], strategy=Soften(max_iter=30)),
    "never saw them": skqmu.QNNClassifier(n_layers=3, random_state=1).fit(
        X[n_forget:], y[n_forget:]
    ),
}
print(models["Soften"].unlearning_log_[-1]["strategy"])

rows = np.concatenate([X[:n_forget], X_unseen])
labels = np.concatenate([y[:n_forget], y_unseen])
asked_for = np.arange(len(rows)) < n_forget
noises = [0, 0.1, 0.3]
figure, ax = plt.subplots(layout="constrained")
for i, (name, model) in enumerate(models.items()):
    found = []
    for noise in noises:
        model.set_params(backend=EstimatorBackend(noise, seed=0))
        attack = MarginAttack(model, n_shadows=0).fit(rows[:20], labels[:20])
        scores = attack.decision_function(rows, labels)
        found.append(membership_result(scores[asked_for], scores[~asked_for], fprs=(0.1,)))
    values = np.array([each.auc for each in found])
    low, high = np.array([each.auc_interval for each in found]).T
    at = np.arange(len(noises)) + 0.08 * (i - 1)
    ax.errorbar(at, values, [values - low, high - values], marker="o", capsize=3, label=name)
    print(f"{name}: " + ", ".join(f"{value:.2f}" for value in values))
ax.axhline(0.5, color="0.6", ls=":", lw=1)
ax.set_xticks(range(len(noises)), noises)
ax.set(xlabel="noise of each expectation value", ylabel="AUC of the margin, 95 % interval")
ax.legend()
plt.show()

# %%
# The memorised rows show in the model before, on an exact backend, and softening has not changed
# much; 40 rows decide no more. Noise of a few tenths hides the margin. To hand in a mechanism, an
# attack or a backend for the library, run ``check_unlearner``, ``check_attack`` or
# ``check_backend`` of `skqmu.utils.estimator_checks` on it: :doc:`/extending`.
