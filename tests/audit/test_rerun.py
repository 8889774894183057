"""An audit from its JSON and the data alone; what a report says of data, and never shows."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skqmu import QNNClassifier
from skqmu.audit import AuditReport, audit
from skqmu.backends import AerBackend
from skqmu.unlearning import SCRUB, Composite, FineTune, GradientAscent

X, Y = load_iris(return_X_y=True)
KEY = bytes(range(32))


def own_circuit():
    x, w = ParameterVector("x", 2), ParameterVector("w", 3)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(1.57079632 * x[qubit] + w[qubit], qubit)
    circuit.rzz(w[2], 0, 1)
    return circuit


def of_file(report, tmp_path):
    """The report as another process would have it."""
    report.to_json(tmp_path / "audit.json")
    return AuditReport.from_json(tmp_path / "audit.json")


# --- again ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", ["statevector", AerBackend(shots=64, seed=3)], ids=str)
def test_composites_and_own_circuits_are_audited_again_from_json_alone(backend, tmp_path):
    rows = slice(40, 70)
    model = make_pipeline(
        StandardScaler(),
        QNNClassifier(circuit=own_circuit(), inputs="x", backend=backend, max_iter=2),
    )
    mechanisms = {
        "both": Composite([GradientAscent(max_iter=1), FineTune(max_iter=1)]),
        "scrub": SCRUB(max_iter=1),
        "again": "retrain",
    }
    first = audit(
        model, X[rows, :2], Y[rows], forget={"some": [1, 4, 5]},
        mechanisms=mechanisms, attacks=("loss", "lira_offline"), n_shadows=4, n_oracles=2,
        random_state=7, digest_key=KEY,
    )  # fmt: skip
    again = of_file(first, tmp_path).rerun(X[rows, :2], Y[rows], digest_key=KEY)
    assert again.same_numbers(first)
    for part in ("settings", "data", "again"):
        assert again.data[part] == first.data[part]
    other = again.data["scenarios"][0]["models"][0]["accuracy"]["test"]
    other["value"] += 1e-3
    assert not again.same_numbers(first)


def test_same_inputs_make_the_same_bytes_but_for_what_the_schema_marks(tmp_path):
    def bytes_of(**options):
        report = audit(
            GaussianNB(), X, Y, forget="fraction:0.2", attacks="loss", random_state=0, **options
        )
        data = json.loads(report.to_json())
        return data, json.dumps(without_varying(data, report_schema()))

    (one, text), (_, again) = bytes_of(), bytes_of()
    assert text == again
    assert one["data"]["digests"] not in (None, {})
    # with the caller's own key the digests are inputs like others
    keyed = [bytes_of(digest_key=KEY)[0]["data"] for _ in range(2)]
    assert keyed[0] == keyed[1]


def report_schema():
    from skqmu.audit import json_schema

    return json_schema()


def without_varying(value, schema):
    """An own reading of the marks, as a user of the schema would have it."""
    for option in schema.get("anyOf", ()):
        value = without_varying(value, option)
    if isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        found = {}
        for key, item in value.items():
            own = known.get(key, other if isinstance(other, dict) else {})
            if "x-varies" not in own:
                found[key] = without_varying(item, own)
        return found
    if isinstance(value, list):
        return [without_varying(item, schema.get("items", {})) for item in value]
    return value


@pytest.fixture(scope="module")
def plain():
    return audit(
        GaussianNB(), X, Y, forget="fraction:0.2", attacks="loss", random_state=0, digest_key=KEY
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda: (X[:, :3], Y), "X has 3 columns; those of this report had 4"),
        (lambda: (X[Y < 2], Y[Y < 2]), r"y has the classes \[0, 1\]"),
        (lambda: (X[::-1], Y[::-1]), "not the data of this report, in their order"),
        (lambda: (X + (np.arange(150) == 3)[:, None] * 1e-9, Y), "not the data of this report"),
    ],
    ids=["columns", "classes", "order", "a value"],
)
def test_other_data_are_refused(plain, change, match):
    with pytest.raises(ValueError, match=match):
        plain.rerun(*change())


def test_what_no_report_can_say_has_to_be_passed(plain, tmp_path):
    with pytest.raises(ValueError, match="held rows of X out"):
        plain.rerun(X[::2], Y[::2], X[1::2], Y[1::2])
    with pytest.raises(TypeError, match="rerun takes no 'n_oracles'"):
        plain.rerun(X, Y, n_oracles=9)
    model = make_pipeline(FunctionTransformer(np.log1p), GaussianNB())
    report = audit(model, X, Y, forget="fraction:0.2", attacks="loss", random_state=0)
    read = of_file(report, tmp_path)
    with pytest.raises(ValueError, match=r"func is numpy\.log1p.*objects=\[it\]"):
        read.rerun(X, Y)
    assert read.rerun(X, Y, objects=[np.log1p]).same_numbers(report)


def test_a_report_makes_no_class_of_a_package_that_nobody_trusts(plain, tmp_path):
    data = json.loads(plain.to_json())
    data["again"]["arguments"]["estimator"] = {
        "object": {"class": "subprocess.Popen", "params": {"args": ["touch", str(tmp_path / "x")]}}
    }
    with pytest.raises(ValueError, match="package that is not known here"):
        AuditReport(data).rerun(X, Y)
    with pytest.raises(ValueError, match="is no class of settings"):
        AuditReport(data).rerun(X, Y, trusted=["subprocess"])
    assert not (tmp_path / "x").exists()


def test_seeds_of_secret_noise_never_leave_the_process(tmp_path):
    model = QNNClassifier(
        trainable="head", head="logistic", objective_noise=1.0, random_state=987654321, n_layers=1
    )
    rows = slice(40, 64)
    options = {"mechanisms": "certified_removal", "attacks": "loss", "n_oracles": 2}
    report = audit(
        model, X[rows], Y[rows], forget="fraction:0.2", random_state=123456789, **options
    )
    told = report.to_json() + report.to_html() + report.to_markdown() + report.to_table()
    assert "987654321" not in told
    assert "123456789" not in told
    assert report.data["settings"]["entropy"] is None
    read = of_file(report, tmp_path)
    with pytest.raises(ValueError, match="random_state must be passed"):
        read.rerun(X[rows], Y[rows])
    again = read.rerun(X[rows], Y[rows], random_state=123456789)
    assert again.same_numbers(report)
    assert not read.rerun(X[rows], Y[rows], random_state=5).same_numbers(report)


# --- the data card ----------------------------------------------------------------------


def test_the_card_counts_what_there_is():
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(e=["x", "y"] * 75)
    report = audit(
        # never fitted on missing values or texts: the card is made before
        make_pipeline(FunctionTransformer(lambda f: f[["a", "b"]].fillna(0.0)), GaussianNB()),
        table.mask(np.arange(750).reshape(150, 5) % 75 == 1), np.array(["no", "yes", "so"])[Y],
        forget="class:no", attacks="loss", random_state=0,
    )  # fmt: skip
    card = report.data["data"]
    columns = card["columns"]
    assert columns["names"] == ["a", "b", "c", "d", "e"]
    assert columns["kinds"]["float64"] == 4
    assert columns["missing_by_column"] == [0, 10, 0, 0, 0]
    assert columns["missing"] == 10
    assert [entry["label"] for entry in card["classes"]] == ["no", "so", "yes"]
    for part, n in card["rows"].items():
        assert sum(entry[part] for entry in card["classes"]) == n
    told = [note for note in report.data["notes"] if "equal a training row" in note]
    left_out = sum(int(note.split()[0]) for note in told)
    assert sum(card["rows"].values()) == 150 - left_out


def test_digests_bind_a_report_to_rows_for_the_holder_of_the_key_and_nobody_else(plain):
    digests = plain.data["data"]["digests"]
    others = audit(
        GaussianNB(), X, Y, forget="fraction:0.2", attacks="loss", random_state=0,
        digest_key=KEY[::-1],
    ).data["data"]["digests"]  # fmt: skip
    parts = ("table", "training", "held_out", "reference")
    assert len({digests[part] for part in parts if part != "reference"}) == 3
    for part in ("table", "training", "held_out"):
        assert re.fullmatch("[0-9a-f]{64}", digests[part])
        assert digests[part] != others[part]
    assert digests["has_own_key"]
    assert set(digests["forget"]) == {"fraction:0.2"}


def test_a_key_is_handed_out_and_written_nowhere(tmp_path):
    report = audit(GaussianNB(), X, Y, forget="fraction:0.2", attacks="loss", random_state=0)
    key = report.digest_key
    assert isinstance(key, bytes)
    assert len(key) == 32
    assert not report.data["data"]["digests"]["has_own_key"]
    written = report.to_json() + report.to_html() + repr(report) + report.to_markdown()
    assert key.hex() not in written
    assert key not in pickle.dumps(report)
    read = of_file(report, tmp_path)
    assert read.digest_key is None
    assert read.rerun(X, Y, digest_key=key).same_numbers(report)
    with pytest.raises(ValueError, match="not the data of this report"):
        read.rerun(X, Y, digest_key=KEY)


@pytest.mark.parametrize("key", ["a text", b"short", 7])
def test_a_key_that_could_be_guessed_is_refused(key):
    with pytest.raises(ValueError, match="digest_key must be bytes, at least 16"):
        audit(LogisticRegression(), X, Y, forget="class:0", digest_key=key)


def test_rows_as_a_request_are_written_as_positions():
    rows = pd.DataFrame(X)
    report = audit(GaussianNB(), rows, Y, forget=rows[:3], attacks="loss", random_state=0)
    ((_, told),) = report.data["again"]["arguments"]["forget"]["dict"]
    assert told["array"]["items"] == [0, 1, 2]
    assert report.rerun(rows, Y).same_numbers(report)


def test_nobody_is_named_by_id_or_by_what_is_in_a_row():
    ids = np.array([f"person-{k // 3}" for k in range(150)])
    table = pd.DataFrame(X, columns=list("abcd"))
    forget = {"some": "ids:person-4,person-9", "long": "a > 7.05"}
    options = {"forget": forget, "attacks": "loss", "random_state": 0, "digest_key": KEY}
    report = audit(GaussianNB(), table, Y, ids=ids, **options)
    assert "person-" not in report.to_json() + report.to_html()
    assert "7.05" not in report.to_json()
    digests = report.data["data"]["digests"]
    assert set(digests["forget_ids"]) == {"some", "long"}
    other = audit(GaussianNB(), table, Y, ids=ids[::-1], **options).data["data"]["digests"]
    assert other["ids"] == digests["ids"]  # a set, in no order
    assert other["forget_ids"]["long"] != digests["forget_ids"]["long"]
    assert report.rerun(table, Y).same_numbers(report)  # without the ids
