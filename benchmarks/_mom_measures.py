"""Every metric and verdict on every model of a problem.

A metric gives a score, larger where the model looks more as if it held the rows; one that has a
level or an interval of its own also makes a call by that. Models are asked once.
"""

import time
import warnings
from contextlib import contextmanager

import numpy as np
from _mom_problems import (
    CLEAN,
    HOLDING,
    N_MODELS,
    OF_LAWS,
    UNLEARNING,
    classifier,
    masked,
    models_of,
    unlearned,
)

from skqmu import QNNClassifier
from skqmu.attacks import LiRAAttack, RMIAAttack, ShadowPool, UnlearningAttack
from skqmu.metrics import (
    RecordedAnswers,
    agreement_score,
    forgetting_quality,
    forgetting_result,
    gap_to_oracle,
    js_to_oracle,
    kl_to_oracle,
    klom,
    membership_result,
    oracle_equivalence,
    relearn_time,
    retraining_differences,
    retraining_verdict,
    tug_of_war_score,
    uqi_score,
    zrf_score,
)
from skqmu.metrics.signals import SIGNALS, cross_entropy, encode_labels, true_class_logit

__all__ = [
    "DELTA",
    "KINDS",
    "LEVEL",
    "N_CALIBRATORS",
    "N_ORACLES",
    "N_REFERENCES",
    "N_SHADOWS",
    "measured",
]

KINDS = (*HOLDING, *CLEAN)
# The oracles that a metric is given; the others say how large its score gets on oracles: a
# model is called where it exceeds all 19, which one more oracle does once in twenty.
N_REFERENCES, N_CALIBRATORS = 5, 19
N_ORACLES = N_REFERENCES + N_CALIBRATORS
LEVEL = 0.95
N_SHADOWS = 16
N_TWINS = 5
DELTA = 0.1
RELEARNING_STEPS = 15
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


def _three(bench):
    return {name: bench.parts[name] for name in ("retain", "forget", "test")}


def _uqi(bench, answers, model):
    yield -uqi_score(answers, bench.original, **_three(bench))


def _tug_of_war(bench, answers, model):
    yield -tug_of_war_score(answers, bench.oracles[:N_REFERENCES], **_three(bench))


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


def _attack_scores(bench, attack):
    return [attack.decision_function(*bench.case.rows(n)) for n in ("forget", "pool_nonmembers")]


def _lira(bench, answers, model):
    bench.switch.model = model
    return _attacked(bench, "LiRA", bench.lira)


def _attacked(bench, name, attack):
    bench.results[name] = membership_result(*_attack_scores(bench, attack), fprs=(), level=LEVEL)
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


def _membership_calls(name, result):
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
        answers, **_three(bench), oracles=bench.oracles[:N_REFERENCES], level=LEVEL
    )
    for part, gap in result.gaps.items():
        found[f"gap_to_oracle, {part}"] = _excludes_zero(gap)
    with bench.clock(*_names("RMIA")):
        _attacked(bench, "RMIA", RMIAAttack(Switch(model)).fit(pool=bench.pool))
    for name, result in bench.results.items():
        found |= _membership_calls(name, result)
    return found


def verdicts_of(bench, answers):
    """Calls and passes by the verdicts, which are equivalent, different or not resolved."""
    calls, passes = {}, {}
    parts = _three(bench) | {"nonmembers": bench.parts["nonmembers"]}
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


# -- metrics of many models -------------------------------------------------------------


def _logits(bench, kind):
    """Logits of the true class on the forgotten rows: of a kind's models, and of oracles."""
    at, y = bench.parts["forget"]
    columns = encode_labels(y, bench.classes)
    return [
        true_class_logit(np.stack([m.predict_proba(bench.case.X[at]) for m in models]), columns)
        for models in (bench.models[kind], bench.models["oracles"][: 2 * N_MODELS])
    ]


def laws_of(bench, kind):
    """Calls by what compares the laws of many models: `klom` and `forgetting_quality`."""
    own, oracles = _logits(bench, kind)
    with bench.clock("klom: interval", "klom: p value"):
        result = klom(own, oracles, n_resamples=400, level=LEVEL, random_state=bench.seed)
    with bench.clock("forgetting_quality: interval"):
        quality = forgetting_quality(own, oracles[:N_MODELS], level=LEVEL)
    return {
        "klom: interval": result.differs,
        "klom: p value": bool(result.p_value <= 1 - LEVEL),
        "forgetting_quality: interval": bool(quality.high < 1),
    }


def permuted_quality(bench, kind, rng):
    """Whether models that are exchanged with oracles never leave a quality as low.

    A test that has a level and is no part of the metric, whose interval needs more models.
    """
    own, oracles = _logits(bench, kind)
    both = np.concatenate([own, oracles[:N_MODELS]])
    with bench.clock("forgetting_quality: permuted"):
        value, *others = (
            forgetting_quality(both[order[:N_MODELS]], both[order[N_MODELS:]], level=LEVEL).value
            for order in (
                np.arange(len(both)),
                *(rng.permutation(len(both)) for _ in range(N_CALIBRATORS)),
            )
        )
    return bool(value < min(others))


def differences_of(bench, answers):
    """What `repeated_verdict` is given of one repeat."""
    ids, names = bench.case.ids, ("retain", "forget", "test", "nonmembers")
    return retraining_differences(
        answers,
        bench.oracles[:N_REFERENCES],
        removed=bench.case.removed,
        rows={name: ids[bench.parts[name][0]] for name in names},
        nonmembers=bench.parts["nonmembers"],
        **_three(bench),
    )


