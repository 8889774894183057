"""
A month of a deletion service
=============================

People write in and ask to be forgotten. `skqmu.ledger` takes their requests down, honours them in
batches, and keeps the evidence: when they asked, what was done, and that the model knows them no
more.
"""

import secrets
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

import skqmu
from skqmu.ledger import BatchingPolicy, DeletionLedger

scratch = tempfile.TemporaryDirectory()  # in earnest, a folder that stays
model = Path(scratch.name, "model.joblib")

# %%
# The model knows whose each row is: 75 customers have two rows each. It can forget exactly.

X, y = load_iris(return_X_y=True)
customers = [f"customer {i // 2}" for i in range(150)]
clf = skqmu.QNNClassifier(
    trainable="head", head="ridge", unlearning="exact_downdate", random_state=0
)
skqmu.save(clf.fit(X, y, ids=customers), model)

# %%
# The ledger holds no names, only hashes of them under a key, which comes from your vault. Its clock
# is ours here, so that a month takes seconds. Each request is due in eight days. We honour six at
# once, or whatever waits when a deadline is two days away: batches are cheaper, and hide people
# from whoever compares two versions of the model.

start = today = datetime(2026, 3, 1, 9, tzinfo=UTC)
key = secrets.token_bytes(32)
ledger = DeletionLedger(Path(scratch.name, "deletions.db"), key=key, clock=lambda: today)
policy = BatchingPolicy(number=6, margin=timedelta(days=2))

rng = np.random.default_rng(1)
leaving = [f"customer {i}" for i in rng.permutation(75)]
done = {}  # number of a request: when, and in which batch
for _ in range(30):
    for _ in range(rng.poisson(0.7)):
        ledger.receive(leaving.pop(), due=timedelta(days=8))
    batch = ledger.honour(model, policy=policy, trust=True)
    if batch:
        done |= dict.fromkeys(batch.honoured, (today, batch))
        print(f"{today:%d %B}: {len(batch.honoured)} honoured ({batch.claim}); {batch.why}")
    today += timedelta(days=1)

# %%
# Each line is a request, from the day it came to the day the model had forgotten; the tick is the
# day by which it was due. Open circles still wait.

figure, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
batches = sorted({batch.number for _, batch in done.values()})
for request in ledger.requests():
    when, batch = done.get(request.number, (today, None))
    color = f"C{batches.index(batch.number)}" if batch else "0.6"
    came, end, due = ((t - start).days + 1 for t in (request.received, when, request.due))
    ax.plot([came, end], [request.number] * 2, color=color, lw=2.5, solid_capstyle="round")
    ax.plot(end, request.number, "o", color=color, mfc=color if batch else "w")
    ax.plot(due, request.number, "|", color="k", ms=7)
ax.set(xlabel="day of the month", ylabel="request", title="colour: honoured in one batch")
ax.invert_yaxis()
plt.show()

# %%
# The evidence. `verify` asks the model's own record about everybody who was honoured, and looks
# whether the chain of entries was touched. A receipt goes to the customer.

found = ledger.verify(model, trust=True)
print(f"{len(found.verified)} people verified, all good: {found.is_good}")
print(f"customers in the model: {len(set(skqmu.load(model, trust=True).ids_))} of 75")
receipt = ledger.receipt(1)
print(f"receipt of request 1: honoured {receipt['honoured']}, {receipt['method']['claim']}")

# %%
# What it proves, and what it cannot (copies elsewhere, backups, an older ledger in the place of
# this one): :doc:`/ledger`. The folder ``examples`` of the repository has the same as a process
# that survives its own kill.

scratch.cleanup()
