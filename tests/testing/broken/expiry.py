"""Stores that expire too early, too late, too much or too little."""

from cookietrack_plugin.record import Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.memory import MemoryStore
from cookietrack_plugin.testing.samples import NOW
from tests.testing.registry import fails


@fails("test_a_record_expires_at_its_millisecond")
class AMillisecondLate(MemoryStore):
    def expire(self, now, limit):
        return super().expire(now - 1, limit)


@fails("test_the_limit_is_respected")
class Unlimited(MemoryStore):
    def expire(self, now, limit):
        return super().expire(now, limit**3)


@fails("test_less_than_the_limit_means_that_no_more_are_left")
class HalfTheLimit(MemoryStore):
    def expire(self, now, limit):
        return super().expire(now, limit // 2)


@fails("test_expire_of_an_empty_store_is_no_error")
class ExpiresSome(MemoryStore):
    def expire(self, now, limit):
        assert self._count
        return super().expire(now, limit)


@fails(
    "test_a_touched_record_lives_longer",
    "test_a_record_created_again_expires_at_its_new_time",
)
class FirstDeadline(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.first = {}

    def commit(self, changes):
        for each in changes:
            if isinstance(each, Create):
                self.first.setdefault(each.id, each.cookie.expires)
        return super().commit(changes)

    def expire(self, now, limit):
        due = [id for id in self._cookies.ids() if self.first[id] <= now][:limit]
        return sum(super().commit([Delete(id) for id in due]))


@fails("test_a_late_touch_takes_nothing_back")
class LatestDeadline(MemoryStore):
    """A touch counts even if it says less than the record."""

    def expire(self, now, limit):
        due = [id for id in self._cookies.ids() if self.touched.get(id, now + 1) <= now][:limit]
        return sum(super().commit([Delete(id) for id in due])) or super().expire(now, limit)

    def commit(self, changes):
        self.touched = {each.id: each.expires for each in changes if isinstance(each, Touch)}
        return super().commit(changes)


@fails("test_a_login_does_not_alter_the_expiry")
class LoginProlongs(MemoryStore):
    def commit(self, changes):
        results = super().commit(changes)
        for each in changes:
            if isinstance(each, Authenticate):
                super().commit([Touch(each.id, each.at, NOW + 10_000, None, None)])
        return results
