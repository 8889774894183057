"""Files: whoever plants one runs nothing, damage is named or made good, kills leave no rows.

This file looks inside.
"""

import gzip
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier, ShardedClassifier
from skqmu._files import remove_leftovers, write_whole
from skqmu._owned import MANIFEST, OwnedFolder, manifest_text
from skqmu._packed import _digest, read_packed, write_packed
from skqmu.attacks import ShadowPool
from skqmu.backends.runtime._journal import Journal

posix = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and signals of POSIX")

rng = np.random.default_rng(5)
X, y = rng.normal(size=(24, 2)), np.arange(24) % 2
TREE = DecisionTreeClassifier(max_depth=3)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def qnn(**params):
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0, **params)


# --- what may be planted ----------------------------------------------------------------------


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def packed(kind, owner, content, **pools):
    """What skqmu writes, digest included, around any members."""
    members = {"content.json": json.dumps(content).encode(), **pools}
    manifest = {"format": "skqmu", "version": 1, "kind": kind, "owner": owner}
    manifest["digest"] = _digest(members)
    return zipped({"manifest.json": json.dumps(manifest), **members})


def object_npy(bomb):
    file = io.BytesIO()
    np.save(file, np.array([bomb], dtype=object), allow_pickle=True)
    return file.getvalue()


def huge_npy():
    file = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def planted(bomb, kind, owner):
    """Contents by name; each would run the bomb, or break a reader that trusts it."""
    dumped = pickle.dumps(bomb)
    by_joblib = io.BytesIO()
    joblib.dump(bomb, by_joblib)
    at = {"array": ["float64", 0, [1]]}
    contents = {f"pickle {p}": pickle.dumps(bomb, protocol=p) for p in range(6)}
    contents |= {
        "joblib": by_joblib.getvalue(),
        "gzipped pickle": gzip.compress(dumped),
        "object npy": object_npy(bomb),
        "npz of objects": npz(arr_0=np.array([bomb], dtype=object)),
        "pickle as a member": zipped({"manifest.json": dumped, "content.json": dumped}),
        "pickle as a pool": packed(kind, owner, at, **{"float64.npy": dumped}),
        "objects as a pool": packed(kind, owner, at, **{"float64.npy": object_npy(bomb)}),
        "a pool of objects": packed(kind, owner, at, **{"object.npy": object_npy(bomb)}),
        "a size that lies": packed(kind, owner, at, **{"float64.npy": huge_npy()}),
        "outside the pool": packed(kind, owner, {"array": ["float64", -3, [10**9]]}),
        "another kind of value": packed(kind, owner, {"pickle": [list(dumped)]}),
        "a path": zipped({"../manifest.json": b"{}", "/etc/x": b"", "manifest.json": b"[]"}),
        "a bomb of zeros": zipped({"manifest.json": bytes(10**7)}, zipfile.ZIP_DEFLATED),
        "nothing": b"",
        "a list": b"[]",
        "null": b"null",
        "nesting": b"[" * 100_000,
        "wrong content": packed(kind, owner, {"dict": {"run": 3}}),
        "an empty one": packed(kind, owner, None),
    }
    return contents


NAMES = list(planted(Bomb("nowhere"), "", ""))


def checkpoint_is_read(folder, plant):
    path = folder / "run"
    signed = qnn(checkpoint=path).fit(X, y)._fitted.files[0].mark
    plant(path, "checkpoint", signed)
    with pytest.raises((ValueError, OSError), match="run"):
        qnn(checkpoint=path).fit(X, y)
    assert os.path.lexists(path)  # it may be somebody's


def journal_is_read(folder, plant):
    journal = Journal(folder, "stream")
    for name in ("npz", "json"):
        journal.finished("job", [np.ones((2, 3))])
        journal.submitted("job", "id", "device")
        plant(journal.path / f"job.{name}", "job result", "job")
    result, job = journal.result("job"), journal.job_id("job")
    assert result is None or all(isinstance(array, np.ndarray) for array in result)
    assert job in (None, "id")
    journal.finished("job", [np.ones((2, 3))])
    np.testing.assert_array_equal(journal.result("job"), [np.ones((2, 3))])


def manifest_is_read(folder, plant):
    journal = Journal(folder, "stream")
    journal.finished("job", [np.ones(2)])
    plant(journal.path / MANIFEST, "journal", "stream")
    with pytest.raises((ValueError, OSError), match=r"manifest\.json"):
        Journal(folder, "stream").result("job")


