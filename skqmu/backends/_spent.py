"""What circuits have cost."""

from dataclasses import dataclass, field
from threading import Lock

__all__ = ["Spent"]


@dataclass
class Spent:
    """What an executable has run since it was made.

    Parameters
    ----------
    circuits : int
        Circuits with numbers bound: evaluations times measurement settings.
    shots, pubs, jobs : int
    qpu_seconds : float
        Charged by a device where one says so, otherwise estimated; 0 for simulators.

    Examples
    --------
    >>> from skqmu.backends import Spent
    >>> spent = Spent()
    >>> spent.add(circuits=2, shots=200)
    >>> spent
    Spent(circuits=2, shots=200, pubs=0, jobs=0, qpu_seconds=0.0)
    """

    circuits: int = 0
    shots: int = 0
    pubs: int = 0
    jobs: int = 0
    qpu_seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def add(self, **amounts):
        """Add to the totals (from any thread).

        Parameters
        ----------
        **amounts : float
            By the names of the totals.
        """
        with self._lock:
            for name, amount in amounts.items():
                setattr(self, name, getattr(self, name) + amount)
