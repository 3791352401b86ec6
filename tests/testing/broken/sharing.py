"""Durable stores that are right as long as there is one process."""

import sqlite3
import time
from contextlib import closing

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.kit.paging import records
from tests.testing.honest import SqliteStore
from tests.testing.registry import fails


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
    """Writes its own idea of a record over what is there."""

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
        due = [each.id for each in records(self) if each.expires <= now][:limit]
        # The other one has to have counted them by then.
        time.sleep(2)
        self.commit([Delete(id) for id in due])
        return len(due)
