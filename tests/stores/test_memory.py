"""The memory store: what it adds to the contract. The contract itself is the kit's business."""

import pytest

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.record import Auth, Authenticate, Cookie, Create, Delete, Touch
from cookietrack_plugin.stores.memory import MemoryProvider, MemoryStore
from cookietrack_plugin.testing import StoreSuite

JOE = Auth("joe", "user", "ticket", "realm1")


class TestMemoryStore(StoreSuite):
    provider = MemoryProvider
    options = {"type": "memory", "max_cookies": 1_000_000}
    wrong_options = [("max_cookies", {"type": "memory", "max_cookies": 0})]
    lacks = {
        "sharing": "every opening has a memory of its own",
        "feed": "there is nobody to tell",
        "damage": "records are kept as objects: there is nothing to decode",
        "foreign": "it opens nothing",
        "limit": "a new record takes the place of an old one",
    }


def open_memory(**options: object) -> MemoryStore:
    provider = MemoryProvider()
    provider.check({"type": "memory", **options})
    return provider.open({"type": "memory", **options}, ".")


def create(name: str, auth: Auth | None = None, expires: int = 10_000) -> Create:
    return Create(Cookie(name, created=0, expires=expires, seen=0, auth=auth))


def names(store: MemoryStore) -> list[str]:
    return sorted(cookie.id for cookie in store.scan())


def test_a_full_store_makes_room_by_its_oldest_unauthenticated_record():
    store = open_memory(max_cookies=3)
    store.commit([create("user", JOE), create("old"), create("young")])
    assert store.commit([create("new")]) == [True]
    assert names(store) == ["new", "user", "young"]


def test_where_all_are_authenticated_the_oldest_login_makes_room():
    store = open_memory(max_cookies=2)
    store.commit([create("a"), create("b"), Authenticate("b", JOE, at=1)])
    store.commit([Authenticate("a", JOE, at=2), create("new")])
    assert names(store) == ["a", "new"]


def test_a_touch_does_not_make_a_record_younger():
    store = open_memory(max_cookies=2)
    store.commit([create("old"), create("young")])
    store.commit([Touch("old", seen=1, expires=20_000, peer=None, user_agent=None), create("new")])
    assert names(store) == ["new", "young"]


def test_a_collision_in_a_full_store_drives_nobody_out():
    store = open_memory(max_cookies=2)
    store.commit([create("a"), create("b")])
    assert store.commit([create("b")]) == [False]
    assert names(store) == ["a", "b"]


def test_a_batch_larger_than_the_store_leaves_its_last_records():
    store = open_memory(max_cookies=2)
    assert store.commit([create(name) for name in "abcd"]) == [True] * 4
    assert names(store) == ["c", "d"]


def test_a_million_records_are_kept_unless_configured_otherwise():
    assert open_memory().stat()["max_cookies"] == 1_000_000


@pytest.mark.parametrize("found", [0, -1, True, "10", 1.5])
def test_max_cookies_is_an_integer_from_1_on(found):
    with pytest.raises(ConfigError, match="max_cookies"):
        open_memory(max_cookies=found)


def test_a_touched_record_expires_at_its_new_time():
    store = open_memory()
    store.commit([create("a", expires=1_500), create("b", expires=9_000)])
    later, earlier = (
        Touch(name, seen=1, expires=expires, peer=None, user_agent=None)
        for name, expires in [("a", 9_000), ("b", 1_400)]
    )
    store.commit([later, earlier])
    assert store.expire(now=8_999, limit=10) == 0
    assert store.expire(now=9_000, limit=10) == 2


def test_of_the_second_that_has_begun_only_what_is_due_expires():
    store = open_memory()
    store.commit([create(str(ms), expires=ms) for ms in range(1_000, 2_000, 100)])
    assert store.expire(now=1_300, limit=10) == 4
    assert store.expire(now=1_300, limit=10) == 0
    assert store.expire(now=1_999, limit=4) == 4
    assert store.expire(now=1_999, limit=4) == 2


def test_records_that_come_and_go_leave_nothing_behind_in_the_order_of_expiry():
    store = open_memory()
    for _ in range(100):
        store.commit([create("a"), Delete("a")])
    assert len(store._deadlines._queue) == 1
