"""A cookie file that is looked at: as it is, ours or Crossbar's, and without a trace."""

import pytest
from zope.interface.verify import verifyClass, verifyObject

from cookietrack_plugin.errors import StoreCorrupt, StoreLocked, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, IReadOnlyProvider, IVerifiable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.file.encoding import to_key
from cookietrack_plugin.stores.file.lines import write_line
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.stores.file.store import FileStore
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id

OPTIONS = {"type": "file", "filename": "cookies.dat"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cookies.dat"


@pytest.fixture
def look(tmp_path):
    """Opens the file for reading; closed in the end."""
    opened = []

    def look():
        opened.append(FileProvider().open_readonly(OPTIONS, str(tmp_path)))
        return opened[-1]

    yield look
    for snapshot in opened:
        snapshot.close()


@pytest.fixture
def store(tmp_path):
    store = FileProvider().open(OPTIONS, str(tmp_path))
    yield store
    store.close()


@pytest.fixture
def filled(store, path):
    """Five users, of whom one was deleted."""
    store.commit([Create(make_cookie(n, make_auth(f"user{n}"))) for n in range(5)])
    store.commit([Delete(make_id(2))])
    store.close()
    return path


def test_the_powers_are_what_the_interfaces_demand(filled, look):
    verifyObject(IReadOnlyProvider, FileProvider())
    verifyObject(ICookieStore, look())
    verifyObject(IVerifiable, look())
    verifyClass(IVerifiable, FileStore)


def test_it_has_the_records_that_the_store_has(filled, look):
    snapshot = look()
    expected = {make_id(n): make_cookie(n, make_auth(f"user{n}")) for n in (0, 1, 3, 4)}
    assert {cookie.id: cookie for cookie in records(snapshot)} == expected
    assert dict(snapshot.load([make_id(1), make_id(2)])) == {make_id(1): expected[make_id(1)]}
    assert [cookie.id for cookie in records(snapshot, authid="user3")] == [make_id(3)]
    assert list(records(snapshot, authid="user3", authrealm="elsewhere")) == []
    assert (snapshot.stat()["cookies"], snapshot.stat()["bytes"]) == (4, filled.stat().st_size)


def test_nothing_is_written_not_even_a_lock(filled, look):
    (filled.parent / "cookies.dat.lock").unlink()
    before = filled.read_bytes()
    list(look().damaged())
    assert [each.name for each in filled.parent.iterdir()] == ["cookies.dat"]
    assert filled.read_bytes() == before


def test_it_cannot_be_altered(filled, look):
    snapshot = look()
    for alter in (lambda: snapshot.commit([]), lambda: snapshot.expire(0, 1), snapshot.repair):
        with pytest.raises(StoreUnavailable, match="for reading alone"):
            alter()


def test_a_store_that_somebody_has_open_says_who(store, look):
    with pytest.raises(StoreLocked, match="in use by"):
        look()


def test_a_node_can_start_and_write_while_its_file_is_looked_at(filled, look, tmp_path):
    snapshot = look()
    store = FileProvider().open(OPTIONS, str(tmp_path))
    store.commit([Create(make_cookie(7))])
    store.close()
    assert len(list(records(snapshot))) == 4


def test_a_foreign_file_and_none_are_told(path, look):
    with pytest.raises(StoreUnavailable, match=r"cookies\.dat"):
        look()
    path.write_text("Dear Sir or Madam\n")
    with pytest.raises(StoreCorrupt, match="is no cookie file"):
        look()


def test_lines_that_cannot_be_read_are_told_by_number(filled, look):
    lines = filled.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:-9] + b"\n"
    filled.write_bytes(b"".join(lines) + b'["ct1","')
    assert list(look().damaged()) == [
        "line 4 cannot be read",
        f"line {len(lines) + 1} is of a batch that was cut off before it was stored",
    ]


def test_a_record_whose_text_says_nothing_is_told_and_can_be_removed(filled, look, tmp_path):
    with filled.open("ab") as file:
        file.write(write_line(to_key(make_id(9)), b'"nothing"', batch=99))
    told = f"record {make_id(9)} cannot be decoded"
    snapshot = look()
    assert list(snapshot.damaged()) == [told]
    snapshot.close()

    store = FileProvider().open(OPTIONS, str(tmp_path))
    assert list(store.damaged()) == [told]
    assert (store.repair(), store.repair()) == (1, 1)
    assert list(store.damaged()) == []
    store.close()
    assert list(look().damaged()) == []


def test_a_repair_counts_what_opening_has_put_aside(filled, tmp_path):
    lines = filled.read_bytes().splitlines(keepends=True)
    filled.write_bytes(b"".join(lines[:-1]) + b"rubbish\n" + lines[-1])
    store = FileProvider().open(OPTIONS, str(tmp_path))
    assert store.repair() == 1
    assert len(list(records(store))) == 4
    store.close()
