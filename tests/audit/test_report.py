"""The report's ways out: JSON that comes back, a page that stands alone, a table that fits."""

import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, scale

from skqmu import HybridQNNClassifier, QNNClassifier
from skqmu.audit import SCHEMA, AuditReport, audit
from skqmu.backends import AerBackend
from skqmu.unlearning import Composite, FineTune, GradientAscent

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def report():
    from sklearn.ensemble import RandomForestClassifier

    return audit(
        RandomForestClassifier(5, random_state=0), X, Y, forget=["class:0", "fraction:0.2"],
        n_shadows=4, random_state=0, title="Iris <flowers> & more",
    )  # fmt: skip


# --- settings ---------------------------------------------------------------------------


def user_circuit():
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(x[qubit] + w[qubit], qubit)
    circuit.cx(0, 1)
    return circuit


def noisy_backend():
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["ry"])
    return AerBackend(shots=64, noise_model=noise)


def torch_front():
    torch = pytest.importorskip("torch")
    return torch.nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (
            lambda: QNNClassifier(circuit=user_circuit(), n_qubits=2, max_iter=1),
            "circuit=QuantumCircuit(digest ",
        ),
        (
            lambda: QNNClassifier(backend=noisy_backend(), n_layers=1, max_iter=1),
            "noise_model=<NoiseModel, digest ",
        ),
        (
            lambda: HybridQNNClassifier(front_end=torch_front(), n_qubits=2, max_iter=1),
            "front_end=<Linear, digest ",
        ),
        (
            lambda: make_pipeline(FunctionTransformer(scale), GaussianNB()),
            "FunctionTransformer(func=sklearn.preprocessing._data.scale)",
        ),
    ],
    ids=["a circuit", "a noise model", "a torch module", "a function"],
)
@pytest.mark.filterwarnings("ignore")
def test_no_report_holds_an_address(make, seen):
    mechanisms = ["retrain"]
    if hasattr(make(), "unlearn"):
        mechanisms.append(Composite([GradientAscent(max_iter=1), FineTune(max_iter=1)]))
    report = audit(
        make(), X[40:64, :2], Y[40:64], forget="fraction:0.2", mechanisms=mechanisms,
        attacks=("loss", "lira"), n_shadows=4, n_oracles=2, random_state=0,
    )  # fmt: skip
    for text in (report.to_json(), report.to_html(), report.to_table(width=200)):
        assert " at 0x" not in text
    assert seen in report.data["settings"]["estimator"]["settings"]
    (scenario,) = report.data["scenarios"]
    assert seen in scenario["threat_models"]["lira"]["shadow_estimator"]
    described = json.dumps(report.data["settings"]["estimator"]["described"])
    assert ("OPENQASM 3" in described) == ("circuit=" in seen)


# --- JSON -------------------------------------------------------------------------------


def test_json_comes_back_equal_and_is_strict(report, tmp_path):
    path = tmp_path / "audit.json"
    text = report.to_json(path)
    assert AuditReport.from_json(text) == report
    assert AuditReport.from_json(path) == report
    json.loads(text, parse_constant=pytest.fail)
    assert json.loads(text)["schema"] == SCHEMA == "skqmu.audit/2"
    assert AuditReport.from_json(text).to_html() == report.to_html()


@pytest.mark.parametrize("text", ['{"schema": "skqmu.audit/3"}', '{"a": 1}'])
def test_another_format_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"no audit report of the format 'skqmu\.audit/2'"):
        AuditReport.from_json(text)


def test_no_row_of_the_data_is_in_the_report(report):
    numbers = re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", report.to_json())
    runs = np.array([float(number) for number in numbers[:200_000]])
    for row in X[::10]:
        windows = np.lib.stride_tricks.sliding_window_view(runs, 4)
        assert not (windows == row).all(axis=1).any()


