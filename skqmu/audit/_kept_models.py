"""Models of an audit, kept on disk as they are finished: an audit that was cut off goes on."""

import pickle
import shutil
from pathlib import Path

from .._identity import digest
from .._versions import numeric_versions
from ..attacks.tools import ShadowStore, cache_directory

__all__ = ["clear_kept", "kept_or_made"]

# Beside the shadows of `skqmu.attacks.ShadowPool` in the same folder.
_KIND, _SHADOWS = "skqmu-audit", "skqmu-shadows"


def kept_or_made(memory, what, function, /, *args, **kwargs):
    """What a function returns, from disk where it was there before.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory
        None: nothing is kept.
    what : tuple
        All that the result depends on.
    function : callable
    *args, **kwargs : object
        Its arguments.
    """

    def named():
        return digest(numeric_versions(), *what)

    directory = cache_directory(memory, named, kind=_KIND)
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
    memory : path-like
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
    location = cache_directory(memory, lambda: "", kind="")
    for kind in (_KIND, _SHADOWS):
        shutil.rmtree(Path(location) / kind, ignore_errors=True)
