"""What stands under the names of an lmdb store's files, where it is not the store's own."""

import os
import shutil
import stat
from contextlib import closing
from tempfile import mkstemp

import lmdb
import pytest

from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.samples import make_cookie, make_id

PLACE = {"type": "lmdb", "path": "cookies"}
NAMES = ["data.mdb", "lock.mdb"]
FOREIGN = b"somebody else's"

opens = pytest.mark.parametrize(
    "open_store", [LmdbProvider().open, LmdbProvider().open_readonly], ids=["a node", "a look"]
)


@pytest.fixture
def place(tmp_path):
    """A store with a record, which nobody has open."""
    with closing(LmdbProvider().open(PLACE, str(tmp_path))) as store:
        store.commit([Create(make_cookie(1))])
    return tmp_path / "cookies"


def refusal(open_store, place):
    with pytest.raises(ConfigError) as caught:
        open_store(PLACE, str(place.parent)).close()
    return str(caught.value)


def state(file):
    return file.read_bytes(), file.stat().st_mode, file.stat().st_mtime_ns


@opens
@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_behind_a_link_is_left_as_it_is(place, open_store, link, name):
    other = place.with_name("other")
    other.write_bytes(FOREIGN)
    other.chmod(0o644)
    before = state(other)
    (place / name).unlink()
    link(other, place / name)
    kind = "a symbolic link" if link is os.symlink else "a hard link"
    assert refusal(open_store, place).startswith(f"{place / name} is {kind}")
    assert state(other) == before


@opens
@pytest.mark.parametrize("name", NAMES)
def test_a_link_to_nothing_makes_nothing(place, open_store, name):
    (place / name).unlink()
    (place / name).symlink_to(place.with_name("other"))
    assert "is a symbolic link" in refusal(open_store, place)
    assert not place.with_name("other").exists()


@opens
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_refused_at_once(place, open_store, make, name):
    (place / name).unlink()
    make(place / name)
    assert f"{place / name} is no regular file" in refusal(open_store, place)


@opens
@pytest.mark.parametrize("name", NAMES)
def test_the_name_under_which_a_file_was_made_is_no_other_one(place, open_store, name):
    """A process that was killed while it made the file has left it."""
    descriptor, draft = mkstemp(dir=place)
    os.close(descriptor)
    os.unlink(draft)
    os.link(place / name, draft)
    with closing(open_store(PLACE, str(place.parent))) as store:
        assert store.load([make_id(1)])
    assert not os.path.exists(draft)


@pytest.mark.parametrize("name", NAMES)
def test_a_link_to_a_copy_is_not_the_file_that_was_opened(open_lmdb, place, name):
    """A writer that begins does not write to it."""
    store = open_lmdb(writer_process=True)
    other = place.with_name("other")
    shutil.copy2(place / name, other)
    before = state(other)
    (place / name).rename(place.with_name("kept"))
    (place / name).symlink_to(other)
    with pytest.raises(StoreUnavailable, match="is not the file that was opened"):
        store.commit([Create(make_cookie(2))])
    assert state(other) == before


def test_another_programs_files_keep_their_mode(tmp_path):
    place = tmp_path / "cookies"
    with closing(lmdb.open(str(place))) as env, env.begin(write=True) as txn:
        txn.put(b"key", b"value")
    for name in NAMES:
        (place / name).chmod(0o664)
    with pytest.raises(StoreCorrupt, match="something else"):
        LmdbProvider().open(PLACE, str(tmp_path))
    assert [stat.S_IMODE((place / name).stat().st_mode) for name in NAMES] == [0o664] * 2
