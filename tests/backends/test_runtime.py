"""The runtime backend on a 5-qubit fake, with faults injected at the primitive.

This file looks inside.
"""

import os
import pickle
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from qiskit.circuit import Gate, Parameter, QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate, RXGate
from qiskit.quantum_info import SparsePauliOp
from sklearn.base import clone

from skqmu import QNNClassifier
from skqmu._packed import write_packed
from skqmu.backends import AerBackend, RuntimeBackend, StatevectorBackend
from skqmu.backends.runtime import _device as device
from skqmu.backends.runtime import _jobs, _runtime
from skqmu.backends.runtime import _retry as retry
from skqmu.circuits import Probabilities, build_circuit
from skqmu.exceptions import BackendError, BackendTimeoutError, BudgetExceededError
from skqmu.unlearning import SelectiveDampening

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")

X = np.random.default_rng(0).normal(size=(8, 2))
Y = np.arange(8) % 2
TOKEN = "planted-secret-token-of-no-account-0123456789"


def model(max_iter=2, random_state=0, checkpoint=None, **params):
    backend = RuntimeBackend("fake_manila", **{"shots": 32, "gradient": "spsa", **params})
    return QNNClassifier(
        n_qubits=2, n_layers=1, max_iter=max_iter, tol=0.0, random_state=random_state,
        backend=backend, checkpoint=checkpoint,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed():
    return model().fit(X, Y).params_


@pytest.fixture
def waits(monkeypatch):
    """Seconds that were waited for, without waiting."""
    told = []
    monkeypatch.setattr(retry, "time", types.SimpleNamespace(sleep=told.append))
    return told


def inject(monkeypatch, errors):
    """Raise the next of `errors` (None: go on) before each job; returns what is left."""
    make = _runtime.make_primitive

    def wrapped(*args):
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        return make(*args)

    monkeypatch.setattr(_runtime, "make_primitive", wrapped)
    return errors


def network_error():
    from requests.exceptions import ConnectionError

    return ConnectionError(f"connection reset; Authorization: Bearer {TOKEN}")


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_every_mode_gives_the_same_weights_and_closes_what_it_opened(undisturbed, mode):
    clf = model(mode=mode).fit(X, Y)
    np.testing.assert_array_equal(clf.params_, undisturbed)
    assert clf.backend.lease()._session is None


def test_two_transient_failures_cost_time_and_nothing_else(undisturbed, monkeypatch, waits):
    left = inject(monkeypatch, [None, network_error(), network_error()])
    np.testing.assert_array_equal(model().fit(X, Y).params_, undisturbed)
    assert not left
    assert 0.5 <= waits[0] <= 1 <= waits[1] <= 2


def test_a_permanent_failure_is_told_at_once_and_changes_nothing(monkeypatch, waits):
    clf = model().fit(X, Y)
    before = dict(vars(clf))
    inject(monkeypatch, [None, ValueError(f"no such gate; token={TOKEN}")])
    with pytest.raises(BackendError, match="not retried") as caught:
        clf.fit(X, Y)
    assert not waits
    assert all(vars(clf)[name] is value for name, value in before.items())
    error = caught.value
    while error is not None:
        assert TOKEN not in str(error)
        error = error.__cause__ or error.__context__


def test_a_session_that_was_closed_is_opened_anew(undisturbed, monkeypatch, waits):
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError

    inject(monkeypatch, [None, IBMRuntimeError("The session is closed.")])
    np.testing.assert_array_equal(model(mode="session").fit(X, Y).params_, undisturbed)
    assert len(waits) == 1


def test_a_session_is_closed_after_an_exception(monkeypatch, waits):
    clf = model(mode="session")
    inject(monkeypatch, [None, ValueError("broken")])
    with pytest.raises(BackendError):
        clf.fit(X, Y)
    assert clf.backend.lease()._session is None


def test_as_a_context_the_backend_keeps_its_session_open():
    clf = model(mode="session", max_iter=1).fit(X, Y)
    with clf.backend:
        clf.predict(X)
        session = clf.backend.lease()._session
        clf.predict(X)
        assert clf.backend.lease()._session is session is not None
    assert clf.backend.lease()._session is None


def test_a_job_that_takes_too_long_says_so_and_changes_nothing(waits):
    clf = model(timeout=1e-9)
    with pytest.raises(BackendTimeoutError, match="did not end within timeout"):
        clf.fit(X, Y)
    assert not hasattr(clf, "params_")
    assert not waits


def test_a_killed_process_is_resumed_from_the_journal(undisturbed, tmp_path):
    program = f"""
import os, signal
import numpy as np
from skqmu import QNNClassifier
from skqmu.backends import RuntimeBackend
from skqmu.backends.runtime import _jobs
finish, done = _jobs.Journal.finished, []
def finished(*args):
    finish(*args)
    done.append(1)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
_jobs.Journal.finished = finished
backend = RuntimeBackend("fake_manila", shots=32, gradient="spsa", checkpoint_dir={str(tmp_path)!r})
X = np.random.default_rng(0).normal(size=(8, 2))
QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, tol=0.0, random_state=0, backend=backend).fit(
    X, np.arange(8) % 2
)
"""
    run = subprocess.run([sys.executable, "-c", program], timeout=120, env=os.environ)
    assert run.returncode == -signal.SIGKILL
    clf = model(checkpoint_dir=str(tmp_path)).fit(X, Y)
    np.testing.assert_array_equal(clf.params_, undisturbed)
    # 2 of 4 jobs were found: 8 values and 16 shifted ones.
    assert clf.fit_cost_["circuits"] == 2 * 24 - 24
    assert list(tmp_path.rglob("*.npz"))
    clf.set_params(backend="statevector").unlearn(X[:1], strategy="fine_tune")
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize("solver", ["nft", "l_bfgs_b"])
@pytest.mark.parametrize("mode", ["job", "session"])
def test_searches_meet_failures_as_steps_do(solver, mode, monkeypatch, tmp_path, waits):
    def fresh(**params):
        return model(max_iter=3, mode=mode, **params).set_params(solver=solver)

    whole = fresh().fit(X, Y)
    with monkeypatch.context() as patch:
        left = inject(patch, [None, network_error(), network_error()])
        np.testing.assert_array_equal(fresh().fit(X, Y).params_, whole.params_)
        assert not left
        assert len(waits) == 2
    clf = fresh(checkpoint_dir=str(tmp_path))
    with monkeypatch.context() as patch:
        inject(patch, [None, None, ValueError("no such gate")])
        with pytest.raises(BackendError, match="not retried"):
            clf.fit(X, Y)
    assert not hasattr(clf, "params_")
    assert clf.backend.lease()._session is None
    np.testing.assert_array_equal(clf.fit(X, Y).params_, whole.params_)
    assert clf.fit_cost_["circuits"] < whole.fit_cost_["circuits"]  # two jobs were found


@pytest.mark.parametrize(
    "arrays",
    [[np.zeros((3, 2))], [np.full((8, 2), np.nan)], [np.zeros(8)] * 2],
    ids=["shape", "nan", "number"],
)
def test_wrong_content_in_a_journal_is_asked_for_again(undisturbed, tmp_path, arrays):
    model(max_iter=1, checkpoint_dir=tmp_path).fit(X, Y)
    paths = list(tmp_path.rglob("*.npz"))
    assert len(paths) == 2
    for path in paths:
        write_packed(path, "job result", arrays, owner=path.stem)
        for other in ("[]", '{"job_id": 3}', "null", '"', "[" * 9999):
            path.with_suffix(".json").write_text(other)
    clf = model(checkpoint_dir=tmp_path).fit(X, Y)
    np.testing.assert_array_equal(clf.params_, undisturbed)
    assert clf.fit_cost_["circuits"] == 2 * 24  # nothing was found


def test_a_note_that_names_another_job_does_not_block(undisturbed, monkeypatch, tmp_path):
    submit, sent = _runtime._RuntimeExecutable.submit, []

    def submitted(executable, values, seed):
        sent.append(submit(executable, values, seed))
        return sent[-1]

    monkeypatch.setattr(_runtime._RuntimeExecutable, "submit", submitted)
    model(max_iter=1, checkpoint_dir=tmp_path).fit(X, Y)
    monkeypatch.setattr(_jobs, "retrieve_job", lambda *args: sent[0])  # of 8 rows, not 16
    for path in list(tmp_path.rglob("*.npz")):
        with np.load(path) as members:
            wide = members["float64"].size != 16
        path.unlink()
        note = path.with_suffix(".json")
        note.write_text(f'{{"job_id": "{sent[0].job_id()}"}}' if wide else "[]")
    np.testing.assert_array_equal(model(checkpoint_dir=tmp_path).fit(X, Y).params_, undisturbed)


def test_a_journal_needs_a_seed(tmp_path):
    with pytest.raises(ValueError, match="integer random_state"):
        model(checkpoint_dir=str(tmp_path), random_state=None).fit(X, Y)


def test_no_account_a_wrong_token_and_no_network_are_told_apart(monkeypatch):
    from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError, InvalidAccountError

    def wrong(cause):
        try:
            raise cause
        except Exception:
            raise InvalidAccountError(f"unable to use {TOKEN}")  # noqa: B904, as the runtime does

    def connect(name, *_):
        if name == "a":
            raise AccountNotFoundError("none")
        wrong(network_error() if name == "c" else ValueError("401"))

    monkeypatch.setattr(device, "_connect", connect)
    qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    told = []
    for name in "abc":
        with pytest.raises(BackendError) as caught:
            RuntimeBackend(name).compile(
                qnn.circuit, ["ZZ"], inputs=qnn.inputs, weights=qnn.weights
            )
        told.append(str(caught.value))
        assert TOKEN not in told[-1]
        assert caught.value.__context__ is None
    assert "save_account" in told[0]
    assert "overwrite=True" in told[1]
    assert "fake_manila" in told[2]
    assert "cannot be reached" in told[2]
    assert len(set(told)) == 3


def test_a_token_is_refused_without_being_repeated():
    qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    with pytest.raises(ValueError, match="looks like a token") as caught:
        RuntimeBackend("fake_manila", account=TOKEN).compile(
            qnn.circuit, ["ZZ"], inputs=qnn.inputs, weights=qnn.weights
        )
    assert TOKEN not in str(caught.value)


def test_a_saved_token_appears_nowhere(monkeypatch, tmp_path, caplog, waits):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    caplog.set_level(0)
    clf = model(checkpoint_dir=str(tmp_path))
    inject(monkeypatch, [network_error(), None, None])
    clf.fit(X, Y)
    assert waits
    texts = [caplog.text, repr(clf), repr(clf.unlearn(X[:1]).unlearning_log_)]
    assert not any(TOKEN in text for text in texts)
    stored = [pickle.dumps(clf), *(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())]
    assert not any(TOKEN.encode() in content for content in stored)


def test_the_backend_is_a_value():
    backend = RuntimeBackend("fake_manila", mode="session", budget={"shots": 5})
    for copy in (clone(backend), pickle.loads(pickle.dumps(backend))):
        assert repr(copy) == repr(backend)
        assert copy.get_params() == backend.get_params()


def test_a_budget_ends_a_fit_before_it_is_passed_and_the_checkpoint_goes_on(tmp_path):
    spent = {"circuits": 30}  # an epoch takes 8 values and 16 shifted ones
    path = tmp_path / "fit.checkpoint"
    whole = QNNClassifier(n_qubits=2, n_layers=1, max_iter=3, tol=0.0, random_state=0)
    whole.set_params(backend=AerBackend(shots=32, gradient="spsa"))
    finished = clone(whole).fit(X, Y)
    clf = clone(whole).set_params(checkpoint=path, backend__budget=spent)
    with pytest.raises(BudgetExceededError, match="was not sent"):
        clf.fit(X, Y)
    assert clf.n_iter_ == 1
    assert clf.fit_cost_["circuits"] <= 32
    clf.set_params(backend__budget=None).fit(X, Y)
    np.testing.assert_array_equal(clf.params_, finished.params_)


def test_a_budget_leaves_a_deletion_request_undone():
    clf = model(max_iter=1).fit(X, Y)
    params = clf.params_
    clf.set_params(backend__budget={"shots": 300})
    with pytest.raises(BudgetExceededError):
        clf.unlearn(X[:1])
    assert clf.params_ is params
    assert clf.is_member(X[:1]).all()
    with pytest.raises(ValueError, match="shots"):
        clf.set_params(backend__budget={"shot": 3}).predict(X)


@pytest.mark.parametrize("mode", ["parity", "first", "all"])
def test_outcome_probabilities_are_those_of_the_state_vector(mode):
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3)
    rows = np.random.default_rng(1).normal(size=(4, 3))
    weights = np.linspace(-1, 1, len(qnn.weights))
    values = [
        backend.compile(
            qnn.circuit, Probabilities(3, mode), inputs=qnn.inputs, weights=qnn.weights
        ).expectations(rows, weights)
        for backend in (StatevectorBackend(), AerBackend(), AerBackend(shots=4000, seed=0))
    ]
    np.testing.assert_allclose(values[1], values[0], atol=1e-10)
    np.testing.assert_allclose(values[2], values[0], atol=5 * 0.5 / np.sqrt(4000))
    np.testing.assert_allclose(values[2].sum(axis=1), 1.0)


