"""What people and their scripts do to the `file` store's file while it is open."""

import os
import select
import shutil

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from tests.support.cookiefile import (
    JOE,
    NAME,
    NOW,
    closed_stores,  # noqa: F401
    contents,
    cookie_at,
    create,
    id_at,
    open_file,
    reopened,
    wait_for,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def commit_here(store, changes):
    return list(store.commit(changes))


def commit_by_process(store, changes):
    """As the router does it: begun, and committed by the writer thread where that fails."""
    if not store.begin(changes):
        # Whoever commits starts the process that `begin` has asked for.
        store.commit([Delete(id_at(999))])
        wait_for(lambda: store.begin(changes))
    try:
        while (applied := store.finish()) is None:
            assert select.select([store.fileno()], [], [], 60)[0]
    except StoreUnavailable:
        return list(store.commit(changes))
    return list(applied)


@pytest.fixture(params=[commit_here, commit_by_process])
def commit(request):
    return request.param


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def truncate(path):
    os.truncate(path, path.stat().st_size - 150)


def replace(path):
    """As `rsync` and `cp --remove-destination` restore a backup."""
    shutil.copy(f"{path}.backup", f"{path}.new")
    os.replace(f"{path}.new", path)


def overwrite(path):
    """As `cp` restores a backup."""
    shutil.copyfile(f"{path}.backup", path)


def rotate(path):
    """As logrotate does."""
    path.rename(f"{path}.1")
    path.touch()


def rename(path):
    path.rename(f"{path}.1")


def link(path):
    os.link(path, f"{path}.1")


def append_to(path):
    with path.open("ab") as file:
        file.write(b"# who are you?\n")


def append_half_a_line(path):
    with path.open("ab") as file:
        file.write(b'["ct1","')


def put_a_directory(path):
    path.rename(f"{path}.1")
    path.mkdir()


MISHAPS = [
    remove,
    empty,
    truncate,
    replace,
    overwrite,
    rotate,
    rename,
    link,
    append_to,
    append_half_a_line,
]


@pytest.fixture
def store(tmp_path, path):
    """Three users, of whom one is logged out after a backup was made."""
    store = open_file(tmp_path)
    store.commit(create(range(3), JOE))
    shutil.copyfile(path, f"{path}.backup")
    store.commit([Delete(id_at(1))])
    return store


@pytest.mark.parametrize("mishap", MISHAPS)
def test_what_is_acknowledged_stays_wherever_the_file_went(
    tmp_path, store, path, commit, mishap, caplog
):
    commit(store, create([3]))
    mishap(path)
    assert commit(store, [*create([4], JOE), Delete(id_at(2))]) == [True, True]
    expected = contents(store)
    assert set(expected) == {id_at(n) for n in (0, 3, 4)}
    assert path.stat().st_nlink == 1
    assert path.stat().st_size == store.stat()["bytes"]
    told = [each.getMessage() for each in caplog.records if str(path) in each.getMessage()]
    assert len(told) == 1
    assert "rewritten from memory" in told[0]
    assert contents(reopened(store, tmp_path)) == expected


@pytest.mark.parametrize("mishap", MISHAPS)
def test_what_alters_nothing_is_not_acknowledged_either_before_the_file_is_back(
    tmp_path, store, path, mishap
):
    """A second logout of a cookie whose first one is in a file that was replaced."""
    mishap(path)
    assert store.commit([Delete(id_at(1))]) == [False]
    # As after kill -9.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copyfile(path, elsewhere / NAME)
    assert set(contents(open_file(elsewhere))) == {id_at(0), id_at(2)}


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("notice", ["expire", "revoke_user", "repair", "close"])
def test_an_idle_store_notices_at_the_next_occasion(tmp_path, store, path, mishap, notice):
    mishap(path)
    {
        "expire": lambda: store.expire(NOW, 10),
        "revoke_user": lambda: store.revoke_user("nobody", "realm1"),
        "repair": store.repair,
        "close": store.close,
    }[notice]()
    assert path.stat().st_nlink == 1
    store = reopened(store, tmp_path)
    assert set(contents(store)) == {id_at(0), id_at(2)}
    assert (store.stat()["damaged"], store.stat()["torn"]) == (0, 0)


def test_a_directory_that_was_moved_away_is_missed_until_it_is_back(tmp_path, commit):
    place = tmp_path / "data"
    place.mkdir()
    store = open_file(place)
    commit(store, create(range(3), JOE))
    place.rename(tmp_path / "elsewhere")
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=f"{NAME}"):
            commit(store, create([3]))
    (tmp_path / "elsewhere").rename(place)
    wait_for(lambda: _commits(store, create([4])))
    assert set(contents(reopened(store, place))) == {id_at(n) for n in (0, 1, 2, 4)}


def test_where_something_else_is_in_its_place_nothing_is_acknowledged(tmp_path, store, path):
    put_a_directory(path)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=f"{NAME}"):
            store.commit(create([3]))
    path.rmdir()
    wait_for(lambda: _commits(store, create([4])))
    assert set(contents(reopened(store, tmp_path))) == {id_at(n) for n in (0, 2, 4)}


def test_a_link_that_leads_elsewhere_now_is_no_way_to_lose_anything(tmp_path, commit):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / NAME).symlink_to(tmp_path / "one" / NAME)
    store = open_file(tmp_path)
    commit(store, create([1]))
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).symlink_to(tmp_path / "two" / NAME)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=f"{NAME}"):
            commit(store, create([2]))
    assert list((tmp_path / "two").iterdir()) == []
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).symlink_to(tmp_path / "one" / NAME)
    wait_for(lambda: _commits(store, create([3])))
    assert set(contents(reopened(store, tmp_path))) == {id_at(1), id_at(3)}


def test_a_file_with_a_second_name_gets_one_of_its_own_when_it_is_opened(tmp_path, store, path):
    store.close()
    os.link(path, tmp_path / "other")
    before = (tmp_path / "other").read_bytes()
    store = open_file(tmp_path)
    store.commit(create([5]))
    assert (tmp_path / "other").read_bytes() == before
    assert set(contents(reopened(store, tmp_path))) == {id_at(n) for n in (0, 2, 5)}


def test_a_file_taken_away_again_and_again_is_written_again_and_again(tmp_path, store, path):
    for number in range(10, 20):
        path.unlink()
        assert store.commit(create([number])) == [True]
    assert len(contents(reopened(store, tmp_path))) == 12


def _commits(store, changes) -> bool:
    try:
        return list(store.commit(changes)) == [True]
    except StoreUnavailable:
        return False


def test_a_lookup_goes_on_while_the_file_is_gone(tmp_path, store, path):
    path.unlink()
    assert store.load([id_at(0), id_at(1)]) == {id_at(0): cookie_at(0, JOE)}
    assert store.commit([Create(cookie_at(7))]) == [True]
