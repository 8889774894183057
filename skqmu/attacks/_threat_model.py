"""What the attacker knows, stated with every result."""

import dataclasses

__all__ = ["ThreatModel"]


@dataclasses.dataclass(frozen=True)
class ThreatModel:
    """What an attacker knows and may do: a leak is a number only together with this.

    Parameters
    ----------
    attack : str
        Name of the attack.
    pool : str
        The records that the attacker holds, in words.
    shadow_estimator : str or None, default=None
        The model, with its settings, that the attacker trains as a stand-in for the
        target; ``None`` when the attack trains none.
    n_shadows : int, default=0
        How many of them.
    query : {"proba", "label", "step"}, default="proba"
        What the target answers; ``"step"``: nothing, the attacker holds fitted steps of it.
    n_queries : int, default=1
        Queries to the target for each record.
    shots : int, None or "unknown", default=None
        Shots behind one answer of the target, as its backend states them; ``None`` when its
        probabilities are exact (an exact backend, or a model without backend); "unknown"
        when it is known to be sampled and not with how many shots.
    knows_members : bool, default=False
        The attacker was shown the TARGET's own membership of some records. True only for
        an auditor's attack; its figures are no estimate of an outsider's success.
    notes : tuple of str, default=()
        Anything else a reader must know.

    Examples
    --------
    >>> from skqmu.attacks import ThreatModel
    >>> print(ThreatModel("LiRAAttack", "150 records", "LogisticRegression()", n_shadows=16))
    LiRAAttack: the attacker holds 150 records, trains 16 shadows of LogisticRegression(),
    sees exact probabilities (1 query a record), does not know the target's members.
    """

    attack: str
    pool: str
    shadow_estimator: str | None = None
    n_shadows: int = 0
    query: str = "proba"
    n_queries: int = 1
    shots: int | None = None
    knows_members: bool = False
    notes: tuple = ()

    def to_dict(self):
        """Return the fields as a dict of JSON values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values):
        """Return the threat model that :meth:`to_dict` wrote.

        Parameters
        ----------
        values : dict

        Returns
        -------
        ThreatModel
        """
        return cls(**{**values, "notes": tuple(values["notes"])})

    def __str__(self):
        shadows = (
            f"trains {self.n_shadows} shadows of {self.shadow_estimator}"
            if self.n_shadows
            else "trains no shadows"
        )
        queries = f"{self.n_queries} quer{'y' if self.n_queries == 1 else 'ies'} a record"
        if self.shots is not None:
            queries += f", {self.shots} shots per query".replace("unknown", "unknown number of")
        exact = self.shots is None
        sees = {
            "proba": f"sees {'exact ' * exact}probabilities ({queries})",
            "label": f"sees labels only ({queries}{', of exact probabilities' * exact})",
            "step": "HOLDS fitted steps and asks no model",
        }[self.query]
        knows = (
            "IS SHOWN the target's own membership (an auditor, not an outsider)"
            if self.knows_members
            else "does not know the target's members"
        )
        text = f"{self.attack}: the attacker holds {self.pool}, {shadows},\n{sees}, {knows}."
        return "\n".join((text, *self.notes))
