"""Study H (arXiv 2512.19253) in one command: eleven mechanisms, published and sound protocol.

Run from the root of the repository::

    python benchmarks/study_h.py --dataset iris --out study_h            # half a minute
    python benchmarks/study_h.py --data FOLDER --seeds 5 --out study_h    # all, overnight
    python benchmarks/study_h.py --dataset iris --sweep all --out study_h

`--data` names a folder with ``mnist_70000.npz`` and ``fashion_mnist_8000.npz``; without it the
images come from OpenML. Each seed of each network is one JSON file in `--out`, written after
every mechanism; with `--resume` what is there is kept, and what was trained (in `--out`/work)
is used again. ``study_h.html`` holds tables and plots. The convolutional front-ends need the
extra ``torch``.

Published protocol: fixed epochs, no stop rule, best epoch chosen by accuracy on the test set.
Sound protocol: stop rules that see reference rows only, at most five epochs, figures on test
rows that nothing was chosen on, compared with oracles: models trained without the forgotten
rows, with seeds of their own, the same ones for every seed of the original.
What differs from the study's training: epochs are fixed instead of stopped early on the
test set, and Iris is scaled by its training rows. A file of Fashion-MNIST with 800 rows a
class is taken whole: the study's own choice needs the complete data set.
"""

import argparse
import os
import time
from pathlib import Path

# Set before workers start: results and times must not depend on BLAS threads. The other two
# let glibc keep freed blocks: without them each tensor of a batch is paged in anew.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**25))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**27))

from _study_files import is_damaged, keep_result, kept_result
from _study_h_levels import write_levels
from _study_h_page import write_page
from _study_h_settings import DATASETS, SCENARIOS, SWEEPS, VARIANTS, Setting, swept
from _study_h_work import (
    data_of,
    expected_rows,
    kept_outputs,
    mechanisms,
    train,
    unlearn,
    world,
)
from _study_measures import masked
from _study_pool import Processes

PROTOCOLS = ("published", "sound")


def trained_paths(setting, seed, arguments):
    """Where one seed's original lies, and the oracles of each scenario, which all seeds share."""
    work = arguments.out / "work"
    work.mkdir(exist_ok=True)
    oracles = tuple(
        (s, tuple(work / f"{setting.name}-{s}-oracle{k}.pkl" for k in range(arguments.oracles)))
        for s in SCENARIOS
    )
    return work / f"{setting.name}-original{seed}.pkl", oracles


def run_seed(setting, seed, arguments, path, processes):
    """All of one seed: original, oracles, mechanisms, both scenarios and protocols."""
    started = time.perf_counter()
    folder = arguments.data
    original, oracles = trained_paths(setting, seed, arguments)
    fits = [(original, setting, 1000 * seed, None, folder)]
    for number, (scenario, paths) in enumerate(oracles):
        fits += [
            (path, setting, 500_000 + 1000 * number + k, scenario, folder)
            for k, path in enumerate(paths)
        ]
    shared = (folder, original, oracles)
    result = _resumed(path, arguments)
    rows = result["rows"] if result else {s: {"published": {}, "sound": {}} for s in SCENARIOS}
    jobs = [
        (scenario, protocol, method)
        for scenario in SCENARIOS
        for protocol in arguments.protocols
        for method in mechanisms(setting, scenario, protocol)
        if method not in rows[scenario][protocol]
        or (protocol == "sound" and is_damaged(kept_outputs(original, scenario, method)))
    ]
    for model, *_ in fits:
        if is_damaged(model):
            model.unlink()  # or a process would take it for what it waits for
    spent = result["wall_seconds"] if result else 0.0

    def keep():
        nonlocal result
        result = result or _begun(setting, seed, arguments, shared, rows)
        result["wall_seconds"] = spent + time.perf_counter() - started
        keep_result(path, result)

    # The longest first: the processes then end together. Together with the fits: no process
    # waits for the last of these.
    data = data_of(setting.dataset, folder)
    jobs.sort(key=lambda job: -expected_rows(setting, data, *job))
    tasks = [(train, *fit) for fit in fits if not fit[0].exists()]
    tasks += [(unlearn, setting, shared, *job) for job in jobs]
    for (scenario, protocol, method), row in filter(None, processes.finished(tasks)):
        rows[scenario][protocol][method] = row
        keep()
    keep()
    return result