def slice_is_read(folder, plant):
    clf = ShardedClassifier(TREE, n_shards=2, random_state=0, checkpoint_dir=folder).fit(X, y)
    expected = clf.predict_proba(X)
    path = clf.models_[0][0].path
    whole = path.read_bytes()
    plant(path, "slice", path.parent.name)
    with pytest.raises((ValueError, OSError), match=path.name):
        clf.predict_proba(X)
    path.unlink() if path.is_symlink() or path.is_file() else os.rmdir(path)
    path.write_bytes(whole)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


def abandoned_folder_is_read(folder, plant):
    strange = folder / "skqmu-slices-abcdefgh"
    strange.mkdir()
    plant(strange / MANIFEST, "slices", "dead")
    ShardedClassifier(TREE, n_shards=2, random_state=0, checkpoint_dir=folder).fit(X, y)
    assert strange.exists()  # not one of ours


def shadows_are_read(folder, plant):
    def pool():
        return ShadowPool(TREE, n_shadows=2, random_state=0, memory=folder).fit(X, y)

    first = pool()
    expected = first.outputs().rows(slice(None))
    for kind in ("model", "after.npy", "json"):
        plant(first._store._path(1, kind), "shadow", "1")
        again = pool()
        assert again.n_trained_ == 1
        np.testing.assert_array_equal(again.outputs().rows(slice(None)), expected)


PLACES = [
    checkpoint_is_read,
    journal_is_read,
    manifest_is_read,
    slice_is_read,
    abandoned_folder_is_read,
    shadows_are_read,
]


@pytest.mark.parametrize("place", PLACES)
def test_planted_files_run_no_code_and_are_named_or_made_anew(place, tmp_path):
    for number, name in enumerate(NAMES):
        ran = tmp_path / f"ran {name}"

        def plant(path, kind, owner, ran=ran, name=name):
            path.write_bytes(planted(Bomb(ran), kind, owner)[name])

        folder = tmp_path / str(number)
        folder.mkdir()
        place(folder, plant)
        assert not ran.exists(), name


@posix
@pytest.mark.parametrize("place", [checkpoint_is_read, slice_is_read])
@pytest.mark.parametrize("kind", ["link", "pipe", "loop"])
def test_links_are_not_followed_and_pipes_not_waited_for(place, kind, tmp_path):
    def plant(path, *_):
        (tmp_path / "outside").write_bytes(path.read_bytes())
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(path if kind == "loop" else tmp_path / "outside")

    (tmp_path / "folder").mkdir()
    if kind == "pipe" and place is slice_is_read:
        pytest.skip("cleaning up after it is another matter")
    place(tmp_path / "folder", plant)
    assert (tmp_path / "outside").exists()


