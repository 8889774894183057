"""Whose files they are: a request deletes its model's own, and never another model's."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skqmu
from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.backends import RuntimeBackend
from skqmu.exceptions import AlreadyForgottenError, MemberRecordError, UnlearningWarning

rng = np.random.default_rng(11)
X, y = rng.normal(size=(40, 3)) + 1 / 7, np.arange(40) % 2
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda clf: pickle.loads(pickle.dumps(clf)),
    "equal fit": lambda clf: clone(clf).fit(X, y),
}


def qnn(**params):
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0, **params)


def sharded(estimator=TREE, **params):
    return ShardedClassifier(estimator, **{"n_shards": 2, "random_state": 0, **params})


def notes(clf):
    return " ".join(clf.unlearning_log_[-1]["notes"])


def numbers_in(content, rows):
    """Numbers of the rows that a file or pickle holds, in any of three spellings."""
    values = np.ravel(rows)
    return [
        value
        for value in values
        if any(
            spelling in content
            for spelling in (
                np.float64(value).tobytes(),
                np.float32(value).tobytes(),
                f"{value:.8f}".encode(),
                repr(float(value)).encode(),
            )
        )
    ]


def numbers_below(folder, rows):
    return [n for p in folder.rglob("*") if p.is_file() for n in numbers_in(p.read_bytes(), rows)]


# --- slices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
def test_unlearning_breaks_no_copy_of_a_sharded_classifier(how, tmp_path):
    clf = sharded(checkpoint_dir=tmp_path).fit(X, y)
    other = COPIES[how](clf)
    before = clf.predict_proba(X)
    clf.unlearn(index=[4, 9])
    np.testing.assert_array_equal(other.predict_proba(X), before)
    other.unlearn(index=[4, 9])
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    del other
    clf.unlearn(index=[5])
    assert clf.predict_proba(X).shape == (40, 2)


def test_a_copy_forgets_beside_its_original_and_after_it(tmp_path):
    clf = sharded(checkpoint_dir=tmp_path).fit(X, y)
    expected = sharded().fit(X, y)
    other, content = copy.deepcopy(clf), pickle.dumps(clf)
    before = clf.predict_proba(X)
    np.testing.assert_array_equal(
        other.unlearn(index=[2]).predict_proba(X), expected.unlearn(index=[2]).predict_proba(X)
    )
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    del clf
    assert not list(tmp_path.rglob("*.npz"))
    again = pickle.loads(content).unlearn(index=[2])
    np.testing.assert_array_equal(again.predict_proba(X), expected.predict_proba(X))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        KNeighborsClassifier(2),
        MLPClassifier((3,), max_iter=3, random_state=0),
        qnn(),
        make_pipeline(StandardScaler(), qnn()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_slices_of_any_estimator_are_numbers_on_disk_and_equal_those_in_memory(estimator, tmp_path):
    on_disk, in_memory = (
        sharded(estimator, checkpoint_dir=where).fit(X, y) for where in (tmp_path, None)
    )
    np.testing.assert_array_equal(on_disk.predict_proba(X), in_memory.predict_proba(X))
    on_disk.unlearn(index=[3])
    in_memory.unlearn(index=[3])
    np.testing.assert_array_equal(on_disk.predict_proba(X), in_memory.predict_proba(X))
    for path in tmp_path.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as members:
            assert {"manifest.json", "content.json"} <= set(members.files)
    np.testing.assert_array_equal(on_disk.release().predict_proba(X), in_memory.predict_proba(X))


def test_no_number_of_a_forgotten_row_stays_in_slices(tmp_path):
    clf = sharded(KNeighborsClassifier(2), n_shards=3, checkpoint_dir=tmp_path).fit(X, y)
    gone = [1, 17, 30]
    assert numbers_below(tmp_path, X[gone])
    clf.unlearn(X[gone])
    assert not numbers_below(tmp_path, X[gone])
    assert numbers_below(tmp_path, X[2:3])
    assert not numbers_in(pickle.dumps(clf), X[gone])


def test_a_request_that_fails_leaves_the_files_as_they_were(tmp_path, monkeypatch):
    clf = sharded(checkpoint_dir=tmp_path).fit(X, y)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    written = []

    def full(path, *arguments, **more):
        if len(written) == 1:
            raise OSError("no space left on device")
        written.append(path)
        return write(path, *arguments, **more)

    write = skqmu.classifiers._shards.write_packed
    monkeypatch.setattr(skqmu.classifiers._shards, "write_packed", full)
    with pytest.raises(OSError, match="no space left"):
        clf.unlearn(index=np.arange(10))
    with pytest.raises(OSError, match="no space left"):
        sharded(checkpoint_dir=tmp_path).fit(X, y)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    monkeypatch.undo()
    clf.unlearn(index=np.arange(10))


def test_the_original_of_an_experiment_outlives_what_its_copy_forgets(tmp_path):
    clf = UnlearningClassifier(sharded(checkpoint_dir=tmp_path)).fit(X, y, forget=np.arange(40) < 4)
    again = sharded().fit(X, y)
    np.testing.assert_array_equal(clf.original_.predict_proba(X), again.predict_proba(X))
    original = clf.original_
    clf.unlearn(index=[20])
    np.testing.assert_array_equal(original.predict_proba(X), again.predict_proba(X))


# --- checkpoints --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_leaves_the_checkpoint_to_its_original_and_names_it(how, tmp_path):
    path = tmp_path / "fit"
    clf = qnn(checkpoint=path).fit(X, y)
    other = COPIES[how](clf)
    keeper, guest = (other, clf) if how == "equal fit" else (clf, other)
    guest.unlearn(index=[1])
    assert path.exists()
    assert f"{path} is kept by another estimator" in notes(guest)
    keeper.unlearn(index=[1])
    assert not path.exists()
    assert "checkpoint fit was deleted" in notes(keeper)


def test_what_comes_out_of_a_pickle_deletes_the_checkpoint_that_nobody_keeps(tmp_path):
    path = tmp_path / "fit"
    content = pickle.dumps(qnn(checkpoint=path).fit(X, y))  # the original is gone
    assert path.exists()
    clf = pickle.loads(content).unlearn(index=[1])
    assert not path.exists()
    assert "checkpoint fit was deleted" in notes(clf)


def test_a_request_leaves_what_took_the_checkpoint_s_place(tmp_path):
    path = tmp_path / "fit"
    clf = qnn(checkpoint=path).fit(X, y)
    path.unlink()
    qnn(checkpoint=path).set_params(max_iter=3).fit(X, y)
    clf.unlearn(index=[1])
    assert path.exists()
    assert "is that of another fit" in notes(clf)
    clf = qnn(checkpoint=tmp_path / "other").fit(X, y)
    (tmp_path / "other").write_text("my thesis")
    clf.unlearn(index=[1])
    assert (tmp_path / "other").read_text() == "my thesis"
    assert "not the checkpoint that was written there" in notes(clf)


def test_checkpoints_of_earlier_fits_go_with_the_next_request(tmp_path):
    clf = qnn(checkpoint=tmp_path / "one").fit(X, y)
    clf.set_params(checkpoint=tmp_path / "two").fit(X, y)
    clf.unlearn(index=[1])
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_beyond_reach_is_named(tmp_path, monkeypatch):
    clf = qnn(checkpoint=tmp_path / "fit").fit(X, y)

    def refused(*arguments, **more):
        raise PermissionError("not yours")

    monkeypatch.setattr("pathlib.Path.unlink", refused)
    clf.unlearn(index=[1])
    assert f"{tmp_path / 'fit'} could not be deleted" in notes(clf)


# --- journals -----------------------------------------------------------------------------------


def test_journals_have_owners_as_checkpoints_do(tmp_path):
    backend = RuntimeBackend("fake_manila", shots=8, gradient="spsa", checkpoint_dir=tmp_path)
    clf = qnn(backend=backend).set_params(max_iter=1).fit(X[:6], y[:6])
    (journal,) = tmp_path.iterdir()
    other = copy.deepcopy(clf)
    for model in (other, clf):
        assert journal.exists()
        model.set_params(backend="statevector").unlearn(index=[1], strategy="fine_tune")
    assert "kept by another estimator" in notes(other)
    assert not journal.exists()
    model = sharded(qnn(backend=backend).set_params(max_iter=1)).fit(X[:8], y[:8])
    folders = set(tmp_path.iterdir())
    assert len(folders) == 2
    shard = model.assignment_[0][0]
    model.unlearn(index=[0])
    own = {p for p in folders if p.name == model.models_[shard][0]._fitted.noise.name}
    assert len(own) == 1
    assert set(tmp_path.iterdir()) == folders - own


def test_the_journal_of_a_shard_goes_with_all_its_slices(tmp_path):
    backend = RuntimeBackend("fake_manila", shots=8, gradient="spsa", checkpoint_dir=tmp_path)
    clf = sharded(qnn(backend=backend).set_params(max_iter=1), n_slices=2).fit(X[:8], y[:8])
    shard = clf.assignment_[0, 0]
    own, other = (clf.models_[s][0]._fitted.noise.name for s in (shard, 1 - shard))
    rows = np.flatnonzero((clf.assignment_ == [shard, 0]).all(axis=1))
    clf.unlearn(index=rows[:1])  # both slices are refitted
    assert {path.name for path in tmp_path.iterdir()} == {other}
    assert "another estimator" not in notes(clf)
    assert f"journal {own} was deleted" in notes(clf)


# --- UnlearningClassifier -----------------------------------------------------------------------


def everything(clf, seen=None):
    """Bytes and text of all that can be reached from an object's attributes."""
    return pickle.dumps(clf) + repr(vars(clf)).encode()


