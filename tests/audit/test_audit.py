"""`audit` end to end: what it finds, what it leaves alone, what it refuses.

This file looks inside.
"""

import inspect
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import skqmu
import skqmu.attacks
from skqmu import QNNClassifier, ShardedClassifier
from skqmu.attacks import ThresholdAttack
from skqmu.audit import AuditReport, audit
from skqmu.audit._attacks import ATTACKS
from skqmu.backends import AerBackend
from skqmu.datasets import make_memorisation
from skqmu.unlearning import Amnesiac, GradientAscent

X, Y = load_iris(return_X_y=True)
NOISY = make_memorisation(400, 4, bayes_error=0.05, label_noise=0.3, random_state=0)


def levels(report, scenario):
    return {
        model["name"]: model["verdict"]["level"]
        for model in report[scenario]["models"]
        if "verdict" in model
    }


# --- what it finds ----------------------------------------------------------------------


def test_a_mechanism_that_only_pretends_is_found_out_and_retraining_is_not(forest):
    report = audit(
        forest, *NOISY, forget="fraction:0.3", mechanisms=("retrain", "pretend"),
        attacks=("loss", "lira"), n_shadows=8, n_oracles=4, test_size=0.4, random_state=0,
    )  # fmt: skip
    assert levels(report, "fraction:0.3")["original"] == "differs"
    assert levels(report, "fraction:0.3")["pretend"] == "differs"
    assert levels(report, "fraction:0.3")["retrain"] in ("unresolved", "indistinguishable")
    assert report.attack("fraction:0.3", "pretend", "loss").auc > 0.6
    assert abs(report.attack("fraction:0.3", "retrain", "loss").auc - 0.5) < 0.12
    pretend = report.model("fraction:0.3", "pretend")
    assert pretend["kind"] == "approximate"
    assert pretend["cost"]["gradient_rows"] == report["fraction:0.3"]["n_forget"]
    assert "the loss attack has AUC" in pretend["verdict"]["sentence"]


def test_exact_retraining_is_seldom_called_different():
    """At level .95 for the family, 20 audits should raise about one false alarm."""
    flagged = 0
    for seed in range(20):
        data = make_memorisation(120, 4, label_noise=0.2, random_state=seed)
        report = audit(
            DecisionTreeClassifier(max_features=2), *data, forget="fraction:0.3",
            attacks="loss", n_oracles=4, random_state=seed,
        )  # fmt: skip
        flagged += levels(report, "fraction:0.3")["retrain"] == "differs"
    # more than 5 of 20 has probability 3e-4 at a true rate of 1 in 20
    assert flagged <= 5


def test_removing_a_class_pads_the_oracles_that_never_heard_of_it(forest):
    report = audit(forest, X, Y, forget="class:0", attacks="loss", random_state=0,
                   mechanisms="retrain")  # fmt: skip
    scenario = report["class:0"]
    assert scenario["kind"] == "class"
    assert scenario["removed_classes"] == [0]
    for model in scenario["models"][1:]:
        assert model["accuracy"]["forget"]["value"] == 0
        assert model["accuracy"]["test_removed"]["value"] == 0
        assert model["accuracy"]["retain"]["value"] == 1
    assert "loss_forget" not in scenario["models"][0]["gaps"]
    assert report.model("class:0", "original")["verdict"]["level"] == "differs"


