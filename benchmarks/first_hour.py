"""The obvious first pipeline at defaults: this library, scikit-learn, and others' QNN classifiers.

Ten data sets; the defaults of this library were chosen on five of them and are reported on the
other five. From the root of the repository::

    python benchmarks/first_hour.py --n-jobs 2    # measures all, prints, writes the JSON
    python benchmarks/first_hour.py --check       # judges the JSON; exits 1 if a limit fails

What others ship takes part where it is installed, and is listed where it is not::

    pip install squlearn==0.12.0 pennylane==0.45.1 pennylane-lightning==0.45.0 \
        qiskit-machine-learning tno.quantum.ml.classifiers.vc

(TNO's and the PennyLane model need torch, of which the build for CPUs is enough.) These are orders
of magnitude slower, so they get the small protocol: fewer rows, folds and
seeds, and a cap on the CPU seconds of a fit. This library and logistic regression get it as well,
so that figures of one protocol compare like with like. A fit that fails, or passes the cap, is
reported as that, and its set counts in no mean.

Seconds are of CPU, for preparation and fit, on one thread of BLAS, so that other work on the
machine counts little. Every part is a file in ``--work``. Without ``--resume`` the parts of
``--models`` and ``--sets`` are made anew and the others are kept as they are; with it, only what is
missing is made, whatever has changed in the library since.
"""

import argparse
import json
import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path

# Set before workers start: results must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _first_hour_data import SETS
from _first_hour_limits import limits
from _first_hour_models import BASELINE, CLASSICAL, OURS, PACE, PEERS, available
from _first_hour_parts import FULL, SMALL, checks_of, fits_of, pace_of
from _first_hour_table import print_limits, print_tables
from _study_files import keep_result, kept_result
from _study_pool import Processes

HERE = Path(__file__).parent
PROTOCOLS = {protocol.name: protocol for protocol in (FULL, SMALL)}
PACKAGES = ("numpy", "scipy", "scikit-learn", "qiskit")


def path_of(kind, model, work, name="", seed=0):
    """Where a part lies."""
    return work / f"{kind}-{model.replace(' ', '_')}-{name}-{seed}.json"


def tasks(seeds, peer_seeds):
    """All parts, as they begin: (kind, model, set, seed, function, arguments)."""
    for seed in range(seeds):
        for name in SETS:
            for model in (*OURS, *CLASSICAL):
                yield "full", model, name, seed, fits_of, (model, name, seed, FULL)
    for model in OURS:
        for name in SETS:
            yield "pace", model, name, 0, pace_of, (model, name)
    for seed in range(peer_seeds):
        for name in SETS:
            for model in (*OURS, BASELINE, *PEERS):
                yield "small", model, name, seed, fits_of, (model, name, seed, SMALL)
    for model in (*OURS, *(peer for peer in PEERS if PEERS[peer].check)):
        yield "checks", model, "", 0, checks_of, (model,)


def measure(path, function, arguments):
    """One part, into its file."""
    keep_result(path, function(*arguments))
    return path.stem


def summary(parts):
    """The figures of a model on a set under a protocol, from the parts of its seeds."""
    folds = [row for part in parts for row in part["folds"]]
    ended = [row for row in folds if row["status"] == "ended"]
    row = {
        "n_rows": parts[0]["n_rows"],
        "seeds": len(parts),
        "status": {kind: sum(f["status"] == kind for f in folds) for kind in STATUS},
        "told": sorted({f["told"] for f in folds if "told" in f}),
        "warnings": {},
    }
    if "versions" in parts[0]:
        row["versions"] = parts[0]["versions"]
    for fold in ended:
        for kind, n in fold["warnings"].items():
            row["warnings"][kind] = row["warnings"].get(kind, 0) + n
    if ended:
        for key in ("seconds", "wall_seconds", "n_iter"):
            values = [fold[key] for fold in ended if key in fold]
            if values:
                row[f"median_{key}"] = statistics.median(values)
    if len(ended) == len(folds):
        row |= _accuracy(parts)
    return row


