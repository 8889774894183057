"""The command line: the one place, beside the user's own code, where both towers meet."""

import contextlib
import os
import sys
import traceback

from skqmu._cli._ending import Stopped, end_workers, ended_by_signals
from skqmu._cli._parser import make_parser

__all__ = ["main"]

OK, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv=None):
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : list of str or None, default=None
        ``None`` takes the process's own.

    Returns
    -------
    int
        0 where all went well, 1 where the work failed, 2 where the request was at fault
        (nothing was computed then), 130 after Ctrl-C, 128 + n after signal n (143 after
        SIGTERM).
    """
    from skqmu._cli._output import UsageError
    from skqmu._text import one_line

    _say_what_can_be_said()
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return OK
    try:
        with ended_by_signals():
            return _COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt as interrupt:
        end_workers()
        is_signal = isinstance(interrupt, Stopped)
        print(interrupt if is_signal else "interrupted", file=sys.stderr)
        return interrupt.exit_code if is_signal else INTERRUPTED
    except BrokenPipeError:
        # who reads the output has seen enough; nothing more goes to it, not even at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:
        if arguments.traceback:
            traceback.print_exc()
        print(f"skqmu {arguments.command}: {one_line(error)}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else FAILURE


def _say_what_can_be_said():
    """Let a terminal that lacks a letter show a sign in its place, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _audit(arguments):
    from skqmu._cli._audit_command import run_audit

    return run_audit(arguments)


def _attack(arguments):
    from skqmu._cli._attack_command import run_attack

    return run_attack(arguments)


def _show(arguments):
    from skqmu._cli._audit_command import show_report

    return show_report(arguments)


def _forget(arguments):
    from skqmu._cli._forget_command import run_forget

    return run_forget(arguments)


def _ledger(arguments):
    from skqmu._cli._ledger_command import run_ledger

    return run_ledger(arguments)


def _versions(arguments):
    from skqmu import show_versions

    show_versions()
    return OK


_COMMANDS = {
    "attack": _attack,
    "audit": _audit,
    "forget": _forget,
    "ledger": _ledger,
    "show": _show,
    "versions": _versions,
}
