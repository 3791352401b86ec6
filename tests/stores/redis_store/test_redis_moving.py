"""A slot of a cluster moves to another master: nobody is refused for it, and nothing is lost."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import PASSWORD
from servers.process import running
from servers.redises import RedisCluster, quoted
from tests.support.node import wait_for
from tests.support.redis_stores import JOE, login, new_prefix, open_redis, position
from tests.support.slots import MovingSlot

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[3]

# Records of the store, whose keys are moved ten at a time.
COUNT = 60
# For how long somebody may be refused, in seconds.
PATIENCE_S = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """One of its own: its slots are moved."""
    with running(RedisCluster()) as cluster:
        yield cluster


@pytest.fixture
def store(cluster: RedisCluster) -> Iterator[RedisStore]:
    store = open_redis(cluster.url(), prefix=new_prefix())
    store.commit([Create(make_cookie(number, make_auth())) for number in range(COUNT)])
    yield store
    store.close()


@pytest.fixture
def slot(cluster: RedisCluster, store: RedisStore) -> MovingSlot:
    return MovingSlot(cluster, store._layout.meta)


# How much of the slot has arrived when it is used: nothing, all records, all but them, everything.
STAGES = ["announced", "records", "indexes", "everything", "moved"]


def bring(slot: MovingSlot, stage: str) -> None:
    slot.begin()
    if stage in ("records", "indexes"):
        keys = [key for key in slot.left() if (b":cookie:" in key) == (stage == "records")]
        slot.carry_keys(*keys)
    elif stage != "announced":
        while slot.carry():
            pass
    if stage == "moved":
        slot.end()


@pytest.mark.parametrize("stage", STAGES)
def test_everything_works_while_a_slot_moves(store, slot, stage):
    since = position(store)
    bring(slot, stage)
    assert set(store.load([make_id(n) for n in range(COUNT + 1)])) == {
        make_id(n) for n in range(COUNT)
    }
    assert store.commit([Create(make_cookie(100)), Create(make_cookie(1))]) == [True, False]
    assert store.commit([login(100, since, ("ann", "realm1")), make_touch(2)]) == [True, True]
    assert store.load([make_id(100)])[make_id(100)].auth == make_auth("ann", "realm1")
    assert store.commit([Delete(make_id(3)), Delete(make_id(200))]) == [True, False]
    assert [cookie.id for cookie in records(store, "ann")] == [make_id(100)]
    assert store.revoke_user(*JOE, keep=[make_id(4)]) == COUNT - 2
    assert store.commit([login(4, since), login(100, since)]) == [True, False]
    assert store.expire(make_cookie().expires, 100) == 2
    assert store.revoked_since(since)[0] == [
        make_id(3),
        UserRevoked(*JOE, frozenset([make_id(4)])),
    ]
    while slot.carry():
        pass
    slot.end()
    assert list(records(store)) == []
    assert store.commit([Create(make_cookie(1))]) == [True]


@pytest.mark.parametrize("stage", STAGES)
def test_the_last_of_all_can_be_let_go_while_a_slot_moves(cluster, stage):
    """Its index ends with it, in the middle of a script."""
    store = open_redis(cluster.url(), prefix=new_prefix())
    since = position(store)
    store.commit([Create(make_cookie(number, make_auth())) for number in range(2)])
    store.revoke_user("nobody", "realm1")
    bring(slot := MovingSlot(cluster, store._layout.meta), stage)
    assert store.commit([Delete(make_id(0)), Delete(make_id(1))]) == [True, True]
    assert store.revoked_since(since)[0][1:] == [make_id(0), make_id(1)]
    while slot.carry():
        pass
    slot.end()
    assert list(records(store)) == list(records(store, "joe")) == []


def test_nothing_is_lost_while_logins_and_logouts_go_on(cluster, store, slot):
    other = open_redis(cluster.url(), prefix=store._layout.meta[1:-6])
    since = position(other)
    ended = Event()
    kept: list[int] = []
    gone: list[int] = []
    waits: list[float] = []

    def use() -> None:
        number = 1000
        while not ended.is_set():
            began = time.monotonic()
            number += 2
            new = [Create(make_cookie(number)), Create(make_cookie(number + 1))]
            assert store.commit(new) == [True, True]
            assert other.commit([Authenticate(make_id(number), make_auth(), NOW)]) == [True]
            assert store.commit([Delete(make_id(number + 1))]) == [True]
            kept.append(number)
            gone.append(number + 1)
            waits.append(time.monotonic() - began)

    user = Thread(target=use)
    user.start()
    for _ in range(2):
        slot.move()
        done = len(kept)
        wait_for(lambda done=done: len(kept) > done + 10 or not user.is_alive(), "no more commits")
        slot = MovingSlot(cluster, store._layout.meta)
    ended.set()
    user.join()
    assert len(kept) > 20
    assert max(waits) < PATIENCE_S
    expected = {make_id(n) for n in [*range(COUNT), *kept]}
    assert {cookie.id for cookie in records(other, "joe")} == expected
    assert set(other.load([make_id(n) for n in kept + gone])) == {make_id(n) for n in kept}
    assert sorted(other.revoked_since(since)[0]) == sorted(make_id(n) for n in gone)
    other.close()


def test_a_master_that_has_joined_since_is_found(cluster):
    store = open_redis(cluster.url(), prefix=new_prefix())
    store.commit([Create(make_cookie(1))])
    with cluster.joined() as newcomer:
        slot = MovingSlot(cluster, store._layout.meta, newcomer)
        slot.begin()
        assert store.commit([Create(make_cookie(2)), Delete(make_id(1))]) == [True, True]
        while slot.carry():
            pass
        slot.end()
        assert store.commit([Create(make_cookie(3))]) == [True]
        assert set(store.load([make_id(n) for n in range(4)])) == {make_id(2), make_id(3)}
        MovingSlot(cluster, store._layout.meta).move()
        assert store.commit([Create(make_cookie(4))]) == [True]
    store.close()


def test_the_rights_that_the_documentation_names_are_enough(cluster):
    rights = re.search(r"the commands `(\+@read[^`]*)`", (ROOT / "docs/scaling.md").read_text())
    assert rights
    prefix = new_prefix()
    commands = [*rights[1].split(), "+cluster"]
    for server in cluster.servers:
        login = "on", f">{PASSWORD}", f"~{{{prefix}*"
        server.client().execute_command("ACL", "SETUSER", "ann", "reset", *login, *commands)
    store = open_redis(cluster.url().replace("://:", "://ann:"), prefix=prefix)
    store.commit([Create(make_cookie(1))])
    bring(slot := MovingSlot(cluster, store._layout.meta), "records")
    assert store.commit([Create(make_cookie(2)), Delete(make_id(1))]) == [True, True]
    assert set(store.load([make_id(1), make_id(2)])) == {make_id(2)}
    slot.end()
    store.close()


def test_without_the_right_to_move_keys_it_is_unavailable_until_the_end(cluster):
    """It is no damage, whatever the servers answer."""
    prefix = new_prefix()
    for server in cluster.servers:
        rights = {"enabled": True, "passwords": [f"+{PASSWORD}"], "categories": ["+@all"]}
        server.client().acl_setuser("mary", keys=[f"{{{prefix}*"], commands=["-migrate"], **rights)
    url = cluster.url().replace("://:", "://mary:")
    assert f"mary:{quoted(PASSWORD)}@" in url
    store = open_redis(url, prefix=prefix)
    store.commit([Create(make_cookie(1))])
    bring(slot := MovingSlot(cluster, store._layout.meta), "records")
    with pytest.raises(StoreUnavailable, match="is moving slots"):
        store.commit([Create(make_cookie(2))])
    assert set(store.load([make_id(1), make_id(2)])) == {make_id(1)}
    while slot.carry():
        pass
    slot.end()
    assert store.commit([Create(make_cookie(2))]) == [True]
    store.close()
