"""What a notebook shows of an estimator leads to its page of the documentation."""

import importlib.metadata
import inspect
import re
import sys
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from skqmu import QNNClassifier, UnlearningClassifier

TOOLS = Path(__file__).parents[1] / "docs" / "_tools"
sys.path.insert(0, str(TOOLS))
from public_names import ON_ONE_PAGE, public_names  # noqa: E402

sys.path.remove(str(TOOLS))

SITE = "https://docs.example.org/skqmu"
PAGES = [
    pytest.param(each.value, each.home, id=each.home)
    for module, publics in public_names().items()
    for each in publics
    if module not in ON_ONE_PAGE
    and each.has_page
    and inspect.isclass(each.value)
    and issubclass(each.value, BaseEstimator)
    and not inspect.isabstract(each.value)
]


def names(monkeypatch, *urls):
    """Let the installed package name these addresses."""
    described = importlib.metadata.metadata("numpy")
    del described["Project-URL"]
    for url in urls:
        described["Project-URL"] = url
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: described)


@pytest.mark.parametrize(("estimator", "home"), PAGES)
def test_every_public_estimator_links_to_the_page_that_the_reference_has_of_it(
    estimator, home, monkeypatch
):
    monkeypatch.setenv("SKQMU_DOCS", SITE + "/")
    assert object.__new__(estimator)._get_doc_link() == f"{SITE}/api/{home}.html"


def test_a_diagram_links_what_is_ours_and_what_is_scikit_learns(monkeypatch):
    monkeypatch.setenv("SKQMU_DOCS", SITE)
    shown = UnlearningClassifier(LogisticRegression())._repr_html_()
    links = set(re.findall(r'href="([^"]*)"', shown))
    assert f"{SITE}/api/skqmu.classifiers.UnlearningClassifier.html" in links
    assert any("scikit-learn.org" in link and "LogisticRegression" in link for link in links)


def test_there_is_no_link_where_the_documentation_stands_nowhere(monkeypatch):
    monkeypatch.delenv("SKQMU_DOCS", raising=False)
    names(monkeypatch, "Source, https://example.org/source")
    shown = QNNClassifier()._repr_html_()
    assert "href=" not in shown


def test_classes_derived_from_ours_have_no_page_there(monkeypatch):
    class Own(QNNClassifier):
        pass

    monkeypatch.setenv("SKQMU_DOCS", SITE)
    assert Own()._get_doc_link() == ""


def test_the_address_of_the_package_is_what_its_metadata_names(monkeypatch):
    monkeypatch.delenv("SKQMU_DOCS", raising=False)
    names(
        monkeypatch,
        "Source, https://example.org/source",
        "Documentation, https://example.org/docs/",
    )
    page = "skqmu.classifiers.QNNClassifier.html"
    assert QNNClassifier()._get_doc_link() == f"https://example.org/docs/api/{page}"
