"""Stores that a fault stops for good, and that write to where nobody reads."""

from contextlib import contextmanager

from cookietrack_plugin.errors import StoreUnavailable
from tests.testing.honest import SqliteStore
from tests.testing.registry import fails


@fails("test_it_answers_again_when_a_fault_is_over")
class GivesUp(SqliteStore):
    has_failed = False

    @contextmanager
    def connection(self):
        if self.has_failed:
            raise StoreUnavailable
        try:
            with super().connection() as database:
                yield database
        except StoreUnavailable:
            self.has_failed = True
            raise


@fails("test_nothing_is_acknowledged_into_a_place_that_was_taken_away")
class HoldsOnToItsFile(SqliteStore):
    def __init__(self, path):
        super().__init__(path)
        self.idle.isolation_level = None

    @contextmanager
    def connection(self):
        yield self.idle
