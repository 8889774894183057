"""How far every approximate mechanism ends from retraining, and at what cost.

Run from the root of the repository (about ten minutes on two cores)::

    python benchmarks/mechanisms.py

writes ``benchmarks/results/mechanisms.json`` and prints it as a table. Two deletion
requests, five seeds each: a whole class of Iris, and a random tenth of the training rows of
digits (scaled, eight principal components). Rows are split into training, reference
(for stop rules) and test parts; nothing was tuned on the test part, and all strategies run
with their defaults unless the row's name says otherwise, but for the guard: here the mechanisms
themselves are measured, in `defaults.py` what becomes of them with it.

A row's numbers are gaps: the unlearned model's figure minus the mean of the oracles', which
are `N_ORACLES` models trained with fresh seeds on the rows that stay. The verdict is a fixed
rule over these gaps, see `verdict`.
"""

import argparse
import copy
import json
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier
from skqmu.exceptions import UnlearningWarning
from skqmu.unlearning import (
    SCRUB,
    STRATEGIES,
    Composite,
    FineTune,
    FisherForgetting,
    GradientAscent,
    LastLayerRefit,
    LastLayersFineTune,
    LastLayersRetrain,
    NegGradPlus,
    RelativeGradientAscent,
    SelectiveDampening,
    SimilarLabelReweighting,
)

RESULTS = Path(__file__).parent / "results" / "mechanisms.json"
N_SEEDS = 5
N_ORACLES = 3
# A gap counts where it is beyond this many standard deviations of the oracles...
BEYOND = 2.0
# ... and beyond this much, where the oracles hardly differ at all.
MATERIAL = 0.02
NO_GAP = "no gap shown"

# Why a row fails where it does: what the mechanism does, read beside its figures.
WHY = {
    "(before unlearning)": "nothing was done: what every mechanism starts from",
    "gradient_ascent": "nothing repairs what the forgotten rows share with the others",
    "fisher_forgetting": "as gradient ascent; few epochs leave the penalty little to hold",
    "selective_dampening": "the weights that matter to the forgotten rows matter to the others "
    "too: the ratios are small, little is dampened, and what is dampened serves all rows",
    "last_layers_fine_tune": "the circuit and the features it learned stay as they are",
    "last_layers_fine_tune, ascend=True": "the published variant; a head alone moves too little "
    "within 15 epochs, and nothing repairs it",
    "last_layers_retrain": "few epochs, or a circuit that still remembers",
    "noisy_fine_tune": "nothing asks it to forget; noise and overwriting do what they do",
    "fine_tune": "nothing asks it to forget: only what training on overwrites goes",
    "scrub": "its ascent is repaired towards the teacher, with Adam's full step each time",
    "similar_label_reweighting": "confident wrong labels: rows that a retrained model gets right "
    "are taught to be wrong",
    "similar_label_reweighting, ascend=True": "the published sign climbs away from the similar "
    "class, towards the true one",
    "label_complement": "wrong labels for rows that a retrained model gets right",
    "adversarial_uniform": "uniform is neither what a retrained model says of a removed class nor "
    "of a row it never saw",
    "distribution_guided": "made for classes: on a subset its target denies the true class",
    "bad_teacher": "a random twin's answers are neither those of a removed class nor those on "
    "unseen rows",
    "saliency_unlearning": "confident wrong labels, see random_labels",
    "random_labels": "confident wrong labels: rows that a retrained model gets right are taught "
    "to be wrong",
    "last_layer_refit": "the circuit and the features it learned stay as they are",
    "orthogonal_entropy": "undecided is neither what a retrained model says of a removed class nor "
    "of a row it never saw",
    "sensitivity_noise": "the rows' gradients at the end say nothing of what they did, and noise "
    "hits every weight",
    "retrained_twin": "an epoch of a hundred rows is too few steps for its twin",
    "amnesiac": "every batch held a forgotten row (see the stop reason): all of training goes",
    "gradient_ascent, stop=None": "runs on long after the rows look unseen",
    "neg_grad_plus, stop=None": "runs on long after the rows look unseen",
    "scrub, stop=None": "runs on long after the rows look unseen",
    "fisher_forgetting, noise=True": "noise of this size changes little",
}

