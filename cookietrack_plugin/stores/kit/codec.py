"""
A `Cookie` as bytes, for stores that keep opaque values: compact, quick to read, and self-checking.

The first byte is the layout. `PLAIN` is a fixed head, the texts with a NUL between, the last of
which is the time of the login in digits, and `authextra` as CBOR behind an 0xFF, which no UTF-8
contains. `GENERAL` is one CBOR array, for the few cookies that PLAIN cannot hold: with a NUL or an
empty text, or with times that make no sense. A CRC-32 of the id and of all that precedes it ends
both: a record under the key of another is damaged. Layouts 1 and 2 are the same with a CRC-32
without the id; they are read, and no longer written. Texts are UTF-8 in which halves of surrogate
pairs may stand, as JSON carries them; in GENERAL a text with one is a byte string.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from struct import error as StructError
from typing import Any
from zlib import crc32

import cbor2

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.kit.cbor import packed
from cookietrack_plugin.stores.kit.maker import maker
from cookietrack_plugin.stores.kit.nesting import check_depth

_PLAIN, _GENERAL = 3, 4
_LAST_WITHOUT_ID = 2
# Layout; created, and the milliseconds from then to expires and to seen: high and low part each.
_HEAD = Struct(">BHIBIBI")
_unpack_head = _HEAD.unpack_from
_make_auth, _make_cookie = maker(Auth), maker(Cookie)
_LOW = 2**32 - 1
_TEXT_END = b"\xff"
_CRC_SIZE = 4
# Recently decoded records by id, with their bytes: each request of a client reads its record.
_decoded: dict[str, tuple[bytes, Cookie]] = {}
_MOST_DECODED = 1024
_BEHIND_HEAD = slice(_HEAD.size, -_CRC_SIZE)
# The CRC-32 of any bytes followed by their own CRC: one pass over data, without a copy, checks it.
_INTACT = 0x2144DF1C


def encode(cookie: Cookie) -> bytes:
    """
    Everything of `cookie` but its id, which is the key that a store files it under.

    :raises ValueError: `authextra` is no data that CBOR carries there and back. What WAMP
        transports is fine, bytes included; a tuple comes back as a list.
    """
    body = _plain(cookie) or _general(cookie)
    return body + crc32(body, _crc_of(cookie.id)).to_bytes(_CRC_SIZE, "little")


def decode(id: str, data: bytes) -> Cookie:
    """
    The cookie that `encode` turned into `data`, with its id.

    :raises ValueError: `data` is truncated, damaged, that of another id, or of a layout unknown to
        this version.
    """
    layout = data[0] if data else 0
    if crc32(data, _crc_of(id) if layout > _LAST_WITHOUT_ID else 0) != _INTACT:
        raise ValueError("a cookie record with a wrong checksum")
    try:
        return _READERS[layout](id, data)
    except (StructError, TypeError, LookupError, cbor2.CBORError) as error:
        raise ValueError("a cookie record of an unknown layout") from error


def decode_again(id: str, data: bytes) -> Cookie:
    """What `decode` gives, without decoding it again if that was done a moment ago."""
    known = _decoded.get(id)
    if known is not None and known[0] == data:
        return known[1]
    cookie = decode(id, data)
    # A caller may have altered an `authextra` that it got: such a record is decoded each time.
    if cookie.auth is None or cookie.auth.authextra is None:
        if len(_decoded) >= _MOST_DECODED:
            _decoded.clear()
        _decoded[id] = data, cookie
    return cookie


def _crc_of(id: str) -> int:
    return crc32(id.encode("utf-8", "surrogatepass"))


def _plain(cookie: Cookie) -> bytes | None:
    """The PLAIN layout, None where decoding it would give another cookie."""
    peer, user_agent, extra = cookie.peer, cookie.user_agent, b""
    login: tuple[str, ...] = ()
    if (auth := cookie.auth) is not None:
        login = auth.authid, auth.authrole, auth.authmethod, auth.authrealm
        if auth.at is not None:
            login += (str(auth.at),)
        extra = _encode_extra(auth.authextra)
    if peer == "" or user_agent == "" or "" in login or None in login:
        return None
    joined = "\0".join((peer or "", user_agent or "", *login))
    if joined.count("\0") != 1 + len(login):
        return None
    try:
        head = _head(cookie)
    except StructError:
        return None
    return head + joined.encode("utf-8", "surrogatepass") + (_TEXT_END + extra if extra else b"")


def _head(cookie: Cookie) -> bytes:
    created = cookie.created
    expires, seen = cookie.expires - created, cookie.seen - created
    return _HEAD.pack(
        _PLAIN,
        created >> 32,
        created & _LOW,
        expires >> 32,
        expires & _LOW,
        seen >> 32,
        seen & _LOW,
    )


def _read_plain(id: str, data: bytes) -> Cookie:
    _, high, low, expires_high, expires_low, seen_high, seen_low = _unpack_head(data)
    created = high << 32 | low
    joined, _, extra = data[_BEHIND_HEAD].partition(_TEXT_END)
    texts = joined.decode("utf-8", "surrogatepass").split("\0")
    auth = None
    if len(texts) > 2:
        # One by one: this runs at every handshake, and unpacking a slice takes as long as a CRC.
        rest = _decode_extra(extra) if extra else None
        at = int(texts[6]) if len(texts) > 6 else None
        auth = _make_auth(texts[2], texts[3], texts[4], texts[5], rest, at)
    return _make_cookie(
        id,
        created,
        created + (expires_high << 32 | expires_low),
        created + (seen_high << 32 | seen_low),
        texts[0] or None,
        texts[1] or None,
        auth,
    )


def _general(cookie: Cookie) -> bytes:
    login = None
    if (auth := cookie.auth) is not None:
        extra = _encode_extra(auth.authextra)
        names = auth.authid, auth.authrole, auth.authmethod, auth.authrealm
        login = [*map(_to_text, names), extra, *([] if auth.at is None else [auth.at])]
    texts = map(_to_text, (cookie.peer, cookie.user_agent))
    fields = [cookie.created, cookie.expires, cookie.seen, *texts, login]
    return bytes([_GENERAL]) + packed(fields)


def _read_general(id: str, data: bytes) -> Cookie:
    created, expires, seen, peer, user_agent, login = cbor2.loads(data[1:-_CRC_SIZE])
    auth = None
    if login is not None:
        authid, authrole, authmethod, authrealm = map(_read_text, login[:4])
        at = login[5] if len(login) > 5 else None
        auth = Auth(authid, authrole, authmethod, authrealm, _decode_extra(login[4]), at)
    return Cookie(id, created, expires, seen, _read_text(peer), _read_text(user_agent), auth)


def _to_text(text: Any) -> Any:
    """Bytes for a text with half of a surrogate pair: those of CBOR are Unicode."""
    if isinstance(text, str):
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "surrogatepass")
    return text


def _read_text(value: Any) -> Any:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def _encode_extra(extra: Mapping[str, Any] | None) -> bytes:
    if extra is None:
        return b""
    if not isinstance(extra, Mapping):
        raise ValueError("a cookie that cannot be stored: its authextra is no mapping")
    check_depth(extra)
    return packed(extra)


def _decode_extra(data: bytes) -> Mapping[str, Any] | None:
    if not data:
        return None
    extra = cbor2.loads(data)
    if not isinstance(extra, Mapping):
        raise LookupError("an authextra that is no mapping")
    return extra


_READERS: Mapping[int, Callable[[str, bytes], Cookie]] = {
    1: _read_plain,
    2: _read_general,
    _PLAIN: _read_plain,
    _GENERAL: _read_general,
}
