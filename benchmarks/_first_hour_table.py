"""What `first_hour.py` prints."""

from _first_hour_data import SETS

__all__ = ["print_limits", "print_tables"]

_CHECKED = ("passed", "failed", "capped", "not_tried", "skipped")


def print_tables(result):
    """Print accuracies, seconds, epochs, and what `check_estimator` says."""
    for protocol, fits in result["fits"].items():
        facts = result["protocols"][protocol]
        cap = "no cap" if facts["cap"] is None else f"{facts['cap']:g} s of CPU a fit"
        print(
            f"\n{protocol} protocol: {facts['rows'] or 'all'} rows, {facts['folds']} folds, "
            f"{facts['seeds']} seeds, {cap}; accuracy (half of the 95 % interval) and CPU seconds"
        )
        for name, data in SETS.items():
            print(f"{name} ({data.half})")
            for model, rows in fits.items():
                if name in rows:
                    print(f"    {model:38s}{_cell(rows[name])}")
    for model, rows in result["pace"].items():
        ratios = ", ".join(f"{name} {row['ratio']:.2f}" for name, row in rows.items())
        print(f"\nseconds of {model} over those before: {ratios}")
    if result["checks"]:
        print("\ncheck_estimator")
    for model, row in result["checks"].items():
        if row["status"] != "checked":
            print(f"    {model:38s}{row['status']}: {row.get('told', '')}")
            continue
        counts = ", ".join(f"{len(row[kind])} {kind.replace('_', ' ')}" for kind in _CHECKED)
        more = " poor_score=True" * row["poor_score"]
        more += " no predict_proba" * (not row["predict_proba"])
        print(f"    {model:38s}{counts}{more}")
    if result["not_installed"]:
        print(f"\nnot installed: {', '.join(result['not_installed'])}")


def _cell(row):
    if "accuracy" not in row:
        counts = ", ".join(f"{n} {status}" for status, n in row["status"].items() if n)
        return f"{counts}: {row['told'][0]}"
    half = f" ({(row['high'] - row['low']) / 2:.3f})" if "low" in row else " " * 8
    cell = f"{row['accuracy']:.4f}{half}{row['median_seconds']:9.2f} s"
    if "median_n_iter" in row:
        cell += f"{row['median_n_iter']:6.0f} epochs"
    if row["warnings"]:
        cell += "  " + ", ".join(f"{kind} x{n}" for kind, n in row["warnings"].items())
    return cell


def print_limits(found):
    """Print each limit with what it found."""
    words = {True: "pass", False: "FAIL", None: "not measured"}
    print("\nmust hold")
    for row in found:
        print(f"  {words[row['holds']]:13s}{row['limit']}: {row['told']}")
