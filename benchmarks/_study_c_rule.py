"""How Study C is decided. Written before any run of the sound part."""

__all__ = ["FACTORS", "MARGIN", "RIVALS", "RULE"]

#: Differences of test accuracy that are taken for something.
MARGIN = 0.01

RULE = (
    "At 30 % flipped labels, unit inputs, last epoch: the mean difference of test accuracy over"
    " ten seeds (each of its own rows, flips and weights; paired by seed), with Student's 95 % "
    "interval. 'Quantum' explains the resistance of a task if the circuit beats EVERY twin of "
    "at most its number of trained weights, and every regularised or early stopped classical "
    "model, by more than .01 (lower end above .01). Otherwise it does not, and each of these "
    "factors is named that makes more than .01 of difference (interval wholly above .01): "
    "capacity (the projection with the circuit's number of weights less the published MLP), "
    "stopping (the published MLP at the epoch that validation rows with equally bad labels "
    "choose, less its last epoch), regularisation (the MLP with weight decay, or with dropout, "
    "less the plain one), scale (inputs as published less unit inputs, for the circuit and for "
    "the MLP), bounded logits (the MLP whose logit is bounded as a circuit's is, less the plain"
    " one)."
)

#: Factor: (model, figure, inputs) less (model, figure, inputs).
FACTORS = {
    "capacity (linear twin)": (("projection_linear", "end", "unit"), ("mlp", "end", "unit")),
    "capacity (MLP twin)": (("projection_mlp", "end", "unit"), ("mlp", "end", "unit")),
    "stopping by bad rows": (("mlp", "stop_bad", "unit"), ("mlp", "end", "unit")),
    "weight decay": (("mlp_weight_decay", "end", "unit"), ("mlp", "end", "unit")),
    "dropout": (("mlp_dropout", "end", "unit"), ("mlp", "end", "unit")),
    "bounded logits": (("mlp_bounded", "end", "unit"), ("mlp", "end", "unit")),
    "scale of inputs (circuit)": (("circuit", "end", "published"), ("circuit", "end", "unit")),
    "scale of inputs (MLP)": (("mlp", "end", "published"), ("mlp", "end", "unit")),
}
#: What the circuit is set beside: twins of its capacity, and classical models that are
#: regularised or stopped.
RIVALS = {
    "projection, linear": ("projection_linear", "end"),
    "projection, MLP": ("projection_mlp", "end"),
    "logistic regression": ("logistic_regression", "end"),
    "ridge on random features": ("ridge_random_features", "end"),
    "kernel SVM": ("kernel_svm", "end"),
    "MLP with weight decay": ("mlp_weight_decay", "end"),
    "MLP with dropout": ("mlp_dropout", "end"),
    "MLP stopped by bad rows": ("mlp", "stop_bad"),
}
