"""
Your own table, and a deletion by id
====================================

A request names a person, not rows. Give the ids at the fit, and a person's rows go by name: all
of them, and nobody else's.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skqmu

# %%
# A made-up table: orders of 40 customers, four each, and whether the parcel came back. Customer
# C-07 does the opposite of what all others do.

rng = np.random.default_rng(0)
n = 160
table = pd.DataFrame(
    {
        "customer": [f"C-{i // 4:02d}" for i in range(n)],
        "price": rng.gamma(4, 15, n).round(2),
        "shop": rng.choice(["web", "app", "store"], n),
        "visits": rng.poisson(3, n),
    }
)
returned = (table["price"] > 60) ^ (table["shop"] == "store")
is_odd = table["customer"] == "C-07"
returned = (returned ^ is_odd).map({True: "returned", False: "kept"})
X = table.drop(columns="customer")
print(table.assign(returned=returned)[is_odd].to_string(index=False))

# %%
# The columns go through a pipeline of scikit-learn, as in any other project; the ids go to its
# last step.

model = make_pipeline(
    make_column_transformer(
        (StandardScaler(), ["price", "visits"]),
        (OneHotEncoder(handle_unknown="ignore"), ["shop"]),
    ),
    skqmu.QNNClassifier(n_layers=4, max_iter=200, random_state=0),
)
model.fit(X, returned, qnnclassifier__ids=table["customer"])


def given_to_the_truth(model):
    """Probability that the model gives to what the odd customer did, order by order."""
    columns = list(model.classes_)
    truth = [columns.index(label) for label in returned[is_odd]]
    return model.predict_proba(X[is_odd])[np.arange(len(truth)), truth]


before = given_to_the_truth(model)

# %%
# C-07 asks to be forgotten. ``upstream="refit"`` has the scaler and the encoder fitted anew, too,
# for which it is given the rows of everybody else.

skqmu.unlearn(
    model, ids=["C-07"], upstream="refit", X_retain=X[~is_odd], y_retain=returned[~is_odd]
)
after = given_to_the_truth(model)
entry = model[-1].unlearning_log_[-1]
print(f"{entry['strategy']}: {entry['n_forget']} rows of {entry['n_ids']} id, {entry['status']}")

# %%
# Ten models that never saw C-07, each from a seed of its own, show what ignorance looks like.

never = []
for seed in range(1, 11):
    other = clone(model).set_params(qnnclassifier__random_state=seed)
    never.append(given_to_the_truth(other.fit(X[~is_odd], returned[~is_odd])))

figure, ax = plt.subplots(layout="constrained")
orders = np.arange(len(before))
labels = {"label": "10 that never saw C-07"}
for values in never:
    ax.plot(orders, values, "_", color="0.55", ms=24, **labels)
    labels = {}
ax.plot(orders, before, "o", color="tab:red", ms=8, label="fitted with C-07")
ax.plot(orders, after, "D", color="tab:blue", ms=8, label="after the deletion")
ax.set(
    yscale="log",
    xticks=orders,
    xticklabels=[f"{price:.2f}, {shop}" for price, shop in X.loc[is_odd, ["price", "shop"]].values],
    xlabel="orders of C-07 (price, shop)",
    ylabel="probability of what C-07 did",
)
figure.legend(loc="outside upper center", ncols=3)
plt.show()

# %%
# What C-07 does is a surprise to every model, but less so to the one that had seen it. After the
# deletion its orders are as improbable as to models that never knew them, and no row bears the id.

print(f"ids left: {len(set(model[-1].ids_))}, C-07 among them: {'C-07' in model[-1].ids_}")

# %%
# :doc:`Whose rows, and which </ids>` says what an id may be and how else rows can be named;
# :doc:`Your own table </own_data>` does all this from the command line.
