"""A database that is looked at: nothing is made in it."""

import pytest
from sqlalchemy import create_engine, inspect, text
from zope.interface.verify import verifyObject

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IReadOnlyProvider
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql.provider import SqlProvider
from cookietrack_plugin.testing.samples import make_cookie, make_id

OPTIONS = {"type": "sql", "url": "sqlite:///cookies.db"}


def test_it_has_the_records_that_are_there(tmp_path):
    store = SqlProvider().open(OPTIONS, str(tmp_path))
    store.commit([Create(make_cookie(1))])
    looking = SqlProvider().open_readonly(OPTIONS, str(tmp_path))
    assert [cookie.id for cookie in records(looking)] == [make_id(1)]
    looking.close()
    store.close()


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    verifyObject(IReadOnlyProvider, SqlProvider())
    with pytest.raises(StoreUnavailable, match=r"there is no database .*cookies\.db"):
        SqlProvider().open_readonly(OPTIONS, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_not_there_are_not_made(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/cookies.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (number INTEGER)"))
    with pytest.raises(StoreUnavailable, match='there is no table "cookietrack"'):
        SqlProvider().open_readonly(OPTIONS, str(tmp_path))
    assert inspect(engine).get_table_names() == ["mine"]
    engine.dispose()
