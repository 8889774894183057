"""Study H on seeds that nothing was chosen on; and what its verdict says of retraining itself.

Run from the root of the repository::

    python benchmarks/study_h_fresh.py --dataset iris                            # some minutes
    python benchmarks/study_h_fresh.py --dataset mnist --groups 3 --data FOLDER

The candidates of `study_h.py` that end in a refitted last layer were chosen on the seeds below
`--first`. Here groups of ten further seeds, with ten further oracles each, get the verdict of
the sound protocol on class removal. Beside it stands the verdict on ten models that were
retrained without the class, the oracles of the next group: a verdict that fails them has found
the spread of retraining, not a mechanism's fault.
"""

import argparse
import json
import os
import pickle
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

# Set before workers start: results must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _study_h_settings import SCENARIOS, Setting
from _study_h_work import data_of, mechanisms, outputs_of, train, world
from _study_verdict import verdict

from skqmu.metrics import mean_interval

SCENARIO, SIZE = "fullclass", 10
FIGURES = (
    "acc_retain",
    "acc_forget",
    "acc_test_kept",
    "confidence_forget",
    "kl_forget",
    "kl_other",
)


def paths_of(setting, number, work):
    """Where an original and the oracle of the same number lie."""
    return (
        work / f"{setting.name}-original{number}.pkl",
        work / f"{setting.name}-{SCENARIO}-oracle{number}.pkl",
    )


def prepare(setting, number, work, folder):
    """Train the two of a number, with the seeds that `study_h.py` would give them."""
    original, oracle = paths_of(setting, number, work)
    if not original.exists():
        train(original, setting, 1000 * number, None, folder)
    if not oracle.exists():
        seed = 500_000 + 1000 * SCENARIOS.index(SCENARIO) + number
        train(oracle, setting, seed, SCENARIO, folder)


def judged(setting, name, first, after, work, folder):
    """Verdicts on a mechanism and on retrained models, for the group that begins at `first`."""
    data = data_of(setting.dataset, folder)
    forget = data.forget[SCENARIO]
    strategy = mechanisms(setting, SCENARIO, "sound")[name]
    oracles = tuple(paths_of(setting, first + k, work)[1] for k in range(SIZE))
    rows, again = [], []
    for k in range(SIZE):
        original = paths_of(setting, first + k, work)[0]
        _, kept, judges, _ = world(setting, folder, original, ((SCENARIO, oracles),))
        judge = judges[SCENARIO]
        model = pickle.loads(kept["model"]).unlearn(index=np.flatnonzero(forget), strategy=strategy)
        spent = model.unlearning_log_[-1]["cost"]["gradient_rows"]
        rows.append(judge.row(outputs_of(model, data, forget), spent / judge.budget))
        other = paths_of(setting, after + k, work)[1]
        again.append(judge.row(pickle.loads(other.read_bytes())["outputs"], 0.0))
    told = {"first": first}
    for who, found in (("mechanism", rows), ("retrained", again)):
        figures = {key: float(np.mean([row[key] for row in found])) for key in FIGURES}
        told[who] = {"verdict": str(verdict(found, judge.oracle_rows)), **figures}
    return told


def main(arguments=None):
    """Train what is missing, judge all groups, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=["iris", "mnist"], default="iris")
    parser.add_argument("--first", type=int, default=30, help="first seed of the first group")
    parser.add_argument("--groups", type=int, default=10, help="groups of ten seeds, at least 2")
    parser.add_argument("--data", type=Path, help="folder of the image files")
    parser.add_argument("--work", type=Path, default=Path("study_h_fresh"), help="trained models")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args(arguments)
    if arguments.groups < 2:
        parser.error("--groups must be at least 2: each judges the oracles of the next")
    setting, work = Setting(arguments.dataset), arguments.work
    work.mkdir(parents=True, exist_ok=True)
    name = next(m for m in mechanisms(setting, SCENARIO, "sound") if m.endswith("+Refit"))
    starts = [arguments.first + SIZE * g for g in range(arguments.groups)]
    shared = (work, arguments.data)
    with Parallel(n_jobs=arguments.n_jobs) as parallel:
        numbers = range(starts[0], starts[-1] + SIZE)
        parallel(delayed(prepare)(setting, number, *shared) for number in numbers)
        groups = parallel(
            delayed(judged)(setting, name, first, starts[(g + 1) % len(starts)], *shared)
            for g, first in enumerate(starts)
        )
    result = {"dataset": arguments.dataset, "mechanism": name, "groups": groups}
    for who in ("mechanism", "retrained"):
        result[f"{who}_passes"] = sum(group[who]["verdict"] == "passes" for group in groups)
    result["mechanism_less_retrained"] = {
        key: mean_interval([g["mechanism"][key] - g["retrained"][key] for g in groups])._asdict()
        for key in FIGURES
    }
    path = arguments.out / f"study_h_fresh_{arguments.dataset}.json"
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    for group in groups:
        print(f"seeds {group['first']}+: {name}: {group['mechanism']['verdict']}")
        print(f"  retrained: {group['retrained']['verdict']}")
    print(
        f"passes: {name} {result['mechanism_passes']}, retrained models "
        f"{result['retrained_passes']} of {len(groups)}; {path}"
    )


if __name__ == "__main__":
    main()
