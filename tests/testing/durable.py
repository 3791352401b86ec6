"""An honest durable store over SQLite, and others that are each broken in one way."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from zope.interface import implementer

from cookietrack_plugin.errors import StoreCorrupt, StoreLocked, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IRevocationFeed
from cookietrack_plugin.record import Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.codec import decode, encode
from cookietrack_plugin.stores.fold import DAMAGED, fold
from cookietrack_plugin.stores.options import check_options
from tests.testing.registry import fails

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS cookies
    (id TEXT PRIMARY KEY, expires INTEGER, authid TEXT, authrealm TEXT, data BLOB);
CREATE TABLE IF NOT EXISTS revoked (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT);
"""


class DurableCase:
    """What the suite has to know of them."""

    options: ClassVar = {"type": "sqlite", "path": "cookies"}
    lacks: ClassVar = {"limit": "nothing but the disk limits it"}

    def damage(self, options, node_dir, id):
        with closing(sqlite3.connect(node_dir / options["path"])) as database, database:
            database.execute("UPDATE cookies SET data = x'ff' WHERE id = ?", [id])

    def plant(self, options, node_dir):
        (node_dir / options["path"]).write_text("no database at all, " * 100)


class UnsharedCase(DurableCase):
    lacks: ClassVar = {"sharing": "one process at a time"}


@implementer(ICookieStoreProvider)
class DurableProvider:
    summary = "for tests of the kit"

    def check(self, options):
        check_options(options, required={"path": str})

    def open(self, options, node_dir):
        path = Path(node_dir, options["path"])
        try:
            return self.store_class(path)
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(str(path)) from error
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(str(path)) from error


@implementer(ICookieStore, IRevocationFeed)
class SqliteStore:
    """Every call has a connection of its own, which makes it slow, short and hard to get wrong."""

    reads_block = True
    commits_block = True

    def __init__(self, path):
        self.path = path
        # The last connection that closes merges the log: this one is there to be the last.
        self.idle = sqlite3.connect(path, check_same_thread=False)
        self.idle.executescript(SCHEMA)

    def load(self, ids):
        with self.connection() as database:
            return {id: each for id, each in self.read(database, ids).items() if each != DAMAGED}

    def commit(self, changes):
        with self.connection() as database:
            database.execute("BEGIN IMMEDIATE")
            outcome = fold(changes, self.read(database, {each.id for each in changes}))
            for id in outcome.before:
                database.execute("DELETE FROM cookies WHERE id = ?", [id])
            for id, cookie in outcome.after.items():
                self.write(database, id, cookie)
            database.executemany("INSERT INTO revoked (id) VALUES (?)", zip(outcome.revoked))
            database.execute("COMMIT")
        return outcome.applied

    def expire(self, now, limit):
        due = "SELECT id FROM cookies WHERE expires <= ? LIMIT ?"
        with self.connection() as database:
            delete = f"DELETE FROM cookies WHERE id IN ({due})"
            return database.execute(delete, [now, limit]).rowcount

    def scan(self, authid=None, authrealm=None):
        query = "SELECT id, data FROM cookies WHERE authid IS ifnull(?, authid)"
        query += " AND authrealm IS ifnull(?, authrealm)"
        with self.connection() as database:
            for id, data in database.execute(query, [authid, authrealm]):
                with suppress(ValueError):
                    yield decode(id, data)

    def stat(self):
        with self.connection() as database:
            ((cookies,),) = database.execute("SELECT count(*) FROM cookies")
        return {"cookies": cookies, "bytes": self.path.stat().st_size}

    def revoked_since(self, cursor):
        with self.connection() as database:
            ((last,),) = database.execute("SELECT ifnull(max(number), 0) FROM revoked")
            cursor = last if cursor is None else cursor
            query = "SELECT id FROM revoked WHERE number > ? AND number <= ?"
            return [id for (id,) in database.execute(query, [cursor, last])], last

    def close(self):
        self.idle.close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as database:
            database.execute("PRAGMA synchronous = FULL")
            yield database

    def read(self, database, ids):
        query = "SELECT id, data FROM cookies WHERE id IN (SELECT value FROM json_each(?))"
        listed = "[" + ",".join(f'"{id}"' for id in ids) + "]"
        return {id: self.decode(id, data) for id, data in database.execute(query, [listed])}

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
            who = [auth.authid, auth.authrealm] if auth else [None, None]
            row = [id, cookie.expires, *who, encode(cookie)]
        database.execute("INSERT INTO cookies VALUES (?, ?, ?, ?, ?)", row)


