"""Our attacks beside those of ART and SACRO-ML: one target, one set of records, one table.

Every attack scores the same held-out half of the target's members and non-members, and one
function measures them all, with intervals. ART's black-box attack is shown the target's
membership of the other half (its protocol), and so is our attack of that kind; LiRA and
RMIA are shown none. Times are process CPU seconds (children included) for each shadow,
trained in one process, the smallest of several repeats.

    python -m venv peers && peers/bin/pip install . adversarial-robustness-toolbox sacroml
    peers/bin/python benchmarks/attacks.py --out benchmarks/results/attacks.json

A peer that is not installed is named as such, with the reason, and the rest runs.
"""

import argparse
import contextlib
import importlib.metadata
import io
import json
import logging
import os
import platform
import tempfile
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skqmu.attacks import LiRAAttack, QNNOutputAttack, RMIAAttack, ShadowModelAttack, ShadowPool
from skqmu.metrics import membership_result

PEERS = {"art": "adversarial-robustness-toolbox", "sacroml": "sacroml"}


def problem(seed, n_per_class=100):
    """Return digits, half members, and which records are for fitting auditors' attacks."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(y == c))[:n_per_class] for c in range(10)]
    )
    place = np.arange(rows.size) % n_per_class
    return X[rows] / 16, y[rows], place < n_per_class // 2, place % 2 == 0


def targets(seed):
    yield (
        "MLPClassifier",
        MLPClassifier(
            100, max_iter=60, learning_rate_init=0.01, tol=0, n_iter_no_change=61, random_state=seed
        ),
    )
    yield "RandomForestClassifier", RandomForestClassifier(50, random_state=seed)


def cpu():
    """Process CPU seconds, children included: other load on the machine does not count."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def timed(function):
    start = cpu()
    result = function()
    return result, cpu() - start


# -- ours -------------------------------------------------------------------------------


def ours(target, X, y, members, auditing, n_shadows, seed):
    """Yield name, scores of all records, CPU seconds a shadow (None where there are none)."""
    pool, seconds = timed(
        lambda: ShadowPool(target, n_shadows=n_shadows, n_jobs=1, random_state=seed).fit(X, y)
    )
    attacks = {
        "LiRAAttack(online)": LiRAAttack(target),
        "LiRAAttack(offline)": LiRAAttack(target, online=False),
        "RMIAAttack(online)": RMIAAttack(target),
        "ShadowModelAttack": ShadowModelAttack(target, random_state=seed),
        "QNNOutputAttack(shadows)": QNNOutputAttack(target, random_state=seed),
    }
    for name, attack in attacks.items():

        def run(attack=attack):
            return attack.fit(pool=pool).decision_function(X, y)

        scores, more = timed(run)
        yield name, scores, (seconds + more) / n_shadows
    auditor = QNNOutputAttack(target, trained_on="target", random_state=seed)
    auditor.fit(X[auditing], y[auditing], membership=members[auditing])
    yield "QNNOutputAttack(target)", auditor.decision_function(X, y), None


# -- peers ------------------------------------------------------------------------------


def art(target, X, y, members, auditing, n_shadows, seed):
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import SklearnClassifier

    wrapped = SklearnClassifier(target)
    inside, outside = members & auditing, ~members & auditing
    for kind in ("rf", "gb", "nn"):
        attack = MembershipInferenceBlackBox(wrapped, attack_model_type=kind)
        attack.fit(X[inside], y[inside], X[outside], y[outside])
        scores = np.asarray(attack.infer(X, y, probabilities=True)).reshape(len(y), -1)[:, -1]
        yield f"MembershipInferenceBlackBox({kind})", scores, None


