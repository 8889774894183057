"""The commands ``audit`` and ``show``: from arguments to files."""

import sys
from pathlib import Path

from skqmu._cli._parser import DEFAULT_ATTACKS, DEFAULT_FORGET, DEFAULT_MECHANISMS
from skqmu._cli._progress import progress

__all__ = ["UsageError", "run_audit", "show_report"]

PAGE, NUMBERS = "audit.html", "audit.json"
# wider data are reduced to so many principal components, one to a qubit
_MOST_FEATURES = 8


class UsageError(Exception):
    """The request was at fault; nothing was computed."""


def run_audit(arguments):
    """Carry out ``python -m skqmu audit`` and return the exit code."""
    mechanisms = _mechanisms(arguments)
    if mechanisms is None:
        return 0
    request = _request(arguments, mechanisms)
    plan = _checked(request, costs=arguments.dry_run)
    if arguments.dry_run:
        costs = plan.pop("cost", {})
        for name, number in plan.items():
            print(f"{name}: {number}")
        for purpose, cost in costs.items():
            print(f"cost at most, {purpose}: {_told(cost)}")
        return 0
    from skqmu.audit import audit

    folder = _folder(arguments)
    with progress(arguments.quiet) as listener:
        try:
            report = audit(**request, verbose=listener)
        except KeyboardInterrupt as interrupt:
            if hasattr(interrupt, "report"):
                _write(interrupt.report, folder, arguments.quiet)
            raise
    _write(report, folder, arguments.quiet)
    return 0


def show_report(arguments):
    """Carry out ``python -m skqmu show`` and return the exit code."""
    from skqmu.audit import AuditReport

    try:
        report = AuditReport.from_json(Path(arguments.report))
    except (OSError, ValueError) as error:
        raise UsageError(f"{arguments.report} cannot be read: {error}") from error
    if arguments.html is not None:
        page = Path(arguments.html)
        if page.exists() and not arguments.force:
            raise UsageError(f"{page} exists; pass --force to replace it.")
        report.to_html(page)
    _print(report)
    return 0


def _mechanisms(arguments):
    """Return the names asked for, checked; None when only their list was wanted."""
    from skqmu._validation import check_choice
    from skqmu.unlearning import STRATEGIES

    names = arguments.mechanism or DEFAULT_MECHANISMS
    if "list" in names:
        for name, strategy in sorted(STRATEGIES.items()):
            summary = strategy.__doc__.strip().splitlines()[0].rstrip(".")
            print(f"{name}: {summary} ({strategy.kind}; {strategy.source})")
        return None
    try:
        return tuple(check_choice("--mechanism", name, STRATEGIES) for name in names)
    except ValueError as error:
        raise UsageError(error) from error


def _request(arguments, mechanisms):
    """Return what :func:`skqmu.audit` is to be called with."""
    from skqmu.datasets import load

    data = load(arguments.dataset)
    forget = arguments.forget
    if forget is None:
        # without one of two classes nothing would be left to classify
        forget = [text for text in DEFAULT_FORGET if text[:5] != "class" or data.y.max() > 1]
    return {
        "estimator": default_model(data.X.shape[1]),
        "X": data.X,
        "y": data.y,
        "forget": forget,
        "mechanisms": mechanisms,
        "attacks": tuple(arguments.attack or DEFAULT_ATTACKS),
        "n_shadows": arguments.shadows,
        "n_oracles": arguments.oracles,
        "test_size": arguments.test_size,
        "n_jobs": arguments.n_jobs,
        "random_state": arguments.seed,
        "level": arguments.level,
        "title": data.name,
    }


def _checked(request, *, costs):
    """Return what a request would train, and cost; what is wrong with it is a usage error."""
    from skqmu.audit import audit

    try:
        return audit(**request, dry_run=True if costs else "count")
    except ValueError as error:
        raise UsageError(error) from error


def _told(cost):
    """Return a cost in words; what is 0 everywhere on a simulator is left out."""
    words = {"circuits": "circuits", "shots": "shots", "jobs": "jobs", "qpu_seconds": "QPU seconds"}
    spent = {name: cost[name] for name in words if name == "circuits" or cost[name]}
    return ", ".join(f"{amount:,.0f} {words[name]}" for name, amount in spent.items())


def default_model(n_features):
    """Return the model that is audited: standard scaling, then a QNN on at most 8 features."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skqmu import QNNClassifier

    steps = [StandardScaler(), QNNClassifier()]
    if n_features > _MOST_FEATURES:
        # whitened: an angle wraps around, so components must not differ in their spread
        steps.insert(1, PCA(_MOST_FEATURES, whiten=True))
    return make_pipeline(*steps)


def _folder(arguments):
    """Return the folder for the results; it exists and holds no earlier ones."""
    if arguments.out is None:
        folder = _first_free(Path("audit-report"))
    else:
        folder = Path(arguments.out)
        earlier = [name for name in (PAGE, NUMBERS) if (folder / name).exists()]
        if earlier and not arguments.force:
            raise UsageError(
                f"{folder} holds {' and '.join(earlier)} of an earlier run; choose another --out, "
                "or pass --force to replace them."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be made: {error}") from error
    return folder


def _first_free(folder):
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _write(report, folder, quiet):
    """Write what there is; an audit without a finished scenario leaves nothing."""
    if not report.scenarios:
        if not any(folder.iterdir()):
            folder.rmdir()
        return
    report.to_json(folder / NUMBERS)
    report.to_html(folder / PAGE)
    if not quiet:
        _print(report)
    print(f"page: {folder / PAGE}\nnumbers: {folder / NUMBERS}")


def _print(report):
    from rich.console import Console

    # a pipe has no width of its own
    width = None if sys.stdout.isatty() else 100
    Console(file=sys.stdout, width=width).print(report)
