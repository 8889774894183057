"""A problem with its models and the clock of every metric; scores, calls and verdicts of a model.

A metric gives a score, larger where the model looks more as if it held the rows; one that has a
level or an interval of its own also makes a call by that. Models are asked once.
"""

import time
from contextlib import contextmanager

import numpy as np
from _mom_problems import classifier, models_of

from skqmu import QNNClassifier
from skqmu.attacks import LiRAAttack, RMIAAttack, ShadowPool
from skqmu.metrics import (
    RecordedAnswers,
    agreement_score,
    forgetting_result,
    gap_to_oracle,
    js_to_oracle,
    kl_to_oracle,
    membership_result,
    oracle_equivalence,
    retraining_verdict,
    tug_of_war_score,
    uqi_score,
    zrf_score,
)
from skqmu.metrics.signals import SIGNALS, cross_entropy, encode_labels

__all__ = [
    "DELTA",
    "LEVEL",
    "N_CALIBRATORS",
    "N_REFERENCES",
    "N_SHADOWS",
    "Bench",
    "Switch",
    "attack_scores",
    "calls_of",
    "membership_calls",
    "three_parts",
    "verdicts_of",
]

# The oracles that a metric is given; the others say how large its score gets on oracles: a
# model is called where it exceeds all 19, which one more oracle does once in twenty.
N_REFERENCES, N_CALIBRATORS = 5, 19
N_ORACLES = N_REFERENCES + N_CALIBRATORS
LEVEL = 0.95
N_SHADOWS = 16
N_TWINS = 5
DELTA = 0.1
FPR = 0.01


class Switch:
    """A target behind which models are exchanged, for attacks that ask it when they score."""

    def __init__(self, model):
        self.model, self.classes_ = model, model.classes_

    def predict(self, X):
        """Labels of the model that is behind it."""
        return self.model.predict(X)

    def predict_proba(self, X):
        """Probabilities of the model that is behind it."""
        return self.model.predict_proba(X)


class Bench:
    """One problem with its models, and the clock of every metric."""

    def __init__(self, case):
        self.case, self.seconds = case, {}
        self.parts = {n: (case.parts[n], case.y[case.parts[n]]) for n in case.parts}
        seed = np.random.default_rng(case.seed.spawn(1)[0]).integers(2**31, size=3).tolist()
        with self.clock("training of all models"):
            self.models = models_of(case, N_ORACLES)
        with self.clock("training of shadows"):
            self.pool = ShadowPool(
                classifier(), n_shadows=N_SHADOWS, n_jobs=1, random_state=seed[0]
            ).fit(*case.rows("pool"))
        self.seed = seed[1]
        twins = [
            classifier(random_state=seed[2] + i).set_params(max_iter=1, learning_rate_init=1e-9)
            for i in range(N_TWINS)
        ]
        retain = case.rows("retain")
        QNNClassifier.fit_many(
            twins, [retain[0]] * N_TWINS, [retain[1]] * N_TWINS, classes=np.unique(case.y)
        )
        self.classes = np.unique(case.y)
        self.twins = [self.answers(model) for model in twins]
        self.oracles = [self.answers(model) for model in self.models["oracles"]]
        self.original = self.answers(self.models["original"][0])
        self.switch = Switch(self.models["oracles"][0])
        self.lira = LiRAAttack(self.switch).fit(pool=self.pool)
        self.results = {}

    @contextmanager
    def clock(self, *names):
        """Add the processor time that is spent to each of the names, with one call."""
        started = time.process_time()
        yield
        spent = time.process_time() - started
        for name in names:
            total, n_calls = self.seconds.get(name, (0.0, 0))
            self.seconds[name] = total + spent, n_calls + 1

    def answers(self, model):
        """What a model says of all rows, as if it were the model."""
        return RecordedAnswers(model.predict_proba(self.case.X), self.classes)

    def scores(self, model, answers):
        """Scores of all metrics of a single model, by name."""
        found = {}
        for names, function in _SCORES:
            with self.clock(*names):
                values = function(self, answers, model)
            found.update(zip(names, values, strict=True))
        return found

    def signals(self, answers, signal):
        """Values of a signal on forgotten and on unseen rows."""
        return [
            SIGNALS[signal](answers.predict_proba(at), encode_labels(y, self.classes))
            for at, y in (self.parts["forget"], self.parts["nonmembers"])
        ]


# -- metrics of one model ---------------------------------------------------------------


def _accuracy(bench, answers, model):
    at, y = bench.parts["forget"]
    yield np.mean(answers.predict(at) == y)


def _gap(part):
    def score(bench, answers, model):
        yield abs(gap_to_oracle(answers, bench.oracles[:N_REFERENCES], *bench.parts[part]))

    return score


def three_parts(bench):
    return {name: bench.parts[name] for name in ("retain", "forget", "test")}


def _uqi(bench, answers, model):
    yield -uqi_score(answers, bench.original, **three_parts(bench))


