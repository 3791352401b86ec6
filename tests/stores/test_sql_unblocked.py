"""Batches and look-ups on PostgreSQL without threads: the same as with them, and not waited for."""

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from select import select
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import text
from zope.interface.verify import verifyObject

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.interfaces import INonBlockingCommit, INonBlockingLoad
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql.postgresql import session
from cookietrack_plugin.testing.checks.unblocked import apply
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import PostgreSQL
from servers.pgbouncer import PgBouncer
from servers.process import running
from tests.support.link import CountingLink, Link
from tests.support.node import wait_for
from tests.support.opening import open_sql

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

PATIENCE_S = 30.0


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    with postgresql.database() as name:
        yield postgresql.url(name)


@pytest.fixture
def store(url: str) -> Iterator[Any]:
    store = open_sql(url)
    connect(store)
    yield store
    store.close()


def connect(store: Any) -> None:
    """Let the threads make the connections."""
    store.commit([Create(make_cookie(n, make_auth())) for n in range(4)])
    store.load([make_id(0)])


def load(store: Any, ids: Sequence[str]) -> Mapping[str, Cookie]:
    """What `load` gives, by `begin_load` and `finish_load`."""
    assert store.begin_load(ids)
    while (found := store.finish_load()) is None:
        assert select([store.load_fileno()], [], [], PATIENCE_S)[0]
    return found


def finish(store: Any) -> Sequence[bool]:
    while (results := store.finish()) is None:
        assert select([store.fileno()], [], [], PATIENCE_S)[0]
    return results


def test_the_store_provides_both(store: Any):
    verifyObject(INonBlockingCommit, store)
    verifyObject(INonBlockingLoad, store)


# -- the same as with threads ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_random_batches_do_what_threads_do(url: str, seed: int):
    """In tables of their own: answers, records, and what the feed tells."""
    stores = [open_sql(url, table=name) for name in ("one", "two")]
    choice = random.Random(seed)
    cursors = []
    for store in stores:
        connect(store)
        cursors.append([store.revoked_since(None)[1]])
    told: list[list[Any]] = [[], []]
    for _ in range(40):
        seeds = [choice.random() for _ in range(choice.choice([1, 2, 5, 20]))]
        batches = [[_change(random.Random(each), known) for each in seeds] for known in cursors]
        assert apply(stores[0], batches[0]) == stores[1].commit(batches[1])
        if choice.random() < 0.2:
            for store in stores:
                store.revoke_user("joe", None, {make_id(3)})
        for store, known, heard in zip(stores, cursors, told, strict=True):
            new, last = store.revoked_since(known[-1])
            heard.append(set(new))
            known.append(last)
    assert told[0] == told[1]
    assert list(records(stores[0])) == list(records(stores[1]))
    ids = [make_id(n) for n in range(12)]
    assert load(stores[0], ids) == stores[1].load(ids)
    for store in stores:
        store.close()


def _change(choice: random.Random, cursors: Sequence[Any]) -> Change:
    number, name = choice.randrange(12), choice.choice(["joe", "mary", "jo\0", "\ud800"])
    auth = make_auth(name, choice.choice(["realm1", "realm2"]), authextra=choice.choice(EXTRAS))
    places = [None, cursors[-1], choice.choice(cursors), ("x",), (2**40, "x")]
    return choice.choice(
        [
            Create(make_cookie(number, choice.choice([None, auth]))),
            Delete(make_id(number)),
            make_touch(number, choice.randrange(-5, 5)),
            Authenticate(
                make_id(number), auth, NOW + choice.randrange(-5, 5), choice.choice(places)
            ),
        ]
    )


EXTRAS: list[Any] = [None, {}, {"a": b"\xff\0", "b": ["\N{GRINNING FACE}", "'; --", "\\", 1.5]}]


def test_what_is_looked_up_is_as_it_was_stored(store: Any):
    texts = ["", "a\0", "a\ud800", "a\ufdd0", "\N{GRINNING FACE}", "'", "\\x41", "{}", "%s", "\n"]
    cookies = [
        evolve(make_cookie(n, make_auth(each)), user_agent=each, peer=None)
        for n, each in enumerate(texts, 10)
    ]
    assert all(apply(store, [Create(each) for each in cookies]))
    assert load(store, [each.id for each in cookies]) == {each.id: each for each in cookies}
    assert load(store, []) == {}
    assert load(store, ["", "\ud800", "a\0b", "é" * 24]) == {}


def test_a_damaged_record_is_absent(store: Any, caplog: pytest.LogCaptureFixture):
    with closing(store._engine.connect()) as connection:
        connection.execute(text("UPDATE cookietrack SET authextra = '\\xff', authrealm = NULL"))
    assert load(store, [make_id(0), make_id(1)]) == {}
    login = Authenticate(make_id(0), make_auth(), NOW)
    assert apply(store, [login, make_touch(1), Delete(make_id(2))]) == [False, False, True]
    assert make_id(0) in caplog.text


def test_a_login_waits_for_a_revocation_and_does_not_apply_behind_it(url: str, store: Any):
    """It sees the fence that is raised while it waits."""
    _, since = store.revoked_since(None)
    store.commit([Create(make_cookie(7))])
    other = open_sql(url)
    begun: list[bool] = []
    raise_to = other._revoker._feed.commit_user

    def begin_then_commit(*arguments: Any) -> None:
        begun.append(store.begin([Authenticate(make_id(7), make_auth(), NOW, since)]))
        assert select([store.fileno()], [], [], 0.3)[0] == []
        raise_to(*arguments)

    other._revoker._feed.commit_user = begin_then_commit
    assert other.revoke_user("joe", "realm1") == 4
    assert begun == [True]
    assert finish(store) == [False]
    other.close()


