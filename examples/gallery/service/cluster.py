"""
The same audit on a cluster
===========================

Shadows, oracles and repeats are trainings that know nothing of one another. ``n_jobs`` spreads
them over cores, and inside ``joblib.parallel_config`` over whatever joblib knows: here dask, with
two workers on this machine. The numbers stay the same.
"""

import logging

import matplotlib.pyplot as plt
import numpy as np
from joblib import parallel_config
from sklearn.datasets import load_iris

import skqmu

try:
    from dask.distributed import Client, LocalCluster
except ImportError:
    LocalCluster = None
    print('Without dask the cluster is left out. To have it: pip install "dask[distributed]"')

X, y = load_iris(return_X_y=True)
settings = {
    "forget": "fraction:0.2",
    "mechanisms": ["retrain", "fine_tune"],
    "attacks": "lira",
    "n_shadows": 8,
    "n_oracles": 4,
    "random_state": 0,
}


# %%
# Data and models travel as pickles, so that workers need this library and nothing of the script. In
# a script of your own the cluster is made below ``if __name__ == "__main__":``, for its processes
# begin by importing that script. For a real cluster, ``Client("tcp://scheduler:8786")`` is all that
# changes.


def audit(n_jobs):
    clf = skqmu.QNNClassifier(max_iter=60, random_state=0)
    return skqmu.audit(clf, X[:, 2:], y, n_jobs=n_jobs, **settings)


if __name__ == "__main__":
    reports = {"one process": audit(1)}
    if LocalCluster is not None:
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        options["silence_logs"] = logging.CRITICAL
        with LocalCluster(**options) as cluster, Client(cluster), parallel_config(backend="dask"):
            reports["dask, two workers"] = audit(2)
        first, second = reports.values()
        print("the same numbers:", first.same_numbers(second))

# %%
# Each kind of model with its accuracies, as both found them.

if __name__ == "__main__":
    figure, ax = plt.subplots(layout="constrained")
    for i, (name, report) in enumerate(reports.items()):
        frame = report.to_frame()
        for j, rows in enumerate(("retain", "forget", "test")):
            ax.plot(
                frame[f"accuracy_{rows}"],
                np.arange(len(frame)) + 0.2 * (j - 1),
                "o+"[i],
                color=f"C{j}" if i == 0 else "k",
                ms=(9, 7)[i],
                label=(f"{rows}, " if i == 0 else "") + name if i == 0 or j == 0 else None,
            )
    ax.set_yticks(range(len(frame)), frame["model"])
    ax.invert_yaxis()
    ax.set_xlabel("accuracy")
    ax.legend()
    plt.show()

# %%
# Where the work is done changes nothing about the result, because every training has a seed of its
# own. A cluster pays where a training takes seconds or more: models this small take longer to send
# than to train. An audit that is cut off goes on where it was with ``memory=``; more in
# :doc:`/audits`, and on threads, copies and processes in :doc:`/threads`.
