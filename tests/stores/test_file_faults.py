"""What the file store does when the disk, the place or another process is in its way."""

import errno
import os
import resource
import stat
import threading
from contextlib import suppress
from time import monotonic

import pytest

from cookietrack_plugin.errors import (
    ConfigError,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.stores.file.compaction import Compaction
from cookietrack_plugin.stores.file.provider import FileProvider
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

# Within which a store takes changes again once a fault is over.
SOON_S = 5


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


@pytest.fixture
def store(tmp_path):
    store = open_file(tmp_path)
    store.commit(create(range(3), JOE))
    return store


def fails(error):
    def fail(*args, **options):
        raise OSError(error, os.strerror(error))

    return fail


def fails_in_compactions(function, error):
    def maybe_fail(*args):
        if threading.current_thread().name == "cookietrack-compaction":
            raise OSError(error, os.strerror(error))
        return function(*args)

    return maybe_fail


@pytest.fixture
def limited():
    """Sets how large a file of this process may become."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size=soft):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    yield limit
    limit()


def test_a_commit_that_finds_no_room_leaves_everything_as_it_was(tmp_path, store, path, limited):
    before, content = contents(store), path.read_bytes()
    limited(len(content) + 300)
    with pytest.raises(StoreFull, match=f"{NAME} cannot be written: File too large"):
        store.commit([*create(range(3, 6)), Delete(id_at(0))])
    limited()
    assert contents(store) == before
    assert path.read_bytes() == content
    assert store.commit(create(range(3, 6))) == [True] * 3
    assert set(contents(reopened(store, tmp_path))) == {id_at(number) for number in range(6)}


def test_expired_records_that_could_not_be_deleted_are_deleted_later(store, path, limited):
    store.commit(create(range(3, 9), expires=NOW))
    limited(path.stat().st_size + 50)
    with pytest.raises(StoreFull):
        store.expire(NOW, 4)
    limited()
    assert len(contents(store)) == 9
    assert [store.expire(NOW, 4) for _ in range(3)] == [4, 2, 0]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_told_from_other_faults(store, monkeypatch, error):
    monkeypatch.setattr(os, "write", fails(error))
    with pytest.raises(StoreFull) as caught:
        store.commit(create([3]))
    assert caught.value.__cause__.errno == error


def test_a_write_that_fails_half_way_is_taken_back(tmp_path, store, path, monkeypatch):
    content, write = path.read_bytes(), os.write
    calls = []

    def stop_half_way(fd, data):
        calls.append(len(data))
        if len(calls) > 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return write(fd, data[:100])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", stop_half_way)
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            store.commit(create(range(3, 6)))
    assert path.read_bytes() == content
    assert store.commit(create([3])) == [True]
    assert len(contents(reopened(store, tmp_path))) == 4


def test_a_write_that_takes_several_calls_is_one_batch(tmp_path, store, monkeypatch):
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
        store.commit(create(range(3, 6)))
    assert len(contents(reopened(store, tmp_path))) == 6


def test_a_commit_that_could_not_be_flushed_did_not_happen(tmp_path, store, monkeypatch):
    before = contents(store)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails(errno.EIO))
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            store.commit([*create([3]), Delete(id_at(0))])
    assert contents(store) == before


def test_after_a_failed_flush_nothing_is_committed_until_the_file_is_rewritten(
    tmp_path, store, path, monkeypatch
):
    """The kernel may have dropped the data and call the next flush a success."""
    before, inode = contents(store), path.stat().st_ino
    compact_always(store)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails(errno.EIO))
        with pytest.raises(StoreUnavailable):
            store.commit([Delete(id_at(0))])
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="rewritten after a fault"):
                store.commit([Delete(id_at(0))])
        assert path.stat().st_ino == inode

    wait_for(lambda: _commits(store, [3]))
    assert path.stat().st_ino != inode
    assert set(contents(store)) == {*before, id_at(3)}
    assert set(contents(reopened(store, tmp_path))) == {*before, id_at(3)}


@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "rename"])
def test_after_a_long_fault_it_is_rewritten_within_seconds_though_nobody_asks(
    tmp_path, store, path, monkeypatch, caplog, call
):
    inode = path.stat().st_ino
    schedule = store._ledger._compactor._schedule
    # As many failures as hours of a fault have.
    for _ in range(100):
        schedule.failed(urgent=True)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails(errno.EIO))
        if call != "fdatasync":
            patched.setattr(os, call, fails_in_compactions(getattr(os, call), errno.EROFS))
        with pytest.raises(StoreUnavailable):
            store.commit([Delete(id_at(0))])
        wait_for(lambda: "cannot be compacted now" in caplog.text)
    over = monotonic()
    wait_for(lambda: path.stat().st_ino != inode)
    assert monotonic() - over < SOON_S
    wait_for(lambda: _commits(store, [4]))
    assert set(contents(reopened(store, tmp_path))) == {id_at(number) for number in (0, 1, 2, 4)}


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_fault_that_is_over_is_over_within_seconds(tmp_path, store, monkeypatch, call, error):
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails(error))
        for _ in range(5):
            with pytest.raises((StoreUnavailable, StoreFull)):
                store.commit([Delete(id_at(0))])
    over = monotonic()
    wait_for(lambda: _commits(store, [4]))
    assert monotonic() - over < SOON_S
    assert set(contents(reopened(store, tmp_path))) == {id_at(number) for number in (0, 1, 2, 4)}


@pytest.mark.parametrize("is_trusted", [True, False])
def test_where_no_thread_can_be_started_it_is_tried_again(
    tmp_path, store, monkeypatch, caplog, is_trusted
):
    compact_always(store)
    with monkeypatch.context() as patched:
        patched.setattr(Compaction, "start", cannot_start)
        if not is_trusted:
            patched.setattr(os, "fdatasync", fails(errno.EIO))
            with pytest.raises(StoreUnavailable):
                store.commit(create([3]))
        for _ in range(20):
            _commits(store, [3])
            _commits_deletion(store, 3)
        assert "cannot be compacted, next try in 0.0 s: can't start new thread" in caplog.text

    def has_compacted() -> bool:
        _commits(store, [3])
        _commits_deletion(store, 3)
        return store.stat()["compactions"] > 0

    wait_for(has_compacted)
    store.close()


def cannot_start(_: Compaction) -> None:
    raise RuntimeError("can't start new thread")


def _commits_deletion(store, number) -> None:
    with suppress(StoreUnavailable):
        store.commit([Delete(id_at(number))])


def test_a_partial_write_that_cannot_be_taken_back_is_not_trusted_either(
    tmp_path, store, monkeypatch
):
    compact_always(store)
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: write(fd, data[:7]) and fails(errno.ENOSPC)())
        patched.setattr(os, "ftruncate", fails(errno.EIO))
        with pytest.raises(StoreUnavailable, match="No space left"):
            store.commit(create([3]))
    wait_for(lambda: _commits(store, [4]))
    assert set(contents(reopened(store, tmp_path))) == {id_at(number) for number in (0, 1, 2, 4)}


def _commits(store, numbers) -> bool:
    try:
        return store.commit(create(numbers)) == [True] * len(numbers)
    except StoreUnavailable:
        return False


def test_a_commit_is_one_flush_however_many_changes_it_has(store, monkeypatch):
    flushes = []
    flush = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: flushes.append(fd) or flush(fd))
    monkeypatch.setattr(os, "fsync", lambda fd: flushes.append(fd))
    store.commit([*create(range(3, 203)), *[Delete(id_at(number)) for number in range(3)]])
    assert len(flushes) == 1
    store.expire(NOW * 2, 100)
    assert len(flushes) == 2


def test_a_commit_that_alters_nothing_writes_nothing(store, path):
    before = path.read_bytes()
    same = Authenticate(id_at(1), JOE, NOW)
    assert store.commit([same, *create([2]), Delete(id_at(9))]) == [True, False, False]
    assert store.commit([]) == []
    assert store.expire(NOW, 10) == 0
    assert path.read_bytes() == before


def test_what_is_read_at_opening_has_been_flushed(tmp_path, store, monkeypatch):
    """A process that was killed may have written what it did not come to flush."""
    store.close()
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}")))
    open_file(tmp_path)
    assert flushed == [str(tmp_path / NAME), str(tmp_path)]


def test_every_file_is_its_owners_alone(tmp_path, store, path):
    umask = os.umask(0)
    try:
        store.close()
        with open(path, "ab") as file:
            file.write(b"?\n")
        open_file(tmp_path)
    finally:
        os.umask(umask)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path, store, path):
    store.close()
    path.chmod(0o644)
    open_file(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_that_root_writes_anew_stays_its_owners(tmp_path, store, path):
    store.close()
    os.chown(path, 12345, 12346)
    with open(path, "ab") as file:
        file.write(b"?\n")
    open_file(tmp_path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_second_store_in_this_process_is_told_so(tmp_path, store):
    with pytest.raises(StoreLocked, match=rf"is in use by this process \(pid {os.getpid()}\)"):
        open_file(tmp_path)


def test_a_link_is_no_way_around_the_lock(tmp_path, store, path):
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(StoreLocked):
        open_file(tmp_path, filename="link")


def test_a_lock_file_whose_process_is_gone_or_unknown_locks_nothing(tmp_path, path):
    (tmp_path / f"{NAME}.lock").write_text("999999999\n")
    open_file(tmp_path).close()
    (tmp_path / f"{NAME}.lock").write_bytes(b"\xff")
    open_file(tmp_path)


def test_a_full_disk_does_not_keep_a_store_from_opening(tmp_path, store, monkeypatch):
    store.close()
    monkeypatch.setattr(os, "write", fails(errno.ENOSPC))
    monkeypatch.setattr(os, "pwrite", fails(errno.ENOSPC))
    assert len(contents(open_file(tmp_path))) == 3


def test_a_directory_in_the_files_place_is_no_cookie_file(tmp_path, path):
    path.mkdir()
    with pytest.raises(StoreCorrupt, match=f"{NAME} is a directory, and no cookie file"):
        open_file(tmp_path)


def test_a_pipe_in_the_files_place_is_no_cookie_file(tmp_path, path):
    os.mkfifo(path)
    with pytest.raises(StoreCorrupt, match="no regular file"):
        open_file(tmp_path)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(ConfigError, match=f"{tmp_path}/a/b cannot be used: No such file"):
        open_file(tmp_path, filename="a/b")


def test_a_place_where_nothing_can_be_written_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", fails(errno.EACCES))
    with pytest.raises(ConfigError, match=f"{NAME} cannot be used: Permission denied"):
        open_file(tmp_path)


def test_a_file_that_cannot_be_read_is_unavailable_and_not_locked(
    tmp_path, store, path, monkeypatch
):
    store.close()
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", fails(errno.EIO))
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            open_file(tmp_path)
    assert len(contents(open_file(tmp_path))) == 3


def test_an_absolute_filename_is_taken_as_it_is(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    open_file(tmp_path / "elsewhere", filename=str(tmp_path / "absolute.dat"))
    assert (tmp_path / "absolute.dat").exists()


def test_a_closed_store_is_unavailable(store):
    store.close()
    for call in (
        lambda: store.load([id_at(1)]),
        lambda: store.commit([Delete(id_at(1))]),
        lambda: store.expire(NOW, 1),
        lambda: list(records(store)),
        store.stat,
    ):
        with pytest.raises(StoreUnavailable, match="is closed"):
            call()


def test_a_closed_store_is_free_even_if_a_forked_process_has_its_lock_file_open(tmp_path, store):
    copy = os.dup(store._ledger._journal._guard._lock._fd)
    try:
        store.close()
        open_file(tmp_path)
    finally:
        os.close(copy)


def test_the_summary_says_what_it_is_for():
    assert "Crossbar" in FileProvider.summary
