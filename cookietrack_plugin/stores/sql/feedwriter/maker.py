"""Which writer of the feed is for which kind of database."""

from collections.abc import Callable, Mapping

from sqlalchemy import Dialect

from cookietrack_plugin.stores.sql.feedwriter import FeedWriter
from cookietrack_plugin.stores.sql.feedwriter.mysql import MySQLFeedWriter
from cookietrack_plugin.stores.sql.feedwriter.postgresql import PostgreSQLFeedWriter
from cookietrack_plugin.stores.sql.feedwriter.sqlite import SQLiteFeedWriter
from cookietrack_plugin.stores.sql.tables import Tables

_WRITERS: Mapping[str, Callable[[Tables, Dialect], FeedWriter]] = {
    "postgresql": PostgreSQLFeedWriter,
    "mysql": MySQLFeedWriter,
    "mariadb": MySQLFeedWriter,
    "sqlite": SQLiteFeedWriter,
}


def make_feed_writer(tables: Tables, dialect: Dialect) -> FeedWriter:
    return _WRITERS[dialect.name](tables, dialect)