VARIANTS = {
    "gradient_ascent, stop=None": GradientAscent(stop=None),
    "neg_grad_plus, stop=None": NegGradPlus(stop=None),
    "relative_gradient_ascent, relative='project'": RelativeGradientAscent(relative="project"),
    "fisher_forgetting, fisher_on='retain'": FisherForgetting(fisher_on="retain"),
    "fisher_forgetting, noise=True": FisherForgetting(noise=True),
    "selective_dampening, importance='qfi'": SelectiveDampening(importance="qfi"),
    "selective_dampening, then fine_tune": Composite([SelectiveDampening(), FineTune()]),
    "last_layers_fine_tune, ascend=True": LastLayersFineTune(ascend=True),
    "last_layers_retrain, train='all'": LastLayersRetrain(train="all"),
    "last_layers_retrain, then last_layer_refit": Composite(
        [LastLayersRetrain(k=2, train="all"), LastLayerRefit()]
    ),
    "scrub, stop=None": SCRUB(stop=None),
    "scrub, rewind=True": SCRUB(rewind=True),
    "similar_label_reweighting, ascend=True": SimilarLabelReweighting(ascend=True),
    "fine_tune, l1=5e-4": FineTune(l1=5e-4),
}


def strategies():
    """Every strategy that is approximate, and published variants, by the row's name."""
    named = {name: factory() for name, factory in STRATEGIES.items() if name != "composite"}
    found = {**{n: s for n, s in named.items() if s.kind == "approximate"}, **VARIANTS}
    return {name: strategy.set_params(guard=None) for name, strategy in found.items()}


# Of the committed results: features as angles as they stand.
ANGLES = {"input_scale": None}


def iris_class(seed):
    """Model, training, reference and test parts, and the mask of the rows to forget."""
    X, y = load_iris(return_X_y=True)
    parts = _split(X, y, make_pipeline(StandardScaler()), seed)
    return QNNClassifier(**ANGLES, observables="z", max_iter=100), parts, parts[0][1] == 1


