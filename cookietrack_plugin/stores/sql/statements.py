"""The statements about records, as each database is quickest with many rows at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen
from sqlalchemy import (
    Delete,
    Executable,
    Select,
    Table,
    any_,
    bindparam,
    column,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

T = TypeVar("T")

# Ids in one statement: SQLite limits the parameters.
_IDS = 5000

Row = dict[str, Any]


@frozen
class Statements:
    """
    `load`, `lock`, `delete` take `{"ids": [...]}`, `due` takes `now` and `limit`. `insert` and
    `update` take `parameters(rows)`. Where `insert_tells`, an insert leaves out what exists and
    returns the ids that did not; elsewhere it fails for all when one exists.
    """

    load: Select[Any]
    lock: Select[Any]
    due: Select[Any]
    delete: Delete
    insert: Executable
    update: Executable
    parameters: Callable[[Sequence[Row]], Any]
    insert_tells: bool


def make_statements(cookies: Table, dialect: str) -> Statements:
    """The statements for the table of records on one kind of database."""
    return _MAKERS[dialect](cookies)


def _postgresql(cookies: Table) -> Statements:
    """
    An array a column: the statements stay the same, however many rows there are, and neither
    SQLAlchemy nor the driver nor the server has to read a text of thousands of parameters.
    """
    names = cookies.columns.keys()
    arrays = [
        bindparam(f"all_{name}", type_=postgresql.ARRAY(cookies.c[name].type)) for name in names
    ]
    given = func.unnest(*arrays).table_valued(*map(column, names), name="given").render_derived()
    insert = postgresql.insert(cookies).from_select(names, select(*given.columns))
    insert = insert.on_conflict_do_nothing(index_elements=[cookies.c.id])
    altered = update(cookies).values({name: given.c[name] for name in _fields(cookies)})
    ids = bindparam("ids", type_=postgresql.ARRAY(cookies.c.id.type))
    return Statements(
        **_common(cookies, cookies.c.id == any_(ids)),
        insert=insert.returning(cookies.c.id),
        update=altered.where(cookies.c.id == given.c.id),
        parameters=lambda rows: {f"all_{name}": [row[name] for row in rows] for name in names},
        insert_tells=True,
    )


def _sqlite(cookies: Table) -> Statements:
    insert = sqlite.insert(cookies)
    update = insert.on_conflict_do_update(
        index_elements=[cookies.c.id],
        set_={name: insert.excluded[name] for name in _fields(cookies)},
    )
    return Statements(
        **_common(cookies, _in_list(cookies)),
        insert=insert.on_conflict_do_nothing().returning(cookies.c.id),
        update=update,
        parameters=list,
        insert_tells=True,
    )


def _mysql(cookies: Table) -> Statements:
    """
    The driver puts the rows of an INSERT into one statement, those of an UPDATE it does not. So
    records are upserted, and nothing is revived all the same: they exist, and are locked.
    """
    insert = mysql.insert(cookies)
    new = {name: insert.inserted[name] for name in _fields(cookies)}
    return Statements(
        **_common(cookies, _in_list(cookies)),
        insert=insert,
        update=insert.on_duplicate_key_update(new),
        parameters=list,
        insert_tells=False,
    )


_MAKERS: dict[str, Callable[[Table], Statements]] = {
    "postgresql": _postgresql,
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
}


def _common(cookies: Table, wanted: Any) -> dict[str, Any]:
    due = select(cookies.c.id).where(cookies.c.expires <= bindparam("now"))
    due = due.order_by(cookies.c.expires).limit(bindparam("limit"))
    return {
        "load": select(cookies).where(wanted),
        # In one order, so that no two writers wait for one another.
        "lock": select(cookies).where(wanted).order_by(cookies.c.id).with_for_update(),
        # What another node is deleting at this moment is not waited for.
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
