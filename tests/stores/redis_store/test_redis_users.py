"""Users who are revoked in Redis: what is deleted, in which steps, and what the feed says."""

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from cookietrack_plugin.errors import PositionLost, StoreUnavailable
from cookietrack_plugin.record import (
    Create,
    Delete,
    UserRevoked,
    matches,
)
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis.feed import entry_of, position_of
from cookietrack_plugin.stores.redis.rounds import Round
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
)
from servers.process import running
from servers.redises import RedisServer
from tests.support.redis_stores import (
    JOE,
    NAMES,
    USERS,
    WAYS,
    between_trips,
    keys_of,
    last_user,
    login,
    open_redis,
    populate,
    position,
    revoke_in,
    run_command,
    trips,
)

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server


NO_ENTRIES = (b"x", b""), (b"1-1", ""), (b"9" * 30 + b"-0", b""), b"1-1", ()


# -- what is deleted -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("authid", "authrealm"), NAMES)
def test_the_records_of_a_user_are_deleted_and_no_others(
    store: RedisStore,
    authid: str | None,
    authrealm: str | None,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
):
    revoke_in(way, monkeypatch)
    populate(store)
    before = list(records(store))
    keep = {make_id(n) for n in (0, 1, 2, 3)}
    ending = {each.id for each in before if matches(each.auth, authid, authrealm)} - keep
    assert store.revoke_user(authid, authrealm, keep) == len(ending)
    assert {each.id for each in records(store)} == {each.id for each in before} - ending
    assert store.stat()["cookies"] == len(before) - len(ending)


@pytest.mark.parametrize("authrealm", ["realm1", None])
def test_nothing_that_belongs_to_the_records_is_left(store: RedisStore, authrealm: str | None):
    store.commit([Create(make_cookie(n, make_auth())) for n in range(20)])
    assert len(keys_of(store, "user:*")) == len(store._layout.partitions)
    assert store.revoke_user("joe", authrealm) == 20
    assert keys_of(store, "user:*") + keys_of(store, "cookie:*") + keys_of(store, "expiry") == []


def test_a_damaged_record_goes_with_its_user(options: dict[str, Any], store: RedisStore):
    store.commit([Create(make_cookie(n, make_auth())) for n in range(2)])
    key = store._layout.of(make_id(0)).cookie(make_id(0))
    run_command(options["url"], "SETRANGE", key, 3, "damage")
    assert store.revoke_user(*JOE) == 2
    assert keys_of(store, "cookie:*") == []


def test_what_another_got_under_an_id_is_not_deleted_for_a_stale_member(
    options: dict[str, Any], store: RedisStore
):
    """The server has removed joe's record by itself; migration brings the id back as mary's."""
    store.commit([Create(make_cookie(1, make_auth("mary"), expires=NOW + 1))])
    index = store._layout.of(make_id(1)).user(*JOE)
    run_command(options["url"], "ZADD", index, NOW, make_id(1))
    assert store.revoke_user(*JOE) == 0
    assert set(store.load([make_id(1)])) == {make_id(1)}
    assert keys_of(store, "user:*") == [
        store._layout.of(make_id(1)).user("mary", "realm1").encode()
    ]


# -- what readers of the feed learn ----------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "user",
    [
        UserRevoked("joe", "realm1", frozenset([make_id(1), make_id(2)])),
        UserRevoked("joe", None),
        UserRevoked(None, "realm1", frozenset([make_id(1)])),
        UserRevoked(None, None),
        UserRevoked("", ""),
        UserRevoked("jö\0e", "\ud800,"),
    ],
)
def test_a_revocation_is_told_once_whatever_it_matched(
    store: RedisStore, other: RedisStore, user: UserRevoked, way: str, monkeypatch: Any
):
    revoke_in(way, monkeypatch)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(100, 160)])
    cursor = position(other)
    store.revoke_user(user.authid, user.authrealm, user.keep)
    told, cursor = other.revoked_since(cursor)
    assert told == [user]
    assert other.revoked_since(cursor) == ([], cursor)


def test_users_and_ids_are_told_in_their_order(store: RedisStore):
    store.commit([Create(make_cookie(n)) for n in range(2)])
    cursor = position(store)
    store.commit([Delete(make_id(0))])
    store.revoke_user(*JOE)
    store.revoke_user("mary", None)
    store.commit([Delete(make_id(1))])
    told = store.revoked_since(cursor)[0]
    users = [UserRevoked(*JOE), UserRevoked("mary", None)]
    assert [each for each in told if isinstance(each, UserRevoked)] == users
    assert sorted(each for each in told if isinstance(each, str)) == [make_id(0), make_id(1)]
    if len(store._layout.partitions) == 1:
        assert told == [make_id(0), *users, make_id(1)]


