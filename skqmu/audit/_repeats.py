"""An audit of a procedure: independent repeats, and one verdict over them, by looks."""

import time
from dataclasses import dataclass, field, replace

from ..attacks.tools import run_jobs
from ..metrics import repeated_verdict
from ._audit_run import AuditRun
from ._report import AuditReport
from ._sequence_run import sequence_facts
from .report import describe, json_values

__all__ = ["RepeatedAudit"]


class RepeatedAudit:
    """Repeats side by side, in stages, until the plan's last look or until all is decided.

    `report` is there from the first finished repeat on, and is brought up to date at each look
    and at an interrupt.

    Parameters
    ----------
    plan : Plan
    listener : callable or None, default=None
        Called as ``listener(stage, done, total)`` whenever a repeat was finished.
    """

    def __init__(self, plan, listener=None):
        self.plan = plan
        self.listener = listener or (lambda stage, done, total: None)
        self.report = AuditReport(describe(plan), digest_key=plan.digest_key)
        self._repeats = _Repeats()
        self._first = None
        self._verdicts = {}
        self._gaps = {}
        self._looks = []

    def run(self):
        """Do the work and return the report."""
        start = time.perf_counter()
        looks = self.plan.looks()
        try:
            for n, share in zip(looks, _shares(looks), strict=True):
                if self._looks and self._too_late(n, time.perf_counter() - start):
                    ended = "time"
                    break
                self._carry_out(n)
                self._looks.append(n)
                verdicts = self._look(n, share)
                if self.plan.until and all(
                    verdict.is_settled(self.plan.repeats) for verdict in verdicts.values()
                ):
                    ended = "decided"
                    break
            else:
                ended = "repeats"
        except KeyboardInterrupt:
            self._report_interrupted(time.perf_counter() - start)
            raise
        self._write(verdicts, ended, time.perf_counter() - start)
        self.report.data["complete"] = True
        return self.report

    # -- work ----------------------------------------------------------------------------

    def _carry_out(self, n):
        """Make the repeats up to the n-th."""
        begun = self._repeats.n_done
        stage = f"repeats {begun + 1} to {n}"
        self.listener(stage, 0, n - begun)
        bare = replace(self.plan, data=None, scenarios=None)  # each repeat draws its own
        jobs = [(bare, r) for r in range(begun, n)]
        arrived = run_jobs(_one_repeat, jobs, len(jobs), n_jobs=self.plan.n_jobs)
        for done, (r, differences, report) in enumerate(arrived, start=1):
            self._repeats.found[r] = differences
            if report is not None:
                self._first = report
            self.listener(stage, done, n - begun)

    def _too_late(self, n, seconds):
        """Whether the repeats up to the n-th would end after the time that there is."""
        if self.plan.max_seconds is None:
            return False
        return seconds * n / self._repeats.n_done > self.plan.max_seconds

    # -- verdicts ------------------------------------------------------------------------

    def _look(self, n, share):
        """Return each verdict as it stands; one that was reached at an earlier look stays.

        Differences are brought up to date all the same: the first look's intervals are wide.
        """
        for key, repeats in self._repeats.by_model(n).items():
            found = self._verdict(repeats, share)
            self._gaps[key] = found.gaps
            earlier = self._verdicts.get(key)
            if earlier is None or earlier.level == "unresolved" or found.level == "failed":
                self._verdicts[key] = found
        return self._verdicts

    def _verdict(self, repeats, share):
        errors = [found for found in repeats if isinstance(found, str)]
        if errors:
            return _Failed(len(errors), len(repeats), errors[0])
        share = share / self.plan.n_together
        return repeated_verdict(repeats, delta=self.plan.delta, level=self.plan.level, share=share)

    # -- report --------------------------------------------------------------------------

    def _report_interrupted(self, seconds):
        """Report what was finished: of the repeats, those up to the first that is missing."""
        n = self._repeats.n_done
        if self._first is None:
            return
        if n < 2:
            data = {**self._first, "seconds": seconds, "complete": False}
            self.report = AuditReport(data, digest_key=self.plan.digest_key)
            return
        # a look that was not planned may spend what is left for the last one, and ends it all
        looks = [*self._looks, n]
        share = 1 - (self._looks[-1] / self.plan.repeats if self._looks else 0)
        verdicts = self._look(n, share)
        self._looks = list(dict.fromkeys(looks))
        self._write(verdicts, "interrupt", seconds)

    def _write(self, verdicts, ended, seconds):
        data = {**describe(self.plan), "seconds": seconds}
        n = self._repeats.n_done
        for scenario in self._first["scenarios"]:
            name = scenario["name"]
            scenario = {**scenario, "repeats": {"n": n, "looks": self._looks, "ended_by": ended}}
            scenario["models"] = [
                entry
                if entry["role"] == "oracle"
                else _judged(entry, verdicts[name, entry["name"]], self._gaps[name, entry["name"]])
                for entry in scenario["models"]
            ]
            data["scenarios"].append(json_values(scenario))
        if self.plan.sequential:
            data["sequence"] = _sequence(data["scenarios"], self._first["sequence"])
        self.report = AuditReport(data, digest_key=self.plan.digest_key)


@dataclass
class _Repeats:
    """What came back, by the number of the repeat: they do not come in order."""

    found: dict = field(default_factory=dict)

    @property
    def n_done(self):
        """How many there are without a gap."""
        n = 0
        while n in self.found:
            n += 1
        return n

    def by_model(self, n):
        """Return ``{(scenario, model): what the first n repeats say of it}``."""
        return {
            (scenario, model): [self.found[r][scenario][model] for r in range(n)]
            for scenario, models in self.found[0].items()
            for model in models
        }


@dataclass(frozen=True)
class _Failed:
    """In place of a verdict: the mechanism refused, or broke, in some of the repeats."""

    n_failed: int
    n_repeats: int
    error: str
    level: str = "failed"
    gaps: dict = field(default_factory=dict)

    def is_settled(self, most):
        """A failure is."""
        return True

    def to_dict(self):
        """Return it as the report has it."""
        return {
            "level": self.level,
            "sentence": (
                f"Failed in {self.n_failed} of {self.n_repeats} repeats and changed nothing: "
                f"{self.error}"
            ),
            "findings": [],
            "n_repeats": self.n_repeats,
        }


def _sequence(scenarios, first):
    """What the sequence came to by the verdicts over all repeats; the order is the first's."""
    order = {told["name"]: told["order"] for told in first["mechanisms"]}
    return json_values(sequence_facts(scenarios, first["n_requests"], order))


def _judged(entry, verdict, gaps):
    """Return a model's entry with the verdict over all repeats in place of the first's own."""
    beside = entry["verdict"].get("beside")
    more = {} if beside is None else {"beside": beside}
    entry = {**entry, "verdict": {**verdict.to_dict(), **more}}
    if entry["status"] == "ok" and gaps:
        # tests of the first repeat's accuracies would stand beside a verdict on all
        entry.update(gaps=gaps, equivalence={})
    return entry


def _shares(looks):
    """The part of the error that each look spends: in proportion to the repeats it adds."""
    return [(n - before) / looks[-1] for before, n in zip([0, *looks], looks, strict=False)]


def _one_repeat(plan, r):
    """Return a repeat's number, what it says of each model, and its report if it is the first."""
    return r, *AuditRun(plan.repeat(r)).run_repeat(with_report=r == 0)
