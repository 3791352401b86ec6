"""A page of the records that a selection has, found in a bounded time."""

import time
from collections.abc import Callable, Sequence

from attrs import frozen

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.paging import PAGE, page_after

# The time that one request may take.
BUDGET_S = 0.25
# The most records of a page.
MAX_LIMIT = 10_000

Seconds = Callable[[], float]
Wanted = Callable[[Cookie], bool]


@frozen
class SearchPage:
    """
    A page can be empty and not be the last.

    `cookies`: those that were found. `looked_at`: how many records were read for that. `cursor`:
    where the next page begins; None at the end.
    """

    cookies: Sequence[Cookie]
    looked_at: int
    cursor: str | None


def search_page(
    store: ICookieStore,
    selection: Selection,
    now: int,
    cursor: str | None,
    limit: int,
    is_valid: Wanted = lambda _: True,
    seconds: Seconds = time.monotonic,
) -> SearchPage:
    """
    At most `limit` records of a selection, found within `BUDGET_S` where the store answers in time:
    another read begins only if one as long as the longest so far would end within it. On a thread
    that may wait.

    :param cursor: None for the first page; then that of the page before, of the same selection.
    :param is_valid: is asked of each record as well.
    :raises ValueError: `cursor` is none of this store.
    :raises StoreCorrupt: the cursors of the store do not grow, so that the walk might never end.
    """
    walk = _Walk(store, selection.user, cursor, lambda c: selection.has(c, now) and is_valid(c))
    end, longest = seconds() + BUDGET_S, 0.0
    size = min(limit, PAGE)
    while True:
        began = seconds()
        size = walk.read(size, limit)
        longest = max(longest, seconds() - began)
        if walk.is_done(limit) or (walk.has_read and seconds() + longest > end):
            return SearchPage(walk.cookies, walk.looked_at, walk.cursor)


class _Walk:
    """Reads a store from a cursor on, and gathers what it finds. `cursor` is None at the end."""

    def __init__(
        self,
        store: ICookieStore,
        user: tuple[str | None, str | None],
        cursor: str | None,
        wanted: Wanted,
    ) -> None:
        self._store = store
        self._user = user
        self._wanted = wanted
        self.cursor = cursor
        self.cookies: list[Cookie] = []
        self.looked_at = 0
        self.has_read = False

    def is_done(self, limit: int) -> bool:
        """Whether the store has no more, or the page is full."""
        return self.has_read and (self.cursor is None or len(self.cookies) >= limit)

    def read(self, size: int, limit: int) -> int:
        """
        Read the next `size` records; how many to read the next time.

        A cursor stands at the end of what was read. If more is found there than the page has room
        for, nothing is taken: the same records are read again, up to the last that fits.
        """
        page, following = page_after(self._store, self.cursor, size, *self._user)
        found = [place for place, cookie in enumerate(page) if self._wanted(cookie)]
        room = limit - len(self.cookies)
        if len(found) > room:
            return found[room - 1] + 1
        self.cursor, self.has_read = following, True
        self.cookies += [page[place] for place in found]
        self.looked_at += len(page)
        longer = min(2 * size, PAGE)
        if not found:
            return longer
        # As many as will be enough, if it goes on like this.
        return max(1, min(longer, (room - len(found)) * len(page) // len(found)))
