"""Which cookies are selected, and in which order: the options that `ls` and `count` share."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from heapq import nsmallest
from itertools import islice
from typing import Any

import click
from attrs import fields

from cookietrack_plugin.admin.nodestore import NodeStore
from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.config.proxies import address_of
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.search.page import SearchPage, search_page
from cookietrack_plugin.search.selection import Selection, peers, span_ms

Command = Callable[..., Any]
# Records that are read at a time.
MAX_PAGE = 500
# A cookie, behind the id of the worker whose memory has it, None in a store that workers share.
Listed = tuple[str | None, Cookie]

# What `ls --sort` puts first: the latest, what ends first, and else the order of the alphabet.
_KEYS: Mapping[str, Callable[[Cookie], Any]] = {
    "created": lambda cookie: -cookie.created,
    "seen": lambda cookie: -cookie.seen,
    "expires": lambda cookie: cookie.expires,
    "authid": lambda cookie: _of_login(cookie, "authid"),
    "authrealm": lambda cookie: _of_login(cookie, "authrealm"),
    "role": lambda cookie: _of_login(cookie, "authrole"),
    "peer": lambda cookie: _peer_key(cookie),
}
SORTS = tuple(_KEYS)


def parameter(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """`parse` for an option: the text of a ValueError becomes the usage error."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return convert


AGE, PEERS = parameter(span_ms), parameter(peers)


def page_of(
    selection: Selection, store: ICookieStore, now: int, cursor: str | None, limit: int
) -> SearchPage:
    """A page of the selected cookies: see `search_page`."""
    PULSE.beat()
    if isinstance(store, NodeStore):
        return store.search_page(selection, cursor, limit)
    return search_page(store, selection, now, cursor, limit)


def selection_options(command: Command) -> Command:
    """The options of a `Selection`, which the command gets as `selection`."""

    @wraps(command)
    def selecting(**given: Any) -> Any:
        chosen = {name: given.pop(name) for name in _NAMES}
        if chosen["anonymous"] and any(chosen[name] is not None for name in _LOGINS):
            raise click.UsageError("--anonymous excludes --authid, --authrealm and --role")
        return command(selection=Selection(**chosen), **given)

    decorated: Command = selecting
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_LOGINS = ("authid", "authrealm", "authrole")
_NAMES = tuple(each.name for each in fields(Selection))
_OPTIONS = (
    click.option("--authid", metavar="NAME", help="Only those logged in as this authid."),
    click.option("--authrealm", metavar="REALM", help="Only those logged in to this realm."),
    click.option("--role", "authrole", metavar="NAME", help="Only those logged in with this role."),
    click.option("--anonymous", is_flag=True, help="Only those without a login."),
    click.option(
        "--peer",
        metavar="ADDRESS",
        type=PEERS,
        help="Only those last seen from this address or network.",
    ),
    click.option(
        "--device",
        metavar="TEXT",
        help="Only those with TEXT in their user agent, or their device's name (Firefox on Linux).",
    ),
    click.option(
        "--older",
        metavar="AGE",
        type=AGE,
        help="Only those created at least AGE ago, such as 7d.",
    ),
    click.option("--newer", metavar="AGE", type=AGE, help="Only those created less than AGE ago."),
    click.option("--idle", metavar="AGE", type=AGE, help="Only those not seen for at least AGE."),
    click.option("--active", metavar="AGE", type=AGE, help="Only those seen less than AGE ago."),
    click.option(
        "--expired", is_flag=True, help="Instead, those that have expired and are still stored."
    ),
)


def in_order(
    cookies: Iterator[Listed], sort: str | None, reverse: bool, limit: int | None
) -> Iterator[Listed]:
    """
    At most `limit` cookies, by `sort`: in memory, `limit` of them at a time, or all.

    :param sort: one of `SORTS`; None for the order in which they come, which may be endless.
    """
    if sort is None:
        return islice(cookies, limit)
    of_cookie = _KEYS[sort]

    def key(listed: Listed) -> Any:
        return of_cookie(listed[1])

    if limit is None or reverse:
        return islice(sorted(cookies, key=key, reverse=reverse), limit)
    return iter(nsmallest(limit, cookies, key=key))


def _of_login(cookie: Cookie, name: str) -> tuple[bool, str]:
    """Those without a login come last."""
    return cookie.auth is None, getattr(cookie.auth, name, "")


def _peer_key(cookie: Cookie) -> tuple[int, int, str]:
    """By address, as a number; then those without one."""
    address = address_of(cookie.peer) if cookie.peer else None
    if address is None:
        return 9, 0, cookie.peer or ""
    return address.version, int(address), ""
