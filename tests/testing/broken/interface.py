"""Stores that are not what they claim to be."""

from pathlib import Path
from typing import ClassVar

from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.registry import fails


@fails("test_the_store_provides_its_interface")
class StoreOfOtherShape(MemoryStore):
    def load(self, ids, deep):
        return super().load(ids)


@fails("test_a_feed_provides_its_interface")
class UndeclaredFeed(MemoryStore):
    def revoked_since(self, cursor):
        return [], 0


@fails("test_a_signal_provides_its_interface")
class UndeclaredSignal(MemoryStore):
    def await_revocation(self, seconds):
        pass


@fails("test_a_commit_without_waiting_provides_its_interface")
class UndeclaredFinish(MemoryStore):
    def finish(self):
        pass


@fails("test_whether_it_blocks_is_true_or_false")
class AlmostTrue(MemoryStore):
    reads_block = 0


@fails("test_stat_has_records_and_bytes")
class StatWithoutBytes(MemoryStore):
    def stat(self):
        return {"cookies": super().stat()["cookies"]}


@fails("test_stat_of_an_empty_store_is_no_error")
class StatThatDivides(MemoryStore):
    def stat(self):
        stat = super().stat()
        return {**stat, "mean": stat["bytes"] / stat["cookies"]}


@fails("test_close_is_idempotent")
class ClosesOnce(MemoryStore):
    closed = False

    def close(self):
        assert not self.closed
        self.closed = True


@fails("test_an_unused_store_can_be_closed")
class ClosesWhatItUsed(MemoryStore):
    def commit(self, changes):
        self.used = True
        return super().commit(changes)

    def close(self):
        assert self.used


@fails("test_close_lets_go_of_everything")
class Leaky(MemoryStore):
    left: ClassVar = []

    def close(self):
        self.left.append(Path("/dev/null").open())  # noqa: SIM115  that is the fault
