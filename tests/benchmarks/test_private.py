"""`benchmarks/private.py`: what is committed is whole, and the page quotes it.

This file looks inside.
"""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "private.md").read_text(encoding="utf-8")
NAMES = {"iris": "Iris", "wine": "Wine", "breast_cancer": "Breast cancer", "digits": "Digits"}


@pytest.fixture(scope="module")
def told():
    path = ROOT / "benchmarks" / "results" / "private.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_what_is_committed_is_whole(told):
    cells = {(row["data"], row["model"], row["epsilon"]): row for row in told["rows"]}
    assert len(cells) == len(told["rows"])
    for name in NAMES:
        for model in ("qnn", "front", "logistic"):
            for epsilon in (1.0, 3.0, 8.0, None):
                value, low, high = cells[name, model, epsilon]["accuracy"]
                assert low <= value <= high
    assert told["n_seeds"] == 10
    assert len(told["suggestions"]) == 24


def test_the_page_quotes_it(told):
    cells = {}
    for row in told["rows"]:
        value, low, high = row["accuracy"]
        cells.setdefault((row["data"], row["model"]), []).append(
            f"{value:.2f} [{low:.2f}, {high:.2f}]"
        )
    for (name, model), found in cells.items():
        if name in NAMES:
            assert f"| {NAMES[name]} | {model} |" in PAGE
            (line,) = re.findall(rf"^\| {NAMES[name]} \| {model} \|.*$", PAGE, re.M)
            assert [part.strip() for part in line.split("|")[4:8]] == found


def test_what_suggest_dp_calls_bearable_is_what_was_borne(told):
    from skqmu.classifiers import _suggest_dp

    lost = [
        row["accuracy_lost"]
        for row in told["suggestions"]
        if row["noise_to_signal"] <= _suggest_dp._BEARABLE
    ]
    assert len(lost) >= 10
    (quoted,) = re.findall(r"at most ([.\d]+) of\s+accuracy was lost where", PAGE)
    assert float(quoted) == pytest.approx(max(lost), abs=0.005)
