"""Stores that take look-ups without waiting, and get that wrong."""

from tests.testing.honest import UnblockedLoadStore
from tests.testing.registry import fails


@fails("test_what_is_begun_is_found_as_by_load")
class FindsTheFirstAlone(UnblockedLoadStore):
    def begin_load(self, ids):
        return super().begin_load(ids[1:])


@fails("test_every_change_that_was_stored_is_seen", "test_a_record_is_the_callers_own")
class KeepsWhatItFound(UnblockedLoadStore):
    def begin_load(self, ids):
        found = getattr(self, "found", {})
        begun = super().begin_load(ids)
        self.found.update({id: cookie for id, cookie in found.items() if id in ids})
        return begun


@fails("test_many_ids_are_one_look_up")
class TakesFewIds(UnblockedLoadStore):
    def begin_load(self, ids):
        return len(ids) < 100 and super().begin_load(ids)


@fails("test_without_an_answer_there_is_no_record")
class FinishesWithNoRecord(UnblockedLoadStore):
    def finish_load(self):
        return super().finish_load() or {}


@fails("test_load_can_be_called_at_the_same_time")
class HasOneAnswer(UnblockedLoadStore):
    def load(self, ids):
        self.found = super().load(ids)
        return self.found


@fails("test_a_closed_store_begins_no_look_up")
class BeginsALookUpAfterClosing(UnblockedLoadStore):
    def begin_load(self, ids):
        return True