STATUS = ("ended", "failed", "capped", "not tried")


def _accuracy(parts):
    from skqmu.metrics import mean_interval

    by_seed = [statistics.fmean(f["accuracy"] for f in part["folds"]) for part in parts]
    row = {"accuracy": statistics.fmean(by_seed), "by_seed": by_seed}
    if len(by_seed) > 1:
        interval = mean_interval(by_seed)
        row |= {"low": interval.low, "high": interval.high}
    return row


def gathered(work, seeds, peer_seeds):
    """All parts that are there, as one result."""
    result = {"fits": {}, "pace": {}, "checks": {}}
    for protocol, n in (("full", seeds), ("small", peer_seeds)):
        for model in (*OURS, *CLASSICAL, *PEERS):
            for name in SETS:
                paths = (path_of(protocol, model, work, name, seed) for seed in range(n))
                parts = [part for path in paths if (part := kept_result(path)) is not None]
                if parts:
                    rows = result["fits"].setdefault(protocol, {}).setdefault(model, {})
                    rows[name] = summary(parts)
    for model in OURS:
        for name in SETS:
            if (part := kept_result(path_of("pace", model, work, name))) is not None:
                result["pace"].setdefault(model, {})[name] = part
    for model in (*OURS, *PEERS):
        if (part := kept_result(path_of("checks", model, work))) is not None:
            result["checks"][model] = part
    return result


def facts(arguments):
    """What the result was measured with."""
    return {
        "command": f"python benchmarks/first_hour.py --seeds {arguments.seeds} "
        f"--peer-seeds {arguments.peer_seeds}",
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {package: version(package) for package in PACKAGES},
        "protocols": {
            "full": {**vars(FULL), "seeds": arguments.seeds},
            "small": {**vars(SMALL), "seeds": arguments.peer_seeds},
        },
        "sets": {name: data.told() for name, data in SETS.items()},
        "before": PACE,
        "peers": {name: peer.what for name, peer in PEERS.items()},
    }


def judged(path):
    """Print the limits of a written result; return the exit status."""
    if not path.exists():
        raise SystemExit(f"{path} is not there: run the command without --check first.")
    found = limits(json.loads(path.read_text(encoding="utf-8")))
    print_limits(found)
    return 0 if all(row["holds"] for row in found) else 1


def main(arguments=None):
    """Measure what is missing, print, write and judge."""
    known = (*OURS, *CLASSICAL, *PEERS)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=known, default=known, metavar="MODEL")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-seeds", type=int, default=1, help="seeds of the small protocol")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--work", type=Path, default=HERE / "out" / "first_hour")
    parser.add_argument("--resume", action="store_true", help="go on from the parts in --work")
    parser.add_argument("--check", action="store_true", help="only judge the result at --out")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "first_hour.json")
    arguments = parser.parse_args(arguments)
    if arguments.check:
        return judged(arguments.out)
    models = [m for m in arguments.models if not (arguments.no_peers and m in PEERS)]
    arguments.work.mkdir(parents=True, exist_ok=True)
    todo = []
    for kind, model, name, seed, function, more in tasks(arguments.seeds, arguments.peer_seeds):
        if model not in models or (name and name not in arguments.sets):
            continue
        path = path_of(kind, model, arguments.work, name, seed)
        if not arguments.resume and available(model):
            path.unlink(missing_ok=True)
        if arguments.no_peers and kind == "small":
            continue
        if available(model) and kept_result(path) is None:
            todo.append((measure, path, function, more))
    with Processes(arguments.n_jobs) as processes:
        for count, stem in enumerate(processes.finished(todo), 1):
            print(f"{count} of {len(todo)}: {stem}", flush=True)
    result = facts(arguments) | gathered(arguments.work, arguments.seeds, arguments.peer_seeds)
    result["not_installed"] = [
        name
        for name in PEERS
        if not available(name) and name not in result["fits"].get("small", {})
    ]
    result["limits"] = limits(result)
    print_tables(result)
    print_limits(result["limits"])
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {arguments.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
