"""The sessions of a store: found a page at a time, counted, and one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import fields
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.console.refusals import NotFound, WrongQuery
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.operators import shown
from cookietrack_plugin.search.devicename import device_name
from cookietrack_plugin.search.page import MAX_LIMIT, SearchPage
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.tracking.tracker import Tracker

PAGE, MAX_PAGE = 50, 500
# Sessions that have expired are none.
FILTERS = tuple(each.name for each in fields(Selection) if each.name != "expired")
_FLAGS = {"true": True, "false": False}


class Sessions:
    """Finds sessions of the watched store. On the reactor's thread; each answer is a Deferred."""

    def __init__(self, watched: WatchedStore) -> None:
        self._watched = watched

    @inlineCallbacks
    def find(self, query: Mapping[str, str]) -> Any:
        """A page of the sessions that a query selects, and the cursor of the next."""
        limit = _limit(query.get("limit"))
        selection = selection_of(query, "limit", "cursor")
        tracker = self._watched.tracker()
        page = yield _searched(tracker, selection, query.get("cursor"), limit)
        cookies = [shown(tracker, cookie) for cookie in page.cookies]
        yield with_devices(self._watched, cookies)
        return {"sessions": cookies, "looked_at": page.looked_at, "cursor": page.cursor}

    @inlineCallbacks
    def count(self, query: Mapping[str, str]) -> Any:
        """How many sessions a query selects, as far as one request has time to count."""
        selection = selection_of(query, "cursor")
        tracker = self._watched.tracker()
        page = yield _searched(tracker, selection, query.get("cursor"), MAX_LIMIT)
        return {
            "sessions": len(page.cookies),
            "connections": sum(tracker.connections_of(each.id) for each in page.cookies),
            "looked_at": page.looked_at,
            "cursor": page.cursor,
        }

    @inlineCallbacks
    def one(self, id: str) -> Any:
        """The session of an id."""
        id = arguments.an_id(id)
        tracker = self._watched.tracker()
        cookie = yield tracker.find(id)
        if cookie is None:
            raise NotFound("there is no such session: it was ended, or has expired")
        found = shown(tracker, cookie)
        yield with_devices(self._watched, [found])
        return found


@inlineCallbacks
def with_devices(watched: WatchedStore, found: Sequence[dict[str, Any]]) -> Any:
    """Give each of what has a `user_agent` a `device` as well, on a thread."""
    agents = {each["user_agent"] for each in found}
    names = yield watched.off_reactor(lambda: {agent: device_name(agent) for agent in agents})
    for each in found:
        each["device"] = names[each["user_agent"]]


def selection_of(query: Mapping[str, str], *others: str) -> Selection:
    """
    The filters of a query.

    :param others: what it may have besides.
    :raises WrongQuery: one of them is unknown, or wrong.
    """
    given = {name: text for name, text in query.items() if name not in others}
    for name in given:
        if name not in FILTERS:
            raise WrongQuery(f"expected one of {', '.join([*FILTERS, *others])}, found {name!r}")
    texts: dict[str, object] = {
        name: _FLAGS.get(text, text) if name == "anonymous" else text
        for name, text in given.items()
    }
    try:
        return Selection.parse(texts)
    except ValueError as error:
        raise WrongQuery(str(error)) from None


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 9):
        raise WrongQuery(f"limit: expected an integer from 1 to {MAX_PAGE}, found {text!r}")
    return arguments.limit(int(text), MAX_PAGE)


@inlineCallbacks
def _searched(tracker: Tracker, selection: Selection, cursor: str | None, limit: int) -> Any:
    try:
        page: SearchPage = yield tracker.search(selection, cursor, limit)
    except ValueError:
        if cursor is None:
            raise
        raise WrongQuery("cursor: expected one that this store gave, found another") from None
    return page
