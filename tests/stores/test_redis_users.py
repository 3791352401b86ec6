"""Users who are revoked in Redis: what is deleted, what is fenced, and what readers learn."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import product
from threading import Event, Semaphore
from typing import Any

import pytest
from attrs import evolve
from redis.exceptions import ConnectionError as RedisConnectionError

from cookietrack_plugin.errors import PositionLost, StoreUnavailable
from cookietrack_plugin.record import (
    Authenticate,
    Cookie,
    Create,
    Delete,
    UserRevoked,
    matches,
)
from cookietrack_plugin.stores.kit.codec import encode
from cookietrack_plugin.stores.kit.fences import Fence, any_refuses, names_of, raised
from cookietrack_plugin.stores.redis import user_revocation
from cookietrack_plugin.stores.redis.feed import entry_of, position_of
from cookietrack_plugin.stores.redis.indexes import Recent
from cookietrack_plugin.stores.redis.keys import Partition
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.stores.redis.upgrade import _index as old_index
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
    TOPOLOGIES,
    keys_of,
    open_redis,
    options_for,
    run_command,
)

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

JOE = "joe", "realm1"
USERS = [("joe", "realm1"), ("joe", "realm2"), ("mary", "realm1"), None]
NO_ENTRIES = (b"x", b""), (b"1-1", ""), (b"9" * 30 + b"-0", b""), b"1-1", ()
NAMES = list(product(("joe", None), ("realm1", None)))


@pytest.fixture(params=TOPOLOGIES)
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    return options_for(request)


@pytest.fixture
def store(options: dict[str, Any]) -> Iterator[RedisStore]:
    store = open_redis(**options)
    yield store
    store.close()


@pytest.fixture
def other(options: dict[str, Any], store: RedisStore) -> Iterator[RedisStore]:
    """The same store, as another node has it."""
    other = open_redis(**options)
    yield other
    other.close()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records are many: users with more than three in a partition go in steps."""
    monkeypatch.setattr(user_revocation, "_STEP", 3)


def populate(store: RedisStore, count: int = 40) -> None:
    """`count` records of each of `USERS`."""
    auths = [make_auth(*user) if user else None for user in USERS]
    cookies = [make_cookie(n, auths[n % len(auths)]) for n in range(count * len(auths))]
    assert all(store.commit([Create(cookie) for cookie in cookies]))


def login(number: int, since: Any, user: tuple[str, str] = JOE) -> Authenticate:
    return Authenticate(make_id(number), make_auth(*user), NOW, since)


def position(store: RedisStore) -> Any:
    return store.revoked_since(None)[1]


