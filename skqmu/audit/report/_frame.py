"""The numbers of a report as a data frame."""

__all__ = ["audit_frame"]

_UNITS = ("seconds", "cpu_seconds", "forward_rows", "gradient_rows", "circuits", "shots")


def audit_frame(data):
    """A row a model and request.

    Parameters
    ----------
    data : dict
        Of a report.

    Returns
    -------
    pandas.DataFrame
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install pandas") from error
    rows = [_row(scenario, model) for scenario in data["scenarios"] for model in scenario["models"]]
    return pd.DataFrame(rows, columns=list(dict.fromkeys(name for row in rows for name in row)))


def _row(scenario, model):
    verdict = model.get("verdict", {})
    row = {
        "scenario": scenario["name"],
        "model": model["name"],
        "role": model["role"],
        "status": model["status"],
        "claims": model["kind"],
        "verdict": verdict.get("level"),
        "sentence": verdict.get("sentence"),
        "n_forget": scenario["n_forget"],
        **{name: scenario[name] for name in ("n_asked",) if name in scenario},
        "n_members": scenario["n_members"],
        "n_nonmembers": scenario["n_nonmembers"],
    }
    groups = ("accuracy", "loss", "kl_to_oracle", "js_to_oracle", "agreement_with_oracle")
    for group in groups:
        for part, entry in model.get(group, {}).items():
            row.update(_estimate(f"{group}_{part}", entry))
    for name in ("uqi", "tug_of_war"):
        if model.get(name) is not None:
            row.update(_estimate(name, model[name]))
    for name, result in model.get("attacks", {}).items():
        row.update(_attack(f"auc_{name}", result))
        for point in result["operating_points"]:
            if point["fpr_target"] is not None and not isinstance(point["tpr"], str):
                row[f"tpr_{name}_at_{point['fpr_target']:g}"] = point["tpr"]
    for step, result in model.get("upstream", {}).items():
        if "error" not in result:
            row.update(_attack(f"auc_step_{step}", result))
    for name, entry in _corrective(model.get("corrective", {})):
        row.update(_estimate(name, entry))
    for name, gap in model.get("gaps", {}).items():
        row.update(_estimate(f"gap_{name}", gap))
        row[f"gap_{name}_margin"] = gap.get("margin")
    return row | {unit: model["cost"].get(unit) for unit in _UNITS}


def _corrective(found):
    """What is said of the damage of bad rows, each measure with its name."""
    named = {"clean_accuracy": found.get("accuracy"), "others": found.get("accuracy_others")}
    named |= {name: found.get(name) for name in ("recovered", "false_forgetting")}
    named |= {f"undone_{kind}": entry for kind, entry in found.get("undone", {}).items()}
    names = {"others": "clean_accuracy_others"}
    return [(names.get(name, name), entry) for name, entry in named.items() if entry is not None]


def _estimate(name, entry):
    return {name: entry["value"], f"{name}_low": entry["low"], f"{name}_high": entry["high"]}


def _attack(name, result):
    low, high = result["auc_interval"]
    return {name: result["auc"], f"{name}_low": low, f"{name}_high": high}
