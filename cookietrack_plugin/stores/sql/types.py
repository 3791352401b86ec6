"""Column types that mean the same on every database: exact, binary collated, and of any length."""

import re
from typing import Any

from sqlalchemy import BigInteger, Dialect, LargeBinary, String, Text
from sqlalchemy.dialects.mysql import LONGBLOB, MEDIUMTEXT, VARCHAR
from sqlalchemy.types import TypeDecorator, TypeEngine

# What SQLAlchemy calls the dialects of servers that speak MySQL's.
MYSQL = ("mysql", "mariadb")
# Precedes the number of a character that cannot be stored itself. It is a noncharacter of Unicode;
# where a text contains it, it is encoded too.
_MARK = "\ufdd0"
_UNSTORABLE = re.compile(f"[\0\ud800-\udfff{_MARK}]")
_MARKED = re.compile(f"{_MARK}([0-9a-f]{{4}})")

Milliseconds = BigInteger
Bytes = LargeBinary().with_variant(LONGBLOB(), *MYSQL)


def storable(text: str) -> str:
    """The text, with a mark for each character that a database refuses."""
    return _UNSTORABLE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def restored(text: str) -> str:
    """The text that `storable` was given."""
    return _MARKED.sub(lambda found: chr(int(found[1], 16)), text) if _MARK in text else text


class UnicodeText(TypeDecorator[str]):
    """
    Any Python string. PostgreSQL refuses NUL, and every database refuses half of a surrogate pair.
    A user agent with one must not fail a batch that has other clients' changes, too.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and storable(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        # A column of SQLite can have values of any type.
        return restored(value) if isinstance(value, str) else value


class Id(TypeDecorator[str]):
    """A cookie's id: ASCII, compared and ordered byte by byte."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(VARCHAR(64, charset="ascii", collation="ascii_bin"))
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(64, collation=collation))
