"""How many records there are, and how much room they take: estimated where counting takes long."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select, text

from cookietrack_plugin.stores.sql.tables import Tables

# Below this the database's own estimate is worth less than counting costs.
_COUNTED = 100_000

_POSTGRESQL = text(
    "SELECT reltuples, pg_total_relation_size(oid) FROM pg_class WHERE oid = to_regclass(:name)"
)
_MYSQL = text(
    "SELECT table_rows, data_length + index_length FROM information_schema.tables"
    " WHERE table_schema = database() AND table_name = :name"
)
_SQLITE = text(
    "SELECT 0, page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    " WHERE :name IS NOT NULL"
)
_SIZES = {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "mariadb": _MYSQL, "sqlite": _SQLITE}


def stat_of(connection: Connection, tables: Tables) -> Mapping[str, Any]:
    """
    `cookies` and `bytes`, indexes included; `authenticated`, those with a login, where they are few
    enough to be counted.
    """
    name = tables.cookies.name
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.quote(name)
    estimate, size = connection.execute(_SIZES[connection.dialect.name], {"name": name}).one()
    cookies = int(estimate or 0)
    numbers = {"cookies": cookies, "bytes": int(size or 0)}
    if cookies < _COUNTED:
        counts = select(func.count(), func.count(tables.cookies.c.authid))
        numbers["cookies"], numbers["authenticated"] = connection.execute(counts).one()
    return numbers