def sacroml(target, X, y, members, auditing, n_shadows, seed):
    from sacroml.attacks.likelihood_attack import LIRAAttack
    from sacroml.attacks.target import Target

    logging.disable(logging.INFO)
    np.random.seed(seed)  # noqa: NPY002 (the peer draws from the global generator)
    for fix_variance in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            wrapped = Target(
                model=target,
                X_train=X[members],
                y_train=y[members],
                X_test=X[~members],
                y_test=y[~members],
            )
            attack = LIRAAttack(
                output_dir=folder,
                write_report=False,
                n_shadow_models=n_shadows,
                mode="online-carlini",
                fix_variance=fix_variance,
                report_individual=True,
            )
            _, seconds = timed(lambda attack=attack, wrapped=wrapped: attack.attack(wrapped))
            found = np.asarray(attack.result["member_prob"], dtype=float)
        scores = np.empty(len(y))
        scores[members], scores[~members] = found[: members.sum()], found[members.sum() :]
        yield f"LIRAAttack(online, fix_variance={fix_variance})", scores, seconds / n_shadows


# -- the table --------------------------------------------------------------------------


def peers():
    """Return the peers that can be imported, and why the others cannot."""
    found, missing = {}, {}
    for module, function in (("art", art), ("sacroml", sacroml)):
        try:
            __import__(module)
            found[module] = function
        except Exception as error:
            missing[PEERS[module]] = f"{type(error).__name__}: {error}"
    return found, missing


def measure(name, scores, seconds, members, auditing):
    result = membership_result(
        scores[members & ~auditing], scores[~members & ~auditing], fprs=(0.01,)
    )
    return {
        "attack": name,
        "auc": result.auc,
        "auc_interval": result.auc_interval,
        "tpr_at_1pct_fpr": result.at_fpr(0.01).tpr,
        "tpr_interval": result.at_fpr(0.01).tpr_interval,
        "fpr": result.at_fpr(0.01).fpr,
        "cpu_seconds_per_shadow": seconds,
    }


def run(args):
    found, missing = peers()
    rows = []
    for seed in range(args.seeds):
        X, y, members, auditing = problem(seed)
        for target_name, target in targets(seed):
            target.fit(X[members], y[members])
            accuracy = target.score(X[members], y[members]), target.score(X[~members], y[~members])
            for source, attacks in (("skqmu", ours), *found.items()):
                best = {}
                for _ in range(args.repeats):
                    with contextlib.redirect_stdout(io.StringIO()):
                        results = list(
                            attacks(target, X, y, members, auditing, args.n_shadows, seed)
                        )
                    for name, scores, seconds in results:
                        old = best.get(name, (scores, np.inf))[1]
                        best[name] = scores, None if seconds is None else min(seconds, old)
                for name, (scores, seconds) in best.items():
                    row = {
                        "seed": seed,
                        "target": target_name,
                        "accuracy_members": accuracy[0],
                        "accuracy_nonmembers": accuracy[1],
                        "library": source,
                        **measure(name, scores, seconds, members, auditing),
                    }
                    rows.append(row)
                    print(show(row), flush=True)
    return {
        "format": "skqmu.benchmarks.attacks/1",
        "n_shadows": args.n_shadows,
        "repeats": args.repeats,
        "records_scored": int((~problem(0)[3]).sum()),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "not_installed": missing,
        "date": time.strftime("%Y-%m-%d"),
        "results": rows,
    }


def show(row):
    low, high = row["auc_interval"]
    seconds = row["cpu_seconds_per_shadow"]
    return (
        f"{row['seed']} {row['target']:<23} {row['library']:<8} {row['attack']:<42} "
        f"AUC {row['auc']:.3f} [{low:.3f}, {high:.3f}]  "
        f"TPR at 1 % FPR {row['tpr_at_1pct_fpr']:.3f}  "
        + ("" if seconds is None else f"{1000 * seconds:.0f} ms a shadow")
    )


def versions():
    found = {}
    for name in ("numpy", "scikit-learn", "joblib", *PEERS.values()):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-shadows", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=2, help="data sets and targets")
    parser.add_argument("--repeats", type=int, default=3, help="for the smallest time")
    parser.add_argument("--out", default=None, help="JSON file; never overwritten silently")
    parser.add_argument("--force", action="store_true", help="overwrite --out")
    args = parser.parse_args()
    if args.out and os.path.exists(args.out) and not args.force:
        parser.error(f"{args.out} exists; pass --force to overwrite it.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        report = run(args)
    for name, reason in report["not_installed"].items():
        print(f"not installed: {name} ({reason})")
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
