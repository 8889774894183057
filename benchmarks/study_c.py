"""Study C (arXiv 2508.02422) in one command: do quantum networks resist bad training data?

Run from the root of the repository::

    python benchmarks/study_c.py --quick --out study_c                 # half a minute: does it run?
    python benchmarks/study_c.py --data FOLDER --out study_c --resume   # all: two hours of CPU time

`--data` names a folder with ``mnist_70000.npz``; without it the images come from OpenML. Every
fit is one file in `--out`/work, so that `--resume` goes on wherever it was cut off. ``--task``,
``--part`` and ``--seeds`` choose; the parts are

- ``published``: the published protocol, `--runs` times: validation accuracy under flipped
  labels and noisy features (rates 0 to .9), and 50 steps of unlearning by four ways;
- ``sound``: new rows, flips and weights for each of ten seeds; twins of the circuit's capacity,
  equal budgets, stopping by clean and by bad validation rows, sizes of both sides;
- ``forgetting``: 30 % bad labels forgotten, beside oracles without them and models of right labels.

The results go to `--results` (``benchmarks/results/study_c.json`` is what is published; with
``--resume`` a run goes on from there), and ``study_c.html`` in `--out` shows them. `RULE` says
how the question is decided; it was written before the runs.
"""

import argparse
import os
import time
from pathlib import Path

# Set before workers start: results and times must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _study_c_models import CLOSED_FORMS
from _study_c_page import write_page
from _study_c_published import KINDS, RATES, models_of, published_curve, published_unlearning
from _study_c_rule import RULE
from _study_c_sound import FORGETTERS, SWEEP, TRAINED, forgetting, sound_fit, tuned_setting
from _study_c_tasks import TASKS, load_images
from _study_files import keep_result, kept_result, read_result
from _study_pool import Processes

import skqmu

IMAGES = "mnist_70000.npz"
PARTS = ("sound", "published", "forgetting")
#: Shares of bad labels in the sound part.
SOUND_RATES = (0.0, 0.3)


class Study:
    """The work of a call, file by file.

    Parameters
    ----------
    arguments : argparse.Namespace
    processes : Processes
    """

    def __init__(self, arguments, processes):
        self.arguments, self.processes = arguments, processes
        self.folder = work_of(arguments)
        self.folder.mkdir(parents=True, exist_ok=True)
        needs = "mnist" in arguments.task
        path = arguments.data and arguments.data / IMAGES
        self.images = load_images(path) if needs else None
        self.known = _recorded(arguments) if arguments.resume else {}

    def do(self, jobs):
        """Do what is not done: {file name: (function, *arguments)}; return all results by name."""
        found, todo = {}, {}
        for name, job in jobs.items():
            kept = kept_result(self._path(name)) if self.arguments.resume else None
            kept = kept or self.known.get(name)
            if kept is None:
                todo[name] = job
            else:
                found[name] = kept
        tasks = [(_named, name, *job, self.arguments.quick) for name, job in todo.items()]
        for number, (name, result) in enumerate(self.processes.finished(tasks), 1):
            keep_result(self._path(name), result)
            found[name] = result
            print(f"{time.strftime('%H:%M:%S')} {name} ({number} of {len(todo)})", flush=True)
        return found

    def _path(self, name):
        return self.folder / f"{name}.json"

    def images_of(self, task):
        """The images, where a task is about them; workers are not sent what they do not need."""
        return self.images if task == "mnist" else None


def work_of(arguments):
    """The folder of fits; quick ones are no others' beginnings."""
    return arguments.out / ("work-quick" if arguments.quick else "work")


def _named(name, function, *arguments):
    start = time.process_time()
    result = function(*arguments)
    return name, result | {"cpu_seconds": round(time.process_time() - start, 2)}


# ------------------------------------------------------------------------------------ jobs


def published_jobs(study, task):
    """Every run of figures 2 and 3, run by run."""
    images = study.images_of(task)
    for number in range(study.arguments.runs):
        for model in models_of(task):
            for kind in KINDS:
                for rate in RATES:
                    name = f"published-{task}-{model}-{kind}-{rate}-{number}"
                    yield name, (published_curve, task, model, kind, rate, number, images)
            name = f"published-{task}-{model}-unlearning-{number}"
            yield name, (published_unlearning, task, model, number, images)


def tuned(study, task):
    """The setting of each model."""
    images = study.images_of(task)
    models = [*TRAINED, *CLOSED_FORMS]
    found = study.do(
        {f"tuned-{task}-{model}": (tuned_setting, task, model, images) for model in models}
    )
    return {result["model"]: result["setting"] for result in found.values()}


