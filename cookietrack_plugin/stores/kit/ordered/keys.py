"""
Which key stands for what. The first byte is the kind:

    c id                                a record
    e expires id                        the order of expiry
    u user realm id                     the records of a user: digests of authid and authrealm
    f position                          an entry of the feed
    n name                              a fence: a digest of its name
    p                                   the position of the feed's last entry
    m                                   what marks the store

Digests, as an authid may be longer than any engine's keys. Numbers are big-endian.
"""

from hashlib import sha256

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.fences import Name

MARK, POSITION = b"m", b"p"
RECORDS, DEADLINES, USERS, ENTRIES = b"c", b"e", b"u", b"f"
_ID_BYTES, _DIGEST_BYTES = 24, 16
# Times beyond this many milliseconds stand together at the end of the order.
_LATEST_MS = 2**63


def record_key(id: str) -> bytes:
    return RECORDS + id.encode()


def id_of_key(key: bytes) -> str:
    """The id at the end of a key of a record, a deadline or a user."""
    return key[-_ID_BYTES:].decode()


def deadline_key(expires: int, id: str = "") -> bytes:
    return DEADLINES + min(max(expires, 0), _LATEST_MS).to_bytes(8) + id.encode()


def user_prefix(authid: str, authrealm: str | None = None) -> bytes:
    """What the keys of a user's records begin with; None for any realm."""
    return USERS + _digest(authid) + (b"" if authrealm is None else _digest(authrealm))


def index_keys(cookie: Cookie) -> set[bytes]:
    """The keys beside the record's own."""
    keys = {deadline_key(cookie.expires, cookie.id)}
    if cookie.auth:
        keys.add(user_prefix(cookie.auth.authid, cookie.auth.authrealm) + cookie.id.encode())
    return keys


def entry_key(position: int) -> bytes:
    return ENTRIES + position.to_bytes(8)


def fence_key(name: Name) -> bytes:
    return b"n" + b"".join(b"\0" if part is None else _digest(part) for part in name)


def end_of(prefix: bytes) -> bytes:
    """The first key behind all that begin with `prefix`, which is not of 0xFF alone."""
    head = prefix.rstrip(b"\xff")
    return head[:-1] + bytes([head[-1] + 1])


def behind(key: bytes) -> bytes:
    """The first key that can follow `key`."""
    return key + b"\0"


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="surrogatepass")).digest()[:_DIGEST_BYTES]
