"""Several processes that have one store open."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import StartProcess, StoreCase
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)


class SharedCase(StoreCase):
    @pytest.fixture
    def other(self, start_process: StartProcess, store: ICookieStore) -> StoreProcess:
        """The same store in another process."""
        self.need("sharing")
        process = start_process()
        process.open()
        return process


class SharingChecks(SharedCase):
    def test_a_commit_is_seen_by_other_processes(
        self, store: ICookieStore, other: StoreProcess
    ) -> None:
        """A change whose commit has returned is loaded by, and on the pages of, every process.

        ICookieStore.load: "Changes whose `commit` has returned are seen."
        """
        cookie = make_cookie(1, make_auth())
        for writes, reads in [(store.commit, other.call), (_commit(other), _call(store))]:
            assert list(writes([Create(cookie)])) == [True]
            assert dict(reads("load", [cookie.id])) == {cookie.id: cookie}
            assert list(reads("page", None, 10, "joe")[0]) == [cookie]
            assert list(writes([Delete(cookie.id)])) == [True]
            assert dict(reads("load", [cookie.id])) == {}

    def test_no_process_revives_what_another_deleted(
        self, store: ICookieStore, other: StoreProcess
    ) -> None:
        """An update does not apply where another process has deleted the record.

        ICookieStore.commit: "updates never bring a record back"
        """
        store.commit([Create(make_cookie(1, make_auth()))])
        assert set(other.call("load", [make_id(1)])) == {make_id(1)}
        store.commit([Delete(make_id(1))])
        late = [Authenticate(make_id(1), make_auth(), NOW), make_touch(1), Delete(make_id(1))]
        assert list(other.call("commit", late)) == [False, False, False]
        assert dict(store.load([make_id(1)])) == {}

    def test_a_collision_between_processes_is_found(
        self, store: ICookieStore, other: StoreProcess
    ) -> None:
        """Create does not apply where another process has created the record.

        ICookieStore.commit: "It does not for a `Create` of an id that exists"
        """
        other.call("commit", [Create(make_cookie(1, make_auth()))])
        assert list(store.commit([Create(make_cookie(1))])) == [False]

    def test_two_processes_that_write_at_once_both_succeed(
        self, store: ICookieStore, other: StoreProcess
    ) -> None:
        """Commits of two processes at the same moment wait for each other, and none is lost.

        ICookieStore.commit: "Apply `changes` in order, all or none"
        """
        for number in range(0, 100, 2):
            other.send("commit", [Create(make_cookie(number)), Create(make_cookie(999))])
            mine = store.commit([Create(make_cookie(number + 1)), Create(make_cookie(999))])
            theirs = other.receive()
            won = [mine[1], theirs[1]]
            assert sorted(won) == [False, number == 0]
        assert len(list(records(store))) == 101

    def test_expired_records_are_counted_once(
        self, store: ICookieStore, other: StoreProcess
    ) -> None:
        """Two processes that sweep do not both count a record as deleted.

        ICookieStore.expire: "how many were deleted."
        """
        commit_all(store, [Create(make_cookie(n, expires=NOW)) for n in range(100)])
        other.send("expire", NOW, 60)
        mine = store.expire(NOW, 60)
        theirs = other.receive()
        rest = store.expire(NOW, 100)
        assert mine + theirs + rest == 100

    def test_a_shared_store_is_one_store(self, store: ICookieStore, other: StoreProcess) -> None:
        """Random changes from two processes in turn lead to what the contract says.

        ICookieStore.commit: "Apply `changes` in order, all or none"
        """
        choice, expected = random.Random(), dict[str, Any]()
        for _ in range(100):
            changes = [_random_change(choice) for _ in range(choice.randrange(1, 5))]
            commit = choice.choice([store.commit, _commit(other)])
            commit(changes)
            expected = replay(expected, changes)
            ids = [make_id(n) for n in range(8)]
            assert dict(store.load(ids)) == dict(other.call("load", ids)) == expected


def _commit(process: StoreProcess) -> Any:
    return lambda changes: process.call("commit", changes)


def _call(store: ICookieStore) -> Any:
    return lambda method, *args: getattr(store, method)(*args)


def _random_change(choice: random.Random) -> Change:
    number = choice.randrange(8)
    auth = make_auth(choice.choice(["joe", "mary"]))
    changes: Sequence[Change] = [
        Create(make_cookie(number)),
        Create(make_cookie(number, auth)),
        Authenticate(make_id(number), auth, NOW + choice.randrange(100)),
        Authenticate(make_id(number), make_auth("joe", "realm2"), NOW),
        make_touch(number, seen=NOW + choice.randrange(100)),
        Delete(make_id(number)),
    ]
    return choice.choice(changes)
