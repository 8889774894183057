"""A report may be anybody's file: it is refused with its name, or shown as text and no more."""

import copy
import html
import io
import json
import random
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from rich.console import Console
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skqmu.audit import AuditReport, audit

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)

PAYLOADS = (
    '"><script>document.title="owned"</script>',
    "</svg><img src=x onerror=\"document.title='owned'\">",
    '<a href="javascript:document.title=1" onclick=alert(1)>x</a>',
    "</style><iframe src='https://example.org/'></iframe>",
    "'/><svg/onload=document.title='owned'>",
    "<!--<meta http-equiv=refresh content=0;url=//example.org>-->",
    "]]>&lt;script&gt;{{ 7*7 }}{% raw %}</title><base href=//example.org>",
    "\x1b]0;owned\x07\x1b[2J[red]bold[/red] [link=https://example.org]x[/link] :smile: $\\frac{$",
    "\u202eevil\u2028\ud800\x00\x85\ufffe #010101 id=\"a\" url(#b) $x^2$",
)  # fmt: skip


@pytest.fixture(scope="module")
def known():
    """The data of a small report with everything in it: steps, a class that is gone, notes."""
    X, y = load_wine(return_X_y=True)
    model = make_pipeline(MinMaxScaler(), LogisticRegression())
    report = audit(model, X[:, :3], y, forget="class:1", attacks="loss", random_state=0)
    return json.loads(report.to_json())


# --- what a page and a terminal may hold ------------------------------------------------


