"""The lmdb store whose files are taken away, replaced, cut or restored while it is open."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import mapping as lmdb_mapping
from cookietrack_plugin.stores.lmdb import writer
from cookietrack_plugin.stores.lmdb.tables import Tables
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from tests.support.node import wait_for

FIRST, SECOND = Create(make_cookie(1, make_auth())), Create(make_cookie(2, make_auth()))


@pytest.fixture(params=[True, False], ids=["by a child", "by itself"])
def store(open_lmdb, request, monkeypatch):
    """With two records; it looks at its place before each look-up."""
    monkeypatch.setattr(lmdb_mapping, "_LOOK_S", 0.0)
    store = open_lmdb(writer_process=request.param)
    store.commit([FIRST, SECOND])
    return store


def end_writers():
    """Kill the process that writes, where there is one."""
    for child in psutil.Process().children():
        if writer.__name__ in " ".join(child.cmdline()):
            child.kill()
            wait_for(lambda child=child: child.status() == psutil.STATUS_ZOMBIE, "its end")


def move_away(place):
    place.rename(place.with_name("moved"))
    return lambda: (
        shutil.rmtree(place, ignore_errors=True),
        place.with_name("moved").rename(place),
    )


def restore_a_copy(place):
    back = move_away(place)
    shutil.copytree(place.with_name("moved"), place)
    return back


def empty_directory(place):
    back = move_away(place)
    place.mkdir()
    return back


def swap_symlink(place):
    """What stood at the path becomes one of two targets of a symbolic link, and then the other."""
    back = move_away(place)
    other = place.with_name("other")
    shutil.copytree(place.with_name("moved"), other)
    place.symlink_to(other)

    def undo():
        place.unlink()
        back()

    return undo


def remove(name):
    def remove(place):
        (place / name).rename(place.with_name("kept"))
        return lambda: place.with_name("kept").rename(place / name)

    return remove


def replace(name):
    def replace(place):
        shutil.copy2(place / name, place.with_name("copy"))
        (place / name).rename(place.with_name("kept"))
        place.with_name("copy").rename(place / name)
        return lambda: place.with_name("kept").replace(place / name)

    return replace


TAKEN = {
    "the directory moved away": move_away,
    "and a copy restored": restore_a_copy,
    "and an empty one made": empty_directory,
    "a symbolic link swapped": swap_symlink,
    "data.mdb removed": remove("data.mdb"),
    "data.mdb replaced": replace("data.mdb"),
    "lock.mdb removed": remove("lock.mdb"),
    "lock.mdb replaced": replace("lock.mdb"),
}
TOLD = r"cookies/(data|lock)\.mdb (is no longer there|is not the file that was opened)"
CALLS = {
    "a login": lambda store: store.commit([Create(make_cookie(3))]),
    "a logout": lambda store: store.commit([Delete(make_id(1))]),
    "a look-up": lambda store: store.load([make_id(1)]),
    "a sweep": lambda store: store.expire(1, 1),
    "a revocation": lambda store: store.revoke_user("joe", None),
    "a scan": lambda store: list(records(store)),
    "the feed": lambda store: store.revoked_since(0),
}


@pytest.mark.parametrize("killed", [False, True], ids=["", "and its writer killed"])
@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN)
def test_a_place_that_is_taken_away_is_noticed_and_goes_on_when_it_is_back(
    store, tmp_path, take, killed
):
    if killed:
        end_writers()
    put_back = take(tmp_path / "cookies")
    for call in CALLS.values():
        with pytest.raises(StoreUnavailable, match=TOLD):
            call(store)
    put_back()
    assert set(store.load([make_id(n) for n in range(5)])) == {make_id(1), make_id(2)}
    assert store.commit([Delete(make_id(1)), Create(make_cookie(3))]) == [True, True]
    assert store.revoke_user("joe", None) == 1


def test_a_place_that_is_taken_away_before_the_first_write_is_noticed(open_lmdb, tmp_path):
    open_lmdb(writer_process=True).close()
    store = open_lmdb(writer_process=True)
    put_back = restore_a_copy(tmp_path / "cookies")
    with pytest.raises(StoreUnavailable, match=TOLD):
        store.commit([FIRST])
    put_back()
    assert store.commit([FIRST]) == [True]


def test_what_is_begun_on_a_place_that_was_taken_away_is_not_acknowledged(open_lmdb, tmp_path):
    store = open_lmdb(writer_process=True)
    store.commit([FIRST])
    put_back = restore_a_copy(tmp_path / "cookies")
    if store.begin([Delete(make_id(1))]):
        wait_for(lambda: is_answered(store), "the answer")
    put_back()
    assert store.load([make_id(1)])


def is_answered(store):
    try:
        return store.finish() is not None and pytest.fail("it was acknowledged")
    except StoreUnavailable:
        return True


def test_a_look_up_finds_out_within_a_moment(open_lmdb, tmp_path):
    store = open_lmdb()
    store.commit([FIRST])
    restore_a_copy(tmp_path / "cookies")

    def refuses():
        try:
            return not store.load([make_id(1)])
        except StoreUnavailable:
            return True

    wait_for(refuses, "its refusal")


def test_an_older_copy_written_over_the_file_is_noticed(store, tmp_path):
    """As `cp` does: it is the same file, and what was logged out since is in it."""
    data = tmp_path / "cookies/data.mdb"
    backup = data.read_bytes()
    store.commit([Delete(make_id(1))])
    store.commit([Delete(make_id(2))])
    with data.open("r+b") as file:
        file.write(backup)
    for call in CALLS.values():
        with pytest.raises(StoreUnavailable, match="is older than what was read from it"):
            call(store)


CUTS = {"emptied": 0, "within a page": 5_000, "after the metas": 8_192, "a page short": -4_096}


@pytest.mark.parametrize("length", CUTS.values(), ids=CUTS)
def test_a_file_that_is_cut_kills_nobody_and_goes_on_when_it_is_whole(open_lmdb, tmp_path, length):
    store = open_lmdb(writer_process=True)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(500)])
    data = tmp_path / "cookies/data.mdb"
    whole = data.read_bytes()
    used = store._environment.used_bytes()
    os.truncate(data, length if length >= 0 else used + length)
    for call in CALLS.values():
        with pytest.raises(StoreUnavailable, match=r"cookies/data\.mdb .*bytes"):
            call(store)
    data.write_bytes(whole)
    assert len(store.load([make_id(n) for n in range(500)])) == 500
    assert store.commit([Delete(make_id(1))]) == [True]


@pytest.mark.parametrize("length", [0, 4_096], ids=["emptied", "after its head"])
@pytest.mark.parametrize("apart", [True, False], ids=["by a child", "by itself"])
def test_a_lock_file_that_is_cut_kills_nobody(start_lmdb, tmp_path, length, apart):
    """In a process of its own, which would die of it, also while it closes."""
    process = start_lmdb(writer_process=apart)
    process.open()
    assert process.call("commit", [FIRST]) == [True]
    os.truncate(tmp_path / "cookies/lock.mdb", length)
    for call in [("commit", [SECOND]), ("expire", 1, 1), ("revoke_user", "joe", None)]:
        with pytest.raises(StoreUnavailable, match=r"lock\.mdb was cut to"):
            process.call(*call)
    process.call("close")
    process.open()
    assert process.call("load", [make_id(n) for n in (1, 2)]).keys() == {make_id(1)}


def test_a_look_up_notices_a_lock_file_that_is_cut(store, tmp_path):
    os.truncate(tmp_path / "cookies/lock.mdb", 0)
    for call in CALLS.values():
        with pytest.raises(StoreUnavailable, match=r"lock\.mdb was cut to 0 of"):
            call(store)


def test_a_lock_file_that_was_emptied_and_filled_is_nothing_to_go_by(store, tmp_path):
    """As by another process that closes the store: a commit would be lost."""
    (lock := tmp_path / "cookies/lock.mdb").write_bytes(bytes(lock.stat().st_size))
    with pytest.raises(StoreUnavailable, match=r"lock\.mdb was emptied"):
        store.commit([Create(make_cookie(3))])
    for name in ("a look-up", "a scan", "the feed"):
        with pytest.raises(StoreUnavailable):
            CALLS[name](store)


@pytest.mark.parametrize("zeros", [0, 20_000])
def test_a_store_that_is_emptied_before_the_first_write_is_not_made_anew(
    open_lmdb, start_lmdb, tmp_path, zeros
):
    open_lmdb(writer_process=True).close()
    store = open_lmdb(writer_process=True)
    (data := tmp_path / "cookies/data.mdb").write_bytes(bytes(zeros))
    with pytest.raises(StoreUnavailable, match=r"data\.mdb was (emptied|cut)"):
        store.commit([SECOND])
    with pytest.raises(StoreUnavailable, match=r"data\.mdb was emptied"):
        start_lmdb().open()
    assert data.read_bytes() == bytes(zeros)


def test_a_writer_that_dies_of_a_signal_says_of_which_and_takes_nobody_along(open_lmdb, caplog):
    store = open_lmdb(writer_process=True)
    store.commit([FIRST])
    with pytest.raises(StoreUnavailable, match=r"writes .*cookies has ended"):
        store._environment.write(2**20, False, Tables.stat, Deadly())
    assert any("died of SIGBUS" in line for line in caplog.messages)
    assert store.load([make_id(1)])
    assert store.commit([SECOND]) == [True]


class Deadly:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGBUS,)


def test_two_processes_never_write_past_each_other_after_the_lock_file_is_gone(
    open_lmdb, start_lmdb, tmp_path
):
    ours = open_lmdb()
    ours.commit([FIRST])
    (tmp_path / "cookies/lock.mdb").unlink()
    other = start_lmdb()
    other.open()
    assert other.call("commit", [SECOND]) == [True]
    with pytest.raises(StoreUnavailable, match=r"lock\.mdb is not the file that was opened"):
        ours.commit([Create(make_cookie(3))])
    assert other.call("commit", [Create(make_cookie(4))]) == [True]
    ours.close()
    assert {each.id for each in records(open_lmdb())} == {make_id(n) for n in (1, 2, 4)}


# Readers' slots.


HOLD_ALL = """if True:
    import os, signal, sys, lmdb
    env = lmdb.open(sys.argv[1], max_dbs=8)
    held = []
    try:
        while True:
            held.append(env.begin())
    except lmdb.ReadersFullError:
        if sys.argv[2] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        print("full", flush=True)
        sys.stdin.read()
