"""Study H's verdict: what hides a class never passes, and little data resolve nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def study():
    """Modules of the study; they import each other from their own folder."""
    if not BENCHMARKS.exists():
        pytest.skip("the benchmarks are not beside the tests")
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import _study_measures
        import _study_verdict
    finally:
        sys.path.remove(str(BENCHMARKS))
    return _study_measures, _study_verdict


def row(**changed):
    """A model that is where its oracles are, but for what is changed."""
    figures = {
        "acc_retain": 0.95,
        "acc_forget": 0.0,
        "acc_forget_weights": 0.0,
        "acc_test_kept": 0.9,
        "kl_forget": 0.2,
        "kl_other": 0.1,
        "cost_share": 0.05,
    }
    for name in ("loss", "confidence", "lira", "rest"):
        figures |= {
            f"auc_{name}": 0.5,
            f"auc_{name}_low": 0.46,
            f"auc_{name}_high": 0.54,
        }
    return figures | changed


def seeds(n, **changed):
    """Rows of `n` seeds, whose attacks differ a little from seed to seed."""
    rows = [row(**changed) for _ in range(n)]
    for number, one in enumerate(rows):
        for name in ("loss", "confidence", "lira", "rest"):
            one[f"auc_{name}"] += 0.01 * (number - (n - 1) / 2)
    return rows


def test_an_oracle_s_equal_passes_with_five_seeds_and_oracles(study):
    _, verdicts = study
    found = verdicts.verdict(seeds(5), [row()] * 5)
    assert found.passes
    assert str(found) == "passes"


def test_an_attack_that_reads_the_same_from_every_seed_is_not_withstood(study):
    _, verdicts = study
    rows = seeds(5)
    for one in rows:  # no probability of the class: each of its rows has the same loss
        one["auc_loss"] = one["auc_lira"] = 0.5
    assert verdicts.verdict(rows, [row()] * 5).passes  # by what the other classes say
    for one in rows:
        del one["auc_rest"]
    found = verdicts.verdict(rows, [row()] * 5)
    assert not found.failed
    assert found.unresolved == ("attacks that see nothing: loss, lira",)
    assert not found.passes


@pytest.mark.parametrize(
    ("changed", "condition"),
    [
        ({"acc_forget": 0.02}, "forget accuracy"),
        ({"acc_forget_weights": 1.0}, "forget accuracy of the weights"),
        ({"acc_retain": 0.93}, "retain accuracy"),
        ({"acc_test_kept": 0.88}, "test accuracy"),
        ({"kl_forget": 0.3}, "KL forget"),
        ({"kl_other": 0.3}, "KL other"),
        ({"auc_loss": 0.7}, "attack loss"),
        ({"auc_confidence": 0.3}, "attack confidence"),
        ({"auc_lira": 0.7}, "attack lira"),
        ({"auc_rest": 0.3}, "attack rest"),
        ({"cost_share": 0.2}, "cost"),
    ],
)
def test_each_condition_can_fail_alone_and_needs_no_resolution(study, changed, condition):
    _, verdicts = study
    for n_seeds in (2, 5):
        found = verdicts.verdict(seeds(n_seeds, **changed), [row()] * 5)
        assert found.failed == (condition,)
        assert not found.passes
        assert str(found) == f"fails: {condition}"


def test_few_seeds_few_oracles_or_wide_intervals_resolve_nothing(study):
    _, verdicts = study
    for n_seeds, n_oracles in ((1, 5), (4, 5), (5, 2), (5, 4)):
        found = verdicts.verdict(seeds(n_seeds), [row()] * n_oracles)
        assert not found.failed
        assert not found.passes
        assert str(found).startswith("not resolved")
    wide = seeds(5)
    for one, value in zip(wide, (0.3, 0.7, 0.3, 0.7, 0.5), strict=True):
        one["auc_loss"] = value
    found = verdicts.verdict(wide, [row()] * 5)
    assert found.unresolved == ("intervals wider than 0.2 of loss",)
    assert not found.passes


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_seeds", [1, 5])
@pytest.mark.parametrize("n_oracles", [2, 5])
def test_a_masked_logit_fails_even_where_no_output_tells_it_from_retraining(
    study, n_seeds, n_oracles
):
    measures, verdicts = study
    rng = np.random.default_rng(0)
    # Oracles that answer as masked originals do, seed noise apart: nothing that is read from
    # outputs can tell the mask from them.
    labels = {part: rng.integers(1, 3, n) for part, n in (("retain", 300), ("test", 400))}
    labels["forget"] = np.zeros(150, int)
    labels["test"][:150] = 0
    sure = {part: 3.0 * np.eye(3)[y] + rng.normal(size=(len(y), 3)) for part, y in labels.items()}

    def model():
        return measures.Outputs(
            **{
                part: softmax(logits + 0.1 * rng.normal(size=logits.shape))
                for part, logits in sure.items()
            }
        )

    oracles = [measures.masked(model(), 0) for _ in range(n_oracles)]
    rows, oracle_rows = [], None
    for _ in range(n_seeds):
        original = model()
        judge = measures.Judge(measures.Outputs(**labels), original, oracles, 0, np.arange(400))
        rows.append(judge.row(measures.masked(original, 0), 0.0, weights=original))
        oracle_rows = judge.oracle_rows
    if n_seeds > 1:  # blind on the true class, not on the others
        aucs = {name: {one[f"auc_{name}"] for one in rows} for name in ("loss", "rest")}
        assert len(aucs["loss"]) == 1
        assert len(aucs["rest"]) > 1
    found = verdicts.verdict(rows, oracle_rows)
    assert not found.passes
    assert "forget accuracy of the weights" in found.failed
    assert "forget accuracy" not in found.failed  # which is why the outputs alone say too little
