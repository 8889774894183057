"""Where results go: checked before any work, never over earlier ones, nothing left half-made."""

import contextlib
import tempfile
from pathlib import Path

__all__ = ["NUMBERS", "PAGE", "UsageError", "page_to_write", "results_folder"]

PAGE, NUMBERS = "audit.html", "audit.json"


class UsageError(Exception):
    """The request was at fault; nothing was computed."""


@contextlib.contextmanager
def results_folder(out, force, kind="audit"):
    """Yield the folder for the results; it can be written to and holds no earlier ones.

    Folders that were made for it are removed again where nothing was put into them.

    Parameters
    ----------
    out : str or None
        None: ``audit-report`` (see `kind`), or the first of ``audit-report-2``, ... that is free.
    force : bool
        Earlier results may be replaced.
    kind : str, default="audit"
        Names the files (``audit.json``) and, with "-report", the folder.
    """
    default = Path(f"{kind}-report")
    if out == "":
        raise UsageError("--out '' names no folder.")
    made = []
    try:
        try:
            folder = _first_free(default) if out is None else Path(out)
            _refuse_earlier(folder, force, kind)
            _make(folder, made)
            # whether a file can be made is found out by making one
            with tempfile.TemporaryFile(dir=folder):
                pass
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--out {out or default} cannot be made or written to: {error}"
            ) from error
        yield folder
    finally:
        for path in reversed(made):
            with contextlib.suppress(OSError):  # it holds results
                path.rmdir()


def _refuse_earlier(folder, force, kind):
    names = [f"{kind}.{ending}" for ending in ("html", "json")]
    names = [name for name in names if (folder / name).exists()]
    if names and not force:
        raise UsageError(
            f"--out {folder} holds {' and '.join(names)} of an earlier run; choose another --out, "
            "or pass --force to replace them."
        )
    for name in names:
        if (folder / name).is_dir():
            raise UsageError(f"--out {folder} holds a folder {name}; choose another --out.")


def _make(folder, made):
    """Make a folder and what is missing above it; note what was made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        made.append(path)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file, not a folder")


def _first_free(folder):
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def page_to_write(html, report, force):
    """Return the path of a page, which can be written and replaces nothing without `force`.

    Parameters
    ----------
    html : str
    report : path-like
        The report that is shown, which must stay.
    force : bool
    """
    page = Path(html)
    try:
        if not html or page.is_dir():
            raise UsageError(f"--html {html!r} is a folder; name a file.")
        # whether it can be written is found out by opening it
        with page.open("ab" if page.exists() else "xb") as file:
            is_new = file.mode == "xb"
        if is_new:
            page.unlink()
        elif page.samefile(report):
            raise UsageError(f"--html {html} is the report itself; name another file.")
        elif not force:
            raise UsageError(f"--html {page} exists; pass --force to replace it.")
    except (OSError, ValueError) as error:
        raise UsageError(f"--html {html} cannot be written: {error}") from error
    return page