class Masks(ClassifierMixin, BaseEstimator):
    """Answers a deletion request by never again giving the forgotten class a probability."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.model_ = MLPClassifier((16,), max_iter=150, tol=1e-3, random_state=self.random_state)
        self.model_.fit(X, y)
        self.classes_ = self.model_.classes_
        self.masked_ = np.zeros(len(self.classes_), dtype=bool)
        self.unlearning_log_ = []
        return self

    def predict_proba(self, X):
        proba = self.model_.predict_proba(X)
        proba[:, self.masked_] = 0
        return proba / proba.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def unlearn(self, X_forget, y_forget):
        self.masked_ = np.isin(self.classes_, y_forget)
        self.unlearning_log_.append({"kind": "approximate"})
        return self


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("n_oracles", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_masking_the_forgotten_class_is_never_called_forgetting(seed, n_oracles):
    report = audit(Masks(), X, Y, forget="class:0", attacks=("loss", "confidence"),
                   mechanisms="default", n_oracles=n_oracles, random_state=seed)  # fmt: skip
    masked = report.model("class:0", "default")
    # it has retraining's accuracy on the forgotten rows, which is all that some papers ask
    assert masked["accuracy"]["forget"]["value"] == 0
    assert masked["verdict"]["level"] in ("differs", "unresolved")


def test_the_attack_can_only_tell_when_the_truth_can_be_told():
    """A model that cannot memorise: members and held-out rows look alike to every attack."""
    data = make_memorisation(400, 4, bayes_error=0.2, label_noise=0, random_state=3)
    report = audit(LogisticRegression(), *data, forget="fraction:0.3", random_state=1,
                   n_shadows=8, test_size=0.5)  # fmt: skip
    for attack in report.data["settings"]["attacks"]:
        low, high = report.attack("fraction:0.3", "original", attack).auc_interval
        assert low <= 0.5 <= high


# of the original alone "update", which compares it with later versions, sees nothing
@pytest.mark.parametrize("attack", sorted(ATTACKS.keys() - {"update"}))
def test_every_attack_that_can_be_asked_for_finds_what_was_memorised(forest, attack):
    report = audit(forest, *NOISY, forget="fraction:0.4", mechanisms=(), attacks=attack,
                   n_shadows=8, n_oracles=2, test_size=0.5, random_state=0)  # fmt: skip
    low, _ = report.attack("fraction:0.4", "original", attack).auc_interval
    assert low > 0.5
    for oracle in ("oracle 1", "oracle 2"):
        assert abs(report.attack("fraction:0.4", oracle, attack).auc - 0.5) < 0.15
    assert report["fraction:0.4"]["threat_models"][attack]["knows_members"] is False


def test_an_exported_attack_is_made_under_its_own_word(forest, monkeypatch):
    class MarginAttack(ThresholdAttack):
        def _values(self, proba, y):
            return np.sort(proba, axis=1)[:, -1] - np.sort(proba, axis=1)[:, -2]

    options = {"forget": "fraction:0.4", "mechanisms": (), "n_oracles": 1, "random_state": 0}
    with pytest.raises(ValueError, match="attacks='margin'"):
        audit(forest, *NOISY, attacks="margin", **options)
    known = set(ATTACKS)
    monkeypatch.setattr(skqmu.attacks, "MarginAttack", MarginAttack, raising=False)
    monkeypatch.setattr(skqmu.attacks, "__all__", [*skqmu.attacks.__all__, "MarginAttack"])
    monkeypatch.delitem(vars(ATTACKS), "_found")  # it looks once
    try:
        assert set(ATTACKS) == {*known, "margin"}
        report = audit(forest, *NOISY, attacks=("margin", "confidence"), **options)
    finally:
        vars(ATTACKS).pop("_found", None)
    margin, confidence = (
        report.attack("fraction:0.4", "original", name).auc for name in ("margin", "confidence")
    )
    # of two classes the margin is 2 p - 1 of the largest probability
    assert margin == pytest.approx(confidence)


def test_the_manual_names_every_attack():
    text = inspect.getdoc(audit)
    assert not [name for name in ATTACKS if f'"{name}"' not in text]


@pytest.mark.parametrize("rows", [[7], [7, 90], [7, 8, 90]], ids=len)
def test_a_request_of_very_few_rows_gives_a_report_that_claims_nothing(rows):
    report = audit(DecisionTreeClassifier(), X, Y, forget={"few": rows}, X_test=X + 0.01,
                   y_test=Y, attacks=("loss", "lira"), n_shadows=4, random_state=0)  # fmt: skip
    assert report["few"]["n_forget"] == len(rows)
    assert set(levels(report, "few").values()) <= {"unresolved", "differs"}
    assert levels(report, "few")["retrain"] == "unresolved"
    text = report.to_table(width=80)
    assert "nan" not in text
    assert "nan" not in report.to_html().lower().replace("nanosecond", "")
    assert AuditReport.from_json(report.to_json()) == report


def test_a_single_oracle_gives_numbers_and_no_verdict(forest):
    report = audit(forest, X, Y, forget=["class:0", "fraction:0.2"], n_oracles=1, attacks="loss",
                   mechanisms="retrain", random_state=0)  # fmt: skip
    for scenario in report.scenarios:
        assert set(levels(report, scenario).values()) == {"none"}
        assert report.model(scenario, "retrain")["gaps"]["auc_loss"]["low"] is None
    assert "a single oracle does not show" in " ".join(report.to_table().split())
    assert "no verdict" in report.to_html()


def test_two_oracles_can_show_a_difference_and_never_that_there_is_none(forest):
    report = audit(forest, X, Y, forget="class:0", n_oracles=2, attacks="loss",
                   mechanisms="pretend", random_state=0)  # fmt: skip
    assert levels(report, "class:0")["pretend"] == "differs"
    assert not any(key.startswith("distance") for key in report.model("class:0", "pretend")["gaps"])
    # the very answers of the oracles, and still two of them are too few to say so
    report = audit(LogisticRegression(max_iter=500), X, Y, forget="fraction:0.2", n_oracles=2,
                   attacks="loss", mechanisms="retrain", random_state=0)  # fmt: skip
    verdict = report.model("fraction:0.2", "retrain")["verdict"]
    assert verdict["level"] == "unresolved"
    assert "use 3 or more" in verdict["sentence"]


def test_a_failing_mechanism_is_a_result_and_the_rest_goes_on(forest):
    report = audit(forest, X, Y, forget="fraction:0.2", attacks="loss", random_state=0,
                   mechanisms=("explode", "retrain"))  # fmt: skip
    failed = report.model("fraction:0.2", "explode")
    assert failed["status"] == "failed"
    assert failed["error"] == "it exploded, and nothing was changed"
    assert failed["verdict"]["level"] == "failed"
    assert report.model("fraction:0.2", "retrain")["status"] == "ok"
    assert "it exploded" in report.to_table()
    assert "it exploded" in report.to_html()


def test_variants_of_a_mechanism_are_told_apart_by_a_dict(forest):
    report = audit(forest, X, Y, forget="fraction:0.2", attacks="loss", random_state=0,
                   mechanisms={"own": "default", "again": "retrain"})  # fmt: skip
    assert set(levels(report, "fraction:0.2")) == {"original", "own", "again"}


def test_a_pipeline_is_audited_and_its_upstream_steps_are_named(forest):
    pipeline = make_pipeline(StandardScaler(), forest)
    report = audit(pipeline, X, Y, forget="class:2", mechanisms="retrain", attacks="loss",
                   random_state=0)  # fmt: skip
    notes = " ".join(report.model("class:2", "retrain")["notes"])
    assert "standardscaler were fitted on the forgotten rows too" in notes
    assert report.model("class:2", "retrain")["accuracy"]["forget"]["value"] == 0


# --- what it leaves alone ---------------------------------------------------------------


def test_results_depend_on_the_seed_alone_and_the_estimator_stays_unfitted(forest):
    state = pickle.dumps(np.random.get_state())  # noqa: NPY002
    kwargs = {"forget": ["class:0", "fraction:0.2"], "n_shadows": 4, "mechanisms": "retrain"}
    first, second = (
        audit(forest, X, Y, random_state=7, n_jobs=n_jobs, **kwargs) for n_jobs in (1, 2)
    )
    other = audit(forest, X, Y, random_state=8, **kwargs)
    assert numbers(first) == numbers(second)
    assert numbers(first) != numbers(other)
    assert not hasattr(forest, "classes_")
    assert forest.random_state == 0
    assert state == pickle.dumps(np.random.get_state())  # noqa: NPY002


def numbers(report):
    """Return what must be reproducible: everything but times."""
    scenarios = json.loads(json.dumps(report.data["scenarios"]))
    for scenario in scenarios:
        for model in scenario["models"]:
            model.pop("cost")
    return scenarios


def test_a_fitted_estimator_is_cloned_and_not_touched(forest):
    fitted = clone(forest).fit(X, Y)
    inner = fitted.forest_
    audit(fitted, X, Y, forget="fraction:0.2", attacks="loss", mechanisms="retrain", random_state=0)
    assert fitted.forest_ is inner
    assert fitted.unlearning_log_ == []
    assert len(fitted.y_) == 150


def test_labels_of_any_kind(forest):
    for y in (np.array(["red", "green", "blue"])[Y], Y - 1, Y == 0, Y.astype(float)):
        report = audit(forest, X, y, forget="fraction:0.3", attacks="loss",
                       mechanisms="retrain", random_state=0)  # fmt: skip
        AuditReport.from_json(report.to_json()).to_table()
    report = audit(forest, X, np.array(["red", "green", "blue"])[Y], forget="class:red",
                   attacks="loss", mechanisms="retrain", random_state=0)  # fmt: skip
    assert report["class:red"]["removed_classes"] == ["red"]


def test_masks_refer_to_the_rows_that_were_given(forest):
    mask = np.arange(150) % 5 == 0
    report = audit(forest, X, Y, forget={"every fifth": mask}, X_test=X + 0.01, y_test=Y,
                   attacks="loss", mechanisms="retrain", random_state=0)  # fmt: skip
    # row 101 and row 142 of Iris are one flower; neither is a multiple of five
    assert report["every fifth"]["n_forget"] == mask.sum()
    report = audit(forest, X, Y, forget={"every fifth": mask}, attacks="loss",
                   mechanisms="retrain", random_state=0)  # fmt: skip
    assert 10 < report["every fifth"]["n_forget"] < mask.sum()


def test_an_interrupt_keeps_the_scenarios_that_were_finished(forest, monkeypatch):
    from skqmu.audit import _audit_run

    judge = _audit_run.Judge

    def judge_once(data, scenario, *args):
        if scenario.name == "fraction:0.2":
            raise KeyboardInterrupt
        return judge(data, scenario, *args)

    monkeypatch.setattr(_audit_run, "Judge", judge_once)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        audit(forest, X, Y, forget=["class:0", "fraction:0.2"], attacks="loss",
              mechanisms="retrain", random_state=0)  # fmt: skip
    report = interrupt.value.report
    assert report.scenarios == ["class:0"]
    assert not report.data["complete"]
    assert "interrupted" in report.to_table()
    assert "interrupted" in report.to_html()


def test_a_dry_run_counts_and_trains_nothing(forest, monkeypatch):
    monkeypatch.setattr(type(forest), "fit", None)
    counts = audit(forest, X, Y, forget=["class:0", "fraction:0.2"], mechanisms="retrain",
                   n_shadows=6, n_oracles=4, dry_run=True)  # fmt: skip
    assert counts == {
        "original": 1, "oracles": 8, "mechanism runs": 2, "shadows": 6, "attacks": 36,
    }  # fmt: skip


# --- what it refuses --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"estimator": LogisticRegression}, TypeError, "is a class; pass an object"),
        ({"estimator": StandardScaler()}, TypeError, "must be a scikit-learn classifier"),
        ({"estimator": LinearSVC()}, TypeError, "no predict_proba"),
        ({"forget": "class:7"}, ValueError, "no class '7'; the classes are 0, 1, 2"),
        ({"forget": {}}, ValueError, "empty dict"),
        ({"attacks": "lirra"}, ValueError, "Did you mean 'lira'"),
        ({"attacks": ()}, ValueError, "attacks is empty"),
        ({"attacks": ("loss", "loss")}, ValueError, "names one attack twice"),
        ({"attacks": "lira", "n_shadows": 5}, ValueError, "must be even"),
        ({"attacks": "lira", "n_shadows": 2}, ValueError, "at least 4"),
        ({"n_oracles": 0}, ValueError, "at least 1: every figure stands beside"),
        ({"level": 95}, ValueError, "level=95 must lie in"),
        ({"mechanisms": "pretend"}, ValueError, "has no unlearn"),
        ({"mechanisms": ("retrain", "retrain")}, ValueError, "names one mechanism twice"),
        ({"mechanisms": {"original": "retrain"}}, ValueError, "cannot be called 'original'"),
        ({"mechanisms": {"oracle 2": "retrain"}}, ValueError, "cannot be called 'oracle 2'"),
        ({"mechanisms": {3: "retrain"}}, ValueError, "its name must be a text"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0 must be an integer other than 0"),
        ({"n_jobs": 1.5}, ValueError, "n_jobs=1.5"),
        ({"n_shadows": -2, "attacks": "loss"}, ValueError, "n_shadows=-2"),
        ({"n_oracles": 10**9}, ValueError, "more than 100000 models"),
        ({"attacks": None}, ValueError, "attacks=None must be a name"),
        ({"title": 5}, ValueError, "title=5 must be a text"),
        ({"test_size": 1.5}, ValueError, "test_size=1.5 must lie strictly between 0 and 1"),
        ({"test_size": True}, ValueError, "test_size=True"),
        ({"X_test": X}, ValueError, "y_test is missing"),
        ({"X_test": X[:, :2], "y_test": Y}, ValueError, "X_test has 2 features, X has 4"),
        ({"X_test": X + 1, "y_test": Y + 1}, ValueError, "labels that y does not: 3"),
        ({"reference_size": 2}, ValueError, "reference_size=2"),
        ({"y": np.zeros(150)}, ValueError, "single class"),
        ({"X": np.full((150, 4), np.nan)}, ValueError, "NaN"),
        ({"random_state": -1}, ValueError, "must not be negative"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(changes, error, message):
    kwargs = {"estimator": KNeighborsClassifier(), "X": X, "y": Y, "forget": "fraction:0.2"}
    with pytest.raises(error, match=message):
        audit(**{**kwargs, "dry_run": True, **changes})


def test_a_mechanism_for_a_classifier_that_takes_none_is_refused_before_anything_is_trained():
    sharded = ShardedClassifier(KNeighborsClassifier(), n_shards=3)
    with pytest.raises(ValueError, match="'retrain' was asked for, but the unlearn of Sharded"):
        audit(sharded, X, Y, forget="class:0", mechanisms=["default", "retrain"], dry_run=True)
    with pytest.raises(ValueError, match=r'store_data="fingerprints" needs a key'):
        audit(QNNClassifier(store_data="fingerprints"), X, Y, forget="class:0", dry_run=True)


HEAD = {"trainable": "head", "max_iter": 2}


@pytest.mark.parametrize(
    ("settings", "mechanism", "message"),
    [
        ({}, "amnesiac", "needs update_log data"),
        ({}, Amnesiac(), "needs update_log data"),
        ({"log_updates": True}, "amnesiac", None),
        ({}, "exact_downdate", "circuit weights"),
        ({**HEAD, "head": "ridge"}, "exact_downdate", None),
        ({**HEAD, "head": "ridge", "backend": AerBackend(shots=20)}, "exact_downdate", "sampled"),
        ({**HEAD, "head": "logistic"}, "certified_removal", "needs objective_noise"),
        ({**HEAD, "head": "logistic", "objective_noise": 1.0}, "certified_removal", None),
        ({}, GradientAscent(max_iter=-1), "max_iter"),
        ({}, "scrrub", "Did you mean 'scrub'"),
        ({"store_data": "none"}, "scrub", None),
    ],
    ids=str,
)
def test_what_a_mechanism_lacks_is_found_out_before_anything_is_trained(
    settings, mechanism, message, monkeypatch
):
    from skqmu.audit import _audit_run

    monkeypatch.setattr(_audit_run, "fit_model", pytest.fail)
    model = make_pipeline(StandardScaler(), QNNClassifier(**{"max_iter": 2, **settings}))
    request = {"forget": ["class:1", "fraction:0.1"], "mechanisms": ["retrain", mechanism]}
    if message is None:
        assert audit(model, X, Y, **request, dry_run="count")["mechanism runs"] == 4
        return
    with pytest.raises(ValueError, match=message) as caught:
        audit(model, X, Y, **request, random_state=0)
    assert str(caught.value).startswith("mechanism '")


def test_an_unknown_mechanism_is_raised_before_the_shadows_are_trained(forest, monkeypatch):
    from skqmu.audit import _shadow_models

    monkeypatch.setattr(_shadow_models, "ShadowPool", None)
    with pytest.raises(ValueError, match="strategy='retrian' is unknown"):
        audit(forest, X, Y, forget="fraction:0.2", mechanisms="retrian", random_state=0)


# --- one name, two things ---------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        "from skqmu import audit; from skqmu.audit import AuditReport",
        "from skqmu.audit import AuditReport; from skqmu import audit",
        "import skqmu.audit; audit = skqmu.audit; from skqmu.audit import AuditReport",
        "import skqmu; audit = skqmu.audit; AuditReport = skqmu.audit.AuditReport",
    ],
)
def test_audit_is_a_function_and_a_room_in_every_order_of_imports(lines):
    code = (
        f"{lines}; import skqmu, skqmu.audit as room, inspect, pickle;"
        "assert callable(audit) and room is skqmu.audit is audit;"
        "assert AuditReport is audit.AuditReport;"
        "assert 'forget' in inspect.signature(audit).parameters;"
        "assert pickle.loads(pickle.dumps(audit)) is audit;"
        "from sklearn.datasets import load_iris;"
        "from sklearn.neighbors import KNeighborsClassifier;"
        "print(audit(KNeighborsClassifier(), *load_iris(return_X_y=True), forget='class:0',"
        " dry_run=True))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "'oracles': 3" in result.stdout, result.stderr


def test_the_module_and_the_function_are_one_call():
    kwargs = {"forget": "fraction:0.2", "attacks": "loss", "dry_run": True}
    model = KNeighborsClassifier()
    assert skqmu.audit(model, X, Y, **kwargs) == audit(model, X, Y, **kwargs)
