"""One flat parameter vector, read and masked through named groups."""

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["ParameterLayout"]


class ParameterLayout:
    """Where each named group of parameters lies in the flat vector.

    A group is what a mechanism may freeze, reset, mask, dampen or log without knowing
    what it is: ``"quantum"`` (all circuit weights), ``"head"`` (kernel and bias), ...

    Parameters
    ----------
    groups : sequence of (str, int)
        Name and number of parameters of each group, in order.
    buffers : sequence of (str, int), default=()
        Name and number of the buffers (running statistics) of the groups that have some;
        they stand behind all parameters and belong to no group: nothing trains, resets,
        dampens or perturbs them.

    Attributes
    ----------
    slices : dict of str to slice
        In the order of the network, from input to output.
    buffers : dict of str to slice
    n_parameters : int
        Length of the flat vector without the buffers.
    size : int
        Length of the flat vector.

    Raises
    ------
    ValueError
        Two groups share a name.

    Examples
    --------
    >>> from skqmu.network import ParameterLayout
    >>> layout = ParameterLayout([("quantum", 6), ("head", 4)])
    >>> layout.slices["head"]
    slice(6, 10, None)
    >>> layout.mask(["head"]).sum()
    np.int64(4)
    """

    def __init__(self, groups: Sequence[tuple[str, int]], buffers: Sequence[tuple[str, int]] = ()):
        self.slices: dict[str, slice] = {}
        start = 0
        for name, size in groups:
            if name in self.slices:
                raise ValueError(f"group name {name!r} stands twice; names must be unique.")
            self.slices[name] = slice(start, start + size)
            start += size
        self.n_parameters = start
        self.buffers: dict[str, slice] = {}
        for name, size in buffers:
            self.buffers[name] = slice(start, start + size)
            start += size
        self.size = start

    @property
    def is_parameter(self) -> np.ndarray:
        """Boolean vector, False on the buffers, shape (size,)."""
        return np.arange(self.size) < self.n_parameters

    @property
    def names(self) -> tuple[str, ...]:
        """Group names, from input to output."""
        return tuple(self.slices)

    def mask(self, names: Iterable[str]) -> np.ndarray:
        """Boolean vector, True on the parameters of the named groups.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        ndarray of bool of shape (size,)

        Raises
        ------
        ValueError
            An unknown group.
        """
        mask = np.zeros(self.size, dtype=bool)
        for name in names:
            if name not in self.slices:
                raise ValueError(
                    f"no parameter group {name!r}; this network has {', '.join(self.slices)}."
                )
            mask[self.slices[name]] = True
        return mask

    def last(self, k: int) -> tuple[str, ...]:
        """Names of the last `k` groups that hold parameters (at most all of them).

        Parameters
        ----------
        k : int
            At least 0.

        Returns
        -------
        tuple of str
            From input to output.
        """
        named = [name for name, part in self.slices.items() if part.stop > part.start]
        return tuple(named[-k:]) if k else ()

    def __repr__(self):
        parts = ", ".join(f"{name}: {s.stop - s.start}" for name, s in self.slices.items())
        return f"ParameterLayout({parts})"
