"""Stores that tell too much or too little of revocations."""

from threading import Event

from zope.interface import implementer

from cookietrack_plugin.interfaces import IRevocationSignal
from cookietrack_plugin.testing.samples import make_id
from tests.testing.honest import SqliteStore
from tests.testing.registry import fails


@fails("test_a_new_cursor_reports_nothing_of_the_past")
class TellsThePast(SqliteStore):
    def revoked_since(self, cursor):
        return super().revoked_since(cursor or 0)


@fails("test_deletions_are_reported")
class TellsOwnersAlone(SqliteStore):
    def revoked_since(self, cursor):
        ids, cursor = super().revoked_since(cursor)
        return [id for id in ids if id in self.load(ids)], cursor


@fails("test_a_change_of_owner_is_reported")
class TellsOfAuthidsAlone(SqliteStore):
    """joe of one realm is joe of the other one."""

    def note(self, database, entries):
        super().note(database, [each for each in entries if each != make_id(2)])


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


@fails("test_many_revocations_are_all_reported")
class TellsAThousand(SqliteStore):
    def revoked_since(self, cursor):
        ids, cursor = super().revoked_since(cursor)
        return ids[:1_000], cursor


@fails(
    "test_revocations_by_other_processes_are_reported",
    "test_revocations_while_it_was_closed_are_reported_or_refused",
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


@fails("test_a_revocation_ends_the_waiting", "test_waiting_can_be_interrupted")
@implementer(IRevocationSignal)
class WaitsInVain(SqliteStore):
    def __init__(self, path):
        super().__init__(path)
        self.waited = False

    def await_revocation(self, seconds):
        if self.waited:
            Event().wait(seconds)
        self.waited = True

    def interrupt(self):
        pass
