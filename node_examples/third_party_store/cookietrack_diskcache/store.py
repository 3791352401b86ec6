"""Cookies in a `diskcache.Cache`: a record under its id, indexes beside it, one SQLite database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from diskcache import Cache
from zope.interface import implementer

from cookietrack_diskcache import index
from cookietrack_diskcache.database import translated_errors
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Change, Cookie, matches
from cookietrack_plugin.stores.kit.codec import decode, encode
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored, fold

# How many commits there have been, by whomever, and how many records there are.
COMMITS, COOKIES = "#commits", "#cookies"
ATTEMPTS = 5


@implementer(ICookieStore)
class DiskcacheStore:
    """diskcache keeps a connection for each thread, and SQLite lets readers pass a writer."""

    reads_block = True
    commits_block = True

    def __init__(self, database: Cache) -> None:
        self._database = database
        self._is_closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        with self._errors():
            return {
                id: cookie
                for id, cookie in self._read_at_once(ids).items()
                if cookie is not DAMAGED
            }

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        with self._errors(), self._database.transact():
            outcome = fold(changes, self._read({change.id for change in changes}))
            for id in outcome.deleted():
                self._replace(id, outcome.before[id], None)
            for cookie in [*outcome.created(), *outcome.updated()]:
                self._replace(cookie.id, outcome.before.get(cookie.id), cookie)
            self._count(len(outcome.created()) - len(outcome.deleted()))
        return outcome.applied

    def expire(self, now: int, limit: int) -> int:
        expired = 0
        with self._errors(), self._database.transact():
            for key, id in index.due(self._database, now):
                if expired == limit:
                    break
                expired += self._expire(id, now)
                self._database.delete(key)
            self._count(-expired)
        return expired

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        with self._errors():
            every = filter(index.is_id, self._database)
            ids = every if authid is None else index.ids_of(self._database, authid)
            for id in ids:
                for cookie in self._read([id]).values():
                    if cookie is not DAMAGED and matches(cookie.auth, authid, authrealm):
                        yield cookie

    def stat(self) -> Mapping[str, Any]:
        with self._errors():
            cookies = self._database.get(COOKIES, 0)
            return {"cookies": cookies, "bytes": self._database.volume()}

    def close(self) -> None:
        self._is_closed = True
        # That of this thread: those of other threads close when the thread ends.
        self._database.close()

    def _errors(self) -> Any:
        if self._is_closed:
            # diskcache itself would open it again.
            raise StoreUnavailable(f"the cookies in {self._database.directory} are closed")
        return translated_errors(self._database.directory)

    def _read_at_once(self, ids: Sequence[str]) -> dict[str, Stored]:
        """All of one moment: read again where a commit came between, and at last keep them off."""
        for _ in range(ATTEMPTS):
            commits = self._database.get(COMMITS)
            records = self._read(ids)
            if self._database.get(COMMITS) == commits:
                return records
        with self._database.transact():
            return self._read(ids)

    def _read(self, ids: Iterable[str]) -> dict[str, Stored]:
        found = ((id, self._database.get(id)) for id in ids)
        return {id: _decode(id, data) for id, data in found if data is not None}

    def _replace(self, id: str, old: Stored | None, new: Cookie | None) -> None:
        if new is None:
            self._database.delete(id)
        else:
            self._database.set(id, encode(new))
        index.move(self._database, None if old is DAMAGED else old, new)

    def _expire(self, id: str, now: int) -> bool:
        """Whether there is such a record; an entry can outlive one that could not be decoded."""
        record = self._read([id]).get(id)
        if record is None or (record is not DAMAGED and record.expires > now):
            return False
        self._replace(id, record, None)
        return True

    def _count(self, more: int) -> None:
        self._database.incr(COMMITS)
        self._database.incr(COOKIES, more)


def _decode(id: str, data: Any) -> Stored:
    try:
        return decode(id, data)
    except (ValueError, TypeError):
        return DAMAGED
