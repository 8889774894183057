"""What bad training rows did to a model, and how much of it is undone once they are forgotten."""

import numpy as np

from ..metrics import RecordedAnswers, accuracy_interval, corrective_result
from ._audit_measure import without
from ._corrupted_rows import undamaged_rows
from ._kept_models import kept_or_made
from ._models import fit_model

__all__ = ["Damage", "undamaged_jobs"]

# Of the models without the damage, apart from all other seeds.
_SEED = (11,)
#: What models without the damage are trained on.
KINDS = ("without_bad", "clean")
_NAMES = {"without_bad": "without bad rows {}", "clean": "clean rows {}"}


def undamaged_jobs(plan, data, kinds, classes, named):
    """Return jobs that train models without the damage: pairs of what they are, and the job.

    Parameters
    ----------
    plan : Plan
    data : Data
        With its truth.
    kinds : set of {"without_bad", "clean"}
        Trained without the bad rows, or on all rows as they are in truth.
    classes : ndarray
        All labels that the models shall have columns for.
    named : callable
        Of a model's name, seed and rows: all that it depends on.

    Returns
    -------
    list of str
        The kind of each job.
    list of tuple
        The jobs.
    """
    found, jobs = [], []
    for number, kind in enumerate(KINDS):
        if kind not in kinds:
            continue
        rows = undamaged_rows(data, kind)
        sequence = np.random.SeedSequence(plan.entropy, spawn_key=(*_SEED, number))
        for i, seed in enumerate(sequence.spawn(plan.n_oracles), start=1):
            name = _NAMES[kind].format(i)
            what = named(data, name, seed, *rows)
            options = {"name": name, "role": "oracle", "seed": seed, "classes": classes}
            args = (plan.memory, what, fit_model, plan.estimator, *rows)
            found.append(kind)
            jobs.append((kept_or_made, args, options))
    return found, jobs