def test_trained_here_predicts_there():
    clf = QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0).fit(X, Y)
    exact = clf.predict_proba(X)
    there = clf.set_params(backend=RuntimeBackend("fake_manila", shots=2000)).predict_proba(X)
    assert 0 < np.abs(there - exact).max() < 0.3


def compiled(**params):
    qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2, n_layers=1)
    backend = RuntimeBackend("fake_manila", **{"shots": 4000, "seed": 0, **params})
    executable = backend.compile(qnn.circuit, ["ZI", "XX"], inputs=qnn.inputs, weights=qnn.weights)
    weights = np.linspace(-1, 1, len(qnn.weights))
    return qnn, executable, weights


# qiskit 2.3 warns of what the fake's own estimator does.
@pytest.mark.filterwarnings("ignore:Trying to add QuantumRegister")
def test_the_estimator_gives_what_the_sampler_gives_with_a_warning_on_fakes():
    with pytest.warns(UserWarning, match="no effect on 'fake_manila'"):
        _, estimator, weights = compiled(resilience=1)
    _, sampler, _ = compiled()
    rows = np.random.default_rng(1).normal(size=(3, 2))
    values = estimator.expectations(rows, weights)
    # Two samples of 4000 shots each: five standard errors of their difference at most.
    np.testing.assert_allclose(
        values, sampler.expectations(rows, weights), atol=5 * np.sqrt(2 / 4000)
    )
    assert not np.allclose(values, sampler.twin.expectations(rows, weights), atol=1e-6)
    # One PUB with all observables, counted in as many settings as it is measured in.
    assert (estimator.spent.jobs, estimator.spent.pubs, estimator.spent.circuits) == (1, 1, 6)
    assert estimator.spent.qpu_seconds == pytest.approx(sampler.spent.qpu_seconds, rel=1e-9)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"resilience": {"zne_mitigatoin": True}}, "zne_mitigatoin"),
        ({"dynamical_decoupling": {"sequence": "XY4"}}, "dynamical_decoupling.sequence="),
        ({"dynamical_decoupling": "XYZ4"}, "'XYZ4'"),
        ({"twirling": {"enable_gate": True}}, "twirling.enable_gate="),
    ],
    ids=str,
)
def test_an_option_that_the_runtime_does_not_have_is_named(params, told):
    with pytest.raises(ValueError, match="does not take the option") as caught:
        compiled(**params)
    assert told in str(caught.value)


