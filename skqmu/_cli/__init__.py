"""The command line: the one place, beside the user's own code, where both towers meet."""

import sys
import traceback

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
        (nothing was computed then), 130 after Ctrl-C.
    """
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return OK
    try:
        return _COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if arguments.traceback:
            traceback.print_exc()
        from skqmu._cli._audit import UsageError

        print(f"skqmu {arguments.command}: {error}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else FAILURE


def _audit(arguments):
    from skqmu._cli._audit import run_audit

    return run_audit(arguments)


def _show(arguments):
    from skqmu._cli._audit import show_report

    return show_report(arguments)


def _versions(arguments):
    from skqmu import show_versions

    show_versions()
    return OK


_COMMANDS = {"audit": _audit, "show": _show, "versions": _versions}
