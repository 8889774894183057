"""How Study S's figures are written: means over seeds, with intervals."""

from skqmu.metrics import mean_interval

__all__ = ["auc", "auc_interval", "averaged", "shown", "values"]


def values(rows, protocol, kind):
    """A rate of each row, without the interval over records."""
    return [row[protocol][kind][0] for row in rows]


def averaged(rows):
    """One row of the means of several alike; of intervals, the mean ends."""
    first = rows[0]
    if isinstance(first, dict):
        return {key: averaged([row[key] for row in rows]) for key in first}
    if isinstance(first, list):
        return [averaged(list(column)) for column in zip(*rows, strict=True)]
    return sum(rows) / len(rows)


def shown(numbers, sign=""):
    """Mean and its 95 % interval, or the only number; rates stay between 0 and 1."""
    form = f"{{:{sign}.3f}}"
    if len(numbers) < 2:
        return form.format(numbers[0])
    estimate = mean_interval(numbers)
    ends = (estimate.value, estimate.low, estimate.high)
    if not sign:
        ends = [min(max(end, 0.0), 1.0) for end in ends]
    return "{} [{}, {}]".format(*(form.format(end) for end in ends))


def auc_interval(rates):
    """Mean AUC and 95 % interval: over seeds or, of a single one, over records."""
    if len(rates) == 1:
        return tuple(rates[0]["auc"])
    estimate = mean_interval([rate["auc"][0] for rate in rates])
    return estimate.value, estimate.low, estimate.high


def auc(rates):
    """The same as text."""
    return "{:.3f} [{:.3f}, {:.3f}]".format(*auc_interval(rates))
