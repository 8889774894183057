"""Study C as it was published: validation accuracy under bad rows, and 50 steps of unlearning."""

import warnings
from dataclasses import replace

import numpy as np
from _study_c_models import Curve, accuracies, begin, circuit, classical, mlp, records, run
from _study_c_tasks import (
    QUICK_EPOCHS,
    TASKS,
    corrupted,
    parts_of,
    qubits,
    with_random_phases,
)

from skqmu.network import softmax

__all__ = [
    "KINDS",
    "LOOKS",
    "PHASES",
    "RATES",
    "WAYS",
    "models_of",
    "published_curve",
    "published_objective",
    "published_unlearning",
]

KINDS = ("label_flip", "feature_noise")
RATES = tuple(k / 10 for k in range(10))
WAYS = ("retrain", "fine_tune", "scrub", "gradient_ascent")
#: The MLP of states whose global phases are random. Which phases the published ones have is not
#: known; to circuits they are nothing.
PHASES = "MLP_phases"
# weights of the distillation and of what is forgotten
_KL, _FORGET = 0.5, 0.2
_STEPS = 50
#: Steps whose accuracy is compared: 0 is before the first one.
LOOKS = (0, 10, 20, 30, 40, 49)


def models_of(task):
    """Names of the models of a task."""
    return ("QNN", "MLP", PHASES) if TASKS[task].quantum else ("QNN", "MLP")


def network_of(task, model, n_features, n_qubits, settings):
    """The published network of either family, and how it is trained."""
    if model == "QNN":
        how = {"rate": task.learning_rate, "epochs": task.epochs, "batch_size": task.batch_size}
        return circuit(task, n_features, n_qubits=n_qubits), how
    names = {"rate": "learning_rate", "epochs": "epochs", "batch_size": "batch_size"}
    how = {own: settings[theirs] for own, theirs in names.items()}
    return mlp(n_features, settings["hidden"]), how


def _begun(task, model, kind, rate, number, images, quick, settings):
    parts = parts_of(task, "published", number, images, quick=quick)
    if model == PHASES:
        parts = with_random_phases(parts)
    parts = corrupted(parts, kind, rate, number)
    if model == "MLP":
        parts = replace(parts, X=classical(parts.X, task), X_val=classical(parts.X_val, task))
    network, how = network_of(task, model, parts.X.shape[1], qubits(task, quick), settings)
    if quick:
        how["epochs"] = QUICK_EPOCHS
    return parts, network, how


def published_curve(name, model, kind, rate, number, images, quick=False):
    """Validation accuracy of one run at the end of training: a point of figure 2."""
    warnings.simplefilter("ignore")
    task = TASKS[name]
    parts, network, how = _begun(task, model, kind, rate, number, images, quick, task.mlp)
    curve = Curve({"val": (parts.X_val, parts.y_val)}, every=how["epochs"])
    trained = run(network, {"train": records(parts.X, parts.y)}, seed=number, curve=curve, **how)
    return {
        "task": name, "model": model, "kind": kind, "rate": rate, "run": number,
        "n_weights": int(network.layout.size), "accuracy": trained.curve[-1]["val"],
    }  # fmt: skip


def published_unlearning(name, model, number, images, quick=False):
    """Validation accuracy along 50 full-batch steps, for the four ways: figure 3."""
    warnings.simplefilter("ignore")
    task = TASKS[name]
    settings = task.mlp["unlearns"]
    parts, network, how = _begun(task, model, "label_flip", 0.3, number, images, quick, settings)
    poisoned = run(network, {"train": records(parts.X, parts.y)}, seed=number, **how)
    held = {"val": (parts.X_val, parts.y_val)}
    curves = {}
    for way in WAYS:
        streams = published_objective(way, network, poisoned.params, parts)
        start = begin(network, number + 1000) if way == "retrain" else poisoned.params
        curve = _Looks(held, network, start)
        rate = task.unlearning_rates["QNN" if model == "QNN" else "MLP"]
        steps = {
            "rate": rate,
            "epochs": QUICK_EPOCHS if quick else _STEPS,
            "batch_size": len(parts.y),
        }
        run(network, streams, seed=number + 2000, start=start, curve=curve, **steps)
        curves[way] = curve.rows
    return {"task": name, "model": model, "run": number, "curves": curves}


class _Looks(Curve):
    """A curve at the steps that are compared, the start included."""

    def __init__(self, sets, network, start):
        super().__init__(sets)
        self.rows.append({"epoch": 0, **accuracies(network, start, sets)})

    def after_epoch(self, run):
        if run.point.epoch in LOOKS:
            super().after_epoch(run)
        return False


def published_objective(way, network, params, parts):
    """Streams of one published way; a weighted stream is a weighted loss.

    SCRUB: CE + .5 KL to the poisoned model on the retained rows, less .2 KL on the bad ones. The
    slope of KL(teacher || p) is that of the cross-entropy with the teacher's answers as targets.
    """
    good, bad = (parts.X[~parts.bad], parts.y[~parts.bad]), (parts.X[parts.bad], parts.y[parts.bad])
    retain = records(*good)
    if way in ("retrain", "fine_tune"):
        return {"retain": retain}
    forget = records(*bad, weights=np.full(len(bad[1]), -_FORGET))
    if way == "gradient_ascent":
        return {"retain": retain, "forget": forget}
    taught = [softmax(network.logits(params, X), axis=1) for X in (good[0], bad[0])]
    mixed = (retain.targets + _KL * taught[0]) / (1 + _KL)
    weights = np.full(len(mixed), 1 + _KL)
    return {
        "retain": retain.replace(targets=mixed, weights=weights),
        "forget": forget.replace(targets=taught[1]),
    }
