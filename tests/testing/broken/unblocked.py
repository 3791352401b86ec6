"""Stores that take changes without waiting, and get that wrong."""

import os

from tests.testing.honest import UnblockedSqliteStore, UnblockedStore
from tests.testing.registry import fails


@fails("test_a_small_batch_can_be_begun")
class NeverBegins(UnblockedStore):
    def begin(self, changes):
        return False


@fails("test_what_is_finished_is_as_committed")
class FinishesWithTrue(UnblockedStore):
    def finish(self):
        results = super().finish()
        return None if results is None else [True] * len(results)


@fails("test_batches_follow_each_other")
class ForgetsThatItHasFinished(UnblockedStore):
    begun = None

    def commit(self, changes):
        results = super().commit(changes)
        return results if self.begun in (None, changes) else []


@fails("test_what_is_not_begun_leaves_no_trace")
class BeginsAllTheSame(UnblockedStore):
    def begin(self, changes):
        self.commit(changes)
        return False


@fails("test_without_an_answer_there_is_no_result")
class FinishesWithNothing(UnblockedStore):
    def finish(self):
        return super().finish() or []


@fails("test_an_answer_can_be_waited_for")
class IsSilent(UnblockedStore):
    def begin(self, changes):
        self.begun = changes
        return True


@fails("test_the_descriptor_stays_the_same")
class HasManyDescriptors(UnblockedStore):
    def fileno(self):
        return os.dup(super().fileno())


@fails("test_a_batch_that_cannot_be_stored_fails_once")
class AppliesHalfABatch(UnblockedStore):
    def begin(self, changes):
        if len(changes) > 2:
            self.commit(changes[:1])
            raise ValueError("too many")
        return super().begin(changes)


@fails("test_what_was_finished_survives_kill_9")
class FinishesInMemory(UnblockedSqliteStore):
    def finish(self):
        return None if self.near.recv(1) == b"1" else [True] * len(self.begun)
