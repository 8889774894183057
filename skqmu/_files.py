"""Files that are whole or not there at all; locks that tell what is in use from what is left."""

import errno
import os
import re
import stat
import tempfile
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows, which refuses to delete what is open
    fcntl = None

__all__ = ["in_use", "locked", "open_regular", "read_regular", "remove_leftovers", "write_whole"]

_PART = ".part"


def write_whole(path, write):
    """Write beside and rename: a kill or a second process never leaves a half file.

    What a kill leaves beside it is found by `remove_leftovers`: a file that is being written is
    locked, and a lock ends with its process.

    Parameters
    ----------
    path : pathlib.Path
        In a folder that exists; an older file stays until the new one is whole.
    write : callable
        Takes the open binary file.
    """
    descriptor, temporary = _temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            if fcntl is None:
                file.close()
            os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _temporary(path):
    while True:
        descriptor, name = tempfile.mkstemp(_PART, f".{path.name}.", path.parent)
        locked(descriptor)
        if fcntl is None or os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # it was taken for a leftover before it was locked


def remove_leftovers(folder, name=None):
    """Delete half-written files that nobody is writing any more.

    Parameters
    ----------
    folder : pathlib.Path
    name : str, default=None
        Only those of the file with this name.

    Returns
    -------
    list of pathlib.Path
        Those that are there still: being written, or not to be deleted.
    """
    of = ".+" if name is None else re.escape(name)
    pattern = re.compile(rf"\.{of}\.[a-z0-9_]{{8}}{re.escape(_PART)}")
    left = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not pattern.fullmatch(path.name) or path.is_symlink() or not path.is_file():
            continue
        with suppress(OSError):
            if not in_use(path):
                path.unlink(missing_ok=True)
        if path.exists():
            left.append(path)
    return left


def locked(descriptor, *, shared=False):
    """Lock an open file if nobody else has; True if it was had, or if there are no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def in_use(path):
    """Whether somebody, in this process or another, holds a lock on a file."""
    if fcntl is None:
        return False
    descriptor = open_regular(path, os.O_RDWR)
    try:
        return not locked(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path, flags=os.O_RDONLY):
    """Descriptor of a regular file; no link is followed, and no pipe is waited for.

    Raises
    ------
    OSError
        Names the file.
    """
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(error.errno, "a symbolic link, which is not followed", str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return descriptor


def read_regular(path):
    """Content of a regular file, as `open_regular` opens it."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read()
