"""The lmdb store without room: what it refuses, what it keeps, and what it still lets go."""

import re
import subprocess
import sys
from functools import partial

import pytest

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.record import Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import deletions as lmdb_deletions
from cookietrack_plugin.stores.lmdb import environment as lmdb_environment
from cookietrack_plugin.stores.lmdb import store as lmdb_store
from cookietrack_plugin.stores.lmdb import users
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from tests.support.smalldisk import small_disk

MEGABYTE = 2**20
JOE, MARY = (make_auth(name, authextra={"text": "x" * 1_000}) for name in ("joe", "mary"))


@pytest.fixture
def open_store(open_lmdb):
    """Nothing here is about power cuts, and much about megabytes."""
    return partial(open_lmdb, sync=False)


def big(number):
    return Create(make_cookie(number, make_auth(authextra={"text": "x" * 100_000})))


def fill(store, batch=1, create=big):
    """Records until there is no room; how many it took."""
    for number in range(0, 1_000_000, batch):
        try:
            store.commit([create(number + n) for n in range(batch)])
        except StoreFull:
            return number
    raise AssertionError("the store does not get full")


def test_a_full_store_refuses_and_keeps_what_it_has(open_store):
    store = open_store(maxsize=4 * MEGABYTE)
    taken = fill(store)
    assert 20 < taken < 45
    before = list(records(store))
    with pytest.raises(StoreFull, match=f"has reached {4 * MEGABYTE} bytes, its limit"):
        store.commit([Delete(make_id(0)), big(9_999)])
    assert list(records(store)) == before
    assert store.stat()["cookies"] == store.stat()["authenticated"] == taken


def small(number):
    return Create(make_cookie(number, make_auth(), expires=NOW))


def test_a_full_store_can_be_deleted_from_and_takes_new_records_then(open_store):
    store = open_store(maxsize=2 * MEGABYTE)
    taken = fill(store, 100, small)
    assert store.commit([Delete(make_id(n)) for n in range(taken)]) == [True] * taken
    assert store.stat()["cookies"] == 0
    assert fill(store, 100, small) > taken / 2


@pytest.mark.parametrize("user", [("joe", "realm1"), ("joe", None), (None, "realm1"), (None, None)])
def test_the_users_of_a_full_store_can_be_revoked(open_store, user):
    store = open_store(maxsize=2 * MEGABYTE)
    taken = fill(store, 100, small)
    assert store.revoke_user(*user, [make_id(1)]) == taken - 1
    assert [cookie.id for cookie in records(store)] == [make_id(1)]


def test_a_user_is_revoked_in_steps_where_one_transaction_has_no_room_for_it(
    open_store, monkeypatch
):
    """One record on each page: all pages would be copied."""
    monkeypatch.setattr(lmdb_environment, "_DELETION_RESERVE", MEGABYTE)
    monkeypatch.setattr(lmdb_deletions, "_FIRST_STEP", 32)
    steps = []

    def delete_some(*args):
        count, start = users.delete_some(*args)
        steps.append(count)
        return count, start

    monkeypatch.setattr(lmdb_store, "delete_some", delete_some)
    store = open_store(maxsize=8 * MEGABYTE)
    taken = fill(
        store, 100, lambda number: Create(make_cookie(number, JOE if number % 4 else MARY))
    )
    _, cursor = store.revoked_since(None)
    assert store.revoke_user("mary", "realm1", [make_id(0)]) == taken / 4 - 1
    assert sum(steps) == taken / 4 - 1
    assert [cookie.id for cookie in records(store, authid="mary")] == [make_id(0)]
    assert len(list(records(store))) == taken * 3 / 4 + 1
    told = UserRevoked("mary", "realm1", frozenset({make_id(0)}))
    assert store.revoked_since(cursor) == ([told], cursor + 1)
    assert store.stat()["bytes"] <= 9 * MEGABYTE


def test_a_full_store_can_be_swept(open_store):
    store = open_store(maxsize=2 * MEGABYTE)
    taken = fill(store, 100, small)
    assert store.expire(NOW, taken + 1) == taken
    assert list(records(store)) == []
    assert store.commit([small(n) for n in range(100)]) == [True] * 100


def test_where_deleting_made_it_larger_a_store_takes_no_more_for_new_records(open_store):
    store = open_store(maxsize=2 * MEGABYTE)
    taken = fill(store, 100, small)
    store.commit([Delete(make_id(n)) for n in range(taken)])
    size = store._environment.used_bytes()
    assert size > 2 * MEGABYTE
    fill(store, 100, small)
    assert store._environment.used_bytes() == size
    # And what is kept for deletions.
    assert store.stat()["bytes"] <= size + MEGABYTE / 4


def test_a_full_store_stays_within_its_limit_but_for_what_deleting_needs(open_store):
    store = open_store(maxsize=4 * MEGABYTE)
    for _ in range(3):
        for number in range(fill(store)):
            store.commit([Delete(make_id(number))])
    fill(store)
    assert store.stat()["bytes"] <= 5 * MEGABYTE


def test_a_store_larger_than_its_limit_is_read_and_refuses_more(open_store):
    open_store().commit([big(n) for n in range(50)])
    open_store()
    small = open_store(maxsize=MEGABYTE)
    assert len(list(records(small))) == 50
    with pytest.raises(StoreFull):
        small.commit([big(n) for n in range(50, 100)])
    assert small.commit([Delete(make_id(0))]) == [True]


FILL = """
import resource, sys
from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id

options = {"type": "lmdb", "path": sys.argv[1], "sync": False}
store = LmdbProvider().open(options, ".")
if sys.argv[2] == "addresses":
    used = int(open("/proc/self/status").read().split("VmSize:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000,) * 2)
taken = 0
try:
    while taken < 2_000:
        auth = make_auth(authextra={"text": "x" * 100_000})
        store.commit([Create(make_cookie(taken, auth))])
        taken += 1
except StoreFull as error:
    print(taken, error)
def count(store):
    return sum(len(store.load([make_id(n)])) for n in range(taken + 1))
assert count(store) == sum(1 for _ in records(store)) == taken
store.close()
assert count(LmdbProvider().open(options, ".")) == taken
"""


def test_without_addresses_for_a_larger_map_the_store_is_full(tmp_path):
    command = [sys.executable, "-c", FILL, tmp_path, "addresses"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(rf"\d{{3,4}} {tmp_path} needs \d+ bytes of addresses: .+\n", run.stdout)


def test_on_a_full_disk_the_store_is_full_and_keeps_what_it_has():
    with small_disk(megabytes=20) as disk:
        command = [sys.executable, "-c", FILL, disk / "cookies", "disk"]
        run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(rf"\d{{3}} no room to write {disk}/cookies: .+\n", run.stdout)
