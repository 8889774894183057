"""The work of an audit in order: train, forget, attack, compare; whatever is done is kept."""

import time

import numpy as np

from .._fit_many import fits_many
from .._side_by_side import chunks
from ..attacks import ShadowPool
from ..attacks.tools import run_jobs
from ._attacks import needs_shadows
from ._audit_measure import Judge, without
from ._kept_models import kept_or_made
from ._models import can_unlearn, fit_model, fit_models, unlearn_copy
from ._report import AuditReport, describe, json_values
from ._step_judge import StepsJudge, leak_of_steps

__all__ = ["AuditRun"]


class AuditRun:
    """One audit, carried out scenario by scenario.

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
        self.report = AuditReport(describe(plan))
        seeds = np.random.SeedSequence(plan.entropy).spawn(5)
        self._original_seed, oracle_seed, retrain_seed, self._shadow_seed, self._attack_seed = seeds
        n_scenarios = len(plan.scenarios)
        self._oracle_seeds = [s.spawn(plan.n_oracles) for s in oracle_seed.spawn(n_scenarios)]
        self._retrain_seeds = [
            s.spawn(len(plan.mechanisms)) for s in retrain_seed.spawn(n_scenarios)
        ]

    def run(self):
        """Do the work and return the report."""
        start = time.perf_counter()
        plan, data = self.plan, self.plan.data
        self.listener("training the original", 0, 1)
        seed = self._original_seed
        original = kept_or_made(
            plan.memory, self._named("original", seed), fit_model,
            plan.estimator, data.X, data.y, name="original", role="original", seed=seed,
        )  # fmt: skip
        self.listener("training the original", 1, 1)
        # the mechanisms come before the shadows: a misspelt one costs seconds, not minutes
        groups = [self._train(original, scenario, k) for k, scenario in enumerate(plan.scenarios)]
        pool = self._shadows()
        for scenario, models in zip(plan.scenarios, groups, strict=True):
            judged = self._judge(scenario, [original, *models], pool)
            self.report.data["scenarios"].append(json_values(judged))
            self.report.data["seconds"] = time.perf_counter() - start
        self.report.data["complete"] = True
        return self.report

    # -- models --------------------------------------------------------------------------

    def _train(self, original, scenario, k):
        """Return the oracles and the mechanisms' models of one scenario."""
        plan, data = self.plan, self.plan.data
        stays = ~scenario.forget
        rows = data.X[stays], data.y[stays]
        classes = original.estimator.classes_
        jobs = self._oracle_jobs(rows, classes, scenario, k)
        for (name, strategy), seed in zip(
            plan.mechanisms.items(), self._retrain_seeds[k], strict=True
        ):
            if can_unlearn(original.estimator):
                what = self._named(name, self._original_seed, scenario.forget, strategy)
                args, options = (unlearn_copy, original, strategy, data, scenario), {}
            else:
                # Plan has made sure that it is "retrain", which needs no help of the classifier
                what = self._named(name, seed, scenario.forget, classes)
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
            what = self._named(name, seed, scenario.forget, classes)
            args = (plan.memory, what, fit_model, plan.estimator, *rows)
            jobs.append((kept_or_made, args, {"name": name, "seed": seed, **options}))
        return jobs

    def _named(self, name, seed, *more):
        """All that a model of this audit depends on, but for the versions of libraries."""
        plan, data = self.plan, self.plan.data
        if plan.memory is None:
            return ()
        rows = (data.X, data.y, data.X_reference, data.y_reference)
        seed = (seed.entropy, seed.spawn_key)
        return (name, plan.estimator, seed, rows, more)

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

    def _shadows(self):
        plan, data = self.plan, self.plan.data
        if not needs_shadows(plan.attacks):
            return None
        stage = f"{plan.n_shadows} shadow models"
        self.listener(stage, 0, 1)
        pool = ShadowPool(
            plan.estimator,
            n_shadows=plan.n_shadows,
            memory=plan.memory,
            n_jobs=plan.n_jobs,
            random_state=self._shadow_seed,
        )
        pool.fit(np.concatenate([data.X, data.X_test]), np.concatenate([data.y, data.y_test]))
        self.listener(stage, 1, 1)
        return pool

    # -- judging -------------------------------------------------------------------------

    def _judge(self, scenario, models, pool):
        plan, data = self.plan, self.plan.data
        classes = models[0].estimator.classes_
        seed = int(self._attack_seed.generate_state(1)[0])
        judge = Judge(
            data, scenario, classes, plan.attacks, pool, plan.level, seed, models[0].estimator
        )
        judged = scenario.members, scenario.nonmembers
        steps_judge = StepsJudge(data, judged, plan.level, seed, plan.n_jobs)
        stage = f"{scenario.name}: attacks"
        observations, upstream = [], []
        self.listener(stage, 0, len(models))
        for done, model in enumerate(models, start=1):
            failed = model.estimator is None
            observations.append(None if failed else judge.observe(model.estimator))
            upstream.append({} if failed else steps_judge.measure(model.estimator))
            self.listener(stage, done, len(models))
        oracles = [
            seen for seen, model in zip(observations, models, strict=True) if model.role == "oracle"
        ]
        facts = {
            "name": scenario.name,
            "kind": scenario.kind,
            "removed_classes": [_plain(label) for label in scenario.removed],
            "n_forget": int(scenario.forget.sum()),
            "n_retain": int((~scenario.forget).sum()),
            "n_members": len(scenario.members),
            "n_nonmembers": len(scenario.nonmembers),
            "notes": list(scenario.notes),
            "threat_models": observations[0].threat_models,
        }
        rows = zip(models, observations, strict=True)
        facts["models"] = [self._entry(judge, *row, oracles, observations[0]) for row in rows]
        if upstream[0]:
            facts["upstream_threat_models"] = steps_judge.threat_models
            theirs = [
                found
                for found, model in zip(upstream, models, strict=True)
                if model.role == "oracle"
            ]
            for entry, found in zip(facts["models"], upstream, strict=True):
                entry["upstream"] = found
                beside = leak_of_steps(found, theirs)
                if beside and "verdict" in entry:
                    entry["verdict"]["beside"] = beside
        return facts

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
        position = next((i for i, oracle in enumerate(oracles) if oracle is seen), None)
        others = oracles if position is None else without(oracles, position)
        entry.update(judge.measure(seen, others, original))
        if model.role != "oracle":
            verdict = judge.verdict(seen, oracles)
            entry["gaps"] = verdict.gaps
            entry["equivalence"] = judge.equivalence(seen, oracles)
            entry["verdict"] = verdict.to_dict()
        return entry


def _numbered(i, function, args, options):
    models = function(*args, **options)
    return i, models if isinstance(models, list) else [models]


def _plain(label):
    return label.item() if hasattr(label, "item") else label