class LockedStore(SqliteStore):
    """The same for one process at a time: the honest one among those that cannot be shared."""

    def __init__(self, path):
        try:
            self.file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreUnavailable(str(path)) from error
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


# In here, and not beside the tests: the writer process imports them.


class SqliteProvider(DurableProvider):
    store_class = SqliteStore


class LockedProvider(DurableProvider):
    store_class = LockedStore


# Reopening, locks and crashes.


@fails("test_foreign_data_is_not_taken_for_a_store")
class TakesAnything(SqliteStore):
    def __init__(self, path):
        with suppress(sqlite3.DatabaseError):
            super().__init__(path)


@fails("test_a_durable_commit_blocks")
class CommitsOnTheReactor(SqliteStore):
    commits_block = False


@fails("test_records_are_there_again", "test_a_collision_is_found_after_reopening")
class EmptiesOnOpening(SqliteStore):
    def __init__(self, path):
        super().__init__(path)
        self.idle.executescript("DELETE FROM cookies")


class HidesInMemory(SqliteStore):
    """What it hides is gone as long as it is open, and there again afterwards."""

    def __init__(self, path):
        super().__init__(path)
        self.hidden = set()

    def load(self, ids):
        return super().load([id for id in ids if id not in self.hidden])

    def scan(self, authid=None, authrealm=None):
        return (each for each in super().scan(authid, authrealm) if each.id not in self.hidden)


@fails("test_a_deleted_record_stays_gone", "test_a_returned_delete_survives_kill_9")
class ForgetsDeletes(HidesInMemory):
    def commit(self, changes):
        deleted = {each.id for each in changes if isinstance(each, Delete)}
        self.hidden |= deleted
        super().commit([each for each in changes if each.id not in deleted])
        return [True] * len(changes)


@fails("test_expired_records_stay_gone", "test_a_returned_sweep_survives_kill_9")
class ForgetsExpiry(HidesInMemory):
    def expire(self, now, limit):
        due = {each.id for each in self.scan() if each.expires <= now}
        self.hidden |= due
        return len(due)


@fails("test_a_logout_stays_a_logout")
class ForgetsLogouts(SqliteStore):
    def commit(self, changes):
        return super().commit(
            [each for each in changes if not (isinstance(each, Authenticate) and not each.auth)]
        )


@fails("test_what_was_acknowledged_survives_kill_9")
class WritesLater(SqliteStore):
    """Returns first, and writes with the next commit."""

    waiting = ()

    def commit(self, changes):
        super().commit(self.waiting)
        self.waiting = changes
        return [True] * len(changes)

    def close(self):
        super().commit(self.waiting)
        super().close()


class TearsBatches(SqliteStore):
    """Writes change by change: shown by kill -9 too, in a test of its own."""

    def commit(self, changes):
        return [super(TearsBatches, self).commit([each])[0] for each in changes]


@fails("test_a_store_that_cannot_be_shared_is_locked")
class LocksNobodyOut(SqliteStore):
    case = UnsharedCase


@fails("test_a_closed_store_is_free")
class StaysLocked(LockedStore):
    case = UnsharedCase

    def close(self):
        SqliteStore.close(self)


@fails("test_the_lock_of_a_dead_process_is_free")
class LocksByExistence(SqliteStore):
    case = UnsharedCase

    def __init__(self, path):
        self.lock = Path(f"{path}.lock")
        try:
            self.lock.touch(exist_ok=False)
        except FileExistsError as error:
            raise StoreLocked from error
        super().__init__(path)

    def close(self):
        super().close()
        self.lock.unlink(missing_ok=True)


# Damage.


@fails("test_it_is_not_loaded")
class LoadsOrFails(SqliteStore):
    decode = staticmethod(decode)


@fails("test_it_is_not_scanned")
class ScansOrFails(SqliteStore):
    def scan(self, authid=None, authrealm=None):
        with self.connection() as database:
            for id, data in database.execute("SELECT id, data FROM cookies"):
                yield decode(id, data)


@fails("test_it_is_not_updated")
class UpdatesDamaged(SqliteStore):
    def commit(self, changes):
        return [each or isinstance(changes[0], Authenticate) for each in super().commit(changes)]


