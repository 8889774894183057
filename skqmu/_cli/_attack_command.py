"""The command ``attack``: what a model gives away of its training rows, from files to a report."""

from skqmu._cli._audit_command import (
    fitted_options,
    lists_names,
    print_report,
    usage_errors,
    workers,
)
from skqmu._cli._output import UsageError, results_folder
from skqmu._cli._own_table import model_of, own_table
from skqmu._cli._progress import progress

__all__ = ["DEFAULT_ATTACKS", "run_attack"]

DEFAULT_ATTACKS = ("loss", "confidence", "lira", "rmia")


def run_attack(arguments):
    """Carry out ``python -m skqmu attack`` and return the exit code."""
    from skqmu.audit import leakage

    if lists_names(arguments):
        return 0
    if arguments.data is None:
        raise UsageError("attack needs --data FILE, a table with the model's training rows.")
    table = own_table(arguments)
    model, table, fitted = model_of(arguments, table)
    options = fitted_options(arguments, table) if fitted else {}
    with results_folder(arguments.out, arguments.force, "leakage") as folder:
        with progress(arguments.quiet) as listener, usage_errors():
            report = leakage(
                model,
                table.X,
                table.y,
                X_test=table.X_test,
                y_test=table.y_test,
                attacks=tuple(arguments.attack or DEFAULT_ATTACKS),
                n_shadows=arguments.shadows,
                test_size=arguments.test_size,
                n_jobs=workers(arguments.n_jobs),
                random_state=arguments.seed,
                level=arguments.level,
                title=table.name,
                verbose=listener,
                **options,
            )
        page = report.to_html()  # before anything is written: it takes the longest
        report.to_json(folder / "leakage.json")
        (folder / "leakage.html").write_text(page, encoding="utf-8")
    if not arguments.quiet:
        print_report(report)
    print(f"page: {folder / 'leakage.html'}\nnumbers: {folder / 'leakage.json'}")
    return 0
