"""Records of a database that cannot be decoded, and texts that are no ids."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import text

from cookietrack_plugin.record import Authenticate, Change, Create, Delete, Touch
from cookietrack_plugin.stores.kit import unreadable
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from tests.support.opening import open_sql

pytest_plugins = ["tests.support.servers", "tests.support.databases"]

NO_IDS = [
    "",
    "\ud800",
    "a\0b",
    "é",
    "é" * 24,
    "x" * 23,
    "x" * 25,
    "'; --",
    "x" * 10_000,
    "x" * 23 + "\n",
]
EXTRA = {"token": "s3cret"}
# What else than the store can have written, by database. All of it in record 1.
DAMAGE = {
    "postgresql": ["authextra = '\\xff'", "authrealm = NULL", "authid = 'mary'", "authid_hash = 0"],
    "mysql": ["authextra = X'ff'", "authrealm = NULL", "authid = 'mary'", "authid_hash = NULL"],
    "sqlite": [
        *("authextra = X'ff'", "authextra = 'secret'", "authextra = 7", "authrealm = NULL"),
        *("authid = 'mary'", "authid_hash = 'x'", "authid = X'ff'", "authid = CAST(X'ff' AS TEXT)"),
        *("expires = 'never'", "created = X'00'", "seen = 1.5", "peer = X'00'"),
        "user_agent = CAST(X'c3' AS TEXT)",
    ],
}


def execute(store: SqlStore, statement: str) -> None:
    with closing(store._engine.connect()) as connection:
        connection.execute(text(statement))


@pytest.fixture
def store(each_database: str) -> Iterator[SqlStore]:
    store = open_sql(each_database)
    yield store
    store.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_record_that_cannot_be_decoded_is_named_once(
    store: SqlStore, caplog: pytest.LogCaptureFixture
):
    """However it is met: it is absent, cannot be updated, can be deleted, makes nothing fail."""
    for number, damage in enumerate(DAMAGE[store._engine.dialect.name], 1):
        caplog.clear()
        id = make_id(number)
        store.commit(
            [Create(make_cookie(0)), Create(make_cookie(number, make_auth(authextra=EXTRA)))]
        )
        execute(store, f"UPDATE cookietrack SET {damage} WHERE id = '{id}'")
        for _ in range(2):
            assert set(store.load([make_id(0), id])) == {make_id(0)}, damage
            assert [each.id for each in records(store)] == [make_id(0)], damage
            login = Authenticate(id, make_auth(), NOW)
            assert store.commit([login, make_touch(number), make_touch(0)]) == [False, False, True]
        [line] = lines(caplog)
        assert id in line
        assert "cannot be decoded" in line
        assert "s3cret" not in line
        assert "mary" not in line
        assert store.commit([Create(make_cookie(number)), Delete(id)]) == [False, True], damage


def test_an_id_that_is_no_text_hides_nobody(tmp_path: Any, caplog: pytest.LogCaptureFixture):
    store = open_sql(f"sqlite:///{tmp_path}/cookies.sqlite")
    store.commit([Create(make_cookie(n)) for n in range(5)])
    execute(store, f"UPDATE cookietrack SET id = X'ff00' WHERE id = '{make_id(2)}'")
    for limit in range(1, 8):
        assert [each.id for each in records(store, limit=limit)] == [
            make_id(n) for n in (0, 1, 3, 4)
        ]
    assert len(lines(caplog)) == 1
    store.close()


def test_not_every_record_of_a_ruin_is_named(
    store: SqlStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unreadable, "MAX_NAMED", 3)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(9)])
    execute(store, "UPDATE cookietrack SET authrealm = NULL")
    for _ in range(2):
        assert store.load([make_id(n) for n in range(9)]) == {}
    assert len(lines(caplog)) == 4
    assert "more records" in lines(caplog)[-1]


@pytest.mark.parametrize("id", NO_IDS)
def test_a_text_that_is_no_id_has_no_record(store: SqlStore, id: str):
    store.commit([Create(make_cookie(n)) for n in range(2)])
    assert store.load([id]) == {}
    assert set(store.load([id, make_id(0), id])) == {make_id(0)}
    changes: Sequence[Change] = [
        *(Delete(id), Authenticate(id, make_auth(), NOW), Touch(id, NOW, NOW, None, None)),
        Delete(make_id(0)),
    ]
    assert store.commit(changes) == [False, False, False, True]
    assert store.commit(changes[:2]) == [False, False]
    assert store.revoke_user(None, None, {id, make_id(1)}) == 0
    assert set(store.load([make_id(0), make_id(1)])) == {make_id(1)}


@pytest.mark.parametrize("id", NO_IDS)
def test_a_record_whose_id_is_none_is_refused_with_its_batch(store: SqlStore, id: str):
    with pytest.raises(ValueError, match="id"):
        store.commit([Create(make_cookie(1)), Create(evolve(make_cookie(), id=id))])
    assert store.load([make_id(1)]) == {}
