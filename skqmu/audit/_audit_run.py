"""The work of one repeat of an audit: train, forget, attack, compare; what is done is kept."""

import time
from dataclasses import dataclass

import numpy as np

from .._fit_many import fits_many
from .._rows import take
from .._side_by_side import chunks
from ..attacks.tools import run_jobs
from ._attacks import needs_shadows
from ._audit_measure import Judge, without
from ._corrupted_rows import worlds_of
from ._damage import Damage, undamaged_jobs
from ._epochs import curve_of
from ._kept_models import kept_or_made
from ._models import can_unlearn, fit_model, fit_models, unlearn_copy
from ._prefit import as_original
from ._promise import promise_of
from ._report import AuditReport
from ._sequence_run import given_up, order_jobs, order_of, sequence_facts
from ._shadow_models import trained_shadows
from ._step_judge import StepsJudge, leak_of_steps
from .report import describe, json_values

__all__ = ["AuditRun"]


class AuditRun:
    """One original and all that is set beside it, carried out scenario by scenario.

    `report` grows while :meth:`run` works: after an interrupt it holds every scenario that
    was finished, and says that it is not complete.

    Parameters
    ----------
    plan : Plan
    listener : callable or None, default=None
        Called as ``listener(stage, done, total)`` whenever something was finished.
    """

    def __init__(self, plan, listener=None):
        self.plan = plan
        self.listener = listener or (lambda stage, done, total: None)
        self.report = AuditReport(describe(plan), digest_key=plan.digest_key)
        seeds = np.random.SeedSequence(plan.entropy).spawn(5)
        self._original_seed, oracle_seed, retrain_seed, self._shadow_seed, self._attack_seed = seeds
        self._undamaged_models = {}
        n_scenarios = len(plan.scenarios)
        self._oracle_seeds = [s.spawn(plan.n_oracles) for s in oracle_seed.spawn(n_scenarios)]
        self._retrain_seeds = [
            s.spawn(len(plan.mechanisms)) for s in retrain_seed.spawn(n_scenarios)
        ]

    def run(self):
        """Do the work and return the report."""
        start = time.perf_counter()
        for observed in self._observed():
            self._tell(observed)
            self.report.data["seconds"] = time.perf_counter() - start
        self._tell_of_order(observed)
        self.report.data["seconds"] = time.perf_counter() - start
        self.report.data["complete"] = True
        return self.report

    def run_repeat(self, *, with_report):
        """Do the work as one repeat of several.

        Parameters
        ----------
        with_report : bool
            Whether everything is measured, beside what the verdict over all repeats needs.

        Returns
        -------
        differences : dict
            ``{scenario: {model: RetrainingDifferences}}``; the error in words for a mechanism
            that failed.
        report : dict or None
        """
        start = time.perf_counter()
        found = {}
        for observed in self._observed():
            oracles = observed.oracles
            found[observed.judge.scenario.name] = {
                model.name: model.error
                if seen is None
                else observed.judge.differences(seen, oracles)
                for model, seen in observed.pairs()
                if model.role != "oracle"
            }
            if with_report:
                self._tell(observed)
        if with_report:
            self._tell_of_order(observed)
        self.report.data["seconds"] = time.perf_counter() - start
        return found, self.report.data if with_report else None

    def _observed(self):
        """Train and attack everything; yield scenario by scenario what was observed."""
        plan = self.plan
        rows = [scenario.data for scenario in plan.scenarios]
        worlds = {id(data): data for data in rows}
        originals = {world: self._original(data) for world, data in worlds.items()}
        # the mechanisms come before the shadows: a misspelt one costs seconds, not minutes
        groups, starts = [], {}
        for k, (data, scenario) in enumerate(zip(rows, plan.scenarios, strict=True)):
            groups.append(self._train(originals[id(data)], scenario, k, starts))
            if plan.sequential:
                starts = {model.name: model for model in groups[-1] if model.role == "mechanism"}
        pools = {world: self._shadows(data) for world, data in worlds.items()}
        for data, scenario, models in zip(rows, plan.scenarios, groups, strict=True):
            yield self._observe(scenario, [originals[id(data)], *models], pools[id(data)])

    # -- models --------------------------------------------------------------------------

    def _original(self, data):
        plan, seed = self.plan, self._original_seed
        if plan.fitted is not None:
            return as_original(plan.fitted)
        self.listener("training the original", 0, 1)
        original = kept_or_made(
            plan.memory, self._named(data, "original", seed), fit_model,
            plan.estimator, data.X, data.y, name="original", role="original", seed=seed,
        )  # fmt: skip
        self.listener("training the original", 1, 1)
        return original

    def _train(self, original, scenario, k, starts):
        """Return the oracles and the mechanisms' models of one scenario.

        In a sequence, `starts` has the model with which each mechanism has ended before.
        """
        plan, data = self.plan, scenario.data
        stays = ~scenario.forget
        rows = take(data.X, stays), data.y[stays]
        classes = original.estimator.classes_
        jobs = self._oracle_jobs(rows, classes, scenario, k)
        for (name, strategy), seed in zip(
            plan.mechanisms.items(), self._retrain_seeds[k], strict=True
        ):
            if can_unlearn(original.estimator):
                start = starts.get(name, original)
                if start.estimator is None:
                    jobs.append((given_up, (start,), {}))
                    continue
                asked = [each.request for each in plan.scenarios[: k + 1] if plan.sequential]
                asked = asked or [scenario.forget]
                asked += ["followed"] * plan.curves
                what = self._named(data, name, self._original_seed, *asked, strategy)
                args = (unlearn_copy, start, strategy, data, scenario)
                options = {"follow": True} if plan.curves else {}
            else:
                # Plan has made sure that it is "retrain", which needs no help of the classifier
                what = self._named(data, name, seed, scenario.forget, classes)
                args = (fit_model, plan.estimator, *rows)
                options = {"role": "mechanism", "seed": seed, "classes": classes}
            jobs.append((kept_or_made, (plan.memory, what, *args), {"name": name, **options}))
        n_models = plan.n_oracles + len(plan.mechanisms)
        return self._in_parallel(jobs, n_models, f"{scenario.name}: oracles and mechanisms")

    def _oracle_jobs(self, rows, classes, scenario, k):
        """Jobs that train the oracles: one each where they are kept, else side by side."""
        plan, seeds = self.plan, self._oracle_seeds[k]
        names = [f"oracle {i + 1}" for i in range(len(seeds))]
        options = {"role": "oracle", "classes": classes}
        if plan.memory is None and fits_many(plan.estimator):
            parts = (chunks(each, plan.n_jobs) for each in (names, seeds))
            return [
                (fit_models, (plan.estimator, *rows), {"names": own, "seeds": drawn, **options})
                for own, drawn in zip(*parts, strict=True)
            ]
        jobs = []
        for name, seed in zip(names, seeds, strict=True):
            what = self._named(scenario.data, name, seed, scenario.forget, classes)
            args = (plan.memory, what, fit_model, plan.estimator, *rows)
            jobs.append((kept_or_made, args, {"name": name, "seed": seed, **options}))
        return jobs

    def _named(self, data, name, seed, *more):
        """All that a model of this audit depends on, but for the versions of libraries."""
        plan = self.plan
        if plan.memory is None:
            return ()
        rows = (data.X, data.y, data.X_reference, data.y_reference)
        seed = (seed.entropy, seed.spawn_key)
        # a model that was handed over is none of the settings
        return (name, plan.estimator, seed, rows, more, *[plan.fitted] * (plan.fitted is not None))

    def _in_parallel(self, jobs, n_models, stage):
        """Models of all jobs, in their order; a job brings one or several."""
        found = {}
        self.listener(stage, 0, n_models)
        arguments = ((i, *job) for i, job in enumerate(jobs))
        done = 0
        for i, models in run_jobs(_numbered, arguments, len(jobs), n_jobs=self.plan.n_jobs):
            found[i] = models
            done += len(models)
            self.listener(stage, done, n_models)
        return [model for i in range(len(jobs)) for model in found[i]]

    def _shadows(self, data):
        plan = self.plan
        if not needs_shadows(plan.attacks):
            return None
        return trained_shadows(
            plan.estimator,
            data,
            self.listener,
            n_shadows=plan.n_shadows,
            memory=plan.memory,
            n_jobs=plan.n_jobs,
            seed=self._shadow_seed,
        )

    def _undamaged(self, judge):
        """Return models of the judge's world without the damage, by what they were trained on."""
        data, plan = judge.data, self.plan
        if id(data) not in self._undamaged_models:
            wanted = worlds_of(plan)[id(data)][1]
            kinds, jobs = undamaged_jobs(plan, data, wanted, judge.classes, self._named)
            models = self._in_parallel(jobs, len(jobs), "models without the damage")
            self._undamaged_models[id(data)] = {
                kind: [model for model, own in zip(models, kinds, strict=True) if own == kind]
                for kind in dict.fromkeys(kinds)
            }
        return self._undamaged_models[id(data)]

    # -- judging -------------------------------------------------------------------------

    def _observe(self, scenario, models, pool):
        plan, data = self.plan, scenario.data
        classes = models[0].estimator.classes_
        seed = int(self._attack_seed.generate_state(1)[0])
        judge = Judge(
            data,
            scenario,
            classes,
            plan.attacks,
            pool,
            plan.level,
            seed,
            plan.delta,
            models[0].estimator,
            plan.n_together,
        )
        stage = f"{scenario.name}: attacks"
        seen = []
        self.listener(stage, 0, len(models))
        for done, model in enumerate(models, start=1):
            try:
                seen.append(None if model.estimator is None else judge.observe(model.estimator))
            except ValueError as error:
                if model.role == "original":
                    raise
                raise _unanswered(model.name, scenario.name, error) from error
            self.listener(stage, done, len(models))
        return _Observed(judge, models, seen)

    def _tell(self, observed):
        """Write down what was found of one scenario."""
        told = self.report.data["scenarios"]
        told.append(json_values(self._facts(observed)))
        if self.plan.sequential:
            self.report.data["sequence"] = sequence_facts(told, len(self.plan.scenarios))

    def _tell_of_order(self, observed):
        """Write down, after a sequence, what its order has to do with how mechanisms ended."""
        plan = self.plan
        if not plan.sequential:
            return

        def named(name, *what):
            return self._named(plan.data, name, self._original_seed, *what)

        names, jobs = order_jobs(plan, observed.models, named)
        order = {}
        if names:
            others = self._in_parallel(jobs, len(jobs), "the sequence in other orders")
            seen = {model.name: (model, answers) for model, answers in observed.pairs()}
            classes = observed.judge.classes
            order = order_of(names, others, seen, plan.data, classes)
        told = sequence_facts(self.report.data["scenarios"], len(plan.scenarios), order)
        self.report.data["sequence"] = json_values(told)

    def _facts(self, observed):
        """Everything that the report says of a scenario."""
        scenario = observed.judge.scenario
        observations, oracles = observed.observations, observed.oracles
        facts = {
            "name": scenario.name,
            "kind": scenario.kind,
            "removed_classes": [_plain(label) for label in scenario.removed],
            "n_forget": int(scenario.forget.sum()),
            "n_retain": int((~scenario.forget).sum()),
            **({} if scenario.asked is None else {"n_asked": int(scenario.asked.sum())}),
            "n_members": len(scenario.members),
            "n_nonmembers": len(scenario.nonmembers),
            "notes": list(scenario.notes),
            "threat_models": observations[0].threat_models,
        }
        judge = observed.judge
        facts["models"] = [
            self._entry(judge, *pair, oracles, observations[0]) for pair in observed.pairs()
        ]
        self._add_steps(facts, observed)
        if judge.data.truth is not None:
            self._add_damage(facts, observed)
        return facts

    def _add_damage(self, facts, observed):
        """Say what bad rows did, and what is left of it, beside models without the damage."""
        judge, seen = observed.judge, observed.observations
        damage = Damage(judge, seen[0], observed.oracles, self._undamaged(judge))
        facts["corruption"] = damage.of_scenario()
        for entry, answers in zip(facts["models"], seen, strict=True):
            if answers is not None:
                is_oracle = entry["role"] == "oracle"
                entry["corrective"] = damage.of_model(answers, is_oracle=is_oracle)

    def _add_steps(self, facts, observed):
        """Say what the steps before the classifier tell, where it stands in a pipeline."""
        plan, judge = self.plan, observed.judge
        scenario = judge.scenario
        steps_judge = StepsJudge(
            judge.data, (scenario.members, scenario.nonmembers), plan.level, judge.seed, plan.n_jobs
        )
        upstream = [
            {} if seen is None else steps_judge.measure(model.estimator)
            for model, seen in observed.pairs()
        ]
        if not upstream[0]:
            return
        facts["upstream_threat_models"] = steps_judge.threat_models
        theirs = [
            found
            for found, model in zip(upstream, observed.models, strict=True)
            if model.role == "oracle"
        ]
        for entry, found in zip(facts["models"], upstream, strict=True):
            entry["upstream"] = found
            beside = leak_of_steps(found, theirs)
            if beside and "verdict" in entry:
                entry["verdict"]["beside"] = beside

    def _entry(self, judge, model, seen, oracles, original):
        entry = {
            "name": model.name,
            "role": model.role,
            "kind": model.kind,
            "status": "ok" if seen is not None else "failed",
            "error": model.error,
            "notes": model.notes,
            "cost": model.cost,
        }
        if seen is None:
            entry["verdict"] = {
                "level": "failed",
                "sentence": f"Failed and changed nothing: {model.error}",
                "findings": [],
            }
            return entry
        promise = promise_of(model.estimator)
        if promise is not None:
            entry["promise"] = promise
        position = next((i for i, oracle in enumerate(oracles) if oracle is seen), None)
        others = oracles if position is None else without(oracles, position)
        entry.update(judge.measure(seen, others, original))
        if model.course is not None:
            entry["curve"] = curve_of(model.course, seen, judge, oracles)
        if model.role != "oracle":
            verdict = judge.verdict(seen, oracles)
            entry["gaps"] = verdict.gaps
            entry["equivalence"] = judge.equivalence(seen, oracles)
            entry["verdict"] = verdict.to_dict()
        return entry


def _unanswered(model, scenario, error):
    """The error of a model that cannot be asked, with which one it is and what it never saw."""
    return ValueError(
        f"forget[{scenario!r}]: {model}, trained without the forgotten rows, cannot be asked about "
        f"them: {error} A step that refuses what it has not seen must let it pass "
        "(OneHotEncoder(handle_unknown='ignore')), in the model that is audited, too."
    )


@dataclass(frozen=True)
class _Observed:
    """The models of a scenario, original first, and what each answered; None where it failed."""

    judge: Judge
    models: list
    observations: list

    def pairs(self):
        """Return each model with its observation."""
        return list(zip(self.models, self.observations, strict=True))

    @property
    def oracles(self):
        """The oracles' observations."""
        return [seen for model, seen in self.pairs() if model.role == "oracle"]


def _numbered(i, function, args, options):
    models = function(*args, **options)
    return i, models if isinstance(models, list) else [models]


def _plain(label):
    return label.item() if hasattr(label, "item") else label
