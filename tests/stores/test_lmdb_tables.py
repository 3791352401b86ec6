"""What lies in an lmdb store: its news of revocations, and its indexes."""

import random

import pytest
from attrs import evolve

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import listing, tables, users
from cookietrack_plugin.stores.lmdb import revocations as lmdb_log
from cookietrack_plugin.stores.lmdb.keys import KEY_SIZE, id_of, key_of, packed_authid, packed_time
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch


@pytest.fixture
def store(open_lmdb):
    return open_lmdb()


def ids(store):
    return {cookie.id for cookie in records(store)}


def spoil(store, id):
    """Make a record undecodable."""
    store._environment.write(
        2**30, False, lambda tables, txn: txn.put(key_of(id), b"\1damaged", db=tables.records)
    )


# News of revocations.


def revoked(store, *changes):
    """The ids that the feed tells after `changes`, given four records of joe's."""
    store.commit([Create(make_cookie(n, make_auth("joe"))) for n in range(4)])
    store.commit([Create(make_cookie(4))])
    _, cursor = store.revoked_since(None)
    store.commit(list(changes))
    told, _ = store.revoked_since(cursor)
    return list(told)


def test_a_cookie_that_is_somebody_elses_now_is_revoked(store):
    assert revoked(store, Authenticate(make_id(1), make_auth("mary"), NOW)) == [make_id(1)]


def test_a_login_as_the_same_user_or_a_first_one_revokes_nothing(store):
    again = Authenticate(make_id(1), make_auth("joe", authextra={"x": 1}), NOW)
    first = Authenticate(make_id(4), make_auth("joe"), NOW)
    assert revoked(store, again, first, make_touch(2)) == []


def test_the_same_authid_of_another_realm_is_somebody_else(store):
    elsewhere = Authenticate(make_id(1), make_auth("joe", "realm2"), NOW)
    assert revoked(store, elsewhere, Delete(make_id(9))) == [make_id(1)]


def test_a_cookie_that_comes_back_in_the_same_batch_is_revoked_all_the_same(store):
    back = Create(make_cookie(1, make_auth("joe")))
    assert revoked(store, Delete(make_id(1)), back) == [make_id(1)]
    there, back = (Authenticate(make_id(2), make_auth(name), NOW) for name in ("mary", "joe"))
    _, cursor = store.revoked_since(None)
    store.commit([there, back])
    assert list(store.revoked_since(cursor)[0]) == [make_id(2)]


def test_an_expired_record_is_no_news(store):
    store.commit([Create(make_cookie(9, make_auth(), expires=NOW))])
    _, cursor = store.revoked_since(None)
    assert store.expire(NOW, 10) == 1
    assert list(store.revoked_since(cursor)[0]) == []


def test_news_of_an_undecodable_record_are_told(store):
    store.commit([Create(make_cookie(1, make_auth()))])
    spoil(store, make_id(1))
    _, cursor = store.revoked_since(None)
    assert store.commit([Delete(make_id(1))]) == [True]
    assert list(store.revoked_since(cursor)[0]) == [make_id(1)]


def test_of_the_news_only_the_latest_are_kept(store, monkeypatch):
    monkeypatch.setattr(lmdb_log, "KEPT", 100)
    store.commit([Create(make_cookie(n)) for n in range(500)])
    _, cursor = store.revoked_since(None)
    for start in range(0, 500, 20):
        store.commit([Delete(make_id(n)) for n in range(start, start + 20)])
    assert store.stat()["revocations"] == 100
    told, end = store.revoked_since(cursor + 400)
    assert list(told) == [make_id(n) for n in range(400, 500)]
    assert store.revoked_since(end) == ([], end)
    for too_old in (cursor, cursor + 399):
        with pytest.raises(StoreUnavailable, match="no longer known"):
            store.revoked_since(too_old)


def test_a_batch_larger_than_what_is_kept_leaves_its_end(store, monkeypatch):
    monkeypatch.setattr(lmdb_log, "KEPT", 100)
    store.commit([Create(make_cookie(n)) for n in range(500)])
    _, cursor = store.revoked_since(None)
    store.commit([Delete(make_id(n)) for n in range(500)])
    assert len(list(store.revoked_since(cursor + 400)[0])) == 100


def test_a_cursor_of_another_store_is_refused(store):
    with pytest.raises(StoreUnavailable, match="no longer known"):
        store.revoked_since(7)


def test_cursors_from_before_the_store_was_emptied_are_refused(open_lmdb):
    store = open_lmdb()
    store.commit([Create(make_cookie(n)) for n in range(5)])
    _, before = store.revoked_since(None)
    store.commit([Delete(make_id(n)) for n in range(3)])
    _, after = store.revoked_since(None)
    store.close()
    emptied = open_lmdb(purge_on_startup=True)
    for cursor in (before, after):
        with pytest.raises(StoreUnavailable, match="no longer known"):
            emptied.revoked_since(cursor)
    emptied.commit([Create(make_cookie(1))])
    _, cursor = emptied.revoked_since(None)
    emptied.commit([Delete(make_id(1))])
    assert list(emptied.revoked_since(cursor)[0]) == [make_id(1)]


