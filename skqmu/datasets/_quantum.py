"""Quantum data: ground states of spin chains as rows, their phases as labels."""

from numbers import Integral, Real
from reprlib import repr as shortened

import numpy as np
from sklearn.utils import check_random_state

from skqmu._validation import check_choice

from ._spin_chains import Sector, ground_states

__all__ = ["make_cluster", "make_tfim", "make_xxz", "row_states", "state_rows"]


def make_xxz(
    n_samples=160,
    n_qubits=12,
    *,
    couplings=None,
    coupling_range=(0.0, 2.0),
    spacing="even",
    boundary="periodic",
    phase="fixed",
    return_X_y=False,
    random_state=None,
):
    """Ground states of the XXZ chain; the label says on which side of the transition.

    ``H = sum_i X_i X_(i+1) + Y_i Y_(i+1) + coupling Z_i Z_(i+1)`` in Pauli matrices (4 times the
    same in spins), antiferromagnetic. Below coupling 1 (and above -1) the infinite chain is
    gapless (label 0), above it is in the Neel phase (label 1).

    Parameters
    ----------
    n_samples : int, default=160
        At least 2. Without `couplings`, how many there are.
    n_qubits : int, default=12
        Even, from 4 to 24. A row has ``2 ** (n_qubits + 1)`` numbers.
    couplings : array-like of shape (n,) or None, default=None
        The anisotropies, in the order of the rows; `n_samples`, `coupling_range` and `spacing`
        say nothing then. None: by these.
    coupling_range : (float, float), default=(0.0, 2.0)
    spacing : {"even", "random"}, default="even"
        Midpoints of `n_samples` equal parts of the range, ascending (so that couplings at odd
        and even places lie between one another); or uniform draws.
    boundary : {"periodic", "open"}, default="periodic"
        Whether the last qubit is a neighbour of the first.
    phase : {"fixed", "random"}, default="fixed"
        States are real, with the sign that Notes state; or each is multiplied by a uniformly
        drawn phase ``exp(i t)``, which no measurement sees but every classical model does.
    return_X_y : bool, default=False
    random_state : int, RandomState instance or None, default=None
        Of random spacing and phases.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``X`` float64 of shape (n_samples, 2**(n_qubits + 1)): real parts of the amplitudes, then
        the imaginary parts, as ``encoding="state"`` takes them; amplitude ``k`` belongs to the
        basis state whose bit ``q`` is that of qubit ``q`` (qiskit's order). ``y`` int of shape
        (n_samples,), ``couplings``, ``energies`` and ``gaps`` (to the next state of the sector),
        ``n_qubits``, ``feature_names``, ``target_names`` and ``name``.
        With `return_X_y` the tuple ``(X, y)``.

    Raises
    ------
    ValueError
        If a parameter lies outside its range, or a coupling is that of the transition.

    Notes
    -----
    The state is the lowest of the sector with as many qubits in ``|1>`` as in ``|0>`` that the
    product of all X multiplies by ``(-1)^(n_qubits / 2)``. There it is unique: times
    ``(-1)^(qubits in |1> at odd places)`` all its amplitudes are positive (Marshall; Perron and
    Frobenius), which is also how its sign is fixed. Above coupling -1 it is the ground state of
    the whole chain (Yang and Yang 1966); in the Neel phase the other combination of the two
    orders, nearly as low, lies in the other sector. Below -1 the chain's ground states are
    ``|0...0>`` and ``|1...1>``, and such couplings are refused.

    Examples
    --------
    >>> from skqmu.datasets import make_xxz
    >>> data = make_xxz(10, n_qubits=4)
    >>> data.X.shape, data.y.tolist()
    ((10, 32), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    >>> float(make_xxz(couplings=[0.0, 2.0], n_qubits=4).energies[0].round(6))  # -4 sqrt(2)
    -5.656854
    """
    _check_qubits(n_qubits, 4)
    plan = _Plan(n_samples, couplings, coupling_range, spacing, phase, random_state)
    if np.any(plan.couplings <= -1):
        raise ValueError(
            f"couplings go down to {plan.couplings.min():.6g}; they must exceed -1, below which "
            "the ground states are the two ferromagnetic ones at every coupling."
        )
    pairs = _bonds(n_qubits, boundary)
    odd = sum(1 << q for q in range(1, n_qubits, 2))
    # Turned by Z at the odd places, where XX + YY of neighbours changes its sign.
    hops = [(mask, z, -1.0 if z == 0 else 1.0) for mask in pairs for z in (0, mask)]
    found = ground_states(
        Sector(n_qubits, [2**n_qubits - 1], n_qubits // 2),
        hops,
        [(0, mask, 1.0) for mask in pairs],
        plan.couplings,
    )
    signs = 1.0 - 2.0 * (np.bitwise_count(np.arange(2**n_qubits) & odd) & 1)
    found = (found[0] * signs, *found[1:])
    return plan.data("xxz", ["gapless", "neel"], n_qubits, found, return_X_y)


def make_tfim(
    n_samples=160,
    n_qubits=12,
    *,
    couplings=None,
    coupling_range=(0.0, 2.0),
    spacing="even",
    boundary="periodic",
    phase="fixed",
    return_X_y=False,
    random_state=None,
):
    """Ground states of the Ising chain in a transverse field; the label is the phase.

    ``H = - sum_i Z_i Z_(i+1) - coupling sum_i X_i``, ferromagnetic. Below coupling 1 the infinite
    chain is ordered (label 0), above it is a paramagnet (label 1).

    Parameters
    ----------
    n_samples : int, default=160
    n_qubits : int, default=12
        At least 2 (3 with periodic boundary), at most 24.
    couplings : array-like of shape (n,) or None, default=None
        The fields, not negative.
    coupling_range : (float, float), default=(0.0, 2.0)
    spacing : {"even", "random"}, default="even"
    boundary : {"periodic", "open"}, default="periodic"
    phase : {"fixed", "random"}, default="fixed"
    return_X_y : bool, default=False
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    data : sklearn.utils.Bunch
        These parameters and this as of :func:`make_xxz`.

    Raises
    ------
    ValueError
        As of :func:`make_xxz`.

    Notes
    -----
    The state is the lowest of those that the product of all X leaves as they are. It is the ground
    state, and unique, wherever the field is positive: all its amplitudes are positive (Perron and
    Frobenius), up to rounding, which fixes its sign. Without a field two states are lowest; of
    these it is ``(|0...0> + |1...1>) / sqrt(2)``, the limit of small fields.

    Examples
    --------
    >>> from skqmu.datasets import make_tfim
    >>> data = make_tfim(couplings=[0.0, 0.5, 1.5], n_qubits=4)
    >>> data.energies.round(4).tolist(), data.y.tolist()
    ([-4.0, -4.2716, -6.76], [0, 0, 1])
    """
    _check_qubits(n_qubits, 2 if boundary == "open" else 3, even=False)
    plan = _Plan(n_samples, couplings, coupling_range, spacing, phase, random_state)
    plan.check_fields()
    found = ground_states(
        Sector(n_qubits, [2**n_qubits - 1]),
        [(0, mask, -1.0) for mask in _bonds(n_qubits, boundary)],
        [(1 << q, 0, -1.0) for q in range(n_qubits)],
        plan.couplings,
    )
    return plan.data("tfim", ["ordered", "paramagnet"], n_qubits, found, return_X_y)


def make_cluster(
    n_samples=160,
    n_qubits=12,
    *,
    couplings=None,
    coupling_range=(0.0, 2.0),
    spacing="even",
    boundary="periodic",
    phase="fixed",
    return_X_y=False,
    random_state=None,
):
    """Ground states of the cluster chain in a field; the label is the phase.

    ``H = - sum_i Z_(i-1) X_i Z_(i+1) - coupling sum_i X_i``. Below coupling 1 the infinite chain is
    in the symmetry-protected topological phase of the cluster state (label 0), above it is a
    trivial paramagnet (label 1).

    Parameters
    ----------
    n_samples : int, default=160
    n_qubits : int, default=12
        Even, from 4 to 24.
    couplings : array-like of shape (n,) or None, default=None
        The fields, not negative.
    coupling_range : (float, float), default=(0.0, 2.0)
    spacing : {"even", "random"}, default="even"
    boundary : {"periodic", "open"}, default="periodic"
        Open: the two end qubits have no cluster term.
    phase : {"fixed", "random"}, default="fixed"
    return_X_y : bool, default=False
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    data : sklearn.utils.Bunch
        These parameters and this as of :func:`make_xxz`.

    Raises
    ------
    ValueError
        As of :func:`make_xxz`.

    Notes
    -----
    The state is the lowest of those that the product of X on the even qubits, and that on the odd
    ones, leave as they are; its sign makes the sum of the amplitudes positive. With periodic
    boundary it is the ground state; with open ends and without a field four states are lowest,
    and it is the one of them in the sector.

    Examples
    --------
    >>> from skqmu.datasets import make_cluster
    >>> data = make_cluster(couplings=[0.0, 1.5], n_qubits=6)
    >>> float(data.energies[0].round(9)), data.y.tolist()
    (-6.0, [0, 1])
    """
    _check_qubits(n_qubits, 4)
    plan = _Plan(n_samples, couplings, coupling_range, spacing, phase, random_state)
    plan.check_fields()
    even = sum(1 << q for q in range(0, n_qubits, 2))
    middles = range(n_qubits) if _is_closed(boundary) else range(1, n_qubits - 1)
    found = ground_states(
        Sector(n_qubits, [even, even << 1]),
        [(1 << q, 1 << (q - 1) % n_qubits | 1 << (q + 1) % n_qubits, -1.0) for q in middles],
        [(1 << q, 0, -1.0) for q in range(n_qubits)],
        plan.couplings,
    )
    return plan.data("cluster", ["topological", "trivial"], n_qubits, found, return_X_y)


def state_rows(states):
    """Rows of real numbers for ``encoding="state"``: real parts, then imaginary parts.

    Parameters
    ----------
    states : array-like of shape (n_samples, 2**n_qubits)
        Complex amplitudes, qubit 0 in the lowest bit; qiskit's `Statevector` objects will do.

    Returns
    -------
    ndarray of shape (n_samples, 2**(n_qubits + 1))

    Raises
    ------
    ValueError
        It is no table of numbers: a single state, or states of different lengths.

    Examples
    --------
    >>> from skqmu.datasets import row_states, state_rows
    >>> X = state_rows([[0.6, 0.8j]])
    >>> X, row_states(X)
    (array([[0.6, 0. , 0. , 0.8]]), array([[0.6+0.j , 0. +0.8j]]))
    """
    rows = [np.asarray(state) for state in states]
    if {row.ndim for row in rows} != {1} or len({row.size for row in rows}) > 1:
        shapes = sorted({row.shape for row in rows})
        raise ValueError(
            f"states must be a list of states with as many amplitudes each; got rows of shapes "
            f"{shortened(shapes)}. Put a single state into a list: state_rows([state])."
        )
    states = np.asarray(rows, dtype=complex)
    return np.concatenate([states.real, states.imag], axis=1)


def row_states(X):
    """Complex amplitudes of such rows, shape (n_samples, n_features // 2).

    Parameters
    ----------
    X : array-like of shape (n_samples, 2**(n_qubits + 1))

    Returns
    -------
    ndarray of complex

    Raises
    ------
    ValueError
        `X` has no two axes, or an odd number of columns.

    Examples
    --------
    >>> from skqmu.datasets import row_states
    >>> row_states([[0.6, 0.0, 0.0, 0.8]])
    array([[0.6+0.j , 0. +0.8j]])
    """
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or X.shape[1] % 2:
        raise ValueError(
            f"X has shape {X.shape}; rows hold real parts and as many imaginary parts behind them, "
            "as state_rows makes them."
        )
    real, imaginary = np.split(X, 2, axis=1)
    return real + 1j * imaginary


# Beyond it a process is ended for the memory that it takes before anything is said.
_MOST_QUBITS = 24


class _Plan:
    """The couplings, and how their states become data."""

    def __init__(self, n_samples, couplings, coupling_range, spacing, phase, random_state):
        check_choice("spacing", spacing, ("even", "random"))
        check_choice("phase", phase, ("fixed", "random"))
        self.rng = check_random_state(random_state)
        self.random_phase = phase == "random"
        if couplings is None:
            self.couplings = self._spaced(n_samples, coupling_range, spacing)
        else:
            self.couplings = _numbers(couplings)
        if np.any(self.couplings == 1):
            raise ValueError(
                "couplings holds 1, the transition itself, where a state has no label; move it, or "
                "use another n_samples or coupling_range."
            )

    def _spaced(self, n_samples, coupling_range, spacing):
        if not isinstance(n_samples, Integral) or n_samples < 2:
            raise ValueError(f"n_samples={n_samples!r} must be an integer >= 2.")
        limits = tuple(coupling_range) if np.iterable(coupling_range) else ()
        fits = len(limits) == 2 and all(isinstance(each, Real) for each in limits)
        if not fits or not -np.inf < limits[0] < limits[1] < np.inf:
            raise ValueError(f"coupling_range={coupling_range!r} must be (lowest, highest).")
        low, high = limits
        if spacing == "random":
            return self.rng.uniform(low, high, n_samples)
        return low + (high - low) * (np.arange(n_samples) + 0.5) / n_samples

    def check_fields(self):
        """Refuse negative fields, which only turn every X into -X."""
        if np.any(self.couplings < 0):
            raise ValueError(
                f"couplings go down to {self.couplings.min():.6g}; they are fields and must not be "
                "negative."
            )

    def data(self, name, target_names, n_qubits, found, return_X_y):
        """The `Bunch`, or ``(X, y)``."""
        from sklearn.utils import Bunch

        states, energies, gaps = found
        if self.random_phase:
            turns = self.rng.uniform(0, 2 * np.pi, len(states))
            states = states * np.exp(1j * turns)[:, None]
        X, y = state_rows(states) + 0.0, (self.couplings > 1).astype(int)  # no -0.0
        if return_X_y:
            return X, y
        places = range(2**n_qubits)
        return Bunch(
            X=X,
            y=y,
            couplings=self.couplings,
            energies=energies,
            gaps=gaps,
            n_qubits=n_qubits,
            feature_names=[f"{part}[{k}]" for part in ("re", "im") for k in places],
            target_names=target_names,
            name=name,
        )


def _numbers(couplings):
    """Couplings as an array of finite numbers."""
    try:
        found = np.asarray(couplings, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise ValueError(
            f"couplings={shortened(couplings)} must be a list of finite numbers, one a row."
        )
    return found


def _check_qubits(n_qubits, least, *, even=True):
    wrong = not isinstance(n_qubits, Integral) or not least <= n_qubits <= _MOST_QUBITS
    if wrong or (even and n_qubits % 2):
        kind = "an even integer" if even else "an integer"
        raise ValueError(
            f"n_qubits={n_qubits!r} must be {kind} >= {least} and at most {_MOST_QUBITS}, where a "
            f"row has 2**{_MOST_QUBITS + 1} numbers."
        )


def _is_closed(boundary):
    """Whether the chain is closed."""
    return check_choice("boundary", boundary, ("periodic", "open")) == "periodic"


def _bonds(n_qubits, boundary):
    """Masks of neighbours."""
    masks = [3 << q for q in range(n_qubits - 1)]
    return [*masks, 1 | 1 << (n_qubits - 1)] if _is_closed(boundary) else masks
