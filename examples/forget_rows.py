"""A deletion request, honoured: train on Iris, forget five flowers, read the log.

Run: python examples/forget_rows.py
"""

from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

model = make_pipeline(StandardScaler(), skqmu.QNNClassifier(random_state=0))
model.fit(X_train, y_train)
print(f"trained on {len(X_train)} flowers, test accuracy {model.score(X_test, y_test):.2f}")

# five people ask to be forgotten; the scaler saw them too, and a warning says so
skqmu.unlearn(model, X_train[:5])

entry = model[-1].unlearning_log_[-1]
print(f"{entry['strategy']} ({entry['kind']}) forgot {entry['n_forget']} rows")
print(f"in {entry['seconds']:.2f} s and {entry['cost']['gradient_rows']} rows of gradients")
print(f"test accuracy now {model.score(X_test, y_test):.2f}")

# asking twice is an error that says why
try:
    skqmu.unlearn(model, X_train[:5])
except skqmu.exceptions.AlreadyForgottenError as error:
    print(f"asked again: {error}")

# what one deploys holds no training row, no log, and cannot be asked who was in it
released = model[-1].release()
print(f"released: {type(released).__name__} with {released.params_.size} parameters")
