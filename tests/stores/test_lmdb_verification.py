"""What an LMDB store tells of its damage, and how it gets rid of it."""

import lmdb
import pytest
from zope.interface.verify import verifyObject

from cookietrack_plugin.interfaces import IReadOnlyProvider, IVerifiable
from cookietrack_plugin.record import Auth, Cookie, Create, Touch
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb.keys import key_of
from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

COUNT = 600


@pytest.fixture
def alter(tmp_path, open_lmdb):
    """Make a store of COUNT users, change bytes of it behind its back, and open it again."""

    def alter(database, work):
        store = open_lmdb()
        store.commit([Create(make_cookie(n, make_auth(f"user{n}"))) for n in range(COUNT)])
        store.close()
        with lmdb.open(str(tmp_path / "cookies"), max_dbs=8) as env, env.begin(write=True) as txn:
            db = env.open_db(database, txn=txn, create=False)
            with txn.cursor(db) as cursor:
                work(cursor)
        return open_lmdb()

    return alter


def damage_record(cursor):
    cursor.put(key_of(make_id(300)), b"\1damaged")


def test_the_powers_are_what_the_interfaces_demand(open_lmdb):
    verifyObject(IVerifiable, open_lmdb())
    verifyObject(IReadOnlyProvider, LmdbProvider())


def test_a_store_that_is_whole_has_nothing_to_tell(alter):
    store = alter(b"records", lambda cursor: None)
    assert list(store.damaged()) == []
    assert store.repair() == 0
    assert len(list(records(store))) == COUNT


def test_a_record_that_cannot_be_decoded_is_named_and_removed(alter):
    store = alter(b"records", damage_record)
    assert list(store.damaged()) == [f"record {make_id(300)} cannot be decoded"]
    # The record, and the entries that led to it.
    assert store.repair() == 3
    assert list(store.damaged()) == []
    assert store.stat()["cookies"] == store.stat()["authenticated"] == COUNT - 1


def test_the_end_of_a_damaged_record_is_told_to_those_who_share_the_store(alter):
    store = alter(b"records", damage_record)
    _, cursor = store.revoked_since(None)
    store.repair()
    assert store.revoked_since(cursor)[0] == [make_id(300)]


@pytest.mark.parametrize(("database", "name"), [(b"by_authid", "logins"), (b"by_expiry", "expiry")])
def test_a_record_that_an_index_has_lost_is_named_and_found_again(alter, database, name):
    def lose(cursor):
        for _, entry in cursor:
            if entry.endswith(key_of(make_id(300))):
                cursor.delete()
                return

    store = alter(database, lose)
    assert list(store.damaged()) == [f"record {make_id(300)} is missing in the index of {name}"]
    assert store.repair() == 1
    assert list(store.damaged()) == []
    assert [cookie.id for cookie in records(store, authid="user300")] == [make_id(300)]
    assert store.expire(make_cookie().expires, COUNT) == COUNT


@pytest.mark.parametrize(("database", "name"), [(b"by_authid", "logins"), (b"by_expiry", "expiry")])
@pytest.mark.parametrize("number", [300, 999], ids=["another record", "no record"])
def test_an_entry_that_fits_no_record_is_named_and_removed(alter, database, name, number):
    def stray(cursor):
        key, entry = next(iter(cursor))
        cursor.put(key, bytes(len(entry) - 18) + key_of(make_id(number)))

    store = alter(database, stray)
    told = f"the index of {name} has an entry for {make_id(number)} that does not fit"
    assert list(store.damaged()) == [told]
    assert store.repair() == 1
    assert list(store.damaged()) == []
    assert len(list(records(store))) == COUNT


def test_what_changes_while_it_is_verified_is_no_damage(alter):
    store = alter(b"records", lambda cursor: None)
    told = []
    damaged = store.damaged()
    for n in range(COUNT):
        store.commit([Touch(make_id(n), NOW + n, NOW + 10**9 + n, None, None)])
        store.commit([Create(Cookie(make_id(COUNT + n), 1, NOW + n, 1, auth=Auth(*"abcd")))])
        told += [line for line in [next(damaged, None)] if line]
    assert told + list(damaged) == []
