"""`skqmu.save` and `skqmu.load`: fitted models in files that run nothing, where they can."""

import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np

from ._files import write_whole
from ._inside import objects_in
from ._same_state import same_state
from ._trusted_types import is_trusted, why_not
from ._validation import did_you_mean
from ._versions import numeric_versions

__all__ = ["load", "save"]

_PICKLES = (".joblib", ".pkl", ".pickle")
_ALLOWED = (".skops", *_PICKLES)
# Beside what skops writes and reads in the same archive, which leaves it alone.
_MANIFEST, _FORMAT, _VERSION = "skqmu.json", "skqmu model", 1
_NAMES = ("skqmu", "scikit-learn", "numpy")
# Steps into a model to tell which part of it a file cannot hold.
_DEEPEST = 3


def save(model, path):
    """Write a fitted model to a file: all of it, or nothing.

    Parameters
    ----------
    model : estimator
        Any of skqmu's or scikit-learn's, pipelines and searches included.
    path : path-like
        By its ending: ``.skops`` (runs nothing when it is read; needs the extra ``skops``), or
        ``.joblib``, ``.pkl`` and ``.pickle`` (pickles, which run what is in them). A file that is
        there is written over. What is written is readable for its owner alone.

    Returns
    -------
    list of str
        Types that `load` will not trust by itself: pass them as its ``trust=``.

    Raises
    ------
    TypeError
        The model holds something that such a file cannot (torch modules, circuits, data frames);
        the message names it. Nothing was written.
    ValueError, FileNotFoundError
        Another ending; no such folder.
    ImportError
        skops is not installed.

    Notes
    -----
    The file holds what a pickle would: with ``store_data="rows"`` the training rows, too. What one
    deploys is ``save(model.release(), path)``, of pipelines ``save(skqmu.release(model), path)``.

    A ``.skops`` file is read back before it takes its place, and compared in depth with the model:
    what would come back as something else is refused.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import skqmu
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(n_estimators=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     untrusted = skqmu.save(forest, pathlib.Path(folder, "forest.joblib"))
    ...     again = skqmu.load(pathlib.Path(folder, "forest.joblib"), trust=True)
    >>> untrusted, bool((again.predict_proba(X) == forest.predict_proba(X)).all())
    ([], True)
    """
    path = Path(path)
    kind = _kind(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: there is no folder {str(path.parent)!r}.")
    if kind in _PICKLES:
        buffer = io.BytesIO()
        joblib.dump(model, buffer)
        write_whole(path, lambda file: file.write(buffer.getbuffer()))
        return []
    data, unknown = _as_skops(model)
    write_whole(path, lambda file: file.write(data))
    return unknown


def load(path, *, trust=False):
    """Read a model that `save`, skops, joblib or pickle wrote.

    Parameters
    ----------
    path : path-like
    trust : bool or sequence of str, default=False
        True: also a pickle, which runs what is in it, whoever wrote it. For ``.skops`` files,
        which run nothing, names of types to make beside those that are known to be harmless, such
        as ``["mypackage.module.MyTransformer"]``; True adds none there.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        A pickle without ``trust=True``; types that are not trusted (the message names them); a
        damaged file; the state of a fitted classifier as another version of skqmu held it.
    FileNotFoundError
    ImportError
        skops is not installed.

    Warns
    -----
    UserWarning
        The file was written with other versions of skqmu, scikit-learn or numpy.

    Notes
    -----
    What a file cannot do is run code of its writer's. Its parameters are the writer's words all the
    same: before you `fit`, `unlearn` or predict with a stranger's model, look at what
    ``get_params()`` says of folders (``memory``, ``checkpoint``) and of ``backend``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import skqmu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.pkl")
    ...     _ = skqmu.save(skqmu.QNNClassifier(), path)
    ...     skqmu.load(path)
    Traceback (most recent call last):
        ...
    ValueError: path=...model.pkl': a .pkl file runs what is in it when it is read; ...
    """
    path = Path(path)
    kind = _kind(path)
    named = _checked_trust(trust)
    if kind in _PICKLES:
        if trust is not True:
            raise ValueError(
                f"path={str(path)!r}: a {kind} file runs what is in it when it is read; pass "
                "trust=True (on the command line --trust) if you wrote it yourself or trust "
                "whoever did, or have it saved as .skops."
            )
        with path.open("rb") as file:
            return joblib.load(file)
    return _from_skops(path, named)


def _kind(path):
    kind = path.suffix.lower()
    if kind not in _ALLOWED:
        raise ValueError(
            f"path={str(path)!r} has the ending {kind!r}; allowed: {', '.join(_ALLOWED)} (.skops "
            f"runs nothing when it is read).{did_you_mean(kind, _ALLOWED)}"
        )
    return kind


def _checked_trust(trust):
    if isinstance(trust, bool | np.bool_):
        return ()
    names = () if isinstance(trust, str) else tuple(trust)
    if isinstance(trust, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"trust={trust!r} must be True, False or a list of names of types, such as "
            '["mypackage.module.MyTransformer"].'
        )
    return names


def _skops():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            ".skops files need skops: pip install 'skqmu[skops]' (or use .joblib, a pickle)."
        ) from error
    return skops.io


