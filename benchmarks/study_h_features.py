"""What the layers below the last one still know of a removed class, in Study H's networks.

Run from the root of the repository::

    python benchmarks/study_h_features.py --dataset iris                    # seconds
    python benchmarks/study_h_features.py --dataset mnist --data FOLDER     # minutes

The conditions of the sound protocol look at what a model answers. Here the last layer is solved
anew on the retained rows and a few forgotten ones with their labels back, and its score of the
class is judged on test rows: the AUC of telling the class from the others, in the mean over
draws of the few. Models that were retrained without the class say how well features do that
which never saw it; the figure is the difference to them. (Of a mechanism that changes the last
layer alone it is that of the original, as the layer is replaced here.)
"""

import argparse
import json
import os
import pickle
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score

# Set before workers start: results must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from _study_h_settings import DATASETS, Setting, make_estimator
from _study_h_work import data_of, mechanisms

from skqmu.metrics import mean_interval
from skqmu.training import SoftmaxHead

SCENARIO, N_GIVEN, N_DRAWS, PENALTY = "fullclass", 4, 20, 1e-3


def probed(model, data, forget, draws):
    """Mean AUC on test rows of last layers that got a few forgotten rows with their labels."""
    network = model._network()

    def features(X):
        phi = network.outputs(model.params_, X, len(network.layers) - 1)
        return np.column_stack([phi, np.ones(len(phi))])

    phi, phi_test = features(data.X), features(data.X_test)
    classes = np.unique(data.y)
    removed = np.searchsorted(classes, data.y[forget][0])
    aucs = []
    for given in draws:
        rows = np.concatenate([np.flatnonzero(~forget), given])
        # A given row stands for its share of the class.
        weights = np.where(forget[rows], forget.sum() / len(given), 1.0)
        targets = (data.y[rows][:, None] == classes).astype(float)
        solved = SoftmaxHead(PENALTY).solve(phi[rows], targets, weights, n=weights.sum())
        scores = phi_test @ solved
        margin = scores[:, removed] - np.delete(scores, removed, axis=1).max(axis=1)
        aucs.append(roc_auc_score(data.y_test == classes[removed], margin))
    return float(np.mean(aucs))


def measured(setting, seed, folder):
    """AUCs of one seed, by model."""
    data = data_of(setting.dataset, folder)
    forget, classes = data.forget[SCENARIO], np.unique(data.y)
    rng, forgotten = np.random.default_rng(seed), np.flatnonzero(forget)
    draws = [rng.choice(forgotten, N_GIVEN, replace=False) for _ in range(N_DRAWS)]
    original = make_estimator(setting, 1000 * seed).fit(data.X, data.y)
    retrained = make_estimator(setting, 500_000 + seed).fit(
        data.X[~forget], data.y[~forget], classes=classes
    )
    models = {"retrained": retrained, "original": original}
    for name, strategy in mechanisms(setting, SCENARIO, "sound").items():
        if name.endswith("+Refit"):
            copied = pickle.loads(pickle.dumps(original))
            models[name] = copied.unlearn(index=np.flatnonzero(forget), strategy=strategy)
    return {name: probed(model, data, forget, draws) for name, model in models.items()}


def main(arguments=None):
    """Measure all seeds and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=DATASETS, default="iris")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--data", type=Path, help="folder of the image files")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a fifth of all epochs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args(arguments)
    setting = Setting(arguments.dataset, quick=arguments.quick)
    seeds = Parallel(n_jobs=arguments.n_jobs)(
        delayed(measured)(setting, seed, arguments.data) for seed in range(arguments.seeds)
    )
    result = {"dataset": arguments.dataset, "n_given": N_GIVEN, "seeds": seeds, "auc": {}}
    for name in seeds[0]:
        mean = float(np.mean([found[name] for found in seeds]))
        more = mean_interval([found[name] - found["retrained"] for found in seeds])
        result["auc"][name] = {"mean": mean, "more_than_retrained": more._asdict()}
        print(f"{name}: AUC {mean:.3f}; more than retrained by {more}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"study_h_features_{arguments.dataset}.json"
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
