"""Users who are revoked in a database at once, and logins that began before."""

import itertools
from collections.abc import Iterator
from time import time_ns
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from zope.interface.verify import verifyObject

from cookietrack_plugin.errors import PositionLost, StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IServerTime,
    IUserRevocation,
)
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql import feed as sql_feed
from cookietrack_plugin.stores.sql.locks import SLOTS
from cookietrack_plugin.stores.sql.provider import SqlProvider
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.stores.sql.tables import hash_of
from cookietrack_plugin.stores.sql.url import driven, parse_url
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import Database
from tests.support.logins import early_logins_left
from tests.support.opening import open_sql
from tests.support.statements import statements

pytest_plugins = ["tests.support.servers", "tests.support.databases"]

Name = tuple[str | None, str | None]

NAMES: list[Name] = [("joe", "realm1"), ("joe", None), (None, "realm1"), (None, None)]
# Texts that one database or another takes for "joe", and others that need care.
TEXTS = ["joe", "joe ", "joe  ", "JOE", "jo\u00e9", "joe\0", "joe\ud800", " joe", "", "realm1"]


@pytest.fixture
def store(each_database: str) -> Iterator[SqlStore]:
    store = open_sql(each_database)
    yield store
    store.close()


@pytest.fixture
def other(each_database: str, store: SqlStore) -> Iterator[SqlStore]:
    """The same store, as another node has it."""
    other = open_sql(each_database)
    yield other
    other.close()


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    server: Database = request.getfixturevalue(request.param)
    with server.database() as name:
        yield server.plain_url(name)


def execute(url: str, statement: str) -> None:
    engine = create_engine(driven(parse_url(url)))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def login(number: int, since: Any, authid: str = "joe", authrealm: str = "realm1") -> Authenticate:
    return Authenticate(make_id(number), make_auth(authid, authrealm), NOW, since)


def position(store: SqlStore) -> Any:
    """The last entry of the feed."""
    return store.revoked_since(None)[1]


def count(store: SqlStore, table: str) -> int:
    with store._engine.connect() as connection:
        return int(connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())


def test_the_store_and_its_provider_say_what_they_are(store: SqlStore):
    provider = SqlProvider()
    verifyObject(ICookieStoreProvider, provider)
    verifyObject(IUserRevocation, store)
    assert (provider.volatile, provider.exclusive) == (False, False)
    assert (provider.place, provider.opens) == ("url", ICookieStore)


# -- whose records --------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [frozenset[str](), frozenset([make_id(0), make_id(9), "x"])])
@pytest.mark.parametrize("name", [*NAMES, (None, "joe"), ("joe ", "joe"), ("", None), ("x", "x")])
def test_exactly_the_records_of_the_user_are_deleted(
    store: SqlStore, name: Name, keep: frozenset[str]
):
    auths = [make_auth(*each) for each in itertools.product(TEXTS, TEXTS)]
    cookies = [make_cookie(n, auth) for n, auth in enumerate([*auths, None, None])]
    store.commit([Create(cookie) for cookie in cookies])
    revoked = UserRevoked(*name, keep)
    ended = {cookie.id for cookie in cookies if revoked.ends(cookie.id, cookie.auth)}
    assert store.revoke_user(*name, keep) == len(ended)
    assert {cookie.id for cookie in records(store)} == {cookie.id for cookie in cookies} - ended
    assert store.revoke_user(*name, keep) == 0


def test_an_authid_is_more_than_its_hash(store: SqlStore, each_database: str):
    store.commit([Create(make_cookie(n, make_auth(name))) for n, name in enumerate(("joe", "ann"))])
    execute(each_database, f"UPDATE cookietrack SET authid_hash = {hash_of('joe')}")
    assert store.revoke_user("joe", None) == 1
    assert count(store, "cookietrack") == 1


def test_a_record_that_cannot_be_read_is_deleted_with_the_others(
    store: SqlStore, each_database: str
):
    store.commit([Create(make_cookie(n, make_auth())) for n in range(2)])
    broken = "'\\xff'" if each_database.startswith("postgresql") else "X'ff'"
    execute(each_database, f"UPDATE cookietrack SET authextra = {broken}")
    assert list(records(store)) == []
    assert store.revoke_user("joe", "realm1") == 2
    assert count(store, "cookietrack") == 0


# -- the feed -------------------------------------------------------------------------------------


