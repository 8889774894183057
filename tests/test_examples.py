"""Every example runs as it stands, in a process of its own, and warns of nothing unforeseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skqmu

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
EXPECTED = {
    "deletion_service": [
        "the service was killed: True",
        "verified: 20 people are in the model no more: True",
    ],
    "deletion_service_http": ["usage: python examples/deletion_service_http.py FOLDER"],
    "forget_rows": ["Retrain (exact) forgot 5 rows", "asked again: ", "released: QNNClassifier"],
    "audit_any_classifier": ["RandomForestClassifier", "MLPClassifier", "fraction:0.2"],
    "search_for_privacy": ["nearest to retraining: {"],
}


# whole audits and searches: the gallery and the README's example have shorter ones
LONG = ("audit_any_classifier", "search_for_privacy")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow) if path.stem in LONG else path
        for path in EXAMPLES
    ],
    ids=[path.stem for path in EXAMPLES],
)
def test_the_example_runs(path, tmp_path):
    root = os.path.dirname(os.path.dirname(skqmu.__file__))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    result = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment, timeout=300,
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for text in EXPECTED[path.stem]:
        assert text in result.stdout
    warned = [line for line in result.stderr.splitlines() if "Warning:" in line]
    expected = "UnlearningWarning: upstream steps were fitted on the forgotten rows"
    assert all(expected in line for line in warned), result.stderr


def test_every_example_is_known_here():
    assert [path.stem for path in EXAMPLES] == sorted(EXPECTED)
