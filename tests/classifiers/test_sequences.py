"""Sequences of requests, refits, copies, interrupts and threads: never a mixed state, no lost row.

What must hold is said once, in `Sequences.check`; hypothesis looks for the sequence that breaks it.
This file looks inside.
"""

import copy
import gc
import itertools
import json
import os
import pickle
import shutil
import sys
import tempfile
import threading
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu._same_state import same_state
from skqmu.backends import AerBackend
from skqmu.exceptions import AlreadyForgottenError, NotATrainingSampleError

N = 24
RNG = np.random.default_rng(12)
# Numbers that are found in no other place.
X = RNG.normal(size=(N, 2)) + 1 / 7
Y = np.arange(N) % 2
KEY = {"fingerprint_key": bytes(range(16))}
TINY = {"n_qubits": 2, "n_layers": 1, "max_iter": 1, "random_state": 0}


def qnn(**params):
    return QNNClassifier(**{**TINY, **params})


KINDS = {
    "rows": qnn,
    "fingerprints": lambda: qnn(store_data="fingerprints"),
    "none": lambda: qnn(store_data="none"),
    "validation": lambda: qnn(early_stopping=True, validation_fraction=0.2),
    "updates": lambda: qnn(log_updates=True, batch_size=8),
    "sampled": lambda: qnn(backend=AerBackend(shots=8, seed=3)),
    "ridge": lambda: qnn(trainable="head", head="ridge"),
    "hybrid": lambda: HybridQNNClassifier(**TINY),
    "shards": lambda: ShardedClassifier(qnn(), n_shards=2, random_state=0),
    "slices": lambda: ShardedClassifier(qnn(), n_shards=2, n_slices=2, random_state=0),
    "experiment": lambda: UnlearningClassifier(qnn(), n_oracles=1, random_state=0),
    "around shards": lambda: UnlearningClassifier(ShardedClassifier(qnn(), n_shards=2)),
}
# The same with files, in a folder of their own.
FILED = {
    "checkpoint": lambda folder: qnn(checkpoint=folder / "fit"),
    "stored shards": lambda folder: ShardedClassifier(
        qnn(), n_shards=2, random_state=0, checkpoint_dir=folder, memory=folder / "cache"
    ),
    "stored slices": lambda folder: ShardedClassifier(
        qnn(), n_shards=2, n_slices=2, random_state=0, checkpoint_dir=folder
    ),
    "cached experiment": lambda folder: UnlearningClassifier(
        qnn(), n_oracles=1, random_state=0, memory=str(folder / "cache")
    ),
}
STRATEGIES = ["retrain", "fine_tune", "gradient_ascent", "scrub", "amnesiac", "exact_downdate"]
# Parameters that are set after a fit and must wait for the next one.
LATER = {"max_iter": 3, "learning_rate_init": 0.5, "n_layers": 2, "alpha": 1.0, "batch_size": 5}


ROWS = st.sets(st.integers(0, N - 1), min_size=1, max_size=3)
BY = {
    "rows": ROWS,
    "strategy": st.sampled_from(STRATEGIES),
    "by": st.sampled_from(["rows", "index"]),
    "report": st.sampled_from(["none", "sample", "full"]),
}
CUT_OFF = {
    "rows": ROWS,
    "strategy": st.sampled_from(STRATEGIES[:4]),
    "moment": st.integers(1, 3000),
}
STEPS = {
    "forget": BY,
    "forget_and_be_interrupted": CUT_OFF,
    "set_a_parameter": {"name": st.sampled_from(sorted(LATER))},
    "go_on_with_a_copy": {"how": st.sampled_from(["copy", "deepcopy", "pickle"])},
    "learn_a_little_more": {"rows": ROWS},
    "forget_beside_readers_and_another_request": {"rows": ROWS},
    "fit": {},
}
OFTEN = [*["forget"] * 4, *["forget_and_be_interrupted"] * 4, *STEPS]


