"""Models in files: they come back whole, can still forget, and a stranger's file does no harm.

This file looks inside, at the list of trusted types.
"""

import io
import json
import pickle
import zipfile

import joblib
import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skqmu
from skqmu import (
    HybridQNNClassifier,
    QNNClassifier,
    ShardedClassifier,
    UnlearningClassifier,
    load,
    save,
    unlearning,
)
from skqmu._same_state import same_state
from skqmu._trusted_types import is_trusted
from skqmu.backends import AerBackend
from skqmu.privacy import DifferentialPrivacy
from skqmu.unlearning import SCRUB

KEY = b"k" * 32
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
y = (X[:, 0] + 0.3 * RNG.normal(size=40) > 0).astype(int)


def qnn(**params):
    return QNNClassifier(
        **{"n_qubits": 3, "n_layers": 1, "max_iter": 2, "random_state": 0} | params
    )


MODELS = {
    "rows": qnn(),
    "fingerprints": qnn(store_data="fingerprints"),
    "none": qnn(store_data="none"),
    "ids": qnn(),
    "hashed ids": qnn(store_data="fingerprints"),
    "update log": qnn(log_updates=True),
    "importances": qnn(store_data="none", unlearning="selective_dampening"),
    "class weights": qnn(class_weight={0: 2.0, 1: 1.0}, early_stopping=True),
    "linear loss": qnn(loss="linear"),
    "minimizer": qnn(solver="cobyla"),
    "shots": qnn(backend=AerBackend(shots=32), max_iter=1),
    "strategy": qnn(unlearning=SCRUB(max_iter=1)),
    **{head: qnn(trainable="head", head=head) for head in ("ridge", "logistic")},
    "noisy objective": qnn(trainable="head", head="logistic", objective_noise=1.0),
    "private": qnn(privacy=DifferentialPrivacy(delta=1e-3, classes="public")),
    "hybrid": HybridQNNClassifier(max_iter=1, random_state=0),
    "shards": ShardedClassifier(qnn(), n_shards=2, random_state=0),
    "experiment": UnlearningClassifier(qnn(), n_oracles=1, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), qnn()),
    "forest": RandomForestClassifier(10, random_state=0),
    "search": GridSearchCV(qnn(), {"max_iter": [1, 2]}, cv=2),
    "calibrated": CalibratedClassifierCV(qnn(), cv=2),
}


def fitted(name):
    how = {}
    if "ids" in name:
        how["ids"] = [f"p{row // 2}" for row in range(40)]
    if name in ("fingerprints", "hashed ids"):
        how["fingerprint_key"] = KEY
    if name == "experiment":
        how["forget"] = np.arange(40) < 3
    return MODELS[name].fit(X, y, **how)


def request(name):
    """What a request for two rows takes beside them."""
    if name in ("fingerprints", "hashed ids"):
        kept = {"X_retain": np.delete(X, [10, 11], 0), "y_retain": np.delete(y, [10, 11])}
        ids = {"ids": ["p5"]} if name == "hashed ids" else {}
        return {**kept, **ids, "fingerprint_key": KEY}
    if name == "none":
        return {
            "y_forget": y[10:12],
            "X_retain": np.delete(X, [10, 11], 0),
            "y_retain": np.delete(y, [10, 11]),
        }
    return {"y_forget": y[10:12]}


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_from_skops_whole_and_can_still_forget(name, tmp_path):
    model = fitted(name)
    assert save(model, tmp_path / "model.skops") == []
    back = load(tmp_path / "model.skops")
    assert same_state(pickle.loads(pickle.dumps(model)), back) is None
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    if name in ("forest", "search", "calibrated"):
        return
    for each in (model, back):
        skqmu.unlearn(each, X[10:12], **request(name))
    if name != "private":  # whose noise is drawn anew
        np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    assert save(back, tmp_path / "again.skops") == []
    again = load(tmp_path / "again.skops")
    assert same_state(pickle.loads(pickle.dumps(back)), again) is None
    if name == "ids":
        back.unlearn(ids=["p7"])
        assert not back.is_member(X[14:16]).any()


@pytest.mark.parametrize("ending", [".joblib", ".pkl", ".pickle"])
def test_pickles_are_read_for_those_who_trust_them_alone(ending, tmp_path):
    path = tmp_path / f"model{ending}"
    model = qnn().fit(X, y)
    assert save(model, path) == []
    with pytest.raises(ValueError, match=f"{ending} file runs what is in it .* trust=True"):
        load(path)
    with pytest.raises(ValueError, match="runs what is in it"):
        load(path, trust=["skqmu.classifiers._qnn.QNNClassifier"])
    np.testing.assert_array_equal(load(path, trust=True).predict(X), model.predict(X))


