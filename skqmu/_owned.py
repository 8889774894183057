"""Whose a file is: it is kept as long as its owner lives, and gone with a deletion request.

Ownership is a lock that the owner holds on the file. It ends with the owner, however that ends,
and no copy inherits it: a copy, a clone and what comes out of a pickle own nothing.
"""

import json
import os
import re
import secrets
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

from ._files import fcntl, in_use, locked, open_regular, read_regular, remove_leftovers
from ._packed import owner_of

__all__ = [
    "MANIFEST",
    "OwnedFile",
    "OwnedFolder",
    "folder_owner",
    "manifest_text",
    "remove_abandoned",
]

MANIFEST = "manifest.json"
_FORMAT, _VERSION = "skqmu", 1

# By `OwnedFile`: descriptor of the locked file, and which file that is. Beside the objects, so
# that a copy of one and what comes out of its pickle hold nothing.
_HELD: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def manifest_text(kind, owner):
    """Content of a folder's manifest."""
    told = {"format": _FORMAT, "version": _VERSION, "kind": kind, "owner": owner}
    return json.dumps(told, indent=1).encode()


def folder_owner(path, kind):
    """Owner of a folder, by its manifest.

    Raises
    ------
    OSError, ValueError
        There is none, or it is something else; the message names it.
    """
    if path.is_symlink():
        raise ValueError(f"{str(path)!r} is a symbolic link, which is not followed.")
    content = read_regular(path / MANIFEST)
    try:
        told = json.loads(content)
        if (told["format"], told["version"], told["kind"]) != (_FORMAT, _VERSION, kind):
            raise ValueError(f"a manifest of {told['kind']!r}")
        return told["owner"]
    except Exception as error:  # whatever a foreign file makes of the parser
        raise ValueError(
            f"{str(path / MANIFEST)!r} is no manifest of {kind}, or is damaged "
            f"({type(error).__name__}: {error})."
        ) from error


class OwnedFile:
    """A file, or a folder with a manifest, that an estimator left behind.

    Parameters
    ----------
    path : path-like
    kind : {"checkpoint", "journal"}
        A journal is a folder.
    mark : str
        The owner that the file, or the manifest, names: by it the file is recognised.
    """

    def __init__(self, path, kind, mark):
        self.path = str(Path(path).absolute())
        self.kind = kind
        self.mark = mark

    @classmethod
    def kept(cls, path, kind):
        """The file that is there now, owned from now on, as long as the object lives, or None."""
        own = cls(path, kind, None)
        try:
            # For writing, which some file systems ask of who locks.
            descriptor = open_regular(own._locked_file(), os.O_RDWR)
        except OSError:
            return None
        _HELD[own] = descriptor, os.fstat(descriptor)
        if fcntl is None:  # what is open could not be written anew
            os.close(descriptor)
        else:
            weakref.finalize(own, os.close, descriptor)
            locked(descriptor, shared=True)
        try:
            own.mark = own._owner(Path(own.path))
        except (OSError, ValueError):
            return None
        return own

    def let_go(self):
        """Own it no longer."""
        descriptor, _ = _HELD.pop(self, (None, None))
        if descriptor is not None and fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def discard(self):
        """Delete it, and what a kill left half-written of it, unless it is somebody else's.

        Returns
        -------
        list of str
            What is to be said about it.
        """
        path = Path(self.path)
        notes = [self._discarded(path)] if os.path.lexists(path) else []
        if self.kind == "checkpoint":
            notes += [
                f"{left}, a half-written checkpoint, could not be deleted and holds old parameters."
                for left in remove_leftovers(path.parent, path.name)
            ]
        return notes

    def _locked_file(self):
        return Path(self.path) / MANIFEST if self.kind == "journal" else Path(self.path)

    def _discarded(self, path):
        held = {"checkpoint": "parameters", "journal": "results"}[self.kind]
        try:
            if self._owner(path) != self.mark:
                return f"the {self.kind} {path} is that of another fit and was left as it is."
            if self._is_kept_by_others():
                return (
                    f"the {self.kind} {path} is kept by another estimator (the original of this "
                    f"copy, or an equal fit), was left to it and still holds the old {held}: send "
                    "the request there, too, or delete it."
                )
            shutil.rmtree(path) if self.kind == "journal" else path.unlink()
        except ValueError:
            return f"{path} is not the {self.kind} that was written there: it was left as it is."
        except OSError:
            pass
        if os.path.lexists(path):
            return f"the {self.kind} {path} could not be deleted and still holds the old {held}."
        return f"the {self.kind} {path.name} was deleted."

    def _owner(self, path):
        return (
            folder_owner(path, self.kind) if self.kind == "journal" else owner_of(path, self.kind)
        )

    def _is_kept_by_others(self):
        file = self._locked_file()
        descriptor, known = _HELD.get(self, (None, None))
        if known is not None and os.path.samestat(known, os.stat(file, follow_symlinks=False)):
            return not locked(descriptor)
        return fcntl is None or in_use(file)


class OwnedFolder:
    """A new folder of one object's own, which goes with the object.

    Folders of the same kind beside it whose owners were killed are deleted first.

    Parameters
    ----------
    parent : path-like
        Made where it is not there.
    kind : str
    """

    def __init__(self, parent, kind):
        parent = Path(parent).absolute()
        parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(parent, kind)
        self.path = Path(tempfile.mkdtemp(prefix=f"skqmu-{kind}-", dir=parent))
        self.kind = kind
        self.owner = secrets.token_hex(8)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self.path / MANIFEST, flags, 0o600)
        locked(descriptor)
        # Not before it is locked: a manifest without a lock is that of a dead owner.
        os.write(descriptor, manifest_text(kind, self.owner))
        self._end = weakref.finalize(self, _end, self.path, descriptor, os.getpid())

    def remove(self):
        """Delete it and all that is in it.

        Returns
        -------
        list of pathlib.Path
            What is left.
        """
        self._end()
        return sorted(self.path.rglob("*")) if self.path.exists() else []


def _end(path, descriptor, pid):
    # A forked process inherits the finalizer, but not the right to delete its parent's files.
    if os.getpid() == pid:
        if fcntl is None:
            os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)
    if fcntl is not None:
        os.close(descriptor)


def remove_abandoned(parent, kind):
    """Delete folders of a kind whose owners are dead; those of others are left as they are."""
    pattern = re.compile(rf"skqmu-{re.escape(kind)}-[a-z0-9_]{{8}}")
    for path in sorted(parent.iterdir()):
        if not pattern.fullmatch(path.name):
            continue
        with suppress(OSError, ValueError):
            folder_owner(path, kind)
            if fcntl is None:
                (path / MANIFEST).unlink()  # Windows refuses where its owner lives
            if fcntl is None or not in_use(path / MANIFEST):
                shutil.rmtree(path, ignore_errors=True)