def trips(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The commands that the store sends from now on, by round trip."""
    sent: list[list[Any]] = []
    send = store._client.try_

    def note(commands: Any) -> list[Any]:
        if commands:
            sent.append(list(commands))
        return send(commands)

    monkeypatch.setattr(store._client, "try_", note)
    return sent


# -- what is deleted -------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", ["at once", "in steps"])
@pytest.mark.parametrize(("authid", "authrealm"), NAMES)
def test_the_records_of_a_user_are_deleted_and_no_others(
    store: RedisStore,
    authid: str | None,
    authrealm: str | None,
    steps: str,
    monkeypatch: pytest.MonkeyPatch,
):
    if steps == "in steps":
        monkeypatch.setattr(user_revocation, "_STEP", 3)
    populate(store)
    before = list(store.scan())
    keep = {make_id(n) for n in (0, 1, 2, 3)}
    ending = {each.id for each in before if matches(each.auth, authid, authrealm)} - keep
    assert store.revoke_user(authid, authrealm, keep) == len(ending)
    assert {each.id for each in store.scan()} == {each.id for each in before} - ending
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


@pytest.mark.parametrize("steps", ["at once", "in steps"])
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
    store: RedisStore, other: RedisStore, user: UserRevoked, steps: str, monkeypatch: Any
):
    if steps == "in steps":
        monkeypatch.setattr(user_revocation, "_STEP", 3)
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


# -- the fence -------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("steps", ["at once", "in steps"])
def test_a_login_on_a_kept_id_is_measured_by_the_revocation_before(
    store: RedisStore, steps: str, monkeypatch: pytest.MonkeyPatch
):
    if steps == "in steps":
        monkeypatch.setattr(user_revocation, "_STEP", 3)
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


def test_fences_are_the_pure_rule(store: RedisStore):
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
            store.commit([Create(make_cookie(number % 6))])
            since = choice.randrange(max(0, len(cursors) - 5), len(cursors))
            user = choice.choice(("joe", "mary")), "realm1"
            refused = any_refuses(map(fences.get, names_of(*user)), id, since)
            assert store.commit([login(number % 6, cursors[since], user)]) == [not refused]
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


# -- in how many steps -----------------------------------------------------------------------------


def test_a_user_is_one_script_and_one_entry_in_each_partition(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    populate(store)
    store.revoke_user("nobody", None)
    partitions = store._layout.partitions
    lengths = [store._client.run([("XLEN", each.revoked)])[0] for each in partitions]
    sent = trips(store, monkeypatch)
    store.revoke_user(*JOE)
    assert [{command[0] for command in trip} for trip in sent] == [{"ZRANGE"}, {"EVALSHA"}]
    assert len(sent[1]) == len(partitions)
    assert [store._client.run([("XLEN", each.revoked)])[0] for each in partitions] == [
        length + 1 for length in lengths
    ]


def test_no_script_deletes_more_than_a_step(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, small_steps: None
):
    populate(store, 30)
    sent = trips(store, monkeypatch)
    # Three of those are kept, and take nobody's place.
    assert store.revoke_user("joe", None, {make_id(0), make_id(1), make_id(4)}) == 57
    scripts = [command for trip in sent for command in trip if command[0] == "EVALSHA"]
    cookies = [sum(":cookie:" in str(part) for part in command) for command in scripts]
    assert max(cookies) == 3
    assert sum(cookies) >= 57


def test_readers_learn_of_it_when_the_records_are_gone(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch, small_steps: None
):
    """Whenever one looks: where a partition has told of the user, it has no record of it."""
    populate(store, 30)
    seen = []

    def look() -> None:
        told = [_last_user(other, each) for each in other._layout.partitions]
        left = [other._layout.of(cookie.id).number for cookie in other.scan(*JOE)]
        seen.append((any(told), bool(left)))
        assert not any(told[number] for number in left)

    between_trips(store, monkeypatch, look)
    store.revoke_user(*JOE)
    look()
    assert {(False, True), (True, False)} <= set(seen)


def test_logins_while_a_user_is_revoked_in_steps(
    store: RedisStore, other: RedisStore, monkeypatch: pytest.MonkeyPatch, small_steps: None
):
    """From the first fence on those that began before are refused, and later ones are not."""
    populate(store, 30)
    other.commit([Create(make_cookie(n)) for n in range(500, 1000)])
    before, refused, applied = position(other), [], []
    numbers = iter(range(500, 1000))

    def log_in() -> None:
        refused.append(not other.commit([login(next(numbers), before)])[0])
        applied.append(other.commit([login(next(numbers), position(other))])[0])

    between_trips(store, monkeypatch, log_in)
    store.revoke_user(*JOE)
    # Before it came the members, what can be done at once, and the fence.
    assert refused[0] is False
    assert all(refused[3:])
    assert all(applied)
    last = {each: _last_user(other, each) for each in other._layout.partitions}
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
            gone = {other._layout.of(each.id): each.id for each in other.scan(*JOE)}
            here = {other._layout.of(each.id): each for each in changes}
            changes = [each for partition, each in here.items() if partition in gone]
            other.commit([Delete(gone[each]) for each in here if each in gone])
        other.commit(changes)

    between_trips(store, monkeypatch, log_in)
    store.revoke_user("joe", realm)
    assert list(other.scan("joe", realm)) == []


def between_trips(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]
) -> None:
    """Call it before each round trip of the store from now on."""
    send = store._client.try_

    def interrupted(commands: Any) -> list[Any]:
        if commands:
            call()
        return send(commands)

    monkeypatch.setattr(store._client, "try_", interrupted)


def _last_user(store: RedisStore, partition: Partition) -> bytes | None:
    """The number of the last entry of the partition that tells of a user."""
    entries = store._client.run([("XRANGE", partition.revoked, "-", "+")])[0]
    return next((number for number, fields in reversed(entries) if b"keep" in fields), None)


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["lost", "never asked for"])
@pytest.mark.parametrize("name", [JOE, ("joe", None), (None, "realm1")])
@pytest.mark.parametrize("step", [1000, 3])
def test_a_connection_that_is_cut_between_steps(
    store: RedisStore,
    other: RedisStore,
    monkeypatch: pytest.MonkeyPatch,
    name: tuple[str | None, str | None],
    step: int,
    answer: str,
):
    """Wherever it is cut: nobody has learned of records that are there, and a retry ends it."""
    monkeypatch.setattr(user_revocation, "_STEP", step)
    send = store._client.try_
    cuts = 0
    for cut in range(100):
        populate_again(other)
        since = position(other)
        left = [cut]

        def try_(commands: Any, left: list[int] = left) -> list[Any]:
            if not commands:
                return []
            left[0] -= 1
            if left[0] == -1 and answer == "lost":
                send(commands)
            if left[0] == -1:
                raise RedisConnectionError("Connection reset by peer")
            return send(commands)

        monkeypatch.setattr(store._client, "try_", try_)
        try:
            store.revoke_user(*name)
        except StoreUnavailable:
            cuts += 1
            _check_told(other, since, name)
            store.revoke_user(*name)
        assert list(other.scan(*name)) == []
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
        number = _last_user(store, partition)
        entry = entry_of(since, partition, len(store._layout.partitions))
        assert entry
        if number and position_of(number) > position_of(entry[0]):
            left = [each for each in store.scan(*name) if store._layout.of(each.id) == partition]
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
        store = open_redis(server.url(), timeout=0.3)
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
        lambda: next(store.scan()),
        lambda: next(store.scan("joe")),
        lambda: store.stat(),
    ]
    for call in calls + more:
        with pytest.raises(StoreUnavailable, match="closed"):
            call()


def test_the_time_is_the_servers(options: dict[str, Any], store: RedisStore):
    key = store._layout.partitions[0].expiry
    first = store._client.time_at(key)
    asked = store.server_time()
    seconds, _ = store._client.master_of(key).time()
    assert first <= asked <= (seconds + 1) * 1000


# -- many at once ----------------------------------------------------------------------------------


def test_no_login_from_before_a_revocation_survives_it(
    options: dict[str, Any], store: RedisStore, other: RedisStore
):
    """
    Two nodes log joe in, with positions that are fresh or some time old, and two clients revoke him
    in different ways. Whatever is there after a revocation began after it did, by the stream of its
    own partition.
    """
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
            if choice.random() < 0.5:
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
        ids = [each.id for each in client.scan(*JOE)]
        assert [id for id in ids if not self._began_after(before, id, client)] == []
        return len(ids)

    def _began_after(self, cursor: Any, id: str, client: RedisStore) -> bool:
        partitions = client._layout.partitions
        cursors = (self._since[id], cursor)
        entries = [entry_of(each, client._layout.of(id), len(partitions)) for each in cursors]
        since, before = (position_of(entry[0]) for entry in entries if entry)
        return since > before


# -- scans -----------------------------------------------------------------------------------------


def test_a_scan_gives_each_record_once_when_the_index_shrinks(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    """ZSCAN gives some a second time then."""
    numbers = range(6_000)
    pages: list[list[str]] = []
    read_page = store._indexes.page

    def page(index: str, cursor: int) -> tuple[int, list[str]]:
        cursor, ids = read_page(index, cursor)
        pages.append(ids)
        return cursor, ids

    def scan(number: int) -> list[str]:
        store.commit([Create(make_cookie(n)) for n in numbers])
        pages.clear()
        scan, seen = store.scan(), []
        while len(pages) < number or len(seen) < sum(map(len, pages)):
            seen.append(next(scan).id)
        # What it gives again shares a slot of the smaller table with what comes next.
        kept = {*pages[-1][-30:], make_id(0)}
        store.commit([Delete(id) for id in map(make_id, numbers) if id not in kept])
        seen += (each.id for each in scan)
        assert kept <= set(seen)
        return seen

    monkeypatch.setattr(store._indexes, "page", page)
    seen = scan(5)
    assert len(set(seen)) == len(seen)
    monkeypatch.setattr(Recent, "new", lambda self, ids: list(ids))
    assert any(len(set(seen)) < len(seen) for seen in map(scan, range(2, 8)))


def test_a_record_that_changes_realms_is_given_once(store: RedisStore):
    populate(store, 30)
    users = ("joe", "realm1"), ("joe", "realm2")
    for old, new in (users, users[::-1]):
        scan = store.scan("joe")
        seen = [next(scan).id]
        ids = [each.id for each in store.scan(*old)]
        store.commit([Authenticate(id, make_auth(*new), NOW) for id in ids])
        seen += (each.id for each in scan)
        assert len(set(seen)) == len(seen)


def test_what_was_seen_is_remembered_within_bounds():
    recent = Recent(10)
    assert recent.new(["a", "b", "a"]) == ["a", "b"]
    for n in range(100):
        recent.new([str(n)])
        assert recent.new([str(m) for m in range(max(0, n - 9), n + 1)]) == []
    assert recent.new(["a"]) == ["a"]
    assert len(recent._newer) + len(recent._older) <= 20


# -- stores of the schema before -------------------------------------------------------------------


def test_a_store_of_schema_1_is_upgraded(options: dict[str, Any]):
    """Its logins are found by identity, and its feed is read on from where somebody was."""
    auths = [make_auth(*user) if user else None for user in USERS]
    cookies = [make_cookie(n, auths[n % 4]) for n in range(1_200)]
    with closing(open_redis(**options)) as store:
        layout = store._layout
        _fill_as_schema_1(store, cookies)
    cursor = tuple((b"5-1", b"") for _ in layout.partitions)
    first, second = open_redis(**options), open_redis(**options)
    assert keys_of(first, "authid:*") == []
    assert run_command(options["url"], "HGET", layout.meta, "version") == b"2"
    assert first.revoked_since(cursor)[0] == [make_id(7)]
    assert sorted(first.scan(), key=lambda each: each.id) == cookies
    assert len(list(first.scan(*JOE))) == second.revoke_user(*JOE) == 300
    assert len(list(first.scan("joe"))) == second.revoke_user("joe", None) == 300
    first.close()
    second.close()


def _fill_as_schema_1(store: RedisStore, cookies: list[Cookie]) -> None:
    commands: list[Any] = [("HSET", store._layout.meta, "version", 1)]
    for cookie in cookies:
        own = store._layout.of(cookie.id)
        commands.append(("SET", own.cookie(cookie.id), encode(cookie)))
        commands.append(("ZADD", own.expiry, cookie.expires, cookie.id))
        if cookie.auth:
            index = old_index(own, cookie.auth.authid)
            commands.append(("ZADD", index, cookie.expires, cookie.id))
    for own in store._layout.partitions:
        commands += ("SET", own.cookie("damaged"), "x"), ("ZADD", own.expiry, NOW, "damaged")
        commands += (
            ("XADD", own.revoked, f"5-{n}", "id", id) for n, id in ((1, ""), (2, make_id(7)))
        )
    store._client.run(commands)
