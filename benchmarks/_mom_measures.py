"""Every metric and verdict on every model of a problem, in two parts that run apart."""

import warnings

import numpy as np
from _mom_bench import (
    LEVEL,
    N_CALIBRATORS,
    N_REFERENCES,
    N_SHADOWS,
    Bench,
    Switch,
    attack_scores,
    calls_of,
    membership_calls,
    three_parts,
    verdicts_of,
)
from _mom_problems import (
    CLEAN,
    HOLDING,
    N_MODELS,
    OF_LAWS,
    UNLEARNING,
    classifier,
    masked,
    unlearned,
)

from skqmu.attacks import UnlearningAttack
from skqmu.metrics import (
    forgetting_quality,
    klom,
    membership_result,
    relearn_time,
    retraining_differences,
)
from skqmu.metrics.signals import cross_entropy, encode_labels, true_class_logit

__all__ = ["KINDS", "measured", "measured_by_training"]

KINDS = (*HOLDING, *CLEAN)
RELEARNING_STEPS = 15


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
        **three_parts(bench),
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
        result = membership_result(*attack_scores(bench, attack), fprs=(), level=LEVEL)
    calls = membership_calls("UnlearningAttack", result)
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
