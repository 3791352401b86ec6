"""Stores that are not closed properly."""

from pathlib import Path
from typing import ClassVar

from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.honest import UnblockedStore
from tests.testing.registry import fails


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


@fails("test_close_releases_everything")
class Leaky(MemoryStore):
    left: ClassVar = []

    def close(self):
        self.left.append(Path("/dev/null").open())  # noqa: SIM115  that is the fault


@fails("test_a_closed_store_is_unavailable")
class WorksOn(MemoryStore):
    def close(self):
        pass


@fails("test_a_closed_store_begins_nothing")
class BeginsOn(UnblockedStore):
    def begin(self, changes):
        return True
