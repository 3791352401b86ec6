"""INonBlockingCommit: batches that are begun and finished without waiting. Optional."""

from collections.abc import Sequence
from functools import partial
from select import select
from time import monotonic, sleep
from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStore, INonBlockingCommit
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import MAX_CHANGES, max_changes_of
from cookietrack_plugin.testing.case import OpenStore, StartProcess, StoreCase
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)

# Seconds in which an answer comes, and until a store is asked again whether it can begin.
PATIENCE = 30
PAUSE = 0.005


class UnblockedCase(StoreCase):
    def need_non_blocking(self, store: ICookieStore) -> None:
        """Skip the check that calls it where the store commits by waiting alone."""
        if not INonBlockingCommit.providedBy(store):
            pytest.skip("the store does not provide INonBlockingCommit, and need not")

    @pytest.fixture
    def fresh(self, store: ICookieStore) -> Any:
        """One that may not be connected yet."""
        self.need_non_blocking(store)
        return store

    @pytest.fixture
    def unblocked(self, fresh: Any) -> Any:
        """One that has committed record 0."""
        fresh.commit([Create(make_cookie(0))])
        return fresh


class UnblockedChecks(UnblockedCase):
    def test_a_small_batch_can_be_begun(self, unblocked: Any) -> None:
        """begin() of a few changes gives True after commit() has returned, if not at once.

        INonBlockingCommit.begin: "Begin what `ICookieStore.commit` does with `changes`; waits for
        nothing."
        """
        _begin(unblocked, [Create(make_cookie(1))])
        assert list(_finish(unblocked)) == [True]

    def test_what_is_finished_is_as_committed(self, unblocked: Any) -> None:
        """finish() gives what commit() does, and the changes are loaded, and on a page, then.

        INonBlockingCommit.finish: "What `ICookieStore.commit` returns, or raises"
        """
        changes: list[Change] = [
            Create(make_cookie(1)),
            Create(make_cookie(0)),
            Authenticate(make_id(1), make_auth("mary"), NOW + 5),
            make_touch(9),
            Delete(make_id(0)),
            make_touch(0),
        ]
        assert list(apply(unblocked, changes)) == [True, False, True, False, True, False]
        expected = replay({make_id(0): make_cookie(0)}, changes)
        assert dict(unblocked.load([make_id(0), make_id(1)])) == expected
        assert list(records(unblocked, authid="mary")) == list(expected.values())

    def test_batches_follow_each_other(self, unblocked: Any) -> None:
        """begin(), commit() and expire() work when finish() has given its result, in any order.

        INonBlockingCommit: "The three methods are about one batch, and are called in turn"
        """
        for number in range(1, 20, 2):
            assert list(apply(unblocked, [Create(make_cookie(number, expires=NOW))])) == [True]
            assert list(unblocked.commit([Create(make_cookie(number + 1))])) == [True]
            assert unblocked.expire(NOW, 10) == 1
        found = unblocked.load([make_id(number) for number in range(21)])
        assert set(found) == {make_id(number) for number in range(0, 21, 2)}

    @pytest.mark.parametrize("size", [1, MAX_CHANGES])
    def test_what_is_not_begun_leaves_no_trace(self, fresh: Any, size: int) -> None:
        """After begin() gave False nothing of the batch is applied, and commit() does it.

        INonBlockingCommit.begin: "Nothing was begun then: the caller calls `commit` on the writer
        thread"
        """
        size = min(size, max_changes_of(fresh))
        changes = [Create(make_cookie(number)) for number in range(size)]
        # Compared as a number: pytest takes minutes to describe how two such lists differ.
        if fresh.begin(changes):
            assert sum(_finish(fresh)) == size
        else:
            assert sum(fresh.commit(changes)) == size
        assert len(fresh.load([change.id for change in changes])) == size

    def test_without_an_answer_there_is_no_result(self, unblocked: Any) -> None:
        """finish() gives None until there is an answer, however often it is called.

        INonBlockingCommit.finish: "None as long as it is not known. Waits for nothing."
        """
        _begin(unblocked, [Create(make_cookie(1))])
        while (results := unblocked.finish()) is None:
            pass
        assert list(results) == [True]

    def test_an_answer_can_be_waited_for(self, unblocked: Any) -> None:
        """fileno() can be read when there is something to finish().

        INonBlockingCommit.fileno: "A file descriptor that can be read once there is something to
        `finish`"
        """
        _begin(unblocked, [Create(make_cookie(1))])
        assert list(_finish(unblocked)) == [True]

    def test_the_descriptor_stays_the_same(self, unblocked: Any) -> None:
        """fileno() is the same from begin() on until finish() gives its result.

        INonBlockingCommit.fileno: "until then stays the same"
        """
        _begin(unblocked, [Create(make_cookie(1))])
        number = unblocked.fileno()
        assert unblocked.fileno() == number
        while unblocked.finish() is None:
            assert unblocked.fileno() == number

    def test_a_batch_that_cannot_be_stored_fails_once(self, unblocked: Any) -> None:
        """What begin() or finish() raises is about that batch: nothing of it is applied.

        INonBlockingCommit.finish: "What `ICookieStore.commit` returns, or raises"
        """
        spoilt = make_cookie(2, make_auth(authextra={"text": "\ud800"}))
        changes: list[Change] = [Create(make_cookie(1)), Delete(make_id(0)), Create(spoilt)]
        try:
            results = apply(unblocked, changes)
        except Exception:  # noqa: BLE001 - which error is not fixed, only that nothing was applied
            assert set(unblocked.load([make_id(n) for n in range(3)])) == {make_id(0)}
        else:
            assert list(results) == [True, True, True]
        assert list(apply(unblocked, [Create(make_cookie(3))])) == [True]


class DurableUnblockedChecks(UnblockedCase):
    def test_what_was_finished_survives_kill_9(
        self, fresh: Any, open_store: OpenStore, start_process: StartProcess
    ) -> None:
        """A change is durable when finish() has given its result.

        INonBlockingCommit.finish: "What `ICookieStore.commit` returns, or raises"
        """
        fresh.close()
        process = start_process()
        process.open()
        process.call("commit", [Create(make_cookie(0))])
        _begin(_Remote(process), [Create(make_cookie(1)), Delete(make_id(0))])
        while (results := process.call("finish")) is None:
            pass
        process.kill()
        assert list(results) == [True, True]
        assert set(open_store().load([make_id(0), make_id(1)])) == {make_id(1)}


class _Remote:
    """A store in another process."""

    def __init__(self, process: StoreProcess) -> None:
        self.begin = partial(process.call, "begin")
        self.commit = partial(process.call, "commit")


def _begin(store: Any, changes: Sequence[Change]) -> None:
    """Begin as soon as it is possible: after a commit, when what that has started is there."""
    deadline = monotonic() + PATIENCE
    while not store.begin(changes):
        assert monotonic() < deadline, f"begin() gave False for {PATIENCE} seconds"
        store.commit([Delete(make_id(999))])
        sleep(PAUSE)


def apply(store: Any, changes: Sequence[Change]) -> Sequence[bool]:
    """What `commit` gives, by `begin` and `finish`."""
    _begin(store, changes)
    return _finish(store)


def _finish(store: Any) -> Sequence[bool]:
    """What the reactor does: it looks whenever there is something to read."""
    results: Sequence[bool] | None = None
    while results is None:
        assert select([store.fileno()], [], [], PATIENCE)[0]
        results = store.finish()
    return results