class Damage:
    """What the bad rows of a scenario did, and what each of its models has left of it.

    Parameters
    ----------
    judge : Judge
    original : Observation
    oracles : list of Observation
    undamaged : dict of {"without_bad", "clean"} to list of Model
        Where all bad rows are forgotten, the oracles are those without them.
    """

    def __init__(self, judge, original, oracles, undamaged):
        self.judge, self.original, self.oracles = judge, original, oracles
        self.truth, scenario = judge.data.truth, judge.scenario
        all_are_known = not (self.truth.bad & ~scenario.forget).any()
        self.models = {
            kind: models
            for kind, models in undamaged.items()
            if kind == "clean" or not all_are_known
        }
        self.references = {
            kind: [RecordedAnswers(judge.answers(model.estimator)) for model in models]
            for kind, models in self.models.items()
        }
        self.references.setdefault("without_bad", list(oracles))
        first = len(judge.y) - len(self.truth.y_test)
        hit = np.isin(self.truth.y_test, self.truth.affected)
        self.test, self.others = (first + np.flatnonzero(rows) for rows in (hit, ~hit))
        self.good = np.flatnonzero(~self.truth.bad & ~scenario.forget)

    def _labelled(self, rows):
        return rows, self.judge.y[rows]

    def _results(self, seen):
        """What the metrics say of a model, by the models that it is compared with."""
        results = {}
        for kind in KINDS:
            references = self.references[kind]
            own = next((i for i, each in enumerate(references) if each is seen), None)
            references = references if own is None else without(references, own)
            if references:
                results[kind] = corrective_result(
                    seen,
                    original=self.original,
                    references=references,
                    test=self._labelled(self.test),
                    good=self._labelled(self.good) if self.good.size else None,
                    level=self.judge.level,
                )
        return results

    def _accuracy(self, seen, rows):
        rows, y = self._labelled(rows)
        n_right = int((seen.predict(rows) == y).sum())
        return _told(accuracy_interval(n_right, len(y), level=self.judge.level), len(y))

    def of_scenario(self):
        """Return what the report says of the corruption, the damage, and the models without it."""
        corruption, results = self.truth.corruption, self._results(self.original)
        n_bad = int(self.truth.bad.sum())
        n_known = int((self.truth.bad & self.judge.scenario.forget).sum())
        classes = corruption.classes
        return {
            "kind": corruption.kind,
            "rate": float(corruption.rate),
            "balanced": bool(corruption.balanced),
            "classes": None if classes is None else list(classes),
            "noise": corruption.noise if corruption.kind == "feature_noise" else None,
            "known": n_known / n_bad,
            "n_bad": n_bad,
            "n_known": n_known,
            "n_bad_held_out": int(self.truth.comparable.sum()),
            "n_affected": len(self.test),
            "n_others": len(self.others),
            "n_good": len(self.good),
            "damage": {kind: _told(found.damage, found.n) for kind, found in results.items()},
            "undamaged": [
                self._undamaged(kind, *pair)
                for kind in self.models
                for pair in zip(self.models[kind], self.references[kind], strict=True)
            ],
        }

    def _undamaged(self, kind, model, seen):
        facts = self.of_model(seen, is_oracle=True)
        return {"name": model.name, "trained_on": kind, **facts, "cost": model.cost}

    def _of_others(self, seen):
        return {"accuracy_others": self._accuracy(seen, self.others)} if self.others.size else {}

    def of_model(self, seen, *, is_oracle):
        """Return what the report says of a model.

        Parameters
        ----------
        seen : Observation
        is_oracle : bool
            Of an oracle there is no verdict.
        """
        results = self._results(seen)
        found = next(iter(results.values()))
        facts = {
            "accuracy": self._accuracy(seen, self.test),
            **self._of_others(seen),
            "recovered": _told(found.recovered, found.n),
            "undone": {kind: _told(result.undone, found.n) for kind, result in results.items()},
            "false_forgetting": _told(found.false_forgetting, found.n_good),
        }
        if is_oracle:
            return facts
        found = results["without_bad"]
        return {**facts, "verdict": found.verdict, "sentence": self._sentence(found, seen)}

    def _sentence(self, found, seen):
        if seen is self.original:
            cost = f"{found.damage.value:.3f}{_interval(found.damage)}"
            if found.verdict in ("none", "unresolved"):
                return (
                    f"Its accuracy on right labels is {cost} below that of models without the bad "
                    "rows: it is not shown that they did damage."
                )
            return f"The bad rows cost {cost} of the accuracy on right labels."
        if found.undone is None:
            return _SENTENCES["none"]
        share = f"{found.undone.value:.2f}{_interval(found.undone, 2)}"
        text = _SENTENCES[found.verdict].format(share)
        if found.false_forgetting is None:
            return text
        theirs = [f"{share:.3f}" for share in sorted(found.false_forgetting_of_references)]
        band = " to ".join(dict.fromkeys((theirs[0], theirs[-1])))
        lost = f"{found.false_forgetting.value:.3f}{_interval(found.false_forgetting)}"
        return (
            f"{text} It lost {lost} of the good rows that the original knew, where models without "
            f"the bad rows lost {band}."
        )


_SENTENCES = {
    "undone": "No damage is shown to be left: {} of it is undone.",
    "part": "A part of the damage is undone: {} of it.",
    "left": "No damage is shown to be undone: {} of it is.",
    "worse": "There is more damage than before: {} of it is undone.",
    "unresolved": "Of the damage {} is undone: too few data to say whether all of it or none.",
    "none": "It is not shown that the bad rows did damage, so that none can be undone.",
}


def _interval(estimate, digits=3):
    if not np.isfinite([estimate.low, estimate.high]).all():
        return ""
    return f" ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def _told(estimate, n):
    """An estimate as the report has it; None stays None, and what is infinite becomes it."""
    if estimate is None:
        return None
    limits = {key: float(getattr(estimate, key)) for key in ("value", "low", "high")}
    return {**{key: x if np.isfinite(x) else None for key, x in limits.items()}, "n": n}
