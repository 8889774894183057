"""Study S (arXiv 2509.06086) in one command: what leaks, before and after unlearning.

Run from the root of the repository::

    python benchmarks/study_s.py --quick --out study_s              # one seed of everything
    python benchmarks/study_s.py --model basic --seeds 5 --out study_s --data FOLDER
    python benchmarks/study_s.py --model hqnn --seeds 3 --out study_s --data FOLDER

`--data` names a folder with ``mnist_70000.npz`` (or ``fashion_mnist_8000.npz``); without it the
images come from OpenML. Each seed of each network is one JSON file in `--out`, written after
every part; with `--resume` what is there is kept, and what was trained (in `--out`/work) is
used again. ``study_s.html`` holds tables and plots. The hybrid network needs the extra
``torch``.

Two protocols stand side by side. Published: an attack that is trained on the target's own
members, not refitted after unlearning, its true-positive rate on members of the forget class;
we add the rates that belong to it. Sound: attacks that learn from shadow models, refitted to
each mechanism (the shadows unlearn, too), judged against rows of the same class that were
never trained on, and compared with oracles: models retrained without the class. The seeds'
training sets are random halves of 2000 images, so each image is a member for some seeds and
none for others.
"""

import argparse
import os
import shutil
import time
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

# Set before workers start: results and times must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _study_files import keep_result, kept_result
from _study_s_measures import (
    Rows,
    accuracies,
    auditor,
    published_rates,
    sound_rates,
    thresholds,
)
from _study_s_page import write_page
from _study_s_parts import PARTS
from _study_s_settings import (
    DATASETS,
    MODELS,
    VARIANTS,
    data_of,
    mechanisms,
    settings_of,
    training_rows,
)
from _study_s_work import fresh, pools_of, target, unlearned


def models_of(setting, seed, folder, work):
    """The models of a seed by name, and what the mechanisms' logs say."""
    data = data_of(setting, folder)
    rows = Rows(data, training_rows(data, seed))
    original = target(setting, seed, folder, work)
    models, logs = {"original": original}, {}
    for number in range(setting.n_oracles):
        models[f"oracle {number}"] = target(setting, seed, folder, work, number)
    for name, strategy in mechanisms(setting).items():
        started = time.process_time()
        models[name] = unlearned(fresh(original), strategy, *rows.forget)
        entry = models[name].unlearning_log_[-1]
        logs[name] = {
            "cpu_seconds": time.process_time() - started,
            "gradient_rows": entry["cost"]["gradient_rows"],
            "stop_reason": entry["stop_reason"],
            "requires": sorted(strategy.requires),
        }
    return models, logs, rows


def compared(models, logs, rows, pools):
    """Every model under the published attack and under the sound ones."""
    own = auditor(models["original"], rows)
    oracles = [model for name, model in models.items() if name.startswith("oracle")]
    budget = np.mean([oracle.fit_cost_["gradient_rows"] for oracle in oracles])
    table = {}
    for name, model in models.items():
        row = accuracies(model, rows) | thresholds(model, rows)
        row["published"] = published_rates(own, model, rows)
        row["refitted"] = published_rates(auditor(model, rows), model, rows)
        row["sound"] = sound_rates(model, pools["original"], rows)
        if name in logs:
            row["sound_refitted"] = sound_rates(model, pools[name], rows)
            row["oracles_refitted"] = [sound_rates(o, pools[name], rows) for o in oracles]
            row["log"] = logs[name] | {"cost_share": logs[name]["gradient_rows"] / budget}
        table[name] = row
    return table


def run_seed(setting, seed, arguments, path):
    """All of one seed, written after each part."""
    started = time.perf_counter()
    work, folder = arguments.out / "work", arguments.data
    result = _resumed(path, arguments) or {
        "setting": setting.told(),
        "seed": seed,
        "n_shadows": setting.n_shadows,
        "n_oracles": setting.n_oracles,
        "wall_seconds": 0.0,
        "parts": {},
    }
    wanted = [
        part for part in arguments.parts if part == "rows" or PARTS[part].applies(setting, seed)
    ]
    if all(part in result["parts"] for part in wanted):
        return result
    fits = [(setting, seed, folder, work, k) for k in (None, *range(setting.n_oracles))]
    Parallel(n_jobs=arguments.n_jobs)(delayed(target)(*fit) for fit in fits)
    pools = pools_of(setting, folder, work, arguments.n_jobs)
    models, logs, rows = models_of(setting, seed, folder, work)
    spent = result["wall_seconds"]
    for part in wanted:
        if part in result["parts"]:
            continue
        if part == "rows":
            result["parts"][part] = compared(models, logs, rows, pools)
        else:
            # Copies, as parts set other backends.
            copies = {name: fresh(model) for name, model in models.items()}
            result["parts"][part] = PARTS[part].run(setting, seed, copies, rows, pools, folder)
        result["wall_seconds"] = spent + time.perf_counter() - started
        keep_result(path, result)
        print(f"{path.name}: {part}, {time.perf_counter() - started:.0f} s", flush=True)
    return result


def _resumed(path, arguments):
    return kept_result(path, "setting", "parts", "wall_seconds") if arguments.resume else None


def _without_torch(model):
    if model == "basic":
        return False
    try:
        import torch  # noqa: F401
    except ImportError:
        return True
    return False


def main(arguments=None):
    """Run what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=DATASETS, default="mnist")
    parser.add_argument("--model", choices=[*MODELS, "all"], default="all")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--n-layers", nargs="+", type=int, help="only networks of these depths")
    parser.add_argument("--parts", nargs="+", choices=["rows", *PARTS], default=["rows", *PARTS])
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from 0")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of the image files")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/study_s"))
    parser.add_argument("--quick", action="store_true", help="fewer epochs, rows and shadows")
    parser.add_argument("--resume", action="store_true", help="keep what was finished")
    arguments = parser.parse_args(arguments)
    if not arguments.resume:
        shutil.rmtree(arguments.out / "work", ignore_errors=True)
    (arguments.out / "work").mkdir(parents=True, exist_ok=True)
    for model in MODELS if arguments.model == "all" else [arguments.model]:
        if _without_torch(model):
            if arguments.model == model:
                parser.error("--model hqnn needs torch: pip install 'skqmu[torch]'")
            print("hqnn left out: torch is not installed (pip install 'skqmu[torch]')")
            continue
        for setting in settings_of(arguments.dataset, model, arguments.variants, arguments.quick):
            if arguments.n_layers and setting.n_layers not in arguments.n_layers:
                continue
            for seed in range(arguments.seeds):
                path = arguments.out / f"{setting.name}-{seed}.json"
                result = run_seed(setting, seed, arguments, path)
                print(f"{path.name}: {result['wall_seconds']:.0f} s in all", flush=True)
    print(write_page(arguments.out))


if __name__ == "__main__":
    main()
