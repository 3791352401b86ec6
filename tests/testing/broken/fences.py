"""Stores that let in who was revoked, keep out who was not, or report users wrongly."""

import os

from attrs import evolve

from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from tests.testing.honest import SqliteStore, UnblockedSqliteStore
from tests.testing.registry import fails


@fails(
    "test_a_login_that_began_before_a_revocation_does_not_apply",
    "test_a_login_with_an_unknown_position_does_not_apply",
    "test_a_refused_login_holds_up_no_other_change",
    "test_every_process_heeds_the_fence",
)
class HasNoFence(SqliteStore):
    def refuses(self, database, login):
        return False


@fails("test_a_login_that_began_after_a_revocation_applies")
class KeepsOutForGood(SqliteStore):
    def refuses(self, database, login):
        return super().refuses(database, login) or self.fence_of(database, login.identity)


@fails("test_no_other_user_is_kept_out")
class FencesTheRealm(SqliteStore):
    def fence(self, database, revoked):
        super().fence(database, UserRevoked(None, revoked.authrealm, revoked.keep))


@fails("test_a_login_on_a_kept_record_is_measured_by_the_revocation_before")
class KeepsForEver(SqliteStore):
    def refuses(self, database, login):
        fence = self.fence_of(database, login.identity)
        return not (fence and login.id in fence.keep) and super().refuses(database, login)


@fails("test_without_a_position_a_login_applies")
class WantsAPosition(SqliteStore):
    def commit(self, changes):
        return super().commit(
            [
                evolve(each, since="none") if isinstance(each, Authenticate) else each
                for each in changes
            ]
        )


@fails("test_a_record_that_is_made_by_a_login_from_before_a_revocation_is_not_stored")
class CreatesWhatItRefuses(SqliteStore):
    def commit(self, changes):
        return super().commit([without_position(each) for each in changes])


def without_position(change):
    return Create(change.cookie) if isinstance(change, Create) else change


@fails("test_a_record_that_is_made_by_a_login_from_after_a_revocation_is_stored")
class OverwritesByALogin(SqliteStore):
    def commit(self, changes):
        replaced = [Delete(each.id) for each in changes if isinstance(each, Create) and each.since]
        return super().commit([*replaced, *changes])[len(replaced) :]


@fails("test_a_refused_login_is_not_reported")
class ReportsTheRefused(SqliteStore):
    def commit(self, changes):
        results = super().commit(changes)
        with self.connection() as database:
            refused = [
                each.id
                for each, applied in zip(changes, results, strict=True)
                if isinstance(each, Authenticate) and not applied
            ]
            self.note(database, refused)
        return results


@fails("test_a_batch_that_is_finished_heeds_the_fence")
class FinishesUnfenced(UnblockedSqliteStore):
    fenced = True

    def finish(self):
        self.fenced = False
        try:
            return super().finish()
        finally:
            self.fenced = True

    def refuses(self, database, login):
        return self.fenced and super().refuses(database, login)


@fails("test_a_revoked_user_is_reported", "test_users_and_ids_are_reported_together")
class ReportsWhatItDeletes(SqliteStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        ended = [each.id for each in records(self, authid, authrealm) if each.id not in keep]
        return sum(self.commit([Delete(id) for id in ended]))


@fails("test_revoked_users_are_reported_to_every_process")
class ReportsItsOwnUsers(SqliteStore):
    def revoked_since(self, cursor):
        entries, cursor = super().revoked_since(cursor)
        own = getattr(self, "own", set())
        return [each for each in entries if isinstance(each, str) or each in own], cursor

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        self.own = {UserRevoked(authid, authrealm, frozenset(keep))}
        return super().revoke_user(authid, authrealm, keep)


@fails("test_a_user_with_thousands_of_records_is_reported_in_one_entry")
class ReportsEachRecord(SqliteStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        with self.connection() as database:
            self.note(database, [each.id for each in records(self, authid, authrealm)][:1_000])
        return super().revoke_user(authid, authrealm, keep)


@fails("test_a_cursor_can_be_handed_to_another_process")
class NumbersItsOwn(SqliteStore):
    """Positions of another process mean nothing to it."""

    def revoked_since(self, cursor):
        offset = os.getpid() * 1_000
        entries, last = super().revoked_since(cursor if cursor is None else cursor - offset)
        return entries, last + offset


@fails("test_an_unknown_cursor_is_refused")
class KnowsEveryCursor(SqliteStore):
    def knows(self, database, cursor):
        return True
