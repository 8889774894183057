"""What the worker processes of Study H do: fit a model, or carry out one mechanism."""

import pickle
import time
import warnings
from functools import lru_cache

import numpy as np
from _study_files import keep, kept
from _study_h_settings import (
    choosing_on_test,
    make_data,
    make_estimator,
    predicting,
    published_mechanisms,
    sound_mechanisms,
)
from _study_measures import Judge, Outputs

from skqmu.exceptions import UnlearningWarning

# Seconds that a process waits for what another one trains.
_LONGEST = 3600

__all__ = [
    "data_of",
    "expected_rows",
    "kept_outputs",
    "mechanisms",
    "outputs_of",
    "train",
    "unlearn",
    "world",
]


def outputs_of(model, data, forget):
    """Probabilities on the three parts of a request."""
    return Outputs(
        retain=model.predict_proba(data.X[~forget]),
        forget=model.predict_proba(data.X[forget]),
        test=model.predict_proba(data.X_test),
    )


@lru_cache(maxsize=1)
def data_of(dataset, folder):
    """The data set, read once a process."""
    return make_data(dataset, folder)


def train(path, setting, seed, scenario, folder):
    """Fit an original (`scenario` None) or an oracle, and leave it in `path`."""
    data = data_of(setting.dataset, folder)
    rows = np.ones(len(data.y), bool) if scenario is None else ~data.forget[scenario]
    started = time.process_time()
    model = make_estimator(setting, seed).fit(data.X[rows], data.y[rows], classes=np.unique(data.y))
    trained = {
        "cpu_seconds": time.process_time() - started,
        "gradient_rows": model.fit_cost_["gradient_rows"],
    }
    if scenario is None:
        trained["model"] = pickle.dumps(model)
        trained["acc_test"] = float(predicting(model, setting).score(data.X_test, data.y_test))
    else:
        trained["outputs"] = outputs_of(predicting(model, setting), data, data.forget[scenario])
    keep(path, trained)


def _trained(path):
    """What `train` leaves in a file, as soon as another process has left it there."""
    until = time.monotonic() + _LONGEST
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{path} was not trained within {_LONGEST} s; start again.")
        time.sleep(0.1)
    found = kept(path)
    if found is None:
        raise ValueError(f"{path} was damaged meanwhile; start again with --resume.")
    return found


@lru_cache(maxsize=1)
def original_of(path):
    """The trained original of a seed, read once a process."""
    return _trained(path)


@lru_cache(maxsize=1)
def world(setting, folder, original, oracles):
    """What the mechanisms of one seed share: the original, and a judge for each request."""
    data = data_of(setting.dataset, folder)
    first = original_of(original)
    answering = predicting(pickle.loads(first["model"]), setting)
    classes = np.unique(data.y)
    judges, before = {}, {}
    for scenario, paths in oracles:
        forget = data.forget[scenario]
        parts = (data.y[~forget], data.y[forget], data.y_test)
        labels = Outputs(*(np.searchsorted(classes, y) for y in parts))
        removed = int(labels.forget[0]) if scenario == "fullclass" else None
        retrained = [_trained(path) for path in paths]
        before[scenario] = outputs_of(answering, data, forget)
        judges[scenario] = Judge(
            labels,
            before[scenario],
            [oracle["outputs"] for oracle in retrained],
            removed,
            data.sound_test,
        )
        judges[scenario].budget = float(np.mean([o["gradient_rows"] for o in retrained]))
        judges[scenario].removed = removed
    return data, first, judges, before


def mechanisms(setting, scenario, protocol):
    """Strategies of one table, by name."""
    if protocol == "published":
        return published_mechanisms(setting.dataset, setting.quick)
    return sound_mechanisms(setting.dataset, scenario)


def kept_outputs(original, scenario, method):
    """Where the answers of an unlearned model lie, beside the original that it came from."""
    return original.with_name(f"{original.stem}-{scenario}-{method}.outputs")


def unlearn(setting, shared, scenario, protocol, method):
    """One mechanism on a copy of the original, judged; cost and what the log says."""
    folder, original, _ = shared
    data = data_of(setting.dataset, folder)
    model = pickle.loads(original_of(original)["model"])
    strategy, reference = mechanisms(setting, scenario, protocol)[method], {}
    if protocol == "published":
        labels = np.searchsorted(model.classes_, data.y_test)
        strategy = choosing_on_test(strategy, data.X_test, labels)
    else:
        reference = {
            "X_reference": data.X_test[data.reference],
            "y_reference": data.y_test[data.reference],
        }
    forget = data.forget[scenario]
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        model.unlearn(index=np.flatnonzero(forget), strategy=strategy, **reference)
    entry = model.unlearning_log_[-1]
    told = {
        "cpu_seconds": time.process_time() - started,
        "gradient_rows": entry["cost"]["gradient_rows"],
        "n_epochs": entry["n_epochs"],
        "stop_reason": entry["stop_reason"],
    }
    outputs = outputs_of(predicting(model, setting), data, forget)
    if protocol == "sound":
        keep(kept_outputs(original, scenario, method), outputs)
    # Not before: the last oracles may be in training while the first mechanisms run.
    judge = world(setting, *shared)[2][scenario]
    row = judge.row(outputs, told["gradient_rows"] / judge.budget)
    return (scenario, protocol, method), row | told


def expected_rows(setting, data, scenario, protocol, method):
    """Rows that a mechanism takes gradients of, at most."""
    forget = data.forget[scenario]
    strategy = mechanisms(setting, scenario, protocol)[method]
    return strategy.gradient_rows(int(forget.sum()), int((~forget).sum()))
