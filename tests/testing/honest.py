"""
Honest stores, and what the suite has to know of them: in memory, and durable over SQLite.

They are in here, and not beside the tests, because the writer process imports them.
"""

import fcntl
import os
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import socketpair
from typing import ClassVar

from zope.interface import implementer

from cookietrack_plugin.errors import (
    ConfigError,
    PositionLost,
    StoreCorrupt,
    StoreLocked,
    StoreUnavailable,
)
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    INonBlockingLoad,
    IRevocationFeed,
    IUserRevocation,
)
from cookietrack_plugin.record import UserRevoked, is_id, matches
from cookietrack_plugin.stores.kit.codec import decode, encode
from cookietrack_plugin.stores.kit.fences import any_refuses, names_of, raised
from cookietrack_plugin.stores.kit.fold import DAMAGED, fold
from cookietrack_plugin.stores.kit.options import check_options
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of
from cookietrack_plugin.stores.memory import MemoryProvider, MemoryStore

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS cookies
    (id TEXT PRIMARY KEY, expires INTEGER, authid BLOB, authrealm BLOB, data BLOB);
CREATE TABLE IF NOT EXISTS revoked (number INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB);
CREATE TABLE IF NOT EXISTS fences (name TEXT PRIMARY KEY, fence BLOB);
"""


class VolatileCase:
    """What the suite has to know of them."""

    options: ClassVar = {"type": "memory", "max_cookies": 1_000_000}
    wrong_options: ClassVar = [("max_cookies", {"type": "memory", "max_cookies": 0})]
    cramped_options: ClassVar = {"type": "memory", "max_cookies": 10}


class VolatileProvider(MemoryProvider):
    store_class = MemoryStore

    def open(self, options, node_dir):
        return self.store_class(options["max_cookies"])


class DurableCase:
    """What the suite has to know of them."""

    options: ClassVar = {"type": "sqlite", "path": "cookies"}
    lacks: ClassVar = {"limit": "nothing but the disk limits it"}

    def damage(self, options, node_dir, id):
        with closing(sqlite3.connect(node_dir / options["path"])) as database, database:
            database.execute("UPDATE cookies SET data = x'ff' WHERE id = ?", [id])

    def plant(self, options, node_dir):
        (node_dir / options["path"]).write_text("no database at all, " * 100)

    def break_store(self, options, node_dir):
        self.switch(options, node_dir).touch()

    def mend_store(self, options, node_dir):
        self.switch(options, node_dir).unlink()

    def switch(self, options, node_dir):
        return node_dir / f"{options['path']}.away"

    def take_away(self, options, node_dir):
        for file in node_dir.glob(f"{options['path']}*"):
            file.unlink()


class UnsharedCase(DurableCase):
    lacks: ClassVar = {"sharing": "one process at a time"}


@implementer(ICookieStoreProvider)
class DurableProvider:
    summary = "for tests of the kit"
    volatile = False
    exclusive = False
    place = "path"
    opens = ICookieStore

    def check(self, options):
        check_options(options, required={"path": str})

    def open(self, options, node_dir):
        path = Path(node_dir, options["path"])
        try:
            return self.store_class(path)
        except sqlite3.OperationalError as error:
            raise ConfigError(str(path)) from error
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(str(path)) from error


@implementer(ICookieStore, IRevocationFeed, IUserRevocation)
class SqliteStore:
    """Every call has a connection of its own, which makes it slow, short and hard to get wrong."""

    reads_block = True
    commits_block = True
    closed = False

    def __init__(self, path):
        self.path = path
        # The last connection that closes merges the log: this one is there to be the last.
        self.idle = sqlite3.connect(path, check_same_thread=False)
        self.idle.executescript(SCHEMA)
        self.inode = path.stat().st_ino

    def load(self, ids):
        with self.connection() as database:
            return {id: each for id, each in self.read(database, ids).items() if each != DAMAGED}

    def commit(self, changes):
        with self.connection() as database:
            database.execute("BEGIN IMMEDIATE")
            before = self.read(database, {each.id for each in changes})
            outcome = fold(changes, before, lambda login: self.refuses(database, login))
            for id in outcome.before:
                database.execute("DELETE FROM cookies WHERE id = ?", [id])
            for id, cookie in outcome.after.items():
                self.write(database, id, cookie)
            self.note(database, outcome.revoked)
            database.execute("COMMIT")
        return outcome.applied

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        revoked = UserRevoked(authid, authrealm, frozenset(keep))
        with self.connection() as database:
            database.execute("BEGIN IMMEDIATE")
            ended = self.find(database, authid, authrealm) - revoked.keep
            database.executemany("DELETE FROM cookies WHERE id = ?", zip(ended))
            self.note(database, [revoked])
            self.fence(database, revoked)
            database.execute("COMMIT")
        return len(ended)

    def expire(self, now, limit):
        due = "SELECT id FROM cookies WHERE expires <= ? LIMIT ?"
        with self.connection() as database:
            delete = f"DELETE FROM cookies WHERE id IN ({due})"
            return database.execute(delete, [now, limit]).rowcount

    def page(self, cursor, limit, authid=None, authrealm=None):
        last = "" if cursor is None else place_of(cursor).decode()
        query, values = self.query("id, data", authid, authrealm)
        query += " AND id > ? ORDER BY id LIMIT ?"
        with self.connection() as database:
            rows = list(database.execute(query, [*values, last, limit]))
        found = [self.decode(*row) for row in rows]
        page = [each for each in found if each != DAMAGED]
        page = [each for each in page if matches(each.auth, authid, authrealm)]
        return page, cursor_of(rows[-1][0].encode()) if len(rows) == limit else None

    def stat(self):
        with self.connection() as database:
            ((cookies,),) = database.execute("SELECT count(*) FROM cookies")
        return {"cookies": cookies, "bytes": self.path.stat().st_size}

    def revoked_since(self, cursor):
        with self.connection() as database:
            last = self.last(database)
            if cursor is not None and not self.knows(database, cursor):
                raise PositionLost(f"position {cursor!r}")
            cursor = last if cursor is None else cursor
            query = "SELECT entry FROM revoked WHERE number > ? AND number <= ?"
            entries = database.execute(query, [cursor, last])
            return [pickle.loads(entry) for (entry,) in entries], last

    def close(self):
        self.closed = True
        self.idle.close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        if self.closed:
            raise StoreUnavailable("closed")
        if Path(f"{self.path}.away").exists():
            raise StoreUnavailable("away")
        if not self.path.exists() or self.path.stat().st_ino != self.inode:
            raise StoreUnavailable("taken away")
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as database:
            database.execute("PRAGMA synchronous = FULL")
            yield database

    def read(self, database, ids):
        query = "SELECT id, data FROM cookies WHERE id IN (SELECT value FROM json_each(?))"
        listed = "[" + ",".join(f'"{id}"' for id in filter(is_id, ids)) + "]"
        return {id: self.decode(id, data) for id, data in database.execute(query, [listed])}

    def query(self, columns, authid, authrealm):
        query = f"SELECT {columns} FROM cookies WHERE authid IS ifnull(?, authid)"
        query += " AND authrealm IS ifnull(?, authrealm)"
        return query, [_blob(authid), _blob(authrealm)]

    def find(self, database, authid, authrealm):
        return {id for (id,) in database.execute(*self.query("id", authid, authrealm))}

    def note(self, database, entries):
        for entry in entries:
            database.execute("INSERT INTO revoked (entry) VALUES (?)", [pickle.dumps(entry)])

    def last(self, database):
        ((last,),) = database.execute("SELECT ifnull(max(number), 0) FROM revoked")
        return last

    def knows(self, database, cursor):
        return isinstance(cursor, int) and 0 <= cursor <= self.last(database)

    def fence(self, database, revoked):
        name = (revoked.authid, revoked.authrealm)
        fence = raised(self.fence_of(database, name), self.last(database), revoked)
        values = [repr(name), pickle.dumps(fence)]
        database.execute("INSERT OR REPLACE INTO fences VALUES (?, ?)", values)

    def fence_of(self, database, name):
        rows = database.execute("SELECT fence FROM fences WHERE name = ?", [repr(name)])
        return next((pickle.loads(fence) for (fence,) in rows), None)

    def refuses(self, database, login):
        if not self.knows(database, login.since):
            return True
        fences = [self.fence_of(database, name) for name in names_of(*login.identity)]
        return any_refuses(fences, login.id, login.since)

    def decode(self, id, data):
        try:
            return decode(id, data)
        except ValueError:
            return DAMAGED

    def write(self, database, id, cookie):
        if cookie is DAMAGED:
            row = [id, 0, None, None, b"\xff"]
        else:
            auth = cookie.auth
            who = map(_blob, auth.identity if auth else [None, None])
            row = [id, cookie.expires, *who, encode(cookie)]
        database.execute("INSERT INTO cookies VALUES (?, ?, ?, ?, ?)", row)


def _blob(text):
    """SQLite has no text with half of a surrogate pair."""
    return None if text is None else text.encode(errors="surrogatepass")


class LockedStore(SqliteStore):
    """The same for one process at a time: the honest one among those that cannot be shared."""

    def __init__(self, path):
        try:
            self.file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise ConfigError(str(path)) from error
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreLocked(f"in use by process {os.read(self.file, 10).decode()}") from error
        os.truncate(self.file, 0)
        os.write(self.file, str(os.getpid()).encode())
        super().__init__(path)

    def close(self):
        super().close()
        with suppress(OSError):
            os.close(self.file)
            self.file = -1


@implementer(INonBlockingCommit)
class UnblockedMixin:
    """The power to be given changes without waiting; they are applied when that is finished."""

    def __init__(self, *args):
        super().__init__(*args)
        self.near, self.far = socketpair()
        self.near.setblocking(False)

    def begin(self, changes):
        if self.near.fileno() < 0:
            return False
        if len(changes) > 1_000:
            return False
        self.begun = changes
        self.far.send(b"12")
        return True

    def fileno(self):
        return self.near.fileno()

    def finish(self):
        # The answer comes in two pieces.
        return self.commit(self.begun) if self.near.recv(1) == b"2" else None

    def close(self):
        super().close()
        self.near.close()
        self.far.close()


@implementer(INonBlockingLoad)
class UnblockedLoadMixin:
    """The power to be asked for records without waiting; they are read when it is begun."""

    def __init__(self, *args):
        super().__init__(*args)
        self.asked, self.answering = socketpair()
        self.asked.setblocking(False)

    def begin_load(self, ids):
        if self.asked.fileno() < 0:
            return False
        self.found = self.load(ids)
        self.answering.send(b"12")
        return True

    def load_fileno(self):
        return self.asked.fileno()

    def finish_load(self):
        return self.found if self.asked.recv(1) == b"2" else None

    def close(self):
        super().close()
        self.asked.close()
        self.answering.close()


class UnblockedStore(UnblockedMixin, MemoryStore):
    pass


class UnblockedLoadStore(UnblockedLoadMixin, MemoryStore):
    pass


class UnblockedSqliteStore(UnblockedLoadMixin, UnblockedMixin, SqliteStore):
    pass


class UnblockedProvider(DurableProvider):
    store_class = UnblockedSqliteStore


class SqliteProvider(DurableProvider):
    store_class = SqliteStore


class LockedProvider(DurableProvider):
    exclusive = True
    store_class = LockedStore
