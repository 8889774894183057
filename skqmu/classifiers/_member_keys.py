"""Keyed hashes of a member record: under the caller's key, and under this process's own."""

import hashlib
import hmac
import secrets

from ..exceptions import MemberRecordError

__all__ = ["DIGEST_SIZE", "check_key", "id_tombstone", "keyed_hash", "process_hash"]

DIGEST_SIZE = 16

# Forgotten rows are remembered, within this process only, by a hash under a key that is
# never written anywhere: asking twice gets a precise answer, a pickle gives nothing away.
_PROCESS_KEY = secrets.token_bytes(32)


def keyed_hash(key):
    """Function from bytes to their hash under a key."""
    return lambda data: hmac.new(key, data, hashlib.blake2b).digest()[:DIGEST_SIZE]


def process_hash(data):
    """Hash of bytes that means nothing outside this process."""
    return keyed_hash(_PROCESS_KEY)(data)


def id_tombstone(own):
    """What is remembered of an id, by what it is compared by, when its last row has left."""
    return process_hash(b"id:" + repr(own).encode("utf-8", "surrogatepass"))


def check_key(key):
    """Return the key as bytes; raise where it is none."""
    if not isinstance(key, bytes | bytearray) or len(key) < 16:
        raise MemberRecordError(
            'store_data="fingerprints" needs fingerprint_key, at least 16 random bytes that you '
            "keep outside the estimator (secrets.token_bytes(32)); "
            f"got {'nothing' if key is None else f'a {type(key).__name__} of another kind'}."
        )
    return bytes(key)
