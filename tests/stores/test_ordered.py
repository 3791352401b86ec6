"""A store over an engine that keeps keys in order: what the kit does not see of it."""

import pytest

from cookietrack_plugin.errors import PositionLost, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.ordered import feed
from cookietrack_plugin.stores.kit.ordered.keys import (
    ENTRIES,
    MARK,
    RECORDS,
    end_of,
    index_keys,
    record_key,
)
from cookietrack_plugin.stores.kit.ordered.store import OrderedStore
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.samples import DAY, NOW, make_auth, make_cookie, make_id, make_touch
from tests.support.ordered import DictEngine

# etcd's.
MAX_KEYS = 128


@pytest.fixture
def engine():
    return DictEngine()


@pytest.fixture
def store(engine):
    return OrderedStore(engine, "the place")


@pytest.fixture
def limited():
    return DictEngine(MAX_KEYS)


def login(number, since, authid="joe"):
    return Authenticate(make_id(number), make_auth(authid), NOW, since)


def position(store):
    return store.revoked_since(None)[1]


def test_no_batch_asks_for_more_keys_than_the_engine_takes(limited):
    store = OrderedStore(limited, "the place")
    count = store.max_changes
    cookies = [make_cookie(n, make_auth(f"user{n}")) for n in range(count)]
    since = position(store)
    # The second of each pair takes a record from its user, which is told in the feed.
    for changes in (
        [Create(cookie, since) for cookie in cookies],
        [login(n, since, f"other{n}") for n in range(count)],
        [make_touch(n, expires=NOW + 2 * DAY) for n in range(count)],
        [Delete(cookie.id) for cookie in cookies],
    ):
        with limited.measured():
            assert store.commit(changes) == [True] * count
        assert max(limited.largest) <= MAX_KEYS
    assert count >= 40


def test_a_batch_of_logins_asks_a_server_as_often_as_one_login(engine, store):
    store.commit([Create(make_cookie(n)) for n in range(40)])
    since = position(store)

    def looks(numbers):
        before = engine.looks
        assert all(store.commit([login(n, since, f"user{n}") for n in numbers]))
        return engine.looks - before

    assert looks(range(1)) == looks(range(1, 40))


def test_a_user_with_more_records_than_a_batch_is_revoked_by_and_by(limited):
    store = OrderedStore(limited, "the place")
    commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(300)])
    commit_all(store, [Create(make_cookie(n, make_auth("mary"))) for n in range(300, 310)])
    before = position(store)
    with limited.measured():
        assert store.revoke_user("joe", "realm1", [make_id(7)]) == 299
    assert max(limited.largest) <= MAX_KEYS
    assert len(list(records(store))) == 11
    entries = list(store.revoked_since(before)[0])
    assert [each.authid for each in entries] == ["joe"]


def test_a_login_from_before_is_kept_out_while_a_user_is_being_revoked(limited):
    store = OrderedStore(limited, "the place")
    commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(100)])
    store.commit([Create(make_cookie(500))])
    since = position(store)
    applied = []

    def intrude():
        # Between the first batch, with the fence, and the second.
        limited.intruder = lambda: applied.extend(store.commit([login(500, since)]))

    limited.intruder = lambda: None
    write, calls = limited.write, []

    def counted(plan):
        calls.append(plan)
        if len(calls) == 2:
            intrude()
        return write(plan)

    limited.write = counted
    assert store.revoke_user("joe", "realm1") == 100
    assert applied == [False]


@pytest.mark.parametrize("max_keys", [None, MAX_KEYS])
def test_a_login_that_is_stored_just_before_the_fence_ends_with_the_others(max_keys):
    engine = DictEngine(max_keys)
    store, other = (OrderedStore(engine, "the place") for _ in range(2))
    store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
    store.commit([Create(make_cookie(500))])
    since = position(store)
    # When the records of the user have been looked for, and before the fence stands.
    engine.intruder = lambda: other.commit([login(500, since)])
    assert store.revoke_user("joe", "realm1") == 4
    assert list(records(store)) == []


@pytest.mark.parametrize("max_keys", [None, MAX_KEYS])
def test_an_engine_that_locks_looks_once(max_keys):
    # A user who logs in again behind the fence is left in.
    engine = DictEngine(max_keys, is_locking=True)
    store = OrderedStore(engine, "the place")
    store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
    plans = engine.plans
    assert store.revoke_user("joe", "realm1") == 3
    assert engine.plans == plans + 1


