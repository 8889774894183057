"""What an audit of a private training found, beside what was promised."""

import json
from dataclasses import asdict, dataclass

__all__ = ["EpsilonAuditResult"]


@dataclass(frozen=True)
class EpsilonAuditResult:
    """A lower bound on epsilon, at a level, beside the upper one that was promised.

    Parameters
    ----------
    epsilon_lower : float
        Above the truth in at most 1 - level of audits; 0 where nothing was found.
    epsilon_stated : float or None
        What the fitted models promise (``privacy_spent_``); None: they say nothing.
    delta, level : float
    method : str
        "many_runs" or "one_run".
    form : str
        "gaussian", "dp" or "separation": what the bound supposes of the mechanism.
    signal : str
        What was looked at.
    n_models : int
        Trained in all.
    n_correct, n_guesses : int
        Right guesses, and how many were made; on models that chose no threshold.

    Examples
    --------
    >>> from skqmu.attacks import EpsilonAuditResult
    >>> counts = {"n_models": 1000, "n_correct": 390, "n_guesses": 500}
    >>> how = {"method": "many_runs", "form": "gaussian", "signal": "weights"}
    >>> result = EpsilonAuditResult(1.62, 1.0, 1e-5, 0.95, **how, **counts)
    >>> result.refuted
    True
    >>> print(result)
    epsilon at delta=1e-05  at least 1.62 (level 0.95)  at most 1.00 (stated)  REFUTED
    many_runs, signal weights, form gaussian: 390 of 500 guesses right, 1000 models
    """

    epsilon_lower: float
    epsilon_stated: float | None
    delta: float
    level: float
    method: str
    form: str
    signal: str
    n_models: int
    n_correct: int
    n_guesses: int

    @property
    def refuted(self):
        """Whether the lower bound is above what was promised; None where nothing was."""
        return None if self.epsilon_stated is None else self.epsilon_lower > self.epsilon_stated

    def __str__(self):
        stated = self.epsilon_stated
        upper = "no promise" if stated is None else f"at most {stated:.2f} (stated)"
        verdict = {None: "", True: "  REFUTED", False: "  not refuted"}[self.refuted]
        return (
            f"epsilon at delta={self.delta:g}  at least {self.epsilon_lower:.2f} "
            f"(level {self.level:g})  {upper}{verdict}\n"
            f"{self.method}, signal {self.signal}, form {self.form}: {self.n_correct} of "
            f"{self.n_guesses} guesses right, {self.n_models} models"
        )

    def report(self, *, title=None, attack=None):
        """Return the result as a report: JSON, a page, Markdown, text.

        Parameters
        ----------
        title : str or None, default=None
            Names the training in it.
        attack : EpsilonAudit or None, default=None
            The audit that found it: all its settings go into the report, rows do not.

        Returns
        -------
        EpsilonReport
        """
        from ._epsilon_report import EpsilonReport

        return EpsilonReport.from_result(self, title=title, attack=attack)

    def to_dict(self):
        """Plain numbers and strings, with ``"refuted"``."""
        return {**asdict(self), "refuted": self.refuted}

    def to_json(self):
        """The same as a JSON string."""
        return json.dumps(self.to_dict())
