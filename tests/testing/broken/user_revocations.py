"""Stores that end too much, too little, or too late of a user."""

import sqlite3
from time import sleep

from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.codec import decode
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.broken.reopening import HidesInMemory
from tests.testing.honest import SqliteStore
from tests.testing.registry import fails


@fails("test_a_revoked_user_has_no_record", "test_users_with_names_alike_are_not_revoked")
class RevokesByAuthidAlone(MemoryStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        return super().revoke_user(authid, None, keep)


@fails("test_a_revocation_counts_what_it_deletes")
class CountsWhatIsKept(MemoryStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        return super().revoke_user(authid, authrealm, keep) + 1


@fails("test_what_is_kept_stays")
class KeepsNothing(MemoryStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        return super().revoke_user(authid, authrealm)


@fails("test_a_revoked_record_leaves_every_index")
class RevokesTheLoginAlone(MemoryStore):
    """The record stays, under a login that nobody asks for."""

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        ended = [each for each in records(self, authid, authrealm) if each.id not in keep]
        super().revoke_user(authid, authrealm, keep)
        self.ghosts = getattr(self, "ghosts", set()) | {each.id for each in ended}
        return len(ended)

    def expire(self, now, limit):
        return super().expire(now, limit) + len(getattr(self, "ghosts", ()))


@fails("test_a_record_is_revoked_with_its_latest_login")
class RevokesByItsFirstLogin(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.first = {}

    def commit(self, changes):
        for each in changes:
            if isinstance(each, Create) and each.cookie.auth:
                self.first[each.id] = each.cookie.auth.identity
        return super().commit(changes)

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        ended = [id for id, identity in self.first.items() if identity == (authid, authrealm)]
        return sum(super().commit([Delete(id) for id in ended if id not in keep]))


@fails("test_a_revoked_user_can_log_in_again")
class RevokesForGood(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.revoked = set()

    def commit(self, changes):
        return [
            not self._is_out(each) and super(RevokesForGood, self).commit([each])[0]
            for each in changes
        ]

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        self.revoked.add((authid, authrealm))
        return super().revoke_user(authid, authrealm, keep)

    def _is_out(self, change):
        return isinstance(change, Authenticate) and change.auth.identity in self.revoked


@fails("test_a_user_with_thousands_of_records_is_revoked")
class RevokesAThousand(MemoryStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        ended = [each.id for each in records(self, authid, authrealm) if each.id not in keep]
        return sum(self.commit([Delete(id) for id in ended[:1_000]]))


@fails("test_commits_go_on_during_a_revocation")
class RevokesFromACopy(MemoryStore):
    """What others store during the revocation is lost."""

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        every = list(records(self))
        left = {each.id for each in every} - {each.id for each in records(self, authid, authrealm)}
        sleep(0.2)
        super().revoke_user(None, None)
        super().commit([Create(each) for each in every if each.id in left])
        return len(every) - len(left)


@fails("test_a_revocation_of_a_user_lasts", "test_a_returned_revocation_survives_kill_9")
class ForgetsRevocations(HidesInMemory):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        ended = {each.id for each in records(self, authid, authrealm) if each.id not in keep}
        self.hidden |= ended
        return len(ended)


@fails("test_it_does_not_stop_a_revocation")
class RevokesWhatItReads(SqliteStore):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        with sqlite3.connect(self.path) as database:
            for row in database.execute("SELECT id, data FROM cookies"):
                decode(*row)
        return super().revoke_user(authid, authrealm, keep)
