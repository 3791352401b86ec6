"""Durable stores that forget, stay locked, or lock nobody out."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from cookietrack_plugin.errors import StoreLocked
from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.stores.kit.paging import records
from tests.testing.honest import LockedStore, SqliteStore
from tests.testing.registry import fails


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

    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit, authid, authrealm)
        return [each for each in page if each.id not in self.hidden], following


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
        due = {each.id for each in records(self) if each.expires <= now}
        self.hidden |= due
        return len(due)


@fails("test_a_change_of_owner_lasts")
class ForgetsLogins(SqliteStore):
    def commit(self, changes):
        return super().commit([each for each in changes if not isinstance(each, Authenticate)])


@fails("test_what_was_acknowledged_survives_kill_9")
class WritesLater(SqliteStore):
    """Returns first, and writes three commits later."""

    def commit(self, changes):
        waiting = self.__dict__.setdefault("waiting", [])
        waiting.append(changes)
        if len(waiting) > 3:
            super().commit(waiting.pop(0))
        return [True] * len(changes)

    def close(self):
        for changes in self.__dict__.pop("waiting", ()):
            super().commit(changes)
        super().close()


class TearsBatches(SqliteStore):
    """Writes change by change: shown by kill -9 too, in a test of its own."""

    def commit(self, changes):
        return [super(TearsBatches, self).commit([each])[0] for each in changes]


@fails("test_a_store_that_cannot_be_shared_is_locked")
class LocksNobodyOut(SqliteStore):
    case = "UnsharedCase"


@fails("test_a_closed_store_is_free")
class StaysLocked(LockedStore):
    case = "UnsharedCase"

    def close(self):
        SqliteStore.close(self)


@fails("test_the_lock_of_a_dead_process_is_free")
class LocksByExistence(SqliteStore):
    case = "UnsharedCase"

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
