"""INonBlockingLoad: look-ups that are begun and finished without waiting. Optional."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from select import select
from time import monotonic, sleep
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, INonBlockingLoad
from cookietrack_plugin.record import Cookie, Create, Delete
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.checks.unblocked import PATIENCE, PAUSE
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id

# The most ids that `begin_load` is given.
MAX_IDS = 128


class UnblockedLoadChecks(StoreCase):
    @pytest.fixture
    def reader(self, store: ICookieStore) -> Any:
        """One that has record 0."""
        if not INonBlockingLoad.providedBy(store):
            pytest.skip("the store does not provide INonBlockingLoad, and need not")
        store.commit([Create(make_cookie(0, make_auth("joe", authextra={"number": 1})))])
        return store

    def test_what_is_begun_is_found_as_by_load(self, reader: Any) -> None:
        """finish_load() gives what load() does: the records that are there, and no others.

        INonBlockingLoad.finish_load: "What `ICookieStore.load` returns, or raises"
        """
        ids = [make_id(0), make_id(1)]
        assert dict(_load(reader, ids)) == dict(reader.load(ids)) != {}

    def test_every_change_that_was_stored_is_seen(self, reader: Any) -> None:
        """A look-up that is begun after commit() returned sees its changes.

        ICookieStore.load: "Changes whose `commit` has returned are seen."
        """
        for number in range(1, 20):
            reader.commit([Create(make_cookie(number)), Delete(make_id(number - 1))])
            found = _load(reader, [make_id(number - 1), make_id(number)])
            assert dict(found) == {make_id(number): make_cookie(number)}

    def test_many_ids_are_one_look_up(self, reader: Any) -> None:
        """begin_load() takes 128 ids.

        INonBlockingLoad.begin_load: "Begin what `ICookieStore.load` does with `ids`, 128 at most"
        """
        reader.commit([Create(make_cookie(number)) for number in range(1, MAX_IDS)])
        ids = [make_id(number) for number in range(MAX_IDS)]
        assert set(_load(reader, ids)) == set(ids)

    def test_without_an_answer_there_is_no_record(self, reader: Any) -> None:
        """finish_load() gives None until there is an answer; the descriptor stays the same.

        INonBlockingLoad.finish_load: "None as long as it is not known. Waits for nothing."
        """
        _begin(reader, [make_id(0)])
        number = reader.load_fileno()
        while (found := reader.finish_load()) is None:
            assert reader.load_fileno() == number
        assert set(found) == {make_id(0)}

    def test_load_can_be_called_at_the_same_time(self, reader: Any) -> None:
        """load() and commit() work between begin_load() and finish_load().

        INonBlockingLoad: "Commits go on, and other threads call `load`."
        """
        _begin(reader, [make_id(0)])
        assert list(reader.commit([Create(make_cookie(1))])) == [True]
        assert set(reader.load([make_id(0), make_id(1)])) == {make_id(0), make_id(1)}
        assert set(_finish(reader)) == {make_id(0)}

    def test_a_record_is_the_callers_own(self, reader: Any) -> None:
        """What the caller does to an authextra is not seen by the next look-up.

        interfaces: "gives each caller one of its own, which the caller may alter"
        """
        _load(reader, [make_id(0)])[make_id(0)].auth.authextra["number"] = 2
        assert _load(reader, [make_id(0)])[make_id(0)].auth.authextra == {"number": 1}

    def test_a_closed_store_begins_no_look_up(self, reader: Any) -> None:
        """After close() begin_load() raises StoreUnavailable, or gives False.

        interfaces: "After `close` every method but `close` raises `StoreUnavailable`."
        """
        reader.close()
        with suppress(StoreUnavailable):
            assert reader.begin_load([make_id(0)]) is False


def _begin(store: Any, ids: Sequence[str]) -> None:
    deadline = monotonic() + PATIENCE
    while not store.begin_load(ids):
        assert monotonic() < deadline, f"begin_load() gave False for {PATIENCE} seconds"
        store.load(ids)
        sleep(PAUSE)


def _load(store: Any, ids: Sequence[str]) -> Any:
    """What `load` gives, by `begin_load` and `finish_load`."""
    _begin(store, ids)
    return _finish(store)


def _finish(store: Any) -> Mapping[str, Cookie]:
    """What the reactor does: it looks whenever there is something to read."""
    found: Mapping[str, Cookie] | None = None
    while found is None:
        assert select([store.load_fileno()], [], [], PATIENCE)[0]
        found = store.finish_load()
    return found
