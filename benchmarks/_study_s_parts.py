"""The sweeps of Study S: shots, step sizes, noise, a fake device, noisy gradients."""

import time
from dataclasses import dataclass

import numpy as np
from _study_s_measures import (
    Rows,
    accuracies,
    auc_of,
    auditor,
    published_rates,
    sound_rates,
    thresholds,
)
from _study_s_settings import (
    FORGET,
    SHOTS,
    data_of,
    mechanisms,
    training_rows,
    varied_mechanisms,
)
from _study_s_work import fresh, unlearned
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from skqmu.attacks import UpstreamAttack
from skqmu.backends import AerBackend, RuntimeBackend

__all__ = ["DEVICE", "PARTS"]

# 16 qubits, of which the circuit takes 8; there is no fake device of 8 qubits.
DEVICE = "fake_guadalupe"
_STRENGTHS = (0.0001, 0.001, 0.01)
# A noisy row of 8 qubits with its amplitudes takes a third of a second.
_FEW = 32


@dataclass(frozen=True)
class Part:
    """One sweep: which networks and seeds it is for, and how it is run."""

    run: object
    seeds: int
    models: tuple = ("basic", "hqnn")

    def applies(self, setting, seed):
        """Whether it is run for this network and seed."""
        return setting.is_base and setting.model in self.models and seed < self.seeds


def _at(models, backend):
    for model in models.values():
        model.set_params(backend=backend)


def shots(setting, seed, models, rows, pools, folder):
    """Trained exactly, asked with shots; shadows and auditor see answers of as many.

    What `skqmu.attacks.ShotLeakageCurve` does for one attack, for two that share the answers.
    """
    del models["GA, as published"]
    for name in [name for name in models if name.startswith("oracle")][1:]:
        del models[name]
    table = []
    for number in (64, None) if setting.quick else SHOTS:
        backend = AerBackend(shots=number, seed=seed)
        _at(models, backend)
        pool = pools["original"].asked_again(params={"estimator__backend": backend})
        own = auditor(models["original"], rows)
        found = {
            name: thresholds(model, rows) | {"published": published_rates(own, model, rows)}
            for name, model in models.items()
        }
        found["original"] |= sound_rates(models["original"], pool, rows)
        found["original"]["acc_test"] = float(models["original"].score(*rows.test))
        table.append({"shots": number, "models": found})
    return table


def steps(setting, seed, models, rows, pools, folder):
    """The mechanisms with other step sizes."""
    table = {}
    for name, strategy in varied_mechanisms(setting).items():
        model = unlearned(fresh(models["original"]), strategy, *rows.forget)
        table[name] = accuracies(model, rows) | thresholds(model, rows)
    return table


def noise(setting, seed, models, rows, pools, folder):
    """Depolarising noise after each gate, on a few rows; the shadows answer exactly."""
    strengths = _STRENGTHS[1:2] if setting.quick else _STRENGTHS
    backends = {None: AerBackend()}
    backends |= {p: AerBackend(noise=f"depolarizing:{p:g}") for p in strengths}
    return [
        {"strength": strength} | _answering(setting, seed, models, pools, folder, backend)
        for strength, backend in backends.items()
    ]


def device(setting, seed, models, rows, pools, folder):
    """One pass through the code path of a device: a fake one, its noise and 1024 shots."""
    backend = RuntimeBackend(DEVICE, shots=1024, seed=seed)
    original = models["original"].set_params(backend=backend)
    cost = original.estimate_cost(rows.forget[0][:1], method="predict")
    told = {key: cost[key] for key in ("depth", "two_qubit_gates")}
    return {"name": DEVICE, "shots": 1024, "circuit": told} | _answering(
        setting, seed, models, pools, folder, backend
    )


def _answering(setting, seed, models, pools, folder, backend):
    """The original and one unlearned model, asked about a few rows on a noisy backend."""
    started = time.process_time()
    data = data_of(setting, folder)
    few = Rows(data, training_rows(data, seed), few=4 if setting.quick else _FEW)
    asked = {name: models[name].set_params(backend=backend) for name in ("original", "GA")}
    remembered = {name: _Answers(model, few) for name, model in asked.items()}
    own = auditor(remembered["original"], few)
    found = {
        name: thresholds(model, few) | {"published": published_rates(own, model, few)}
        for name, model in remembered.items()
    }
    # RMIA would ask the model about the whole pool.
    found["original"] |= sound_rates(remembered["original"], pools["original"], few, ["LiRA"])
    found["original"]["acc_test"] = float(
        (remembered["original"].predict(few.test[0]) == few.test[1]).mean()
    )
    return {
        "rows": len(few.forget[1]),
        "models": found,
        "cpu_seconds": time.process_time() - started,
    }


def gradients(setting, seed, models, rows, pools, folder):
    """GA with the study's steps, its gradients measured with shots (parameter shift)."""
    strategy = mechanisms(setting)["GA, as published"]
    forget = tuple(part[:8] for part in rows.forget) if setting.quick else rows.forget
    table = []
    for number in (None, 64) if setting.quick else (None, 64, 1024):
        model = fresh(models["original"])
        exact = model.backend
        if number is not None:
            model.set_params(backend=AerBackend(shots=number, seed=seed))
        started = time.process_time()
        unlearned(model, strategy, *forget)
        seconds = time.process_time() - started
        spent = model.unlearning_log_[-1]["cost"]
        model.set_params(backend=exact)
        table.append(
            {"shots": number, "cpu_seconds": seconds, "circuits": spent["circuits"]}
            | accuracies(model, rows)
            | thresholds(model, rows)
        )
    return table


def pca(setting, seed, models, rows, pools, folder):
    """What a PCA that was fitted on the training images gives away to who holds it."""
    data = data_of(setting, folder)
    training = training_rows(data, seed)
    fours = np.flatnonzero(data.y == FORGET)
    reduced = PCA(256, svd_solver="randomized", random_state=0)
    # The attack looks at the steps before the classifier alone.
    pipeline = make_pipeline(reduced, DummyClassifier()).fit(data.raw[training], data.y[training])
    attack = UpstreamAttack(pipeline, n_shadows=4 if setting.quick else 16, random_state=0)
    scores = attack.fit(data.raw, data.y).decision_function(data.raw[fours], data.y[fours])
    return auc_of(scores, np.isin(fours, training))


class _Answers:
    """A model whose answers are asked for once: each takes a third of a second."""

    def __init__(self, model, rows):
        self.classes_ = model.classes_
        self.model = model
        self.known = {}
        self.predict_proba(rows.fours[0])

    def predict_proba(self, X):
        """Probabilities; of rows that were asked about before, the same as then."""
        keys = [row.tobytes() for row in X]
        new = {key: row for key, row in zip(keys, X, strict=True) if key not in self.known}
        if new:
            answers = self.model.predict_proba(np.stack(list(new.values())))
            self.known |= dict(zip(new, answers, strict=True))
        return np.stack([self.known[key] for key in keys])

    def predict(self, X):
        """Labels."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


PARTS = {
    "shots": Part(shots, seeds=1000),
    "steps": Part(steps, seeds=1000),
    "pca": Part(pca, seeds=3, models=("basic",)),
    "noise": Part(noise, seeds=1, models=("basic",)),
    "device": Part(device, seeds=1),
    "gradients": Part(gradients, seeds=2, models=("basic",)),
}
