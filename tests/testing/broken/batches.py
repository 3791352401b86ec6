"""Stores that get several changes at once wrong."""

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.registry import fails


@fails("test_an_empty_batch_is_no_error")
class NoEmptyBatch(MemoryStore):
    def commit(self, changes):
        assert changes[0]
        return super().commit(changes)


@fails("test_each_change_has_its_result")
class AlwaysTrue(MemoryStore):
    def commit(self, changes):
        return [True] * len(super().commit(changes))


@fails("test_changes_of_one_record_apply_in_order")
class CreatesFirst(MemoryStore):
    def commit(self, changes):
        return super().commit(sorted(changes, key=lambda each: not isinstance(each, Create)))


@fails("test_a_change_that_does_not_apply_holds_up_no_other")
class StopsEarly(MemoryStore):
    def commit(self, changes):
        results = []
        for each in changes:
            results += super().commit([each]) if all(results) else [False]
        return results


@fails("test_what_cannot_be_stored_spoils_the_whole_batch")
class HalfABatch(MemoryStore):
    def commit(self, changes):
        return [super(HalfABatch, self).commit([each])[0] for each in changes]


@fails("test_a_batch_that_finds_no_room_applies_nothing")
class HalfFull(MemoryStore):
    def commit(self, changes):
        for each in changes:
            if self._count == self._max_cookies - 1:
                raise StoreFull
            super().commit([each])
