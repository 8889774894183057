"""Choose the cut of the register by what a gradient step would cost.

A wider window means fewer passes over the state and more arithmetic in each (2**k products
an amplitude); the best width depends on the circuit. Each cut is planned in full, because
what fuses is known only then, and priced with rates measured on one core.
"""

from ._scheduling import plan_steps

__all__ = ["choose_plan", "cut_register"]

_WIDEST_WINDOW = 6
_BATCH = 64
# Complex products of 2**k x 2**k matrices with wide ones, in operations a nanosecond.
_RATE = {1: 14.0, 2: 26.0, 3: 35.0, 4: 43.0, 5: 50.0, 6: 53.0}
_PASS = 1.6  # elementwise work of one monomial forward and back, ns an amplitude
_JOIN = 3.5
_CALL = {"block": 30.0, "monomial": 20.0, "join": 25.0}  # fixed cost, us a step


def cut_register(n_qubits, widest):
    """Return windows of nearly equal width, at most `widest`, as tuples of qubits."""
    n_windows = -(-n_qubits // widest)
    base, larger = divmod(n_qubits, n_windows)
    windows, first = [], 0
    for i in range(n_windows):
        width = base + (i < larger)
        windows.append(tuple(range(first, first + width)))
        first += width
    return windows


def choose_plan(elements, n_qubits, observed, diagonal, fusion):
    """Return ``(plan, costs)``.

    Parameters
    ----------
    elements : list
    n_qubits : int
    observed, diagonal : set of int
        See :func:`plan_steps`.
    fusion : {"auto", "none"} or int
        ``"auto"`` compares cuts of every width; an integer is the largest window; ``"none"``
        keeps one step a gate.

    Returns
    -------
    plan : Plan
    costs : dict of int to float
        Estimated microseconds of a gradient step at batch 64, by largest window.
    """
    if fusion == "none":
        windows = cut_register(n_qubits, 1)
        return plan_steps(elements, windows, observed, diagonal, fuse=False), {}
    widths = range(1, _WIDEST_WINDOW + 1) if fusion == "auto" else [int(fusion)]
    best, costs, seen = None, {}, set()
    for widest in widths:
        windows = cut_register(n_qubits, min(widest, n_qubits))
        if tuple(windows) in seen:
            continue
        seen.add(tuple(windows))
        plan = plan_steps(elements, windows, observed, diagonal)
        cost = estimate(plan)
        if best is None or cost < min(costs.values()):
            best = plan
        costs[len(windows[0])] = cost
    return best, costs


def estimate(plan):
    """Return the estimated microseconds of a gradient step at batch 64."""
    register = {w: {w} for w in range(len(plan.windows))}
    width = [len(window) for window in plan.windows]
    cost = 0.0
    for step in plan.steps:
        merged = set().union(*(register[w] for w in step.windows))
        size = 2 ** sum(width[w] for w in merged) * _BATCH / 1000
        parts = {id(register[w]): w for w in step.windows}
        cost += (len(parts) - 1) * (_CALL["join"] + _JOIN * size)
        for w in merged:
            register[w] = merged
        if step.kind == "block":
            k = len(step.qubits)
            dim, rate = 2**k, _RATE.get(k, 53.0)
            # Forward, costate, transition matrix; and a few products to build the block.
            cost += _CALL["block"] + 3 * 8 * dim * size / rate + 9 * 8e-3 * dim**3 / rate
        else:
            cost += _CALL["monomial"] + _PASS * size
    return cost
