"""Durable stores that a record which cannot be decoded leads astray."""

from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.stores.kit.codec import decode
from tests.testing.honest import SqliteStore
from tests.testing.registry import fails


@fails("test_it_is_not_loaded")
class LoadsOrFails(SqliteStore):
    decode = staticmethod(decode)


@fails("test_it_is_on_no_page")
class ReadsOrFails(SqliteStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        with self.connection() as database:
            rows = list(database.execute("SELECT id, data FROM cookies"))
        return [decode(*row) for row in rows], None


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