@posix
def test_a_deletion_follows_no_link_out_of_the_folder(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (precious / MANIFEST).write_bytes(manifest_text("journal", "stream"))
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals" / "stream").symlink_to(precious)
    with pytest.raises(ValueError, match="symbolic link"):
        Journal(tmp_path / "journals", "stream").finished("job", [np.ones(1)])
    (precious / MANIFEST).write_bytes(manifest_text("slices", "dead"))
    (tmp_path / "skqmu-slices-abcdefgh").symlink_to(precious)
    ShardedClassifier(TREE, n_shards=2, checkpoint_dir=tmp_path).fit(X, y)
    assert (precious / "file").read_text() == "mine"


# --- damage -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "file"
    content = {"a": [1, 2.5, None], "b": (np.arange(6.0).reshape(2, 3), np.int64(3), "word")}
    write_packed(path, "thing", content, owner="me")
    return path, path.read_bytes(), content


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_mutated_file_is_refused_or_read_as_it_was_written(written, data):
    path, whole, content = written
    broken = bytearray(whole)
    how = data.draw(st.sampled_from(["cut", "flip", "repeat", "drop"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    if how == "cut":
        del broken[at:]
    elif how == "flip":
        broken[at] ^= data.draw(st.integers(1, 255))
    elif how == "repeat":
        broken[at:at] = broken[at : at + 40]
    else:
        del broken[at : at + data.draw(st.integers(1, 40))]
    path.write_bytes(broken)
    try:
        _, found = read_packed(path, "thing")
    except ValueError as error:
        if str(path) not in str(error):
            raise
        return
    assert found["a"] == content["a"]
    np.testing.assert_array_equal(found["b"][0], content["b"][0])
    assert found["b"][1:] == content["b"][1:]


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([np.float32(0.1), np.float64("nan"), np.int64(-7), np.bool_(True)]),
    st.sampled_from([np.zeros(0), np.arange(4).reshape(2, 2), np.array(1.5), np.array([True])]),
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(tree=trees)
def test_what_is_written_is_read_with_its_types_and_bits(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree"
    write_packed(path, "tree", tree, owner="")
    assert _told(read_packed(path, "tree")[1]) == _told(tree)


def _told(tree):
    if isinstance(tree, np.ndarray | np.generic):
        return type(tree).__name__, tree.dtype.str, tree.shape, tree.tobytes()
    if isinstance(tree, dict):
        return [(key, _told(value)) for key, value in tree.items()]
    if isinstance(tree, list | tuple):
        return type(tree).__name__, [_told(item) for item in tree]
    return repr(tree)


def test_objects_are_not_written():
    for value in (object(), {1, 2}, {3: "three"}, np.array([None]), np.array(["text"])):
        with pytest.raises(TypeError, match="not among what skqmu writes"):
            write_packed(Path("nowhere"), "thing", [value], owner="")


def test_a_shard_whose_slices_are_damaged_is_trained_from_its_beginning(tmp_path):
    estimator = LogisticRegression(warm_start=True)
    clf, twin = (
        ShardedClassifier(estimator, n_shards=2, n_slices=3, random_state=0, checkpoint_dir=where)
        for where in (tmp_path, None)
    )
    clf.fit(X, y)
    twin.fit(X, y)
    row = int(np.flatnonzero((clf.assignment_ == [1, 2]).all(axis=1))[0])
    clf.models_[1][1].path.write_bytes(b"cut")
    clf.unlearn(index=[row])
    twin.unlearn(index=[row])
    np.testing.assert_array_equal(clf.predict_proba(X), twin.predict_proba(X))


# --- kills --------------------------------------------------------------------------------------

WRITES = """
import sys, time
from pathlib import Path
from skqmu._files import write_whole

def half(file):
    file.write(b"half of the rows")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)

write_whole(Path(sys.argv[1]), half)
"""
FITS = """
import sys, time
import numpy as np
from sklearn.tree import DecisionTreeClassifier
from skqmu import ShardedClassifier
X, y = np.random.default_rng(5).normal(size=(24, 2)), np.arange(24) % 2
clf = ShardedClassifier(DecisionTreeClassifier(), n_shards=2, checkpoint_dir=sys.argv[1]).fit(X, y)
print("writing", flush=True)
time.sleep(60)
"""


def child(code, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


@posix
def test_what_a_killed_writer_leaves_is_deleted_at_the_next_touch_and_not_before(tmp_path):
    path = tmp_path / "fit"
    clf = qnn(checkpoint=path).fit(X, y)
    process = child(WRITES, path)
    try:
        (half,) = set(tmp_path.iterdir()) - {path}
        assert remove_leftovers(tmp_path) == [half]  # somebody is writing it
    finally:
        kill(process)
    assert b"rows" in half.read_bytes()
    qnn(checkpoint=path).fit(X, y)
    assert not half.exists()
    kill(child(WRITES, path))
    kill(child(WRITES, path))
    (tmp_path / ".fit.txt").write_text("mine")
    assert len(list(tmp_path.iterdir())) == 4
    clf.unlearn(index=[3])
    assert {p.name for p in tmp_path.iterdir()} == {".fit.txt"}


@posix
def test_folders_of_killed_owners_are_deleted_and_those_of_the_living_are_not(tmp_path):
    process = child(FITS, tmp_path)
    (folder,) = tmp_path.iterdir()
    living = ShardedClassifier(TREE, n_shards=2, checkpoint_dir=tmp_path).fit(X, y)
    assert folder.exists()
    kill(process)
    assert any(folder.glob("*.npz"))
    other = ShardedClassifier(TREE, n_shards=2, checkpoint_dir=tmp_path).fit(X, y)
    assert not folder.exists()
    assert {p.parent for p in tmp_path.rglob("*.npz")} == {
        clf.models_[0][0].path.parent for clf in (living, other)
    }


@posix
def test_a_journal_that_was_killed_in_writing_is_cleaned(tmp_path):
    Journal(tmp_path, "stream").finished("one", [np.ones(2)])
    kill(child(WRITES, tmp_path / "stream" / "two.npz"))
    before = list((tmp_path / "stream").iterdir())
    code = (
        "import sys; from skqmu.backends.runtime._journal import Journal; "
        "Journal(sys.argv[1], 'stream').result('one')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(list((tmp_path / "stream").iterdir())) == len(before) - 1


def test_a_folder_goes_with_its_owner(tmp_path):
    folder = OwnedFolder(tmp_path / "new", "things")
    write_whole(folder.path / "file", lambda file: file.write(b"rows"))
    path = folder.path
    assert time.time() - path.stat().st_mtime < 60
    del folder
    assert not path.exists()
    folder = OwnedFolder(tmp_path / "new", "things")
    assert folder.remove() == []
    assert list((tmp_path / "new").iterdir()) == []
