"""In a large store, what is done for one user reads the records of that user."""

import pytest

from cookietrack_plugin.record import Auth
from cookietrack_plugin.stores.lmdb import listing as lmdb_listing
from cookietrack_plugin.stores.lmdb import sharing as lmdb_sharing
from cookietrack_plugin.stores.lmdb import tables as lmdb_tables
from cookietrack_plugin.stores.lmdb.environment import Environment
from tests.admin.conftest import JOE, make_cookie

MARY = Auth("mary", "user", "ticket", "realm1")
MANY, FEW = 20_000, 3


@pytest.fixture
def decoded(stores, monkeypatch):
    """The ids of the records that are read from a store in which few of many are joe's."""
    cookies = [make_cookie(str(n), JOE if n < FEW else MARY) for n in range(MANY)]
    stores.make("lmdb:x", cookies)
    ids = []
    decode = lmdb_tables.decode

    def counting(id, data):
        ids.append(id)
        return decode(id, data)

    for module in (lmdb_tables, lmdb_listing):
        monkeypatch.setattr(module, "decode", counting)
    monkeypatch.setattr(lmdb_tables, "decode_again", counting)
    return ids


def test_the_counter_counts(run, decoded):
    run("ls", "lmdb:x", "--json")
    assert len(decoded) == MANY


def test_listing_one_users_cookies_reads_no_others(run, decoded):
    assert len(run("ls", "lmdb:x", "--authid", "joe", "--json").lines) == FEW
    assert len(decoded) == FEW


def test_ending_one_users_cookies_reads_no_others(run, decoded, monkeypatch):
    # Where it is written, what is deleted is read: here, and not in a process of its own.
    monkeypatch.setattr(lmdb_sharing, "ChildWriterEnvironment", Environment)
    assert run("revoke", "lmdb:x", "--authid", "joe", "--yes").out == f"{FEW} cookies ended\n"
    assert set(decoded) <= {make_cookie(str(n)).id for n in range(FEW)}


def test_counting_reads_none(run, decoded):
    assert run("stat", "lmdb:x", "--json").json["stat"]["cookies"] == MANY
    assert decoded == []


def test_showing_one_cookie_reads_that_one(run, decoded):
    id = make_cookie("7").id
    assert run("show", "lmdb:x", id, "--json").json["id"] == id
    assert decoded == [id]
