"""The time of a database server, which is the same for all nodes."""

from sqlalchemy import Connection, text

# Not the time at which a transaction began, and independent of the session's time zone.
_POSTGRESQL = text("SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)")
_MYSQL = text("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000")
_QUERIES = {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "mariadb": _MYSQL}


def time_of(connection: Connection) -> int:
    """The server's time in Unix milliseconds."""
    return int(connection.execute(_QUERIES[connection.dialect.name]).scalar_one())
