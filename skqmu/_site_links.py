"""Links from what a notebook shows of an estimator to its page of the documentation."""

import importlib.metadata
import os
import sys

__all__ = ["SiteLinksMixin", "site_address"]


def site_address():
    """Return where the documentation stands, or "" where it stands nowhere.

    That is the environment variable ``SKQMU_DOCS`` (of a site that was built by
    ``python docs/make.py`` and is served at ``http://localhost:8000``, say), else the address that
    the installed package names as its documentation.
    """
    address = os.environ.get("SKQMU_DOCS") or _published_address()
    return address.rstrip("/")


def _published_address():
    try:
        urls = importlib.metadata.metadata("skqmu").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    return named.get("Documentation", "")


def _page_of(kind):
    """The page of a class in the API reference; the reference itself where it has none.

    A room has the pages of what it exports, wherever below it the class is written.
    """
    room = ".".join(kind.__module__.split(".")[:2])
    public = getattr(sys.modules.get(room), "__all__", ())
    return f"{room}.{kind.__name__}" if kind.__name__ in public else "index"


class SiteLinksMixin:
    """scikit-learn's diagrams link skqmu's estimators to skqmu's documentation.

    Classes that others derive from skqmu's have no page there, and no link.
    """

    _doc_link_module = "skqmu"

    @property
    def _doc_link_template(self):
        address = site_address().replace("{", "{{").replace("}", "}}")
        return f"{address}/api/{{page}}.html" if address else ""

    def _doc_link_url_param_generator(self):
        return {"page": _page_of(type(self))}