def test_who_changes_hands_is_told_by_identity(store: RedisStore):
    """joe of another realm is another user."""
    store.commit([Create(make_cookie(n, make_auth(*JOE))) for n in range(3)])
    cursor = position(store)
    changes = [login(0, cursor, JOE), login(1, cursor, ("joe", "realm2")), make_touch(2)]
    assert store.commit(changes) == [True] * 3
    assert store.revoked_since(cursor)[0] == [make_id(1)]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        (),
        7,
        (b"1-1", b""),
        ((b"x", b""),),
        ((b"1-1", ""),),
        ((b"9" * 30 + b"-0", b""),),
    ],
)
def test_what_is_no_cursor_of_this_store_is_refused(store: RedisStore, cursor: Any):
    cursors = [cursor]
    if isinstance(cursor, list):
        cursors.append(tuple(cursor * len(store._layout.partitions)))
    cursors.append(position(store) * 2)
    for each in cursors:
        with pytest.raises(PositionLost):
            store.revoked_since(each)


# -- in how many steps -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("realm", "reads"),
    [("realm1", [{"INFO"}, {"ZRANGE"}]), (None, [{"INFO"}, {"SMEMBERS"}, {"ZRANGE"}])],
)
def test_a_user_is_one_script_and_one_entry_in_each_partition(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, realm: str | None, reads: list[set[str]]
):
    populate(store)
    store.revoke_user("nobody", None)
    partitions = store._layout.partitions
    lengths = [store._client.run([("XLEN", each.revoked)])[0] for each in partitions]
    sent = trips(store, monkeypatch)
    store.revoke_user("joe", realm)
    assert [{command[0] for command in trip} for trip in sent] == [*reads, {"EVALSHA"}]
    assert len(sent[-1]) == len(partitions)
    assert [store._client.run([("XLEN", each.revoked)])[0] for each in partitions] == [
        length + 1 for length in lengths
    ]


@pytest.mark.parametrize("way", ["in steps", "behind a fence"])
def test_no_script_deletes_more_than_a_step(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, way: str
):
    """In steps there is one entry, too."""
    revoke_in(way, monkeypatch)
    populate(store, 30)
    sent = trips(store, monkeypatch)
    # Three of those are kept, and take nobody's place.
    assert store.revoke_user("joe", None, {make_id(0), make_id(1), make_id(4)}) == 57
    scripts = [command for trip in sent for command in trip if command[0] == "EVALSHA"]
    cookies = [sum(":cookie:" in str(part) for part in command) for command in scripts]
    # Those that are kept can be among those of the last step.
    assert max(cookies) <= 6
    assert sum(cookies) >= 57
    partitions = len(store._layout.partitions)
    assert sum("keep" in command for command in scripts) == partitions
    fences = sum("fence" in command for command in scripts)
    assert fences == (partitions if way == "behind a fence" else 0)


@pytest.mark.parametrize("way", WAYS)
def test_readers_learn_of_it_when_the_records_are_gone(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch, way: str
):
    """Whenever one looks: where a partition has told of the user, it has no record of it."""
    revoke_in(way, monkeypatch)
    populate(store, 30)
    seen = []

    def look() -> None:
        told = [last_user(other, each) for each in other._layout.partitions]
        left = [other._layout.of(cookie.id).number for cookie in records(other, *JOE)]
        seen.append((any(told), bool(left)))
        assert not any(told[number] for number in left)

    between_trips(store, monkeypatch, look)
    store.revoke_user(*JOE)
    look()
    assert {(False, True), (True, False)} <= set(seen)


