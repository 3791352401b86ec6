"""The fence in Redis: logins that began before their user was revoked are not stored."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Any

import pytest
from attrs import evolve

from cookietrack_plugin.record import (
    Authenticate,
    Create,
    Delete,
    UserRevoked,
)
from cookietrack_plugin.stores.kit.fences import Fence, any_refuses, names_of, raised
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis.feed import entry_of, position_of
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
)
from tests.support.redis_stores import (
    JOE,
    NAMES,
    WAYS,
    login,
    new_login,
    open_redis,
    position,
    revoke_in,
    run_command,
    trips,
)

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server


@pytest.mark.parametrize(("authid", "authrealm"), NAMES)
def test_logins_that_began_before_are_refused_and_nothing_else_of_the_batch(
    store: RedisStore, other: RedisStore, authid: str | None, authrealm: str | None
):
    store.commit([Create(make_cookie(n)) for n in range(8)])
    before = position(store)
    keep = {make_id(n) for n in range(8)}
    other.revoke_user(authid, authrealm, keep)
    store.commit([Create(make_cookie(n)) for n in range(8, 12)])
    after = position(store)
    changes = [
        login(8, before),
        login(9, after),
        login(10, None),
        login(11, before, ("ann", "realm9")),
        make_touch(8),
        Create(make_cookie(20)),
        Delete(make_id(0)),
    ]
    everybody = (authid, authrealm) == (None, None)
    assert store.commit(changes) == [False, True, True, not everybody, True, True, True]
    logged_in = {
        id for id, each in store.load([make_id(n) for n in range(8, 12)]).items() if each.auth
    }
    assert logged_in == {make_id(n) for n in ([9, 10] if everybody else [9, 10, 11])}


def test_a_refused_login_leaves_the_record_and_its_owner_as_they_are(store: RedisStore):
    mary = make_cookie(1, make_auth("mary"))
    store.commit([Create(mary)])
    since = position(store)
    store.revoke_user(*JOE)
    cursor = position(store)
    assert store.commit([login(1, since)]) == [False]
    assert store.load([mary.id]) == {mary.id: mary}
    assert store.revoked_since(cursor)[0] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_login_on_a_kept_id_is_measured_by_the_revocation_before(
    store: RedisStore, way: str, monkeypatch: pytest.MonkeyPatch
):
    revoke_in(way, monkeypatch)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(100, 160)])
    keep = {make_id(n) for n in range(5)}
    store.commit([Create(make_cookie(n)) for n in range(10)])
    first = position(store)
    store.revoke_user(*JOE, keep)
    assert store.commit([login(0, first), login(5, first)]) == [True, False]
    second = position(store)
    store.revoke_user(*JOE, keep)
    changes = [login(1, first), login(2, second), login(6, second)]
    assert store.commit(changes) == [False, True, False]


def test_a_login_whose_position_is_gone_is_refused(options: dict[str, Any], store: RedisStore):
    """As after a trimmed stream, a failover that lost entries, or what was never a position."""
    store.commit([Create(make_cookie(n)) for n in range(10)])
    number = len(store._layout.partitions)
    foreign = (*(((b"1-1", b""),) * number), "nonsense", (), position(store) * 2)
    since = position(store)
    store.commit([Delete(make_id(n)) for n in range(5)])
    for partition in store._layout.partitions:
        run_command(options["url"], "XTRIM", partition.revoked, "MAXLEN", 0)
    position(store)
    changes = [login(n + 5, each) for n, each in enumerate((since, *foreign[number:]))]
    assert store.commit([*changes, login(9, foreign[:number])]) == [False] * (len(changes) + 1)
    assert store.commit([login(5, None), login(6, position(store))]) == [True, True]
    for number, each in enumerate((since, *foreign)):
        assert store.commit([new_login(20 + number, each)]) == [False]
    assert store.commit([new_login(40, None)]) == [True]
    assert store.commit([new_login(41, position(store))]) == [True]


@pytest.mark.parametrize("on_new_records", [False, True])
def test_fences_are_the_pure_rule(store: RedisStore, on_new_records: bool):
    """Random revocations and logins, against `kit.fences` with positions counted one by one."""
    choice = random.Random(11)
    fences: dict[Any, Fence] = {}
    cursors = [position(store)]
    outcomes = []
    for number in range(120):
        id = make_id(number % 6)
        if choice.random() < 0.3:
            name = choice.choice(("joe", "mary", None)), choice.choice(("realm1", None))
            kept = {make_id(choice.randrange(6)) for _ in range(choice.randrange(3))}
            store.revoke_user(*name, kept)
            cursors.append(position(store))
            user = UserRevoked(*name, frozenset(kept))
            fences[name] = raised(fences.get(name), len(cursors) - 1, user)
        else:
            store.commit([Delete(id) if on_new_records else Create(make_cookie(number % 6))])
            since = choice.randrange(max(0, len(cursors) - 5), len(cursors))
            user = choice.choice(("joe", "mary")), "realm1"
            refused = any_refuses(map(fences.get, names_of(*user)), id, since)
            change = (new_login if on_new_records else login)(number % 6, cursors[since], user)
            assert store.commit([change]) == [not refused]
            outcomes.append(refused)
    assert set(outcomes) == {True, False}


def test_fences_go_when_the_feed_no_longer_has_their_position(
    options: dict[str, Any], store: RedisStore
):
    for number in range(20):
        store.revoke_user(f"user{number}", "realm1")
    tags = [each.tag for each in store._layout.partitions]
    assert {_fields(options, tag) for tag in tags} == {21}
    since = max(position_of(entry[0]) for entry in position(store))
    for partition in store._layout.partitions:
        run_command(options["url"], "XTRIM", partition.revoked, "MAXLEN", 0)
    # Milliseconds are what fences are dropped by.
    while any(store._client.time_at(each.expiry) <= since[0] for each in store._layout.partitions):
        pass
    store.revoke_user("user0", None)
    assert {_fields(options, tag) for tag in tags} == {2}


def _fields(options: dict[str, Any], tag: str) -> int:
    return run_command(options["url"], "HLEN", f"{{{tag}}}:fences")


def test_a_login_behind_the_fence_takes_two_round_trips(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    """One reads records and fences, one writes."""
    store.commit([Create(make_cookie(n)) for n in range(100)])
    store.revoke_user(*JOE)
    since = position(store)
    assert store.commit([login(0, since)]) == [True]
    sent = trips(store, monkeypatch)
    assert all(store.commit([login(n, since) for n in range(100)]))
    assert [{command[0] for command in trip} for trip in sent] == [
        {"MGET", "HMGET", "XRANGE"},
        {"EVALSHA"},
    ]


@pytest.mark.parametrize("number", [1, 100])
def test_new_records_with_logins_take_one_round_trip_until_a_fence_is_raised(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, number: int
):
    """Then one that finds out, one that reads the fences, and one that writes."""
    store.revoke_user(*JOE)
    since = position(store)
    assert store.commit([new_login(0, since)]) == [True]
    sent = trips(store, monkeypatch)
    assert all(store.commit([new_login(1 + n, since) for n in range(number)]))
    assert [{command[0] for command in trip} for trip in sent] == [{"EVALSHA"}]
    store.revoke_user("mary", "realm1")
    sent.clear()
    assert all(store.commit([new_login(101 + n, since) for n in range(number)]))
    assert [{command[0] for command in trip} for trip in sent] == [
        {"EVALSHA"},
        {"HMGET", "XRANGE"},
        {"EVALSHA"},
    ]
    mary = [new_login(201 + n, since, ("mary", "realm1")) for n in range(number)]
    assert not any(store.commit(mary))


def test_a_new_record_with_a_login_is_refused_where_its_entry_says_something_else(
    store: RedisStore,
):
    """As after the server went back to an earlier state, and on from there."""
    store.revoke_user(*JOE)
    since = position(store)
    others = tuple((number, told + b"x") for number, told in since)
    assert store.commit([new_login(0, others)]) == [False]
    assert store.commit([new_login(0, since)]) == [True]


@pytest.mark.parametrize("way", WAYS)
def test_no_login_from_before_a_revocation_survives_it(
    options: dict[str, Any],
    store: RedisStore,
    other: RedisStore,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
):
    """
    Two nodes log joe in, with positions that are fresh or some time old, and two clients revoke him
    in different ways. Each login that is there after a revocation began after it did, by the stream
    of its own partition.
    """
    revoke_in(way, monkeypatch)
    nodes = [open_redis(**options) for _ in range(2)]
    race = Race()
    with ThreadPoolExecutor(4) as threads:
        logins = [threads.submit(race.log_in, node, n) for n, node in enumerate(nodes)]
        clients = enumerate((store, other))
        revocations = [threads.submit(race.revoke, each, n) for n, each in clients]
        try:
            survivors = sum(each.result() for each in revocations)
        finally:
            race.over.set()
        applied, refused = map(sum, zip(*(each.result() for each in logins), strict=True))
    # Each happened, and not once.
    assert min(applied, refused, survivors) > 10
    for node in nodes:
        node.close()


class Race:
    """Logins and revocations of one user, and what is known of them."""

    def __init__(self) -> None:
        self.over = Event()
        self._since: dict[str, Any] = {}
        self._logins = Semaphore(0)

    def log_in(self, node: RedisStore, seed: int) -> tuple[int, int]:
        """How many logins applied, and how many did not."""
        choice = random.Random(seed)
        cursors, results = [position(node)], [0, 0]
        while not self.over.is_set():
            id = f"{seed:04d}{sum(results):020d}"
            cursors = [*cursors[-3:], position(node)]
            self._since[id] = choice.choice(cursors)
            cookie = evolve(make_cookie(), id=id)
            change = Authenticate(id, make_auth(*JOE), NOW, self._since[id])
            way = choice.randrange(3)
            if way == 0:
                logged_in = evolve(cookie, auth=change.auth)
                applied = node.commit([Create(logged_in, self._since[id])])[0]
            elif way == 1:
                applied = node.commit([Create(cookie), change])[1]
            else:
                node.commit([Create(cookie)])
                applied = node.commit([change, evolve(make_touch(0), id=id)])[0]
            results[not applied] += 1
            self._logins.release()
        return results[0], results[1]

    def revoke(self, client: RedisStore, seed: int) -> int:
        """How many records were there after one revocation or another."""
        choice, survivors = random.Random(seed), 0
        for _ in range(40):
            self._await_logins(3)
            before = position(client)
            client.revoke_user(*choice.choice([JOE, JOE, ("joe", None), (None, "realm1")]))
            self._check(client, before)
            self._await_logins(6)
            survivors += self._check(client, before)
        return survivors

    def _await_logins(self, number: int) -> None:
        for _ in range(number):
            assert self._logins.acquire(timeout=60)

    def _check(self, client: RedisStore, before: Any) -> int:
        """How many records there are: all of them began after `before`."""
        ids = [each.id for each in records(client, *JOE)]
        assert [id for id in ids if not self._began_after(before, id, client)] == []
        return len(ids)

    def _began_after(self, cursor: Any, id: str, client: RedisStore) -> bool:
        partitions = client._layout.partitions
        cursors = (self._since[id], cursor)
        entries = [entry_of(each, client._layout.of(id), len(partitions)) for each in cursors]
        since, before = (position_of(entry[0]) for entry in entries if entry)
        return since > before
