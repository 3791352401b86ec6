"""The records of a user, listed on a thread that no other work waits for."""

import threading

import pytest

from cookietrack_plugin.access.listing import Listing
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.testing.samples import make_auth, make_cookie


@pytest.fixture
def store(make_store):
    store = make_store()
    logins = {1: make_auth("joe"), 2: make_auth("joe"), 3: make_auth("ann"), 4: None}
    for number, auth in logins.items():
        cookie = make_cookie(number, auth)
        store.cookies[cookie.id] = cookie
    return store


@pytest.fixture
def listing(store, reactor):
    listing = Listing(store, reactor)
    yield listing
    store.pages.open()
    reactor.result_of(listing.close())


def anything(cookie):
    return True


def test_it_has_the_users_records_that_are_wanted(listing, store, reactor):
    found = reactor.result_of(listing.of("joe", "realm1", anything))
    assert sorted(each.id for each in found) == [make_cookie(n).id for n in (1, 2)]
    assert store.threads["page"] is not threading.current_thread()
    one = reactor.result_of(listing.of("joe", "realm1", lambda each: each == found[0]))
    assert one == found[:1]
    assert reactor.result_of(listing.of("joe", "realm2", anything)) == []


def test_its_thread_begins_with_the_first_who_asks(listing, reactor):
    assert listing._thread is None
    reactor.result_of(listing.of("joe", "realm1", anything))
    assert listing._thread is not None


def test_it_fails_as_the_store_does(listing, store, reactor):
    store.fail_pages(ValueError)
    with pytest.raises(ValueError, match="the disk is away"):
        reactor.result_of(listing.of("joe", "realm1", anything))


def test_one_that_fails_takes_no_other_with_it(listing, reactor):
    def fail(cookie):
        raise ValueError("no")

    failing, good = (listing.of("joe", "realm1", wanted) for wanted in (fail, anything))
    with pytest.raises(ValueError, match="no"):
        reactor.result_of(failing)
    assert len(reactor.result_of(good)) == 2


def test_a_store_that_was_silent_is_left_alone_for_a_while(listing, store, reactor):
    store.pages.shut()
    store.fail_pages()
    asked = [listing.of(user, "realm1", anything) for user in ("joe", "ann")]
    reactor.turn_until(store.pages.reached())
    reactor.advance(1)
    store.pages.open()
    for each in asked:
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            reactor.result_of(each)
    with pytest.raises(StoreUnavailable, match="the disk is away"):
        reactor.result_of(listing.of("joe", "realm1", anything))
    assert store.pages.arrived == 1
    store.recover()
    reactor.advance(1)
    assert len(reactor.result_of(listing.of("joe", "realm1", anything))) == 2


@pytest.mark.parametrize("begun", [False, True])
def test_after_its_end_it_has_nothing(listing, reactor, begun):
    if begun:
        reactor.result_of(listing.of("joe", "realm1", anything))
    reactor.result_of(listing.close())
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        reactor.result_of(listing.of("joe", "realm1", anything))
