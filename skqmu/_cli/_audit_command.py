"""The commands ``audit`` and ``show``: from arguments to files."""

import contextlib
import re
import sys
from pathlib import Path

from skqmu._cli._default_model import MODELS, auto_model, make_model
from skqmu._cli._output import NUMBERS, PAGE, UsageError, page_to_write, results_folder
from skqmu._cli._parser import DEFAULT_ATTACKS, DEFAULT_FORGET, DEFAULT_MECHANISMS, DEFAULT_ROWS
from skqmu._cli._progress import progress

__all__ = ["fitted_options", "print_report", "run_audit", "show_report", "usage_errors", "workers"]

# what is asked for by each option, where the parameter of `audit` has another name
_OPTIONS = {
    "attacks": "--attack",
    "curves": "--curves",
    "delta": "--delta",
    "forget": "--forget",
    "level": "--level",
    "max_seconds": "--max-seconds",
    "memory": "--resume",
    "mechanism": "--mechanism",
    "mechanisms": "--mechanism",
    "n_jobs": "--n-jobs",
    "n_oracles": "--oracles",
    "n_shadows": "--shadows",
    "random_state": "--seed",
    "repeats": "--repeats",
    "rows": "--rows",
    "sequential": "--sequential",
    "test_size": "--test-size",
}


def run_audit(arguments):
    """Carry out ``python -m skqmu audit`` and return the exit code."""
    if lists_names(arguments):
        return 0
    request = _request(arguments)
    plan = _checked(request, costs=arguments.dry_run)
    if arguments.dry_run:
        costs = plan.pop("cost", {})
        for name, number in plan.items():
            print(f"{name}: {number}")
        for purpose, cost in costs.items():
            print(f"cost at most, {purpose}: {_told(cost)}")
        return 0
    from skqmu.audit import audit, clear_kept

    with results_folder(arguments.out, arguments.force) as folder:
        with progress(arguments.quiet) as listener:
            try:
                report = audit(**request, verbose=listener)
            except KeyboardInterrupt as interrupt:
                if hasattr(interrupt, "report"):
                    _write(interrupt.report, folder, arguments.quiet)
                raise
        _write(report, folder, arguments.quiet)
    if arguments.resume is not None:
        clear_kept(arguments.resume)  # what it held is in the report now
    return 0


def show_report(arguments):
    """Carry out ``python -m skqmu show`` and return the exit code."""
    if not arguments.report:
        raise UsageError("FILE is empty: name the audit.json of an earlier audit.")
    try:
        path = Path(arguments.report)
        report = _kind_of(path).from_json(path)
    except OSError as error:
        raise UsageError(f"{arguments.report} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(error) from error
    if arguments.html is not None:
        report.to_html(page_to_write(arguments.html, arguments.report, arguments.force))
    print_report(report)
    return 0


def _kind_of(path):
    """Which kind of report a file says it is; what is wrong with the file its reader says."""
    from skqmu.audit import LEAKAGE_SCHEMA, AuditReport, LeakageReport

    with contextlib.suppress(OSError, ValueError):
        if LEAKAGE_SCHEMA.encode() in path.read_bytes()[:200]:
            return LeakageReport
    return AuditReport


def lists_names(arguments):
    """Print the names that ``--mechanism list`` or ``--attack list`` asks for, if it does."""
    from skqmu.audit import ATTACKS
    from skqmu.unlearning import STRATEGIES

    if "list" in (getattr(arguments, "mechanism", None) or ()):
        for name, strategy in sorted(STRATEGIES.items()):
            print(f"{name}: {_summary(strategy)} ({strategy.kind}; {strategy.source})")
        return True
    if "list" in (arguments.attack or ()):
        for name, (kind, parameters) in sorted(ATTACKS.items()):
            given = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
            print(f"{name}: {_summary(kind)} ({kind.__name__}{' with ' * bool(given)}{given})")
        return True
    return False


def _summary(kind):
    return kind.__doc__.strip().splitlines()[0].rstrip(".")


def _mechanisms(arguments):
    """Return the names asked for, checked; None where the model is to say."""
    from skqmu._validation import check_choice
    from skqmu.unlearning import STRATEGIES

    names = arguments.mechanism
    if names is None and arguments.data is None:
        names = DEFAULT_MECHANISMS[_model(arguments)]
    if names is None:
        return None
    try:
        return tuple(check_choice("--mechanism", name, STRATEGIES) for name in names)
    except ValueError as error:
        raise UsageError(error) from error


def _request(arguments):
    """Return what :func:`skqmu.audit` is to be called with."""
    more = _of_own_files if arguments.data is not None else _of_embedded
    return {
        "mechanisms": _mechanisms(arguments),
        "attacks": tuple(arguments.attack or DEFAULT_ATTACKS),
        "n_shadows": arguments.shadows,
        "n_oracles": _n_oracles(arguments),
        "test_size": arguments.test_size,
        "n_jobs": workers(arguments.n_jobs),
        "random_state": arguments.seed,
        "level": arguments.level,
        "memory": arguments.resume,
        "delta": arguments.delta,
        "sequential": arguments.sequential,
        "curves": arguments.curves,
        **more(arguments),
    }


def _n_oracles(arguments):
    """Return how many models to retrain: what repeats make up for elsewhere, one audit needs."""
    if arguments.oracles is not None:
        return arguments.oracles
    once = arguments.data is not None and arguments.repeats in (None, 1)
    return 10 if once else 3


def _of_own_files(arguments):
    """The part of the request that is about the user's own table and model."""
    from skqmu._cli._own_table import model_of, own_table

    if arguments.forget is None:
        raise UsageError(
            "--data needs --forget WHAT: class:LABEL, fraction:F, corrupt:KIND:RATE, ids:FILE "
            "(with --id), or 'COLUMN == VALUE'. What a model gives away without a deletion: "
            "python -m skqmu attack"
        )
    table = own_table(arguments)
    model, narrow, fitted = model_of(arguments, table)
    return {
        "estimator": model,
        "X": narrow.X,
        "y": narrow.y,
        "X_test": narrow.X_test,
        "y_test": narrow.y_test,
        "forget": {
            name: table.mask_of(text, "--forget") if _said(text).names_rows else text
            for name, text in _named(arguments.forget, arguments.sequential)
        },
        "title": table.name,
        **(fitted_options(arguments, table) if fitted else {"repeats": arguments.repeats or 1}),
    }


def _named(texts, sequential):
    """Pairs of a request's name and its text; in a sequence the same text may come again."""
    from skqmu._text import numbered

    return list(zip(numbered(texts) if sequential else texts, texts, strict=True))


def _said(text):
    from skqmu._what_to_forget import parsed

    try:
        return parsed(text, "--forget")
    except ValueError as error:
        raise UsageError(error) from error


def fitted_options(arguments, table):
    """Return what a fitted model's audit must be told of the rows that it was trained on.

    Parameters
    ----------
    arguments : argparse.Namespace
    table : OwnTable
    """
    if arguments.train is not None and table.X_test is not None:
        raise UsageError("--train and --test exclude each other: with --test, all of --data is.")
    if arguments.train is None and table.X_test is None:
        raise UsageError(
            "--model FILE is fitted: say which rows it was trained on. --test FILE has rows that "
            "it never saw, all of --data being its training rows; or --train WHAT (as --forget: "
            "ids:FILE, or COLUMN == VALUE) says which of --data are."
        )
    if arguments.train is None:
        return {"prefit": True}
    return {"prefit": True, "train": table.mask_of(arguments.train, "--train")}


def _of_embedded(arguments):
    """The part of the request that is about a data set that comes along."""
    from skqmu._what_to_forget import with_target_names
    from skqmu.datasets import load

    for option in ("test", "target", "id", "train", "estimator"):
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option} goes with --data FILE, a table of your own.")
    data = load(arguments.dataset)
    X, y = _some_rows(data, arguments)
    forget = arguments.forget
    if forget is None:
        # without one of two classes nothing would be left to classify
        forget = [text for text in DEFAULT_FORGET if text[:5] != "class" or data.y.max() > 1]
    named = _named(forget, arguments.sequential)
    return {
        "estimator": make_model(_model(arguments), X.shape[1]),
        "X": X,
        "y": y,
        "forget": {name: with_target_names(text, data.target_names) for name, text in named},
        "title": data.name,
        **_repeats(arguments),
    }


