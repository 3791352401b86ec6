"""Copying and comparing: nobody is logged out, whatever the two stores know of a cookie."""

from collections import Counter

import pytest
from attrs import evolve

from cookietrack_plugin.admin.transfer import (
    BATCH,
    Digest,
    compare,
    copy,
    fingerprint,
    strangers,
)
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Auth, Create
from cookietrack_plugin.stores.memory import MemoryStore
from tests.admin.conftest import JOE, NOW, expired, make_cookie

MARY = Auth("mary", "user", "ticket", "realm1")


def store_of(*cookies):
    store = MemoryStore(max_cookies=1_000_000)
    store.commit([Create(cookie) for cookie in cookies])
    return store


def run(source, target):
    return copy(source, target, NOW, lambda count: None)


def check(source, target):
    return compare(source, target, NOW, lambda count: None)


def held(store):
    return {cookie.id: cookie for cookie in store.scan()}


def test_every_good_cookie_is_copied_as_it_is_and_expired_ones_are_left_behind():
    cookies = [make_cookie("a", JOE), make_cookie("b", peer=None, user_agent=None)]
    target = store_of()
    copied = run(store_of(*cookies, expired("c")), target)
    assert copied.counts == Counter(created=2, expired=1)
    assert held(target) == {cookie.id: cookie for cookie in cookies}


def test_copying_again_writes_nothing(observed):
    from observed_store import ObservedStore

    source, target = store_of(*(make_cookie(str(n)) for n in range(2_500))), ObservedStore()
    run(source, target)
    target.calls.clear()
    assert run(source, target).counts == Counter(same=2_500, expired=0)
    assert target.calls == ["load", "commit 0"] * 3


def test_a_copy_goes_by_batches(observed):
    from observed_store import ObservedStore

    target = ObservedStore()
    run(store_of(*(make_cookie(str(n)) for n in range(BATCH + 1))), target)
    assert target.calls == ["load", f"commit {BATCH}", "load", "commit 1"]


def test_progress_is_told_with_every_batch():
    told = []
    copy(store_of(*(make_cookie(str(n)) for n in range(BATCH + 1))), store_of(), NOW, told.append)
    assert told == [BATCH, 1]


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        (make_cookie("a", MARY, seen=NOW), True),
        (make_cookie("a", seen=NOW), True),
        (make_cookie("a", MARY, seen=NOW - 7_000_000), False),
        (make_cookie("a", seen=NOW - 7_000_000), False),
        (make_cookie("a", JOE, expires=NOW + 1, seen=NOW - 7_000_000), False),
        (make_cookie("a", MARY), False),
    ],
    ids=["later login", "later logout", "earlier login", "none", "earlier expiry", "same moment"],
)
def test_where_both_know_a_cookie_the_later_state_wins(there, kept):
    source = make_cookie("a", JOE, peer="tcp4:192.0.2.9:1")
    target = store_of(there)
    copied = run(store_of(source), target)
    assert held(target) == {source.id: there if kept else source}
    assert copied.counts["kept" if kept else "updated"] == 1
    assert check(store_of(source), target).is_equal


def test_an_update_does_not_touch_a_login_that_is_the_same(observed):
    """Taking a login away, if only for a moment, closes the connections of a running node."""
    from observed_store import ObservedStore

    target = ObservedStore()
    target.commit([Create(make_cookie("a", JOE, seen=NOW - 7_000_000))])
    run(store_of(make_cookie("a", JOE)), target)
    assert target.calls[-1] == "commit 1"


def test_what_only_the_target_knows_stays():
    target = store_of(make_cookie("theirs", MARY))
    source = store_of(make_cookie("ours", JOE), expired("old"))
    run(source, target)
    assert len(held(target)) == 2
    assert list(strangers(source, target, NOW)) == [make_cookie("theirs").id]


def test_an_expired_stranger_is_none():
    assert list(strangers(store_of(), store_of(expired("a")), NOW)) == []


def test_a_record_that_the_target_cannot_hold_does_not_take_others_along(observed):
    from observed_store import ObservedStore

    cookies = [make_cookie(str(n)) for n in range(10)]
    target = ObservedStore()
    target.refuse = {cookies[4].id}
    copied = run(store_of(*cookies), target)
    assert copied.refused == [cookies[4].id]
    assert copied.counts["created"] == len(held(target)) == 9
    assert check(store_of(*cookies), target).missing == copied.refused


def test_a_store_that_does_not_answer_ends_the_copy():
    class Gone(MemoryStore):
        def commit(self, changes):
            raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        run(store_of(make_cookie("a")), Gone(10))


def test_two_stores_with_the_same_cookies_are_equal_in_any_order():
    cookies = [make_cookie(str(n), JOE) for n in range(BATCH + 1)]
    found = check(store_of(*cookies), store_of(*reversed(cookies)))
    assert (found.is_equal, found.source.count) == (True, BATCH + 1)
    assert found.source.hex() == found.target.hex() != Digest().hex()


def test_a_cookie_that_is_missing_is_found():
    found = check(store_of(make_cookie("a"), make_cookie("b")), store_of(make_cookie("a")))
    assert (found.is_equal, found.missing) == (False, [make_cookie("b").id])
    assert (found.source.count, found.target.count) == (2, 1)


def test_a_cookie_that_expires_between_the_two_readings_is_not_missed():
    short = make_cookie("a", expires=NOW + 1)
    assert check(store_of(short), store_of()).is_equal


FIELDS = {
    "created": 1,
    "expires": NOW + 1,
    "seen": 1,
    "peer": None,
    "user_agent": "",
    "auth": None,
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_copy_that_differs_in_any_field_is_found(field):
    cookie = make_cookie("a", JOE)
    other = evolve(cookie, **{field: FIELDS[field]})
    found = check(store_of(cookie), store_of(other))
    assert (found.is_equal, found.different) == (False, [cookie.id])


@pytest.mark.parametrize("field", ["authid", "authrole", "authmethod", "authrealm", "authextra"])
def test_a_copy_that_differs_in_any_part_of_the_login_is_found(field):
    cookie = make_cookie("a", JOE)
    other = evolve(cookie, auth=evolve(JOE, **{field: None}))
    assert fingerprint(cookie) != fingerprint(other)


def test_the_order_within_an_authextra_is_no_difference():
    one, two = ({"a": 1, "b": [2]}, {"b": [2], "a": 1})
    assert fingerprint(make_cookie("a", evolve(JOE, authextra=one))) == fingerprint(
        make_cookie("a", evolve(JOE, authextra=two))
    )
