"""The statements about records, in the form that is fastest on each database for many rows."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen
from sqlalchemy import (
    Connection,
    Delete,
    LargeBinary,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

from cookietrack_plugin.stores.sql.direct import DirectStatement
from cookietrack_plugin.stores.sql.role import role_column
from cookietrack_plugin.stores.sql.types import storable

T = TypeVar("T")

# Ids in one statement: SQLite limits the parameters.
_IDS = 5000

Row = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":"), default=bytes.hex).encode
# In JSON, characters that may have to be marked before they can be stored. Few rows have any, and
# one search of the whole text is faster than one of each value.
_SUSPECT = re.compile(r"\\u(0000|d[89a-f]|fdd0)")


@frozen
class Statements:
    """
    `load` (see `role.trusted`), `lock` and `delete` take `{"ids": [...]}`, `due` takes `now` and
    `limit`. `insert` and `update` execute a statement for some rows, and `insert` returns the ids
    of those that it has inserted. Where `insert_tells`, it leaves out what exists; elsewhere it
    fails for all when one exists.
    """

    load: Select[Any]
    lock: Select[Any]
    due: Select[Any]
    delete: Delete
    insert: Callable[[Connection, Sequence[Row]], set[str]]
    update: Callable[[Connection, Sequence[Row]], Any]
    insert_tells: bool


def make_statements(cookies: Table, dialect: str) -> Statements:
    """The statements for the table of records on one kind of database."""
    return _MAKERS[dialect](cookies)


def _postgresql(cookies: Table) -> Statements:
    """
    All rows in one parameter, as JSON. The statements are the same however many rows there are, so
    they can bypass SQLAlchemy, and no value is handled in Python. Arrays, one a column, take the
    worker half as much CPU again.
    """
    names = cookies.columns.keys()
    columns = [column(name, _type_in_json(cookies.c[name].type)) for name in names]
    rows = cast(bindparam("rows", type_=Text), postgresql.JSON)
    given = func.json_to_recordset(rows).table_valued(*columns, name="given")
    given = given.render_derived(with_types=True)
    value: dict[str, Any] = {name: given.c[name] for name in names}
    value["authextra"] = func.decode(given.c.authextra, literal_column("'hex'"))
    insert = postgresql.insert(cookies).from_select(names, select(*value.values()))
    insert = insert.on_conflict_do_nothing(index_elements=[cookies.c.id])
    inserted = DirectStatement(insert.returning(cookies.c.id))
    altered = update(cookies).values({name: value[name] for name in _fields(cookies)})
    updated = DirectStatement(altered.where(cookies.c.id == given.c.id))
    ids = bindparam("ids", type_=postgresql.ARRAY(cookies.c.id.type))
    return Statements(
        **_common(cookies, cookies.c.id == any_(ids), "postgresql"),
        insert=lambda connection, rows: _ids(inserted.execute(connection, in_json(rows))),
        update=lambda connection, rows: updated.execute(connection, in_json(rows)),
        insert_tells=True,
    )


def _ids(result: Any) -> set[str]:
    return {result.get_value(number, 0).decode() for number in range(result.ntuples)}


def _type_in_json(type: Any) -> Any:
    return Text if isinstance(type, LargeBinary) else type


def in_json(rows: Sequence[Row]) -> str:
    """Rows for `json_to_recordset`; bytes are in hexadecimal digits."""
    text = _encode(rows)
    if not _SUSPECT.search(text):
        return text
    return _encode([{name: _storable(value) for name, value in row.items()} for row in rows])


def _storable(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _sqlite(cookies: Table) -> Statements:
    insert = sqlite.insert(cookies)
    new = insert.on_conflict_do_nothing().returning(cookies.c.id)
    update = insert.on_conflict_do_update(
        index_elements=[cookies.c.id],
        set_={name: insert.excluded[name] for name in _fields(cookies)},
    )
    return Statements(
        **_common(cookies, _in_list(cookies), "sqlite"),
        insert=lambda connection, rows: set(connection.execute(new, rows).scalars()),
        update=lambda connection, rows: connection.execute(update, rows),
        insert_tells=True,
    )


def _mysql(cookies: Table) -> Statements:
    """
    The driver combines the rows of an INSERT into one statement, but not those of an UPDATE. So
    records are upserted. Nothing is revived by that, as they exist and are locked.
    """
    insert = mysql.insert(cookies)
    update = insert.on_duplicate_key_update(
        {name: insert.inserted[name] for name in _fields(cookies)}
    )

    def insert_all(connection: Connection, rows: Sequence[Row]) -> set[str]:
        connection.execute(insert, rows)
        return {row["id"] for row in rows}

    return Statements(
        **_common(cookies, _in_list(cookies), "mysql"),
        insert=insert_all,
        update=lambda connection, rows: connection.execute(update, rows),
        insert_tells=False,
    )


_MAKERS: dict[str, Callable[[Table], Statements]] = {
    "postgresql": _postgresql,
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
}


def _common(cookies: Table, wanted: Any, dialect: str) -> dict[str, Any]:
    due = select(cookies.c.id).where(cookies.c.expires <= bindparam("now"))
    due = due.order_by(cookies.c.expires).limit(bindparam("limit"))
    return {
        "load": select(cookies, role_column(dialect)).where(wanted),
        # In one order, so that no two writers deadlock.
        "lock": select(cookies).where(wanted).order_by(cookies.c.id).with_for_update(),
        # Skips what another node is deleting at this moment.
        "due": due.with_for_update(skip_locked=True),
        "delete": delete(cookies).where(wanted),
    }


def _in_list(cookies: Table) -> Any:
    return cookies.c.id.in_(bindparam("ids", expanding=True))


def _fields(cookies: Table) -> list[str]:
    return [column.name for column in cookies.columns if not column.primary_key]


def portions(ids: Sequence[str]) -> Iterator[dict[str, Sequence[str]]]:
    """`ids` as parameters of as many statements as are needed."""
    return ({"ids": ids[start : start + _IDS]} for start in range(0, len(ids), _IDS))
