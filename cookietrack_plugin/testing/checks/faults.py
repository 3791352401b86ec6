"""What a store does when its engine fails, and when its place is taken away."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from cookietrack_plugin.errors import CookieTrackError, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Change, Create, Delete
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import make_cookie, make_id

# Seconds that a store has to answer again.
RECOVERY_S = 5
# Seconds until a fault is noticed: longer than a driver waits for an answer.
PATIENCE_S = 30


class FaultChecks(StoreCase):
    def test_it_answers_again_when_a_fault_is_over(
        self, store: ICookieStore, store_options: Mapping[str, Any], node_dir: Path
    ) -> None:
        """commit() and load() raise StoreUnavailable during a fault, and work five seconds after.

        ICookieStore: "When it is over the store answers again within five seconds, without being
        opened again."
        """
        self.need("faults")
        store.commit([Create(make_cookie(0))])
        self.break_store(store_options, node_dir)
        try:
            assert not _succeeds(lambda: store.commit([Create(make_cookie(1))]))
            # As often as workers try.
            for _ in range(10):
                _succeeds(lambda: store.commit([Create(make_cookie(2))]))
                _succeeds(lambda: store.load([make_id(0)]))
        finally:
            self.mend_store(store_options, node_dir)
        over = monotonic()
        _insist(lambda: store.commit([Create(make_cookie(3))]), over + RECOVERY_S)
        _insist(lambda: store.load([make_id(3)]), over + RECOVERY_S)
        assert set(store.load([make_id(0), make_id(3)])) == {make_id(0), make_id(3)}


class PlaceChecks(StoreCase):
    @pytest.mark.parametrize("is_deletion", [False, True], ids=["logins", "logouts"])
    def test_nothing_is_acknowledged_into_a_place_that_was_taken_away(
        self,
        open_store: OpenStore,
        store_options: Mapping[str, Any],
        node_dir: Path,
        is_deletion: bool,
    ) -> None:
        """What commit() acknowledges after the place was taken away is there after reopening.

        ICookieStore: "A store whose place was removed, replaced or emptied while it is open
        acknowledges nothing that would not be there after it was opened again."
        """
        self.need("place")
        store = open_store()
        store.commit([Create(make_cookie(n)) for n in range(5)])
        self.take_away(store_options, node_dir)
        acknowledged = {
            change.id
            for change in _changes(is_deletion)
            if _succeeds(partial(store.commit, [change]))
        }
        with suppress(CookieTrackError):
            store.close()
        if acknowledged:
            found = set(open_store().load(list(acknowledged)))
            assert found == (set() if is_deletion else acknowledged)


def _changes(are_deletions: bool) -> list[Change]:
    """Deletions of the records that are there, or more records."""
    if are_deletions:
        return [Delete(make_id(n)) for n in range(5)]
    return [Create(make_cookie(n)) for n in range(5, 10)]


def _succeeds(call: Callable[[], Any]) -> bool:
    """Whether it does, and raises nothing else than it may."""
    try:
        call()
    except CookieTrackError:
        return False
    return True


def _insist(call: Callable[[], Any], end: float) -> None:
    """Try until the moment `end`; what is raised then is raised."""
    while True:
        try:
            call()
        except StoreUnavailable:
            if monotonic() > end:
                raise
            sleep(0.05)
        else:
            return
