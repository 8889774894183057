"""Study H on seeds that nothing was chosen on; and what its verdict says of retraining itself.

Run from the root of the repository::

    python benchmarks/study_h_fresh.py --dataset iris --groups 17                # two minutes
    python benchmarks/study_h_fresh.py --dataset mnist --groups 2 --data FOLDER   # six minutes
    python benchmarks/study_h_fresh.py --dataset fashion_mnist --groups 1 --data FOLDER

The candidates of `study_h.py` that end in a refitted last layer were chosen on seeds below 30.
Here groups of ten further seeds, with ten oracles of their own, get the verdict of the sound
protocol on class removal. Beside it stands the verdict on ten more models that were retrained
without the class: of a condition that these fail as often, a failure says how much retraining
scatters, and nothing about the mechanism.
"""

import argparse
import json
import os
import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

# Set before workers start: results must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _study_files import kept
from _study_h_settings import DATASETS, SCENARIOS, Setting
from _study_h_work import data_of, mechanisms, outputs_of, train, world
from _study_verdict import verdict

from skqmu.metrics import mean_interval

SCENARIO, SIZE = "fullclass", 10
FIGURES = ("acc_retain", "acc_test_kept", "confidence_forget", "kl_forget", "kl_other")
# What is trained for a seed: the original, an oracle that judges, one that is judged. The first
# two begin as in `study_h.py`.
FIRST_SEEDS = {
    "original": 0,
    "oracle": 500_000 + 1000 * SCENARIOS.index(SCENARIO),
    "retrained": 700_000,
}


def path_of(setting, kind, number, work):
    """Where a model of a seed lies."""
    return work / f"{setting.name}-{kind}{number}.pkl"


def prepare(setting, kind, number, work, folder):
    """Train one model, unless it is there."""
    path = path_of(setting, kind, number, work)
    if kept(path) is None:
        step = 1000 if kind == "original" else 1
        scenario = None if kind == "original" else SCENARIO
        train(path, setting, FIRST_SEEDS[kind] + step * number, scenario, folder)


def judged(setting, name, first, work, folder):
    """Verdicts on a mechanism and on retrained models, for the group that begins at `first`."""
    data = data_of(setting.dataset, folder)
    forget = data.forget[SCENARIO]
    strategy = mechanisms(setting, SCENARIO, "sound")[name]
    numbers = range(first, first + SIZE)
    oracles = tuple(path_of(setting, "oracle", number, work) for number in numbers)
    rows, again = [], []
    for number in numbers:
        original = path_of(setting, "original", number, work)
        _, trained, judges, _ = world(setting, folder, original, ((SCENARIO, oracles),))
        judge = judges[SCENARIO]
        model = pickle.loads(trained["model"])
        model.unlearn(index=np.flatnonzero(forget), strategy=strategy)
        spent = model.unlearning_log_[-1]["cost"]["gradient_rows"]
        rows.append(judge.row(outputs_of(model, data, forget), spent / judge.budget))
        other = path_of(setting, "retrained", number, work)
        again.append(judge.row(kept(other)["outputs"], 0.0))
    told = {"first": first}
    for who, found in (("mechanism", rows), ("retrained", again)):
        said = verdict(found, judge.oracle_rows)
        means = {key: float(np.mean([row[key] for row in found])) for key in FIGURES}
        told[who] = {"verdict": str(said), "failed": said.failed, "passes": said.passes, **means}
    return told


def main(arguments=None):
    """Train what is missing, judge all groups, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=DATASETS, default="iris")
    parser.add_argument("--first", type=int, default=30, help="first seed of the first group")
    parser.add_argument("--groups", type=int, default=10, help="groups of ten seeds")
    parser.add_argument("--data", type=Path, help="folder of the image files")
    parser.add_argument("--work", type=Path, default=Path("benchmarks/out/study_h_fresh"))
    parser.add_argument("--resume", action="store_true", help="use the models in --work")
    parser.add_argument("--quick", action="store_true", help="a fifth of all epochs")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args(arguments)
    setting, work = Setting(arguments.dataset, quick=arguments.quick), arguments.work
    if not arguments.resume:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    name = next(m for m in mechanisms(setting, SCENARIO, "sound") if m.endswith("+Refit"))
    starts = [arguments.first + SIZE * group for group in range(arguments.groups)]
    shared = (work, arguments.data)
    with Parallel(n_jobs=arguments.n_jobs) as parallel:
        numbers = range(starts[0], starts[-1] + SIZE)
        parallel(delayed(prepare)(setting, k, n, *shared) for n in numbers for k in FIRST_SEEDS)
        groups = parallel(delayed(judged)(setting, name, first, *shared) for first in starts)
    result = {"dataset": arguments.dataset, "mechanism": name, "groups": groups}
    for group in groups:
        print(f"seeds from {group['first']}: {name}: {group['mechanism']['verdict']}")
        print(f"    retrained: {group['retrained']['verdict']}")
    for who in ("mechanism", "retrained"):
        passes = sum(group[who]["passes"] for group in groups)
        failed = Counter(condition for group in groups for condition in group[who]["failed"])
        result[who] = {"passes": passes, "failed": dict(failed.most_common())}
        print(f"{who}: passes {passes} of {len(groups)}; fails on {result[who]['failed']}")
    if len(groups) > 1:
        result["mechanism_less_retrained"] = {
            key: mean_interval(
                [g["mechanism"][key] - g["retrained"][key] for g in groups]
            )._asdict()
            for key in FIGURES
        }
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"study_h_fresh_{arguments.dataset}.json"
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