# -- what trains again for each model ---------------------------------------------------


def relearning(bench, model, other):
    """Steps of two models to the original's loss on the rows, as far as they are followed."""
    X, y = bench.case.rows("forget")
    original = bench.models["original"][0].predict_proba(X)
    target = float(cross_entropy(original, encode_labels(y, bench.classes)).mean())
    model = getattr(model, "model", model)  # a filter does not come between a model and its owner
    most = RELEARNING_STEPS
    with bench.clock("relearn_time"):
        try:
            found = relearn_time(model, other, X, y, target=target, max_steps=most)
        except ValueError:  # neither of them gets there
            return [most + 1] * 2
    return [min(steps, most + 1) for steps in (found.steps, found.oracle_steps)]


def _relearned(bench, scores, calls, others):
    """Add the score and the call of `relearn_time`: the fewer steps, the more had stayed."""
    oracles = bench.models["oracles"]
    for kind in KINDS:
        steps, of_oracle = relearning(bench, bench.models[kind][0], oracles[0])
        scores[kind]["relearn_time"] = -steps
        calls[kind]["relearn_time"] = bool(steps < of_oracle)
    own = oracles[N_REFERENCES:]
    for i in range(0, len(own), 2):
        pair = relearning(bench, own[i], own[(i + 1) % len(own)])
        for found, steps in zip(others[i : i + 2], pair, strict=False):
            found["relearn_time"] = -steps


class Procedure:
    """What was done to the models of a kind, as a shadow is to have it done."""

    def __init__(self, kind, case):
        self.kind, self.case = kind, case

    def __call__(self, model, X, y):
        if self.kind == "masked":
            return masked(model, self.case, X)
        if self.kind in UNLEARNING:
            return unlearned([model], UNLEARNING[self.kind], X, y)[0]
        if self.kind == "half":
            rng = np.random.default_rng(list(X.tobytes()[:64]))
            gone = rng.permutation(len(X))[: len(X) // 2]
            return model.unlearn(X[gone], y[gone], strategy="retrain")
        if self.kind == "seeds":
            return model.unlearn(X, y, strategy="retrain")
        return model


def unlearning_attack(bench, kind):
    """U-LiRA on the first model of a kind: its own calls."""
    case = bench.case
    X, y = case.rows("pool")
    candidates = np.isin(
        case.parts["pool"], np.r_[case.parts["forget"], case.parts["pool_nonmembers"]]
    )
    names = ("UnlearningAttack: AUC", "UnlearningAttack: two-sided AUC")
    with bench.clock(*names):
        attack = UnlearningAttack(
            Switch(bench.models[kind][0]), classifier(), unlearn=Procedure(kind, case),
            n_shadows=N_SHADOWS, n_jobs=1, random_state=bench.seed,
        ).fit(X, y, forget=candidates)  # fmt: skip
        result = membership_result(*_attack_scores(bench, attack), fprs=(), level=LEVEL)
    calls = _membership_calls("UnlearningAttack", result)
    return {name: calls[name] for name in names}


# -- all of it --------------------------------------------------------------------------


def measured(case):
    """Measure what needs no training beyond the models, oracles and shadows.

    Parameters
    ----------
    case : Problem

    Returns
    -------
    dict
        ``scores`` and ``calibrators`` (by kind and metric; by metric, a list), ``calls`` and
        ``passes`` (by kind and metric), ``seconds`` (by metric: total and number of calls) and
        ``differences`` (by kind).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few rows, of models at the end of their epochs
        bench = Bench(case)
        first = {kind: bench.models[kind][0] for kind in KINDS}
        answers = {kind: bench.answers(model) for kind, model in first.items()}
        scores, calls, passes = {}, {}, {}
        for kind in KINDS:
            scores[kind] = bench.scores(first[kind], answers[kind])
            calls[kind] = calls_of(bench, answers[kind], first[kind])
            more, passes[kind] = verdicts_of(bench, answers[kind])
            calls[kind] |= more
        for kind in OF_LAWS:
            calls[kind] |= laws_of(bench, kind)
        others = [
            bench.scores(model, said)
            for model, said in zip(
                bench.models["oracles"][N_REFERENCES:], bench.oracles[N_REFERENCES:], strict=True
            )
        ]
        differences = {kind: differences_of(bench, answers[kind]) for kind in KINDS}
    return _told(bench, scores, others, calls) | {"passes": passes, "differences": differences}


def measured_by_training(case):
    """Measure what trains again for each model, or compares hundreds of sets of them.

    Parameters
    ----------
    case : Problem

    Returns
    -------
    dict
        As `measured`, without ``passes`` and ``differences``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bench = Bench(case)
        scores, calls = {kind: {} for kind in KINDS}, {kind: {} for kind in KINDS}
        others = [{} for _ in range(N_CALIBRATORS)]
        _relearned(bench, scores, calls, others)
        rng = np.random.default_rng(bench.seed)
        for kind in OF_LAWS:
            calls[kind]["forgetting_quality: permuted"] = permuted_quality(bench, kind, rng)
            calls[kind] |= unlearning_attack(bench, kind)
    return _told(bench, scores, others, calls)


def _told(bench, scores, others, calls):
    return {
        "scores": {k: {n: float(v) for n, v in found.items()} for k, found in scores.items()},
        "calibrators": {n: [float(each[n]) for each in others] for n in others[0]},
        "calls": calls,
        "seconds": bench.seconds,
    }
