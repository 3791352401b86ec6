"""An lmdb store with pages that were damaged on the disk: it says so, is mended, kills nobody."""

import errno
import os
import random

import pytest

from cookietrack_plugin.errors import PositionLost, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import examiner, layout
from cookietrack_plugin.stores.lmdb.layout import Node, Tree
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from tests.support import dying
from tests.support.node import wait_for

COUNT = 600
PAGE = 4096
COOKIES = {make_id(n): make_cookie(n, make_auth(f"user{n}")) for n in range(COUNT)}
LARGE = make_cookie(COUNT, make_auth(authextra={"text": "x" * 20_000}))
COOKIES[LARGE.id] = LARGE


@pytest.fixture
def data(tmp_path, open_lmdb):
    """The file of a closed store of COOKIES, with some news, fences and free pages."""
    store = open_lmdb(sync=False)
    gone = [make_cookie(n, make_auth("gone")) for n in range(1000, 1100)]
    store.commit([Create(cookie) for cookie in [*COOKIES.values(), *gone]])
    store.revoke_user("gone", None)
    store.commit([Create(make_cookie(2000))])
    store.commit([Delete(make_id(2000))])
    store.close()
    return tmp_path / "cookies/data.mdb"


def page_numbers(data):
    """A page of each kind."""
    with data.open("rb") as file:
        snapshot = Snapshot(file.fileno())
        trees = snapshot.databases()
        found = {
            "the list of databases": snapshot.main.root,
            "the list of free pages": snapshot.free.root,
            "the root of the records": trees[b"records"].root,
            "the news": trees[b"revoked"].root,
            "the fences": trees[b"fences"].root,
            "an index": trees[b"by_expiry"].root,
            "records": child(file, trees[b"records"]),
        }
        [[node]] = Snapshot(file.fileno()).walk(trees[b"by_authid"])
        found["the root of an index"] = node.value.root
        found["entries"] = child(file, node.value)
        for leaf in Snapshot(file.fileno()).walk(trees[b"records"]):
            large = [node.value[0] for node in leaf if isinstance(node.value, tuple)]
            found.update(zip(["a large record"], large, strict=False))
    return found


def child(file, tree):
    assert isinstance(tree, Tree)
    assert tree.depth == 2
    page = os.pread(file.fileno(), PAGE, tree.root * PAGE)
    return Snapshot(file.fileno())._children(tree, tree.root, page, b"")[2]


def overwrite(page, start, new):
    return page[:start] + new + page[start + len(new) :]