# Indexes around a record that cannot be decoded.


def test_the_indexes_have_an_entry_for_each_record_and_no_other(store):
    choice = random.Random()
    auths = [make_auth("joe"), make_auth("mary"), make_auth("joe", "realm2")]
    for _ in range(50):
        number, expires = choice.randrange(20), NOW + choice.randrange(5)
        changes = [
            Create(make_cookie(number, choice.choice([None, *auths]), expires)),
            Authenticate(make_id(number), choice.choice(auths), NOW),
            make_touch(number, expires),
            Delete(make_id(number)),
        ]
        store.commit(choice.choices(changes, k=choice.randrange(1, 5)))
        if not choice.randrange(10):
            store.expire(NOW + 2, choice.randrange(1, 10))
        if not choice.randrange(10):
            user = choice.choice(
                [("joe", "realm1"), ("mary", None), (None, "realm2"), (None, None)]
            )
            store.revoke_user(*user, [make_id(number)])
        cookies = list(records(store))
        by_authid = {(packed_authid(each.auth.authid), each.id) for each in cookies if each.auth}
        by_expiry = {(packed_time(each.expires), each.id) for each in cookies}
        assert index_entries(store) == (by_authid, by_expiry)
        assert list(store.damaged()) == []


def index_entries(store):
    def entries(tables, txn):
        for index in (tables.by_authid, tables.by_expiry):
            found = index.range(txn, bytes(24), b"\xff" * 25, 1_000)
            yield {(entry[:-KEY_SIZE], id_of(entry[-KEY_SIZE:])) for entry in found}

    return store._environment.read(lambda tables, txn: tuple(entries(tables, txn)))


def test_what_is_left_of_an_undecodable_record_in_the_indexes_misleads_nobody(store):
    store.commit([Create(make_cookie(1, make_auth("joe"), expires=NOW))])
    spoil(store, make_id(1))
    store.commit([Delete(make_id(1)), Create(make_cookie(1, make_auth("mary"), expires=NOW + 5))])
    assert list(records(store, authid="joe")) == []
    assert store.expire(NOW + 4, 10) == 0
    assert ids(store) == {make_id(1)}
    assert store.expire(NOW + 5, 10) == 1


def test_an_undecodable_record_expires_when_it_would_have(store):
    store.commit([Create(make_cookie(n, make_auth(), expires=NOW + n)) for n in range(3)])
    spoil(store, make_id(1))
    assert store.expire(NOW, 10) == 1
    assert store.expire(NOW + 1, 10) == 1
    assert store.stat()["cookies"] == 1


def test_a_sweep_with_a_limit_is_not_held_up_by_entries_that_lead_nowhere(store):
    store.commit([Create(make_cookie(n, expires=NOW)) for n in range(20)])
    for number in range(10):
        spoil(store, make_id(number))
    store.commit([Delete(make_id(n)) for n in range(10)])
    assert [store.expire(NOW, 4) for _ in range(4)] == [4, 4, 2, 0]


def test_users_whose_names_meet_in_the_index_are_not_mixed_up(store, monkeypatch):
    for module in (tables, users, listing):
        monkeypatch.setattr(module, "packed_authid", lambda authid: b"same")
    store.commit([Create(make_cookie(n, make_auth(f"user{n % 3}"))) for n in range(900)])
    for user in range(3):
        found = {cookie.id for cookie in records(store, authid=f"user{user}")}
        assert found == {make_id(n) for n in range(user, 900, 3)}
    assert store.revoke_user("user1", None) == 300
    assert ids(store) == {make_id(n) for n in range(900) if n % 3 != 1}


def test_a_record_larger_than_a_page_of_a_scan_is_scanned(store):
    auth = make_auth(authextra={"text": "x" * 700_000})
    store.commit([Create(make_cookie(n, auth)) for n in range(5)])
    assert len(list(records(store))) == len(list(records(store, authid="joe"))) == 5


def test_times_beyond_all_reason_sort_to_the_ends(store):
    cookies = [make_cookie(n, expires=expires) for n, expires in enumerate([-5, 0, 2**48, 2**60])]
    store.commit([Create(cookie) for cookie in cookies])
    assert store.expire(0, 10) == 2
    assert store.expire(NOW, 10) == 0
    assert ids(store) == {make_id(2), make_id(3)}
    store.commit([Create(evolve(make_cookie(4), seen=-1))])
    assert store.load([make_id(4)])[make_id(4)].seen == -1