def _tug_of_war(bench, answers, model):
    yield -tug_of_war_score(answers, bench.oracles[:N_REFERENCES], **three_parts(bench))


def _mean_over_oracles(function, part, sign=1):
    def score(bench, answers, model):
        at = bench.parts[part][0]
        yield sign * np.mean([function(answers, o, at) for o in bench.oracles[:N_REFERENCES]])

    return score


def _zrf(bench, answers, model):
    yield -zrf_score(answers, bench.twins, bench.parts["forget"][0])


def _of_membership(result):
    return result.auc, abs(result.auc - 0.5), result.advantage


def _threshold(signal):
    def score(bench, answers, model):
        result = membership_result(*bench.signals(answers, signal), fprs=(FPR,), level=LEVEL)
        bench.results[signal] = result
        return (*_of_membership(result), result.at_fpr(FPR).tpr)

    return score


def attack_scores(bench, attack):
    return [attack.decision_function(*bench.case.rows(n)) for n in ("forget", "pool_nonmembers")]


def _lira(bench, answers, model):
    bench.switch.model = model
    return _attacked(bench, "LiRA", bench.lira)


def _attacked(bench, name, attack):
    bench.results[name] = membership_result(*attack_scores(bench, attack), fprs=(), level=LEVEL)
    return _of_membership(bench.results[name])


def _names(attack, *more):
    return tuple(f"{attack}: {what}" for what in ("AUC", "two-sided AUC", "advantage", *more))


_SCORES = (
    (("forget accuracy",), _accuracy),
    (("gap_to_oracle, forget",), _gap("forget")),
    (("gap_to_oracle, retain",), _gap("retain")),
    (("gap_to_oracle, test",), _gap("test")),
    (("uqi_score",), _uqi),
    (("tug_of_war_score",), _tug_of_war),
    (("kl_to_oracle, forget",), _mean_over_oracles(kl_to_oracle, "forget")),
    (("kl_to_oracle, test",), _mean_over_oracles(kl_to_oracle, "test")),
    (("js_to_oracle, forget",), _mean_over_oracles(js_to_oracle, "forget")),
    (("agreement_score, forget",), _mean_over_oracles(agreement_score, "forget", -1)),
    (("agreement_score, test",), _mean_over_oracles(agreement_score, "test", -1)),
    (("zrf_score",), _zrf),
    (_names("loss", "TPR at 1 %"), _threshold("loss")),
    (_names("confidence", "TPR at 1 %"), _threshold("confidence")),
    (_names("LiRA"), _lira),
)


# -- calls of metrics with a level of their own -----------------------------------------


def _excludes_zero(estimate):
    return bool(estimate.low > 0 or estimate.high < 0)


def membership_calls(name, result):
    auc, two_sided, advantage = _names(name)
    found = {
        auc: result.auc_interval[0] > 0.5,
        two_sided: result.distinguishability_interval[0] > 0,
        advantage: result.advantage_interval[0] > 0,
    }
    for point in result.operating_points:
        found[f"{name}: TPR at 1 %"] = point.tpr_interval[0] > FPR
    return {key: bool(value) for key, value in found.items()}


def calls_of(bench, answers, model):
    """Calls of the model that was scored last by the metrics' own intervals and levels."""
    found = {}
    result = forgetting_result(
        answers, **three_parts(bench), oracles=bench.oracles[:N_REFERENCES], level=LEVEL
    )
    for part, gap in result.gaps.items():
        found[f"gap_to_oracle, {part}"] = _excludes_zero(gap)
    with bench.clock(*_names("RMIA")):
        _attacked(bench, "RMIA", RMIAAttack(Switch(model)).fit(pool=bench.pool))
    for name, result in bench.results.items():
        found |= membership_calls(name, result)
    return found


def verdicts_of(bench, answers):
    """Calls and passes by the verdicts, which are equivalent, different or not resolved."""
    calls, passes = {}, {}
    parts = three_parts(bench) | {"nonmembers": bench.parts["nonmembers"]}
    at, y = bench.parts["forget"]

    def right(each):
        return np.exp(-cross_entropy(each.predict_proba(at), encode_labels(y, bench.classes)))

    for n in (N_REFERENCES, N_ORACLES):
        name = f"retraining_verdict, {n} oracles"
        with bench.clock(name):
            verdict = retraining_verdict(
                answers, bench.oracles[:n], removed=bench.case.removed, delta=DELTA, level=LEVEL,
                **parts,
            )  # fmt: skip
        calls[name] = verdict.level == "differs"
        passes[name] = verdict.level == "indistinguishable"
        name = f"oracle_equivalence, {n} oracles"
        with bench.clock(name):
            result = oracle_equivalence(
                right(answers), [right(o) for o in bench.oracles[:n]], delta=DELTA
            )
        calls[name] = bool(result.low > DELTA or result.high < -DELTA)
        passes[name] = result.equivalent
    return calls, passes
