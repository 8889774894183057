"""Search a mechanism's settings for accuracy and for privacy at once.

Each candidate is trained, told to forget a tenth of its rows, and scored on how well it
predicts and on how far its accuracy on the forgotten rows is from that of a retrained model.

Run: python examples/search_for_privacy.py
"""

from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.datasets import forget_split
from skqmu.metrics import privacy_scoring
from skqmu.unlearning import LabelComplement

X, y = load_iris(return_X_y=True)
X = scale(X)
forget = forget_split(y, "fraction:0.1", random_state=0)

search = GridSearchCV(
    UnlearningClassifier(
        QNNClassifier(max_iter=60, early_stopping=True, random_state=0),
        LabelComplement(),
        n_oracles=2,
    ),
    {"strategy__beta": [0.3, 1.0], "strategy__max_iter": [5, 20]},
    scoring=privacy_scoring("accuracy", "neg_forget_gap"),
    refit="neg_forget_gap",
    cv=3,
    n_jobs=2,
)
search.fit(X, y, forget=forget)

for parameters, accuracy, gap in zip(
    search.cv_results_["params"],
    search.cv_results_["mean_test_accuracy"],
    search.cv_results_["mean_test_neg_forget_gap"],
    strict=True,
):
    print(f"{parameters}: accuracy {accuracy:.3f}, distance to retraining {-gap:.3f}")
print(f"nearest to retraining: {search.best_params_}")
