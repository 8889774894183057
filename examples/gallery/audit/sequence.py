"""
Ten requests, one after another
===============================

A mechanism that passes once may leave traces that add up. ``audit(sequential=True)`` puts request
after request to the same model, beside models retrained without any row asked for by then.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import skqmu

X, y = load_digits(return_X_y=True)
X = PCA(6, whiten=True, random_state=0).fit_transform(X)
keep = np.flatnonzero(y < 4)[:600]
X, y = X[keep], y[keep]
