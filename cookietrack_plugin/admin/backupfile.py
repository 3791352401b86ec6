"""
The file that `cookietrack backup` writes: JSON, one object a line, in ASCII.

The first line is the head: `cookietrack_backup` is the version of the format. A line for each
record follows; times are Unix milliseconds. The last line has the number of records, and the
SHA-256 of all bytes before it. An `authextra` that JSON cannot carry stands as CBOR in base64.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from types import NoneType
from typing import IO, Any

import cbor2
from attrs import frozen

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.record import Auth, Cookie, is_id
from cookietrack_plugin.stores.kit.cbor import packed
from cookietrack_plugin.stores.kit.nesting import check_depth

FORMAT = 1
# No head is longer; a file without a line end may not fit into memory.
_HEAD_BYTES = 2**20
_VERSION = "cookietrack_backup"


@frozen
class Head:
    """
    `created`: when the backup was begun, in Unix milliseconds. `store`: what was backed up, for
    people. `position`: of its feed before the first record was read; None without a feed.
    """

    created: int
    store: str
    position: Any = None


def write(file: IO[bytes], head: Head, cookies: Iterable[Cookie]) -> Iterator[Cookie | str]:
    """
    Write a backup, and yield each record that is in it; of one that cannot be, the id.

    The last line is written when there are no more: the iterator has to be exhausted.
    """
    digest, count = sha256(), 0

    def put(value: Mapping[str, Any]) -> None:
        line = json.dumps(value, allow_nan=False).encode("ascii") + b"\n"
        digest.update(line)
        file.write(line)

    position = _pack(head.position)
    put({_VERSION: FORMAT, "created": head.created, "store": head.store, "position": position})
    for cookie in cookies:
        try:
            line = _as_line(cookie)
        except ValueError:
            yield cookie.id
            continue
        put(line)
        count += 1
        yield cookie
    put({"cookies": count, "sha256": digest.hexdigest()})


def read_head(file: IO[bytes]) -> Head:
    """:raises StoreCorrupt: the file is no backup, or one of a newer format."""
    found = _parse(file.readline(_HEAD_BYTES))
    if _VERSION not in found:
        raise StoreCorrupt("it is no backup of cookietrack")
    if found[_VERSION] != FORMAT:
        raise StoreCorrupt(
            f"it is a backup of format {found[_VERSION]}, and this version reads {FORMAT}:"
            " upgrade cookietrack-plugin"
        )
    try:
        return Head(int(found["created"]), str(found["store"]), _unpack(found["position"]))
    except (LookupError, TypeError, ValueError) as error:
        raise StoreCorrupt("its first line cannot be read") from error


def read(file: IO[bytes]) -> Iterator[Cookie]:
    """
    The records, from behind the head on.

    :raises StoreCorrupt: it is damaged, or its end is missing. What was given until then is not to
        be trusted: a first pass over the file shows whether it is whole.
    """
    file.seek(0)
    digest = sha256(file.readline())
    for number, line in enumerate(file, start=2):
        found = _parse(line)
        if "sha256" in found:
            if (found["sha256"], found.get("cookies")) != (digest.hexdigest(), number - 2):
                raise StoreCorrupt("it is damaged: its checksum does not match")
            if file.read(1):
                raise StoreCorrupt("it goes on behind its last line")
            return
        digest.update(line)
        yield _as_cookie(found, number)
    raise StoreCorrupt("its end is missing")


def _parse(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _as_line(cookie: Cookie) -> dict[str, Any]:
    """:raises ValueError: its authextra is no data."""
    auth = cookie.auth
    login = None
    if auth is not None:
        names = ("authid", "authrole", "authmethod", "authrealm")
        login = {name: getattr(auth, name) for name in names}
        login["authextra"] = _extra_to_json(auth.authextra)
        login["at"] = auth.at
    fields = ("id", "created", "expires", "seen", "peer", "user_agent")
    return {**{name: getattr(cookie, name) for name in fields}, "auth": login}


def _as_cookie(found: Mapping[str, Any], number: int) -> Cookie:
    try:
        login = found["auth"]
        times = (found["created"], found["expires"], found["seen"])
        texts = (found["peer"], found["user_agent"])
        is_right = all(type(each) is int for each in times) and is_id(found["id"])
        auth = None if login is None else _as_auth(**login)
        if not is_right or not all(each is None or isinstance(each, str) for each in texts):
            raise ValueError("a value of a wrong type")
    except (LookupError, TypeError, ValueError, cbor2.CBORError) as error:
        raise StoreCorrupt(f"its line {number} cannot be read") from error
    return Cookie(found["id"], *times, *texts, auth)


def _as_auth(
    authid: str,
    authrole: str,
    authmethod: str,
    authrealm: str,
    authextra: Any,
    at: int | None = None,
) -> Auth:
    texts = (authid, authrole, authmethod, authrealm)
    if not all(isinstance(each, str) for each in texts) or type(at) not in (int, NoneType):
        raise ValueError("a value of a wrong type")
    return Auth(*texts, _extra_from_json(authextra), at)


def _extra_to_json(value: Any) -> Any:
    """
    `{"json": value}` where JSON gives it back as it was, else `{"cbor": text}`; None for None.

    :raises ValueError: neither can, or no store takes it back.
    """
    if value is None:
        return None
    # Both recurse: an encoder of CBOR until the process has no stack left.
    check_depth(value)
    with suppress(TypeError, ValueError, RecursionError):
        if json.loads(json.dumps(value, allow_nan=False)) == value:
            return {"json": value}
    return {"cbor": b64encode(packed(value)).decode("ascii")}


def _extra_from_json(value: Any) -> Any:
    if value is None:
        return None
    return value["json"] if "json" in value else cbor2.loads(b64decode(value["cbor"]))


def _pack(position: Any) -> Any:
    """A position of a feed for JSON; None where it is of another kind than those that we know."""
    match position:
        case tuple():
            return {"tuple": [_pack(each) for each in position]}
        case bytes():
            return {"bytes": b64encode(position).decode("ascii")}
        case int() | str():
            return position
    return None


def _unpack(packed: Any) -> Any:
    match packed:
        case {"tuple": list(parts)}:
            return tuple(map(_unpack, parts))
        case {"bytes": str(text)}:
            return b64decode(text)
    return packed
