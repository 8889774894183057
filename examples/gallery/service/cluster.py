"""
The same audit on a cluster
===========================

Shadows, oracles and repeats are independent trainings. ``n_jobs`` spreads them over cores, and
inside ``joblib.parallel_config`` over whatever joblib knows: here dask, with a cluster of two
workers on this machine. The result is the same to the last digit.
"""

import matplotlib.pyplot as plt
import numpy as np
from joblib import parallel_config
from sklearn.datasets import load_iris

import skqmu

try:
    from dask.distributed import Client, LocalCluster
except ImportError:  # pip install "dask[distributed]"
    LocalCluster = None
    print("dask is not installed: the cluster's part is left out, and one process shows the rest.")

X, y = load_iris(return_X_y=True)
clf = skqmu.QNNClassifier(max_iter=100, random_state=0)


def audit(n_jobs):
    return skqmu.audit(
        clf,
        X[:, 2:],
        y,
        forget="fraction:0.1",
        mechanisms=["retrain", "fine_tune"],
        attacks="lira",
        n_shadows=8,
        n_oracles=4,
        random_state=0,
        n_jobs=n_jobs,
    )


def main():
    """Run the audit here and there, and draw both."""
    reports = {"this process": audit(1)}
    if LocalCluster is not None:
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        )
        with cluster, Client(cluster), parallel_config(backend="dask"):
            reports["dask, two workers"] = audit(2)
    return reports