def test_logins_while_a_user_is_revoked_behind_a_fence(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    """From the first fence on those that began before are refused, and later ones are not."""
    revoke_in("behind a fence", monkeypatch)
    populate(store, 30)
    other.commit([Create(make_cookie(n)) for n in range(500, 1000)])
    before, refused, applied = position(other), [], []
    numbers = iter(range(500, 1000))

    def log_in() -> None:
        refused.append(not other.commit([login(next(numbers), before)])[0])
        applied.append(other.commit([login(next(numbers), position(other))])[0])

    between_trips(store, monkeypatch, log_in)
    store.revoke_user(*JOE)
    # Whether indexes can be relied on is asked before.
    assert refused[:2] == [False, False]
    assert all(refused[2:])
    assert all(applied)
    last = {each: last_user(other, each) for each in other._layout.partitions}
    assert all(last.values())


@pytest.mark.parametrize("realm", ["realm1", None])
@pytest.mark.parametrize("how", ["one more", "one for another", "in a new realm"])
def test_a_login_between_the_members_and_the_script_is_deleted_too(
    store: RedisStore,
    other: RedisStore,
    monkeypatch: pytest.MonkeyPatch,
    realm: str | None,
    how: str,
):
    """Before each round trip one logs in in each partition, with the position from before."""
    populate(store, 20)
    other.commit([Create(make_cookie(n)) for n in range(500, 1500)])
    before, rounds = position(other), iter(range(500, 1500, 20))

    def log_in() -> None:
        first = next(rounds)
        user = JOE if how != "in a new realm" or realm else ("joe", f"realm{first}")
        changes = [login(n, before, user) for n in range(first, first + 20)]
        if how == "one for another":
            gone = {other._layout.of(each.id): each.id for each in records(other, *JOE)}
            here = {other._layout.of(each.id): each for each in changes}
            changes = [each for partition, each in here.items() if partition in gone]
            other.commit([Delete(gone[each]) for each in here if each in gone])
        other.commit(changes)

    between_trips(store, monkeypatch, log_in)
    store.revoke_user("joe", realm)
    assert list(records(other, "joe", realm)) == []


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["lost", "never asked for"])
@pytest.mark.parametrize("name", [JOE, ("joe", None), (None, "realm1")])
@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_is_cut_between_steps(
    store: RedisStore,
    other: RedisStore,
    monkeypatch: pytest.MonkeyPatch,
    name: tuple[str | None, str | None],
    way: str,
    answer: str,
):
    """Wherever it is cut: nobody has learned of records that are there, and a retry ends it."""
    revoke_in(way, monkeypatch)
    send = store._client.exchange
    cuts = 0
    for cut in range(100):
        populate_again(other)
        since = position(other)
        left = [cut]

        def exchange(asked: Round, left: list[int] = left) -> list[Any]:
            if not asked.commands:
                return []
            left[0] -= 1
            if left[0] == -1 and answer == "lost":
                send(asked)
            if left[0] == -1:
                raise RedisConnectionError("Connection reset by peer")
            return send(asked)

        monkeypatch.setattr(store._client, "exchange", exchange)
        try:
            store.revoke_user(*name)
        except StoreUnavailable:
            cuts += 1
            _check_told(other, since, name)
            store.revoke_user(*name)
        assert list(records(other, *name)) == []
        assert UserRevoked(*name) in other.revoked_since(since)[0]
        other.commit([Create(make_cookie(900))])
        assert other.commit([login(900, since)]) == [False]
        other.commit([Delete(make_id(900))])
        if left[0] >= 0:
            break
    # The last round was not cut at all; those before were, once at each trip.
    assert cuts == cut > 1


def populate_again(store: RedisStore) -> None:
    auths = [make_auth(*user) if user else None for user in USERS]
    store.commit([Create(make_cookie(n, auths[n % 4])) for n in range(48)])


def _check_told(store: RedisStore, since: Any, name: tuple[str | None, str | None]) -> None:
    for partition in store._layout.partitions:
        number = last_user(store, partition)
        entry = entry_of(since, partition, len(store._layout.partitions))
        assert entry
        if number and position_of(number) > position_of(entry[0]):
            left = [
                each for each in records(store, *name) if store._layout.of(each.id) == partition
            ]
            assert left == []


@pytest.mark.parametrize("count", [0, 20])
def test_users_are_revoked_on_a_server_that_has_no_room(count: int):
    """Letting go works on a full server, with an entry even where nothing was deleted."""
    with running(RedisServer()) as server:
        store = open_redis(server.url())
        store.commit([Create(make_cookie(n, make_auth())) for n in range(count)])
        cursor = position(store)
        server.client().config_set("maxmemory", 1)
        with pytest.raises(Exception, match="no room"):
            store.commit([Create(make_cookie(100))])
        assert store.revoke_user(*JOE) == count
        assert store.revoke_user(None, "realm1") == 0
        users = [UserRevoked(*JOE), UserRevoked(None, "realm1")]
        assert store.revoked_since(cursor)[0] == users
        store.close()


def test_a_server_that_is_silent_or_a_closed_store_is_unavailable():
    with running(RedisServer()) as server:
        store = open_redis(server.url(), timeout=1)
        cursor = position(store)
        calls: list[Callable[[], Any]] = [
            lambda: store.revoke_user(*JOE),
            lambda: store.revoke_user(None, None),
            lambda: store.server_time(),
            lambda: store.revoked_since(cursor),
        ]
        with server.paused():
            for call in calls:
                with pytest.raises(StoreUnavailable):
                    call()
        store.close()
        store.close()
    more = [
        lambda: store.load([]),
        lambda: store.commit([]),
        lambda: store.expire(NOW, 1),
        lambda: next(records(store)),
        lambda: next(records(store, "joe")),
        lambda: store.stat(),
    ]
    for call in calls + more:
        with pytest.raises(StoreUnavailable, match="closed"):
            call()


def test_the_time_is_the_servers(options: dict[str, Any], store: RedisStore):
    key = store._layout.partitions[0].expiry
    first = store._client.time_at(key)
    asked = store.server_time()
    assert first <= asked <= store._client.time_at(key)
