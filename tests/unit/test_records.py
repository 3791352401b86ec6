"""What operators see of the records: the valid ones, and nothing is altered by looking."""

from threading import current_thread

import pytest
from attrs import evolve

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.access.store import MAX_WALKS, AsyncStore
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.records import Records
from cookietrack_plugin.tracking.validity import Validity
from tests.support.connections import FakeLink

# By their numbers: who is logged in.
LOGINS = [None, make_auth("joe"), make_auth("joe", "realm2"), make_auth("ann"), make_auth("ann")]


class Clock:
    """Stands still, and minds which thread reads it."""

    def __init__(self):
        self.threads = set()

    def now(self):
        self.threads.add(current_thread())
        return NOW + 10


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deleted():
    return {make_id(4)}


@pytest.fixture
def connections():
    return Connections()


@pytest.fixture
def access(any_store, reactor):
    """Five records that count, of which the last is ended, one that has expired, and a late one."""
    any_store.cookies = {make_id(n): make_cookie(n, auth) for n, auth in enumerate(LOGINS)}
    any_store.cookies[make_id(5)] = make_cookie(5, make_auth("joe"), expires=NOW + 10)
    late = evolve(make_cookie(6, make_auth("joe")), created=NOW + 3600_000)
    any_store.cookies[make_id(6)] = late
    access = AsyncStore(any_store, reactor)
    yield access
    reactor.result_of(access.close())


@pytest.fixture
def records(access, clock, deleted, connections):
    return Records(access, Validity(clock, deleted, []), connections)


def numbers(cookies):
    return {int(cookie.id) for cookie in cookies}


@pytest.mark.parametrize(("number", "found"), [(1, True), (4, False), (5, False), (6, False)])
def test_a_record_is_found_if_it_is_valid(records, any_store, reactor, number, found):
    expected = any_store.cookies[make_id(number)] if found else None
    assert reactor.result_of(records.find(make_id(number))) == expected


def test_one_that_is_not_there_is_not_found(records, reactor):
    assert reactor.result_of(records.find(make_id(77))) is None


@pytest.mark.parametrize(
    ("authid", "authrealm", "found"),
    [
        (None, None, {0, 1, 2, 3}),
        ("joe", None, {1, 2}),
        ("joe", "realm2", {2}),
        (None, "realm1", {1, 3}),
        ("eve", None, set()),
    ],
)
def test_those_of_a_user_are_listed_and_counted(records, reactor, authid, authrealm, found):
    listed = reactor.result_of(records.select(authid, authrealm, 100))
    assert numbers(listed) == found
    assert len(listed) == len(found)
    assert reactor.result_of(records.count(authid, authrealm)) == len(found)


def test_only_as_many_are_listed_as_are_wanted(records, any_store, reactor):
    """Those that are not valid count for nothing."""
    any_store.cookies[make_id(0)] = evolve(any_store.cookies[make_id(5)], id=make_id(0))
    assert numbers(reactor.result_of(records.select(None, None, 2))) == {1, 2}
    assert reactor.result_of(records.select(None, None, 0)) == []


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, {0, 1, 2, 3}),
        ({"authid": "joe", "authrealm": "realm2"}, {2}),
        ({"authrealm": "realm1"}, {1, 3}),
        ({"anonymous": True}, {0}),
        ({"authrole": "nobody"}, set()),
        ({"expired": True}, {5}),
    ],
)
def test_those_that_are_meant_are_found_page_by_page(records, reactor, selection, found):
    pages, cursor = [], None
    while not pages or cursor is not None:
        pages.append(reactor.result_of(records.search(Selection(**selection), cursor, 2)))
        cursor = pages[-1].cursor
    assert numbers(cookie for page in pages for cookie in page.cookies) == found
    assert max(len(page.cookies) for page in pages) <= 2


def test_they_are_read_on_a_thread_that_may_wait_and_judged_by_nothing_that_this_one_writes(
    records, any_store, reactor, clock
):
    for looked in (
        records.select(None, None, 5),
        records.search(Selection(), None, 5),
        records.count(None, None),
    ):
        reactor.result_of(looked)
    assert any_store.threads["page"] is not current_thread()
    assert clock.threads == {current_thread()}


@pytest.mark.parametrize(
    "walk",
    [
        lambda records: records.select(None, "realm1", 5),
        lambda records: records.search(Selection(authrealm="realm1"), None, 5),
        lambda records: records.count(None, "realm1"),
    ],
)
def test_a_few_at_a_time_go_through_all_of_them(records, any_store, reactor, walk):
    reactor.getThreadPool().adjustPoolsize(0, MAX_WALKS + 4)
    any_store.pages.shut()
    walks = [walk(records) for _ in range(MAX_WALKS + 1)]
    # An index leads to those of a user.
    of_user = records.search(Selection(authid="joe"), None, 5)
    reactor.turn_until(any_store.pages.reached(MAX_WALKS + 1), "the walks, and the user's")
    reactor.result_of(records.stat())
    assert not any_store.pages.reached(MAX_WALKS + 2)()
    any_store.pages.open()
    for each in (*walks, of_user):
        reactor.result_of(each)


def test_the_stores_own_numbers_come_with_that_of_connected_cookies(
    records, reactor, connections, any_store
):
    for number in (1, 1, 2):
        cookie = connections.activate(make_cookie(number), 0.0)
        connections.add(TrackedConnection(FakeLink(), cookie, Policy(60), 0, False, 0))
    assert reactor.result_of(records.stat()) == {**any_store.stat(), "connected": 2}
    assert records.connected == 2
    assert [records.connections_of(make_id(n)) for n in (0, 1, 2)] == [0, 2, 1]


@pytest.mark.parametrize(
    "ask",
    [
        lambda records: records.select(None, None, 5),
        lambda records: records.search(Selection(), None, 5),
        lambda records: records.count(None, None),
        lambda records: records.stat(),
    ],
)
def test_what_the_store_fails_with_is_passed_on(records, any_store, reactor, ask):
    def fail(*_):
        raise StoreUnavailable("the disk is away")

    any_store.page = any_store.stat = fail
    with pytest.raises(StoreUnavailable, match="the disk is away"):
        reactor.result_of(ask(records))


def test_what_is_queued_and_counted_is_the_stores(records, access):
    assert records.pending == access.pending == 0
    assert records.metrics is access.metrics


def test_a_store_that_is_away_is_known_to_be_so(records, access, any_store, reactor):
    assert not records.is_away()
    any_store.fail_commits()
    for _ in range(MAX_FAILURES):
        with pytest.raises(StoreUnavailable):
            reactor.result_of(access.submit(Delete(make_id(1))))
    assert records.is_away()
    any_store.pages.arrived = 0
    with pytest.raises(StoreUnavailable):
        reactor.result_of(records.search(Selection(), None, 5))
    assert any_store.pages.arrived == 0, "pages are not asked for either"


def test_changes_that_wait_are_counted(make_store, reactor):
    store = make_store(commits_block=True)
    store.commits.shut()
    access = AsyncStore(store, reactor)
    records = Records(access, Validity(Clock(), set(), []), Connections())
    done = access.submit(Delete(make_id(1)))
    assert records.pending == 1
    store.commits.open()
    reactor.result_of(done)
    assert records.pending == 0
    reactor.result_of(access.close())
