"""Reading the records of a `FileTable`."""

from collections.abc import Iterator, Mapping, Sequence

from cookietrack_plugin.record import Cookie, matches
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
    for key, text in _candidates(table, authid, authrealm):
        cookie = decode(key, text)
        if cookie is not None and matches(cookie.auth, authid, authrealm):
            yield cookie


def keys(table: FileTable, authid: str | None, authrealm: str | None) -> Iterator[bytes]:
    """The keys of the records that `scan` gives; None for both: all, undecodable ones too."""
    if authid is authrealm is None:
        return (key for key, _ in _states(table))
    return (to_key(cookie.id) for cookie in scan(table, authid, authrealm))


def undecodable(table: FileTable) -> Iterator[bytes]:
    """The keys of records whose line is whole, and whose text says nothing."""
    return (key for key, text in _states(table) if decode(key, text) is None)


def _states(table: FileTable) -> Iterator[State]:
    return (state for states in table.walk() for state in states if state[1] != GONE)


def _candidates(table: FileTable, authid: str | None, authrealm: str | None) -> Iterator[State]:
    """Records in whose text both names occur: the others need not be decoded."""
    wanted = [to_text(name) for name in (authid, authrealm) if name is not None]
    return (state for state in _states(table) if all(name in state[1] for name in wanted))