def test_what_joblib_and_skops_wrote_themselves_is_read(tmp_path):
    import skops.io

    forest = RandomForestClassifier(3, random_state=0).fit(X, y)
    joblib.dump(forest, tmp_path / "a.joblib")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(forest))
    skops.io.dump(forest, tmp_path / "c.skops")
    for name, trust in (("a.joblib", True), ("b.pkl", True), ("c.skops", False)):
        back = load(tmp_path / name, trust=trust)
        np.testing.assert_array_equal(back.predict_proba(X), forest.predict_proba(X))


def test_skops_reads_what_save_wrote(tmp_path):
    import skops.io

    save(qnn().fit(X, y), tmp_path / "model.skops")
    named = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert isinstance(skops.io.load(tmp_path / "model.skops", trusted=named), QNNClassifier)


# --- what cannot be held, and what is not trusted -------------------------------------------


def a_model_with_torch():
    torch = pytest.importorskip("torch")
    front_end = torch.nn.Linear(3, 8).double()
    return HybridQNNClassifier(front_end=front_end, max_iter=1, random_state=0)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (a_model_with_torch, "HybridQNNClassifier: front_end._parameters.weight, a Parameter,"),
        (
            lambda: qnn(n_layers=None, ansatz=real_amplitudes(3, reps=1)),
            "QNNClassifier: ansatz",
        ),
    ],
    ids=["torch", "circuit"],
)
def test_what_skops_cannot_hold_is_named_and_nothing_is_written(make, part, tmp_path):
    model = make().fit(X, y)
    path = tmp_path / "model.skops"
    path.write_bytes(b"older")
    with pytest.raises(TypeError, match=rf"{part}.* cannot be held in a \.skops file.*\.joblib"):
        save(model, path)
    assert path.read_bytes() == b"older"
    assert [each.name for each in tmp_path.iterdir()] == ["model.skops"]
    save(model, tmp_path / "model.joblib")
    back = load(tmp_path / "model.joblib", trust=True)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


class Strange(FunctionTransformer):
    """A stranger's class."""


class Forgetful:
    """What comes back from its state as something else."""

    def __init__(self):
        self.word = "here"

    def __getstate__(self):
        return {"word": self.word}

    def __setstate__(self, state):
        vars(self).update(state)

    def __reduce__(self):
        return object.__new__, (Forgetful,), {"word": self.word, "more": 1}


def test_what_would_come_back_as_another_model_is_refused(tmp_path):
    model = RandomForestClassifier(2, random_state=0).fit(X, y)
    model.remark_ = Forgetful()
    with pytest.raises(TypeError, match=r"another model \(at .*remark_.*more"):
        save(model, tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_keys_that_json_has_not_are_refused_not_changed(tmp_path):
    model = RandomForestClassifier(2, random_state=0).fit(X, y)
    model.remark_ = {False: "no", True: "yes"}
    with pytest.raises(TypeError, match="another model"):
        save(model, tmp_path / "model.skops")


def test_types_of_strangers_are_named_with_the_way_out(tmp_path):
    path = tmp_path / "model.skops"
    model = make_pipeline(Strange(), StandardScaler(), RandomForestClassifier(2)).fit(X, y)
    needed = save(model, path)
    assert needed == [f"{Strange.__module__}.Strange"]
    for trust in (False, True, ["other.Type"]):
        with pytest.raises(ValueError, match=r"not trusted by themselves: .*Strange.*trust=\["):
            load(path, trust=trust)
    np.testing.assert_array_equal(load(path, trust=needed).predict(X), model.predict(X))


def test_what_deletes_or_connects_is_trusted_by_name_alone(tmp_path):
    path = tmp_path / "model.skops"
    model = qnn(checkpoint=str(tmp_path / "run.ckpt")).fit(X, y)
    assert save(model, path) == ["skqmu._owned.OwnedFile"]
    with pytest.raises(ValueError, match=r"OwnedFile .the next request deletes the checkpoint"):
        load(path)
    assert load(path, trust=["skqmu._owned.OwnedFile"]).is_member(X).all()
    memory = UnlearningClassifier(qnn(), memory=str(tmp_path / "cache"), random_state=0)
    with pytest.warns(skqmu.exceptions.UnlearningWarning, match="nothing was forgotten"):
        memory.fit(X, y, forget=np.zeros(40, dtype=bool))
    assert "joblib.memory.MemorizedResult" in save(memory, path)
    assert not is_trusted("skqmu.backends.runtime._runtime.RuntimeBackend")


def test_our_own_types_are_trusted_by_what_they_are_not_by_their_name():
    assert is_trusted("skqmu.unlearning._distill.SCRUB")
    assert all(
        is_trusted(f"{each.__module__}.{each.__qualname__}")
        for each in unlearning.STRATEGIES.values()
    )
    for name in ("_files.write_whole", "classifiers._qnn.Anything", "utils.show_versions"):
        assert not is_trusted(f"skqmu.{name}")
    for name in ("builtins.eval", "os.system", "joblib.numpy_pickle.load"):
        assert not is_trusted(name)


def test_a_planted_call_is_named_and_not_made(tmp_path):
    import skops.io

    path = tmp_path / "model.skops"
    data = skops.io.dumps({"a": qnn()})
    schema = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("schema.json"))
    planted = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    planted["content"] = {"module_path": "os", "function": "system"}
    schema["content"]["a"] = {**planted, "__id__": 10**9}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    with pytest.raises(ValueError, match=r"os\.system"):
        load(path, trust=True)