def digits_subset(seed):
    """As `iris_class`: a random tenth of the training rows."""
    X, y = load_digits(return_X_y=True)
    parts = _split(
        X, y, make_pipeline(StandardScaler(), PCA(8, random_state=0), StandardScaler()), seed
    )
    n_rows = len(parts[0][1])
    mask = np.zeros(n_rows, dtype=bool)
    mask[np.random.default_rng(seed).choice(n_rows, n_rows // 10, replace=False)] = True
    return QNNClassifier(**ANGLES, n_layers=4, observables="zz", max_iter=100), parts, mask


SCENARIOS = {"iris_class": iris_class, "digits_subset": digits_subset}


def _split(X, y, transform, seed):
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
    X, X_ref, y, y_ref = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    transform.fit(X)
    return [(transform.transform(A), b) for A, b in ((X, y), (X_ref, y_ref), (X_test, y_test))]


class LogitMask:
    """The baseline that forgets nothing: the class's probability is not shown."""

    def __init__(self, model, label):
        self.model = model
        self.classes_ = model.classes_
        self.label = label

    def predict_log_proba(self, X):
        """Logarithms of the other classes' probabilities, renormalised."""
        proba = self.model.predict_proba(X)
        proba[:, self.classes_ == self.label] = 0.0
        with np.errstate(divide="ignore"):
            return np.log(proba / proba.sum(axis=1, keepdims=True))


def figures(model, parts):
    """Accuracy and mean true-class probability by part, and the forget rows' AUC."""
    measured, losses = {}, {}
    for name, (X, y) in parts.items():
        log_p = model.predict_log_proba(X)
        columns = np.searchsorted(model.classes_, y)
        own = log_p[np.arange(len(y)), columns]
        losses[name] = -own
        measured[f"{name}_accuracy"] = float((log_p.argmax(axis=1) == columns).mean())
        measured[f"{name}_probability"] = float(np.exp(own).mean())
    # Capped: a masked class has no finite loss.
    capped = {name: np.minimum(loss, 50.0) for name, loss in losses.items()}
    measured["forget_loss"] = float(capped["forget"].mean())
    against = np.r_[np.ones(len(capped["forget"])), np.zeros(len(capped["peers"]))]
    scores = -np.r_[capped["forget"], capped["peers"]]
    measured["forget_auc"] = float(roc_auc_score(against, scores))
    return measured


def run_seed(scenario, seed, only=None):
    """Figures of the trained model, the oracles and the mechanisms (None: all) for one seed."""
    warnings.simplefilter("ignore", UnlearningWarning)
    model, (train, reference, test), mask = SCENARIOS[scenario](seed)
    X, y = train
    peers = np.isin(test[1], np.unique(y[mask]))
    staying = np.isin(test[1], np.unique(y[~mask]))
    parts = {
        "retain": (X[~mask], y[~mask]),
        "forget": (X[mask], y[mask]),
        "test": (test[0][staying], test[1][staying]),
        # Test rows of the forgotten rows' classes: never seen, whatever the model.
        "peers": (test[0][peers], test[1][peers]),
    }
    oracles, spent, seconds = [], [], []
    for number in range(N_ORACLES):
        oracle = copy.deepcopy(model).set_params(random_state=1000 * (seed + 1) + number)
        started = time.process_time()
        oracle.fit(*parts["retain"], classes=np.unique(y))
        seconds.append(time.process_time() - started)
        spent.append(oracle.fit_cost_["gradient_rows"])
        oracles.append(figures(oracle, parts))
    base = model.set_params(random_state=seed, log_updates=True).fit(X, y)
    rows = {"(before unlearning)": {**figures(base, parts), "gradient_rows": 0.0, "seconds": 0.0}}
    if scenario.endswith("class"):
        mask_model = LogitMask(base, y[mask][0])
        rows["(logit mask)"] = {**figures(mask_model, parts), "gradient_rows": 0.0, "seconds": 0.0}
    for name, strategy in strategies().items():
        if only is not None and name not in only:
            continue
        candidate = copy.deepcopy(base)
        started = time.process_time()
        candidate.unlearn(
            strategy=strategy,
            index=np.flatnonzero(mask),
            X_reference=reference[0],
            y_reference=reference[1],
        )
        entry = candidate.unlearning_log_[-1]
        rows[name] = {
            **figures(candidate, parts),
            "gradient_rows": entry["cost"]["gradient_rows"] / np.mean(spent),
            "seconds": (time.process_time() - started) / np.mean(seconds),
        }
        rows[name]["stop_reason"] = entry["stop_reason"]
    return {"seed": seed, "oracles": oracles, "rows": rows}


def student_interval(values, level=0.95):
    """Mean and Student interval of the mean, as a list of three."""
    values = np.asarray(values, dtype=float)
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return [float(x) for x in (values.mean(), values.mean() - half, values.mean() + half)]


def summarise(runs):
    """Gaps to the oracles with intervals, costs and a verdict, by mechanism."""
    names = list(runs[0]["oracles"][0])
    spread = {
        n: float(np.sqrt(np.mean([np.var([o[n] for o in r["oracles"]], ddof=1) for r in runs])))
        for n in names
    }
    table = {}
    for row in runs[0]["rows"]:
        gaps = {
            n: student_interval(
                [r["rows"][row][n] - np.mean([o[n] for o in r["oracles"]]) for r in runs]
            )
            for n in names
        }
        cost = {
            n: float(np.mean([r["rows"][row][n] for r in runs]))
            for n in ("gradient_rows", "seconds")
        }
        reasons = sorted({r["rows"][row].get("stop_reason", "") for r in runs})
        table[row] = {
            "gaps": gaps,
            "cost_relative_to_retraining": cost,
            "stop_reasons": reasons,
            "verdict": verdict(gaps, spread),
        }
        if table[row]["verdict"] != NO_GAP:
            table[row]["why"] = WHY.get(row) or WHY.get(row.split(",")[0], "")
    oracle = {
        n: student_interval([np.mean([o[n] for o in r["oracles"]]) for r in runs]) for n in names
    }
    return {"oracle": oracle, "oracle_standard_deviation": spread, "rows": table}


def verdict(gaps, spread):
    """A fixed rule: what is off, beyond the oracles' own spread and the interval of the gap.

    A gap counts where its whole interval lies beyond `BEYOND` standard deviations of the
    oracles (and beyond `MATERIAL`).
    """
    said = []
    for name, high, low in (
        ("forget_probability", "forgets too little", "forgets too much"),
        ("retain_accuracy", "", "harms the retained rows"),
        ("test_accuracy", "", "harms unseen rows"),
        ("forget_auc", "forgotten rows still look like members", "forgotten rows stand out"),
    ):
        limit = max(MATERIAL, BEYOND * spread[name])
        _, lowest, highest = gaps[name]
        if lowest > limit and high:
            said.append(high)
        if highest < -limit:
            said.append(low)
    return "; ".join(said) or NO_GAP


def markdown(result):
    """The result as tables."""
    lines = []
    for scenario, summary in result["scenarios"].items():
        lines += [
            f"### {scenario}",
            "",
            "| mechanism | forget p | retain acc. | test acc. | AUC | gradient rows | verdict |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, row in summary["rows"].items():
            cells = [
                "{:+.3f} [{:+.3f}, {:+.3f}]".format(*row["gaps"][n])
                for n in ("forget_probability", "retain_accuracy", "test_accuracy", "forget_auc")
            ]
            cost = row["cost_relative_to_retraining"]["gradient_rows"]
            told = row["verdict"] + (f" ({row['why']})" if row.get("why") else "")
            lines.append(f"| {name} | {' | '.join(cells)} | {cost:.2f} | {told} |")
        lines.append("")
    return "\n".join(lines)


def beside(known, new, names):
    """Put the rows of `names` into results that stand, and say of them what they were made by.

    Raises
    ------
    SystemExit
        The oracles, or the models before unlearning, are not those of the rows that stand:
        rows of both would not be comparable.
    """
    for scenario, summary in new["scenarios"].items():
        stands = known["scenarios"][scenario]
        for what, one, other in (
            ("oracles", stands["oracle"], summary["oracle"]),
            (
                "models before unlearning",
                stands["rows"]["(before unlearning)"]["gaps"],
                summary["rows"]["(before unlearning)"]["gaps"],
            ),
        ):
            if any(not np.allclose(one[n], other[n], atol=1e-6) for n in one):
                sys.exit(f"the {what} of {scenario} are others than in the file: run all rows.")
        stands["rows"] |= {name: summary["rows"][name] for name in names}
    made = {name: new[name] for name in ("skqmu", "python", "n_seeds", "seconds")}
    command = " ".join([new["command"], *(f"--only {name}" for name in names)])
    known.setdefault("added", {}).update({name: {"command": command, **made} for name in names})
    return known


def main():
    """Run everything, write the JSON, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append")
    rows = {"choices": sorted(strategies()), "action": "append"}
    parser.add_argument("--only", **rows, help="rows to run; others stay in the file as they are")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    names = arguments.scenario or list(SCENARIOS)
    jobs = [(name, seed) for name in names for seed in range(arguments.seeds)]
    runs = Parallel(n_jobs=arguments.n_jobs)(delayed(run_seed)(*j, arguments.only) for j in jobs)
    result = {
        "command": "python benchmarks/mechanisms.py",
        "skqmu": skqmu.__version__,
        "python": platform.python_version(),
        "n_seeds": arguments.seeds,
        "n_oracles_per_seed": N_ORACLES,
        "interval": "Student, 95 %, over seeds",
        "verdict_rule": f"whole interval beyond {BEYOND:g} standard deviations of the oracles and "
        f"beyond {MATERIAL:g}",
        "scenarios": {
            name: summarise([run for job, run in zip(jobs, runs, strict=True) if job[0] == name])
            for name in names
        },
        "seconds": time.perf_counter() - started,
    }
    if arguments.only:
        result = beside(json.loads(arguments.output.read_text()), result, arguments.only)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(markdown(result) + "\n")


if __name__ == "__main__":
    main()
