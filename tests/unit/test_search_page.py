"""A page of the records that are meant, with a clock that passes as the store reads."""

from itertools import count

import pytest

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.search.page import BUDGET_S, SearchPage, search_page
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.paging import PAGE
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from tests.support.stores import ScriptedStore

MANY = 10 * PAGE
JOE, ANN = make_auth("joe"), make_auth("ann")


class TimedStore(ScriptedStore):
    """Each page takes `cost_s` of its clock."""

    cost_s = 0.0
    longest = MANY
    read = 0
    now_s = 1000.0

    def __init__(self):
        super().__init__()
        self.asked = []

    def page(self, cursor, limit, authid=None, authrealm=None):
        self.now_s += self.cost_s
        self.asked.append((limit, authid, authrealm))
        page = super().page(cursor, min(limit, self.longest), authid, authrealm)
        self.read += len(page[0])
        return page


@pytest.fixture
def store():
    """Of many records every 100th is Joe's."""
    store = TimedStore()
    for number in range(MANY):
        store.cookies[make_id(number)] = make_cookie(number, JOE if number % 100 == 7 else ANN)
    return store


def search(store, cursor=None, limit=10, is_valid=lambda _: True, **selection):
    return search_page(
        store, Selection(**selection), NOW, cursor, limit, is_valid, lambda: store.now_s
    )


def walk(store, limit, **selection):
    """All pages of a search."""
    cursor = None
    for number in count(1):
        page = search(store, cursor, limit, **selection)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
        assert number < MANY


def numbers(pages):
    return [int(cookie.id) for page in pages for cookie in page.cookies]


def joes():
    return [number for number in range(MANY) if number % 100 == 7]


@pytest.mark.parametrize("limit", [1, 3, 7, 10, 49, 50, 51, 10_000])
def test_a_walk_meets_each_record_that_is_meant_once(store, limit):
    pages = list(walk(store, limit, authrole=JOE.authrole, authrealm=JOE.authrealm, authid="joe"))
    assert numbers(pages) == joes()
    assert max(len(page.cookies) for page in pages) <= limit
    assert [page.looked_at for page in pages if len(page.cookies) < limit][:-1] == []


@pytest.mark.parametrize("limit", [1, 7, 500, 10_000])
def test_a_walk_over_all_has_full_pages_and_looks_at_nothing_twice(store, limit):
    pages = list(walk(store, limit)) if limit > 1 else [search(store, limit=1)]
    assert numbers(pages) == list(range(MANY if limit > 1 else 1))
    assert {len(page.cookies) for page in pages[:-1]} <= {limit}
    assert sum(page.looked_at for page in pages) == (MANY if limit > 1 else 1)


def test_a_store_whose_pages_are_shorter_is_not_read_twice(store):
    """As those of `lmdb` are: a few records are missing to a whole page."""
    store.longest = PAGE - 4
    assert numbers(walk(store, PAGE)) == list(range(MANY))
    assert store.read == MANY


def test_records_that_do_not_count_are_looked_at_and_not_found(store):
    page = search(store, limit=MANY, is_valid=lambda cookie: cookie.auth == JOE)
    assert (len(page.cookies), page.looked_at, page.cursor) == (50, MANY, None)


def test_where_nothing_is_found_the_time_ends_the_page_and_the_cursor_leads_on(store):
    store.cost_s = BUDGET_S / 4
    page = search(store, authrole="nobody")
    assert len(store.asked) == 4
    assert (page.cookies, page.looked_at) == ([], 10 + 20 + 40 + 80)
    assert page.cursor is not None
    # "Looked at N so far" grows to all there are.
    assert sum(each.looked_at for each in walk(store, 10, authrole="nobody")) == MANY


def test_no_read_begins_that_would_not_end_in_time(store):
    store.cost_s = BUDGET_S * 0.6
    began = store.now_s
    search(store, authrole="nobody")
    assert store.now_s - began <= BUDGET_S
    assert len(store.asked) == 1


def test_a_store_that_is_slower_than_the_budget_gets_one_read_a_page(store):
    store.cost_s = 2 * BUDGET_S
    pages = list(walk(store, 1000))
    assert [limit for limit, *_ in store.asked] == [PAGE] * len(pages)


def test_reads_become_longer_as_long_as_nothing_is_found(store):
    search(store, authrole="nobody")
    assert [limit for limit, *_ in store.asked[:7]] == [10, 20, 40, 80, 160, 320, 500]
    assert {limit for limit, *_ in store.asked[7:]} == {PAGE}


def test_by_user_the_stores_index_is_asked_and_by_realm_all_records(store):
    search(store, authid="joe", authrealm="realm1")
    search(store, authrealm="realm1")
    assert store.asked[0][1:] == ("joe", "realm1")
    assert store.asked[-1][1:] == (None, None)


def test_an_empty_store_has_an_empty_page():
    assert search(TimedStore()) == SearchPage([], 0, None)


def test_a_damaged_store_does_not_keep_it_walking(store):
    store.page = lambda cursor, limit, authid=None, authrealm=None: ([make_cookie(1)], "aa")
    with pytest.raises(StoreCorrupt, match="stands still"):
        search(store, authrole="nobody")


def test_records_that_come_between_two_reads_of_one_place_are_not_lost(store):
    """More is found than there is room for, and at the second look even more."""
    there = (8, 10, 12)
    store.cookies = {make_id(n): make_cookie(n, JOE if n in there else ANN) for n in range(14)}
    read = store.page

    def page(cursor, limit, *user):
        if limit == 5:
            for number in (7, 9):
                store.cookies[make_id(number)] = make_cookie(number, JOE)
        return read(cursor, limit, *user)

    store.page = page
    first = search(store, None, 2, lambda cookie: cookie.auth == JOE)
    second = search(store, first.cursor, 10, lambda cookie: cookie.auth == JOE)
    assert numbers([first, second]) == [7, 8, 9, 10, 12]
