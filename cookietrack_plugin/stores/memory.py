"""Cookies in the memory of one process: the reference implementation of the contract."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import Error as CopyError
from copy import deepcopy
from heapq import nsmallest
from itertools import islice
from sys import getsizeof
from threading import Lock
from typing import Any

from attrs import astuple, evolve
from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IUserRevocation
from cookietrack_plugin.record import (
    Auth,
    Authenticate,
    Change,
    Cookie,
    Create,
    UserRevoked,
    after,
    applies,
    matches,
)
from cookietrack_plugin.stores.kit.deadlines import Deadlines
from cookietrack_plugin.stores.kit.identities import Identities
from cookietrack_plugin.stores.kit.nesting import check_depth
from cookietrack_plugin.stores.kit.options import Number, Options
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of
from cookietrack_plugin.stores.kit.shards import NOTHING, Shards
from cookietrack_plugin.stores.kit.throttle import Throttle

OPTIONS = Options(
    max_cookies=Number("the most records that it keeps", default=1_000_000, low=1),
)
# Records that a revocation deletes while commits wait.
_STEP = 100
# Its pause for other threads after each millisecond of work.
_PAUSE_S = 0.0005
# Records that a page has at most: commits wait while they are found.
_MAX_PAGE = 1_000
# Records whose size is measured.
_SAMPLE = 100


@implementer(ICookieStoreProvider)
class MemoryProvider:
    """`{"type": "memory"}`, with `max_cookies` for how many are kept at most."""

    summary = "in the worker's memory: nothing to set up, forgotten when the worker stops"
    volatile = True
    exclusive = False
    place = None
    opens = ICookieStore
    options = OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        self.options.check(options)

    def open(self, options: Mapping[str, Any], node_dir: str) -> "MemoryStore":
        return MemoryStore(self.options.value(options, "max_cookies"))


@implementer(ICookieStore, IUserRevocation)
class MemoryStore:
    """
    A dictionary of records. A full one evicts the oldest record without a login for a new record,
    or where all have one, the oldest login: a client that asks for masses of cookies evicts no
    user.
    """

    reads_block = False
    commits_block = False

    def __init__(self, max_cookies: int) -> None:
        self._max_cookies = max_cookies
        self._cookies = Shards[Cookie]()
        self._anonymous: OrderedDict[str, None] = OrderedDict()
        self._authenticated: OrderedDict[str, None] = OrderedDict()
        self._deadlines = Deadlines()
        self._identities = Identities()
        self._is_closed = False
        # Held for dictionary operations alone, so that no reader sees half of a commit.
        self._lock = Lock()

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        with self._lock:
            self._check_open()
            found = self._find(ids)
        return {cookie.id: _copy(cookie) for cookie in found}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        # What can fail is done before anything is altered: all or none.
        changes = [_own(change) for change in changes]
        with self._lock:
            self._check_open()
            return [self._apply(change) for change in changes]

    def expire(self, now: int, limit: int) -> int:
        with self._lock:
            self._check_open()
            due = self._deadlines.take(now, limit)
            for id in due:
                self._replace(self._cookies[id[:2]][id], None)
        return len(due)

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        """In the order of ids, and by index where there is an `authid`."""
        last = "" if cursor is None else place_of(cursor).decode()
        limit = min(limit, _MAX_PAGE)
        ids = self._ids_after(last, limit, authid, authrealm)
        with self._lock:
            found = self._find(ids)
        page = [_copy(cookie) for cookie in found if matches(cookie.auth, authid, authrealm)]
        return page, cursor_of(ids[-1].encode()) if len(ids) == limit else None

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        """Works in steps; commits go on between two of them."""
        revoked = UserRevoked(authid, authrealm, frozenset(keep))
        ids, count = self._take(revoked), 0
        throttle = Throttle(_PAUSE_S)
        while some := list(islice(ids, _STEP)):
            with self._lock:
                count += sum(self._revoke(id, revoked) for id in some)
            throttle.pause_if_due()
        return count

    def stat(self) -> Mapping[str, Any]:
        with self._lock:
            self._check_open()
            count, authenticated = self._count, len(self._authenticated)
            sample = self._find(self._cookies.after("", _SAMPLE))
        size = sum(map(_size, sample)) * count // max(1, len(sample))
        return {
            "cookies": count,
            "bytes": size,
            "authenticated": authenticated,
            "max_cookies": self._max_cookies,
        }

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    @property
    def _count(self) -> int:
        return len(self._anonymous) + len(self._authenticated)

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the cookie store in memory is closed")

    def _ids(self) -> list[str]:
        with self._lock:
            self._check_open()
            return list(self._cookies.ids())

    def _ids_after(
        self, last: str, limit: int, authid: str | None, authrealm: str | None
    ) -> list[str]:
        with self._lock:
            self._check_open()
            if authid is None:
                return self._cookies.after(last, limit)
            ids = self._identities.of(authid, authrealm)
        return nsmallest(limit, (id for id in ids if id > last))

    def _take(self, user: UserRevoked) -> Iterator[str]:
        """The ids of the user's records. Only those that are kept stay in the index."""
        if user.authid is user.authrealm is None:
            return iter(self._ids())
        with self._lock:
            self._check_open()
            taken = self._identities.take(user.authid, user.authrealm)
            for cookie in self._find(user.keep):
                self._identities.move(None, cookie)
        return taken

    def _get(self, id: str) -> Cookie | None:
        return self._cookies.get(id[:2], NOTHING).get(id)

    def _find(self, ids: Iterable[str]) -> list[Cookie]:
        shard = self._cookies.get
        return [cookie for id in ids if (cookie := shard(id[:2], NOTHING).get(id))]

    def _apply(self, change: Change) -> bool:
        id = change.id
        old = self._cookies.get(id[:2], NOTHING).get(id)
        if not applies(old, change):
            return False
        if old is None:
            self._make_room()
        self._replace(old, after(old, change))
        return True

    def _revoke(self, id: str, revoked: UserRevoked) -> bool:
        cookie = self._get(id)
        if cookie is None:
            return False
        if revoked.ends(id, cookie.auth):
            self._replace(cookie, None)
            return True
        return False

    def _make_room(self) -> None:
        if self._count >= self._max_cookies:
            oldest = next(iter(self._anonymous or self._authenticated))
            self._replace(self._cookies[oldest[:2]][oldest], None)

    def _replace(self, old: Cookie | None, new: Cookie | None) -> None:
        """Replace `old` by `new`, here and in every index; None stands for no record."""
        if old is not None:
            self._deadlines.discard(old)
            if new is None or self._queue(new) is not self._queue(old):
                del self._queue(old)[old.id]
            if new is None:
                del self._cookies[old.id[:2]][old.id]
        if new is not None:
            id = new.id
            self._cookies[id[:2]][id] = new
            self._queue(new)[id] = None
            self._deadlines.add(new)
        self._identities.move(old, new)

    def _queue(self, cookie: Cookie) -> OrderedDict[str, None]:
        return self._anonymous if cookie.auth is None else self._authenticated


def _own(change: Change) -> Change:
    """The change with an authextra that nobody else holds, and so nobody else can alter."""
    match change:
        case Create(cookie):
            return Create(_copy(cookie))
        case Authenticate(auth=Auth() as auth):
            return evolve(change, auth=_copy_auth(auth))
    return change


def _copy(cookie: Cookie) -> Cookie:
    if cookie.auth is None or (auth := _copy_auth(cookie.auth)) is cookie.auth:
        return cookie
    return evolve(cookie, auth=auth)


def _copy_auth(auth: Auth) -> Auth:
    if auth.authextra is None:
        # Nobody can alter it.
        return auth
    check_depth(auth.authextra)
    try:
        return evolve(auth, authextra=deepcopy(auth.authextra))
    except (TypeError, CopyError, RecursionError) as error:
        raise ValueError(f"an authextra that cannot be stored: {error}") from error


def _size(cookie: Cookie) -> int:
    """About how many bytes the record takes: an authextra counts with its text."""
    return getsizeof(cookie) + sum(getsizeof(repr(each)) for each in astuple(cookie))
