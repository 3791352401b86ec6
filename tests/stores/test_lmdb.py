"""The lmdb store: the kit's suite, its options, the places that it takes, and what lies in them."""

import os
import stat
from contextlib import suppress

import lmdb
import pytest
from attrs import evolve
from zope.interface.verify import verifyClass

from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IRevocationFeed
from cookietrack_plugin.record import Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb.batch import prepare
from cookietrack_plugin.stores.lmdb.keys import key_of
from cookietrack_plugin.stores.lmdb.store import LmdbProvider, LmdbStore
from cookietrack_plugin.testing import DurableStoreSuite
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

PLACE = {"type": "lmdb", "path": "cookies"}


class TestLmdbStore(DurableStoreSuite):
    provider = LmdbProvider
    options = {**PLACE, "maxsize": 2**30, "sync": True, "purge_on_startup": False}
    cramped_options = {**PLACE, "maxsize": 2**22}
    wrong_options = (
        ("path", {"type": "lmdb"}),
        ("path", {**PLACE, "path": ""}),
        ("path", {**PLACE, "path": "a\0b"}),
        ("maxsize", {**PLACE, "maxsize": 2**20 - 1}),
        ("maxsize", {**PLACE, "maxsize": 2**46 + 1}),
        ("maxsize", {**PLACE, "maxsize": "1 GB"}),
        ("sync", {**PLACE, "sync": 0}),
        ("purge_on_startup", {**PLACE, "purge_on_startup": "no"}),
        ("writer_process", {**PLACE, "writer_process": "yes"}),
        ("paht", {**PLACE, "paht": "x"}),
    )

    def damage(self, options, node_dir, id):
        overwrite(node_dir / "cookies", b"records", key_of(id), b"\1damaged")

    def plant(self, options, node_dir):
        overwrite(node_dir / "cookies", b"theirs", b"key", b"value")


def overwrite(path, db, key, value):
    with lmdb.open(str(path), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(key, value, db=env.open_db(db, txn=txn))


@pytest.fixture
def store(open_lmdb):
    return open_lmdb()


def test_the_classes_have_what_the_interfaces_demand():
    verifyClass(ICookieStoreProvider, LmdbProvider)
    verifyClass(ICookieStore, LmdbStore)
    verifyClass(IRevocationFeed, LmdbStore)


def test_look_ups_wait_for_nothing_and_commits_wait_for_the_disk(store):
    assert (store.reads_block, store.commits_block) == (False, True)


def test_the_smallest_and_the_largest_maxsize_are_allowed():
    for maxsize in (2**20, 2**46):
        LmdbProvider().check({**PLACE, "maxsize": maxsize})


def test_a_wrong_maxsize_is_told_with_its_limits():
    with pytest.raises(ConfigError) as caught:
        LmdbProvider().check({**PLACE, "maxsize": 5})
    assert str(caught.value) == (
        '"maxsize" in the store item: expected '
        "a number of bytes from 1048576 to 70368744177664, found 5"
    )


def test_nobody_else_may_read_the_files(store, tmp_path):
    place = tmp_path / "cookies"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o600}


def test_missing_directories_above_are_made(open_lmdb, tmp_path):
    open_lmdb(path="a/b/c")
    assert (tmp_path / "a/b/c/data.mdb").exists()