def test_every_figure_has_an_interval_that_holds_it(report):
    for scenario in report.data["scenarios"]:
        for model in scenario["models"]:
            for group in ("accuracy", "loss", "kl_to_oracle", "agreement_with_oracle"):
                for entry in model[group].values():
                    assert entry["low"] <= entry["value"] <= entry["high"]
            for result in model["attacks"].values():
                low, high = result["auc_interval"]
                assert low <= result["auc"] <= high
                for point in result["operating_points"]:
                    assert set(point) >= {"tpr", "fpr", "tpr_interval", "fpr_interval"}


def test_wrong_names_list_the_right_ones(report):
    with pytest.raises(KeyError, match="no scenario 'class:1'; there are 'class:0'"):
        report["class:1"]
    with pytest.raises(KeyError, match="no model 'scrub' in 'class:0'; there are 'original'"):
        report.model("class:0", "scrub")
    with pytest.raises(KeyError, match="no attack 'rmia' on 'original'; there are"):
        report.attack("class:0", "original", "rmia")


# --- the table --------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal_and_names_every_model(report, width):
    text = report.to_table(width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert text.count("rows forgotten, attacks judged on") == len(report.scenarios)  # tables
    assert text.count("oracles (3)") == len(report.scenarios)
    for name in ("original", "retrain"):
        assert text.count(name) >= 4  # in the table, and before the verdict
    assert "AUC\n" in text or " AUC " in text


def test_rich_prints_the_same_report(report):
    from rich.console import Console

    console = Console(width=90, record=True, file=io.StringIO())
    console.print(report)
    assert "Unlearning audit" in console.export_text()


# --- the page ---------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects tags, ids and links, and sees that every tag that opens is closed."""

    EMPTY = {"meta", "br", "img", "input", "hr", "link"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)
        self._collect(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self._collect(attrs)

    def _collect(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "srcset", "action"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_stands_alone(report, tmp_path):
    text = report.to_html(tmp_path / "audit.html")
    assert (tmp_path / "audit.html").read_text(encoding="utf-8") == text
    page = Page(text)
    assert not page.open
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    for link in page.links:
        assert link.startswith("#")
        assert link[1:] in page.ids
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", text)
    for used in set(re.findall(r"url\(#([^)]+)\)", text)):
        assert used in page.ids
    for variable in set(re.findall(r"var\((--[\w-]+)\)", text)):
        assert f"{variable}:" in text


def test_the_page_shows_every_verdict_and_escapes_what_it_is_given(report):
    text = report.to_html()
    seen = " ".join(" ".join(Page(text).texts).split())
    assert "Iris <flowers> & more" in seen
    assert "<flowers>" not in text
    for scenario in report.data["scenarios"]:
        for model in scenario["models"]:
            if "verdict" in model:
                assert model["verdict"]["sentence"] in seen
    assert text.count("<svg") == 4 * len(report.scenarios)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)


def shoot(page, picture, *options):
    """Render a page in a headless browser and return it as an array."""
    from matplotlib.image import imread

    profile = picture.with_suffix(".profile")
    subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--hide-scrollbars", f"--user-data-dir={profile}", f"--screenshot={picture}",
            "--window-size=1200,4800", *options, page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return imread(picture)[..., :3]


@pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is here")
def test_a_browser_draws_the_page_in_light_and_dark(report, tmp_path):
    page = tmp_path / "audit.html"
    report.to_html(page)
    light = shoot(page, tmp_path / "light.png")
    dark = shoot(page, tmp_path / "dark.png", "--force-dark-mode")
    assert light.shape == dark.shape == (4800, 1200, 3)
    assert light[5, 5].mean() > 0.95
    assert dark[5, 5].mean() < 0.2
    for picture in (light, dark):
        # text and pictures down the whole page, and the colours of the models in it
        background = picture[5, 5]
        inked = np.abs(picture - background).max(axis=2) > 0.2
        assert all(band.any() for band in np.array_split(inked, 12))
        assert not inked[:, -40:].any(), "something reaches beyond the right margin"
    orange = np.array([0xC2, 0x41, 0x0C]) / 255
    assert (np.abs(light - orange).max(axis=2) < 0.05).sum() > 200