# ------------------------------------------------------------------------------- writing


def _as_skops(model):
    """Bytes of a file that was read back and is right, and the types that `load` will not trust."""
    io_ = _skops()
    try:
        data = io_.dumps(model)
        named = io_.get_untrusted_types(data=data)
        back = io_.loads(data, trusted=named)
        # What a pickle gives, not the model itself: some of it never leaves its process.
        difference = same_state(pickle.loads(pickle.dumps(model)), back)
    except Exception as error:  # whatever the parts of a model make of being taken apart
        raise TypeError(
            f"{type(model).__name__}: {_what_cannot_be_held(model)} cannot be held in a .skops "
            f"file ({type(error).__name__}: {error}). Save the model as .joblib, a pickle; named "
            "weights of a QNN (get_weights, from_weights) go without either."
        ) from error
    if difference is not None:
        raise TypeError(
            f"{type(model).__name__} would come out of a .skops file as another model (at "
            f"{difference}); save it as .joblib, a pickle."
        )
    return _with_manifest(data), [name for name in named if not is_trusted(name)]


def _what_cannot_be_held(value, path="", depth=0):
    """The part of a model that is why, as deep as it can be told: its place and its type."""
    for name, child in _parts(value) if depth < _DEEPEST else ():
        try:
            _skops().dumps(child)
        except Exception:  # the one that is looked for
            return _what_cannot_be_held(child, f"{path}.{name}", depth + 1)
    what = type(value).__name__
    return f"{path.lstrip('.')}, a {what}," if path else what


def _parts(value):
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return enumerate(value)
    return getattr(value, "__dict__", {}).items()


def _with_manifest(data):
    versions = dict(zip(_NAMES, numeric_versions(), strict=True))
    manifest = {"format": _FORMAT, "version": _VERSION, "versions": versions}
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    return buffer.getvalue()


# ------------------------------------------------------------------------------- reading


def _from_skops(path, named):
    data = path.read_bytes()
    io_ = _skops()
    try:
        manifest = _manifest(data)
        unknown = io_.get_untrusted_types(data=data)
    except Exception as error:  # whatever a foreign file makes of the parsers
        raise ValueError(
            f"{str(path)!r} is no .skops file, or is damaged ({type(error).__name__}: {error})."
        ) from error
    _check_versions(path, manifest)
    refused = [name for name in unknown if name not in named and not is_trusted(name)]
    if refused:
        raise ValueError(
            f"{str(path)!r} holds types that are not trusted by themselves: "
            f"{', '.join(map(why_not, refused))}. If you know who wrote the file and what they do, "
            f"pass trust={refused}."
        )
    model = io_.loads(data, trusted=unknown)
    _check_trees(path, model)
    return model


def _manifest(data):
    """What skqmu wrote beside the model; None: skops wrote the file alone."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if _MANIFEST not in archive.namelist():
            return None
        told = json.loads(archive.read(_MANIFEST))
        if told["format"] != _FORMAT:
            raise ValueError(f"a manifest of {told['format']!r}")
        return {"version": int(told["version"]), "versions": dict(told["versions"])}


def _check_versions(path, manifest):
    if manifest is None:
        return
    if manifest["version"] > _VERSION:
        raise ValueError(
            f"{str(path)!r} is a model file of version {manifest['version']}; this skqmu reads "
            f"{_VERSION}: load it with a younger one."
        )
    here = dict(zip(_NAMES, numeric_versions(), strict=True))
    others = [
        f"{name} {version} (here {here[name]})"
        for name, version in manifest["versions"].items()
        if name in here and version != here[name]
    ]
    if others:
        warnings.warn(
            f"{str(path)!r} was written with {', '.join(others)}: its predictions may differ, and "
            "parts of it may not work. Load it with those versions, or fit again.",
            UserWarning,
            stacklevel=4,
        )


def _check_trees(path, model):
    """Refuse trees that lead out of their arrays: compiled code follows them unseen."""
    for tree in _trees_in(model):
        inner = tree.children_left != -1
        places = np.flatnonzero(inner)
        for children in (tree.children_left[inner], tree.children_right[inner]):
            wrong = (children <= places) | (children >= tree.node_count)
            if wrong.any():
                raise ValueError(f"{str(path)!r} holds a decision tree that leads out of itself.")
        features = tree.feature[inner]
        if ((features < 0) | (features >= tree.n_features)).any():
            raise ValueError(f"{str(path)!r} holds a decision tree that asks for no feature.")


def _trees_in(model):
    """Yield scikit-learn's trees in a model, however deep."""
    for value in objects_in(model):
        if f"{type(value).__module__}.{type(value).__name__}" == "sklearn.tree._tree.Tree":
            yield value
