"""How numbers and names are written, the same in the terminal and on the page."""

__all__ = [
    "ENDS",
    "LEVELS",
    "PART_WORDS",
    "UPSTREAM_ATTACKER",
    "attack_words",
    "auc_words",
    "band",
    "count",
    "counts",
    "divergence",
    "gap_words",
    "give_or_take",
    "model_words",
    "number",
    "oracle_band",
    "percent",
    "repeats_words",
    "seconds",
    "step_labels",
    "upstream_band",
]

ATTACK_WORDS = {
    "loss": "loss threshold",
    "confidence": "confidence threshold",
    "true_confidence": "true-class confidence threshold",
    "entropy": "entropy threshold",
    "modified_entropy": "modified-entropy threshold",
    "logit": "logit threshold",
    "lira": "likelihood ratio (LiRA)",
    "lira_offline": "likelihood ratio (LiRA, offline)",
    "qnn_output": "network on QNN outputs",
    "rmia": "robust ratio (RMIA)",
    "rmia_offline": "robust ratio (RMIA, offline)",
    "shadow_model": "classifier of shadow outputs",
    "update": "two versions, before and after",
}
MODEL_WORDS = {
    "gradient_ascent": "gradient ascent",
    "label_complement": "label complement",
}
PART_WORDS = {
    "retain": "retained rows",
    "forget": "forgotten rows",
    "test": "held-out rows",
    "test_removed": "held-out rows of the removed class",
}
#: levels of a verdict, in words
LEVELS = {
    "differs": "differs from retraining",
    "indistinguishable": "indistinguishable",
    "unresolved": "not resolved",
    "none": "no verdict",
    "failed": "failed",
}
#: why an audit made no more repeats, in words
ENDS = {
    "decided": "no further repeat would have changed a verdict",
    "interrupt": "it was interrupted",
    "repeats": "these were all that were asked for",
    "time": "more would not have ended in time",
}
DASH = "–"
#: who can attack a pipeline's steps
UPSTREAM_ATTACKER = (
    "their attacker HOLDS the fitted steps, knows their settings, and sees raw rows."
)


def attack_words(name):
    """Return an attack's name in words."""
    return ATTACK_WORDS.get(name, name)


def gap_words(key):
    """Return the name of a measure that a verdict rests on, such as ``"auc_loss"``, in words."""
    kind, _, part = key.partition("_")
    if kind == "auc":
        return f"AUC, {attack_words(part)}"
    what = {"distance": "distance of answers", "loss": "mean loss"}.get(kind, kind)
    return f"{what}, {PART_WORDS.get(part, part)}"


def model_words(name):
    """Return a model's name in words."""
    return MODEL_WORDS.get(name, name)


def number(value, digits=3):
    """Return a number with `digits` after the point, or a dash for None."""
    return DASH if value is None else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(share):
    """Return a share in per cent."""
    return f"{100 * share:g}\u202f%"


def oracle_band(models, read):
    """Return the smallest and largest value that `read` finds among the oracles, or None.

    Parameters
    ----------
    models : list of dict
    read : callable
        From a model's entry to a number or None.
    """
    values = [read(model) for model in models if model["role"] == "oracle"]
    values = [value for value in values if value is not None]
    return (min(values), max(values)) if values else None


def auc_words(result):
    """Return an attack's AUC with its interval; a dash where it could not be made."""
    if "error" in result:
        return DASH
    low, high = result["auc_interval"]
    return f"{result['auc']:.2f} {low:.2f}–{high:.2f}"


def give_or_take(gap):
    """Return a difference to retraining with half the width of its interval."""
    if gap is None or gap["low"] is None:
        return DASH
    # one end may be cut off where no difference can be larger
    half = max(gap["value"] - gap["low"], gap["high"] - gap["value"])
    return f"{gap['value']:+.2f} ± {half:.2f}".replace("-", "\N{MINUS SIGN}")


def repeats_words(repeats):
    """Return how many repeats stand behind a scenario's verdicts, and why no more."""
    looks = repeats["looks"]
    after = f", looked at after {', '.join(map(str, looks))}" if len(looks) > 1 else ""
    return (
        f"verdicts on {repeats['n']} repeats{after}: independent originals, each with seeds, "
        f"oracles and attacks of its own; {ENDS[repeats['ended_by']]}. Other numbers are those of "
        "the first"
    )


def upstream_band(models, step):
    """Return the oracles' smallest and largest AUC of the attack on a step, or None.

    Parameters
    ----------
    models : list of dict
    step : str
    """
    return oracle_band(models, lambda model: model.get("upstream", {}).get(step, {}).get("auc"))


def step_labels(steps):
    """Return names of fitted steps for narrow tables, without the parts that all begin with.

    Parameters
    ----------
    steps : list of str
        Such as ``"columntransformer.pipeline-1.simpleimputer"``.
    """
    parts = [name.split(".") for name in steps]
    shared = 0
    while len(parts) > 1 and all(len(own) > shared + 1 for own in parts):
        if len({own[shared] for own in parts}) > 1:
            break
        shared += 1
    return [f"step {'.'.join(own[shared:])}" for own in parts]


def divergence(model, part="test"):
    """Return a model's divergence to the oracles; None where there is no other oracle."""
    return model.get("kl_to_oracle", {}).get(part, {}).get("value")


def band(pair, digits=3):
    """Return ``low – high`` of an oracle band."""
    if pair is None or None in pair:
        return DASH
    low, high = f"{pair[0]:.{digits}f}", f"{pair[1]:.{digits}f}"
    return low if low == high else f"{low}–{high}"


def seconds(value):
    """Return a duration with a sensible number of digits."""
    if value is None:
        return DASH
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def count(value):
    """Return a whole number with thin groups, or a dash."""
    return DASH if value is None else f"{value:,}".replace(",", "\u202f")


def counts(pair):
    """Return ``low – high`` of whole numbers, or a dash for None."""
    if pair is None:
        return DASH
    low, high = map(count, pair)
    return low if low == high else f"{low}–{high}"
