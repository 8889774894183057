"""Study C soundly: what resists bad labels, and what forgets them.

Every model that is trained by steps gets the circuit's batches and epochs, three settings to
choose from on a data set of its own (seed 900, clean validation rows), and the same rows. One run
gives its last epoch, and the epochs that validation rows would have chosen: clean ones, and ones
whose labels are as bad as the training rows'.
"""

import warnings
from dataclasses import replace

import numpy as np
from _study_c_models import (
    CLOSED_FORMS,
    GAIN,
    Curve,
    begin,
    circuit,
    classical,
    closed_form,
    mlp,
    projection,
    records,
    run,
)
from _study_c_published import published_objective
from _study_c_tasks import QUICK_EPOCHS, TASKS, corrupted, parts_of, qubits
from scipy.special import rel_entr
from sklearn.metrics import roc_auc_score

from skqmu.network import cross_entropy, softmax
from skqmu.training import Adam, Objective
from skqmu.unlearning import STRATEGIES, RequestRows, Trainer, UnlearningRequest

__all__ = [
    "FORGETTERS",
    "SWEEP",
    "TRAINED",
    "TUNING_SEED",
    "forgetting",
    "sound_fit",
    "tuned_setting",
]

TUNING_SEED = 900
_RATES = (0.003, 0.01, 0.03)
_STRENGTHS = (0.01, 1.0, 100.0)
_DECAYS = (0.003, 0.03, 0.3)
#: Models that are trained by steps, and the settings that each may choose from.
TRAINED = {
    "circuit": _RATES,
    "mlp": _RATES,
    "mlp_weight_decay": _DECAYS,
    "mlp_dropout": _RATES,
    "mlp_bounded": _RATES,
    "projection_linear": _RATES,
    "projection_mlp": _RATES,
}
#: Other sizes of both sides, with the settings of their family.
SWEEP = {
    "circuit_depth_1": ("circuit", {"depth": 1}),
    "circuit_depth_2": ("circuit", {"depth": 2}),
    "mlp_2": ("mlp", {"hidden": (2,)}),
    "mlp_8_2": ("mlp", {"hidden": (8, 2)}),
    "mlp_16_4": ("mlp", {"hidden": (16, 4)}),
}
#: Models that are told to forget their bad rows.
FORGETTERS = ("circuit", "mlp", "projection_linear")
_LOOKS = 20
_ORACLE_EPOCHS = 2  # times the epochs of the fit
_STEPS = 50
# What a mechanism may need beyond the rows is the classifier's, not a network's.
_ROWS = {"forget", "retain", "reference"}


# ------------------------------------------------------------------------------------ fits


def _parts(task, model, rate, seed, images, inputs, quick):
    """Corrupted parts as a kind of model takes them."""
    parts = parts_of(task, "sound", seed, images, inputs=inputs, quick=quick)
    parts = corrupted(parts, "label_flip", rate, seed)
    if SWEEP.get(model, (model,))[0] == "circuit":
        return parts
    names = ("X", "X_val", "X_test")
    return replace(parts, **{name: classical(getattr(parts, name), task) for name in names})


def _network(task, model, parts, inputs, seed, quick, **size):
    """A network, and what it makes of rows before them (a fixed projection, or nothing)."""
    n = parts.X.shape[1]
    if model == "circuit":
        return circuit(task, n, inputs=inputs, n_qubits=qubits(task, quick), **size), None
    if model.startswith("projection"):
        at_most = 4 * task.n_qubits * task.depth  # weights of the circuit
        if model == "projection_linear":
            hidden, n_outputs = (), at_most - 1
        else:
            width = int(np.sqrt(at_most)) - 1  # (k + 1) k + (k + 1) weights, k = width
            hidden, n_outputs = (width,), width
        return mlp(n_outputs, hidden), projection(n, n_outputs, seed)
    more = {
        "mlp_dropout": {"dropout": 0.5},
        "mlp_bounded": {"gain": GAIN, "tanh": True},
    }.get(model, {})
    return mlp(n, size.pop("hidden", (64, 16)), **more), None


def _settings_of(model, setting):
    """Learning rate and decay."""
    return (0.01, setting) if model == "mlp_weight_decay" else (setting, 0.0)


def _sets(parts, front, rate, seed):
    """Validation rows, the same with bad labels, and test rows, as the network takes them."""

    def through(X):
        return X if front is None else X @ front

    X_val = through(parts.X_val)
    flipped = _bad_labels(parts, rate, seed)[0]
    return {
        "val": (X_val, parts.y_val),
        "val_bad": (X_val, flipped),
        "test": (through(parts.X_test), parts.y_test),
    }


def _bad_labels(parts, rate, seed):
    """Labels of validation rows, as bad as those of training rows, and which of them are."""
    held = replace(parts, X=parts.X_val, y=parts.y_val)
    made = corrupted(held, "label_flip", rate, seed + 5000)
    return made.y, made.bad


