"""A walk over the selected cookies that can be resumed later."""

from collections.abc import Iterable, Iterator

from cookietrack_plugin.admin.selection import MAX_PAGE, Listed, page_of
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.search.selection import Selection


class Walk:
    """
    Walks over a store, or over those of several workers, one after the other.

    `after`: where to resume; None at the end. `looked_at`: how many records were read so far.

    :param parts: by worker, None where there is one store: see `parts_of`.
    :param now: in Unix milliseconds.
    """

    def __init__(
        self,
        parts: Iterable[tuple[str | None, ICookieStore]],
        selection: Selection,
        now: int,
        after: str | None,
    ) -> None:
        self._parts = list(parts)
        self._selection = selection
        self._now = now
        self.after = after
        self.looked_at = 0

    def up_to(self, limit: int | None) -> Iterator[Listed]:
        """
        At most `limit` of them, None for all, as they come.

        :raises ConfigError: `after` is no place in this walk.
        """
        left = limit
        while left is None or left > 0:
            place, cursor = self._place()
            worker, store = self._parts[place]
            size = MAX_PAGE if left is None else min(left, MAX_PAGE)
            try:
                page = page_of(self._selection, store, self._now, cursor, size)
            except ValueError as error:
                raise _wrong_place() from error
            self.after = self._name_of(place, page.cursor)
            self.looked_at += page.looked_at
            for cookie in page.cookies:
                yield worker, cookie
            if self.after is None:
                return
            left = None if left is None else left - len(page.cookies)

    def _place(self) -> tuple[int, str | None]:
        """Which of the stores comes next, and the cursor in it."""
        if self.after is None or len(self._parts) == 1:
            return 0, self.after
        worker, _, cursor = self.after.partition(":")
        workers = [name for name, _ in self._parts]
        if worker not in workers:
            raise _wrong_place()
        return workers.index(worker), cursor or None

    def _name_of(self, place: int, cursor: str | None) -> str | None:
        if len(self._parts) == 1:
            return cursor
        if cursor is not None:
            return f"{self._parts[place][0]}:{cursor}"
        following = place + 1
        return f"{self._parts[following][0]}:" if following < len(self._parts) else None


def _wrong_place() -> ConfigError:
    return ConfigError("--after: expected the place that `ls` printed for this store and options")
