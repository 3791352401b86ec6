"""Stores that get one of the four changes wrong."""

from attrs import evolve

from cookietrack_plugin.record import Authenticate, Cookie, Create, Delete, Touch, is_id
from cookietrack_plugin.stores.memory import MemoryStore
from cookietrack_plugin.testing.samples import NOW
from tests.testing.registry import fails


@fails("test_a_created_record_is_loaded_as_it_was")
class WithoutUserAgent(MemoryStore):
    def load(self, ids):
        return {id: evolve(each, user_agent=None) for id, each in super().load(ids).items()}


@fails("test_a_collision_overwrites_nothing")
class Overwriting(MemoryStore):
    def commit(self, changes):
        super().commit([Delete(each.id) for each in changes if isinstance(each, Create)])
        return super().commit(changes)


@fails("test_an_update_does_what_the_contract_says")
class LoginWithoutItsTime(MemoryStore):
    def commit(self, changes):
        return super().commit(
            [evolve(each, at=NOW) if isinstance(each, Authenticate) else each for each in changes]
        )


@fails("test_an_update_takes_no_time_back")
class LatestTouch(MemoryStore):
    """A touch counts even if it says less than the record."""

    def load(self, ids):
        found = super().load(ids)
        touched = {each.id: each for each in self.last if isinstance(each, Touch)}
        return {
            id: evolve(each, seen=touched[id].seen) if id in touched else each
            for id, each in found.items()
        }

    def commit(self, changes):
        self.last = changes
        return super().commit(changes)


@fails("test_touches_take_nothing_back_in_any_order")
class CoalescesTouches(MemoryStore):
    """The last touch of a batch stands for all."""

    def commit(self, changes):
        last = {each.id: each for each in changes if isinstance(each, Touch)}
        changes = [last.get(each.id, each) for each in changes]
        return super().commit(changes)


@fails("test_a_text_that_is_no_id_is_absent")
class WantsIds(MemoryStore):
    def load(self, ids):
        assert all(map(is_id, ids))
        return super().load(ids)


@fails("test_an_update_brings_no_record_into_being", "test_an_update_revives_no_record")
class Upserting(MemoryStore):
    def commit(self, changes):
        for each in changes:
            if isinstance(each, Authenticate | Touch):
                super().commit([Create(Cookie(each.id, NOW, NOW, NOW))])
        return super().commit(changes)


@fails("test_a_deleted_record_is_gone")
class LosingDeletes(MemoryStore):
    def commit(self, changes):
        kept = [each for each in changes if not isinstance(each, Delete)]
        return super().commit(kept) or [True] * len(changes)


@fails("test_delete_is_idempotent")
class DeletesOnce(MemoryStore):
    def commit(self, changes):
        for each in changes:
            assert not isinstance(each, Delete) or self._get(each.id)
        return super().commit(changes)


@fails("test_a_deleted_id_can_be_created_again")
class Tombstones(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.dead = set()

    def commit(self, changes):
        self.dead |= {each.id for each in changes if isinstance(each, Delete)}
        changes = [
            Delete(each.id) if isinstance(each, Create) and each.id in self.dead else each
            for each in changes
        ]
        return super().commit(changes)


@fails("test_loading_nothing_finds_nothing")
class LoadsSome(MemoryStore):
    def load(self, ids):
        assert ids
        return super().load(ids)


@fails("test_absent_ids_are_left_out")
class LoadsNone(MemoryStore):
    def load(self, ids):
        return {id: super(LoadsNone, self).load([id]).get(id) for id in ids}


@fails("test_many_ids_are_loaded_at_once", "test_a_large_batch_applies")
class NoMoreThanAThousand(MemoryStore):
    def load(self, ids):
        assert len(ids) <= 1_000
        return super().load(ids)

    def commit(self, changes):
        assert len(changes) <= 1_000
        return super().commit(changes)


@fails("test_ids_that_differ_in_case_are_two")
class CaseInsensitive(MemoryStore):
    def commit(self, changes):
        return super().commit(
            [evolve(each, cookie=evolve(each.cookie, id=each.id.lower())) for each in changes]
        )