def test_each_revocation_is_one_entry_in_order(store: SqlStore, other: SqlStore):
    store.commit([Create(make_cookie(n, make_auth())) for n in range(5)])
    cursor = position(other)
    revoked = [UserRevoked(*name, frozenset([make_id(9), make_id(8)])) for name in NAMES]
    revoked += [UserRevoked(text, text) for text in TEXTS]
    store.commit([Delete(make_id(0))])
    for each in revoked:
        store.revoke_user(each.authid, each.authrealm, each.keep)
    store.commit([Create(make_cookie(0)), Delete(make_id(0))])
    assert other.revoked_since(cursor)[0] == [make_id(0), *revoked, make_id(0)]


def test_a_revocation_takes_few_statements_however_many_records(store: SqlStore):
    for count in (0, 1, 1000):
        store.commit([Create(make_cookie(n, make_auth())) for n in range(count)])
        with statements(store) as revoking:
            assert store.revoke_user("joe", "realm1") == count
        assert len(revoking) == (6 if store._engine.dialect.name == "sqlite" else 3)
        assert revoking[-1].endswith("COMMIT")


@pytest.mark.server
def test_a_hundred_thousand_records_are_one_transaction(server_url: str):
    store = open_sql(server_url, timeout=60)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(1000)])
    columns = [column.name for column in store._tables.cookies.columns]
    for n in range(1, 100):
        values = ", ".join([f"CONCAT('{n:03d}', SUBSTRING(id, 4))", *columns[1:]])
        more = f"SELECT {values} FROM cookietrack WHERE id LIKE '000%'"
        execute(server_url, f"INSERT INTO cookietrack ({', '.join(columns)}) {more}")
    cursor = position(store)
    with statements(store) as revoking:
        assert store.revoke_user("joe", "realm1") == 100_000
    assert len(revoking) == 3
    assert store.revoked_since(cursor)[0] == [UserRevoked("joe", "realm1")]
    store.close()


def test_too_many_records_for_one_transaction_are_deleted_in_portions(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store._revoker, "_portion", 3)
    for count in (2, 3, 7):
        store.commit([Create(make_cookie(n, make_auth())) for n in range(count)])
        cursor = position(store)
        with statements(store) as revoking:
            assert store.revoke_user("joe", None) == count
        assert sum(each.endswith("COMMIT") for each in revoking) == count // 3 + 1
        assert store.revoked_since(cursor)[0] == [UserRevoked("joe", None)]


def test_a_portion_is_no_revocation_by_itself(store: SqlStore, monkeypatch: pytest.MonkeyPatch):
    """The login on a kept id is measured by the revocation before this one: there is none."""
    monkeypatch.setattr(store._revoker, "_portion", 3)
    store.commit([Create(make_cookie(n, make_auth() if n else None)) for n in range(4)])
    since = position(store)
    assert store.revoke_user("joe", None, {make_id(0)}) == 3
    assert store.commit([login(0, since)]) == [True]


# -- logins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_login_that_began_before_does_not_apply(store: SqlStore, other: SqlStore, name: Name):
    before = position(store)
    other.revoke_user(*name)
    store.commit([Create(make_cookie(n)) for n in range(3)])
    logins = [login(0, before), login(1, position(store)), login(2, None)]
    assert store.commit([*logins, make_touch(0)]) == [False, True, True, True]
    assert store.load([make_id(0)])[make_id(0)].auth is None


def test_a_login_of_somebody_else_applies(store: SqlStore, other: SqlStore):
    before = position(store)
    for name in [("joe", "realm2"), ("ann", "realm1"), ("ann", None), (None, "realm2"), ("", "")]:
        other.revoke_user(*name)
    store.commit([Create(make_cookie(0))])
    assert store.commit([login(0, before)]) == [True]


def test_logins_of_one_batch_are_measured_one_by_one(store: SqlStore, other: SqlStore):
    store.commit([Create(make_cookie(n)) for n in range(4)])
    before = position(store)
    other.revoke_user("joe", "realm1")
    after = position(store)
    changes = [
        login(0, before, "ann"),
        login(1, before),
        login(1, after),
        login(2, before),
        login(3, before, "joe", "realm2"),
    ]
    assert store.commit(changes) == [True, False, True, False, True]


def test_a_login_on_a_kept_id_is_measured_by_the_revocation_before(
    store: SqlStore, other: SqlStore
):
    store.commit([Create(make_cookie(n)) for n in range(2)])
    cursors = [position(store)]
    for _ in range(2):
        other.revoke_user("joe", "realm1", {make_id(0)})
        cursors.append(position(store))
    assert [store.commit([login(0, since)]) for since in cursors] == [[False], [True], [True]]
    assert [store.commit([login(1, since)]) for since in cursors] == [[False], [False], [True]]


