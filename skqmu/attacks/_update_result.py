"""How well deleted rows were found, over one request or many."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import rankdata

from ..metrics import Estimate, accuracy_interval, gap_interval
from ._threat_model import ThreatModel

__all__ = ["UpdateResult", "update_result"]


@dataclass(frozen=True)
class UpdateResult:
    """Ranks of deleted rows among candidates, with rates and intervals over requests.

    Parameters
    ----------
    ranks : tuple of tuple of float
        For each request the ranks of its deleted rows, from 1 (most suspect); of equal scores
        the mean rank.
    n_candidates : tuple of int
    aucs : tuple of float
        For each request the probability that a deleted row outscores another candidate.
    threat_model : ThreatModel
    level : float, default=0.95

    Examples
    --------
    >>> from skqmu.attacks import ThreatModel, UpdateResult
    >>> one = UpdateResult(((1.0,),), (501,), (1.0,), ThreatModel("UpdateAttack", "600 records"))
    >>> UpdateResult.pool([one] * 50).top(1)
    Estimate(value=1.0, low=0.928..., high=1.0, level=0.95)
    """

    ranks: tuple
    n_candidates: tuple
    aucs: tuple
    threat_model: ThreatModel
    level: float = 0.95

    @classmethod
    def pool(cls, results):
        """Put the requests of several results together.

        Parameters
        ----------
        results : iterable of UpdateResult
            Of one attacker, that is of equal threat models.

        Raises
        ------
        ValueError
            No results, or some of other attacks.
        """
        results = list(results)
        if not results:
            raise ValueError("results is empty; pool needs at least one UpdateResult.")
        if any(r.threat_model.attack != results[0].threat_model.attack for r in results):
            raise ValueError("results of different attacks are not one sample; pool them apart.")
        joined = (
            sum((getattr(r, n) for r in results), ()) for n in ("ranks", "n_candidates", "aucs")
        )
        return cls(*joined, results[0].threat_model, results[0].level)

    @property
    def n_requests(self):
        """Deletion requests behind the rates."""
        return len(self.ranks)

    @property
    def auc(self):
        """Mean AUC over requests, an :class:`skqmu.metrics.Estimate`."""
        found = gap_interval(
            self.aucs, np.zeros(len(self.aucs)), level=self.level, bounds=(0.0, 1.0)
        )
        return Estimate(found.value, max(0.0, found.low), min(1.0, found.high), found.level)

    def top(self, n):
        """Share of requests with a deleted row among the `n` most suspect candidates.

        Parameters
        ----------
        n : int

        Returns
        -------
        Estimate
            With the interval of Clopper and Pearson over requests.
        """
        hits = sum(min(ranks) <= n for ranks in self.ranks)
        return accuracy_interval(hits, self.n_requests, level=self.level)

    @property
    def found(self):
        """Mean share of the k deleted rows among the k most suspect candidates."""
        return float(np.mean([np.mean(np.array(r) <= len(r)) for r in self.ranks]))

    def to_dict(self):
        """Return plain Python values that strict JSON holds."""
        rates = {"auc": self.auc, "top_1": self.top(1), "top_5": self.top(5)}
        return {
            **{name: value._asdict() for name, value in rates.items()},
            "found": self.found,
            "n_requests": self.n_requests,
            "ranks": [list(ranks) for ranks in self.ranks],
            "n_candidates": list(self.n_candidates),
            "aucs": list(self.aucs),
            "threat_model": asdict(self.threat_model),
            "level": self.level,
        }

    def report(self, *, title=None, attack=None):
        """Return the result as a report: JSON, a page, Markdown, text.

        Parameters
        ----------
        title : str or None, default=None
            Names the target in it.
        attack : attack or None, default=None
            The one that achieved it: all its settings go into the report, rows do not.

        Returns
        -------
        UpdateReport
        """
        from ._attack_reports import UpdateReport

        return UpdateReport.from_result(self, title=title, attack=attack)

    def summary(self):
        """Return the lines a reader needs."""
        several = max(map(len, self.ranks)) > 1
        share = f"; {self.found:.0%} of the deleted rows among as many first" if several else ""
        return (
            f"{self.threat_model}\n"
            f"{self.n_requests} request(s), {min(self.n_candidates)} to "
            f"{max(self.n_candidates)} candidates: a deleted row first in {self.top(1)}, among "
            f"the first five in {self.top(5)}; AUC {self.auc}{share}"
        )

    __str__ = summary


def update_result(scores, deleted, threat_model, level=0.95):
    """Result of one request, from the scores of candidates and which were deleted."""
    deleted = np.asarray(deleted)
    if deleted.dtype != bool or deleted.shape != scores.shape:
        raise ValueError(
            f"deleted must be a boolean mask of shape {scores.shape}, one value a candidate; got "
            f"dtype {deleted.dtype}, shape {deleted.shape}."
        )
    if deleted.all() or not deleted.any():
        raise ValueError(
            f"{deleted.sum()} of {deleted.size} candidates were deleted; a rank needs candidates "
            "of both kinds."
        )
    # ties share their mean rank: a score that says nothing puts nobody first
    ranks = rankdata(-scores)
    inside, outside = deleted.sum(), (~deleted).sum()
    auc = (rankdata(scores)[deleted].sum() - inside * (inside + 1) / 2) / (inside * outside)
    return UpdateResult(
        (tuple(np.sort(ranks[deleted]).tolist()),), (scores.size,), (float(auc),),
        threat_model, level,
    )  # fmt: skip