"""


def hold_all(place, what):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD_ALL, place, what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_slots_of_killed_readers_are_free_at_once(store, start_lmdb, tmp_path):
    with hold_all(tmp_path / "cookies", "die"):
        pass
    assert store.load([make_id(1)])


def test_slots_of_killed_readers_keep_nobody_from_opening(open_lmdb, start_lmdb, tmp_path):
    store = open_lmdb(writer_process=True)
    with hold_all(tmp_path / "cookies", "die"):
        pass
    process = start_lmdb()
    with ThreadPoolExecutor(1) as thread:
        opening = thread.submit(process.open)
        # As a node does, which follows its feed.
        wait_for(lambda: store.revoked_since(None) and opening.done(), "its place")
        opening.result()
    assert process.call("stat")["cookies"] == 0
    with hold_all(tmp_path / "cookies", "die"):
        pass
    assert store.commit([FIRST]) == [True]


def test_where_living_readers_have_all_slots_the_store_is_unavailable_for_as_long(
    store, start_lmdb, tmp_path
):
    with hold_all(tmp_path / "cookies", "live") as holder:
        assert holder.stdout.readline() == b"full\n"
        with pytest.raises(StoreUnavailable, match="MDB_READERS_FULL"):
            start_lmdb().open()
        holder.stdin.close()
        holder.wait()
    process = start_lmdb()
    process.open()
    assert store.load([make_id(1)])
