"""Whose the files of an lmdb store are, and what is said where they are somebody else's."""

import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.samples import make_cookie, make_id

NODE, OTHER = 65533, 65534
PLACE = {"type": "lmdb", "path": "cookies", "writer_process": False}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def modes(place):
    return {stat.S_IMODE((place / name).stat().st_mode) for name in ("data.mdb", "lock.mdb")}


def test_files_that_were_restored_for_all_to_read_are_private_again(open_lmdb, tmp_path):
    open_lmdb().close()
    for name in ("data.mdb", "lock.mdb"):
        (tmp_path / "cookies" / name).chmod(0o644)
    with closing(LmdbProvider().open_readonly(PLACE, str(tmp_path))):
        assert modes(tmp_path / "cookies") == {0o644}
    open_lmdb()
    assert modes(tmp_path / "cookies") == {0o600}


@pytest.fixture
def node_dir():
    """A directory that is the user NODE's, and can be seen by all."""
    with TemporaryDirectory() as path:
        os.chmod(path, 0o711)  # noqa: S103 - for the users of this test to come in
        if os.geteuid() == 0:
            os.chown(path, NODE, NODE)
        yield Path(path)


def run_as(user, function, *args):
    """The result of `function` in a process of that user; what is raised there is raised here."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            os.setgroups([])
            os.setegid(user)
            os.seteuid(user)
            answer = function(*args)
        except BaseException as error:  # noqa: BLE001 - it is raised again
            answer = error
        os.write(writing, pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def use(open_store, node_dir):
    with closing(open_store(PLACE, str(node_dir))) as store:
        return store.load([make_id(1)])


def make(node_dir):
    with closing(LmdbProvider().open(PLACE, str(node_dir))) as store:
        return store.commit([Create(make_cookie(1))])


@as_root
@pytest.mark.parametrize("open_store", [LmdbProvider().open, LmdbProvider().open_readonly])
@pytest.mark.parametrize("closed", ["", "data.mdb", "lock.mdb"], ids=["all", "data", "locks"])
def test_a_store_of_somebody_else_is_not_said_to_be_absent(node_dir, open_store, closed):
    make(node_dir)
    place = node_dir / "cookies"
    for file in (place, place / "data.mdb", place / "lock.mdb"):
        if closed and file != place / closed:
            os.chown(file, OTHER, OTHER)
    with pytest.raises(ConfigError) as caught:
        run_as(OTHER, use, open_store, node_dir)
    assert str(caught.value).startswith(f"permission denied, {place / closed} belongs to root with")
    assert f": as root chown -R {NODE} {place}, then run the command as" in str(caught.value)


@as_root
def test_a_directory_above_that_is_closed_is_named(node_dir):
    run_as(NODE, make, node_dir)
    node_dir.chmod(0o700)
    with pytest.raises(ConfigError, match=rf"permission denied, {node_dir} belongs to user {NODE}"):
        run_as(OTHER, use, LmdbProvider().open_readonly, node_dir)


def test_a_store_that_is_not_there_is_said_to_be_absent(node_dir):
    with pytest.raises(StoreUnavailable, match=r"there is no cookie store: .* does not exist"):
        use(LmdbProvider().open_readonly, node_dir)


@as_root
def test_what_root_makes_in_a_directory_is_its_owners(node_dir):
    (node_dir / "cookies").mkdir()
    os.chown(node_dir / "cookies", NODE, NODE)
    make(node_dir)
    assert run_as(NODE, use, LmdbProvider().open, node_dir).keys() == {make_id(1)}


@as_root
def test_a_look_by_root_keeps_no_node_out(node_dir):
    """A restored store has no lock file: who comes first makes it."""
    run_as(NODE, make, node_dir)
    (node_dir / "cookies/lock.mdb").unlink()
    assert use(LmdbProvider().open_readonly, node_dir)
    assert run_as(NODE, use, LmdbProvider().open, node_dir)


def test_a_look_beside_a_node_that_starts_keeps_it_from_nothing(tmp_path, start_lmdb, open_lmdb):
    for round in range(10):
        path = f"cookies{round}"
        node = start_lmdb(path=path, purge_on_startup=True)
        with ThreadPoolExecutor(2) as threads:
            opening = threads.submit(node.open)
            while not opening.done():
                try:
                    provider = LmdbProvider()
                    provider.open_readonly({**PLACE, "path": path}, str(tmp_path)).close()
                except StoreUnavailable as error:
                    if "there is no cookie store" not in str(error):
                        raise
            opening.result()
        assert node.call("commit", [Create(make_cookie(round))]) == [True]


def test_a_look_does_not_keep_a_node_from_purging(tmp_path, start_lmdb, open_lmdb):
    store = open_lmdb()
    store.commit([Create(make_cookie(1))])
    store.close()
    with closing(LmdbProvider().open_readonly(PLACE, str(tmp_path))) as look:
        assert look.load([make_id(1)])
        node = start_lmdb(purge_on_startup=True)
        node.open()
        assert node.call("stat")["cookies"] == 0
        assert look.load([make_id(1)]) == {}
