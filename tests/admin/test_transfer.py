"""Copying and comparing: nobody is logged out, even if the two stores differ about a cookie."""

from collections import Counter

import pytest
from attrs import evolve
from zope.interface import alsoProvides

from cookietrack_plugin.admin.transfer import (
    BATCH,
    Digest,
    compare,
    copy,
    fingerprint,
    only_in_target,
)
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IBatchLimit, IRevocationFeed
from cookietrack_plugin.record import Auth, Authenticate, Create
from cookietrack_plugin.stores.kit.nesting import MAX_DEPTH
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.memory import MemoryStore
from tests.admin.conftest import DAY, JOE, NOW, expired, make_cookie

MARY = Auth("mary", "user", "ticket", "realm1")


def nested(levels):
    extra = {}
    for _ in range(levels - 1):
        extra = {"inner": extra}
    return extra


class DeepStore(MemoryStore):
    """One whose logins are nested deeper than stores of ours take."""

    def load(self, ids):
        return {id: deepened(cookie) for id, cookie in super().load(ids).items()}

    def page(self, *asked):
        cookies, cursor = super().page(*asked)
        return list(map(deepened, cookies)), cursor


def deepened(cookie):
    return evolve(cookie, auth=evolve(JOE, authextra=nested(100_000)))


def store_of(*cookies):
    store = MemoryStore(max_cookies=1_000_000)
    store.commit([Create(cookie) for cookie in cookies])
    return store


def run(source, target):
    return copy(source, target, NOW, lambda count: None)


def check(source, target):
    return compare(source, target, NOW, lambda count: None)


def held(store):
    return {cookie.id: cookie for cookie in records(store)}


def test_every_good_cookie_is_copied_as_it_is_and_expired_ones_are_left_behind():
    cookies = [make_cookie("a", JOE), make_cookie("b", peer=None, user_agent=None)]
    target = store_of()
    copied = run(store_of(*cookies, expired("c")), target)
    assert copied.counts == Counter(created=2, expired=1)
    assert held(target) == {cookie.id: cookie for cookie in cookies}


def test_an_authextra_that_is_nested_too_deeply_for_a_store_is_refused_and_said_to_be_missing():
    source, target, bad = DeepStore(10), store_of(), make_cookie("bad")
    source.commit([Create(bad)])
    assert run(source, target).refused == [bad.id]
    assert check(source, target).missing == [bad.id]


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 600, 100_000])
def test_a_fingerprint_of_what_is_nested_too_deeply_takes_no_stack(levels):
    found = [
        fingerprint(make_cookie("a", evolve(JOE, authextra=nested(depth))))
        for depth in (levels, MAX_DEPTH, MAX_DEPTH - 1)
    ]
    assert list(map(len, found)) == [32, 32, 32]
    assert len(set(found)) == 3


def test_copying_again_writes_nothing(observed):
    from observed_store import ObservedStore

    source, target = store_of(*(make_cookie(str(n)) for n in range(2_500))), ObservedStore()
    run(source, target)
    target.calls.clear()
    assert run(source, target).counts == Counter(same=2_500, expired=0)
    assert target.calls == ["load"] * 3


def test_a_copy_goes_by_batches(observed):
    from observed_store import ObservedStore

    target = ObservedStore()
    run(store_of(*(make_cookie(str(n)) for n in range(BATCH + 1))), target)
    assert target.calls == ["load", f"commit {BATCH}", "load", "commit 1"]


def test_no_commit_is_larger_than_the_target_takes(observed):
    from observed_store import ObservedStore

    target = ObservedStore()
    target.max_changes = 3
    alsoProvides(target, IBatchLimit)
    older = [make_cookie(str(n), seen=NOW - 7_000_000) for n in range(3)]
    target.commit([Create(cookie) for cookie in older])
    target.calls.clear()
    cookies = [make_cookie(str(n), JOE) for n in range(3)] + [make_cookie("new")]
    assert run(store_of(*cookies), target).counts == Counter(updated=3, created=1, expired=0)
    # A login and a touch of one record are committed together.
    assert sorted(target.calls) == ["commit 2", "commit 2", "commit 3", "load"]
    assert check(store_of(*cookies), target).is_equal


def test_a_target_that_takes_one_change_at_a_time_gets_them_one_by_one(observed):
    from observed_store import ObservedStore

    target = ObservedStore()
    target.max_changes = 1
    alsoProvides(target, IBatchLimit)
    target.commit([Create(make_cookie("a", seen=NOW - 7_000_000))])
    target.calls.clear()
    run(store_of(make_cookie("a", JOE)), target)
    assert target.calls == ["load", "commit 1", "commit 1"]
    assert held(target) == held(store_of(make_cookie("a", JOE)))


def test_progress_is_reported_with_every_batch():
    counts = []
    cookies = (make_cookie(str(n)) for n in range(BATCH + 1))
    copy(store_of(*cookies), store_of(), NOW, counts.append)
    assert counts == [BATCH, 1]


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


@pytest.mark.parametrize(
    "there",
    [
        make_cookie("a", MARY, seen=NOW - 7_000_000),
        make_cookie("a", seen=NOW - 7_000_000, expires=NOW + 2 * DAY),
        make_cookie("a", seen=NOW - 7_000_000, created=NOW - 9_000_000),
    ],
    ids=["a login that has gone", "an earlier end", "another creation"],
)
def test_what_no_update_takes_back_is_replaced(there):
    source, target = store_of(make_cookie("a")), store_of(there)
    assert run(source, target).counts == Counter(updated=1, expired=0)
    assert held(target) == held(source)
    assert check(source, target).is_equal


def test_a_login_is_copied_with_the_position_at_which_the_copy_began(observed):
    """A target that several nodes share keeps out a login whose user is revoked during the copy."""
    from observed_store import ObservedStore

    target = ObservedStore()
    target.revoked_since = lambda cursor: ([], f"after {cursor}")
    alsoProvides(target, IRevocationFeed)
    target.commit([Create(make_cookie("a", seen=NOW - 7_000_000))])
    committed = []
    target.commit = lambda changes: committed.extend(changes) or [True] * len(changes)
    run(store_of(make_cookie("a", JOE)), target)
    assert committed[0] == Authenticate(make_cookie("a").id, JOE, NOW - 3_600_000, "after None")


@pytest.mark.parametrize(
    "there", [[], [make_cookie("a", seen=NOW - 7_000_000, created=NOW - 9_000_000)]]
)
def test_a_user_who_is_revoked_in_the_target_during_the_copy_is_not_logged_in(observed, there):
    """Neither where the record is new, nor where it is replaced."""
    from observed_store import ObservedStore

    target = ObservedStore()
    target.revoked_since = lambda cursor: ([], f"after {cursor}")
    alsoProvides(target, IRevocationFeed)
    target.commit([Create(cookie) for cookie in there])
    committed = []
    target.commit = lambda changes: committed.extend(changes) or [True] * len(changes)
    cookie = make_cookie("a", JOE)
    run(store_of(cookie), target)
    assert committed[-1] == Create(cookie, "after None")


def test_an_update_does_not_touch_a_login_that_is_the_same(observed):
    """Another login, if only for a moment, closes the connections of a running node."""
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
    assert list(only_in_target(source, target, NOW)) == [make_cookie("theirs").id]


def test_what_has_expired_in_the_target_is_not_counted():
    assert list(only_in_target(store_of(), store_of(expired("a")), NOW)) == []


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
