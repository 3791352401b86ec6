"""A page of the records that are meant, in a bounded time."""

import time
from collections.abc import Callable, Sequence

from attrs import frozen

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.paging import PAGE, page_after

# What a request may spend, in seconds.
BUDGET_S = 0.25
# The most records that one page has: of one that is only counted.
MAX_LIMIT = 10_000

Seconds = Callable[[], float]
Wanted = Callable[[Cookie], bool]


@frozen
class SearchPage:
    """
    `cookies`: those that were found. `looked_at`: how many records were read for that. `cursor`:
    where to go on; None at the end. A page can be empty, and not be the last.
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
    """From a cursor on, with what was found on the way. Its `cursor` is None at the end."""

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
        """Whether there is no more, or no more is wanted."""
        return self.has_read and (self.cursor is None or len(self.cookies) >= limit)

    def read(self, size: int, limit: int) -> int:
        """
        Read `size` records further on; how many to read the next time.

        A cursor leads to the end of what was read. Where more is found there than may be taken,
        nothing is: it is read again, up to the last that is wanted.
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
