"""Scheduling: which neighbouring elements become one step, on windows of the register.

The register is cut into windows of neighbouring qubits. Elements inside one window collect
into one dense *block*; elements across windows that only permute and phase basis states
collect into one *monomial*. Both cost one pass over the state, however many gates they hold.
"""

from dataclasses import dataclass, field, replace

from ._elements import Fixed, Prepare, Rotation

__all__ = ["Plan", "Step", "plan_steps"]


@dataclass(eq=False)
class Step:
    """One pass over the state.

    Attributes
    ----------
    kind : {"block", "monomial"}
    windows : set of int
        Windows that the step touches.
    elements : list
        Time order.
    qubits : tuple or None
        Qubits of a block, lowest first.
    after : set of Step
        Steps that must come before.
    merged : Step or None
        The step that does this one's work as well.
    """

    kind: str
    windows: set
    elements: list
    qubits: tuple | None = None
    after: set = field(default_factory=set)
    merged: "Step | None" = None

    @property
    def root(self):
        """The step that does the work of this one, which may have been merged."""
        step = self
        while step.merged is not None:
            step = step.merged
        return step

    def extend(self, elements, windows):
        """Take in elements on some windows, after those that are there."""
        self.elements += elements
        self.windows.update(windows)

    def absorb(self, other):
        """Do the work of another step, before this one's own; neither depends on the other."""
        self.elements[:0] = other.elements
        self.windows |= other.windows
        self.after |= other.after
        other.merge_into(self)

    def merge_into(self, other):
        """Leave the work to another step."""
        self.merged = other

    def wait_for_roots(self):
        """Let this step come after those that do the work, not those that were merged."""
        self.after = {other.root for other in self.after}


@dataclass
class Plan:
    """Windows, the leading one-qubit elements of each qubit, and the steps in order."""

    windows: list
    start: dict
    preparations: list
    steps: list
    fused: bool


def is_monomial(element):
    """Whether the element maps each basis state to one basis state."""
    if isinstance(element, Rotation):
        return element.basis is None
    return element.monomial is not None


def _permutes(element):
    return isinstance(element, Fixed) and element.matrix.ndim > 1 and is_monomial(element)


def split_start(elements, n_qubits):
    """Take off what acts on single qubits while the state is still a product.

    Returns
    -------
    start : dict of int to list
        Each qubit's elements up to its last record-dependent one before it meets another
        qubit.
    preparations : list of Prepare
    rest : list
        All other elements, in order.
    """
    lone = {qubit: [] for qubit in range(n_qubits)}
    met, preparations, rest = set(), [], []
    for element in elements:
        if isinstance(element, Prepare):
            preparations.append(element)
            met.update(element.qubits)
        elif len(element.qubits) == 1 and element.qubits[0] not in met:
            lone[element.qubits[0]].append(element)
        else:
            met.update(element.qubits)
            rest.append(element)
    start, late = {}, []
    for qubit, own in lone.items():
        last = max((i for i, e in enumerate(own) if getattr(e, "sampled", False)), default=-1)
        start[qubit] = own[: last + 1]
        late += own[last + 1 :]
    return start, preparations, late + rest