class Sequences(RuleBasedStateMachine):
    """A classifier beside the set of rows that it must know."""

    @initialize(kind=st.sampled_from([*sorted(KINDS), *sorted(FILED)]))
    def begin(self, kind):
        self.kind = kind
        self.folder = Path(tempfile.mkdtemp(prefix="sequence-"))
        self.clf = KINDS[kind]() if kind in KINDS else FILED[kind](self.folder)
        self.live = False
        self.fit()

    def teardown(self):
        self.clf = None
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------------------- what is done

    @rule(what=st.sampled_from(OFTEN), data=st.data())
    def step(self, what, data):
        """One step, of a kind that is drawn as often as it is worth looking at."""
        drawn = {name: data.draw(way, label=name) for name, way in STEPS[what].items()}
        getattr(self, what)(**drawn)

    def fit(self):
        key = KEY if self.kind == "fingerprints" else {}
        with quiet():
            self.clf.fit(X, Y, **key)
        self.staying = set(range(N))
        self.n_done = 0
        self.live = True

    def forget(self, rows, strategy, by, report):
        self.ask(sorted(rows), strategy, by, report, self.taken())

    def forget_and_be_interrupted(self, rows, strategy, moment):
        before = self.taken()
        n_entries = len(self.clf.unlearning_log_)
        with interrupted_at(moment) as fired, suppress(KeyboardInterrupt):
            self.ask(sorted(rows), strategy, "index", "sample", before)
        entries = self.clf.unlearning_log_[n_entries:]
        if fired and [e for e in entries if e["status"] in DONE] and not self.counted(entries):
            # It came after the commit: the request is done.
            self.settle(sorted(rows))
        elif fired and not [e for e in entries if e["status"] in DONE]:
            self.unchanged(before)

    def set_a_parameter(self, name):
        inner = getattr(self.clf, "estimator", self.clf)
        inner = getattr(inner, "estimator", inner)
        inner.set_params(**{name: LATER[name]})

    def go_on_with_a_copy(self, how):
        ways = {
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "pickle": lambda clf: pickle.loads(pickle.dumps(clf)),
        }
        before = self.clf.unlearning_log_
        self.clf = ways[how](self.clf)
        assert self.clf.unlearning_log_ == before

    def learn_a_little_more(self, rows):
        rows = sorted(rows & self.staying)
        if not rows or self.kind not in ("rows", "updates", "hybrid", "sampled", "checkpoint"):
            return
        with quiet():
            self.clf.partial_fit(X[rows], Y[rows])

    def forget_beside_readers_and_another_request(self, rows):
        """Two threads ask for the same rows: one gets them, the other is told so."""
        rows = sorted(rows & self.staying)
        if not rows or len(self.staying) - len(rows) < 12:
            return
        torn, refused, go_on = [], [], threading.Event()

        def reads():
            while not go_on.is_set():
                proba = self.clf.predict_proba(X[:3])
                if not np.allclose(proba.sum(axis=1), 1):
                    torn.append(proba)

        def asks():
            try:
                self.clf.unlearn(**self.request(rows, "retrain", "index", "none"))
            except (AlreadyForgottenError, NotATrainingSampleError) as error:
                refused.append(error)

        reader, asking = threading.Thread(target=reads), [threading.Thread(target=asks)] * 1
        asking += [threading.Thread(target=asks)]
        with quiet():
            for thread in (reader, *asking):
                thread.start()
            for thread in asking:
                thread.join()
            go_on.set()
            reader.join()
        assert not torn
        expected = 0 if self.kind == "none" else 1
        assert len(refused) == expected, "a deletion was lost, or done twice"
        self.settle(rows, times=2 - expected)

    # ---------------------------------------------------------------------- what must hold

    @invariant()
    def check(self):
        if not getattr(self, "live", False):
            return
        clf, staying = self.clf, self.staying
        proba = clf.predict_proba(X)
        assert proba.shape == (N, 2)
        assert np.isfinite(proba).all()
        log = clf.unlearning_log_
        json.dumps(log, allow_nan=False)
        assert sum(entry["status"] in DONE for entry in log) == self.n_done
        if self.kind != "none":
            key = KEY if self.kind == "fingerprints" else {}
            known = clf.is_member(X, **key)
            assert set(np.flatnonzero(known)) == staying, "the record is another than the truth"
        self.search(pickle.dumps(clf), "a pickle")

    # ------------------------------------------------------------------------------- helpers

    def request(self, rows, strategy, by, report):
        """Arguments of `unlearn`, as this kind of classifier takes them."""
        more = {"report": report}
        inner = self.clf.estimator if self.kind == "around shards" else self.clf
        if not isinstance(inner, ShardedClassifier):
            more["strategy"] = strategy
        if self.kind in ("fingerprints", "none"):
            stay = sorted(self.staying - set(rows))
            if self.kind == "fingerprints":
                more.update(KEY)
            return {
                "X_forget": X[rows],
                "y_forget": Y[rows],
                "X_retain": X[stay],
                "y_retain": Y[stay],
                **more,
            }
        return {"index": rows, **more} if by == "index" else {"X_forget": X[rows], **more}

    def ask(self, rows, strategy, by, report, before):
        """Send a request, and keep the books by how it ends."""
        if len(self.staying - set(rows)) < 12:
            return
        unknown = set(rows) - self.staying
        try:
            with quiet():
                self.clf.unlearn(**self.request(rows, strategy, by, report))
        except (AlreadyForgottenError, NotATrainingSampleError):
            assert unknown, "rows that were trained on were refused"
            self.unchanged(before)
        except (ValueError, TypeError):
            # This strategy, or this report, is none of this classifier's: nothing changed.
            self.unchanged(before)
        else:
            assert not unknown or self.kind == "none", "rows that are gone were forgotten again"
            self.settle(rows)
            self.search_files()

    def search(self, content, where):
        """Refuse numbers of forgotten rows in what lies somewhere."""
        for number in X[sorted(set(range(N)) - self.staying)].ravel():
            assert number.tobytes() not in content, f"a forgotten number in {where}"
            assert np.float32(number).tobytes() not in content, f"a single one in {where}"
            assert repr(float(number)).encode() not in content, f"a number as text in {where}"

    def search_files(self):
        """The same in all files: of the model, its caches, and half-written ones."""
        gc.collect()  # what a copy has replaced lets its files go
        for path in self.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                if path.suffix == ".npz":  # which packs its arrays
                    with zipfile.ZipFile(path) as packed:
                        content += b"".join(packed.read(name) for name in packed.namelist())
                self.search(content, path.name)

    def settle(self, rows, times=1):
        self.staying -= set(rows)
        self.n_done += times

    def counted(self, entries):
        log = self.clf.unlearning_log_
        return self.n_done == sum(entry["status"] in DONE for entry in log)

    def taken(self):
        return copy.deepcopy(vars(self.clf))

    def unchanged(self, before):
        difference = same_state(before, vars(self.clf), but=(*MOVES, "_n_lent", "_origin"))
        assert difference is None, difference


