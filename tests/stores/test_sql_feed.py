"""What a revocation costs on a database, and whom it keeps waiting."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text

from cookietrack_plugin.record import Authenticate, Change, Create, Delete, UserRevoked
from cookietrack_plugin.stores.sql import engine as sql_engine
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import Database
from tests.support.link import CountingLink
from tests.support.node import wait_for
from tests.support.opening import open_sql

pytest_plugins = ["tests.support.servers", "tests.support.databases"]

PATIENCE_S = 30.0
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT count(*) FROM information_schema.innodb_lock_waits",
}


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Database:
    return request.getfixturevalue(request.param)


@pytest.fixture
def url(server: Database) -> Iterator[str]:
    with server.database() as name:
        yield server.url(name)


@pytest.fixture
def link(server: Database) -> Iterator[CountingLink]:
    link = CountingLink(server.port)
    yield link
    link.cut()


@pytest.fixture
def remote(
    server: Database, url: str, link: CountingLink, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqlStore]:
    """A store at the other end of the link, which pings nobody who was idle for a moment."""
    monkeypatch.setattr(sql_engine, "_IDLE_S", 3600.0)
    store = open_sql(url.replace(f":{server.port}/", f":{link.port}/"))
    yield store
    store.close()


@pytest.fixture
def store(each_database: str) -> Iterator[SqlStore]:
    store = open_sql(each_database)
    yield store
    store.close()


# -- round trips ----------------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize("size", [1, 50, 1000])
def test_a_batch_of_deletions_is_one_round_trip(remote: SqlStore, link: CountingLink, size: int):
    remote.commit([Create(make_cookie(n)) for n in range(size)])
    _, cursor = remote.revoked_since(None)
    deletions = [Delete(make_id(n)) for n in range(size)]
    assert link.count(lambda: remote.commit(deletions)) == 1
    assert remote.revoked_since(cursor)[0] == [make_id(n) for n in range(size)]
    assert link.count(lambda: remote.commit(deletions)) == 1


@pytest.mark.server
def test_whatever_revokes_counts_in_the_round_trip_that_commits(
    server: Database, url: str, remote: SqlStore, link: CountingLink
):
    """A commit waits for a counter that is locked; nothing before it does."""
    changes = [Create(make_cookie(n, make_auth())) for n in range(6)]
    remote.commit([*changes, Create(make_cookie(9, make_auth("ann")))])
    mixed: list[Change] = [Delete(make_id(0)), make_touch(1), Create(make_cookie(7))]
    for work in (
        lambda: remote.commit([Delete(make_id(5)), Delete(make_id(8))]),
        lambda: remote.commit(mixed),
        lambda: remote.commit([Authenticate(make_id(2), make_auth("mary"), NOW)]),
        lambda: remote.revoke_user("joe", "realm1"),
    ):
        assert _trips_behind_the_counter(server, url, link, work) == 0


def _trips_behind_the_counter(server: Database, url: str, link: CountingLink, work: Any) -> int:
    """How many round trips `work` has still to do once it has waited for a locked counter."""
    blocking = open_sql(url)
    with ThreadPoolExecutor(1) as thread, closing(blocking._engine.connect()) as connection:
        before = link.requests
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("UPDATE cookietrack_meta SET revoked = revoked + 1"))
        done = thread.submit(work)
        wait_for(lambda: _waits(server) or done.done(), "nobody waits for the counter")
        assert not done.done(), done.result()
        asked = link.requests
        connection.exec_driver_sql("ROLLBACK")
        done.result(PATIENCE_S)
        assert asked > before
    blocking.close()
    return link.requests - asked


def _waits(server: Database) -> bool:
    """Whether somebody waits for a lock."""
    # InnoDB repeats its last answer if it is asked again within 0.1 s.
    time.sleep(0.15)
    return server.execute(WAITING[server.scheme])[0] != (0,)


# -- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "applied", "told"),
    [
        ([], [], []),
        ([Delete(make_id(9))], [False], []),
        ([Delete(make_id(0)), Delete(make_id(0))], [True, False], [0]),
        ([Delete(make_id(n)) for n in (2, 9, 0, 1)], [True, False, True, True], [0, 1, 2]),
        ([Delete(make_id(0)), Create(make_cookie(0))], [True, True], [0]),
        ([Delete(make_id(0)), Create(make_cookie(0)), Delete(make_id(0))], [True] * 3, [0]),
        ([Create(make_cookie(9)), Delete(make_id(9))], [True, True], [9]),
        ([Delete(make_id(9)), make_touch(0)], [False, True], []),
        ([Delete(make_id(1)), make_touch(0), Create(make_cookie(8))], [True] * 3, [1]),
        ([Authenticate(make_id(0), make_auth("mary"), NOW)], [True], [0]),
        ([Authenticate(make_id(0), make_auth("joe", "realm2"), NOW)], [True], [0]),
        ([Authenticate(make_id(0), make_auth(), NOW)], [True], []),
        (
            [Authenticate(make_id(0), make_auth("mary"), NOW), Delete(make_id(1))],
            [True] * 2,
            [0, 1],
        ),
    ],
)
def test_the_feed_tells_what_was_revoked(
    store: SqlStore, changes: Sequence[Change], applied: list[bool], told: list[int]
):
    store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
    _, cursor = store.revoked_since(None)
    assert store.commit(changes) == applied
    assert store.revoked_since(cursor)[0] == [make_id(n) for n in told]


def test_deletions_after_one_another_are_told_in_their_order(store: SqlStore):
    """Numbers that are left out, as where nothing was there, hide nothing."""
    store.commit([Create(make_cookie(n, make_auth())) for n in range(8)])
    _, cursor = store.revoked_since(None)
    store.commit([Delete(make_id(n)) for n in (5, 20, 21, 22)])
    store.commit([Delete(make_id(n)) for n in (30, 31)])
    store.revoke_user("ann", None)
    store.commit([Delete(make_id(n)) for n in (40, 0, 41, 3)])
    expected = [make_id(5), UserRevoked("ann", None), make_id(0), make_id(3)]
    assert store.revoked_since(cursor)[0] == expected


def test_nodes_that_delete_the_same_records_at_once_delete_each_once(
    store: SqlStore, each_database: str
):
    """All of them in another order, with a batch in which there is another change as well."""
    count, nodes = 200, [open_sql(each_database) for _ in range(3)]
    store.commit([Create(make_cookie(n)) for n in range(count)])
    _, cursor = store.revoked_since(None)
    orders = [range(count), range(count)[::-1], [*range(1, count, 2), *range(0, count, 2)]]

    def delete(node: SqlStore, order: Sequence[int]) -> int:
        deleted = 0
        for start in range(0, count, 20):
            changes: list[Change] = [Delete(make_id(n)) for n in order[start : start + 20]]
            if start % 40:
                changes.append(make_touch(10_000))
            deleted += sum(node.commit(changes))
        return deleted

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(delete, nodes, orders)) == count
    assert sorted(map(str, store.revoked_since(cursor)[0])) == [make_id(n) for n in range(count)]
    for node in nodes:
        node.close()


@pytest.mark.server
def test_a_record_that_is_created_within_a_deletion_is_told_of(server: Database, url: str):
    """
    On MySQL a batch of deletions is several statements, between which others can commit. What
    another node creates in between is deleted and told, or neither.
    """
    store, other = open_sql(url), open_sql(url)
    store.commit([Create(make_cookie(0))])
    _, cursor = store.revoked_since(None)
    deletions = [Delete(make_id(n)) for n in range(2)]
    with ThreadPoolExecutor(1) as thread, closing(other._engine.connect()) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("UPDATE cookietrack_meta SET revoked = revoked + 0"))
        # Has looked for its records by now, and waits for the counter.
        done = thread.submit(store.commit, deletions)
        wait_for(lambda: _waits(server), "nobody waits for the counter")
        third = open_sql(url)
        assert third.commit([Create(make_cookie(1))]) == [True]
        third.close()
        connection.exec_driver_sql("COMMIT")
        applied = done.result(PATIENCE_S)
    told = [make_id(n) for n in range(2) if applied[n]]
    assert store.revoked_since(cursor)[0] == told
    assert set(store.load([make_id(0), make_id(1)])) == {make_id(0), make_id(1)} - set(told)
    for each in (store, other):
        each.close()


@pytest.mark.server
def test_a_deletion_that_fails_leaves_no_half_of_it(url: str):
    """The feed refuses its entries: nothing is deleted either, and the connection is as good."""
    store = open_sql(url)
    store.commit([Create(make_cookie(n)) for n in range(3)])
    with closing(store._engine.connect()) as connection:
        connection.execute(text("ALTER TABLE cookietrack_revoked RENAME TO elsewhere"))
    mixed: list[Change] = [Delete(make_id(0)), make_touch(1)]
    for changes in ([Delete(make_id(0)), Delete(make_id(1))], mixed):
        with pytest.raises(Exception, match="cookietrack_revoked"):
            store.commit(changes)
    with closing(store._engine.connect()) as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO cookietrack_revoked"))
    assert set(store.load([make_id(n) for n in range(3)])) == {make_id(n) for n in range(3)}
    assert store.commit([Delete(make_id(0)), Delete(make_id(1))]) == [True, True]
    store.close()
