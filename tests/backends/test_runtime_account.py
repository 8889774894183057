"""The runtime's own way to an account: none saved, a wrong token, no network, an outage.

A process of its own, with a home of its own, in which `QiskitRuntimeService` itself fails; a
server on this machine stands for IBM's identity service.
"""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("qiskit_ibm_runtime")

TOKEN = "planted-wrong-token-of-no-account-0123456789"
PROGRAM = """
import http.server, json, logging, os, pathlib, pickle, socket, sys, threading, traceback
import numpy as np
logging.basicConfig(level=0)  # everything, to standard error
from skqmu import QNNClassifier
from skqmu.backends import RuntimeBackend
from skqmu.exceptions import BackendError

STATUS = [400]

class Identity(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        content = json.dumps({"errorMessage": f"Provided API key could not be found: {asked}"})
        self.send_response(STATUS[0])
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content.encode())
        self.server.asked.append(asked)
    def log_message(self, *arguments):
        pass

def told(name):
    clf = QNNClassifier(n_qubits=2, n_layers=1, max_iter=1, backend=RuntimeBackend(name))
    try:
        clf.fit(np.zeros((4, 2)), [0, 1, 0, 1])
    except BackendError as error:
        assert error.__cause__ is None and error.__context__ is None, "chained"
        whole = "".join(traceback.format_exception(error))
        return [str(error), whole, repr(error), repr(clf), pickle.dumps(error).decode("latin1")]
    raise SystemExit("no error")

found = {"none": told("ibm_x")}
folder = pathlib.Path.home() / ".qiskit"
folder.mkdir(exist_ok=True)
account = {"channel": "ibm_quantum_platform", "token": sys.argv[1], "private_endpoint": False,
           "url": "https://cloud.ibm.com"}
(folder / "qiskit-ibm.json").write_text(json.dumps({"default-ibm-quantum-platform": account}))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Identity)
server.asked = []
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["IAM_URL"] = f"http://127.0.0.1:{server.server_port}"
for STATUS[0] in (400, 401, 403, 429, 500, 503):
    found[str(STATUS[0])] = told("ibm_x")
assert sys.argv[1] in server.asked[0], "the token was not sent: the test would show nothing"
with socket.socket() as closed:  # bound, and nobody listens
    closed.bind(("127.0.0.1", 0))
    os.environ["IAM_URL"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
    found["network"] = told("least_busy")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What each failure said, and all that went to standard error, logs included."""
    home = tmp_path_factory.mktemp("home")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("QISKIT") and not name.lower().endswith("_proxy")
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, TOKEN],
        env={**kept, "HOME": str(home), "USERPROFILE": str(home), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:].replace(TOKEN, "[the token!]")
    return json.loads(run.stdout.splitlines()[-1]), run.stderr


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("none", "no account is saved"),
        ("400", "does not accept the saved account"),
        ("401", "does not accept the saved account"),
        ("403", "does not accept the saved account"),
        ("429", "HTTP status 429"),
        ("500", "HTTP status 500"),
        ("503", "HTTP status 503"),
        ("network", "cannot be reached"),
    ],
)
def test_each_failure_has_words_of_its_own_with_the_way_out(outcome, case, says):
    message = outcome[0][case][0]
    assert says in message
    way_out = "save_account" if says[:2] in ("no", "do") else "fake_manila"
    assert way_out in message


def test_the_planted_token_is_told_nowhere(outcome):
    found, log = outcome
    assert not any(TOKEN in text for texts in found.values() for text in texts)
    assert TOKEN not in log