def test_what_another_has_written_in_between_is_planned_again(engine, store):
    other = OrderedStore(engine, "the place")
    store.commit([Create(make_cookie(1))])
    plans = engine.plans
    engine.intruder = lambda: other.commit([Delete(make_id(1))])
    assert store.commit([make_touch(1)]) == [False]
    assert engine.plans == plans + 3
    assert list(records(store)) == []


def test_a_store_that_was_emptied_acknowledges_nothing(engine, store):
    store.commit([Create(make_cookie(1))])
    engine.kept.clear()
    for call in (
        lambda: store.commit([Delete(make_id(1))]),
        lambda: store.revoke_user("joe", "realm1"),
        lambda: store.expire(NOW + 2 * DAY, 10),
    ):
        with pytest.raises(StoreUnavailable, match="emptied or replaced"):
            call()


def test_a_store_that_was_made_again_is_another(engine, store):
    cursor = position(store)
    engine.kept.clear()
    again = OrderedStore(engine, "the place")
    with pytest.raises(PositionLost):
        again.revoked_since(cursor)
    with pytest.raises(StoreUnavailable, match="emptied or replaced"):
        store.commit([Create(make_cookie(1))])


@pytest.mark.parametrize("kept", [{b"x": b"y"}, {MARK: b"a list"}, {MARK: b"cookietrack 2 abc"}])
def test_what_is_no_store_of_this_format_is_left_alone(engine, kept):
    engine.kept.update(kept)
    with pytest.raises(StoreCorrupt, match="the place: expected a store of format cookietrack 1"):
        OrderedStore(engine, "the place")
    assert engine.kept == kept


def test_the_feed_forgets_its_oldest_entries_and_their_fences(engine, store, monkeypatch):
    monkeypatch.setattr(feed, "MOST_ENTRIES", 5)
    first = position(store)
    store.revoke_user("joe", "realm1")
    second = position(store)
    fences = [key for key in engine.kept if key.startswith(b"n")]
    assert len(fences) == 1
    for number in range(10):
        store.commit([Create(make_cookie(number)), Delete(make_id(number))])
    assert engine.count(ENTRIES, end_of(ENTRIES)) == 5
    assert [key for key in engine.kept if key.startswith(b"n")] == []
    for lost in (first, second):
        with pytest.raises(PositionLost):
            store.revoked_since(lost)
        # What cannot be known any more is refused.
        store.commit([Create(make_cookie(50))])
        assert store.commit([login(50, lost)]) == [False]


def test_a_fence_that_was_raised_outlives_its_first_entry(engine, store, monkeypatch):
    monkeypatch.setattr(feed, "MOST_ENTRIES", 5)
    for number in range(5):
        store.revoke_user("joe", "realm1")
        store.commit([Create(make_cookie(number)), Delete(make_id(number))])
    before = position(store)
    store.revoke_user("joe", "realm1")
    store.commit([Create(make_cookie(50))])
    assert store.commit([login(50, before)]) == [False]


def test_records_leave_no_key_behind(engine, store):
    empty = dict(engine.kept)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
    store.commit([login(0, None, "mary"), make_touch(1, expires=NOW + 3 * DAY)])
    assert store.expire(NOW + 2 * DAY, 10) == 2
    assert store.revoke_user("joe", None) == 1
    left = set(engine.kept) - set(empty)
    assert {key[:1] for key in left} <= {b"f", b"n", b"p"}


def test_what_a_damaged_record_leaves_behind_goes_when_its_time_comes(engine, store):
    cookie = make_cookie(1, make_auth())
    store.commit([Create(cookie)])
    engine.kept[record_key(cookie.id)] = b"\xff"
    assert store.commit([Delete(cookie.id)]) == [True]
    assert index_keys(cookie) <= set(engine.kept)
    assert store.expire(cookie.expires, 10) == 0
    assert engine.count(b"e", end_of(b"e")) == 0


@pytest.mark.parametrize("expires", [-(10**12), 2**63, 10**30])
def test_times_beyond_all_reason_have_a_place_in_the_order(store, expires):
    store.commit([Create(make_cookie(1, expires=expires)), Create(make_cookie(2))])
    assert {cookie.expires for cookie in records(store)} == {expires, NOW + DAY}
    assert store.expire(NOW, 10) == (expires < NOW)


def test_the_end_of_a_prefix_is_behind_all_that_begin_with_it():
    assert end_of(RECORDS) == b"d"
    assert end_of(b"u\xff\xff") == b"v"
    assert end_of(b"u\x01\xff") == b"u\x02"
