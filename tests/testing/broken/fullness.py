"""Stores that keep everything once they are full."""

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.registry import fails


class Full(MemoryStore):
    """An honest one, that drops nothing for a new record."""

    def __init__(self, max_cookies):
        super().__init__(max_cookies + 1)

    def commit(self, changes):
        self.check_room(sum(isinstance(each, Create) for each in changes))
        return super().commit(changes)

    def check_room(self, records):
        if records and self._count + records >= self._max_cookies:
            raise StoreFull


@fails("test_everybody_can_log_out_when_there_is_no_room")
class WritesAJournal(Full):
    """A deletion needs room too."""

    is_full = False

    def commit(self, changes):
        if self.is_full:
            raise StoreFull
        try:
            return super().commit(changes)
        except StoreFull:
            self.is_full = True
            raise


@fails("test_a_user_can_be_revoked_when_there_is_no_room")
class RevokesWithAnEntry(Full):
    def revoke_user(self, authid, authrealm, keep=frozenset()):
        self.check_room(2)
        return super().revoke_user(authid, authrealm, keep)


@fails("test_what_has_expired_goes_when_there_is_no_room")
class ExpiresWithAnEntry(Full):
    def expire(self, now, limit):
        self.check_room(2)
        return super().expire(now, limit)


@fails("test_there_is_room_again_after_deletions")
class NeverReusesRoom(Full):
    used = 0

    def check_room(self, records):
        super().check_room(records + self.used)
        self.used += records