class _Planner:
    def __init__(self, windows, fuse):
        self.windows = windows
        self.fuse = fuse
        self.home = {qubit: w for w, window in enumerate(windows) for qubit in window}
        self.open = {w: [] for w in range(len(windows))}
        self.last = dict.fromkeys(range(len(windows)))
        self.steps = []

    def add(self, element):
        """Schedule one element."""
        windows = sorted({self.home[qubit] for qubit in element.qubits})
        sampled = getattr(element, "sampled", False)
        if sampled and element.basis is not None:
            # A record-dependent gate is a fixed basis change around a diagonal: the basis
            # change joins the neighbouring blocks, the diagonal is one elementwise product.
            self.add(Fixed(element.qubits, element.basis.conj().T))
            self.add(replace(element, basis=None))
            self.add(Fixed(element.qubits, element.basis))
        elif is_monomial(element) and (sampled or len(windows) > 1 or not self.fuse):
            self._monomial(element, windows)
        elif len(windows) == 1 and self.fuse:
            if self._continues(element, windows[0]):
                self._monomial(element, windows)
            else:
                self.open[windows[0]].append(element)
        else:
            for window in windows:
                self._flush(window)
            self._emit("block", windows, [element], tuple(sorted(element.qubits)))

    def _continues(self, element, window):
        """Whether a permutation meets one on its qubits in the last step, and may undo it."""
        last = self.last[window]
        return (
            not self.open[window]
            and last is not None
            and last.kind == "monomial"
            and _permutes(element)
            and any(_permutes(e) and set(e.qubits) & set(element.qubits) for e in last.elements)
        )

    def finish(self):
        """Close all windows and return the steps in a valid order."""
        for window in self.open:
            own = self.open[window]
            if own and all(map(is_monomial, own)):
                self.open[window] = []
                self._collect(own, [window])
            else:
                self._flush(window)
        steps = [step for step in self.steps if step.merged is None]
        for step in steps:
            step.wait_for_roots()
        return _ordered(steps)

    def _monomial(self, element, windows):
        """Put the element, and pending monomial ones before it, into one monomial step."""
        pending = []
        for window in windows:
            own = self.open[window]
            if all(map(is_monomial, own)):
                pending += own
                self.open[window] = []
            else:
                self._flush(window)
        self._collect([*pending, element], windows)

    def _collect(self, elements, windows):
        """Add the elements to a monomial step that can still take them, or to a new one."""
        lasts = [self.last[window] for window in windows]
        ends = list(dict.fromkeys(s for s in lasts if s is not None))
        step = next((s for s in ends if self._takes(s, ends)), None)
        if step is None:
            self._emit("monomial", windows, elements)
            return
        for other in ends:
            # Merging must not close a circle: neither waits for the other, nor does any end
            # that the merged step will wait for.
            if other is not step and self._takes(other, ends) and not _depends(step, other):
                self._merge(other, step)
        step.extend(elements, windows)
        for window in windows:
            if self.last[window] not in (step, None):
                step.after.add(self.last[window])
            self.last[window] = step

    def _takes(self, step, ends):
        """Whether a step can wait for all of `ends` and then act for them too."""
        return (
            self.fuse
            and step.kind == "monomial"
            and not any(end is not step and _depends(end, step) for end in ends)
        )

    def _merge(self, step, into):
        """Let `into` do the work of another monomial step; neither depends on the other."""
        into.absorb(step)
        for window in step.windows:
            if self.last[window] is step:
                self.last[window] = into

    def _flush(self, window):
        if self.open[window]:
            elements, self.open[window] = self.open[window], []
            self._emit("block", [window], elements, self.windows[window])

    def _emit(self, kind, windows, elements, qubits=None):
        after = {self.last[window] for window in windows} - {None}
        step = Step(kind, set(windows), elements, qubits, after)
        self.steps.append(step)
        for window in windows:
            self.last[window] = step


def _depends(step, on):
    """Whether `step` must come after `on`."""
    stack, seen = [step], set()
    while stack:
        current = stack.pop().root
        if current is on:
            return True
        if current not in seen:
            seen.add(current)
            stack += current.after
    return False


def _ordered(steps):
    """Sort by depth: steps of one depth touch different windows."""
    depth = {}

    def measure(step):
        stack = [step]
        while stack:
            waiting = [s for s in stack[-1].after if s not in depth]
            if waiting:
                stack += waiting
            else:
                ready = stack.pop()
                depth[ready] = 1 + max((depth[s] for s in ready.after), default=0)

    for step in steps:
        measure(step)
    return sorted(steps, key=lambda step: (depth[step], step.kind, min(step.windows)))


def _prune(steps, observed, diagonal):
    """Drop steps that no observable can see.

    Parameters
    ----------
    steps : list of Step
    observed : set of int
        Windows in the observables' support.
    diagonal : set of int
        Windows on which every observable is diagonal.

    Notes
    -----
    Seen from the end, a window is *classical* while only basis states' probabilities matter
    on it: phases there are invisible, before and behind permutations.
    """
    needed, classical, kept = set(observed), set(diagonal), []
    for step in reversed(steps):
        if not step.windows & needed:
            continue
        if step.kind == "monomial" and step.windows <= classical:
            phases_only = all(isinstance(e, Rotation) or e.matrix.ndim == 1 for e in step.elements)
            if phases_only:
                continue
        else:
            classical -= step.windows
        needed |= step.windows
        kept.append(step)
    return kept[::-1]


def plan_steps(elements, windows, observed, diagonal, *, fuse=True):
    """Schedule the elements on a cut of the register.

    Parameters
    ----------
    elements : list of Fixed, Rotation and Prepare
    windows : list of tuple of int
        Neighbouring qubits, lowest first; together the register.
    observed, diagonal : set of int
        Qubits that an observable acts on, and those on which all are diagonal.
    fuse : bool, default=True
        False keeps one step an element.

    Returns
    -------
    Plan
    """
    n_qubits = sum(map(len, windows))
    if fuse:
        start, preparations, rest = split_start(elements, n_qubits)
    else:
        start = {qubit: [] for qubit in range(n_qubits)}
        preparations = [e for e in elements if isinstance(e, Prepare)]
        rest = [e for e in elements if not isinstance(e, Prepare)]
    planner = _Planner(windows, fuse)
    for element in rest:
        planner.add(element)
    steps = planner.finish()
    if fuse:
        seen = {w for w, window in enumerate(windows) if observed.intersection(window)}
        plain = {w for w, window in enumerate(windows) if diagonal.issuperset(window)}
        steps = _prune(steps, seen, plain)
    return Plan(windows, start, preparations, steps, fuse)
