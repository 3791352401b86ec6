"""Whether the primary answers, or a server that follows it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Label, literal_column

# Why a server that follows another one is not used.
STALE = "it may not know the last logouts"

# Asked with each look-up that lets somebody in. A primary of PostgreSQL has to be restarted to
# become a standby, but a pooler hides that from its clients. In MySQL and MariaDB the variable is
# set without closing connections.
_QUESTIONS = {
    "postgresql": "(SELECT pg_is_in_recovery())",
    "mysql": "@@read_only",
    "mariadb": "@@read_only",
    "sqlite": "0",
}
_NO = (0, "OFF")


class Follower(Exception):
    """A server answered that may not know the last logouts."""


def role_column(dialect: str) -> Label[Any]:
    """The last column of a statement whose rows are `trusted`."""
    return literal_column(_QUESTIONS[dialect]).label("follows")


def trusted(row: Sequence[Any]) -> Sequence[Any]:
    """
    The row without that column.

    :raises Follower: the server that answered is not the primary.
    """
    if row[-1] not in _NO:
        raise Follower("is a standby" if row[-1] is True else "is read-only")
    return row[:-1]
