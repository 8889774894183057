"""Notebooks of the gallery, executed as their readers execute them."""

import os
from pathlib import Path

__all__ = ["executed"]


def executed(folder, names, out):
    """Execute notebooks and write them, with what they showed, and as pages.

    Parameters
    ----------
    folder : path-like
        Of the gallery's pages, where each example has its notebook.
    names : list of str
        ``SECTION/NAME``.
    out : path-like

    Returns
    -------
    int
        Notebooks that failed or showed nothing.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    failed, out = 0, Path(out)
    # pictures belong in the notebook, whatever the environment says for scripts
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        notebook = nbformat.read(Path(folder) / f"{name}.ipynb", as_version=4)
        try:
            NotebookClient(notebook, timeout=300, kernel_name="python3").execute(env=env)
        except CellExecutionError as error:
            print(f"{name}.ipynb: {error}")
            failed += 1
            continue
        nbformat.write(notebook, out / f"{name.replace('/', '-')}.ipynb")
        kinds = shown_kinds(notebook)
        if not {"image/png", "text/html"} & kinds:
            print(f"{name}.ipynb shows neither a picture nor a table: {sorted(kinds)}")
            failed += 1
    return failed


def shown_kinds(notebook):
    """MIME types of all that the cells showed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return {kind for output in outputs for kind in output.get("data", {})}
