"""Who answers: the server that takes all changes, or one that follows it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Label, literal_column

# What is wrong with a server that follows another one.
STALE = "it may not know the last logouts"

# Asked with each answer that lets somebody in. A primary of PostgreSQL has to be restarted to
# become a standby, but a pooler hides that from its clients. The variable of MySQL and MariaDB is
# set while connections stay.
_QUESTIONS = {
    "postgresql": "(SELECT pg_is_in_recovery())",
    "mysql": "@@read_only",
    "mariadb": "@@read_only",
    "sqlite": "0",
}
_NO = (0, "OFF")


class Follower(Exception):
    """A server has answered that may not know the last logouts."""


def role_column(dialect: str) -> Label[Any]:
    """The last column of a statement whose rows are `trusted`."""
    return literal_column(_QUESTIONS[dialect]).label("follows")


def trusted(row: Sequence[Any]) -> Sequence[Any]:
    """
    The row without that column.

    :raises Follower: who answered is not the server that takes the changes.
    """
    if row[-1] not in _NO:
        raise Follower("is a standby" if row[-1] is True else "is read-only")
    return row[:-1]