@pytest.mark.filterwarnings("ignore:Persisting input arguments")
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("inner", ["qnn", "sharded", "pipeline"])
def test_no_number_of_a_forgotten_row_stays_in_an_experiment(inner, masked, tmp_path):
    estimator = {
        "qnn": qnn(checkpoint=tmp_path / "fit"),
        "sharded": sharded(qnn(), checkpoint_dir=tmp_path / "slices"),
        "pipeline": make_pipeline("passthrough", qnn()),
    }[inner]
    clf = UnlearningClassifier(
        estimator, n_oracles=0 if inner == "qnn" else 2, memory=str(tmp_path / "cache")
    )
    mask = np.arange(40) < (5 if masked else 0)
    clf.fit(X, y, forget=mask if masked else None)
    asked = [12, 31]
    assert numbers_in(everything(clf), X[asked])
    assert numbers_below(tmp_path / "cache", X[asked])
    clf.unlearn(X[asked])
    gone = np.concatenate([X[mask], X[asked]])
    assert not numbers_in(everything(clf), gone)
    assert not numbers_below(tmp_path, gone)
    assert not {name for name in vars(clf) if "retain" in name or "original" in name}
    assert "experiment ended" in notes(clf)
    assert f"{3 if inner != 'qnn' else 1} entries of the cache (memory=) were deleted" in notes(clf)
    clf.unlearn(X[[13]])
    assert "experiment" not in notes(clf)