def test_a_login_whose_position_is_not_of_this_feed_does_not_apply(store: SqlStore):
    store.commit([Create(make_cookie(0)), Create(make_cookie(1, make_auth()))])
    store.commit([Delete(make_id(1))])
    number, id = position(store)
    wrong = [(number, "another"), (number + 1, id), (number - 1, id), (2**70, id), (id,), "1-0", 7]
    for since in wrong:
        assert store.commit([login(0, since)]) == [False]
    assert store.commit([login(0, wrong[0]), login(0, (number, id))]) == [False, True]


def test_fences_are_removed_with_the_positions_that_they_are_measured_by(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
):
    store.commit([Create(make_cookie(0))])
    before = position(store)
    store.revoke_user("joe", "realm1")
    store.revoke_user("ann", "realm1")
    store.revoke_user("joe", "realm1")
    after = position(store)
    store.expire(NOW - 1, 10)
    assert count(store, "cookietrack_fences") == 2
    monkeypatch.setattr(sql_feed, "KEPT_MS", -1)
    store.expire(NOW - 1, 10)
    assert count(store, "cookietrack_fences") == 1
    assert store.commit([login(0, before)]) == [False]
    assert store.commit([login(0, after)]) == [True]
    store.revoke_user("mary", None)
    store.expire(NOW - 1, 10)
    assert count(store, "cookietrack_fences") == 1
    assert store.commit([login(0, after)]) == [False]
    with pytest.raises(PositionLost):
        store.revoked_since(after)


def test_a_login_takes_no_more_round_trips_for_its_fences(store: SqlStore):
    store.commit([Create(make_cookie(n)) for n in range(500)])
    since = position(store)
    logins = [login(n, since, f"user{n}") for n in range(500)]
    for batch in (logins[:1], logins):
        with statements(store) as measured:
            assert all(store.commit(batch))
        assert len(measured) == 4


# -- at the same moment ---------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize("name", NAMES)
def test_a_revocation_waits_for_logins_of_the_user(server_url: str, name: Name):
    """A login that has seen no fence commits before the revocation looks for records."""
    store, other = open_sql(server_url), open_sql(server_url, timeout=1)
    store.commit([Create(make_cookie(0))])
    since = position(store)
    outcomes: list[Any] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def revoke(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            try:
                outcomes.append(other.revoke_user(*name))
            except StoreUnavailable as error:
                outcomes.append(type(error))

    assert store.commit([login(0, since)]) == [True]
    event.remove(store._engine, "before_cursor_execute", revoke)
    assert outcomes == [StoreUnavailable]
    assert other.revoke_user(*name) == 1
    for each in (store, other):
        each.close()


@pytest.mark.server
def test_a_revocation_does_not_wait_for_other_users(server_url: str):
    store, other = open_sql(server_url), open_sql(server_url, timeout=1)
    store.commit([Create(make_cookie(0))])
    since = position(store)
    names = (f"user{n}" for n in itertools.count())
    stranger = next(name for name in names if (hash_of(name) - hash_of("joe")) % SLOTS)
    revoked: list[int] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def revoke(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            revoked.append(other.revoke_user(stranger, "realm1"))

    assert store.commit([login(0, since)]) == [True]
    assert revoked == [0]
    for each in (store, other):
        each.close()


def test_logins_that_race_with_revocations_leave_nobody_in(each_database: str):
    assert early_logins_left(lambda: open_sql(each_database)) == []


# -- the server's time ----------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize("zone", ["+00:00", "+05:30"])
def test_the_time_of_a_server_is_that_of_this_machine(server_url: str, zone: str):
    store = open_sql(server_url)
    verifyObject(IServerTime, store)
    setting = "TIME ZONE INTERVAL '{}'" if "postgresql" in server_url else "time_zone = '{}'"

    @event.listens_for(store._engine, "connect")
    def use_zone(connection: Any, _record: Any) -> None:
        connection.cursor().execute(f"SET {setting.format(zone)}")

    store._engine.dispose()
    before = time_ns() // 1_000_000
    found = store.server_time()
    assert before <= found <= time_ns() // 1_000_000
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.server_time()


def test_a_file_has_no_time_of_its_own(tmp_path: Any):
    store = open_sql("sqlite:///cookies.sqlite", tmp_path)
    assert not IServerTime.providedBy(store)
    store.close()
