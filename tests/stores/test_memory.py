"""The memory store: what it adds to the contract. The contract itself is the kit's business."""

from threading import Lock

import pytest

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.record import Auth, Authenticate, Cookie, Create, Delete, Touch
from cookietrack_plugin.stores.kit.paging import records
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
        "faults": "it has no engine that could fail",
        "place": "its place is the memory of the process",
    }


def open_memory(**options: object) -> MemoryStore:
    provider = MemoryProvider()
    provider.check({"type": "memory", **options})
    return provider.open({"type": "memory", **options}, ".")


def create(name: str, auth: Auth | None = None, expires: int = 10_000) -> Create:
    return Create(Cookie(name, created=0, expires=expires, seen=0, auth=auth))


def names(store: MemoryStore) -> list[str]:
    return sorted(cookie.id for cookie in records(store))


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


ANN = Auth("ann", "user", "ticket", "realm2")


def users(store: MemoryStore) -> int:
    """How many ids the index by user has."""
    realms = store._identities._realms.values()
    assert all(ids for realm in realms for ids in realm.values())
    return sum(len(ids) for realm in realms for ids in realm.values())


def test_the_index_by_user_has_the_records_that_are_logged_in_and_no_others():
    store = open_memory(max_cookies=4)
    store.commit([create("a", JOE), create("b", JOE), create("c", ANN, expires=1), create("d")])
    assert users(store) == 3
    store.commit([Authenticate("d", ANN, at=1), Authenticate("a", ANN, at=1), Delete("b")])
    assert users(store) == 3
    assert store.expire(now=1, limit=10) == 1
    store.commit([create(name, JOE) for name in "efgh"])
    assert users(store) == 4
    assert store.revoke_user("joe", None, {"f"}) == 3
    assert users(store) == 1
    assert store.revoke_user(None, "realm1") == 1
    assert store._identities._realms == {}
    store.commit([create("z", JOE)])
    assert store.revoke_user("joe", "realm1") == 1
    assert store._identities._realms == {}


def test_what_a_revocation_keeps_can_be_revoked_later():
    store = open_memory()
    store.commit([create("a", JOE), create("b", JOE), create("c", ANN)])
    for revoke in [("joe", "realm1"), ("joe", None), (None, "realm1"), (None, None)]:
        store.revoke_user(*revoke, {"a", "c"})
        assert names(store) == ["a", "c"]
        assert users(store) == 2
    assert store.revoke_user("joe", "realm1") == 1


def test_commits_wait_for_a_hundred_deletions_at_most(monkeypatch):
    store = open_memory()
    store.commit([create(f"{n}", JOE) for n in range(1_000)])
    held = []

    class Counted:
        def __enter__(self):
            held.append(store._count)

        def __exit__(self, *_):
            held[-1] -= store._count

    monkeypatch.setattr(store, "_lock", Counted())
    assert store.revoke_user("joe", "realm1") == 1_000
    assert sum(held) == 1_000
    assert max(held) == 100


@pytest.mark.parametrize("user", [("joe", "realm1"), ("joe", None), (None, "realm1")])
def test_a_revocation_looks_at_no_other_users_records(user, monkeypatch):
    store = open_memory()
    store.commit([create(f"{n}", ANN) for n in range(100)] + [create("a", JOE), create("b")])

    looked, get = set(), store._get
    monkeypatch.setattr(store, "_get", lambda id: looked.add(id) or get(id))
    assert store.revoke_user(*user) == 1
    assert looked == {"a"}


def test_an_authextra_that_is_no_data_is_refused_before_anything_is_stored():
    store = open_memory()
    locked = Auth("joe", "user", "ticket", "realm1", {"lock": Lock()})
    with pytest.raises(ValueError, match="cannot be stored"):
        store.commit([create("a"), create("b", locked)])
    assert names(store) == []
