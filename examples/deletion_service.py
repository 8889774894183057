"""Deletion as a service: a loop that honours requests by customer id, and survives its own kill.

Run: python examples/deletion_service.py

The service takes requests down as they come (here from a file) and honours them in batches. It is
killed in the middle of one and started again; then the evidence is written. `python
examples/deletion_service.py serve FOLDER` is the service alone.
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sklearn.datasets import load_iris

import skqmu
from skqmu.exceptions import LedgerBusyError
from skqmu.ledger import BatchingPolicy, DeletionLedger

# several at once: cheaper, and who compares two versions of the model sees a group, not a person
POLICY = BatchingPolicy(number=4, most=8, margin=timedelta(days=3))


def key_of(folder):
    """The ledger's key. In earnest it comes from a vault, and is never beside the ledger."""
    return bytes.fromhex((folder / "key").read_text())


def set_up(folder):
    """A model that knows whose its rows are, and a key."""
    X, y = load_iris(return_X_y=True)
    customers = [f"customer {i // 2}" for i in range(len(X))]  # two rows each
    clf = skqmu.QNNClassifier(
        trainable="head", head="ridge", unlearning="exact_downdate", random_state=0
    )
    skqmu.save(clf.fit(X, y, ids=customers), folder / "model.joblib")
    (folder / "key").write_text(bytes(range(32)).hex())


def take_down(folder, ledger):
    """Read the inbox: one line a request, with its own reference, so that none counts twice."""
    for line in (folder / "inbox.jsonl").read_text().splitlines():
        letter = json.loads(line)
        ledger.receive(letter["id"], due=timedelta(days=30), reference=letter["ticket"])


def serve(folder):
    """Take down and honour, until nothing is due; what an earlier run left is finished first."""
    ledger = DeletionLedger(folder / "deletions.db", key=key_of(folder))
    take_down(folder, ledger)
    while True:
        try:
            # --trust on the command line: this file is our own
            batch = ledger.honour(folder / "model.joblib", policy=POLICY, trust=True)
        except LedgerBusyError:  # another worker has the model
            time.sleep(1)
            continue
        if batch is None:
            return
        print(f"honoured {len(batch.honoured)} requests by {batch.strategy}: {batch.why}")


def killed_at_work(folder):
    """Run the service in a process of its own, and kill it when it is in the middle of a batch."""
    ledger = DeletionLedger(folder / "deletions.db", key=key_of(folder))
    process = subprocess.Popen([sys.executable, __file__, "serve", str(folder)])
    while process.poll() is None:
        if ledger.requests("batched") or ledger.requests("prepared"):
            process.kill()
        time.sleep(0.005)
    states = {request.state for request in ledger.requests()}
    print(f"the service was killed: {process.returncode < 0}; requests are {sorted(states)}")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_up(folder)
        letters = [{"id": f"customer {3 * i}", "ticket": f"T-{i}"} for i in range(20)]
        letters += [letters[0], {"id": "somebody else", "ticket": "T-99"}]
        (folder / "inbox.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in letters))

        killed_at_work(folder)
        serve(folder)

        ledger = DeletionLedger(folder / "deletions.db", key=key_of(folder))
        model = folder / "model.joblib"
        states = [request.state for request in ledger.requests()]
        for state in sorted(set(states)):
            print(f"{state}: {states.count(state)}")
        found = ledger.verify(model, trust=True)
        print(f"verified: {len(found.verified)} people are in the model no more: {found.is_good}")
        left = set(skqmu.load(model, trust=True).ids_)
        print(f"customers left: {len(left)}")

        # for the customer, the supervisor, and the file
        receipt = ledger.receipt(1)
        print(f"receipt of request 1: {receipt['method']['claim']}, {receipt['mac'][:16]}...")
        ledger.record().to_html(folder / "record.html")
        print(ledger.record(1).to_markdown().splitlines()[0])


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        main()
