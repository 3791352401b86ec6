"""Walks over pages, the cursors that stores make with the kit, and ids in order."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of, records
from cookietrack_plugin.stores.kit.shards import NOTHING, Shards
from cookietrack_plugin.stores.memory import MemoryStore
from cookietrack_plugin.testing.samples import make_cookie, make_id

places = st.binary(min_size=1, max_size=40)


class Damaged(MemoryStore):
    """Gives the same cursors again and again, as a cursor on a zeroed page does."""

    def __init__(self, cursors):
        super().__init__(1_000)
        self.cursors = iter(cursors)
        self.asked = []

    def page(self, cursor, limit, authid=None, authrealm=None):
        self.asked.append(cursor)
        return [make_cookie(len(self.asked))], next(self.cursors)


@pytest.mark.parametrize("cursors", [["a", "a"], ["b", "a"], ["a", "b", "c", "b"], ["a", ""]])
def test_a_walk_that_stands_still_ends_in_an_error(cursors):
    store = Damaged([*cursors, *["z"] * 99])
    walk = records(store)
    assert [next(walk) for _ in cursors[1:]]
    with pytest.raises(StoreCorrupt, match=r"stands still: .+ `cookietrack verify`"):
        next(walk)
    assert store.asked == [None, *cursors[:-1]]


def test_a_walk_goes_on_over_empty_pages():
    class Sparse(MemoryStore):
        def page(self, cursor, limit, authid=None, authrealm=None):
            page, following = super().page(cursor, limit, authid, authrealm)
            return [each for each in page if each.id == make_id(17)], following

    store = Sparse(1_000)
    store.commit([Create(make_cookie(n)) for n in range(20)])
    assert [cookie.id for cookie in records(store, limit=3)] == [make_id(17)]


@given(places, places)
def test_cursors_are_in_the_order_of_their_places(first, second):
    assert (cursor_of(first) < cursor_of(second)) == (first < second)
    assert place_of(cursor_of(first)) == first


@given(st.text())
def test_a_text_is_a_cursor_or_refused(text):
    try:
        place = place_of(text)
    except ValueError:
        return
    assert cursor_of(place) == text


def test_ids_come_in_order_from_any_place_on():
    choice = random.Random(5)
    letters = "ABCxyz019-_"
    ids = {"".join(choice.choices(letters, k=24)) for _ in range(2_000)}
    shards = Shards[int]()
    for number, id in enumerate(ids):
        shards[id[:2]][id] = number
    ordered = sorted(ids)
    assert shards.after("", 10_000) == ordered
    assert sorted(shards.ids()) == ordered
    for start in (0, 1, 77, 1_998, 1_999):
        assert shards.after(ordered[start], 50) == ordered[start + 1 : start + 51]
    for nowhere in ("", "A", "zz", "\ud800", "0" * 50):
        assert shards.after(nowhere, 5) == [id for id in ordered if id > nowhere][:5]
    size = len(shards)
    assert shards.get("??", NOTHING).get("??") is None
    assert len(shards) == size
