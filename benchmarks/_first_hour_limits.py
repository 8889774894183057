"""What `first_hour.py` must hold, judged from its result."""

from statistics import fmean

from _first_hour_data import REPORTED, SETS
from _first_hour_models import BASELINE, OURS, PACE, PEERS

__all__ = ["limits"]

_NETWORK = "MLPClassifier (16)"
_NEAR, _SLOWER = 0.02, 1.5
_AT_LEAST = {
    "digits_pca8": 0.88,
    "breast_cancer_pca8": 0.95,
    "circles": 0.98,
    "iris": 0.95,
}


def limits(result):
    """Judge each limit.

    Parameters
    ----------
    result : dict
        As the script writes it.

    Returns
    -------
    list of dict
        `limit`, `holds` (None: not measured) and `told`, the figures.
    """
    found = []
    for model in OURS:
        found += _accuracies(result["fits"].get("full", {}), model)
        found += _beside_peers(result, model)
        found += _pace(result["pace"].get(model, {}), model)
        found.append(_checks(result["checks"].get(model), model))
        found.append(_silence(result["fits"].get("full", {}).get(model, {}), model))
    return found


def _limit(limit, holds, told):
    return {"limit": limit, "holds": holds, "told": told}


def _unmeasured(limit, missing):
    return _limit(limit, None, f"not measured: {', '.join(missing)}")


def _means(fits, model):
    """Mean accuracies by set, of the sets that ended."""
    return {name: row["accuracy"] for name, row in fits.get(model, {}).items() if "accuracy" in row}


def _accuracies(fits, model):
    ours, base, network = (_means(fits, who) for who in (model, BASELINE, _NETWORK))
    halves = {
        "the half not chosen on": [name for name, data in SETS.items() if data.half == REPORTED],
        "all sets": list(SETS),
    }
    for half, names in halves.items():
        limit = f"{model}: within {100 * _NEAR:g} points of {BASELINE} in the mean over {half}"
        missing = [name for name in names if name not in ours or name not in base]
        if missing:
            yield _unmeasured(limit, missing)
            continue
        here, there = (fmean(means[name] for name in names) for means in (ours, base))
        yield _limit(limit, here >= there - _NEAR, f"{here:.4f}, {there:.4f}")
    for name, least in _AT_LEAST.items():
        limit = f"{model}: {name} at least {least}"
        if name not in ours:
            yield _unmeasured(limit, [name])
        else:
            yield _limit(limit, ours[name] >= least, f"{ours[name]:.4f}")
    limit = f"{model}: moons no worse than {_NETWORK}"
    if "moons" not in ours or "moons" not in network:
        yield _unmeasured(limit, ["moons"])
    else:
        told = f"{ours['moons']:.4f}, {network['moons']:.4f}"
        yield _limit(limit, ours["moons"] >= network["moons"], told)


def _beside_peers(result, model):
    fits = result["fits"].get("small", {})
    ours = _means(fits, model)
    for peer in PEERS:
        limit = f"{model}: ahead of {peer} in the mean over sets"
        theirs = _means(fits, peer)
        if peer not in fits or not ours:
            yield _unmeasured(limit, [peer if ours else model])
            continue
        # Like for like: the same rows, folds and seeds, on the sets where all the peer's fits end.
        both = [name for name in SETS if name in ours and name in theirs]
        tried = f"{len(both)} of {len(fits[peer])} sets that ran ended"
        if not both:
            yield _limit(limit, None, f"nothing to compare: {tried}")
            continue
        here, there = (fmean(means[name] for name in both) for means in (ours, theirs))
        yield _limit(limit, here > there, f"{here:.4f}, {there:.4f}; {tried}")


def _pace(rows, model):
    limit = f"{model}: no fit slower than {_SLOWER} times the one before, at equal epochs"
    if set(rows) != set(SETS):
        return [_unmeasured(limit, [name for name in SETS if name not in rows])]
    worst = max(rows, key=lambda name: rows[name]["ratio"])
    settings = ", ".join(f"{key}={value!r}" for key, value in PACE[model].items())
    told = f"{rows[worst]['ratio']:.2f} on {worst}, against {settings}"
    return [_limit(limit, rows[worst]["ratio"] <= _SLOWER, told)]


def _checks(row, model):
    limit = f"{model}: passes check_estimator, poor_score is not set"
    if row is None or row["status"] != "checked":
        return _unmeasured(limit, ["check_estimator"])
    fails = [*row["failed"], *row["capped"], *row["not_tried"]]
    told = f"{len(row['passed'])} passed, {len(fails)} failed, {len(row['skipped'])} skipped"
    if fails:
        told += f" ({', '.join(fails)})"
    return _limit(limit, not fails and not row["poor_score"], told)


def _silence(rows, model):
    limit = f"{model}: its defaults warn on no set"
    told = [f"{name} {kind} x{n}" for name, r in rows.items() for kind, n in r["warnings"].items()]
    missing = [name for name in SETS if name not in rows]
    return _unmeasured(limit, missing) if missing else _limit(limit, not told, ", ".join(told))
