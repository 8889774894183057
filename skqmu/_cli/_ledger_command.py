"""The command ``ledger``: its requests, whether all is as it was written, and records of it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from skqmu._cli._forget_command import key_of
from skqmu._cli._output import UsageError

__all__ = ["run_ledger"]


def run_ledger(arguments):
    """Carry out ``python -m skqmu ledger ACTION`` and return the exit code."""
    if not Path(arguments.ledger).is_file():
        raise UsageError(f"--ledger {arguments.ledger}: there is no such file.")
    return _ACTIONS[arguments.action](arguments)


def _list(arguments):
    from skqmu.ledger import DeletionLedger

    ledger = DeletionLedger(arguments.ledger)
    try:
        requests = ledger.requests(arguments.state)
    except ValueError as error:
        raise UsageError(f"--state: {error}") from error
    for request in requests:
        due = f", due {request.due:%Y-%m-%d}" if request.due and request.is_open else ""
        reason = f": {request.reason}" if request.reason else ""
        print(f"{request.number}  {request.received:%Y-%m-%d %H:%M}  {request.state}{reason}{due}")
    return 0


def _show(arguments):
    from skqmu.ledger import DeletionLedger

    ledger = DeletionLedger(arguments.ledger)
    print(json.dumps(ledger.history(arguments.number), indent=1))
    return 0


def _verify(arguments):
    ledger = _opened(arguments)
    if arguments.model is not None and not Path(arguments.model).is_file():
        raise UsageError(f"--model {arguments.model}: there is no such file.")
    anchor = None
    if arguments.anchor is not None:
        found = _json(arguments.anchor, "--anchor")
        anchor = found.get("anchor", found)
    result = ledger.verify(
        arguments.model,
        rows=_rows(arguments.rows),
        files=[_file(path) for path in arguments.file],
        receipts=[_json(path, "--receipt") for path in arguments.receipt],
        anchor=anchor,
        trust=arguments.trust,
    )
    print(result)
    return 0 if result.is_good else 1


def _record(arguments):
    ledger = _opened(arguments)
    out = _out(arguments.out, arguments.force)
    if arguments.receipt:
        if arguments.number is None:
            raise UsageError("--receipt is of one request: name its NUMBER.")
        text = json.dumps(ledger.receipt(arguments.number), indent=1) + "\n"
        return _given(text, out)
    since, until = (
        _day(getattr(arguments, name), f"--{name}", arguments.number) for name in ("since", "until")
    )
    audit = None if arguments.audit is None else _json(arguments.audit, "--audit")
    try:
        record = ledger.record(arguments.number, since=since, until=until, audit=audit)
    except ValueError as error:
        raise UsageError(f"--audit: {error}") from error
    kind = ".md" if out is None else out.suffix.lower()
    writers = {".json": record.to_json, ".md": record.to_markdown, ".html": record.to_html}
    if kind not in writers:
        raise UsageError(f"--out {out}: name a file that ends in {', '.join(writers)}.")
    return _given(writers[kind](), out)


_ACTIONS = {"list": _list, "show": _show, "verify": _verify, "record": _record}


def _opened(arguments):
    from skqmu.ledger import DeletionLedger

    return DeletionLedger(arguments.ledger, key=key_of(arguments))


def _given(text, out):
    """Print a text, or write it and say where."""
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        print(f"written: {out}")
    return 0


def _out(path, force):
    if path is None:
        return None
    out = Path(path)
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out {path}: name a file in a folder that is there.")
    if out.exists() and not force:
        raise UsageError(f"--out {path} exists; pass --force to replace it.")
    return out


def _day(text, option, number):
    if text is None:
        return None
    if number is not None:
        raise UsageError(f"{option} is for a period; it does not go with a request's NUMBER.")
    try:
        day = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text} is no date such as 2026-03-01.") from error
    return day if day.tzinfo is not None else day.replace(tzinfo=UTC)


def _json(path, option):
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{option} {path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{option} {path} holds no object.")
    return value


def _file(path):
    if not Path(path).is_file():
        raise UsageError(f"--file {path}: there is no such file.")
    return path


def _rows(path):
    import numpy as np

    if path is None:
        return None
    try:
        if path.lower().endswith(".npy"):
            rows = np.load(path, allow_pickle=False)
        else:
            rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise UsageError(f"--rows {path} cannot be read as numbers: {error}") from error
    return np.atleast_2d(rows)
