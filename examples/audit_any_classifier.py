"""The audit works on any scikit-learn classifier: what does a forest leak, and an MLP?

Run: python examples/audit_any_classifier.py [PAGE]
"""

import sys

from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from skqmu import audit
from skqmu.datasets import make_memorisation

# three labels in ten are wrong: a model that fits them has learned its rows by heart
X, y = make_memorisation(400, n_features=4, label_noise=0.3, random_state=0)

for model in (
    RandomForestClassifier(30),
    MLPClassifier((32,), solver="lbfgs", alpha=10.0, max_iter=2000),
):
    report = audit(
        model, X, y, forget="fraction:0.2", test_size=0.5, n_shadows=8, random_state=0, n_jobs=2
    )  # fmt: skip
    print(report)

if len(sys.argv) > 1:
    report.to_html(sys.argv[1])
    print(f"the last report's page: {sys.argv[1]}")
