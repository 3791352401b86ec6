"""Stores that are not what they claim to be."""

from time import time

from zope.interface import implementer

from cookietrack_plugin.interfaces import IReaderSlots, IServerTime
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


@fails("test_a_look_up_without_waiting_provides_its_interface")
class UndeclaredFinishLoad(MemoryStore):
    def finish_load(self):
        pass


@fails("test_a_user_revocation_provides_its_interface")
class RevocationOfOtherShape(MemoryStore):
    def revoke_user(self, authid):
        return super().revoke_user(authid, None)


@fails("test_a_batch_limit_is_a_number")
class UndeclaredLimit(MemoryStore):
    max_changes = 100


@fails("test_a_server_has_the_time")
@implementer(IServerTime)
class ServerInSeconds(MemoryStore):
    def server_time(self):
        return int(time())


@fails("test_slots_of_readers_provide_their_interface")
@implementer(IReaderSlots)
class CountsTheLiving(MemoryStore):
    def stale_readers(self):
        return 1

    def clear_stale_readers(self):
        return 0


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