# A failed attempt is logged, moves the place in the stream of noise, and deletes what the request
# before was kept from deleting.
# (joblib forgets in a copy when an entry was made)
MOVES = ("unlearning_log_", "noise", "leftovers", "timestamp")
DONE = ("done", "short of target", "damaged")


class quiet(warnings.catch_warnings):
    def __enter__(self):
        super().__enter__()
        warnings.simplefilter("ignore")


class interrupted_at:
    """Context in which Ctrl-C comes at the k-th call of a function of the package."""

    def __init__(self, moment):
        self.count = itertools.count(1)
        self.moment = moment
        self.fired = []

    def __enter__(self):
        sys.setprofile(self._look)
        return self.fired

    def _look(self, frame, event, _):
        ours = f"{os.sep}skqmu{os.sep}" in frame.f_code.co_filename
        if event == "call" and ours and next(self.count) == self.moment:
            sys.setprofile(None)
            self.fired.append(frame.f_code.co_name)
            raise KeyboardInterrupt

    def __exit__(self, *failure):
        sys.setprofile(None)


COMMON = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
    "print_blob": True,
}


@pytest.mark.filterwarnings("ignore")
def test_60_sequences_leave_no_mixed_state():
    run(60)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_2000_sequences_leave_no_mixed_state():
    run(2000, derandomize=False)


def run(n, **more):
    from hypothesis.stateful import run_state_machine_as_test

    chosen = settings(max_examples=n, stateful_step_count=8, **{**COMMON, **more})
    run_state_machine_as_test(Sequences, settings=chosen)
