"""Stores that are right as long as there is one thread."""

import threading
import time
from threading import get_ident

from attrs import evolve

from cookietrack_plugin.record import Touch
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.registry import fails


@fails("test_every_call_may_come_from_another_thread")
class OfOneThread(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.thread = get_ident()

    def load(self, ids):
        assert self.thread == get_ident()
        return super().load(ids)


@fails("test_what_was_committed_is_seen_by_every_thread")
class SnapshotOfAThread(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.threads = threading.local()

    def load(self, ids):
        if not hasattr(self.threads, "seen"):
            self.threads.seen = super().load(ids)
        return self.threads.seen


@fails(
    "test_no_reader_sees_half_of_an_update",
    "test_no_reader_sees_half_of_a_coming_or_going",
)
class LocksEachChange(MemoryStore):
    def commit(self, changes):
        results = []
        for each in changes:
            results += super().commit([each])
            time.sleep(0)
        return results


@fails("test_any_history_leads_to_what_the_contract_says")
class ForgetsWhoTouchedLast(MemoryStore):
    """Right one change at a time: only the second Touch of a batch goes wrong."""

    def commit(self, changes):
        touched = set()
        for each in changes:
            if isinstance(each, Touch) and each.id in touched:
                changes = [evolve(c, peer=None) if c is each else c for c in changes]
            touched.add(each.id)
        return super().commit(changes)
