"""The lmdb store on a disk that really is full: it lets go of everything, again and again."""

from contextlib import suppress

import pytest

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from tests.support.smalldisk import small_disk

COUNT = 8_000
USERS = 80


def user(number):
    return f"user{number % USERS}"


def new(number):
    return Create(make_cookie(number, make_auth(user(number)), expires=NOW))


@pytest.fixture
def disk():
    with small_disk(14) as folder:
        yield folder


@pytest.fixture
def open_on(disk):
    opened = []

    def open_on(**options):
        given = {"type": "lmdb", "path": str(disk / "cookies"), **options}
        opened.append(LmdbProvider().open(given, str(disk)))
        return opened[-1]

    yield open_on
    for store in opened:
        store.close()


@pytest.fixture(params=[True, False], ids=["by a child", "by itself"])
def store(open_on, request):
    store = open_on(writer_process=request.param)
    for start in range(0, COUNT, 1000):
        store.commit([new(number) for number in range(start, start + 1000)])
    return store


def fill_disk(disk):
    """To the last block, as another program's log does."""
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def fill_store(store, start, batch=1000):
    """With records, until it takes not even one more; how many there are."""
    number = start
    while batch:
        try:
            store.commit([new(n) for n in range(number, number + batch)])
            number += batch
        except StoreFull:
            batch //= 4
    return number


def test_everybody_can_log_out_one_by_one(store, disk):
    fill_disk(disk)
    for number in range(0, COUNT, 7):
        assert store.commit([Delete(make_id(number))]) == [True]
    assert store.stat()["cookies"] == COUNT - len(range(0, COUNT, 7))


def test_many_can_log_out_at_once(store, disk):
    fill_disk(disk)
    for start in range(0, COUNT, 50):
        changes = [Delete(make_id(number)) for number in range(start, start + 50)]
        assert store.commit(changes) == [True] * 50
    assert store.stat()["cookies"] == 0


def test_every_user_can_be_revoked(store, disk):
    _, before = store.revoked_since(None)
    fill_disk(disk)
    for number in range(USERS):
        assert store.revoke_user(user(number), "realm1") == COUNT / USERS
    assert store.stat()["cookies"] == 0
    # What the log had to forget lets no login in that began before.
    (disk / "ballast").unlink()
    store.commit([Create(make_cookie(number)) for number in range(USERS)])
    logins = [
        Authenticate(make_id(number), make_auth(user(number)), NOW, before)
        for number in range(USERS)
    ]
    assert store.commit(logins) == [False] * USERS


@pytest.mark.parametrize("name", [("user1", None), (None, "realm1"), (None, None)])
def test_all_can_be_revoked_at_once(store, disk, name):
    fill_disk(disk)
    count = COUNT / USERS if name[0] else COUNT
    assert store.revoke_user(*name, [make_id(0)]) in (count, count - 1)
    assert store.load([make_id(0)])


@pytest.mark.parametrize("limit", [1, 100, COUNT])
def test_the_sweep_removes_what_has_expired(store, disk, limit):
    fill_disk(disk)
    swept = 0
    for _ in range(20):
        swept += store.expire(NOW, limit)
    assert swept == min(20 * limit, COUNT)


def test_nothing_new_is_taken_until_there_is_room(store, disk):
    fill_disk(disk)
    fill_store(store, 10**6)
    before = {cookie.id for cookie in records(store)}
    with pytest.raises(StoreFull):
        store.commit([new(2 * 10**6 + number) for number in range(1000)])
    assert {cookie.id for cookie in records(store)} == before
    assert store.revoke_user("user3", "realm1") >= COUNT / USERS
    (disk / "ballast").unlink()
    assert store.commit([new(10**7)]) == [True]
    login = Authenticate(make_id(10**7), make_auth("jane"), NOW)
    assert store.commit([login]) == [True]


def test_a_store_that_fills_the_disk_itself_lets_go_and_takes_as_many_again(store):
    count = fill_store(store, COUNT)
    for round in range(2):
        with pytest.raises(StoreFull):
            store.commit([new(10**7 + n) for n in range(100)])
        for start in range(0, count, 40):
            store.commit([Delete(make_id(n)) for n in range(start, start + 40)])
        assert store.stat()["cookies"] == 0
        again = fill_store(store, 0)
        assert again > count / 2, f"in round {round}"
        count = again


def test_turns_of_letting_go_and_filling_up_never_use_up_what_is_kept(store, disk):
    """One by one, as on a busy node: each new record takes what the last logout has freed."""
    count = fill_store(store, COUNT)
    for number in range(1000):
        assert store.commit([Delete(make_id(number))]) == [True]
        with suppress(StoreFull):
            store.commit([new(10**6 + number)])
    fill_disk(disk)
    for number in range(1000, count, 9):
        assert store.commit([Delete(make_id(number))]) == [True]


def test_a_process_that_comes_when_the_disk_is_full_lets_go(store, open_on, disk):
    fill_disk(disk)
    store.close()
    again = open_on()
    assert again.commit([Delete(make_id(1))]) == [True]
    assert again.revoke_user("user2", "realm1") == COUNT / USERS
    assert len(again.load([make_id(n) for n in range(10)])) == 8


def test_a_process_that_comes_without_a_lock_file_is_not_killed(store, open_on, disk):
    store.close()
    (disk / "cookies/lock.mdb").unlink()
    fill_disk(disk)
    with pytest.raises(Exception, match="No space left on device"):
        open_on()
    (disk / "ballast").unlink()
    assert open_on().commit([Delete(make_id(1))]) == [True]