@fails("test_it_can_be_deleted")
class KeepsDamaged(SqliteStore):
    def commit(self, changes):
        whole = self.load([each.id for each in changes])
        return super().commit(
            [each for each in changes if not isinstance(each, Delete) or each.id in whole]
        )


@fails("test_it_does_not_stop_the_sweep")
class ExpiresWhatItReads(SqliteStore):
    def expire(self, now, limit):
        with self.connection() as database:
            due = list(database.execute("SELECT id, data FROM cookies WHERE expires <= ?", [now]))
        due = [cookie for cookie in (decode(*row) for row in due) if cookie.expires <= now]
        return sum(self.commit([Delete(cookie.id) for cookie in due[:limit]]))


# Sharing.


class ReadsOnce(SqliteStore):
    """Keeps what it has read: right as long as nobody else writes."""

    def __init__(self, path):
        super().__init__(path)
        self.seen = {}

    def load(self, ids):
        for id in ids:
            if id not in self.seen:
                self.seen[id] = super().load([id]).get(id)
        return {id: self.seen[id] for id in ids if self.seen[id]}

    def commit(self, changes):
        results = super().commit(changes)
        for each in changes:
            self.seen.pop(each.id, None)
        return results


@fails("test_a_commit_is_seen_by_other_processes", "test_a_shared_store_is_one_store")
class ReadsStale(ReadsOnce):
    pass


@fails(
    "test_no_process_revives_what_another_deleted", "test_a_collision_between_processes_is_found"
)
class WritesWhatItHas(SqliteStore):
    """Writes its own idea of a record over whatever is there."""

    def __init__(self, path):
        super().__init__(path)
        self.own = {}

    def load(self, ids):
        found = super().load(ids)
        self.own |= found
        return found

    def commit(self, changes):
        for each in changes:
            known = each.id in self.own
            if isinstance(each, Create):
                super().commit([Delete(each.id)])
            elif known and isinstance(each, Authenticate | Touch):
                super().commit([Create(self.own[each.id])])
        return super().commit(changes)


@fails("test_two_processes_that_write_at_once_both_succeed")
class GivesUp(SqliteStore):
    """Does not wait for another process that writes."""

    def commit(self, changes):
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=0)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise StoreUnavailable from error
            time.sleep(0.01)
            database.execute("ROLLBACK")
        return super().commit(changes)


@fails("test_expired_records_are_counted_once")
class CountsBefore(SqliteStore):
    def expire(self, now, limit):
        due = [each.id for each in self.scan() if each.expires <= now][:limit]
        time.sleep(0.2)
        self.commit([Delete(id) for id in due])
        return len(due)


# Feeds.


@fails("test_a_new_cursor_tells_nothing_of_the_past")
class TellsThePast(SqliteStore):
    def revoked_since(self, cursor):
        return super().revoked_since(cursor or 0)


@fails("test_deletes_and_logouts_are_told")
class TellsDeletesAlone(SqliteStore):
    def revoked_since(self, cursor):
        ids, cursor = super().revoked_since(cursor)
        return [id for id in ids if id not in self.load(ids)], cursor


@fails("test_a_cursor_moves_on")
class StandsStill(SqliteStore):
    def revoked_since(self, cursor):
        ids, last = super().revoked_since(cursor)
        return ids, last if cursor is None else cursor


@fails("test_reading_a_feed_is_idempotent")
class TellsOnce(SqliteStore):
    def revoked_since(self, cursor):
        told = super().revoked_since(cursor)
        with self.connection() as database:
            database.execute("DELETE FROM revoked")
        return told


@fails("test_many_revocations_are_all_told")
class TellsAThousand(SqliteStore):
    def revoked_since(self, cursor):
        ids, cursor = super().revoked_since(cursor)
        return ids[:1_000], cursor


@fails(
    "test_revocations_by_other_processes_are_told",
    "test_revocations_while_it_was_closed_are_told_or_refused",
)
class TellsItsOwn(SqliteStore):
    def __init__(self, path):
        super().__init__(path)
        self.own = []

    def commit(self, changes):
        self.own += [each.id for each in changes]
        return super().commit(changes)

    def revoked_since(self, cursor):
        return self.own[cursor:] if cursor is not None else [], len(self.own)
