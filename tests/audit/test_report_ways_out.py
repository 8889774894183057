"""Renderings of a report: frame, Markdown, model card, page under validators, PDF, old formats."""

import copy
import json
import os
import re
import shutil
import subprocess
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skqmu.audit import SCHEMA, AuditReport, audit, json_schema

X, Y = load_iris(return_X_y=True)
ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is here")
# axe-core is no dependency: whoever has it says where (npm install axe-core)
AXE = os.environ.get("SKQMU_AXE", "")


@pytest.fixture(scope="module")
def report():
    return audit(
        make_pipeline(MinMaxScaler(), LogisticRegression()), X, Y,
        forget=["class:0", "fraction:0.2"], attacks=("loss", "confidence"), random_state=0,
        title="Iris & more",
    )  # fmt: skip


# --- the format -------------------------------------------------------------------------


def test_reports_are_valid_against_the_schema(report):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(report.to_json()), schema)
    broken = json.loads(report.to_json())
    broken["scenarios"][0]["models"][1]["losses"]["forget"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


@pytest.mark.parametrize("folder", ["skqmu/audit/report/schemas", "docs/schemas"])
def test_the_schemas_in_files_are_those_of_the_classes(folder):
    from skqmu.attacks import EpsilonReport, ShotCurveReport, UpdateReport
    from skqmu.audit import LeakageReport
    from skqmu.metrics import MembershipReport, SearchReport

    if not (ROOT / folder).is_dir():
        pytest.skip("there is no source tree")
    kinds = (LeakageReport, MembershipReport, SearchReport, ShotCurveReport, UpdateReport)
    kinds += (EpsilonReport,)
    for schema in (json_schema(), *(kind.json_schema() for kind in kinds)):
        path = ROOT / folder / f"{schema['title'].replace('/', '-')}.schema.json"
        told = "python -m skqmu.audit.report._schema_files docs/schemas writes it"
        assert json.loads(path.read_bytes()) == schema, told


def of_format_1(report):
    data = json.loads(report.to_json())
    for part in ("again", "data", "environment"):
        del data[part]
    return {**data, "schema": "skqmu.audit/1"}


def test_reports_of_the_format_before_are_shown_without_what_they_lack(report):
    old = AuditReport.from_json(json.dumps(of_format_1(report)))
    page = old.to_html()
    for shown in (page, old.to_markdown().replace("\\", ""), old.to_table(width=100)):
        assert "retrain" in shown
    assert "format skqmu.audit/1, which holds no data card" in page
    assert len(old.to_frame()) == len(report.to_frame())
    with pytest.raises(ValueError, match=r"'skqmu\.audit/1' does not hold what it takes"):
        old.rerun(X, Y)
    mixed = {**of_format_1(report), "schema": SCHEMA}
    with pytest.raises(ValueError, match="report lacks 'data'"):
        AuditReport(mixed)


def test_circuits_and_defaults_stand_in_the_json_in_full():
    from qiskit.circuit.library import real_amplitudes

    from skqmu import QNNClassifier
    from skqmu.unlearning import FineTune

    model = QNNClassifier(ansatz=real_amplitudes(4, reps=1), max_iter=1)
    report = audit(
        model, X[40:70], Y[40:70], forget="fraction:0.2", attacks="loss", n_oracles=2,
        mechanisms=["retrain", FineTune(max_iter=1)], random_state=0,
    )  # fmt: skip
    told = report.data["again"]
    params = told["arguments"]["estimator"]["object"]["params"]
    assert "OPENQASM 3.0" in params["ansatz"]["circuit"]["openqasm3"]
    assert set(params) == set(model.get_params(deep=False))
    tuned = told["mechanisms"]["FineTune(max_iter=1)"]["object"]["params"]
    assert set(tuned) == set(FineTune().get_params())
    assert told["mechanisms"]["retrain"]["object"]["class"] == "skqmu.unlearning.Retrain"
    assert told["attacks"]["loss"]["settings"]["signal"] == "loss"
    assert " at 0x" not in report.to_json()


# --- frame, Markdown, model card --------------------------------------------------------


def test_a_frame_has_a_row_a_model_and_request(report):
    frame = report.to_frame()
    n = sum(len(scenario["models"]) for scenario in report.data["scenarios"])
    assert len(frame) == n
    row = frame[(frame.scenario == "class:0") & (frame.model == "retrain")].iloc[0]
    entry = report.model("class:0", "retrain")
    assert row.accuracy_forget == entry["accuracy"]["forget"]["value"]
    assert row.auc_loss_low == entry["attacks"]["loss"]["auc_interval"][0]
    assert row.gap_auc_loss == entry["gaps"]["auc_loss"]["value"]
    assert row.verdict == entry["verdict"]["level"]
    assert frame.verdict[frame.role == "oracle"].isna().all()
    assert isinstance(frame, pd.DataFrame)


HOSTILE = "a|b <b>c</b> [d](e) `f` **g** #h\n- i"


def test_markdown_holds_the_verdicts_and_takes_names_as_text(report, tmp_path):
    data = copy.deepcopy(report.data)
    data["settings"]["title"] = data["scenarios"][0]["name"] = HOSTILE
    data["scenarios"][0]["models"][0]["verdict"]["sentence"] = HOSTILE
    text = AuditReport(data).to_markdown(tmp_path / "audit.md")
    assert (tmp_path / "audit.md").read_text(encoding="utf-8") == text
    outside = re.sub(r"`+[^`]*`+", "", re.sub(r"\\[^\w\s]", "", text))
    assert not set("<>[]") & set(outside)
    for line in text.splitlines():
        cells = re.sub(r"\\.", "", line)
        if cells.startswith("|"):
            assert cells.endswith("|")
    plain = text.replace("\\", "")
    for scenario in data["scenarios"]:
        for model in scenario["models"]:
            if "verdict" in model:
                assert " ".join(model["verdict"]["sentence"].split()) in plain


def test_a_bold_start_of_a_line_keeps_its_space(report):
    assert re.search(r"^\*\*Forgetting [^*]+\*\* \d", report.to_markdown(), re.MULTILINE)


def test_tables_of_markdown_have_as_many_cells_as_columns(report):
    lines = report.to_markdown().splitlines()
    for i, line in enumerate(lines):
        if line.startswith("| :--"):
            width = line.count("|")
            table = [lines[i - 1], *lines[i:]]
            for row in table:
                if not row.startswith("|"):
                    break
                assert re.sub(r"\\\|", "", row).count("|") == width


def test_a_model_card_takes_the_section(report):
    text = report.to_model_card()
    assert not text.startswith("#")
    assert "What this audit cannot show" in text
    card = pytest.importorskip("skops.card").Card(GaussianNB().fit(X, Y))
    card.add(**{"Unlearning audit": text})
    assert "Verdicts against retraining" in card.render()


def test_a_notebook_gets_the_page_in_a_frame_without_rights(report):
    shown = report._repr_html_()
    assert shown.startswith("<iframe sandbox title=")
    assert shown.count("<") == 2  # the frame and its end: the page is an attribute


# --- the page ---------------------------------------------------------------------------


class Words(HTMLParser):
    """The text of a page."""

    def __init__(self, text):
        super().__init__()
        self.parts = []
        self.feed(text)

    def handle_data(self, data):
        self.parts.append(data)


def words_of(page):
    return " ".join(" ".join(Words(page).parts).split())


def test_the_page_is_valid_html(report):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(report.to_html())


def test_everything_is_open_and_the_summary_says_what_it_cannot_show(report):
    page = report.to_html()
    assert page.count("<details open>") == page.count("<details") > 0
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [
        "In short", "What the verdicts say", "What this audit cannot show", "Reviewed by",
        "Method and threat model", "Forgetting class:0", "Forgetting fraction:0.2",
        "Data, settings, and how to do it again", "References", "Glossary",
    ]  # fmt: skip
    seen = words_of(page)
    assert "doi:10.1109/CSF.2018.00027" in seen


def test_ten_thousand_rows_make_no_page_of_five_megabytes():
    rows, labels = make_classification(
        10_000, 6, n_informative=5, n_redundant=0, n_classes=4, random_state=0
    )
    report = audit(
        GaussianNB(), rows, labels, forget=["class:0", "fraction:0.2"], random_state=0,
        attacks=("loss", "entropy"), mechanisms={f"m{k}": "retrain" for k in range(2)},
    )  # fmt: skip
    per_curve = len(report.to_html()) / (2 * 2 * 6)  # requests, attacks, models
    assert per_curve * 5 * 3 * 14 < 5e6  # five requests, three attacks, ten mechanisms


def in_browser(page, profile, *options):
    return subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={profile}", *options, page.as_uri(),
        ],
        check=True, capture_output=True, timeout=180, text=True,
    ).stdout  # fmt: skip


