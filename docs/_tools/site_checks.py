"""Look a built site over: links lead somewhere, nothing comes from the network, search works."""

import json
import re
from functools import cache
from html import unescape
from urllib.parse import unquote, urlsplit

# words that a visitor types, and a page that must be among what is found
SEARCHES = {
    "unlearn": "api/skqmu.classifiers.QNNClassifier",
    "verdict": "verdicts",
    "epsilon": "private",
}


class Page:
    """What a page links to, loads, and can be linked at.

    By patterns, not by a parser, which takes minutes for a site: Sphinx writes attributes in
    double quotes.
    """

    def __init__(self, text):
        text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
        self.anchors = set(re.findall(r'\s(?:id|name)="([^"]+)"', text))
        self.links = re.findall(r'<a\s[^>]*?href="([^"]+)"', text)
        sheets = re.findall(r'<link\s[^>]*?rel="(?:stylesheet|preload|icon)"[^>]*>', text)
        sources = re.findall(r'<(?:script|img|iframe|source)\s[^>]*?src="([^"]+)"', text)
        found = [re.search(r'href="([^"]+)"', sheet) for sheet in sheets]
        self.loads = [unescape(each) for each in (*(m[1] for m in found if m), *sources)]
        self.links = [unescape(link) for link in self.links]


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