# -- without waiting ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 50])
def test_each_of_them_is_one_round_trip(postgresql: PostgreSQL, url: str, count: int):
    link = CountingLink(postgresql.port)
    store = open_sql(url.replace(f":{postgresql.port}/", f":{link.port}/"))
    connect(store)
    _, since = store.revoked_since(None)
    ids = [make_id(n) for n in range(10, 10 + count)]
    works = [
        lambda: apply(store, [Create(make_cookie(n)) for n in range(10, 10 + count)]),
        lambda: load(store, ids),
        lambda: apply(store, [Authenticate(id, make_auth(), NOW, since) for id in ids]),
        lambda: apply(store, [make_touch(n) for n in range(10, 10 + count)]),
        lambda: apply(store, [make_touch(10), Delete(make_id(10)), Create(make_cookie(10))]),
        lambda: apply(store, [Delete(id) for id in ids]),
    ]
    assert [link.count(work) for work in works] == [1] * len(works)
    store.close()
    link.cut()


def test_a_silent_server_is_given_up(postgresql: PostgreSQL, url: str):
    """With as much patience as a thread has; then threads take over, and connect again."""
    link = Link(postgresql.port)
    store = open_sql(url.replace(f":{postgresql.port}/", f":{link.port}/"), timeout=1)
    connect(store)
    link.hold()
    assert store.begin([Create(make_cookie(9))])
    assert store.begin_load([make_id(0)])
    for ask in (store.finish, store.finish_load):
        with pytest.raises(StoreUnavailable, match="does not answer"):
            wait_for(lambda ask=ask: ask(), "it gives up")
    assert not store.begin([Create(make_cookie(9))])
    assert not store.begin_load([make_id(0)])
    link.release()
    wait_for(lambda: _answers(store), "it is back")
    assert set(load(store, [make_id(0)])) == {make_id(0)}
    assert apply(store, [Delete(make_id(0))]) == [True]
    store.close()
    link.cut()


def _answers(store: Any) -> bool:
    try:
        connect(store)
    except StoreUnavailable:
        return False
    return bool(store._writing.is_ready() and store._reading.is_ready())


def test_a_connection_that_is_lost_says_so_and_is_made_again(
    postgresql: PostgreSQL, url: str, store: Any
):
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'"
    postgresql.execute(ended.format(url.rsplit("/", 1)[1]))
    with pytest.raises(StoreUnavailable, match="whether it was stored is not known"):
        apply(store, [Delete(make_id(0))])
    with pytest.raises(StoreUnavailable):
        load(store, [make_id(0)])
    wait_for(lambda: _answers(store), "it is back")
    assert apply(store, [Delete(make_id(0))]) == [True]


def test_a_statement_that_fails_leaves_nothing_open(store: Any):
    def execute(statement: str) -> None:
        with closing(store._engine.connect()) as connection:
            connection.execute(text(statement))

    _, since = store.revoked_since(None)
    execute("ALTER TABLE cookietrack_fences RENAME TO elsewhere")
    with pytest.raises(StoreCorrupt, match="cookietrack_fences"):
        apply(store, [Authenticate(make_id(0), make_auth("mary"), NOW, since), make_touch(1)])
    execute("ALTER TABLE elsewhere RENAME TO cookietrack_fences")
    assert store.load([make_id(0)])[make_id(0)].auth == make_auth()
    assert store.commit([Delete(make_id(0))]) == [True]
    assert apply(store, [Delete(make_id(1))]) == [True]


def test_what_was_not_used_for_long_is_not_trusted(store: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "_IDLE_S", -1)
    assert not store.begin([Delete(make_id(0))])
    assert not store.begin_load([make_id(0)])
    monkeypatch.undo()
    connect(store)
    assert apply(store, [Delete(make_id(0))]) == [True]


def test_a_batch_that_is_too_large_is_for_the_thread(store: Any):
    long = evolve(make_cookie(9), user_agent="x" * session.MAX_BYTES)
    assert not store.begin([Create(long)])
    assert store.commit([Create(long)]) == [True]
    assert load(store, [long.id]) == {long.id: long}


def test_a_closed_store_begins_nothing(url: str):
    store = open_sql(url)
    connect(store)
    store.close()
    assert not store.begin([Delete(make_id(0))])
    assert not store.begin_load([make_id(0)])


def test_look_ups_and_commits_go_on_at_once(store: Any):
    """Each has its connection, and threads have those of the pool."""
    with ThreadPoolExecutor(1) as thread, closing(store._engine.connect()) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("SELECT 1 FROM cookietrack FOR UPDATE"))
        assert store.begin([make_touch(0)])
        assert set(load(store, [make_id(0)])) == {make_id(0)}
        assert thread.submit(store.load, [make_id(1)]).result(PATIENCE_S)
        assert store.finish() is None
        connection.exec_driver_sql("COMMIT")
        assert finish(store) == [True]


def test_behind_a_pooler_it_works_and_leaves_nothing(postgresql: PostgreSQL):
    with postgresql.database() as name, running(PgBouncer(postgresql)) as pooler:
        store = open_sql(pooler.url(name))
        connect(store)
        _, since = store.revoked_since(None)
        login = Authenticate(make_id(0), make_auth("mary"), NOW, since)
        assert apply(store, [login, make_touch(1), Delete(make_id(2))]) == [True] * 3
        assert set(load(store, [make_id(0), make_id(2)])) == {make_id(0)}
        with closing(pooler.connect(name)) as other:
            assert other.execute("SHOW statement_timeout").fetchone() == ("0",)
        store.close()
