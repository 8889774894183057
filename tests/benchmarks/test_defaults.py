"""`benchmarks/defaults.py`: its limits hold in what is committed, and the README quotes it."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import _defaults_page

    yield _defaults_page
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def jobs():
    return json.loads((ROOT / "benchmarks" / "results" / "defaults.json").read_text())["jobs"]


def test_what_is_committed_is_whole_and_within_every_limit(page, jobs):
    from skqmu.unlearning import STRATEGIES

    cells = page.cells(jobs)
    # what rests on private training has a benchmark of its own
    private = {name for name, cls in STRATEGIES.items() if "privacy" in cls.classifier_params}
    assert {mechanism for mechanism, _, _ in cells} == set(STRATEGIES) - private
    assert len({(name, request) for _, name, request in cells}) == 12
    assert {len(rows) for rows in cells.values()} == {5}
    assert min(seeds for *_, seeds in page.memorised(jobs).values()) >= 20
    assert page.failures(jobs) == []


def test_the_limits_can_fail(page, jobs):
    spoiled = json.loads(json.dumps(jobs))
    for seed in range(5):
        spoiled[f"iris/tenth/{seed}"]["scrub"]["retain"] -= 0.2
        spoiled[f"wine/class/{seed}"]["neg_grad_plus"]["forget"] += 0.3
    for seed in range(3):
        spoiled[f"memorising/{seed}"]["mechanisms"]["gradient_ascent"]["loss"] = 50.0
    spoiled["sequence/scrub"]["along"][-1]["accuracy"] -= 0.2
    told = "\n".join(page.failures(spoiled))
    for words in (
        "scrub on iris, tenth",
        "neg_grad_plus on wine, class",
        "gradient_ascent, memorised rows",
        "sequence/scrub",
    ):
        assert words in told


def test_the_readmes_column_is_what_was_measured(page, jobs):
    worst = {}
    for (mechanism, _, _), rows in page.cells(jobs).items():
        lost = 100 * page.gap(rows, "retain")
        worst[mechanism] = min(worst.get(mechanism, lost), lost)
    quoted = dict(re.findall(r"^\| `(\w+)` \| .* \| ([+-][\d.]+) \| \w+ \|$", README, re.M))
    assert quoted == {
        mechanism: f"{round(lost, 1) + 0.0:+.1f}" for mechanism, lost in worst.items()
    }
