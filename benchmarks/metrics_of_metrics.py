"""The metrics measured: models that hold the rows and models that do not, and who says so.

Run from the root of the repository (300 problems, some 35 minutes of one core)::

    python benchmarks/metrics_of_metrics.py

writes ``benchmarks/results/metrics_of_metrics.json`` and prints its tables; ``--quick`` runs six
problems in two minutes. Every problem is kept in a file of its own as soon as it ends, and what
was kept with the same settings is not run again: the same command goes on where it was stopped.

A problem (`_mom_problems.py`) is a table, its split, rows to forget, and models of which it is
known whether they hold these rows. For each metric (`_mom_measures.py`) its *power* is the share of
problems in which a holding model is called so, its *false alarms* that in which an oracle is.
There are two ways to a call:

- *19 oracles*: the score of the model exceeds that of each of 19 other oracles, which one more
  oracle of the same kind does at most once in twenty, whatever the metric;
- *own level*: by the metric's own interval, verdict or p value at 95 %. (`forgetting_quality`:
  the interval ends below 1, or, as a test that is no part of it, none of 19 exchanges of models
  lowers it as far. `relearn_time`: fewer steps than an oracle.)

What trains again for every model (`relearn_time`, `UnlearningAttack`, the exchanges) runs on
every tenth problem, when all else has ended. Oracles for the metrics: 5, where not said otherwise;
laws: 8 models, 16 oracles. Intervals: Clopper-Pearson, 95 %, over problems, given the three tables.
When a metric fails, and which pair is recommended, is fixed in `_mom_table.RULE`.
"""

import argparse
import json
import platform
import time
from pathlib import Path

from _mom_bench import N_CALIBRATORS, N_REFERENCES, N_SHADOWS
from _mom_measures import measured, measured_by_training
from _mom_page import into_page, markdown
from _mom_problems import CLEAN, HOLDING, N_MODELS, REPEATS, TABLES, problem
from _mom_table import RULE, summary
from _study_files import keep, kept
from _study_pool import Processes

import skqmu

RESULTS = Path(__file__).parent / "results" / "metrics_of_metrics.json"
N_PROBLEMS, N_QUICK = 300, 6
# Of the settings and of what a problem's file holds: files of another one are not read.
VERSION = 1
PARTS = {"all": measured, "trained": measured_by_training}


def kept_at(table, number, part, folder):
    """The file of a part of a problem."""
    return folder / f"{table}-{number}-{part}-v{VERSION}.kept"


def one_problem(table, number, part, folder):
    """Measure a part of a problem, or read what was measured; return its key and its result."""
    path = kept_at(table, number, part, folder)
    result = kept(path)
    if result is None:
        result = PARTS[part](problem(table, number))
        keep(path, result)
    return (table, number, part), result


def run(n_problems, n_jobs, folder, only_kept=False):
    """Results of all problems, or of those that are kept, by table and number."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(n_problems // len(TABLES))
    tasks = [
        (one_problem, table, number, part, folder)
        for part, chosen in (("all", numbers), ("trained", numbers[::REPEATS]))
        for number in chosen
        for table in TABLES
    ]
    if only_kept:
        tasks = [task for task in tasks if kept_at(*task[1:]).exists()]
    found = {}
    with Processes(n_jobs) as processes:
        for key, result in processes.finished(tasks):
            found[key] = result
            print(f"{len(found)} of {len(tasks)}: {' '.join(map(str, key))}", flush=True)
    return whole(found)


def whole(found):
    """Put the parts of a problem together: ``{(table, number): result}``."""
    results = {key[:2]: result for key, result in found.items() if key[2] == "all"}
    for (table, number, part), more in found.items():
        if part == "all":
            continue
        result = results[table, number]
        for name in ("scores", "calls"):
            result[name] = {kind: result[name][kind] | more[name][kind] for kind in more[name]}
        for name in ("calibrators", "seconds"):
            result[name] = more[name] | result[name]
    return results


def told_of(results, command):
    """All that is written: the summary, and what made it."""
    return {
        "command": command,
        "skqmu": skqmu.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        "n_problems": len(results),
        "problems": {table: sum(key[0] == table for key in results) for table in TABLES},
        "holding": HOLDING,
        "clean": CLEAN,
        "settings": {
            "models_of_a_law": N_MODELS,
            "oracles": N_REFERENCES,
            "calibrating_oracles": N_CALIBRATORS,
            "shadows": N_SHADOWS,
            "interval": "Clopper-Pearson, 95 %, over problems",
        },
        "rule": RULE,
        **summary(results),
    }


def main(arguments=None):
    """Run all problems that are not there yet, write the JSON and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{N_QUICK} problems")
    parser.add_argument("--problems", type=int, default=None, help="number of problems")
    parser.add_argument("--kept", action="store_true", help="only problems that were run before")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/out/metrics_of_metrics"))
    parser.add_argument("--out", type=Path, default=None, help="default: the committed file")
    parser.add_argument("--page", type=Path, help="a page to put the tables into, as docs has it")
    given = parser.parse_args(arguments)
    n_problems = given.problems or (N_QUICK if given.quick else N_PROBLEMS)
    out = given.out or (given.folder / "told.json" if given.quick else RESULTS)
    results = run(n_problems, given.n_jobs, given.folder, given.kept)
    told = told_of(results, "python benchmarks/metrics_of_metrics.py")
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if given.page:
        page = given.page.read_text(encoding="utf-8")
        given.page.write_text(into_page(page, told), encoding="utf-8")
    print(markdown(told))


if __name__ == "__main__":
    main()
