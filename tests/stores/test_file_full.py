"""On a disk that really is full, `file` lets nobody new in, and everybody out."""

import errno
import os
import resource
import select
from contextlib import suppress
from itertools import count

import pytest

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.stores.file import disk as disk_module
from cookietrack_plugin.stores.file.compactor import Compactor
from cookietrack_plugin.stores.kit.paging import records
from tests.support.cookiefile import (
    JOE,
    NAME,
    NOW,
    closed_stores,  # noqa: F401
    compact_always,
    contents,
    create,
    id_at,
    open_file,
    reopened,
    wait_for,
)
from tests.support.smalldisk import small_disk

LATER = 2 * NOW


@pytest.fixture
def disk():
    with small_disk(8) as folder:
        yield folder


@pytest.fixture
def ballast(disk):
    """Fills up what is left of the disk, to the last page."""

    def fill():
        with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    return fill


@pytest.fixture
def store(disk, ballast):
    """One that is full: by its own records, by another program, and to the end of its last page."""
    store = open_file(disk)
    store.commit(create(range(5000), JOE, NOW))
    # As the sweep does it now and then.
    assert store.expire(0, 1) == 0
    ballast()
    fill(store)
    yield store
    store.close()


def fill(store):
    """New cookies until there is room for none."""
    for first, size in ((100_000, 200), (200_000, 1)):
        with suppress(StoreFull):
            for start in count(first, size):
                store.commit(create(range(start, start + size)))


def commit_here(store, changes):
    return list(store.commit(changes))


def commit_by_process(store, changes):
    if not store.begin(changes):
        return list(store.commit(changes))
    try:
        while (applied := store.finish()) is None:
            assert select.select([store.fileno()], [], [], 60)[0]
    except (StoreFull, StoreUnavailable):
        return list(store.commit(changes))
    return list(applied)


@pytest.fixture(params=[commit_here, commit_by_process])
def commit(request):
    return request.param


def test_everybody_can_log_out_and_nobody_new_gets_in(disk, store, commit):
    with pytest.raises(StoreFull):
        commit(store, create([900_000], JOE))
    for number in range(0, 5000, 10):
        assert commit(store, [Delete(id_at(number))]) == [True]
    expected = contents(store)
    assert id_at(0) not in expected
    assert id_at(900_000) not in expected
    assert contents(reopened(store, disk)) == expected


def test_a_user_can_be_revoked(disk, store):
    assert store.revoke_user("joe", "realm1", [id_at(7)]) == 4999
    expected = contents(store)
    store = reopened(store, disk)
    assert contents(store) == expected
    assert [cookie.id for cookie in records(store, "joe")] == [id_at(7)]
    store.close()


def test_everything_can_be_deleted_though_another_program_takes_each_free_block(
    disk, store, ballast, monkeypatch
):
    # It would be too fast for it.
    monkeypatch.setattr(Compactor, "run_if_worth", lambda self: None)
    for id in list(contents(store)):
        assert store.commit([Delete(id)]) == [True]
        ballast()
    assert contents(store) == {}
    assert contents(reopened(store, disk)) == {}


def test_everybody_can_log_out_where_another_program_has_filled_the_disk(
    disk, ballast, monkeypatch, commit
):
    """Nothing of ours has been refused yet: no new cookie came."""
    monkeypatch.setattr(Compactor, "run_if_worth", lambda self: None)
    store = open_file(disk)
    for start in range(0, 15_000, 500):
        store.commit(create(range(start, start + 500), JOE))
    ballast()
    for start in range(0, 15_000, 20):
        gone = [Delete(id_at(number)) for number in range(start, start + 20)]
        assert commit(store, gone) == [True] * 20
    assert contents(reopened(store, disk)) == {}


def test_the_sweep_frees_what_has_expired_and_new_cookies_get_in_again(disk, store):
    before = (disk / NAME).stat().st_size
    # A third of all is left at most: the new file has to fit into what was reserved.
    for id in [cookie.id for cookie in records(store) if not cookie.auth][200:]:
        store.commit([Delete(id)])
    while store.expire(NOW, 500) == 500:
        pass
    wait_for(lambda: store.expire(NOW, 500) == 0 and store.stat()["compactions"] > 0)
    assert commits(store, [900_000])
    assert (disk / NAME).stat().st_size < before / 2
    expected = contents(store)
    assert len(expected) < 1000
    assert contents(reopened(store, disk)) == expected


def test_a_batch_that_brings_something_new_as_well_is_refused_as_a_whole(store):
    before = contents(store)
    with pytest.raises(StoreFull):
        store.commit([Delete(id_at(3)), *create([900_000], JOE)])
    assert contents(store) == before


