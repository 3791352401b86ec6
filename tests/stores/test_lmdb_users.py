"""Users who are revoked in an lmdb store: what lies in it of them, and for how long."""

import lmdb
import pytest

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import revocations as lmdb_log
from cookietrack_plugin.stores.lmdb.files import FORMAT
from cookietrack_plugin.stores.lmdb.keys import key_of
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id


@pytest.fixture
def store(open_lmdb):
    return open_lmdb()


@pytest.fixture
def few_kept(monkeypatch):
    monkeypatch.setattr(lmdb_log, "KEPT", 10)


def position(store):
    return store.revoked_since(None)[1]


def login(since, number=0, authid="joe"):
    return Authenticate(make_id(number), make_auth(authid), NOW, since)


def revoke_others(store, count):
    """Entries in the log, of records."""
    store.commit([Create(make_cookie(n)) for n in range(100, 100 + count)])
    store.commit([Delete(make_id(n)) for n in range(100, 100 + count)])


def test_a_fence_goes_when_the_log_forgets_its_revocation(store, few_kept):
    store.commit([Create(make_cookie(0))])
    before = position(store)
    store.revoke_user("joe", "realm1")
    after = position(store)
    revoke_others(store, 9)
    assert store.stat()["fences"] == 1
    assert store.commit([login(before), login(after)]) == [False, True]
    revoke_others(store, 1)
    assert store.stat()["fences"] == 0
    assert store.commit([login(before), login(after)]) == [False, True]


def test_a_fence_that_was_raised_again_outlives_its_first_revocation(store, few_kept):
    store.commit([Create(make_cookie(0))])
    store.revoke_user("joe", "realm1")
    revoke_others(store, 5)
    between = position(store)
    store.revoke_user("joe", "realm1")
    revoke_others(store, 7)
    assert store.stat()["fences"] == 1
    assert store.commit([login(between), login(position(store))]) == [False, True]
    revoke_others(store, 10)
    assert store.stat()["fences"] == 0


def test_a_login_from_before_all_that_the_log_knows_does_not_apply(store, few_kept):
    store.commit([Create(make_cookie(0))])
    before = position(store)
    revoke_others(store, 10)
    assert store.commit([login(before)]) == [True]
    revoke_others(store, 1)
    assert store.commit([login(before)]) == [False]
    assert store.commit([login(position(store) + 1)]) == [False]


def test_a_login_from_before_the_store_was_emptied_does_not_apply(open_lmdb):
    store = open_lmdb()
    store.revoke_user("joe", "realm1")
    before = position(store)
    store.close()
    emptied = open_lmdb(purge_on_startup=True)
    emptied.commit([Create(make_cookie(0))])
    assert emptied.stat()["fences"] == 0
    assert emptied.commit([login(before)]) == [False]
    assert emptied.commit([login(position(emptied))]) == [True]


def test_users_and_records_are_told_in_order(store):
    cursor = position(store)
    store.commit([Create(make_cookie(n)) for n in range(2)])
    store.commit([Delete(make_id(0))])
    store.revoke_user("joe", None, {make_id(5), make_id(6)})
    store.commit([Delete(make_id(1))])
    revoked = UserRevoked("joe", None, frozenset({make_id(5), make_id(6)}))
    assert store.revoked_since(cursor) == ([make_id(0), revoked, make_id(1)], cursor + 3)


@pytest.mark.parametrize("length", range(12))
def test_the_entry_of_a_user_is_not_taken_for_that_of_a_record(length):
    """However short the names are: the key of a record has 18 bytes."""
    revoked = UserRevoked("a" * length, None)
    assert lmdb_log.read_entry(lmdb_log.user_entry(revoked)) == revoked
    assert lmdb_log.read_entry(bytes(18)) == "A" * 24


def test_a_kept_record_that_cannot_be_decoded_goes_with_all_others(store):
    store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
    spoil = b"\1damaged"
    store._environment.write(
        2**30, False, lambda tables, txn: txn.put(key_of(make_id(1)), spoil, db=tables.records)
    )
    assert store.revoke_user(None, None, [make_id(0), make_id(1)]) == 2
    assert list(store.damaged()) == []
    assert [cookie.id for cookie in records(store)] == [make_id(0)]


def test_an_id_that_is_none_keeps_nothing(store):
    store.commit([Create(make_cookie(0, make_auth()))])
    assert store.revoke_user(None, None, ["short"]) == 1
    assert store.revoke_user("joe", "realm1", ["short"]) == 0


class Name(str):
    """What a custom authenticator may use for an authid."""


def test_a_name_takes_no_class_along_to_the_process_that_writes(open_lmdb):
    store = open_lmdb(writer_process=True)
    store.commit([Create(make_cookie(0, make_auth()))])
    cursor = position(store)
    assert store.revoke_user(Name("joe"), Name("realm1"), [Name(make_id(9))]) == 1
    [told] = store.revoked_since(cursor)[0]
    assert told == UserRevoked("joe", "realm1", frozenset({make_id(9)}))


def test_a_store_of_the_format_without_fences_is_read_on_and_marked(open_lmdb, tmp_path):
    store = open_lmdb()
    cursor = position(store)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(2)])
    store.commit([Delete(make_id(0))])
    store.close()
    mark = environment_of(tmp_path, b"1")
    assert mark == b"%d" % FORMAT
    store = open_lmdb()
    assert [cookie.id for cookie in records(store)] == [make_id(1)]
    assert store.revoked_since(cursor)[0] == [make_id(0)]
    store.close()
    assert environment_of(tmp_path, b"1") == b"%d" % FORMAT


def environment_of(tmp_path, mark):
    """Mark a store as one of another format, without a database for fences; its mark before."""
    with lmdb.open(str(tmp_path / "cookies"), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.drop(env.open_db(b"fences", txn=txn))
        before = txn.get(b"cookietrack")
        txn.put(b"cookietrack", mark)
        return before


def test_a_position_that_is_none_is_not_known(store):
    for cursor in (-1, 1, 2**64, 0.0, "0", b"0", [0]):
        with pytest.raises(PositionLost, match="no longer known"):
            store.revoked_since(cursor)
