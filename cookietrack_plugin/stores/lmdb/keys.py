"""The bytes under which an LMDB store files its records and finds them again."""

from binascii import a2b_base64, b2a_base64
from hashlib import blake2b

import cbor2

from cookietrack_plugin.stores.kit.texts import packed_text, text_of

KEY_SIZE = 18
# The functions of base64 for base64url are slow, and its decoder is lenient.
_STANDARD = bytes.maketrans(b"-_+/", b"+/!!")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_LAST_TIME = 2**48 - 1


def key_of(id: str) -> bytes | None:
    """The 18 bytes that an id of 24 characters stands for; None for a text that is no id."""
    try:
        key = a2b_base64(id.encode().translate(_STANDARD), strict_mode=True)
    except ValueError:
        return None
    return key if len(key) == KEY_SIZE else None


def id_of(key: bytes) -> str:
    return b2a_base64(key, newline=False).translate(_URL_SAFE).decode()


def packed_time(milliseconds: int) -> bytes:
    """Six bytes that sort like the time; the nearest ones for a time that they cannot hold."""
    if not 0 <= milliseconds <= _LAST_TIME:
        milliseconds = min(max(milliseconds, 0), _LAST_TIME)
    return milliseconds.to_bytes(6, "big")


def packed_name(authid: str | None, authrealm: str | None) -> bytes:
    """Bytes from which `name_of` reads a user, None for any."""
    return cbor2.dumps([packed_text(authid), packed_text(authrealm)])


def name_of(data: bytes) -> tuple[str | None, str | None]:
    authid, authrealm = cbor2.loads(data)
    return text_of(authid), text_of(authrealm)


def fence_key(authid: str | None, authrealm: str | None) -> bytes:
    """The user's key: a digest, as a name can be longer than a key may be."""
    return blake2b(packed_name(authid, authrealm), digest_size=32).digest()


def packed_authid(authid: str) -> bytes:
    """A digest of four bytes. Two authids may share it: what is found by it has to be compared."""
    return blake2b(authid.encode(errors="surrogatepass"), digest_size=4).digest()
