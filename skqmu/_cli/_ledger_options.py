"""What the commands ``forget`` and ``ledger`` can be asked for."""

import argparse

__all__ = ["add_forget", "add_ledger"]

_FORGET = """
Take down deletion requests by id in a ledger, and let the model in a file forget them: each
exactly once, whatever is killed in between. Run it again to finish what was cut off; without
--ids it only honours what waits.

The model was fitted with fit(X, y, ids=...) and saved with skqmu.save.
"""

_FORGET_EXAMPLES = """
examples:
  python -m skqmu forget --model model.skops --ledger deletions.db --ids leaving.txt
      one id a line; the first time, a key is made beside the ledger: keep it elsewhere
  python -m skqmu forget --model model.skops --ledger deletions.db --ids leaving.txt \\
      --due 30 --number 16 --margin 3
      only take them down, and honour them when 16 wait or a deadline is 3 days away
  python -m skqmu ledger record --ledger deletions.db --out march.html --since 2026-03-01
      the evidence

exit codes: 0 done, 1 a request failed or the work did, 2 the request was at fault.
"""


def add_forget(commands, common):
    """Add the command ``forget``."""
    forget = commands.add_parser(
        "forget",
        parents=[common],
        help="delete people from a fitted model, by id, with evidence",
        description=_FORGET,
        epilog=_FORGET_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = forget.add_argument_group("what is forgotten, and where")
    what.add_argument(
        "--model", metavar="FILE", required=True, help="model.skops, or (--trust) model.joblib"
    )
    _add_file_and_key(what)
    what.add_argument("--ids", metavar="FILE", help="ids of new requests, one a line")
    what.add_argument(
        "--trust",
        action="store_true",
        help="load a pickle: it runs what is in it, whoever wrote it",
    )
    how = forget.add_argument_group("how, and when")
    how.add_argument("--strategy", metavar="NAME", help="way to forget (default: the model's own)")
    how.add_argument("--due", type=float, metavar="DAYS", help="deadline of the new requests")
    how.add_argument(
        "--number", type=int, metavar="N", help="wait until N requests do (default: do not wait)"
    )
    how.add_argument(
        "--margin",
        type=float,
        default=1.0,
        metavar="DAYS",
        help="with --number: honour them when a deadline is that near (default: 1)",
    )
    how.add_argument(
        "--beyond-reach",
        action="append",
        default=[],
        metavar="TEXT",
        help="what you know that no request reaches, such as 'backups of 30 days'; it stands in "
        "each receipt; repeatable",
    )
    how.add_argument(
        "--keep-log",
        type=int,
        default=100,
        metavar="N",
        help="last entries of its own log that the model's file keeps (default: 100); the ledger "
        "has them all",
    )


def _add_file_and_key(group, *, key=True):
    group.add_argument("--ledger", metavar="FILE", required=True, help="the ledger, a SQLite file")
    if key:
        group.add_argument(
            "--key",
            metavar="FILE",
            help="the ledger's key, hexadecimal (default: LEDGER.key; made with a new ledger)",
        )


def add_ledger(commands, common):
    """Add the command ``ledger`` with its own commands."""
    ledger = commands.add_parser(
        "ledger",
        help="look at a deletion ledger, check it, write erasure records",
        description="Look at a deletion ledger, check it, write erasure records.",
    )
    ledger.set_defaults(traceback=False)
    actions = ledger.add_subparsers(dest="action", metavar="action", required=True)

    def action(name, text, *, key):
        parser = actions.add_parser(name, parents=[common], help=text, description=f"{text}.")
        _add_file_and_key(parser, key=key)
        return parser

    shown = action("list", "print the requests, one a line", key=False)
    shown.add_argument("--state", metavar="STATE", help="only those: received, honoured, ...")
    show = action("show", "print what the ledger says of one request, as JSON", key=False)
    show.add_argument("number", type=int, metavar="NUMBER", help="the request's")
    _add_verify(action("verify", "check the ledger, and the model against it", key=True))
    _add_record(action("record", "write an erasure record", key=True))


def _add_verify(verify):
    verify.add_argument("--model", metavar="FILE", help="also check that it is without the deleted")
    verify.add_argument("--trust", action="store_true", help="load a pickle")
    verify.add_argument(
        "--rows",
        metavar="FILE",
        help="rows that were deleted (.csv of numbers with a header, or .npy): looked for in files",
    )
    verify.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="another file of the model, to look for the rows in; repeatable",
    )
    verify.add_argument(
        "--anchor",
        metavar="FILE",
        help="an erasure record (JSON) of earlier: is its end still there?",
    )
    verify.add_argument(
        "--receipt",
        action="append",
        default=[],
        metavar="FILE",
        help="a receipt (JSON); repeatable",
    )


def _add_record(record):
    record.add_argument(
        "number", type=int, nargs="?", metavar="NUMBER", help="of a request (default: all)"
    )
    record.add_argument("--since", metavar="DATE", help="received from this day on, 2026-03-01")
    record.add_argument("--until", metavar="DATE", help="received before this day")
    record.add_argument("--audit", metavar="FILE", help="audit.json: its verdicts, as evidence")
    record.add_argument(
        "--out", metavar="FILE", help="record.json, .md or .html (default: print Markdown)"
    )
    record.add_argument("--receipt", action="store_true", help="the receipt of NUMBER, as JSON")
    record.add_argument("--force", action="store_true", help="replace FILE if it is there")
