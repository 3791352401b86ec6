"""
Stores as earlier versions wrote them are read. Each format has its test beside the store. Here it
is checked that a new format comes with a test of the one before.
"""

from pathlib import Path

import lmdb
import pytest

from cookietrack_plugin.record import Delete
from cookietrack_plugin.stores.file import lines
from cookietrack_plugin.stores.kit import codec
from cookietrack_plugin.stores.kit.ordered import store as ordered
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import files
from cookietrack_plugin.stores.lmdb.keys import key_of
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.stores.redis import schema as redis_schema
from cookietrack_plugin.stores.sql import schema as sql_schema
from tests.stores.test_codec import OLD, SMALL

TESTS = Path(__file__).parent
# The newest format of each, and where the one before is read, by the test that does it.
KEPT = {
    "file": (
        lines.FORMAT,
        2,
        "test_file_format1.py",
        "def test_",
    ),
    "lmdb": (
        files.FORMAT,
        2,
        "test_lmdb_users.py",
        "def test_a_store_of_the_format_without_fences_is_read_on_and_marked(",
    ),
    "redis": (
        redis_schema.VERSION,
        2,
        "redis_store/test_redis_indexes.py",
        "def test_a_store_of_schema_1_is_upgraded(",
    ),
    "sql": (len(sql_schema.STEPS), 3, "test_sql.py", "be_older(url)"),
    "records": (
        max(codec._READERS),
        4,
        "test_codec.py",
        "def test_records_of_the_layouts_before_are_read(",
    ),
    "ordered": (ordered.FORMAT, b"cookietrack 1 ", "test_ordered.py", "def test_"),
}


@pytest.mark.parametrize("name", KEPT)
def test_every_earlier_format_is_kept(name):
    newest, known, file, test = KEPT[name]
    assert newest == known, (
        f"{name} has a new format: add a test that reads one of format {known!r}, made by code as"
        " that version wrote it, and name it here"
    )
    assert test in (TESTS / file).read_text()


def test_an_lmdb_store_of_the_first_version_is_read_and_ended(tmp_path):
    """Format 1, without fences, with records of layouts 1 and 2 and no index of them."""
    with lmdb.open(str(tmp_path / "cookies"), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(b"cookietrack", b"1")
        found = env.open_db(b"records", txn=txn)
        # All three have one id: the last stays.
        for data, cookie in zip(OLD, SMALL, strict=True):
            txn.put(key_of(cookie.id), bytes.fromhex(data), db=found)
    store = LmdbProvider().open({"type": "lmdb", "path": "cookies"}, str(tmp_path))
    assert list(records(store)) == [SMALL[-1]]
    assert dict(store.load([SMALL[-1].id])) == {SMALL[-1].id: SMALL[-1]}
    assert store.commit([Delete(SMALL[-1].id)]) == [True]
    assert list(records(store)) == []
    store.close()
