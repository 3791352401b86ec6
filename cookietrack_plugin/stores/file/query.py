"""Reading the records of a `FileTable`, for whoever holds one."""

from collections.abc import Iterator, Mapping, Sequence

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.file.encoding import decode, to_key, to_text
from cookietrack_plugin.stores.file.lines import GONE, State
from cookietrack_plugin.stores.file.table import FileTable


def load(table: FileTable, ids: Sequence[str]) -> Mapping[str, Cookie]:
    """As `ICookieStore.load`."""
    found = table.load([to_key(id) for id in ids])
    cookies = (decode(key, text) for key, text in found.items())
    return {cookie.id: cookie for cookie in cookies if cookie is not None}


def scan(table: FileTable, authid: str | None, authrealm: str | None) -> Iterator[Cookie]:
    """As `ICookieStore.scan`."""
    # A text in which a name does not occur need not be decoded.
    wanted = [to_text(name) for name in (authid, authrealm) if name is not None]
    for key, text in _states(table):
        if all(name in text for name in wanted):
            cookie = decode(key, text)
            if cookie is not None and _is_of(cookie, authid, authrealm):
                yield cookie


def undecodable(table: FileTable) -> Iterator[bytes]:
    """The keys of records whose line is whole, and whose text says nothing."""
    return (key for key, text in _states(table) if decode(key, text) is None)


def _states(table: FileTable) -> Iterator[State]:
    return (state for states in table.walk() for state in states if state[1] != GONE)


def _is_of(cookie: Cookie, authid: str | None, authrealm: str | None) -> bool:
    found = (cookie.auth.authid, cookie.auth.authrealm) if cookie.auth else (None, None)
    return authid in (None, found[0]) and authrealm in (None, found[1])
