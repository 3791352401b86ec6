"""Cookies in an LMDB environment: durable, indexed, and shared by the workers of one machine."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    IReadOnlyProvider,
    IRevocationFeed,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Cookie, Delete, UserRevoked, matches
from cookietrack_plugin.stores.kit.options import check_options, wrong_option
from cookietrack_plugin.stores.kit.paging import read_on
from cookietrack_plugin.stores.lmdb.batch import prepare
from cookietrack_plugin.stores.lmdb.child import ChildWriterEnvironment
from cookietrack_plugin.stores.lmdb.environment import Environment, Work
from cookietrack_plugin.stores.lmdb.files import DATA_FILE
from cookietrack_plugin.stores.lmdb.sharing import acquire, release
from cookietrack_plugin.stores.lmdb.tables import Tables
from cookietrack_plugin.stores.lmdb.users import delete_some, revoke_user
from cookietrack_plugin.stores.lmdb.verification import EXAMINATIONS

_MAXSIZE = 128 * 2**30
_SMALLEST_MAXSIZE = 2**20
# The address space of a process on a 64-bit machine is twice this.
_LARGEST_MAXSIZE = 2**46
_FEED_PAGE = 1_000
# Records that a full store deletes in a transaction. Each takes three pages at most, which are free
# again two transactions later: the environment holds so many in reserve.
_STEP = 500


@implementer(ICookieStoreProvider, IReadOnlyProvider)
class LmdbProvider:
    """
    `{"type": "lmdb", "path": ".cookies"}`: an environment in a directory of its own, on a local
    disk. Further options:

    `maxsize`: the bytes that it may take, 128 GiB unless given. It is small and grows.
    `sync`: false to leave it to the system when to write. A power cut then loses what was stored
    last, and can damage the store; kill -9 does neither.
    `purge_on_startup`: true to forget all when the first process opens it.
    `writer_process`: false to write on a thread of the worker, and not in a process of its own.
    That saves some 20 MB of memory, and a busy worker is slower.
    """

    summary = "an embedded database: durable, and shared by all workers of one machine"
    volatile = False
    exclusive = False
    place = "path"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        optional = {"maxsize": int, "sync": bool, "purge_on_startup": bool, "writer_process": bool}
        check_options(options, {"path": str}, optional)
        if "\0" in options["path"]:
            raise wrong_option("path", options["path"], "a path without NUL")
        if not _SMALLEST_MAXSIZE <= options.get("maxsize", _MAXSIZE) <= _LARGEST_MAXSIZE:
            allowed = f"a number of bytes from {_SMALLEST_MAXSIZE} to {_LARGEST_MAXSIZE}"
            raise wrong_option("maxsize", options["maxsize"], allowed)

    def open(self, options: Mapping[str, Any], node_dir: str) -> "LmdbStore":
        maxsize = options.get("maxsize", _MAXSIZE)
        environment = acquire(
            os.path.join(node_dir, options["path"]),
            maxsize,
            sync=options.get("sync", True),
            purge=options.get("purge_on_startup", False),
            apart=options.get("writer_process", True),
        )
        return LmdbStore(environment, maxsize)

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        # Opening alters nothing but for `purge_on_startup`, and where nothing is there yet.
        data = os.path.join(node_dir, options["path"], DATA_FILE)
        if not os.path.exists(data):
            raise StoreUnavailable(f"there is no cookie store: {data} does not exist")
        return self.open({**options, "purge_on_startup": False}, node_dir)


@implementer(ICookieStore, INonBlockingCommit, IRevocationFeed, IUserRevocation, IVerifiable)
class LmdbStore:
    """Reads come from mapped memory and wait for nobody; a commit waits for the disk."""

    reads_block = False
    commits_block = True

    def __init__(self, environment: Environment, maxsize: int) -> None:
        self._environment: Environment | _Closed = environment
        self._maxsize = maxsize

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        found: dict[str, Cookie] = self._environment.read(Tables.load, ids)
        return found

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        applied: list[bool] = self._environment.write(*self._applying(changes))
        return applied

    def begin(self, changes: Sequence[Change]) -> bool:
        if not isinstance(self._environment, ChildWriterEnvironment):
            return False
        return self._environment.begin(*self._applying(changes))

    def fileno(self) -> int:
        return self._apart.fileno()

    def finish(self) -> Sequence[bool] | None:
        applied: list[bool] | None = self._apart.finish()
        return applied

    def expire(self, now: int, limit: int) -> int:
        self._environment.clear_dead_readers()
        count: int = self._free(Tables.expire, now, limit)
        return count

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        """With `authid` it reads that one's records; with `authrealm` alone it reads all."""
        start: bytes | None = b""
        while start is not None:
            page, start = self._environment.read(Tables.page, authid, start)
            yield from (cookie for cookie in page if matches(cookie.auth, authid, authrealm))

    def stat(self) -> Mapping[str, Any]:
        counts: dict[str, int] = self._environment.read(Tables.stat)
        return {**counts, **self._environment.size(), "maxsize": self._maxsize}

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        user = _plain(authid), _plain(authrealm), list(map(str, keep))
        try:
            return self._free(revoke_user, *user)
        except StoreFull:
            deleted = self._make_room(*user)
            return deleted + self._free(revoke_user, *user)

    def revoked_since(self, cursor: Any) -> tuple[list[str | UserRevoked], Any]:
        return read_on(
            lambda seen: self._environment.read(Tables.revoked_since, seen, _FEED_PAGE),
            cursor,
            _FEED_PAGE,
        )

    def damaged(self) -> Iterator[str]:
        for examine in EXAMINATIONS:
            start: bytes | None = b""
            while start is not None:
                found, start = self._environment.read(examine, start, False)
                yield from found

    def repair(self) -> int:
        count = 0
        for examine in EXAMINATIONS:
            start: bytes | None = b""
            while start is not None:
                found, start = self._free(examine, start, True)
                count += len(found)
        return count

    @property
    def _apart(self) -> ChildWriterEnvironment:
        assert isinstance(self._environment, ChildWriterEnvironment)
        return self._environment

    def _applying(self, changes: Sequence[Change]) -> tuple[Any, ...]:
        frees = all(isinstance(change, Delete) for change in changes)
        return self._maxsize, frees, Tables.apply, prepare(changes)

    def _free(self, work: Work, *args: Any) -> Any:
        """The result of `work`, which only deletes."""
        return self._environment.write(self._maxsize, True, work, *args)

    def _make_room(self, *user: Any) -> int:
        """Delete records of the user until few are left; how many were deleted."""
        count = 0
        while deleted := self._free(delete_some, *user, _STEP):
            count += deleted
        return count

    def close(self) -> None:
        environment, self._environment = self._environment, _Closed()
        if isinstance(environment, Environment):
            release(environment)


class _Closed:
    """Stands for the environment of a store that was closed."""

    def read(self, *args: Any) -> Any:
        raise StoreUnavailable("the cookie store is closed")

    write = size = clear_dead_readers = read


def _plain(name: str | None) -> str | None:
    """No subclass of str: it would travel to the process that writes as the name of a class."""
    return None if name is None else str(name)