@needs_browser
def test_the_pdf_holds_every_measure_of_the_verdicts(report, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    page, pdf = tmp_path / "audit.html", tmp_path / "audit.pdf"
    report.to_html(page)
    in_browser(page, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    sheets = [sheet.extract_text() for sheet in pypdf.PdfReader(pdf).pages]
    sheets = [unicodedata.normalize("NFKC", sheet) for sheet in sheets]  # ligatures
    told = re.sub(r"\s", "", "".join(sheets))
    for k, sheet in enumerate(sheets, start=1):
        assert re.search(rf"(?<!\d){k} / {len(sheets)}", sheet), f"page {k} has no number"
    for scenario in report.data["scenarios"]:
        for model in scenario["models"]:
            if "verdict" not in model:
                continue
            assert re.sub(r"\s", "", model["verdict"]["sentence"]) in told
            for gap in model["gaps"].values():
                for name in ("value", "low", "high", "margin", "oracle_low", "oracle_high"):
                    if gap[name] is not None:
                        assert f"{gap[name]:.3f}".replace("-", "\N{MINUS SIGN}") in told
    # the summary is two sheets, and what comes after begins a new one
    first = [i for i, sheet in enumerate(sheets) if "Method and threat model" in sheet]
    assert first[0] <= 2
    assert "cannot show" in "".join(sheets[:2])
    assert "Signature" in "".join(sheets[:2])


@needs_browser
@pytest.mark.skipif(not AXE, reason="SKQMU_AXE does not say where axe.min.js is")
@pytest.mark.parametrize("options", [[], ["--force-dark-mode"], ["--window-size=500,900"]])
def test_axe_finds_no_violation(report, options, tmp_path):
    script = (
        "axe.run().then(r => document.title = 'AXE' + r.violations.map(v => v.id).join(' ') + '.')"
    )
    text = re.sub(r"<meta http-equiv[^>]*>", "", report.to_html())  # it lets no script run
    axe = Path(AXE).read_text(encoding="utf-8")
    page = tmp_path / "audit.html"
    scripts = f"<script>{axe}</script><script>{script}</script></body>"
    page.write_text(text.replace("</body>", scripts), encoding="utf-8")
    shown = in_browser(
        page, tmp_path / "profile", "--virtual-time-budget=60000", "--dump-dom", *options
    )
    assert "<title>AXE.</title>" in shown
