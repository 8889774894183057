"""What a result is proven to satisfy, under which assumptions."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Self

__all__ = ["ONE_VERSION", "Assumption", "Certificate"]

UPSTREAM = (
    "nothing before the estimator (scaling, selection, PCA) and no hyper-parameter was fitted or "
    "chosen with the forgotten rows"
)

#: what "exact" and "certified" mean, in one sentence
ONE_VERSION = (
    '"exact" and "certified" compare one version of the model with one retrained without the '
    "rows: whoever also holds the version before the deletion may tell who was deleted."
)


@dataclass(frozen=True)
class Assumption:
    """One condition of a certificate.

    Parameters
    ----------
    text : str
    checked : bool
        Whether the library verified it; if not, it is the reader's to judge.

    Examples
    --------
    >>> from skqmu.unlearning import Assumption
    >>> Assumption("the backend is exact", checked=True).checked
    True
    """

    text: str
    checked: bool


@dataclass(frozen=True)
class Certificate:
    """A proven statement about a deletion.

    Parameters
    ----------
    kind : {"exact", "certified"}
        ``"exact"``: distributed as a model that never saw the rows; ``"certified"``:
        (epsilon, delta)-indistinguishable from one (Guo et al. 2020, Definition 1). Both compare
        one version of the model with one retrained without the rows: whoever also holds the
        version before the deletion may tell who was deleted.
    epsilon, delta : float or None
        None for an exact deletion.
    residual_bound : float or None
        Bound on the norm of the gradient of the perturbed loss at the new weights.
    budget : float or None
        The largest bound that (epsilon, delta) allows.
    assumptions : list of Assumption

    Examples
    --------
    >>> from skqmu.unlearning import Certificate
    >>> round(Certificate("certified", 1.0, 1e-4, 0.05, budget=0.2).budget_left, 2)
    0.15
    """

    kind: str
    epsilon: float | None = None
    delta: float | None = None
    residual_bound: float | None = None
    budget: float | None = None
    assumptions: list = field(default_factory=list)

    @classmethod
    def from_dict(cls, told: Mapping) -> Self:
        """The certificate that a log, or `to_dict`, tells of.

        Parameters
        ----------
        told : mapping
            What it holds beside the certificate is passed over.

        Examples
        --------
        >>> from skqmu.unlearning import Certificate
        >>> Certificate.from_dict(Certificate("exact").to_dict()).kind
        'exact'
        """
        known = {f.name: told.get(f.name) for f in fields(cls)}
        assumptions = [Assumption(**each) for each in known.pop("assumptions") or ()]
        return cls(**known, assumptions=assumptions)

    @property
    def budget_left(self) -> float | None:
        """What later removals may still add to the bound; None for an exact deletion."""
        return None if self.budget is None else self.budget - self.residual_bound

    def to_dict(self) -> dict:
        """Plain numbers, strings and lists, and under ``"scope"`` what the kind means."""
        return {**asdict(self), "budget_left": self.budget_left, "scope": ONE_VERSION}

    def to_json(self) -> str:
        """The same as a JSON string."""
        return json.dumps(self.to_dict())
