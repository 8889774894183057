"""
Reading a report
================

Every model in an audit gets a verdict: it differs from retraining, it is indistinguishable from it
within a stated margin, or this much data cannot tell. Here is one of each, and the evidence that
it stands on.
"""

import matplotlib.pyplot as plt
from sklearn.neighbors import KNeighborsClassifier

import skqmu
from skqmu.datasets import make_memorisation

# %%
# Neighbours know each row by heart, a fifth of them with a wrong label. Two requests: for ten rows,
# and for a third. Retraining is the only way to forget that such a model has.

X, y = make_memorisation(2000, label_noise=0.2, random_state=0)
report = skqmu.audit(
    KNeighborsClassifier(3),
    X,
    y,
    forget={"ten rows": "fraction:0.01", "a third": "fraction:0.33"},
    attacks="loss",
    test_size=0.5,
    random_state=0,
)
print(report)

# %%
# **The verdicts** are the sentences. *Does the original differ?* is the first question: where it
# does not, there was nothing to forget that this audit could see. Of ten rows it cannot see enough,
# and says what it cannot exclude. Of a third the original differs, and retraining is
# indistinguishable.
#
# **The evidence** is a difference to the retrained models (oracles) in each measure, with an
# interval. `to_frame` has them all, a row for each model. An interval off 0 is a difference (red),
# but one of a distance below 0.02 is of no account; intervals inside the grey band, within 0.1
# (``delta=``), are what "indistinguishable" takes, in every measure. Neighbours draw nothing, so
# that the retrained model *is* the oracle, and its intervals are points.

frame = report.to_frame().set_index(["scenario", "model"])
measures = {
    "accuracy_retain": "accuracy, retained rows",
    "accuracy_forget": "accuracy, forgotten rows",
    "accuracy_test": "accuracy, unseen rows",
    "confidence_forget": "confidence, forgotten rows",
    "distance_forget": "distance, forgotten rows",
    "distance_test": "distance, unseen rows",
    "auc_loss": "AUC of the loss attack",
}
shown = [("ten rows", "original"), ("a third", "original"), ("a third", "retrain")]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharex=True, sharey=True, layout="constrained")
for ax, which in zip(axes, shown, strict=True):
    row = frame.loc[which]
    for at, name in enumerate(measures):
        value, low, high = (row[f"gap_{name}{end}"] for end in ("", "_low", "_high"))
        off = low > 0 or high < 0
        ax.plot([low, high], [at, at], color="C3" if off else "C0", lw=2)
        ax.plot(value, at, "o", color="C3" if off else "C0")
    ax.axvspan(-0.1, 0.1, color="0.9", zorder=0)
    ax.axvline(0, color="0.6", lw=1, zorder=0)
    ax.set_title(f"{which[1]}, {which[0]}:\n{row['verdict']}", fontsize="medium")
axes[0].set_yticks(range(len(measures)), measures.values())
axes[0].invert_yaxis()
axes[1].set_xlabel("difference to retrained models, 95 % interval")
plt.show()

# %%
# **To pass it on**: `to_html` writes a page, `to_json` what can be read and done again,
# `to_model_card` a section of a model card, and `to_markdown` text:

text = report.to_markdown()
print("\n".join(text.splitlines()[:24]))

# %%
# What a verdict takes is in :doc:`/verdicts`, how to read the rest in :doc:`/audits`, the formats
# in :doc:`/report`.
