"""Cookies in an LMDB environment: durable, indexed, and shared by the workers of one machine."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import ConfigError, StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    IReaderSlots,
    IReadOnlyProvider,
    IRecognizer,
    IRevocationFeed,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Cookie, Delete, UserRevoked, is_id, matches
from cookietrack_plugin.stores.kit.options import Number, Option, Options
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of, read_on
from cookietrack_plugin.stores.kit.permissions import denied, is_hidden
from cookietrack_plugin.stores.lmdb.batch import prepare
from cookietrack_plugin.stores.lmdb.child import ChildWriterEnvironment
from cookietrack_plugin.stores.lmdb.creation import check_files, was_never_used
from cookietrack_plugin.stores.lmdb.deletions import Deletions
from cookietrack_plugin.stores.lmdb.environment import Environment
from cookietrack_plugin.stores.lmdb.examiner import examined
from cookietrack_plugin.stores.lmdb.files import FORMAT, telling_of
from cookietrack_plugin.stores.lmdb.listing import page_of_all, page_of_user
from cookietrack_plugin.stores.lmdb.place import DATA_FILE
from cookietrack_plugin.stores.lmdb.recognition import format_of, has_tables
from cookietrack_plugin.stores.lmdb.sharing import Opening, acquire, rebuild_files, release
from cookietrack_plugin.stores.lmdb.soundness import unsound_pages
from cookietrack_plugin.stores.lmdb.tables import Tables
from cookietrack_plugin.stores.lmdb.users import delete_some, revoke_user
from cookietrack_plugin.stores.lmdb.verification import EXAMINATIONS

# The address space of a process on a 64-bit machine is twice this.
_LARGEST_MAXSIZE_BYTES = 2**46
OPTIONS = Options(
    path=Option("the directory of the database"),
    maxsize=Number(
        "the most bytes that it may take",
        default=128 * 2**30,
        low=2**20,
        high=_LARGEST_MAXSIZE_BYTES,
        noun="a number of bytes",
    ),
    sync=Option(
        "false: a power cut can lose what was stored last, and damage the store", bool, True
    ),
    purge_on_startup=Option(
        "begin with an empty store when the first process opens it", bool, False
    ),
    writer_process=Option(
        "write in a process of its own; false: on a thread of the worker", bool, True
    ),
)
_FEED_PAGE = 1_000
_MAX_PLACE_BYTES = 511


@implementer(ICookieStoreProvider, IReadOnlyProvider, IRecognizer)
class LmdbProvider:
    """
    `{"type": "lmdb", "path": ".cookies"}`: an environment in a directory of its own, on a local
    disk. Further options:

    `maxsize`: the bytes that it may take, 128 GiB unless given. It is small and grows.
    `sync`: false to leave it to the system when to write. A power cut then loses what was stored
    last, and can damage the store (MDB_NOSYNC); kill -9 does neither.
    `purge_on_startup`: true to delete all records when the first process opens it.
    `writer_process`: false to write on a thread of the worker, and not in a process of its own.
    That saves some 20 MB of memory, and a busy worker is slower.
    """

    summary = "an embedded database: durable, and shared by all workers of one machine"
    volatile = False
    exclusive = False
    place = "path"
    opens = ICookieStore
    options = OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        self.options.check(options)

    def open(self, options: Mapping[str, Any], node_dir: str) -> "LmdbStore":
        return _open(options, node_dir, reads=False)

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        path = os.path.join(node_dir, options["path"])
        data = os.path.join(path, DATA_FILE)
        check_files(path)
        if not os.path.exists(data):
            if is_hidden(path) and (reason := denied(path)):
                raise ConfigError(reason)
            raise StoreUnavailable(f"there is no cookie store: {data} does not exist")
        with telling_of(path):
            unused = was_never_used(path)
            format = None if unused else format_of(path)
        if unused:
            raise StoreUnavailable(f"there is no cookie store: {data} is empty")
        if format is not None and format < FORMAT:
            # To open its tables would convert it under the older version that may be using it.
            raise StoreUnavailable(
                f"{path} holds a cookie store of format {format}, of an earlier version: the next"
                f" node that starts brings it to {FORMAT}"
            )
        return _open({**options, "purge_on_startup": False}, node_dir, reads=True)

    def recognize(self, path: str) -> str | None:
        return path if has_tables(path) else None


def _open(options: Mapping[str, Any], node_dir: str, reads: bool) -> "LmdbStore":
    maxsize = OPTIONS.value(options, "maxsize")
    opening = Opening(
        os.path.join(node_dir, options["path"]),
        maxsize,
        sync=OPTIONS.value(options, "sync"),
        purge=OPTIONS.value(options, "purge_on_startup"),
        apart=OPTIONS.value(options, "writer_process"),
        reads=reads,
    )
    return LmdbStore(acquire(opening), maxsize)


@implementer(
    ICookieStore, INonBlockingCommit, IReaderSlots, IRevocationFeed, IUserRevocation, IVerifiable
)
class LmdbStore:
    """Reads come from mapped memory and wait for nobody; a commit waits for the disk."""

    reads_block = False
    commits_block = True

    def __init__(self, environment: Environment, maxsize: int) -> None:
        self._environment: Environment | _Closed = environment
        self._apart = _apart(environment)
        self._maxsize = maxsize

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        found: dict[str, Cookie] = self._environment.read(Tables.load, ids)
        return found

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        applied: list[bool]
        if _frees(changes):
            applied = self._deletions.do(Tables.apply, prepare(changes))
        else:
            applied = self._environment.write(self._maxsize, False, Tables.apply, prepare(changes))
        return applied

    def begin(self, changes: Sequence[Change]) -> bool:
        if self._apart is None:
            return False
        batch = prepare(changes)
        return self._apart.begin(self._maxsize, _frees(changes), Tables.apply, batch)

    def fileno(self) -> int:
        assert self._apart
        return self._apart.fileno()

    def finish(self) -> Sequence[bool] | None:
        assert self._apart
        applied: list[bool] | None = self._apart.finish()
        return applied

    def expire(self, now: int, limit: int) -> int:
        self._environment.clear_dead_readers()
        return self._deletions.expire(now, limit)

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        """With `authid` it reads that one's records; with `authrealm` alone it reads all."""
        start = b"" if cursor is None else _behind(cursor)
        if authid is None:
            page, last = self._environment.read(
                page_of_all, self._environment.snapshot, start, limit
            )
        else:
            page, last = self._environment.read(page_of_user, authid, start, limit)
        matching = [cookie for cookie in page if matches(cookie.auth, authid, authrealm)]
        return matching, None if last is None else cursor_of(last)

    def stat(self) -> Mapping[str, Any]:
        counts: dict[str, int] = self._environment.read(Tables.stat)
        return {**counts, **self._environment.size(), "maxsize": self._maxsize}

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        user, kept = (_plain(authid), _plain(authrealm)), list(map(str, filter(is_id, keep)))
        try:
            count: int = self._deletions.do(revoke_user, *user, kept)
        except StoreFull:
            count = self._deletions.in_steps(delete_some, user, kept)
            count += self._deletions.do(revoke_user, *user, kept)
        return count

    def revoked_since(self, cursor: Any) -> tuple[list[str | UserRevoked], Any]:
        return read_on(
            lambda seen: self._environment.read(Tables.revoked_since, seen, _FEED_PAGE),
            cursor,
            _FEED_PAGE,
        )

    def damaged(self) -> Iterator[str]:
        lines: list[str] = self._environment.read(unsound_pages, self._environment.snapshot)
        yield from lines
        # Records on lost pages would be reported as missing from every index.
        if not lines and isinstance(self._environment, Environment):
            yield from examined(self._environment)

    def repair(self) -> int:
        count = len(self._environment.read(unsound_pages, self._environment.snapshot))
        if count and isinstance(self._environment, Environment):
            rebuild_files(self._environment, self._adopt)
        for examine in EXAMINATIONS.values():
            start: bytes | None = b""
            while start is not None:
                found, start = self._deletions.do(examine, start, True)
                count += len(found)
        return count

    def stale_readers(self) -> int:
        return int(self._environment.dead_readers())

    def clear_stale_readers(self) -> int:
        return int(self._environment.clear_dead_readers())

    def _adopt(self, environment: Environment) -> None:
        self._environment = environment
        self._apart = _apart(environment)

    @property
    def _deletions(self) -> Deletions:
        return Deletions(self._environment.write, self._maxsize)

    def close(self) -> None:
        environment, self._environment = self._environment, _Closed()
        self._apart = None
        if isinstance(environment, Environment):
            release(environment)


class _Closed:
    """Stands for the environment of a store that was closed."""

    def read(self, *args: Any) -> Any:
        raise StoreUnavailable("the cookie store is closed")

    write = size = snapshot = dead_readers = clear_dead_readers = read


def _behind(cursor: str) -> bytes:
    """The first key behind the place that `cursor` names."""
    place = place_of(cursor)
    # LMDB refuses longer keys.
    if len(place) >= _MAX_PLACE_BYTES:
        raise ValueError("no cursor of a page of records")
    return place + b"\0"


def _apart(environment: Environment) -> ChildWriterEnvironment | None:
    return environment if isinstance(environment, ChildWriterEnvironment) else None


def _frees(changes: Sequence[Change]) -> bool:
    return all(isinstance(change, Delete) for change in changes)


def _plain(name: str | None) -> str | None:
    """A plain string: a subclass of str would be pickled for the writer process as its class."""
    return None if name is None else str(name)