def _begun(setting, seed, arguments, shared, rows):
    """A seed's result, as far as it needs no mechanism: baselines are put into `rows`."""
    _, first, judges, before = world(setting, *shared)
    for scenario, judge in judges.items():
        untouched = before[scenario]
        rows[scenario]["sound"]["original"] = judge.row(untouched, 0.0)
        if judge.removed is not None:
            hidden = masked(untouched, judge.removed)
            rows[scenario]["sound"]["logit mask"] = judge.row(hidden, 0.0, weights=untouched)
    return {
        "setting": setting.told(),
        "seed": seed,
        "n_oracles": arguments.oracles,
        "acc_test_original": first["acc_test"],
        "fit_cpu_seconds": first["cpu_seconds"],
        "wall_seconds": 0.0,
        "n_jobs": arguments.n_jobs,
        "oracles": {s: judge.oracle_rows for s, judge in judges.items()},
        "rows": rows,
    }


def _resumed(path, arguments):
    if not arguments.resume:
        return None
    result = kept_result(path, "n_oracles", "rows", "wall_seconds")
    return result if result and result["n_oracles"] == arguments.oracles else None


def run_setting(setting, arguments, processes):
    """All seeds of one network, and the verdicts over them."""
    if not arguments.resume:
        for what in ("original*", *(f"{s}-oracle*" for s in SCENARIOS)):
            for stale in (arguments.out / "work").glob(f"{setting.name}-{what}.pkl"):
                stale.unlink()
    for seed in range(arguments.seeds):
        path = arguments.out / f"{setting.name}-{seed}.json"
        result = run_seed(setting, seed, arguments, path, processes)
        print(f"{path.name}: {result['wall_seconds']:.0f} s", flush=True)
    paths = [trained_paths(setting, seed, arguments) for seed in range(arguments.seeds)]
    originals = [original for original, _ in paths]
    write_levels(arguments.out, setting, arguments.data, originals, paths[0][1])


def settings_of(arguments):
    """Networks that were asked for: the study's, and those of the sweeps."""
    datasets = DATASETS if arguments.dataset == "all" else [arguments.dataset]
    sweeps = SWEEPS if "all" in arguments.sweep else arguments.sweep
    found = []
    for dataset in datasets:
        found.append(
            Setting(
                dataset,
                arguments.variant,
                arguments.n_layers,
                arguments.entanglement,
                arguments.noise,
                arguments.quick,
            )
        )
        for sweep in sweeps:
            found += swept(dataset, sweep, arguments.quick)
    return list(dict.fromkeys(found))


def with_numbers(setting, arguments):
    """The arguments, with the numbers of seeds and oracles that were left open.

    Iris has intervals by default: ten seeds and ten oracles take half a minute.
    """
    own = argparse.Namespace(**vars(arguments))
    if own.seeds is None:
        own.seeds = 10 if setting.dataset == "iris" and not own.quick else 1
    if own.oracles is None:
        own.oracles = 2 if own.seeds == 1 else 5 if own.seeds < 10 else 10
    return own


def main(arguments=None):
    """Run what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=[*DATASETS, "all"], default="all")
    parser.add_argument("--seeds", type=int, help="number of seeds, from 0 (iris: 10; else 1)")
    parser.add_argument(
        "--oracles", type=int, help="retrained models a scenario (2; with seeds 5, with ten 10)"
    )
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of the image files")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/study_h"))
    parser.add_argument("--quick", action="store_true", help="a fifth of all epochs")
    parser.add_argument("--resume", action="store_true", help="keep what was finished")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--sweep", nargs="+", choices=[*SWEEPS, "all"], default=[])
    parser.add_argument("--variant", choices=VARIANTS, default="quantum")
    parser.add_argument("--n-layers", type=int, help="layers of the circuit")
    parser.add_argument("--noise", type=float, default=0.0, help="depolarising, at prediction")
    parser.add_argument(
        "--entanglement", default="ring", choices=["none", "linear", "ring", "full"]
    )
    arguments = parser.parse_args(arguments)
    if arguments.oracles is not None and arguments.oracles < 2:
        parser.error("--oracles must be at least 2: each is compared with the others")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with Processes(arguments.n_jobs) as processes:
        for setting in settings_of(arguments):
            run_setting(setting, with_numbers(setting, arguments), processes)
    print(write_page(arguments.out))


if __name__ == "__main__":
    main()
