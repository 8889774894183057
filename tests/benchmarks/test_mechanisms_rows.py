"""`benchmarks/mechanisms.py --only`: new rows stand beside old ones, if they are comparable.

This file looks inside.
"""

import copy
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mechanisms():
    if not (ROOT / "benchmarks").exists():
        pytest.skip("the benchmarks are not beside the tests")
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield __import__("mechanisms")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def stands():
    path = ROOT / "benchmarks" / "results" / "mechanisms.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_row_is_put_in_its_place_with_what_made_it(mechanisms, stands):
    before, new = copy.deepcopy(stands), copy.deepcopy(stands)
    for summary in new["scenarios"].values():
        summary["rows"] = {
            "(before unlearning)": summary["rows"]["(before unlearning)"],
            "scrub": {"verdict": "anew"},
        }
    told = mechanisms.beside(stands, new, ["scrub"])
    for name, summary in told["scenarios"].items():
        rows, old = summary["rows"], before["scenarios"][name]["rows"]
        assert rows["scrub"] == {"verdict": "anew"}
        assert list(rows) == list(old)
        assert all(rows[row] == old[row] for row in rows if row != "scrub")
    assert told["added"]["scrub"]["command"] == "python benchmarks/mechanisms.py --only scrub"


@pytest.mark.parametrize("what", ["oracle", "before unlearning"])
def test_rows_beside_other_models_are_refused(mechanisms, stands, what):
    new = copy.deepcopy(stands)
    summary = new["scenarios"]["iris_class"]
    if what == "oracle":
        summary["oracle"]["test_accuracy"][0] += 0.01
    else:
        summary["rows"]["(before unlearning)"]["gaps"]["forget_loss"][0] += 0.01
    with pytest.raises(SystemExit, match=rf"{what}.* of iris_class are others"):
        mechanisms.beside(stands, new, ["scrub"])


def test_rows_that_were_run_by_themselves_say_so(stands):
    for name in ("orthogonal_entropy", "sensitivity_noise"):
        assert f"--only {name}" in stands["added"][name]["command"]
        assert all(name in summary["rows"] for summary in stands["scenarios"].values())