def sound_jobs(study, task, settings):
    """Every fit of the sound part, seed by seed."""
    images = study.images_of(task)
    for seed in range(study.arguments.seeds):
        for rate in SOUND_RATES:
            for model in (*TRAINED, *CLOSED_FORMS):
                both = task == "mnist" and model in ("circuit", "mlp")
                for inputs in ("unit", "published") if both else ("unit",):
                    name = f"sound-{task}-{model}-{inputs}-{rate}-{seed}"
                    job = (sound_fit, task, model, settings[model], rate, seed, inputs, images)
                    yield name, job
        for model, (family, _) in SWEEP.items():
            name = f"sound-{task}-{model}-unit-0.3-{seed}"
            yield name, (sound_fit, task, model, settings[family], 0.3, seed, "unit", images)


def forgetting_jobs(study, task, settings):
    """Every model that forgets, seed by seed."""
    images = study.images_of(task)
    for seed in range(study.arguments.seeds):
        for model in FORGETTERS:
            name = f"forgetting-{task}-{model}-{seed}"
            yield name, (forgetting, task, model, settings[model], seed, images)


def run_parts(study):
    """Do the parts that are asked for."""
    for part in study.arguments.part:
        for task in study.arguments.task:
            if part == "published":
                study.do(dict(published_jobs(study, task)))
                continue
            settings = tuned(study, task)
            jobs = sound_jobs if part == "sound" else forgetting_jobs
            study.do(dict(jobs(study, task, settings)))


def _recorded(arguments):
    """Fits that a file of results already holds, by name."""
    if not (arguments.results and arguments.results.exists()):
        return {}
    found = read_result(arguments.results)
    if found["quick"] != arguments.quick:
        return {}
    return {row["name"]: row for part in ("tuned", *PARTS) for row in found[part]}


def collect(arguments):
    """All results by part: those of the file of results, and those of the folder."""
    rows = _recorded(arguments)
    for path in sorted(work_of(arguments).glob("*.json")):
        rows[path.stem] = {"name": path.stem, **read_result(path)}
    found = {part: [] for part in ("tuned", *PARTS)}
    for name in sorted(rows):
        found[name.partition("-")[0]].append(rows[name])
    return found


def settled(parser, arguments):
    """Fill in what was left open, and end with a message where nothing can come of it."""
    if arguments.task is None:
        # a quick run downloads nothing that was not asked for
        arguments.task = ["xxz"] if arguments.quick and arguments.data is None else [*TASKS]
    for name in ("seeds", "runs"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: must be 1 or more")
    if arguments.n_jobs == 0:
        parser.error("--n-jobs 0: must be 1 or more, or -1 for all cores")
    if arguments.quick:
        arguments.seeds, arguments.runs = min(arguments.seeds, 2), min(arguments.runs, 2)
    if arguments.page_only:
        if not any(collect(arguments)[part] for part in PARTS):
            parser.error(
                f"--page-only: no fits in {work_of(arguments)}; name their --out, or the file of "
                "--results"
            )
    elif "mnist" in arguments.task and arguments.data:
        path = arguments.data / IMAGES
        if not path.exists():
            parser.error(
                f"--data {arguments.data}: there is no {path}; leave --data out (the images come "
                "from OpenML), or take --task xxz"
            )
    _check_results(parser, arguments)
    return arguments


def _check_results(parser, arguments):
    """Refuse to write a quick run over one that took hours, or the other way round."""
    path = arguments.results
    if path and path.exists() and read_result(path)["quick"] != arguments.quick:
        kind = "no quick run" if arguments.quick else "a quick run"
        parser.error(f"--results {path}: it holds {kind}, which would be lost; name another file")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("study_c"))
    parser.add_argument(
        "--results",
        type=Path,
        default=None,
        help="JSON of all of it, from which --resume goes on",
    )
    parser.add_argument("--task", nargs="+", choices=[*TASKS])
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs, two seeds")
    parser.add_argument("--page-only", action="store_true", help="no fits: show what is there")
    arguments = settled(parser, parser.parse_args())
    if not arguments.page_only:
        with Processes(arguments.n_jobs) as processes:
            run_parts(Study(arguments, processes))
    found = {
        "command": "python benchmarks/study_c.py --data FOLDER --resume",
        "skqmu": skqmu.__version__,
        "quick": arguments.quick,
        "rule": RULE,
        **collect(arguments),
    }
    if arguments.results:
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        keep_result(arguments.results, found)
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f"wrote {write_page(arguments.out / 'study_c.html', found)}")


if __name__ == "__main__":
    main()
