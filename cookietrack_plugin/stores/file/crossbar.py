"""
The lines of Crossbar's own file store: one JSON object for each change of a cookie.

Versions differ: the cookie's value is `cbtid`, before that `id`; `status` is new; older lines have
the time under the name of the status alone (a later one then lacks `created`), the oldest no realm.
Values are replaced by ids here, as anybody who reads a value can log in with it.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.file.encoding import encode, to_key
from cookietrack_plugin.stores.file.lines import GONE, State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = ("authid", "authrole", "authmethod", "authrealm")
# Characters in the shortest value that Crossbar makes.
_SHORTEST = 6
_VALUE = re.compile(rb'"(?:cbtid|id)":\s*"([\w+/-]+)')
_TOKEN = re.compile(rb"[\w+/-]{%d,}" % _SHORTEST)
_HARMLESS = re.compile(
    rb"auth(?:id|role|method|realm|extra)|max_age|status|created|modified|deleted"
    rb"|\d+|\d{4}-\d\d-\d\dT\d\d"
)
# What Crossbar takes for a login and we do not: a client without one gets it anyway.
_ANONYMOUS = {"anonymous", "anonymous-proxy"}
# What every line has, and what there may be besides: see the versions above.
_ALWAYS = {"max_age", "authid", "authrole", "authmethod"}
_TIMES = ("created", "modified", "deleted")
_KNOWN = {*_ALWAYS, *_TIMES, "cbtid", "id", "status", "authrealm", "authextra"}
_BEGINNING = re.compile(rb'\{"(?:cbtid|id)": "')
_decoder = json.JSONDecoder()
# What is raised where something is not as Crossbar writes it.
_NOT_CROSSBARS = (
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError),
)


class CrossbarLines:
    """
    Reads the lines of one file, in order.

    A deleted cookie stays deleted: Crossbar itself brings it back when it starts, and may then have
    written changes of it that must not count. `incomplete`: how many logins had no realm or role.
    """

    def __init__(self) -> None:
        self.incomplete = 0
        self._created: dict[bytes, int] = {}
        self._gone: set[bytes] = set()

    def read(self, raw: bytes) -> list[State] | None:
        """What the line changes, which may be nothing; None where it is no line of Crossbar's."""
        try:
            entries = list(_objects(raw.decode()))
            return [state for entry in entries for state in self._states(*entry)]
        except _NOT_CROSSBARS:
            return None

    def salvage(self, raw: bytes) -> list[State]:
        """
        What can still be read of a damaged line that was Crossbar's: objects behind the damage. A
        client may have put such objects into its authextra, so their logins do not count; the end
        of a login does.
        """
        states: list[State] = []
        for start in _BEGINNING.finditer(raw) if _BEGINNING.match(raw) else ():
            with suppress(*_NOT_CROSSBARS):
                text = raw[start.start() :].decode(errors="replace")
                entry, end = _decoder.raw_decode(text)
                states += self._states(text[:end], {**entry, "authid": None})
        return states

    def _states(self, raw: str, entry: dict[str, Any]) -> list[State]:
        _check(entry)
        value = entry["cbtid"] if "cbtid" in entry else entry["id"]
        id = id_of(value)
        key = to_key(id)
        status = entry.get("status")
        if status == "deleted" or entry.get("deleted"):
            self._gone.add(key)
            return [(key, GONE)]
        if key in self._gone and status != "created":
            return []
        self._gone.discard(key)
        # Crossbar takes the cookie's value for the authid of an anonymous client.
        if raw.count(to_key(value).decode()) > 1:
            entry = _hide(entry, value, id)
        return [(key, encode(self._cookie(id, key, entry)))]

    def _cookie(self, id: str, key: bytes, entry: dict[str, Any]) -> Cookie:
        seen = _milliseconds(entry.get("modified") or entry["created"])
        if entry.get("created"):
            created = _milliseconds(entry["created"])
        else:
            created = self._created.get(key, seen)
        if "id" in entry:
            self._created[key] = created
        expires = created + int(entry["max_age"] * 1000)
        return Cookie(id, created, expires, max(seen, created), auth=self._auth(entry))

    def _auth(self, entry: dict[str, Any]) -> Auth | None:
        names = [name for name in map(entry.get, _NAMES) if isinstance(name, str)]
        if not entry.get("authid") or entry.get("authmethod") in _ANONYMOUS:
            return None
        if len(names) < len(_NAMES):
            self.incomplete += 1
            return None
        authid, authrole, authmethod, authrealm = names
        return Auth(authid, authrole, authmethod, authrealm, _lasting(entry.get("authextra")))


def redact(raw: bytes) -> bytes:
    """
    A line that cannot be read, without what may be a cookie's value or the rest of one. An id
    replaces what is known to be a value; a question mark replaces other words.
    """
    values = set(_VALUE.findall(raw))

    def replace(token: re.Match[bytes]) -> bytes:
        if token[0] in values:
            return id_of(token[0].decode()).encode()
        return token[0] if _HARMLESS.fullmatch(token[0]) else b"?"

    return _TOKEN.sub(replace, raw)


def may_begin(raw: bytes) -> bool:
    """Whether `raw` may be the beginning of a line of Crossbar's, which was then torn off."""
    starts = (b'{"cbtid": "', b'{"id": "')
    return any(start.startswith(raw[: len(start)]) for start in starts)


def _objects(line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    The objects of a line, each with its text. There are several where a line end was lost.

    :raises ValueError: there is something else.
    """
    line = line.strip()
    end = 0
    while not end or end < len(line):
        start = end
        entry, end = _decoder.raw_decode(line, start)
        yield line[start:end], entry
        end += len(line[end:]) - len(line[end:].lstrip())


def _check(entry: dict[str, Any]) -> None:
    """
    :raises ValueError, TypeError, AttributeError: it is not as Crossbar writes it. Other programs
        have files of objects with an `id`, which may even be `deleted`.
    """
    names = entry.keys()
    if not _ALWAYS <= names <= _KNOWN or ("cbtid" in names) == ("id" in names):
        raise ValueError("an object that Crossbar has not written")
    for name in _TIMES:
        if entry.get(name) is not None:
            _milliseconds(entry[name])


def _hide(entry: dict[str, Any], value: str, id: str) -> dict[str, Any]:
    """The entry with the id wherever the value stands."""
    if len(value) < _SHORTEST:
        return entry
    hidden: dict[str, Any] = json.loads(json.dumps(entry).replace(to_key(value).decode(), id))
    return hidden


def _lasting(extra: object) -> dict[str, Any] | None:
    """The part of an authextra that outlives its connection: Crossbar adds the peer's port."""
    kept = extra if isinstance(extra, dict) else {}
    return {key: each for key, each in kept.items() if not key.startswith("x_cb_")} or None


def _milliseconds(text: str) -> int:
    """Unix time of an ISO 8601 date and time, which is in UTC where it does not say otherwise."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // timedelta(milliseconds=1)
