"""Shot curves and attacks on two versions as reports."""

import json

import pytest

from skqmu.attacks import (
    AttackResult,
    EpsilonAuditResult,
    ShotCurveReport,
    ShotCurveResult,
    ShotPoint,
    ThreatModel,
    UpdateReport,
    UpdateResult,
)
from skqmu.backends import AerBackend
from skqmu.metrics import membership_result

THREAT = ThreatModel("LiRAAttack", "90 <records>", "QNNClassifier()", n_shadows=4, shots=16)


def result(shift):
    plain = membership_result([2.0 + shift, 3.0, 4.0, 5.0] * 9, [1.0, 2.5, 0.5, 0.0] * 9, fprs=())
    return AttackResult.from_dict({**plain.to_dict(), "threat_model": THREAT.to_dict()})


CURVE = ShotCurveResult(
    (
        ShotPoint(16, 1, None, result(0.0)),
        ShotPoint(64, 2, 0.01, result(1.0)),
        ShotPoint(None, 1, None, result(2.0)),
    )
)
UPDATE = UpdateResult(((1.0,), (7.5,)), (20, 30), (1.0, 0.7), THREAT)
REPORTS = {
    "curve": lambda: CURVE.report(title="t"),
    "update": lambda: UPDATE.report(title="t"),
    "membership": lambda: result(1.0).report(title="t"),
}


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_reports_come_back_are_valid_and_say_who_the_attacker_is(make):
    jsonschema = pytest.importorskip("jsonschema")
    html5lib = pytest.importorskip("html5lib")
    report = make()
    assert type(report).from_json(report.to_json()) == report
    jsonschema.validate(json.loads(report.to_json()), report.json_schema())
    page = report.to_html()
    html5lib.HTMLParser(strict=True).parse(page)
    assert "the attacker holds 90 &lt;records&gt;" in page
    assert "What this cannot show" in page
    assert "the attacker holds 90 <records>" in report.to_markdown().replace("\\", "")


def test_a_curve_says_from_which_shots_the_attack_wins():
    report = CURVE.report(attack=AerBackend(shots=32))  # anything with parameters
    assert report.data["settings"]["attack"]["object"]["params"]["shots"] == 32
    text = report.to_table(width=90)
    assert "from 16 shots on a record" in text
    assert text.count("exact") == 1
    assert [p["budget"] for p in report.data["finding"]["points"]] == [16, 128, None]
    assert isinstance(report, ShotCurveReport)


def test_an_update_report_has_the_rates_with_their_intervals():
    report = UPDATE.report()
    assert isinstance(report, UpdateReport)
    first = UPDATE.top(1)
    text = " ".join(report.to_table(width=90).split())
    assert f"in {first.value:.0%} of the requests ({first.low:.0%} to {first.high:.0%})" in text
    assert report.data["finding"]["threat_model"]["shots"] == 16


def test_an_empty_curve_has_no_report():
    with pytest.raises(ValueError, match=r"report\.finding\.points must be a list of 1 or more"):
        ShotCurveResult(()).report()


def epsilon_result(lower, stated):
    how = {"method": "many_runs", "form": "gaussian", "signal": "<weights>"}
    counts = {"n_models": 100, "n_correct": 40, "n_guesses": 50}
    return EpsilonAuditResult(lower, stated, 1e-5, 0.95, **how, **counts)


@pytest.mark.parametrize(
    ("lower", "stated", "said"),
    [
        (6.96, 4.0, "which refutes the promise of at most 4.00"),
        (1.5, 4.0, "the promise of at most 4.00 is not refuted"),
        (1.5, None, "the models promise nothing"),
    ],
)
def test_an_epsilon_report_sets_both_bounds_side_by_side(lower, stated, said):
    html5lib = pytest.importorskip("html5lib")
    report = epsilon_result(lower, stated).report(title="<t>")
    assert type(report).from_json(report.to_json()) == report
    page = report.to_html()
    html5lib.HTMLParser(strict=True).parse(page)
    assert said in page
    assert "&lt;weights&gt;" in page
    table = report.to_table(width=100)
    assert f"{lower:.3f}" in table
    assert ("from above (stated)" in table) == (stated is not None)
