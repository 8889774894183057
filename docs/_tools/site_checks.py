"""Look a built site over: links lead somewhere, nothing comes from the network, search works."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

# words that a visitor types, and a page that must be among what is found
SEARCHES = {
    "unlearn": "api/skqmu.classifiers.QNNClassifier",
    "verdict": "verdicts",
    "epsilon": "private",
}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked at."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.update(given[key] for key in ("id", "name") if given.get(key))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "search"):
            self.loads.append(given.get("href", ""))
        elif tag in ("script", "img", "iframe", "source", "object"):
            self.loads += [given[key] for key in ("src", "data") if given.get(key)]


def check(folder):
    """Print what is wrong with a site; return the number of faults, 0 for none."""

    @cache
    def page(path):
        return Page(path.read_text(encoding="utf-8"))

    faults = []
    pages = sorted(set(folder.rglob("*.html")) - set(folder.glob("_static/**/*.html")))
    for path in pages:
        name = path.relative_to(folder)
        faults += [
            f"{name} loads {target}" for target in page(path).loads if urlsplit(target).netloc
        ]
        for target in page(path).links + page(path).loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or target == "#":
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.exists():
                faults.append(f"{name}: {target} is not there")
            elif (
                parts.fragment
                and file.suffix == ".html"
                and (unquote(parts.fragment) not in page(file).anchors)
            ):
                faults.append(f"{name}: {target} has no such anchor")
    faults += search_faults(folder)
    print(f"{len(pages)} pages, {len(faults)} faults")
    print(*sorted(set(faults)), sep="\n")
    return min(len(faults), 1)


def search_faults(folder):
    """Words that the site's search does not find, or not on the page where they belong."""
    text = (folder / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", text.strip(), re.S).group(1))
    names, faults = index["docnames"], []
    for word, wanted in SEARCHES.items():
        found = set()
        for part in (index["terms"], index["titleterms"]):
            for term, where in part.items():
                if term.startswith(word[:7]):
                    found.update(where if isinstance(where, list) else [where])
        if wanted not in {names[i] for i in found}:
            faults.append(f"a search for {word!r} does not find {wanted}")
    return faults