@pytest.mark.parametrize(
    ("field", "value"), [("left_child", 10**6), ("right_child", 0), ("feature", 99)]
)
def test_trees_that_lead_out_of_themselves_are_refused(field, value, tmp_path):
    path = tmp_path / "model.skops"
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    tree = forest.estimators_[0].tree_
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    nodes[field][0] = value
    tree.__setstate__({**state, "nodes": nodes})
    save(forest, path)
    with pytest.raises(ValueError, match="holds a decision tree that"):
        load(path)


# --- versions, damage, arguments ------------------------------------------------------------


def with_manifest(path, **changes):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(members["skqmu.json"])
    members["skqmu.json"] = json.dumps(told | changes).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return told


def test_other_versions_are_told(tmp_path):
    path = tmp_path / "model.skops"
    save(qnn().fit(X, y), path)
    told = with_manifest(path)
    assert set(told["versions"]) == {"skqmu", "scikit-learn", "numpy"}
    with_manifest(path, versions=told["versions"] | {"numpy": "1.0"})
    with pytest.warns(UserWarning, match=r"written with numpy 1\.0 \(here "):
        load(path)
    with_manifest(path, version=2)
    with pytest.raises(ValueError, match="model file of version 2; this skqmu reads 1"):
        load(path)


def test_a_state_of_another_format_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    model = qnn().fit(X, y)
    with monkeypatch.context() as then:
        then.setattr("skqmu.classifiers.state._attributes._FORMAT", 2)
        save(model, path)
    with pytest.raises(ValueError, match="state format 2; this version reads 3"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all" * 100])
def test_damaged_files_are_named(content, tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is no \.skops file, or is damaged"):
        load(path)


def test_a_cut_file_is_named(tmp_path):
    path = tmp_path / "model.skops"
    save(RandomForestClassifier(2).fit(X, y), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.skops' is no .skops file, or is damaged"):
        load(path)


def test_arguments_are_checked(tmp_path):
    for name in ("model", "model.h5", "model.skop"):
        with pytest.raises(ValueError, match=r"has the ending .*; allowed: \.skops, \.joblib"):
            save(qnn(), tmp_path / name)
        with pytest.raises(ValueError, match="has the ending"):
            load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        save(qnn(), tmp_path / "nowhere" / "model.skops")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "model.skops")
    for trust in ("a.B", [1]):
        with pytest.raises(TypeError, match="trust="):
            load(tmp_path / "model.skops", trust=trust)


def test_without_skops_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skops.io", None)
    with pytest.raises(ImportError, match=r"pip install 'skqmu\[skops\]'"):
        save(qnn(), tmp_path / "model.skops")


def test_histogram_boosting_needs_one_name(tmp_path):
    path = tmp_path / "model.skops"
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, y)
    needed = save(model, path)
    assert [name.rpartition(".")[2] for name in needed] == ["TreePredictor"]
    np.testing.assert_array_equal(load(path, trust=needed).predict(X), model.predict(X))
