"""What a network has spent."""

from dataclasses import dataclass

__all__ = ["Meter"]


@dataclass
class Meter:
    """What was spent: rows forward, rows backward, circuits run and shots drawn.

    Parameters
    ----------
    forward_rows, gradient_rows, circuits, shots : int, default=0

    Examples
    --------
    >>> from skqmu.network import Meter
    >>> meter = Meter()
    >>> meter.add(forward_rows=10, circuits=10)
    >>> before = meter.copy()
    >>> meter.add(forward_rows=5)
    >>> meter.since(before)
    {'forward_rows': 5, 'gradient_rows': 0, 'circuits': 0, 'shots': 0}
    """

    forward_rows: int = 0
    gradient_rows: int = 0
    circuits: int = 0
    shots: int = 0

    def since(self, earlier: "Meter") -> dict[str, int]:
        """Difference to an earlier `copy()` of this meter, as a dict.

        Parameters
        ----------
        earlier : Meter

        Returns
        -------
        dict of str to int
            All four numbers.
        """
        return {name: getattr(self, name) - getattr(earlier, name) for name in vars(self)}

    def add(
        self, *, forward_rows: int = 0, gradient_rows: int = 0, circuits: int = 0, shots: int = 0
    ) -> None:
        """Count more, by name.

        Parameters
        ----------
        forward_rows, gradient_rows, circuits, shots : int, default=0
        """
        self.forward_rows += forward_rows
        self.gradient_rows += gradient_rows
        self.circuits += circuits
        self.shots += shots

    def copy(self) -> "Meter":
        """Snapshot to compare with later."""
        return Meter(**vars(self))
