"""Reading what is long a page at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie

# Records that a caller asks for at a time, unless it knows better.
PAGE = 500

Cursor = TypeVar("Cursor")
Item = TypeVar("Item")


def records(
    store: ICookieStore,
    authid: str | None = None,
    authrealm: str | None = None,
    limit: int = PAGE,
) -> Iterator[Cookie]:
    """
    All records of `store`, or those of a user: what `ICookieStore.page` gives, page after page.

    :raises StoreCorrupt: the cursors do not grow, so that the walk might never end.
    """
    cursor: str | None = None
    while True:
        page, cursor = page_after(store, cursor, limit, authid, authrealm)
        yield from page
        if cursor is None:
            return


def page_after(
    store: ICookieStore,
    cursor: str | None,
    limit: int,
    authid: str | None = None,
    authrealm: str | None = None,
) -> tuple[Sequence[Cookie], str | None]:
    """
    What `ICookieStore.page` gives, whose cursor is behind `cursor`.

    :raises StoreCorrupt: it is not.
    """
    page, following = store.page(cursor, limit, authid, authrealm)
    if following is not None and cursor is not None and following <= cursor:
        raise StoreCorrupt(
            "a walk over the records of the store stands still: it is damaged; find out with"
            " `cookietrack verify`"
        )
    return page, following


def cursor_of(place: bytes) -> str:
    """The cursor that names `place`, which is not empty. Cursors are in the order of places."""
    return place.hex()


def place_of(cursor: str) -> bytes:
    """
    The place that `cursor` names.

    :raises ValueError: `cursor_of` never gives such a text.
    """
    place = bytes.fromhex(cursor)
    if not place or place.hex() != cursor:
        raise ValueError("no cursor of a page of records")
    return place


def read_on(
    read: Callable[[Cursor], tuple[Sequence[Item], Cursor]], cursor: Cursor, size: int
) -> tuple[list[Item], Cursor]:
    """
    All that comes behind `cursor`, and the next cursor.

    :param read: gives the next `size` of it, fewer at the end, and where to go on from.
    """
    found: list[Item] = []
    while True:
        page, cursor = read(cursor)
        found += page
        if len(page) < size:
            return found, cursor
