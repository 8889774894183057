"""Files that are whole or not there at all."""

import os
import tempfile
from contextlib import suppress

__all__ = ["write_whole"]


def write_whole(path, write):
    """Write beside and rename: a kill or a second process never leaves a half file.

    Parameters
    ----------
    path : pathlib.Path
        In a folder that exists; an older file stays until the new one is whole.
    write : callable
        Takes the open binary file.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
