"""The command line on a table and a model of one's own: from files to a report.

This file looks inside.
"""

import json
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import skqmu
from skqmu._cli import main
from skqmu._cli._output import UsageError
from skqmu._cli._own_table import own_table
from skqmu.audit import AuditReport, LeakageReport

COLUMNS = ["age", "income", "town"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A table whose first half a forest was trained on, with gaps, texts and ids."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    n = 240
    table = pd.DataFrame(
        {
            "client": [f"C{i:03d}" for i in range(n)],
            "age": np.where(rng.random(n) < 0.05, np.nan, rng.normal(45, 12, n).round(1)),
            "income": rng.lognormal(10, 0.5, n).round(2),
            "town": rng.choice(["Ulm", "Bern", "Graz"], n),
            "split": np.where(np.arange(n) < n // 2, "train", "test"),
        }
    )
    table["churn"] = np.where(np.log(table.income) + rng.normal(0, 0.5, n) > 10, "yes", "no")
    known, unseen = table[: n // 2], table[n // 2 :]
    steps = (SimpleImputer(), ["age", "income"]), (OneHotEncoder(), ["town"])
    forest = RandomForestClassifier(20, random_state=0)
    model = make_pipeline(make_column_transformer(*steps), forest).fit(known[COLUMNS], known.churn)
    table.to_csv(folder / "clients.csv", index=False)
    known.to_parquet(folder / "known.parquet")
    unseen.drop(columns="client").to_csv(folder / "unseen.csv", index=False)
    joblib.dump(model, folder / "rf.joblib")
    skqmu.save(model, folder / "rf.skops")
    (folder / "ids.txt").write_text("\n".join(known.client[:24]) + "\n")
    return folder


@pytest.fixture
def run(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(files)

    def call(command, *words):
        code = main([command, *words, "--out", str(tmp_path / "out"), "--n-jobs", "1", "--quiet"])
        return code, capsys.readouterr(), tmp_path / "out"

    return call


OWN = ("--data", "clients.csv", "--target", "churn", "--id", "client")
FITTED = (*OWN, "--model", "rf.joblib", "--trust", "--train", "split == train")


def test_a_fitted_forest_leaks_until_the_clients_are_forgotten(run):
    code, said, out = run(
        "audit", *FITTED, "--forget", "ids:ids.txt", "--attack", "lira", "--shadows", "8"
    )
    assert code == 0, said.err
    report = AuditReport.from_json(out / "audit.json")
    assert report.scenarios == ["ids:ids.txt"]
    assert report["ids:ids.txt"]["n_forget"] == 24
    assert report.data["settings"]["prefit"]
    assert report.attack("ids:ids.txt", "original", "lira").auc > 0.75
    assert report.attack("ids:ids.txt", "retrain", "lira").auc_interval[0] < 0.5
    assert (out / "audit.html").exists()
    assert "C000" not in (out / "audit.json").read_text()


def test_an_attack_says_what_a_model_gives_away_and_show_shows_it(run, capsys):
    code, said, out = run("attack", *FITTED, "--shadows", "8")
    assert code == 0, said.err
    report = LeakageReport.from_json(out / "leakage.json")
    assert report.verdict == "leaks"
    assert report.data["settings"]["n_train"] == 120
    assert "Content-Security-Policy" in (out / "leakage.html").read_text()
    assert main(["show", str(out / "leakage.json")]) == 0
    assert "Leakage of training rows" in capsys.readouterr().out


def test_parquet_a_safe_file_and_held_out_rows_of_another_file(run):
    code, said, out = run(
        "attack", "--data", "known.parquet", "--test", "unseen.csv", "--target", "churn",
        "--id", "client", "--model", "rf.skops", "--attack", "loss",
    )  # fmt: skip
    assert code == 0, said.err
    settings = json.loads((out / "leakage.json").read_text())["settings"]
    assert (settings["n_train"], settings["n_test"], settings["n_features"]) == (120, 120, 3)


def test_without_a_model_one_is_trained_by_its_name(run):
    code, said, out = run(
        "audit", *OWN, "--estimator", "DecisionTreeClassifier", "--forget", "town == Ulm",
        "--forget", "class:yes", "--forget", "fraction:0.1", "--attack", "loss", "--oracles", "1",
    )  # fmt: skip
    assert code == 2
    assert "leaves a single class" in said.err
    code, said, out = run(
        "audit", *OWN, "--estimator", "DecisionTreeClassifier", "--forget", "town == Ulm",
        "--forget", "fraction:0.1", "--attack", "loss", "--oracles", "1",
    )  # fmt: skip
    assert code == 0, said.err
    report = AuditReport.from_json(out / "audit.json")
    assert not report.data["settings"]["prefit"]
    assert report.scenarios == ["town == Ulm", "fraction:0.1"]


@pytest.mark.parametrize(("words", "n_oracles"), [((), 10), (("--repeats", "4"), 3)])
def test_a_table_that_is_audited_once_is_compared_with_more_oracles(run, words, n_oracles):
    own = (*OWN, "--estimator", "GaussianNB", "--forget", "town == Ulm", "--attack", "loss")
    code, said, _ = run("audit", *own, *words, "--dry-run")
    assert code == 0, said.err
    assert f"oracles: {n_oracles * (4 if words else 1)}\n" in said.out


def test_rows_of_a_table_are_made_bad_and_the_report_says_what_they_cost(run):
    text = "corrupt:label_flip:0.4:known=0.5"
    own = (*OWN, "--estimator", "DecisionTreeClassifier", "--attack", "loss", "--oracles", "2")
    code, said, out = run("audit", *own, "--forget", text)
    assert code == 0, said.err
    report = AuditReport.from_json(out / "audit.json")
    told = report[text]["corruption"]
    assert 2 * told["n_known"] == pytest.approx(told["n_bad"], abs=1)
    assert "What the bad rows did" in (out / "audit.html").read_text()
    code, said, _ = run("audit", *FITTED, "--forget", text)
    assert code == 2
    assert "Leave prefit out; or train it on the rows of" in said.err


def test_row_numbers_of_a_file_are_not_learned_from_and_an_id_may_be_called_na(run, files):
    table = pd.read_csv(files / "clients.csv").assign(client=[f"{i}" for i in range(239)] + ["NA"])
    table.to_csv(files / "numbered.csv")
    words = ("--data", "numbered.csv", "--target", "churn", "--id", "client")
    code, said, out = run(
        "audit", *words, "--estimator", "DecisionTreeClassifier", "--forget", "ids:NA,7",
        "--attack", "loss", "--oracles", "1", "--test-size", "0.2", "--seed", "1",
    )  # fmt: skip
    assert code == 0, said.err
    report = AuditReport.from_json(out / "audit.json")
    assert report.data["settings"]["n_features"] == 4
    table.assign(client=table.client.where(table.index > 3)).to_csv(files / "gaps.csv", index=False)
    code, said, _ = run("attack", "--data", "gaps.csv", *words[2:])
    assert (code, "--id 'client' is empty in 4 rows" in said.err) == (2, True)
    code, said, _ = run("attack", *words[:4], "--id", "churn")
    assert (code, "--id and --target are both 'churn'" in said.err) == (2, True)


def test_the_default_for_a_table_is_a_circuit(run):
    code, said, out = run("attack", *OWN, "--attack", "loss", "--test-size", "0.8")
    assert code == 0, said.err
    report = LeakageReport.from_json(out / "leakage.json")
    assert report.data["settings"]["estimator"]["name"].endswith("QNNClassifier")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "clients.csv"], "--target COLUMN"),
        (["--data", "none.csv", "--target", "churn"], "none.csv cannot be read"),
        (["--data", "clients.csv", "--target", "chrn"], "'chrn' is no column"),
        ([*OWN, "--model", "rf.joblib", "--train", "split == train"], "--trust"),
        ([*OWN, "--model", "rf.joblib", "--trust"], "which rows it was trained on"),
        ([*OWN, "--model", "none.skops", "--train", "fraction:0.5"], "none.skops"),
        ([*OWN, "--estimator", "RandomForest"], "Did you mean 'RandomForestClassifier'"),
        ([*OWN[:4], "--model", "rf.skops", "--train", "ids:ids.txt"], "needs --id COLUMN"),
        ([*FITTED, "--test", "unseen.csv"], "exclude each other"),
        ([*FITTED, "--estimator", "SVC"], "exclude each other"),
        ([*OWN, "--model", "rf.skops", "--train", "splt == train"], "Did you mean 'split'"),
        (["--target", "churn"], "needs --data FILE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_trained(run, words, message):
    code, said, out = run("attack", *words)
    assert code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not out.exists()


def test_options_of_own_files_are_refused_without_any(run):
    code, said, _ = run("audit", "--target", "churn")
    assert (code, "--target goes with --data" in said.err) == (2, True)
    code, said, _ = run("audit", "--model", "rf.joblib")
    assert (code, "goes with --data" in said.err) == (2, True)
    code, said, _ = run("audit", *OWN)
    assert (code, "--data needs --forget" in said.err) == (2, True)


def test_attacks_can_be_listed(run):
    code, said, _ = run("audit", "--attack", "list")
    assert code == 0
    assert "lira: " in said.out
    assert "RMIAAttack" in said.out


def test_ids_of_a_text_file_stay_as_they_are_written(tmp_path):
    path = tmp_path / "clients.csv"
    for written, kept in (
        (["007", "7", "1"], ["007", "7", "1"]),
        (["1e5", "100000", "3"], ["1e5", "100000", "3"]),
        (["7", "8", "9"], [7, 8, 9]),
    ):
        rows = [f"{who},{row},{row % 2}" for row, who in enumerate(written)]
        path.write_text("\n".join(["client,x,churn", *rows]))
        table = own_table(SimpleNamespace(data=path, test=None, target="churn", id="client"))
        assert table.ids.tolist() == kept
        assert table.mask_of(f"ids:{written[1]}", "--forget").tolist() == [False, True, False]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_with_other_marks_is_told_from_one_without_the_column(tmp_path, mark):
    path = tmp_path / "clients.csv"
    path.write_text("\n".join(mark.join(row) for row in ("ax", "b1", "c0")))
    with pytest.raises(UsageError, match="other marks than commas"):
        own_table(SimpleNamespace(data=path, test=None, target="x", id=None))
