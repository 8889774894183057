"""The command ``forget``: from a file of ids to a model without them."""

import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path

from skqmu._cli._output import UsageError

__all__ = ["key_of", "run_forget"]


def run_forget(arguments):
    """Carry out ``python -m skqmu forget`` and return the exit code."""
    from skqmu.ledger import DeletionLedger

    if not Path(arguments.model).is_file():
        raise UsageError(f"--model {arguments.model}: there is no such file.")
    ids = _ids(arguments.ids)
    if arguments.keep_log < 0:
        raise UsageError(f"--keep-log {arguments.keep_log} must not be negative.")
    policy, due = _policy(arguments), _days(arguments.due, "--due")
    strategy = _strategy(arguments.strategy)
    ledger = DeletionLedger(arguments.ledger, key=key_of(arguments, make=True))
    if ids:
        _tell_received(ledger.receive_all(ids, due=due))
    failed = 0
    options = {} if strategy is None else {"strategy": strategy}
    while batch := ledger.honour(
        arguments.model,
        policy=policy,
        trust=arguments.trust,
        beyond_reach=arguments.beyond_reach,
        keep_log=arguments.keep_log,
        **options,
    ):
        failed += len(batch.failed)
        _tell(ledger, batch)
    left = [request for request in ledger.requests() if request.is_open]
    if left:
        print(f"{len(left)} requests wait")
    return 1 if failed else 0


def key_of(arguments, *, make=False):
    """The ledger's key, from its file; made where both are new and `make` says so.

    Parameters
    ----------
    arguments : Namespace
        With ``ledger`` and ``key``.
    make : bool, default=False
    """
    path = Path(arguments.key or f"{arguments.ledger}.key")
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if not make or Path(arguments.ledger).exists():
            raise UsageError(
                f"--key {path}: there is no such file; it holds the key that the ledger was made "
                "with, in hexadecimal digits."
            ) from None
        return _new_key(path)
    except OSError as error:
        raise UsageError(f"--key {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        text = "?"
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise UsageError(
            f"--key {path} holds no hexadecimal digits. Of a key in Python (bytes) write key.hex()."
        ) from error


def _new_key(path):
    key = secrets.token_bytes(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"--key {path} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{key.hex()}\n")
    print(
        f"a new key is in {path}: keep it elsewhere too. Without it nothing can be honoured or "
        "proven; with it, guesses of ids can be tested.",
        file=sys.stderr,
    )
    return key


def _ids(path):
    from skqmu._ids import ids_of_text

    if path is None:
        return []
    try:
        return ids_of_text(f"@{path}", name="--ids")
    except ValueError as error:
        raise UsageError(error) from error


def _strategy(name):
    from skqmu._validation import check_choice
    from skqmu.unlearning import STRATEGIES

    try:
        return None if name is None else check_choice("--strategy", name, STRATEGIES)
    except ValueError as error:
        raise UsageError(error) from error


def _days(number, option):
    try:
        days = None if number is None else timedelta(days=number)
    except (OverflowError, ValueError) as error:
        raise UsageError(f"{option} {number} is no number of days.") from error
    if days is not None and days < timedelta(0):
        raise UsageError(f"{option} {number} must not be negative.")
    return days


def _policy(arguments):
    from skqmu.ledger import BatchingPolicy

    margin = _days(arguments.margin, "--margin")
    if arguments.number is None:
        return None
    try:
        return BatchingPolicy(number=arguments.number, margin=margin)
    except ValueError as error:
        raise UsageError(f"--number: {error}") from error


def _tell_received(requests):
    again = [request for request in requests if request.state == "superseded"]
    print(f"received: {len(requests)} requests, {_numbers([r.number for r in requests])}")
    for request in again:
        print(f"request {request.number} is superseded: {request.reason}")


def _tell(ledger, batch):
    if batch.honoured:
        print(
            f"honoured: {_numbers(batch.honoured)}, by {batch.strategy} ({batch.claim}); "
            f"{batch.why}"
        )
    for number in batch.failed:
        print(f"request {number} failed: {ledger.request(number).reason}")


def _numbers(numbers):
    """Numbers of requests, runs of them shortened."""
    runs = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
    return f"request{'s' * (len(numbers) != 1)} {told}"