class Markup(HTMLParser):
    """Everything in a page that could act: elements, attributes and their values."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.comments = set(), set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            assert not (name == "href" and not value.startswith("#")), value
            if name == "style":
                assert "<" not in value
                assert "url(" not in value.replace("url(#", "")

    def handle_comment(self, data):
        self.comments.append(data)


def live(text, allowed):
    """Return what a page has beyond what a page of ours has."""
    page = Markup(text)
    return page.tags - allowed.tags | page.attributes - allowed.attributes | set(page.comments)


def acting(text):
    """Return the characters of a text that a terminal would obey."""
    return {c for c in text if c not in "\n\t" and (ord(c) < 32 or 127 <= ord(c) < 160)} | (
        set(text) & set("\u202e\u2028")
    )


def shown(report):
    """Show a report in every way that there is."""
    printed = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    printed.print(report)
    return report.to_html(), report.to_table(width=100) + printed.file.getvalue() + repr(report)


def parts_of(value):
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def texts_of(value, path=()):
    """Yield the path of every text in a report that nothing but its reader gives a meaning."""
    fixed = {"schema", "format", "role", "status", "level"}
    if isinstance(value, str) and path[-1] not in fixed and value not in ("inf", "-inf", "nan"):
        yield path
    for key, item in parts_of(value):
        yield from texts_of(item, (*path, key))


def put(data, path, value):
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


def poisoned(known, *payloads):
    """Return the report with a payload in every text and every name of it."""
    data = copy.deepcopy(known)
    first = payloads[0]
    for n, path in enumerate(texts_of(data)):
        # names must stay apart, and one attack is one attack everywhere
        payload = f"{payloads[n % len(payloads)]}{n}"
        put(data, path, first if "attacks" in path else payload)
    for scenario in data["scenarios"]:
        scenario["removed_classes"] = list(payloads)
        scenario["threat_models"] = {first: scenario["threat_models"]["loss"]}
        for model in scenario["models"]:
            model["attacks"] = {first: model["attacks"]["loss"]}
            model["upstream"] = {payloads[-1]: model["upstream"]["minmaxscaler"]}
            model["kind"] = first
            if "gaps" in model:
                model["gaps"][f"auc_{first}"] = model["gaps"]["auc_loss"]
                model["verdict"]["beside"] = first
    data["versions"][first] = first
    return data


@pytest.mark.parametrize("turn", range(0, len(PAYLOADS), 3))
def test_markup_in_any_text_of_a_report_is_shown_and_does_not_act(known, turn):
    allowed = Markup(AuditReport(known).to_html())
    assert not allowed.comments
    payloads = PAYLOADS[turn:] + PAYLOADS[:turn]
    data = poisoned(known, *payloads)
    page, terminal = shown(AuditReport.from_json(json.dumps(data)))
    assert not live(page, allowed)
    assert not acting(page + terminal)
    seen = html.unescape(page)
    assert all(payload in seen for payload in payloads if payload.isprintable())


def test_rich_markup_in_names_stays_text(known):
    name = "[red]class[/] :smile: [/nonsense]"
    data = copy.deepcopy(known)
    data["scenarios"][0]["name"] = data["settings"]["title"] = name
    _, terminal = shown(AuditReport(data))
    assert terminal.count(name) >= 3


def test_the_page_states_a_policy_that_lets_nothing_run_or_load(known):
    page = AuditReport(known).to_html()
    head = page.partition("<title>")[0]
    assert "Content-Security-Policy" in head
    assert "default-src &#39;none&#39;" in head
    assert "script-src" not in page


# --- mutations --------------------------------------------------------------------------


def places_of(value, path=()):
    if path:
        yield path
    for key, item in parts_of(value):
        yield from places_of(item, (*path, key))


def strange(rng):
    return rng.choice(
        [
            None, True, 0, -1, 3, 10**30, -(2**70), 1e300, -1e16, 0.5, float("nan"), float("inf"),
            "", "nan", [], {}, [[]], {"value": 1}, [1, 2], *PAYLOADS,
        ]
    )  # fmt: skip


def mutated(known, rng):
    """Return the text of a report with something wrong in it, or at least something else."""
    kind = rng.choice(("value", "value", "text", "key", "delete", "bytes", "cut"))
    content = json.dumps(known)
    if kind == "cut":
        return content[: rng.randrange(len(content))].encode()
    if kind == "bytes":
        raw = bytearray(content.encode())
        for _ in range(rng.choice((1, 3, 30))):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return bytes(raw)
    data = copy.deepcopy(known)
    if kind == "text":
        for path in rng.sample(list(texts_of(data)), 5):
            put(data, path, rng.choice(PAYLOADS))
        return json.dumps(data).encode()
    places = list(places_of(data))
    # the many numbers of curves would hide the rest
    if rng.random() < 0.8:
        places = [place for place in places if isinstance(place[-1], str)]
    place = rng.choice(places)
    parent = data
    for key in place[:-1]:
        parent = parent[key]
    if kind == "delete":
        del parent[place[-1]]
    elif kind == "key" and isinstance(parent, dict):
        parent[rng.choice(PAYLOADS)] = parent.pop(place[-1])
    else:
        parent[place[-1]] = strange(rng)
    return json.dumps(data).encode()


def read(path):
    """Return the report of a file, or why there is none."""
    try:
        return AuditReport.from_json(path), None
    except ValueError as error:
        return None, str(error)


def check_mutations(known, path, seeds):
    allowed = Markup(AuditReport(known).to_html())
    refused = 0
    for seed in seeds:
        path.write_bytes(mutated(known, random.Random(seed)))
        report, error = read(path)
        if report is None:
            assert str(path) in error, seed
            assert len(error) < 1000
            refused += 1
            continue
        page, terminal = shown(report)
        assert not live(page, allowed), seed
        assert not acting(page + terminal), seed
        assert AuditReport.from_json(report.to_json()) == report
    return refused


def test_a_mutated_report_is_refused_by_name_or_shown_as_text(known, tmp_path):
    assert check_mutations(known, tmp_path / "report.json", range(10)) > 2


@pytest.mark.slow
def test_five_hundred_mutated_reports_have_no_live_markup(known, tmp_path):
    assert check_mutations(known, tmp_path / "report.json", range(1000, 1500)) > 100


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"[]", "no audit report.*found 'list'"),
        (b"null", "no audit report"),
        (b'{"schema": ["skqmu.audit/1"]}', "no audit report"),
        (b'{"schema": "skqmu.audit/1"}', "report lacks 'created'"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"\xff\xfe{}", "codec can't decode"),
        (b'{"a": ' + b"9" * 5000 + b"}", "4300 digits"),
        (b"\x89PNG\r\n", "codec can't decode"),
    ],
)
def test_a_file_that_is_no_report_is_named(content, message, tmp_path):
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        AuditReport.from_json(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_is_wrong_is_named_by_its_place(known):
    data = copy.deepcopy(known)
    data["scenarios"][0]["models"][1]["losses"]["forget"] = []
    where = r"report\.scenarios\[0\]\.models\[1\]\.losses\.forget must be a list of 1 or more"
    with pytest.raises(ValueError, match=where):
        AuditReport(data)


def test_attacks_in_another_order_keep_their_columns(known):
    """A file's objects have no order: a table that went by it would swap two attacks."""
    data = copy.deepcopy(known)
    for model in data["scenarios"][0]["models"]:
        second = {**model["attacks"]["loss"], "auc": 0.125, "auc_interval": [0.0, 0.25]}
        order = [("entropy", second), ("loss", model["attacks"]["loss"])]
        model["attacks"] = dict(order if model["role"] == "original" else order[::-1])
        if "gaps" in model:
            model["gaps"]["auc_entropy"] = model["gaps"]["auc_loss"]
    threat = data["scenarios"][0]["threat_models"]
    threat["entropy"] = threat["loss"]
    data["settings"]["attacks"] = ["loss", "entropy"]
    lines = AuditReport(data).to_table(width=100).splitlines()
    (header,) = [line for line in lines if "oracles" in line and "entropy" in line]
    at = header.index("entropy") + len("entropy")
    told = [line for line in lines if "0.12" in line and "✗" not in line]
    assert len(told) == 3  # the original, the oracles, the mechanism
    assert all(line[:at].endswith(" 0.12") for line in told)
    assert sum(line[:at].endswith(" .00–.25") for line in lines) == 2


