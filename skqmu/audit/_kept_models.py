"""Models of an audit, kept on disk as they are finished: an audit that was cut off goes on."""

import pickle
import shutil
from pathlib import Path

import joblib

from .._identity import digest
from .._versions import numeric_versions
from ..attacks.tools import ShadowStore, cache_directory

__all__ = ["clear_kept", "folder_of_audits", "kept_or_made"]


def folder_of_audits(memory):
    """Where audits keep models and shadows within a user's folder, beside what else lies in it.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory

    Returns
    -------
    pathlib.Path or None
    """
    location = memory.location if isinstance(memory, joblib.Memory) else memory
    return None if location is None else Path(location) / "skqmu-audit"


def kept_or_made(memory, what, function, /, *args, **kwargs):
    """What a function returns, from disk where it was there before.

    Parameters
    ----------
    memory : None or path-like
        None: nothing is kept.
    what : tuple
        All that the result depends on.
    function : callable
    *args, **kwargs : object
        Its arguments.
    """

    def named():
        return digest(numeric_versions(), *what)

    directory = cache_directory(memory, named)
    if directory is None:
        return function(*args, **kwargs)
    store = ShadowStore(directory)
    if 0 in store:
        return pickle.loads(store.model(0))
    made = function(*args, **kwargs)
    store.write(0, pickle.dumps(made), {})
    return made


def clear_kept(memory):
    """Delete the models and shadows that audits have kept in a folder.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        Of `audit`; what else lies in it stays.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skqmu.audit import audit, clear_kept
    >>> folder = tempfile.mkdtemp()
    >>> report = audit(GaussianNB(), *load_iris(return_X_y=True), forget="fraction:0.1",
    ...                attacks="loss", random_state=0, memory=folder)
    >>> clear_kept(folder)
    """
    folder = folder_of_audits(memory)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