def test_a_job_under_way_is_waited_for_and_not_sent_again(monkeypatch, tmp_path):
    clf = model(max_iter=1, checkpoint_dir=str(tmp_path), timeout=1e-9)
    sent, submit = {}, _runtime._RuntimeExecutable.submit

    def submitted(executable, *args):
        job = submit(executable, *args)
        sent[job.job_id()] = job
        return job

    monkeypatch.setattr(_runtime._RuntimeExecutable, "submit", submitted)
    monkeypatch.setattr(_jobs, "retrieve_job", lambda device, job_id: sent.get(job_id))
    with pytest.raises(BackendTimeoutError, match="run the same program again"):
        clf.fit(X, Y)
    assert len(sent) == 1
    clf.set_params(backend__timeout=None).fit(X, Y)
    assert len(sent) == 2  # the values; then the gradient's shifts
    np.testing.assert_array_equal(clf.params_, model(max_iter=1).fit(X, Y).params_)


@pytest.mark.parametrize(
    "backend",
    [AerBackend(shots=16), AerBackend(noise="depolarizing:0.02"), RuntimeBackend("fake_manila")],
    ids=["sampled", "noisy", "device"],
)
def test_quantum_fisher_information_is_refused_where_the_state_is_not_at_hand(backend):
    clf = QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0).fit(X, Y)
    params = clf.params_
    clf.set_params(backend=backend)
    with pytest.raises(BackendError, match="importance='fisher'"):
        clf.unlearn(X[:1], strategy=SelectiveDampening(importance="qfi"))
    assert clf.params_ is params
    assert clf.is_member(X[:1]).all()