DAMAGES = {
    "the first half zeroed": lambda page: bytes(PAGE // 2) + page[PAGE // 2 :],
    "the second half zeroed": lambda page: page[: PAGE // 2] + bytes(PAGE // 2),
    "zeroed": lambda page: bytes(PAGE),
    "all bits set": lambda page: b"\xff" * PAGE,
    "of another kind": lambda page: overwrite(page, 10, bytes([page[10] ^ 3])),
    "of another number": lambda page: overwrite(page, 0, b"\x07"),
    "bounds out of bounds": lambda page: overwrite(page, 12, b"\xf0\xff\xff\xff"),
    "nodes elsewhere": lambda page: overwrite(page, 16, b"\xf8\xff" * 4),
    "its own child": lambda page: page[:24] + page[:8] * 509,
    "noise": lambda page: random.Random(7).randbytes(PAGE),
}
KINDS = [
    "the list of databases",
    "the list of free pages",
    "the root of the records",
    "the news",
    "the fences",
    "an index",
    "records",
    "the root of an index",
    "entries",
    "a large record",
]


@pytest.mark.parametrize("name", DAMAGES)
def test_any_damaged_page_is_told_of_and_mended_and_kills_nobody(data, open_lmdb, name):
    """Each damage on every other kind of page, so that each kind has half of all damages."""
    damage, parity = DAMAGES[name], list(DAMAGES).index(name) % 2
    whole = data.read_bytes()
    numbers = page_numbers(data)
    assert set(numbers) == set(KINDS)
    for kind, number in list(numbers.items())[parity::2]:
        data.write_bytes(whole)
        with data.open("r+b") as file:
            page = os.pread(file.fileno(), PAGE, number * PAGE)
            os.pwrite(file.fileno(), damage(page), number * PAGE)
        check(open_lmdb, kind)


def check(open_lmdb, kind):
    try:
        store = open_lmdb(sync=False)
    except StoreCorrupt as error:
        if "is damaged where its databases begin (page" not in str(error):
            raise
        return
    # A walk ends, and gives nothing that was not there.
    readable = {cookie.id: cookie for cookie in records(store)}
    assert readable.items() <= COOKIES.items(), kind
    found = list(store.damaged())
    assert found or readable == COOKIES, kind
    assert bool(store.repair()) == bool(found), kind
    assert list(store.damaged()) == [], kind
    assert {cookie.id: cookie for cookie in records(store)} == readable, kind
    assert store.load(list(COOKIES)) == readable, kind
    assert store.stat()["cookies"] == store.stat()["authenticated"] == len(readable), kind
    assert store.commit([Create(make_cookie(5000)), Delete(make_id(5000))]) == [True, True], kind
    store.close()


def test_only_the_records_of_a_lost_page_are_lost(data, open_lmdb):
    with data.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(PAGE // 2), page_numbers(data)["records"] * PAGE)
    store = open_lmdb()
    assert 0 < COUNT + 1 - len(list(records(store))) < 60
    [line] = store.damaged()
    assert line.startswith("records: page ")


def test_after_a_repair_nobody_logs_in_who_was_revoked_before(data, open_lmdb):
    store = open_lmdb()
    store.commit([Create(make_cookie(5000))])
    before = store.revoked_since(None)[1]
    store.revoke_user("mary", None)
    store.close()
    with data.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(PAGE // 2), page_numbers(data)["records"] * PAGE)
    store = open_lmdb()
    assert store.repair() == 1
    with pytest.raises(PositionLost):
        store.revoked_since(before)
    assert store.commit([Authenticate(make_id(5000), make_auth("mary"), NOW, before)]) == [False]
    now = store.revoked_since(None)[1]
    assert store.commit([Authenticate(make_id(5000), make_auth("mary"), NOW, now)]) == [True]
    assert store.commit([Delete(make_id(5000))]) == [True]
    assert store.revoked_since(now)[0] == [make_id(5000)]


def test_a_store_that_others_have_open_is_not_mended(data, open_lmdb, start_lmdb):
    with data.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(PAGE // 2), page_numbers(data)["records"] * PAGE)
    other = start_lmdb()
    other.open()
    store = open_lmdb()
    with pytest.raises(StoreUnavailable, match="it can be repaired when the node is stopped"):
        store.repair()
    assert list(store.damaged())
    other.call("close")
    assert store.repair() == 1
    assert list(store.damaged()) == []


def test_a_store_that_a_child_writes_is_mended_too(data, open_lmdb):
    with data.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(PAGE // 2), page_numbers(data)["records"] * PAGE)
    store = open_lmdb(writer_process=True)
    store.commit([Create(make_cookie(5000))])
    assert store.repair() == 1
    assert list(store.damaged()) == []
    assert store.commit([Create(make_cookie(5001)), Delete(make_id(5000))]) == [True, True]
    assert store.begin([Delete(make_id(5001))])
    wait_for(lambda: store.finish() == [True], "the answer")


def test_a_process_that_dies_while_it_verifies_is_told_of(data, open_lmdb, monkeypatch):
    monkeypatch.setattr(examiner, "_MODULE", dying.__name__)
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    assert list(open_lmdb().damaged()) == [
        "something",
        f"the process that reads {data.parent} died of SIGBUS in the records, from 00ff on:"
        " what comes behind is not known",
    ]


def test_a_walk_that_was_begun_goes_on_behind_a_damaged_page(data, open_lmdb):
    store = open_lmdb()
    first, cursor = store.page(None, 100)
    with data.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(PAGE // 2), page_numbers(data)["records"] * PAGE)
    rest = []
    while cursor is not None:
        before = cursor
        page, cursor = store.page(cursor, 100)
        rest += page
        assert cursor is None or cursor > before
    assert COUNT - 60 < len(first) + len(rest) <= COUNT + 1
    assert rest[-1].id == max(COOKIES, key=lambda id: id.encode().translate(ORDER))


# Keys are in the order of base64url's values, ids in that of its letters.
ORDER = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", bytes(range(64))
)


def test_every_record_is_on_exactly_one_leaf(data):
    with data.open("rb") as file:
        snapshot = Snapshot(file.fileno())
        leaves = list(snapshot.walk(snapshot.databases()[b"records"]))
        nodes = [node for leaf in leaves for node in leaf]
        assert all(isinstance(node, Node) for node in nodes)
        assert len({node.key for node in nodes}) == len(nodes) == COUNT + 1
        for start in (nodes[0].key, nodes[300].key, nodes[300].key + b"\0", nodes[-1].key + b"\0"):
            again = Snapshot(file.fileno())
            found = [
                node.key
                for leaf in again.walk(again.databases()[b"records"], start)
                for node in leaf
                if node.key >= start
            ]
            assert found == [node.key for node in nodes if node.key >= start]


class FaultyDisk:
    """`os` for the module that reads pages: reads fail at the places of which `fails` says so."""

    sysconf = staticmethod(os.sysconf)

    def __init__(self, fails):
        self._fails = fails

    def pread(self, descriptor, size, offset):
        if self._fails(offset):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.pread(descriptor, size, offset)


def once():
    """Each place fails at the first time."""
    failed = set()
    return lambda offset: offset not in failed and not failed.add(offset)


def test_a_read_that_fails_once_hides_no_record(data, open_lmdb, monkeypatch):
    store = open_lmdb()
    monkeypatch.setattr(layout, "os", FaultyDisk(once()))
    assert {cookie.id: cookie for cookie in records(store)} == COOKIES


def test_a_page_that_the_disk_cannot_read_is_passed_over(data, open_lmdb, monkeypatch):
    lost = page_numbers(data)["records"] * PAGE
    store = open_lmdb()
    monkeypatch.setattr(layout, "os", FaultyDisk(lambda offset: offset == lost))
    found = {cookie.id for cookie in records(store)}
    assert found < set(COOKIES)
    assert found


def test_a_disk_that_reads_nothing_is_away_and_the_store_is_not_called_damaged(
    data, open_lmdb, monkeypatch
):
    store = open_lmdb()
    monkeypatch.setattr(layout, "os", FaultyDisk(lambda offset: True))
    with pytest.raises(StoreUnavailable, match="cannot be read: page 0: Input/output error"):
        store.page(None, 10)


def test_a_store_on_a_disk_that_cannot_read_is_opened_later(data, open_lmdb, monkeypatch):
    beginning = page_numbers(data)["the root of the records"] * PAGE
    monkeypatch.setattr(layout, "os", FaultyDisk(lambda offset: offset == beginning))
    with pytest.raises(StoreUnavailable, match=r"cannot be read: page \d+: Input/output error"):
        open_lmdb()
    monkeypatch.undo()
    assert len(list(records(open_lmdb()))) == len(COOKIES)