def test_a_file_with_a_byte_order_mark_is_read(known, tmp_path):
    path = tmp_path / "windows.json"
    path.write_text(json.dumps(known), encoding="utf-8-sig")
    assert AuditReport.from_json(path).data == known


def test_a_label_that_no_encoding_holds_comes_back(known, tmp_path):
    data = copy.deepcopy(known)
    data["scenarios"][0]["removed_classes"] = ["caf\udce9"]
    report = AuditReport(data)
    report.to_json(tmp_path / "audit.json")
    report.to_html(tmp_path / "audit.html")
    assert AuditReport.from_json(tmp_path / "audit.json") == report


def test_a_users_drawing_style_does_not_change_the_page(known):
    import matplotlib

    report = AuditReport(known)
    plain = report.to_html()
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.grid": True, "font.size": 30}):
        assert report.to_html() == plain


# --- a real browser ---------------------------------------------------------------------


def title_in_browser(page, profile):
    """Open a page in a headless browser and return the title that it ends up with."""
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={profile}", "--virtual-time-budget=2000",
            "--dump-dom", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120, text=True,
    )  # fmt: skip
    return done.stdout.partition("<title>")[2].partition("</title>")[0]


@pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is here")
def test_a_browser_runs_nothing_of_a_poisoned_report_and_would_not_if_it_were_live(known, tmp_path):
    attack = "\"'></title></style></svg><script>document.title='owned'</script>"
    data = poisoned(known, attack)
    data["settings"]["title"] = "wine"
    page = tmp_path / "audit.html"
    text = AuditReport(data).to_html(page)
    assert title_in_browser(page, tmp_path / "one") == "Unlearning audit: wine"
    # the second wall: the policy stops markup that got through
    broken = text.replace("</h1>", f"</h1>{attack}<img src=x onerror=\"document.title='owned'\">")
    page.write_text(broken, encoding="utf-8")
    assert title_in_browser(page, tmp_path / "two") == "Unlearning audit: wine"
    without = broken.replace("Content-Security-Policy", "nothing")
    page.write_text(without, encoding="utf-8")
    assert title_in_browser(page, tmp_path / "three") == "owned"
