"""A record as JSON text: what a line of the `file` store holds, on disk and in memory alike."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import cbor2

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.kit.cbor import packed
from cookietrack_plugin.stores.kit.nesting import check_depth

# When a record expires whose text cannot be read: only `Delete` removes it.
NEVER = 2**63

_dumps = json.JSONEncoder(separators=(",", ":")).encode
_loads = json.JSONDecoder().decode


def to_key(id: str) -> bytes:
    """An id as it stands between quotes in JSON: ASCII, without a quote or a line end in it."""
    return _dumps(id)[1:-1].replace('\\"', "\\u0022").encode("ascii")


def to_id(key: bytes) -> str:
    """The id of which `to_key` made `key`."""
    text = key.decode("ascii")
    return _loads(f'"{text}"') if "\\" in text else text


def encode(cookie: Cookie) -> bytes:
    """
    Everything of `cookie` but its id, as a JSON array without a line end, `expires` first.

    :raises ValueError: `authextra` is no data that JSON or CBOR can carry.
    """
    extra = cookie.auth.authextra if cookie.auth else None
    if not isinstance(extra, Mapping | None):
        raise ValueError("an authextra that cannot be stored: it is no mapping")
    check_depth(extra)
    try:
        return to_text(_fields(cookie, extra if _is_json(extra) else _opaque(extra)))
    except RecursionError as error:
        raise ValueError("an authextra that is nested too deeply") from error


def decode(key: bytes, text: bytes) -> Cookie | None:
    """The cookie of which `encode` made `text`; None where it is no such text."""
    try:
        expires, created, seen, peer, user_agent, login = _loads(text.decode("ascii"))
        auth = None if login is None else _read_login(*login)
        return Cookie(to_id(key), created, expires, seen, peer, user_agent, auth)
    except (ValueError, TypeError, RecursionError, cbor2.CBORError):
        return None


def expires_of(text: bytes) -> int:
    """`expires`, without decoding the rest: this runs for every record when a store is opened."""
    try:
        return int(text[1 : text.index(b",")])
    except ValueError:
        return NEVER


def to_text(data: Any) -> bytes:
    """JSON as it stands in the file: ASCII, with no space, and every value in one way only."""
    # So the beginning of a line, of any format, stands nowhere else.
    text = _dumps(data)
    if '"ct' in text:
        text = text.replace('"ct1"', '"\\u0063t1"').replace('"ct2"', '"\\u0063t2"')
    return text.encode("ascii")


def _fields(cookie: Cookie, extra: Mapping[str, Any] | str | None) -> list[Any]:
    login: list[Any] | None = None
    if (auth := cookie.auth) is not None:
        login = [auth.authid, auth.authrole, auth.authmethod, auth.authrealm, extra]
        login += [] if auth.at is None else [auth.at]
    times = [cookie.expires, cookie.created, cookie.seen]
    return [*times, cookie.peer, cookie.user_agent, login]


def _is_json(value: Any) -> bool:
    """Whether `value` comes back from JSON as it was; a tuple comes back as a list."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int | float)


def _opaque(extra: Mapping[str, Any] | None) -> str:
    """An authextra that is no JSON, as a string: in JSON it would be an object or null."""
    return b64encode(packed(extra)).decode("ascii")


def _read_login(
    authid: str, authrole: str, authmethod: str, authrealm: str, extra: Any, at: int | None = None
) -> Auth:
    authextra = cbor2.loads(b64decode(extra)) if isinstance(extra, str) else extra
    if not isinstance(authextra, Mapping | None):
        raise ValueError("an authextra that is no mapping")
    return Auth(authid, authrole, authmethod, authrealm, authextra, at)