def _fitted(task, model, setting, parts, rate, seed, inputs, quick, epochs=None, good=None, **size):
    """Train one network on corrupted parts (`good`: on some of their rows)."""
    network, front = _network(task, model, parts, inputs, seed, quick, **size)
    X = parts.X if front is None else parts.X @ front
    rows = slice(None) if good is None else good
    learning_rate, decay = _settings_of(model, setting)
    n = (QUICK_EPOCHS if quick else task.epochs) if epochs is None else epochs
    objective = Objective({"train": records(X[rows], parts.y[rows])}, decay=decay)
    trained = run(
        network,
        objective,
        rate=learning_rate,
        epochs=n,
        batch_size=task.batch_size,
        seed=seed,
        curve=Curve(_sets(parts, front, rate, seed), every=max(1, n // _LOOKS)),
    )
    return trained, front


def tuned_setting(name, model, images, quick=False):
    """The setting that did best on clean validation rows of a data set of its own."""
    warnings.simplefilter("ignore")
    task, inputs, found = TASKS[name], "unit", []
    parts = _parts(task, model, 0.3, TUNING_SEED, images, inputs, quick)
    settings = _STRENGTHS if model in CLOSED_FORMS else TRAINED[model]
    for setting in settings:
        if model in CLOSED_FORMS:
            solved = closed_form(model, task, setting, TUNING_SEED).fit(parts.X, parts.y)
            found.append(solved.score(parts.X_val, parts.y_val))
        else:
            trained, _ = _fitted(task, model, setting, parts, 0.3, TUNING_SEED, inputs, quick)
            found.append(trained.curve[-1]["val"])
    best = int(np.argmax(found))
    return {"task": name, "model": model, "setting": settings[best], "tried": list(settings),
            "accuracies": found}  # fmt: skip


def sound_fit(name, model, setting, rate, seed, inputs, images, quick=False):
    """Test accuracy of one model trained on a share of bad labels."""
    warnings.simplefilter("ignore")
    task = TASKS[name]
    parts = _parts(task, model, rate, seed, images, inputs, quick)
    told = {"task": name, "model": model, "rate": rate, "seed": seed, "inputs": inputs,
            "setting": setting}  # fmt: skip
    if model in CLOSED_FORMS:
        solved = closed_form(model, task, setting, seed).fit(parts.X, parts.y)
        return told | {"end": solved.score(parts.X_test, parts.y_test)}
    family, size = SWEEP.get(model, (model, {}))
    trained, _ = _fitted(task, family, setting, parts, rate, seed, inputs, quick, **size)
    curve = trained.curve
    stops = {f"stop_{kind}": _best(curve, name) for kind, name in
             (("clean", "val"), ("bad", "val_bad"))}  # fmt: skip
    return told | {
        "n_weights": int(trained.network.layout.size),
        "updates": task.epochs * -(-len(parts.y) // task.batch_size),
        "gradient_rows": trained.gradient_rows,
        "end": curve[-1]["test"],
        **{stop: row["test"] for stop, row in stops.items()},
        **{f"{stop}_epoch": row["epoch"] for stop, row in stops.items()},
        "curve": curve,
    }


def _best(curve, name):
    return max(curve, key=lambda row: row[name])  # the first of equal ones


# ----------------------------------------------------------------------------- forgetting


def forgetting(name, model, setting, seed, images, quick=False):
    """A model with 30 % bad labels forgets them: every way, beside converged oracles."""
    warnings.simplefilter("ignore")
    task, rate, inputs = TASKS[name], 0.3, "unit"
    parts = _parts(task, model, rate, seed, images, inputs, quick)
    fit = (task, model, setting, parts, rate)
    original, front = _fitted(*fit, seed, inputs, quick)
    epochs = _ORACLE_EPOCHS * (QUICK_EPOCHS if quick else task.epochs)
    # the fixed projection is part of the model: oracles keep it, and draw weights of their own
    oracles = [
        _fitted(*fit, seed, inputs, quick, epochs=epochs, good=~parts.bad)[0],
        _again(task, model, setting, parts, front, seed + 100, inputs, quick, epochs),
    ]
    clean = replace(parts, y=parts.y_true)
    true_labels = _fitted(task, model, setting, clean, rate, seed, inputs, quick)[0]
    judge = _Judge(task, parts, front, rate, seed, [oracle.params for oracle in oracles])
    network = original.network
    rows = {
        "original": judge.row(network, original.params, 0),
        "clean_labels": judge.row(network, true_labels.params, true_labels.gradient_rows),
    }
    for k, oracle in enumerate(oracles):
        other = [oracles[1 - k].params]
        rows[f"oracle_{k + 1}"] = judge.row(network, oracle.params, oracle.gradient_rows, other)
        rows[f"oracle_{k + 1}"]["last_change"] = oracle.curve[-1]["test"] - oracle.curve[-3]["test"]
    through = replace(parts, X=judge.through(parts.X))
    for way in ("retrain", "fine_tune", "scrub", "gradient_ascent"):
        rows[f"published_{way}"] = judge.published(way, task, network, original.params, through)
    request = _request(network, original.params, through, setting, task, seed)
    for way, strategy in sorted(STRATEGIES.items()):
        if way != "retrain" and strategy().requires <= _ROWS:  # oracles are retrained
            rows[way] = judge.mechanism(strategy(), request)
    return {"task": name, "model": model, "seed": seed, "setting": setting, "rows": rows}


def _again(task, model, setting, parts, front, seed, inputs, quick, epochs):
    """An oracle with weights and batches of another seed, behind the same projection."""
    network, _ = _network(task, model, parts, inputs, seed, quick)
    X = parts.X if front is None else parts.X @ front
    learning_rate, decay = _settings_of(model, setting)
    objective = Objective({"train": records(X[~parts.bad], parts.y[~parts.bad])}, decay=decay)
    sets = {"test": (parts.X_test if front is None else parts.X_test @ front, parts.y_test)}
    curve = Curve(sets, every=max(1, epochs // _LOOKS))
    how = {"rate": learning_rate, "epochs": epochs, "batch_size": task.batch_size}
    return run(network, objective, seed=seed, curve=curve, **how)


def _request(network, params, parts, setting, task, seed):
    everyone = records(parts.X, parts.y)
    return UnlearningRequest(
        network=network,
        params=params,
        seed=np.random.SeedSequence([seed, 3]),
        rows=RequestRows(everyone[parts.bad], everyone[~parts.bad], None, np.array([], dtype=int)),
        trainer=Trainer(
            setting, task.batch_size, solver=Adam, refit=None, importance=None, updates=[]
        ),
    )


class _Judge:
    """Measures parameters on one seed's rows."""

    def __init__(self, task, parts, front, rate, seed, oracles):
        self.task, self.parts, self.front, self.oracles = task, parts, front, oracles
        self.seed = seed
        self.held_labels, self.held_bad = _bad_labels(parts, rate, seed)
        self.X_test, self.X_val = self.through(parts.X_test), self.through(parts.X_val)

    def through(self, X):
        """Rows as the network takes them."""
        return X if self.front is None else X @ self.front

    def row(self, network, params, gradient_rows, oracles=None):
        """Accuracy, distance to oracles, and what the loss tells of the bad rows.

        The attack's members are the bad training rows under their bad labels; its non-members are
        held-out rows whose labels were made bad alike.
        """
        p = _answers(network, params, self.X_test)
        theirs = [_answers(network, own, self.X_test) for own in oracles or self.oracles]
        bad = self.parts.bad
        inside = self._loss(network, params, self.through(self.parts.X[bad]), self.parts.y[bad])
        outside = self._loss(
            network, params, self.X_val[self.held_bad], self.held_labels[self.held_bad]
        )
        return {
            "accuracy": float((p.argmax(axis=1) == self.parts.y_test).mean()),
            "kl_to_oracle": float(np.mean([rel_entr(p, q).sum(axis=1).mean() for q in theirs])),
            "agreement": float(np.mean([(p.argmax(1) == q.argmax(1)).mean() for q in theirs])),
            "auc": float(
                roc_auc_score([1] * len(inside) + [0] * len(outside), [*-inside, *-outside])
            ),
            "gradient_rows": gradient_rows,
        }

    @staticmethod
    def _loss(network, params, X, y):
        return cross_entropy(network.logits(params, X), np.eye(2)[y])

    def published(self, way, task, network, params, parts):
        """One of the published ways: 50 full-batch steps, the last one kept."""
        streams = published_objective(way, network, params, parts)
        start = begin(network, self.seed + 1000) if way == "retrain" else params
        rate = task.unlearning_rates["QNN" if network.executables else "MLP"]
        how = {"rate": rate, "epochs": _STEPS, "batch_size": len(parts.y)}
        trained = run(network, streams, seed=self.seed + 2000, start=start, **how)
        return self.row(network, trained.params, trained.gradient_rows)

    def mechanism(self, strategy, request):
        """A mechanism at its defaults, or why it does not apply to such a network."""
        meter = request.network.meter.copy()
        try:
            strategy.check(request)
            outcome = strategy.unlearn(request)
        except ValueError as error:
            return {"refused": str(error)[:200]}
        spent = request.network.meter.since(meter)
        return self.row(request.network, outcome.params, int(spent.get("gradient_rows", 0)))


def _answers(network, params, X):
    return np.clip(softmax(network.logits(params, X), axis=1), 1e-12, 1)
