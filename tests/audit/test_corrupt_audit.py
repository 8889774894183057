"""Audits of corrupted rows: planted damage is found, and undone by those who can."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skqmu import QNNClassifier, ShardedClassifier, audit
from skqmu.audit import AuditReport
from skqmu.datasets import make_memorisation

ALL, HALF, PLAIN = "corrupt:label_flip:0.4", "corrupt:label_flip:0.4:known=0.5", "fraction:0.2"
CONFUSED = "corrupt:confusion:0.6:classes=0,2"
X, Y = make_memorisation(600, label_noise=0, bayes_error=0.02, n_classes=3, random_state=0)


class Memory(KNeighborsClassifier):
    """Knows rows by heart; it forgets them, pretends to, or throws good rows away with them."""

    def __init__(self, n_neighbors=3):
        super().__init__(n_neighbors)

    def fit(self, X, y):
        self.rows_, self.labels_ = X, y
        return super().fit(X, y)

    def unlearn(self, X_forget, y_forget=None, *, strategy="retrain"):
        gone = (self.rows_[:, None] == X_forget).all(axis=2).any(axis=1)
        if strategy == "pretend":
            return self
        if strategy == "too much":  # nearly all of one class, too
            gone |= (self.labels_ == 0) & (np.arange(len(gone)) % 30 > 0)
        return self.fit(self.rows_[~gone], self.labels_[~gone])


MECHANISMS = ("retrain", "pretend", "too much")


@pytest.fixture(scope="module")
def report():
    return audit(
        Memory(), X, Y, forget=[ALL, HALF, PLAIN, CONFUSED], mechanisms=MECHANISMS,
        attacks=("loss", "lira"), n_shadows=4, random_state=0,
    )  # fmt: skip


def left(report, scenario, model):
    return report.model(scenario, model)["corrective"]


def test_who_is_untouched_undoes_nothing_and_who_retrains_all_of_it(report):
    for name in ("original", "pretend"):
        found = left(report, ALL, name)
        assert found["undone"]["without_bad"]["value"] == 0
        assert found["undone"]["clean"]["value"] == 0
        assert found["verdict"] == "left"
        assert found["false_forgetting"]["value"] == 0
    for name in ("oracle 1", "oracle 2", "retrain"):  # neighbours have no seed
        assert left(report, ALL, name)["undone"]["without_bad"]["value"] == 1
    assert left(report, ALL, "retrain")["verdict"] == "undone"
    assert "verdict" not in left(report, ALL, "oracle 1")
    damage = report[ALL]["corruption"]["damage"]
    assert damage["without_bad"]["low"] > 0.1
    assert left(report, ALL, "retrain")["recovered"]["value"] == damage["without_bad"]["value"]


def test_good_rows_that_are_thrown_away_are_false_forgetting(report):
    careful, careless = (left(report, ALL, name) for name in ("retrain", "too much"))
    assert careless["false_forgetting"]["low"] > careful["false_forgetting"]["high"]
    assert report.model(ALL, "too much")["verdict"]["level"] == "differs"


def test_a_known_half_leaves_a_part_of_the_damage_and_retraining_is_no_better(report):
    told = report[HALF]["corruption"]
    assert told["known"] == pytest.approx(0.5, abs=0.01)
    assert told["n_known"] == report[HALF]["n_forget"] < told["n_bad"]
    for name in ("retrain", "oracle 1"):
        share = left(report, HALF, name)["undone"]["without_bad"]
        assert 0 < share["low"] < share["high"] < 1
    assert left(report, HALF, "retrain")["verdict"] == "part"
    assert report.model(HALF, "retrain")["verdict"]["level"] == "indistinguishable"
    names = [model["name"] for model in told["undamaged"]]
    assert names == [f"without bad rows {i}" for i in (1, 2, 3)] + [
        f"clean rows {i}" for i in (1, 2, 3)
    ]
    # the models without any bad row are the oracles of the request for all of them
    assert told["undamaged"][0]["accuracy"] == left(report, ALL, "oracle 1")["accuracy"]


def test_the_same_rows_are_bad_whatever_is_known_and_one_original_is_trained_on_them(report):
    whole, half = (report[name]["corruption"] for name in (ALL, HALF))
    assert whole["n_bad"] == half["n_bad"] == round(0.4 * report.data["settings"]["n_train"])
    assert left(report, ALL, "original")["accuracy"] == left(report, HALF, "original")["accuracy"]
    assert (
        left(report, CONFUSED, "original")["accuracy"] != left(report, ALL, "original")["accuracy"]
    )


def test_a_request_beside_it_is_about_rows_as_they_were_given(report):
    requests = ["fraction:0.1", "fraction:0.3", PLAIN]
    alone = audit(
        Memory(), X, Y, forget=requests, mechanisms="retrain", attacks="loss", n_oracles=1,
        random_state=0,
    )  # fmt: skip
    assert "corruption" not in report[PLAIN]
    for name in ("original", "retrain"):
        ours, theirs = (each.model(PLAIN, name)["accuracy"] for each in (report, alone))
        assert ours == theirs


def test_confusion_is_judged_on_its_classes_and_the_others_are_told_apart(report):
    told = report[CONFUSED]["corruption"]
    assert told["classes"] == [0, 2]
    assert told["n_affected"] + told["n_others"] == report.data["settings"]["n_test"]
    original, retrain = (left(report, CONFUSED, name) for name in ("original", "retrain"))
    assert original["accuracy"]["high"] < 0.7
    assert original["accuracy_others"]["low"] > 0.8
    assert retrain["accuracy"]["low"] > original["accuracy"]["high"]


def test_attacks_compare_with_unseen_bad_rows_and_find_nothing_in_retrained_models(report):
    """Clean held-out rows would be told from bad ones by any model that knows the classes."""
    for name in (ALL, CONFUSED):
        scenario = report[name]
        assert scenario["n_nonmembers"] <= scenario["corruption"]["n_bad_held_out"]
        for model in scenario["models"]:
            low, high = model["attacks"]["loss"]["auc_interval"]
            if model["role"] == "oracle" or model["name"] == "retrain":
                assert low < 0.5 < high
            elif model["name"] in ("original", "pretend"):
                assert low > 0.5
    # held-out bad rows have labels that a good model calls wrong, as forgotten ones
    oracle = report.model(ALL, "oracle 1")
    assert oracle["accuracy"]["forget"]["value"] < 0.2
    assert oracle["accuracy"]["test"]["value"] > 0.85
    assert oracle["loss"]["held_out"]["value"] > 5


def test_every_way_out_tells_of_it_and_reads_it_again(report, tmp_path):
    report.to_json(tmp_path / "audit.json")
    again = AuditReport.from_json(tmp_path / "audit.json")
    assert again.same_numbers(report)
    first = AuditReport({**report.data, "scenarios": report.data["scenarios"][:1]})
    page, text = first.to_html(), first.to_markdown()
    sentence = left(report, ALL, "retrain")["sentence"]
    assert sentence.startswith("No damage is shown to be left: 1.00")
    for told in (page, text.replace("\\", ""), first.to_model_card().replace("\\", "")):
        assert sentence in told
    assert "What the bad rows did" in page
    assert "Corrective Machine Unlearning" in page
    frame = report.to_frame().set_index(["scenario", "model"])
    assert frame.loc[(ALL, "retrain"), "undone_without_bad"] == 1
    assert frame.loc[(ALL, "pretend"), "false_forgetting_high"] < 0.05
    assert np.isnan(frame.loc[(PLAIN, "retrain"), "recovered"])
    assert frame.loc[(CONFUSED, "retrain"), "clean_accuracy_others"] > 0.8


def test_a_strange_corrective_part_is_refused(report):
    data = json.loads(json.dumps(report.data))
    data["scenarios"][0]["models"][0]["corrective"]["verdict"] = "splendid"
    with pytest.raises(ValueError, match=r"models\[0\].corrective.verdict"):
        AuditReport(data)


QUICK = {"attacks": "loss", "n_oracles": 2, "random_state": 3}


def test_it_is_done_again_from_the_report_alone():
    asked = {"forget": {"flips": "corrupt:feature_noise:0.5:known=0.4"}, **QUICK}
    first = audit(GaussianNB(), X, Y, **asked)
    assert first.rerun(X, Y).same_numbers(first)
    assert not audit(GaussianNB(), X, Y, **{**asked, "random_state": 4}).same_numbers(first)


def test_repeats_draw_other_bad_rows_and_end_in_one_verdict():
    asked = {"attacks": "loss", "n_oracles": 2, "mechanisms": MECHANISMS[:2]}
    report = audit(Memory(), X, Y, forget=ALL, repeats=3, random_state=0, **asked)
    assert report[ALL]["repeats"]["n"] == 3
    assert report.model(ALL, "pretend")["verdict"]["level"] == "differs"
    assert left(report, ALL, "pretend")["verdict"] == "left"


def test_what_was_kept_is_found_again(tmp_path):
    asked = {"forget": HALF, "memory": tmp_path, **QUICK}
    first = audit(Memory(), X, Y, mechanisms="retrain", **asked)
    assert audit(Memory(), X, Y, mechanisms="retrain", **asked).same_numbers(first)


def test_a_dry_run_counts_every_world_and_the_models_without_the_damage():
    steps = audit(
        GaussianNB(), X, Y, forget=[ALL, HALF, PLAIN], n_shadows=4, random_state=0, dry_run=True
    )
    assert steps["original"] == 2  # trained on bad rows, and on rows as they are
    assert steps["oracles"] == 9
    assert steps["shadows"] == 8
    assert steps["models without the damage"] == 6
    plain = audit(GaussianNB(), X, Y, forget=PLAIN, n_shadows=4, random_state=0, dry_run=True)
    assert plain["original"] == 1
    assert "models without the damage" not in plain


class OfFrames(KNeighborsClassifier):
    """Takes frames with a column of texts."""

    def fit(self, X, y):
        return super().fit(self._numbers(X), y)

    def predict_proba(self, X):
        return super().predict_proba(self._numbers(X))

    def _numbers(self, X):
        return X.assign(town=X["town"].map({"Basel": 0, "Bern": 3, "Chur": 6})).to_numpy()


def test_frames_with_texts_and_labels_of_texts():
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["town"] = np.array(["Basel", "Bern", "Chur"])[Y]
    labels = np.array(["ash", "beech", "oak"])[Y]
    requests = ["corrupt:feature_noise:0.4", "corrupt:confusion:0.5:classes=ash,oak"]
    report = audit(OfFrames(3), frame, labels, forget=requests, **QUICK)
    told = report[requests[1]]["corruption"]
    assert told["classes"] == ["ash", "oak"]
    assert left(report, requests[1], "retrain")["verdict"] == "undone"
    noise = report[requests[0]]["corruption"]
    assert noise["noise"] == "columns"
    assert noise["n_bad_held_out"] > 0.9 * 0.4 * 180


@pytest.mark.parametrize(
    ("model", "mechanisms"),
    [
        (QNNClassifier(n_qubits=2, n_layers=1, max_iter=5), ("retrain", "gradient_ascent")),
        (ShardedClassifier(KNeighborsClassifier(3), n_shards=3), "default"),
    ],
    ids=["qnn", "sharded"],
)
def test_classifiers_that_forget_are_audited_alike(model, mechanisms):
    rows, labels = X[Y < 2][:120, :2], Y[Y < 2][:120]
    report = audit(model, rows, labels, forget=ALL, mechanisms=mechanisms, **QUICK)
    shown = [m for m in report[ALL]["models"] if m["role"] == "mechanism"]
    assert all(m["status"] == "ok" for m in shown)
    assert all(set(m["corrective"]["undone"]) == {"without_bad", "clean"} for m in shown)


def test_one_oracle_shows_values_without_intervals():
    report = audit(Memory(), X, Y, forget=ALL, mechanisms="retrain", **{**QUICK, "n_oracles": 1})
    found = left(report, ALL, "retrain")
    assert found["undone"]["without_bad"] == {"value": 1.0, "low": None, "high": None} | {
        "n": report[ALL]["corruption"]["n_affected"]
    }
    assert found["verdict"] == "unresolved"
    report.to_html()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"forget": "corrupt:label_flip:1.5"}, "rate='1.5'"),
        ({"forget": "corrupt:label_flip:0.0001"}, "raise the rate"),
        ({"forget": "corrupt:label_flip:0.9", "y": (Y > 1).astype(int)}, "balanced=no"),
        ({"forget": "corrupt:label_flip:1"}, "covers all 420 training rows"),
        ({"forget": "corrupt:confusion:0.5:classes=0,9"}, r"forget\[.*there is no class '9'"),
    ],
)
def test_what_cannot_be_made_bad_is_said_before_anything_is_trained(options, message):
    asked = {"forget": ALL, "y": Y, **QUICK, **options}
    with pytest.raises(ValueError, match=message):
        audit(GaussianNB(), X, **asked)


def test_a_model_that_was_handed_over_has_learned_its_rows_already():
    with pytest.raises(ValueError, match=r"Leave prefit out; or train it on the rows of"):
        audit(
            GaussianNB().fit(X[:300], Y[:300]), X[:300], Y[:300], X_test=X[300:], y_test=Y[300:],
            forget=ALL, prefit=True, **QUICK,
        )  # fmt: skip


def test_bad_rows_are_no_request_of_a_sequence():
    with pytest.raises(ValueError, match=r"sequence of rows of data\.bad"):
        audit(GaussianNB(), X, Y, forget=[ALL, PLAIN], sequential=True, dry_run=True, **QUICK)
