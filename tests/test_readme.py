"""The README is true: its example runs as printed, its table and its commands are what is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skqmu

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed(tmp_path, python_of):
    (code,) = python_of("README.md")
    parent = os.path.dirname(os.path.dirname(skqmu.__file__))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([parent, *sys.path])}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, timeout=300,
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Retrain 0.9")
    assert "Unlearning audit" in result.stdout
    assert (tmp_path / "audit.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    # the one thing that it says it warns of
    assert result.stderr.count("Warning:") == 1
    assert "StandardScaler" in result.stderr


def test_the_table_of_mechanisms_is_complete_and_claims_what_they_claim():
    from skqmu.unlearning import STRATEGIES

    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (\w+) \|$", README, re.M))
    assert rows == {name: strategy.kind for name, strategy in STRATEGIES.items()}


def test_the_commands_are_those_of_the_gate():
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = re.findall(r"```bash\n(.*?)\n```", README, re.S)
    assert commands == ["pip install . && python -m skqmu audit", "pip install '.[test]' && pytest"]
    assert f'bash -c "{commands[1]}"' in gate
    assert "python -m skqmu audit --out" in gate


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda page: page.name,
)  # fmt: skip
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