def test_an_absolute_path_is_not_below_the_node_directory(open_lmdb, tmp_path):
    open_lmdb(path=str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere/data.mdb").exists()


def refusal(open_lmdb, error, **options):
    with pytest.raises(error) as caught:
        open_lmdb(**options)
    return str(caught.value)


def test_a_file_in_the_place_of_the_directory_is_refused(open_lmdb, tmp_path):
    (tmp_path / "cookies").write_text("something")
    message = refusal(open_lmdb, StoreCorrupt)
    assert message == (
        f'{tmp_path}/cookies is no directory, and an lmdb store is one: choose another "path"'
    )


def test_a_directory_that_cannot_be_made_is_wrong(open_lmdb):
    # Not even root can make one there.
    message = refusal(open_lmdb, ConfigError, path="/proc/self/cookies")
    assert "/proc/self" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_unavailable(open_lmdb, tmp_path):
    (tmp_path / "cookies").mkdir(mode=0o500)
    assert str(tmp_path / "cookies") in refusal(open_lmdb, StoreUnavailable)


@pytest.mark.parametrize(
    "garbage",
    [b"x", b"garbage" * 10, b"garbage" * 10_000, bytes(99_999) + b"\1", os.urandom(8192)],
    ids=["a byte", "a line", "a lot", "zeros and a bit", "noise"],
)
def test_a_damaged_data_file_is_refused_with_what_to_do(open_lmdb, tmp_path, garbage):
    (tmp_path / "cookies").mkdir()
    (tmp_path / "cookies/data.mdb").write_bytes(garbage)
    message = refusal(open_lmdb, StoreCorrupt)
    assert message.startswith(f"{tmp_path}/cookies holds no LMDB environment that can be read (")
    assert message.endswith('move it away, or choose another "path"')
    assert (tmp_path / "cookies/data.mdb").read_bytes() == garbage


@pytest.fixture(scope="module")
def metas(tmp_path_factory):
    """The first two pages of an environment in which nothing was stored yet."""
    place = tmp_path_factory.mktemp("unused")
    lmdb.open(str(place)).close()
    return (place / "data.mdb").read_bytes()


NEVER_USED = {
    "empty": lambda metas: b"",
    "a byte": lambda metas: b"\0",
    "less than a page": lambda metas: bytes(4_095),
    "a page": lambda metas: bytes(4_096),
    "less than both metas": lambda metas: bytes(8_191),
    "both metas": lambda metas: bytes(8_192),
    "and more": lambda metas: bytes(3_000_000),
    "the first meta alone": lambda metas: metas[:4_096],
    "the second one lost": lambda metas: metas[:4_096] + bytes(20_000),
    "the first one lost": lambda metas: bytes(4_096) + metas[4_096:],
}


@pytest.mark.parametrize("make", NEVER_USED.values(), ids=NEVER_USED)
def test_what_a_power_cut_leaves_of_a_file_that_was_never_used_is_made_anew(
    open_lmdb, tmp_path, metas, make
):
    (tmp_path / "cookies").mkdir()
    (tmp_path / "cookies/data.mdb").write_bytes(make(metas))
    with pytest.raises(StoreUnavailable, match=r"there is no cookie store: .*data\.mdb is empty"):
        LmdbProvider().open_readonly(PLACE, str(tmp_path))
    store = open_lmdb()
    assert store.commit([Create(make_cookie())]) == [True]
    assert list(store.damaged()) == []


@pytest.mark.parametrize("lost", [0, 1], ids=["the first meta", "the second meta"])
def test_a_store_that_was_used_is_not_taken_for_a_new_one(open_lmdb, tmp_path, lost):
    store = open_lmdb()
    store.commit([Create(make_cookie(1))])
    store.close()
    data = bytearray((tmp_path / "cookies/data.mdb").read_bytes())
    data[4_096 * lost : 4_096 * (lost + 1)] = bytes(4_096)
    (tmp_path / "cookies/data.mdb").write_bytes(data)
    with suppress(StoreCorrupt):
        open_lmdb()
    assert (tmp_path / "cookies/data.mdb").read_bytes() == data


def test_zeros_that_somebody_has_open_are_not_made_anew(open_lmdb, start_lmdb, tmp_path):
    """They are what is left of a store that is in use, and its workers find out for themselves."""
    process = start_lmdb()
    process.open()
    data = tmp_path / "cookies/data.mdb"
    zeros = bytes(data.stat().st_size)
    data.write_bytes(zeros)
    assert "data.mdb was emptied while it was open" in refusal(open_lmdb, StoreUnavailable)
    assert data.read_bytes() == zeros


def test_a_place_that_was_refused_can_be_used_once_it_is_cleared(open_lmdb, tmp_path):
    (tmp_path / "cookies").mkdir()
    (tmp_path / "cookies/data.mdb").write_bytes(b"garbage" * 10_000)
    refusal(open_lmdb, StoreCorrupt)
    (tmp_path / "cookies/data.mdb").unlink()
    assert open_lmdb().stat()["cookies"] == 0


def test_another_programs_environment_is_refused_and_left_as_it_is(open_lmdb, tmp_path):
    overwrite(tmp_path / "cookies", b"theirs", b"key", b"value")
    before = (tmp_path / "cookies/data.mdb").read_bytes()
    message = refusal(open_lmdb, StoreCorrupt)
    assert message == (
        f"{tmp_path}/cookies holds an LMDB environment of something else, such as Crossbar's own"
        ' `database` store: choose another "path"'
    )
    assert (tmp_path / "cookies/data.mdb").read_bytes() == before


def test_the_environment_of_crossbars_own_database_store_is_refused(open_lmdb, tmp_path):
    zlmdb = pytest.importorskip("zlmdb")
    database = zlmdb.Database(str(tmp_path / "cookies"), maxsize=2**20, readonly=False)
    with database, database.begin(write=True) as txn:
        txn.put(b"\0" * 2, b"theirs")
    assert str(tmp_path / "cookies") in refusal(open_lmdb, StoreCorrupt)


@pytest.mark.parametrize("found", [b"3", b"10"])
def test_a_newer_format_is_refused_and_says_so(open_lmdb, tmp_path, found):
    open_lmdb().close()
    overwrite(tmp_path / "cookies", None, b"cookietrack", found)
    assert refusal(open_lmdb, StoreCorrupt) == (
        f"{tmp_path}/cookies holds a cookie store of format {found.decode()}, and this version"
        " reads up to 2: upgrade cookietrack-plugin"
    )


def test_a_copy_that_ends_early_is_refused_and_kills_nobody(open_lmdb, tmp_path):
    store = open_lmdb(sync=False)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(1_000)])
    # Behind that there is only what is kept for deletions.
    whole = (tmp_path / "cookies/data.mdb").read_bytes()[: store._environment.used_bytes()]
    (tmp_path / "copy").mkdir()
    for pages in range(2, len(whole) // 4096):
        (tmp_path / "copy/data.mdb").write_bytes(whole[: pages * 4096])
        assert refusal(open_lmdb, StoreCorrupt, path="copy") == (
            f"{tmp_path}/copy lacks the last {len(whole) - pages * 4096} bytes of its data.mdb,"
            " as an incomplete copy does: replace it by a complete one, or move it away"
        )


def test_a_store_that_gave_back_its_last_pages_is_not_taken_for_incomplete(open_lmdb):
    big = Create(make_cookie(1, make_auth(authextra={"text": "x" * 500_000})))

    def come_and_go(tables, txn):
        tables.apply(txn, prepare([big]))
        tables.apply(txn, prepare([Delete(make_id(1))]))

    store = open_lmdb()
    for number in range(2, 5):
        store.commit([Create(make_cookie(number))])
    store._environment.write(2**30, False, come_and_go)
    store.close()
    assert len(list(records(open_lmdb()))) == 3


def named(id):
    return evolve(make_cookie(), id=id)


NO_IDS = {
    "empty": "",
    "short": make_id(1)[:-1],
    "long": make_id(1) + "A",
    "fifteen bytes": "A" * 20,
    "a line": make_id(1) + "\n",
    "indented": " " + make_id(1),
    "plain base64": "+" * 24,
    "padding": "=" * 24,
    "no ASCII": "é" * 24,
    "no Unicode": "\ud800" * 24,
    "NUL": "\0" * 24,
    "more than a key of LMDB": "A" * 2_000,
    "a letter": "é",
    "half a surrogate pair": "\udcff",
    "one NUL": "\0",
}


@pytest.mark.parametrize("text", NO_IDS.values(), ids=NO_IDS)
def test_a_text_that_is_no_id_is_no_record(store, text):
    store.commit([Create(make_cookie(1))])
    assert store.load([text, make_id(1)]) == {make_id(1): make_cookie(1)}
    assert store.commit([Delete(text)]) == [False]
    nobodys = [Touch(text, NOW, NOW, None, None), Authenticate(text, make_auth(), NOW)]
    assert store.commit(nobodys) == [False, False]
    with pytest.raises(ValueError, match="24 characters of base64url"):
        store.commit([Delete(make_id(1)), Create(named(text))])
    assert list(records(store)) == [make_cookie(1)]


def test_ids_that_differ_in_the_alphabet_alone_are_two(store):
    store.commit([Create(named("-" * 24)), Create(named("_" * 24))])
    assert store.load(["-" * 24, "_" * 24, "+" * 24, "/" * 24]).keys() == {"-" * 24, "_" * 24}
