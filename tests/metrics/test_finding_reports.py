"""Reports of one attack and of one search: JSON that comes back, pages, Markdown, text."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skqmu.metrics import MembershipReport, SearchReport, membership_result, pareto

# a rate that the sample leaves unresolved is part of what is shown
pytestmark = pytest.mark.filterwarnings("ignore::skqmu.exceptions.ResolutionWarning")
X, Y = load_iris(return_X_y=True)


def leak(shift):
    rng = np.random.default_rng(0)
    return membership_result(rng.normal(shift, 1, 80), rng.normal(0, 1, 120), fprs=(0.1, 0.001))


@pytest.fixture(scope="module")
def search():
    return GridSearchCV(
        LogisticRegression(max_iter=500),
        {"C": [1e-3, 1e-2, 0.1, 1.0]},
        scoring=["accuracy", "neg_log_loss"],
        refit=pareto("accuracy", "neg_log_loss"),
        cv=3,
    ).fit(X, Y)


def reports(search):
    title = "a <b>title</b> | \x1b[31m"
    yield leak(1.5).report(title=title)
    yield SearchReport.from_estimator(search, "accuracy", "neg_log_loss", title=title)


def test_json_comes_back_and_is_valid_against_its_schema(search, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    for report in reports(search):
        report.to_json(tmp_path / "report.json")
        again = type(report).from_json(tmp_path / "report.json")
        assert again == report
        assert again.to_html() == report.to_html()
        jsonschema.validate(json.loads(report.to_json()), report.json_schema())
        with pytest.raises(ValueError, match="no report of the format"):
            type(report)({**report.data, "schema": report.schema.replace("/1", "/2")})
        broken = {**report.data, "finding": {}}
        with pytest.raises(ValueError, match=r"report\.finding lacks"):
            type(report)(broken)


def test_pages_are_valid_and_show_titles_as_text(search):
    html5lib = pytest.importorskip("html5lib")
    for report in reports(search):
        page = report.to_html()
        html5lib.HTMLParser(strict=True).parse(page)
        assert "<b>title" not in page
        assert "&lt;b&gt;title" in page
        assert "<script" not in page
        assert not re.search(r"https?://(?!www\.w3\.org)", page)
        for text in (report.to_markdown(), report.to_table(width=80)):
            assert "title" in text
            assert "\x1b" not in text
        assert max(map(len, report.to_table(width=80).splitlines())) <= 80
        assert report._repr_html_().count("<") == 2


@pytest.mark.parametrize(
    ("shift", "words"),
    [(1.5, "The attack tells members from non-members"), (0.0, "was not found to tell")],
)
def test_a_membership_report_says_what_was_found_and_with_which_interval(shift, words):
    result = leak(shift)
    report = result.report()
    text = " ".join(report.to_table(width=100).split())
    assert words in text
    low, high = result.auc_interval
    assert f"AUC {result.auc:.2f}, interval {low:.2f} to {high:.2f}" in text
    assert "unresolved" in text  # 120 non-members do not resolve 0.1 %
    assert report.result.to_dict() == result.to_dict()


def test_a_membership_report_holds_the_settings_of_the_attack():
    attack = LogisticRegression(C=0.25)  # anything with parameters
    report = leak(1.0).report(attack=attack)
    assert report.data["settings"]["attack"]["object"]["params"]["C"] == 0.25
    assert "0.25" in report.to_html()


def test_a_search_report_has_all_candidates_and_the_front(search):
    report = SearchReport.from_estimator(search, "accuracy", "neg_log_loss")
    candidates = report.data["finding"]["candidates"]
    assert [c["settings"] for c in candidates] == [
        "{'C': 0.001}", "{'C': 0.01}", "{'C': 0.1}", "{'C': 1.0}"
    ]  # fmt: skip
    means = search.cv_results_["mean_test_accuracy"]
    assert [c["scores"]["accuracy"]["mean"] for c in candidates] == means.tolist()
    assert candidates[-1] in report.front
    assert report.data["finding"]["chosen"] == search.best_index_
    told = report.data["settings"]["search"]["object"]["params"]
    assert told["estimator"]["object"]["class"] == "sklearn.linear_model.LogisticRegression"
    with pytest.raises(ValueError, match="at least two scores"):
        SearchReport.from_estimator(search, "accuracy")


def test_a_search_report_of_candidates_without_scores_is_drawn():
    report = SearchReport.from_estimator(_failed_search(), "a", "b")
    assert [c["is_on_front"] for c in report.data["finding"]["candidates"]] == [False, True]
    assert "–" in report.to_table(width=80)
    assert "<svg" in report.to_html()


def _failed_search():
    return SimpleNamespace(
        cv_results_={
            "params": [{"C": 0.0}, {"C": 1.0}],
            **{f"{kind}_test_{name}": np.array([np.nan, 0.5]) for kind in ("mean", "std")
               for name in ("a", "b")},
        },
        n_splits_=3,
    )  # fmt: skip


def test_the_same_result_makes_the_same_bytes_but_for_the_time():
    one, other = (leak(1.0).report().data for _ in range(2))
    assert {**one, "created": ""} == {**other, "created": ""}
    assert MembershipReport(one) == MembershipReport(one)
