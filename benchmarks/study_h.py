"""Study H (arXiv 2512.19253) in one command: eleven mechanisms, published and sound protocol.

Run from the root of the repository::

    python benchmarks/study_h.py --dataset iris --out study_h           # seconds
    python benchmarks/study_h.py --data FOLDER --seeds 5 --out study_h   # all, overnight

`--data` names a folder with ``mnist_70000.npz`` and ``fashion_mnist_8000.npz``; without it the
images come from OpenML. Each seed of each data set is one JSON file in `--out`; with
`--resume` those that exist are kept. ``study_h.md`` holds the tables. The convolutional
front-ends need the extra ``torch``.

Published protocol: fixed epochs, no stop rule, best epoch chosen by accuracy on the test set.
Sound protocol: stop rules that see reference rows only, at most five epochs, figures on test
rows that nothing was chosen on, compared with oracles that are retrained with fresh seeds.
What differs from the study's training: epochs are fixed instead of stopped early on the
test set, and Iris is scaled by its training rows. A file of Fashion-MNIST with 800 rows a
class is taken whole: the study's own choice needs the complete data set.
"""

import argparse
import copy
import json
import os
import pickle
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

# Set before workers start: results and times must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _study_h_page import write_page
from _study_h_settings import (
    DATASETS,
    SCENARIOS,
    VARIANTS,
    choosing_on_test,
    make_data,
    make_estimator,
    published_mechanisms,
    sound_mechanisms,
)
from _study_measures import Judge, Outputs, masked

from skqmu.exceptions import UnlearningWarning


def train(estimator, X, y, classes):
    """Fit, and say how long it took on the CPU."""
    started = time.process_time()
    estimator.fit(X, y, classes=classes)
    return estimator, time.process_time() - started


def outputs_of(model, data, forget):
    """Probabilities on the three parts of a request."""
    return Outputs(
        retain=model.predict_proba(data.X[~forget]),
        forget=model.predict_proba(data.X[forget]),
        test=model.predict_proba(data.X_test),
    )


def unlearn(name, scenario, protocol, method, original, data, quick):
    """One mechanism on a copy of the original; outputs, cost and what the log says."""
    forget = data.forget[scenario]
    model = pickle.loads(original)
    if protocol == "published":
        labels = np.searchsorted(model.classes_, data.y_test)
        strategy = choosing_on_test(published_mechanisms(name, quick)[method], data.X_test, labels)
        reference = {}
    else:
        strategy = sound_mechanisms(name, scenario)[method]
        reference = {
            "X_reference": data.X_test[data.reference],
            "y_reference": data.y_test[data.reference],
        }
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
    return outputs_of(model, data, forget), told


def run_seed(name, seed, arguments):
    """All of one seed: original, oracles, mechanisms, both scenarios and protocols."""
    started = time.perf_counter()
    data = make_data(name, arguments.data)
    classes = np.unique(data.y)

    def fresh(number):
        return make_estimator(
            name,
            1000 * seed + number,
            variant=arguments.variant,
            n_layers=arguments.n_layers,
            entanglement=arguments.entanglement,
        )

    n = arguments.oracles
    with Parallel(n_jobs=arguments.n_jobs) as parallel:
        fits = parallel(
            [
                delayed(train)(fresh(0), data.X, data.y, classes),
                *(
                    delayed(train)(fresh(1 + k), data.X[~forget], data.y[~forget], classes)
                    for forget in data.forget.values()
                    for k in range(n)
                ),
            ]
        )
        original, fit_seconds = fits[0]
        stored = pickle.dumps(original)
        jobs = [
            (scenario, protocol, method)
            for scenario in SCENARIOS
            for protocol, methods in (
                ("published", published_mechanisms(name, arguments.quick)),
                ("sound", sound_mechanisms(name, scenario)),
            )
            for method in methods
        ]
        done = parallel(
            delayed(unlearn)(name, scenario, protocol, method, stored, data, arguments.quick)
            for scenario, protocol, method in jobs
        )
    result = {
        "dataset": name,
        "seed": seed,
        "variant": arguments.variant,
        "quick": arguments.quick,
        "n_oracles": n,
        "acc_test_original": float(original.score(data.X_test, data.y_test)),
        "fit_cpu_seconds": fit_seconds,
        "scenarios": {},
    }
    for number, scenario in enumerate(SCENARIOS):
        forget = data.forget[scenario]
        oracles = [model for model, _ in fits[1 + number * n : 1 + (number + 1) * n]]
        before = outputs_of(original, data, forget)
        labels = Outputs(
            *(np.searchsorted(classes, y) for y in (data.y[~forget], data.y[forget], data.y_test))
        )
        removed = int(labels.forget[0]) if scenario == "fullclass" else None
        judge = Judge(
            labels,
            before,
            [outputs_of(oracle, data, forget) for oracle in oracles],
            removed,
            data.sound_test,
        )
        budget = float(np.mean([oracle.fit_cost_["gradient_rows"] for oracle in oracles]))
        rows = {"published": {}, "sound": {}}
        for (where, protocol, method), (outputs, told) in zip(jobs, done, strict=True):
            if where == scenario:
                share = told["gradient_rows"] / budget
                rows[protocol][method] = judge.row(outputs, share) | told
        rows["sound"]["original"] = judge.row(before, 0.0)
        if removed is not None:
            rows["sound"]["logit mask"] = judge.row(masked(before, removed), 0.0)
        result["scenarios"][scenario] = {
            **rows,
            "oracles": judge.oracle_rows,
            "floor": judge.floor,
        }
    result["wall_seconds"] = time.perf_counter() - started
    return result


def main(arguments=None):
    """Run what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=[*DATASETS, "all"], default="all")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from 0")
    parser.add_argument("--oracles", type=int, default=2, help="retrained models a scenario")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of the image files")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/study_h"))
    parser.add_argument("--quick", action="store_true", help="a fifth of the published epochs")
    parser.add_argument("--resume", action="store_true", help="keep seeds that were finished")
    parser.add_argument("--variant", choices=VARIANTS, default="quantum")
    parser.add_argument("--n-layers", type=int, help="layers of the circuit")
    parser.add_argument(
        "--entanglement", default="ring", choices=["none", "linear", "ring", "full"]
    )
    arguments = parser.parse_args(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = DATASETS if arguments.dataset == "all" else [arguments.dataset]
    settings = f"{arguments.variant}-L{arguments.n_layers or 'default'}-{arguments.entanglement}"
    settings += "-quick" if arguments.quick else ""
    for name in names:
        for seed in range(arguments.seeds):
            path = arguments.out / f"{name}-{settings}-{seed}.json"
            if arguments.resume and path.exists():
                continue
            result = run_seed(name, seed, copy.copy(arguments))
            # Written beside and renamed: what exists is whole, and may be resumed from.
            path.with_suffix(".part").write_text(json.dumps(result, indent=1), encoding="utf-8")
            path.with_suffix(".part").replace(path)
            print(f"{path.name}: {result['wall_seconds']:.0f} s")
    print(write_page(arguments.out))


if __name__ == "__main__":
    main()
