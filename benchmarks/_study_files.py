"""Files that a study goes on from: whole, or made anew.

Models and outputs are pickles of the study's own, behind a digest that finds damage and no
forgery: go on from folders that nobody else can write to.
"""

import hashlib
import json
import os
import pickle

__all__ = ["is_damaged", "keep", "keep_result", "kept", "kept_result", "read_result"]

_SIZE = 32


def _written(path, content):
    """Write a file beside and rename it: what exists is whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def _digest(content):
    return hashlib.blake2b(content, digest_size=_SIZE).digest()


def keep(path, value):
    """Write any object."""
    content = pickle.dumps(value)
    _written(path, _digest(content) + content)


def kept(path):
    """What `keep` wrote, or None: it is not there, or not as it was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if content[:_SIZE] != _digest(content[_SIZE:]):
        print(f"{path} is damaged and is made anew", flush=True)
        return None
    return pickle.loads(content[_SIZE:])


def is_damaged(path):
    """Whether a file is there, but not as `keep` wrote it."""
    return path.exists() and kept(path) is None


def keep_result(path, result):
    """Write a result, a dict, as JSON."""
    result = {name: value for name, value in result.items() if name != "digest"}
    text = json.dumps(result | {"digest": _digest(json.dumps(result).encode()).hex()}, indent=1)
    _written(path, text.encode())


def read_result(path):
    """A result.

    Raises
    ------
    ValueError
        It is damaged; the message names it.
    """
    try:
        result = json.loads(path.read_bytes())
        digest = result.pop("digest", None)  # results of earlier versions have none
        if digest not in (None, _digest(json.dumps(result).encode()).hex()):
            raise ValueError("not as it was written")
    except Exception as error:  # whatever a damaged file makes of the parser
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}: {error}): delete it, or run its command "
            "again with --resume."
        ) from error
    return result


def kept_result(path, *names):
    """A result with these entries, or None: it is not there, or is damaged."""
    if not path.exists():
        return None
    try:
        result = read_result(path)
    except ValueError as error:
        print(f"made anew: {error}", flush=True)
        return None
    return result if set(names) <= set(result) else None