def _named(name, angle, kind):
    """A composed gate of that name: what it does depends on the angle, its name does not."""
    block = QuantumCircuit(1, name=name)
    block.rx(angle, 0)
    if kind == "gate":
        gate = Gate(name, 1, [])
        gate.definition = block
        return gate
    if kind == "controlled":
        return block.to_gate().control(1)
    if kind == "evolution":
        operator = SparsePauliOp("X" if angle > 1 else "Z")
        return PauliEvolutionGate(operator, time=0.4)

    class Matrix(Gate):
        def __array__(self, dtype=None, copy=None):
            return RXGate(angle).to_matrix()

    return Matrix(name, 1, [])


@pytest.mark.parametrize(
    ("name", "kind"),
    # (qiskit itself takes the controlled form of anything called "h" for a controlled Hadamard)
    [*(("mine", kind) for kind in ("gate", "controlled", "evolution", "matrix")), ("h", "gate")],
)
def test_gates_of_one_name_are_not_taken_for_one_another(name, kind):
    values, digests, exact = [], [], []
    for angle in (0.3, 2.0):
        x, w = Parameter("x"), Parameter("w")
        gate = _named(name, angle, kind)
        circuit = QuantumCircuit(gate.num_qubits)
        circuit.ry(x, 0)
        if kind == "evolution":
            circuit.h(0)
        circuit.append(gate, range(gate.num_qubits))
        circuit.ry(w, gate.num_qubits - 1)
        observable = ["Y" + "I" * (gate.num_qubits - 1), "Z" + "I" * (gate.num_qubits - 1)]
        backends = (
            StatevectorBackend(), AerBackend(), RuntimeBackend("fake_manila", shots=4000, seed=0)
        )  # fmt: skip
        here = []
        for backend in backends:
            executable = backend.compile(circuit, observable, inputs=[x], weights=[w])
            here.append(executable.expectations(np.array([[0.7]]), np.array([0.4]))[0])
        np.testing.assert_allclose(here[1], here[0], atol=1e-10)
        exact.append(here[0])
        values.append(here[2])
        digests.append(executable.digest)
    assert digests[0] != digests[1]
    np.testing.assert_allclose(values, exact, atol=0.15)  # the device's noise
    assert np.abs(exact[0] - exact[1]).max() > 0.1
