"""SQLite on a disk that is really full: nothing new is taken, and letting go works."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql.reserve import RESERVE_BYTES
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from tests.support.opening import open_sql
from tests.support.smalldisk import small_disk

COUNT = 3000


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(8) as folder:
        yield folder


@pytest.fixture
def store(disk: Path) -> Iterator[Any]:
    """Its disk is full to the last page, by itself and by another file."""
    store = open_sql("sqlite:///cookies.sqlite", disk)
    for start in range(0, COUNT, 500):
        numbers = range(start, start + 500)
        store.commit([Create(make_cookie(n, make_auth(), expires=NOW)) for n in numbers])
    fill(disk / "ballast")
    assert any(refused(store, n) for n in range(COUNT, 10 * COUNT))
    yield store
    store.close()


def _large(number: int) -> Any:
    return evolve(make_cookie(number), user_agent="x" * 3000)


def fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def refused(store: Any, number: int = 99_999) -> bool:
    try:
        store.commit([Create(_large(number))])
    except StoreFull:
        return True
    return False


@pytest.mark.parametrize("again", [False, True], ids=["by itself", "and others take what is freed"])
def test_everybody_can_log_out(store: Any, disk: Path, again: bool):
    _, cursor = store.revoked_since(None)
    for n in range(500):
        assert store.commit([Delete(make_id(n))]) == [True]
        if again:
            fill(disk / "ballast")
    assert store.revoked_since(cursor)[0] == [make_id(n) for n in range(500)]
    assert store.load([make_id(n) for n in range(500)]) == {}


def test_a_batch_of_deletions_is_taken_in_parts(store: Any):
    """As the plugin does it: a batch that fails is tried change by change."""
    deletions = [Delete(make_id(n)) for n in range(0, COUNT, 3)]
    try:
        store.commit(deletions)
    except StoreFull:
        assert len(store.load([change.id for change in deletions])) == len(deletions)
        assert all(store.commit([change]) == [True] for change in deletions)
    assert store.load([change.id for change in deletions]) == {}


def test_what_is_not_letting_go_is_refused(store: Any):
    assert refused(store)
    with pytest.raises(StoreFull):
        store.commit([Delete(make_id(1)), Create(_large(99_998))])
    assert set(store.load([make_id(1)])) == {make_id(1)}


def test_operators_can_end_a_user(store: Any):
    _, cursor = store.revoked_since(None)
    assert store.revoke_user("joe", "realm1") == COUNT
    assert store.revoked_since(cursor)[0] == [UserRevoked("joe", "realm1")]
    assert not any(each.auth for each in records(store))


def test_the_sweep_frees_room(store: Any):
    assert store.expire(NOW, 1000) == 1000
    assert store.commit([Create(make_cookie(0))]) == [True]
    login = Authenticate(make_id(0), make_auth(), NOW)
    assert store.commit([login, make_touch(0)]) == [True, True]
    while store.expire(NOW, 1000) == 1000:
        pass
    assert not refused(store)


def test_a_store_that_is_opened_on_a_full_disk_lets_go(store: Any, disk: Path):
    """Its reserve is there from before."""
    store.close()
    again = open_sql("sqlite:///cookies.sqlite", disk)
    assert again.commit([Delete(make_id(1))]) == [True]
    assert again.revoke_user("joe", None) == COUNT - 1
    again.close()


def test_the_reserve_is_taken_again(store: Any, disk: Path):
    reserve = disk / "cookies.sqlite-reserve"
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    store.commit([Delete(make_id(1))])
    (disk / "ballast").unlink()
    fill_up_again = store.expire(NOW, 10)
    assert fill_up_again == 10
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