def test_rows_of_the_mask_are_dropped_when_asked_for():
    for again in (False, True):
        clf = UnlearningClassifier(qnn()).fit(X, y, forget=np.arange(40) < 4)
        if again:
            clf = pickle.loads(pickle.dumps(clf))
        params = clf.estimator_.params_
        with pytest.warns(UnlearningWarning, match="forgotten by fit"):
            clf.unlearn(X[:2])
        np.testing.assert_array_equal(clf.estimator_.params_, params)
        assert not numbers_in(everything(clf), X[:4])
        with pytest.raises(ValueError, match="forgotten"):
            clf.unlearn(X[:2])


def test_a_refused_request_keeps_the_experiment():
    clf = UnlearningClassifier(qnn()).fit(X, y, forget=np.arange(40) < 4)
    kept = set(vars(clf))
    with pytest.raises(ValueError, match="never trained on"):
        clf.unlearn(X[:1] + 1)
    with pytest.raises(ValueError, match="already forgotten"):
        clf.unlearn(np.concatenate([X[:1], X[9:10]]))  # one of the mask, one member
    with pytest.raises(ValueError, match="is unknown"):
        clf.unlearn(X[9:10], strategy="nonsense")
    assert set(vars(clf)) == kept
    assert clf.is_member(X[9:10]).all()


@pytest.mark.parametrize("kind", ["qnn", "pipeline", "sharded pipeline", "any"])
def test_a_released_experiment_predicts_and_holds_no_row(kind, tmp_path):
    estimator = {
        "qnn": qnn(),
        "pipeline": make_pipeline("passthrough", qnn()),
        "sharded pipeline": sharded(make_pipeline("passthrough", qnn())),
        "any": LogisticRegression(),
    }[kind]
    clf = UnlearningClassifier(estimator, n_oracles=1, memory=str(tmp_path))
    clf.fit(X, y, forget=np.arange(40) < 4)
    released = clf.release()
    np.testing.assert_array_equal(released.predict_proba(X), clf.predict_proba(X))
    assert not numbers_in(everything(released), X)
    assert released.get_params()["memory"] is None
    with pytest.raises((MemberRecordError, TypeError)):
        released.unlearn(X[9:10])
    assert clf.X_retain_.shape == (36, 3)
    pickle.loads(pickle.dumps(released)).release()


def test_a_damaged_cache_entry_is_fitted_anew(tmp_path):
    clf = UnlearningClassifier(qnn(), memory=str(tmp_path)).fit(X, y, forget=np.arange(40) < 4)
    (entry,) = tmp_path.rglob("output.pkl")
    entry.write_bytes(entry.read_bytes()[:100])
    again = clone(clf)
    with pytest.warns(UserWarning, match="fitted anew"):
        again.fit(X, y, forget=np.arange(40) < 4)
    np.testing.assert_array_equal(again.estimator_.params_, clf.estimator_.params_)
    with pytest.warns(UnlearningWarning, match="forgotten by fit"):
        again.unlearn(index=[0])
    with pytest.raises(AlreadyForgottenError):
        again.unlearn(index=[0])