def _model(arguments):
    from skqmu._validation import check_choice

    try:
        name = auto_model(arguments.dataset) if arguments.model is None else arguments.model
        return check_choice("--model", name, MODELS)
    except ValueError as error:
        raise UsageError(f"{error} A model in a file goes with --data.") from error


def _repeats(arguments):
    """Return how often all is done: until it is decided, unless a number was asked for."""
    if arguments.repeats is None:
        return {"until": "decided", "max_seconds": arguments.max_seconds}
    return {"repeats": arguments.repeats, "max_seconds": arguments.max_seconds}


def _some_rows(data, arguments):
    """Return the rows to work with, drawn by class where they are not all."""
    from sklearn.model_selection import train_test_split

    rows = arguments.rows
    if rows is None:
        rows = DEFAULT_ROWS.get(data.name, len(data.y))
    if rows == len(data.y):
        return data.X, data.y
    if not data.y.max() < rows <= len(data.y):
        raise UsageError(
            f"--rows {rows} must be from {data.y.max() + 1}, a row of each class, to "
            f"{len(data.y)}, which {data.name} has."
        )
    seed = arguments.seed % 2**32  # what is no seed the audit will say
    chosen, _ = train_test_split(
        range(len(data.y)), train_size=rows, stratify=data.y, random_state=seed
    )
    return data.X[sorted(chosen)], data.y[sorted(chosen)]


def workers(n_jobs):
    """Return how many processes to use: as in joblib, but no more than there are cores."""
    from joblib import cpu_count

    return min(n_jobs, cpu_count())


def _checked(request, *, costs):
    """Return what a request would train, and cost; what is wrong with it is a usage error."""
    from skqmu.audit import audit

    with usage_errors():
        return audit(**request, dry_run=True if costs else "count")


@contextlib.contextmanager
def usage_errors():
    """Context in which what is wrong with a request is a usage error, under its option's name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        parameter = re.match(r"\w*", str(error))[0]
        option = _OPTIONS.get(parameter)
        raise UsageError(f"{option}: {error}" if option else error) from error


def _told(cost):
    """Return a cost in words; what is 0 everywhere on a simulator is left out."""
    words = {"circuits": "circuits", "shots": "shots", "jobs": "jobs", "qpu_seconds": "QPU seconds"}
    spent = {name: cost[name] for name in words if name == "circuits" or cost[name]}
    return ", ".join(f"{amount:,.0f} {words[name]}" for name, amount in spent.items())


def _write(report, folder, quiet):
    """Write what there is; an audit without a finished scenario leaves nothing."""
    if not report.scenarios:
        return
    page = report.to_html()  # before anything is written: it takes the longest
    report.to_json(folder / NUMBERS)
    (folder / PAGE).write_text(page, encoding="utf-8")
    if not quiet:
        print_report(report)
    print(f"page: {folder / PAGE}\nnumbers: {folder / NUMBERS}")


def print_report(report):
    """Print a report, in colour where there is a terminal."""
    from rich.console import Console

    # a pipe has no width of its own
    width = None if sys.stdout.isatty() else 100
    Console(file=sys.stdout, width=width).print(report)