def test_what_is_reserved_is_used_up_one_day_and_comes_back(disk, store, ballast):
    store._ledger._journal._file.give_back()
    ballast()
    records = contents(store)
    with pytest.raises(StoreFull):
        store.revoke_user("joe", "realm1")
    assert contents(store) == records
    (disk / "ballast").unlink()
    assert store.revoke_user("joe", "realm1") == 5000
    assert commits(store, [900_000])
    store.expire(0, 1)
    assert reserved(disk) >= 250_000
    left = records.keys() - {id_at(number) for number in range(5000)}
    assert contents(reopened(store, disk)).keys() == left | {id_at(900_000)}


def reserved(directory):
    """Bytes behind the file's end that the disk keeps for it."""
    found = (directory / NAME).stat()
    return 512 * found.st_blocks - found.st_size


def test_what_is_reserved_grows_with_the_records_and_is_kept(tmp_path):
    store = open_file(tmp_path)
    assert 262_144 <= reserved(tmp_path) < 1_500_000
    for start in range(0, 20_000, 1000):
        store.commit(create(range(start, start + 1000), JOE))
        assert reserved(tmp_path) >= 262_144
    store.expire(0, 1)
    assert reserved(tmp_path) >= store.stat()["live_bytes"] // 2


def test_no_more_is_reserved_than_there_is(disk, ballast):
    ballast()
    os.truncate(disk / "ballast", (disk / "ballast").stat().st_size - 100_000)
    open_file(disk)
    assert 30_000 < reserved(disk) <= 100_000


def test_where_nothing_can_be_reserved_it_works_as_long_as_there_is_room(tmp_path, monkeypatch):
    def cannot(*args):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(disk_module, "keep_blocks", cannot)
    store = open_file(tmp_path)
    assert store.commit(create([1])) == [True]
    assert not store.begin(create([2]))
    store.commit(create([2]))
    wait_for(lambda: store.begin(create([3])))
    wait_for(store.finish)
    assert len(contents(reopened(store, tmp_path))) == 3


def test_a_file_that_has_to_be_rewritten_on_a_full_disk_is(disk, ballast):
    """It is damaged, say: what is reserved is the only room there is."""
    store = open_file(disk)
    store.commit(create(range(500), JOE))
    store.close()
    with (disk / NAME).open("ab") as file:
        file.write(b"?\n")
    ballast()
    store = open_file(disk)
    assert len(contents(store)) == 500
    assert store.commit([Delete(id_at(1))]) == [True]
    store.close()


def test_a_file_that_was_taken_away_on_a_full_disk_is_written_anew(disk, ballast):
    store = open_file(disk)
    store.commit(create(range(500), JOE))
    ballast()
    (disk / NAME).rename(disk / "elsewhere")
    assert store.commit([Delete(id_at(1))]) == [True]
    expected = contents(store)
    assert len(expected) == 499
    assert contents(reopened(store, disk)) == expected


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_is_a_full_disk(tmp_path, monkeypatch, error):
    """As the kernel counts it: what is reserved counts too."""
    store = open_file(tmp_path)
    store.commit(create(range(100), JOE))
    allocated = store._ledger._journal._file._allocated
    write = os.write

    def limited(fd, data):
        if os.fstat(fd).st_size + len(data) > allocated:
            raise OSError(error, os.strerror(error))
        return write(fd, data)

    def keep_blocks(fd, start, count):
        if start + count > allocated:
            raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "write", limited)
    monkeypatch.setattr(disk_module, "keep_blocks", keep_blocks)
    fill(store)
    ids = list(contents(store))
    for start in range(0, len(ids), 100):
        some = ids[start : start + 100]
        assert store.commit([Delete(id) for id in some]) == [True] * len(some)
    assert contents(reopened(store, tmp_path)) == {}


def test_where_a_file_may_not_grow_what_is_dead_makes_room(tmp_path):
    store = open_file(tmp_path)
    store.commit(create(range(300), JOE))
    store.commit([Delete(id_at(number)) for number in range(100)])
    compact_always(store)
    store._ledger._compactor.compacts_from = 10**9
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / NAME).stat().st_size + 10, hard))
    try:
        wait_for(lambda: deletes(store, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(contents(reopened(store, tmp_path))) == 199


def commits(store, numbers) -> bool:
    with suppress(StoreFull, StoreUnavailable):
        return list(store.commit(create(numbers))) == [True] * len(numbers)
    return False


def deletes(store, number) -> bool:
    with suppress(StoreFull, StoreUnavailable):
        return list(store.commit([Delete(id_at(number))])) == [True]
    return False
