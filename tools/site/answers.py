"""What the procedures answer, and the keywords of a search: of what the code itself gives."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import succeed

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.router.arguments import FILTERS
from cookietrack_plugin.router.freshness import FRESH_UNTIL, LOGGED_IN, freshness_of
from cookietrack_plugin.router.operators import listed, shown
from cookietrack_plugin.router.outcome import counts
from cookietrack_plugin.search.page import MAX_LIMIT, SearchPage
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.wording import type_of
from cookietrack_plugin.stores.memory import MemoryProvider
from cookietrack_plugin.tracking.revocation import Ended
from tools.site.parts import table

_HEAD = ("key", "type", "meaning")
_USER = Auth("alice", "user", "ticket", "realm1", at=1)
_FULL = Cookie("A" * 24, 1, 2, 1, "tcp4:192.0.2.1:50000", "Firefox", _USER)
_BARE = evolve(_FULL, peer=None, user_agent=None, auth=None)
_MS = "Unix milliseconds"
_OF_COOKIE = {
    "id": "names the cookie; not its value",
    "authid": "the user that is logged in with it",
    "authrole": "the user's role",
    "authmethod": "how the user has logged in",
    "authrealm": "the user's realm",
    "logged_in": f"when, in {_MS}",
    "created": f"when the client got it, in {_MS}",
    "seen": f"when the client was last heard, in {_MS}",
    "expires": f"when it expires, in {_MS}",
    "peer": "where the client was, as Crossbar writes it",
    "user_agent": "the client's User-Agent",
    "connections": "how many connections of this worker have it now",
}
_OF_PAGE = {
    "cookies": "the cookies of the page",
    "looked_at": "how many records were read for it",
    "cursor": "of the next page; null: there is none",
}
_OF_END = {
    "cookies": "how many cookies were ended",
    "connections": "how many connections this worker has closed",
}
_OF_STORE = {
    "cookies": "records, expired ones too; some stores estimate it",
    "bytes": "room that they take on disk or in memory",
    "authenticated": "records with a login, where the store can tell that at once",
    "connected": "cookies with a connection of this worker",
}
_OF_LOGIN = {
    "logged_in": f"when the caller has logged in, in {_MS}",
    "age": "seconds since then",
    "fresh": "whether that is recent enough to end sessions; null without `fresh_for`",
}
_SPAN = "an age such as `12h` or `7d`"
_KEYWORDS = {
    "cursor": ("a string or null", "where the page begins: null for the first"),
    "limit": (f"an integer from 1 to {MAX_LIMIT}", "the most cookies of a page; 100"),
    "authrole": ("a string", "the role of the login"),
    "anonymous": ("a boolean", "true: cookies without a login"),
    "peer": ("a string", "an address, a network, or `unix`"),
    "device": ("a string", "a part of the User-Agent, or of the device's name"),
    "older": (_SPAN, "created so long ago or longer"),
    "newer": (_SPAN, "created less long ago"),
    "idle": (_SPAN, "last seen so long ago or longer"),
    "active": (_SPAN, "last seen less long ago"),
}


class _Tracker:
    """Answers as a tracker with one cookie."""

    def connections_of(self, id: str) -> int:
        return 1

    def search(self, selection: Selection, cursor: str | None, limit: int) -> Any:
        return succeed(SearchPage([_FULL], 1, cursor))


def keywords(_: Path) -> str:
    """Those of `cookietrack.list` and `cookietrack.my.list`."""
    names = ["cursor", "limit", *(name for name in _KEYWORDS if name in FILTERS)]
    assert set(names) - {"cursor", "limit"} == FILTERS
    rows = [(f"`{name}`", *_KEYWORDS[name]) for name in names]
    return table(("keyword", "type", "meaning"), rows)


def answers(_: Path) -> str:
    """A table for each kind of answer."""
    tracker: Any = _Tracker()
    pages = [_now(listed(tracker, Selection(), cursor, 1)) for cursor in ("61", None)]
    cookies = [shown(tracker, each) for each in (_FULL, _BARE)]
    stat = MemoryProvider().open({}, "").stat()
    login = {"authextra": {LOGGED_IN: 1, FRESH_UNTIL: 2}}
    return "\n\n".join(
        [
            "### A cookie",
            _shape(_OF_COOKIE, *cookies),
            "`cookietrack.my.list` adds `current`, a boolean: whether the caller calls with it.",
            "### A page",
            _shape(_OF_PAGE, *pages),
            "### An end",
            _shape(_OF_END, _now(counts(succeed(Ended(1, 1))))),
            "### Numbers of a store",
            _shape(
                _OF_STORE, {**{key: stat[key] for key in _OF_STORE if key in stat}, "connected": 0}
            ),
            "Each store has more of its own. A key that a store does not know is absent.",
            "### The age of a login",
            _shape(_OF_LOGIN, freshness_of(login, 1), freshness_of({}, 1)),
        ]
    )


def _now(deferred: Any) -> dict[str, Any]:
    return dict(deferred.result)


def _shape(meanings: Mapping[str, str], *samples: Mapping[str, Any]) -> str:
    """A row for each key: the types are those of the samples."""
    assert all(each.keys() == meanings.keys() for each in samples), samples
    rows = [
        (f"`{key}`", _types([each[key] for each in samples]), meanings[key]) for key in meanings
    ]
    return table(_HEAD, rows)


def _types(values: list[Any]) -> str:
    words = ["a boolean" if isinstance(each, bool) else type_of(each) for each in values]
    return " or ".join(dict.fromkeys(words))
