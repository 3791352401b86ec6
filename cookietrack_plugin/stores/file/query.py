"""Reading the records of a `FileTable`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cookietrack_plugin.record import Cookie, is_id, matches
from cookietrack_plugin.stores.file.encoding import decode, to_id, to_key, to_text
from cookietrack_plugin.stores.file.lines import State
from cookietrack_plugin.stores.file.table import FileTable
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of

# Records that a page looks at most.
_MAX_PAGE = 1_000


def load(table: FileTable, ids: Sequence[str]) -> Mapping[str, Cookie]:
    """As `ICookieStore.load`."""
    found = table.load([to_key(id) for id in ids if is_id(id)])
    cookies = (decode(key, text) for key, text in found.items())
    return {cookie.id: cookie for cookie in cookies if cookie is not None}


def records(table: FileTable, ids: Iterable[str]) -> dict[str, Stored]:
    """The records of those `ids` that are there, damaged ones included: what a batch alters."""
    found = [(key, table.get(key)) for key in map(to_key, filter(is_id, ids))]
    return {to_id(key): decode(key, text) or DAMAGED for key, text in found if text is not None}


def page(
    table: FileTable, cursor: str | None, limit: int, authid: str | None, authrealm: str | None
) -> tuple[Sequence[Cookie], str | None]:
    """As `ICookieStore.page`, in the order of `FileTable.after`. It reads all for one user, too."""
    limit = min(limit, _MAX_PAGE)
    # A place is the last byte of a key, and the key.
    states = table.after(b"" if cursor is None else _key_of(cursor), limit)
    page = list(_matching(states, authid, authrealm))
    if len(states) < limit:
        return page, None
    key, _ = states[-1]
    return page, cursor_of(key[-1:] + key)


def keys(table: FileTable, authid: str | None, authrealm: str | None) -> Iterator[bytes]:
    """The keys of a user's records; None for both: all, undecodable ones too."""
    if authid is authrealm is None:
        return (key for key, _ in _states(table))
    return (to_key(cookie.id) for cookie in _matching(_states(table), authid, authrealm))


def undecodable(table: FileTable) -> Iterator[bytes]:
    """The keys of records whose line is whole, and whose text says nothing."""
    return (key for key, text in _states(table) if decode(key, text) is None)


def _key_of(cursor: str) -> bytes:
    """
    The key behind which a page begins.

    :raises ValueError: no page gives such a cursor.
    """
    place = place_of(cursor)
    if place[1:][-1:] != place[:1]:
        raise ValueError("no cursor of a page of records")
    return place[1:]


def _states(table: FileTable) -> Iterator[State]:
    return (state for states in table.walk() for state in states)


def _matching(
    states: Iterable[State], authid: str | None, authrealm: str | None
) -> Iterator[Cookie]:
    # Only texts that contain the names are decoded.
    wanted = [to_text(name) for name in (authid, authrealm) if name is not None]
    first, last = (wanted[0], wanted[-1]) if wanted else (b"", b"")
    for key, text in states:
        if first in text and last in text:
            cookie = decode(key, text)
            if cookie is not None and matches(cookie.auth, authid, authrealm):
                yield cookie
