"""The tables of an SQL store, and records as rows of the first of them."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import cbor2
from attrs import frozen
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.kit.cbor import packed
from cookietrack_plugin.stores.kit.fences import Name
from cookietrack_plugin.stores.kit.nesting import check_depth
from cookietrack_plugin.stores.sql.types import MYSQL, Bytes, Id, Milliseconds, UnicodeText


@frozen
class Tables:
    """
    `cookies`: the records. `revoked`: the feed, numbered in the order of commits. An entry is the
    id of a record, or where `keep` is not NULL a user; its `id` is random then. `fences`: see
    `fences`. `locks`: rows that only exist to be locked, where the database has no other locks for
    that. `meta`: one row, with the format's version and the last number in the feed.
    """

    cookies: Table
    revoked: Table
    fences: Table
    locks: Table | None
    meta: Table

    def all(self) -> tuple[Table, ...]:
        locks = () if self.locks is None else (self.locks,)
        return self.cookies, self.revoked, self.fences, *locks, self.meta


def make_tables(name: str, dialect: str) -> Tables:
    """The tables of the store that is called `name`, on one kind of database."""
    metadata = MetaData()
    cookies = _cookies(name, metadata)
    revoked = _revoked(name, metadata)
    fences = _fences(name, metadata)
    locks = _locks(name, metadata) if dialect in MYSQL else None
    meta = _meta(name, metadata)
    return Tables(cookies, revoked, fences, locks, meta)


def _cookies(name: str, metadata: MetaData) -> Table:
    cookies = _table(
        name,
        metadata,
        Column("id", Id, primary_key=True),
        Column("created", Milliseconds, nullable=False),
        Column("expires", Milliseconds, nullable=False),
        Column("seen", Milliseconds, nullable=False),
        Column("peer", UnicodeText),
        Column("user_agent", UnicodeText),
        Column("authid", UnicodeText),
        Column("authrole", UnicodeText),
        Column("authmethod", UnicodeText),
        Column("authrealm", UnicodeText),
        Column("authextra", Bytes),
        Column("auth_at", Milliseconds),
        # An index over texts has a limit to their length, and MySQL's takes "joe " for "joe".
        Column("authid_hash", BigInteger),
    )
    Index(f"{name}_by_expires", cookies.c.expires)
    Index(f"{name}_by_authid", cookies.c.authid_hash, cookies.c.id)
    return cookies


def _revoked(name: str, metadata: MetaData) -> Table:
    return _table(
        f"{name}_revoked",
        metadata,
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("id", Id, nullable=False),
        Column("at", Milliseconds, nullable=False),
        *_user_columns(),
    )


def _fences(name: str, metadata: MetaData) -> Table:
    return _table(
        f"{name}_fences",
        metadata,
        Column("name", Id, primary_key=True),
        Column("position", BigInteger, nullable=False),
        Column("keep", UnicodeText, nullable=False),
        Column("kept_from", BigInteger),
    )


def _locks(name: str, metadata: MetaData) -> Table:
    slot = Column("slot", Integer, primary_key=True, autoincrement=False)
    return _table(f"{name}_locks", metadata, slot)


def _meta(name: str, metadata: MetaData) -> Table:
    return _table(
        f"{name}_meta",
        metadata,
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("revoked", BigInteger, nullable=False),
    )


def _user_columns() -> list[Column[Any]]:
    """A user in the feed: whose records were deleted, and the ids of those that were not."""
    return [Column(name, UnicodeText) for name in ("authid", "authrealm", "keep")]


def _table(name: str, metadata: MetaData, *columns: Column[Any]) -> Table:
    # Transactions and locks of rows are InnoDB's alone.
    return Table(name, metadata, *columns, mysql_engine="InnoDB", mariadb_engine="InnoDB")


def hash_of(authid: str) -> int:
    """The value of `authid_hash`: the first 8 bytes of the SHA-256, as a signed integer."""
    digest = sha256(authid.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def hash_of_name(name: Name) -> str:
    """The key of a fence: the SHA-256 of its name, in hexadecimal digits."""
    digest = sha256()
    for part in name:
        data = b"" if part is None else part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (-1 if part is None else len(data), data))
    return digest.hexdigest()


def row_of(cookie: Cookie) -> dict[str, Any]:
    """
    The record as a row.

    :raises ValueError: its `authextra` is nothing that CBOR carries there and back.
    """
    return {
        "id": cookie.id,
        "created": cookie.created,
        "expires": cookie.expires,
        "seen": cookie.seen,
        "peer": cookie.peer,
        "user_agent": cookie.user_agent,
        **auth_columns(cookie.auth),
    }


def auth_columns(auth: Auth | None) -> dict[str, Any]:
    """
    The columns of a login.

    :raises ValueError: see `row_of`.
    """
    return {
        "authid": auth and auth.authid,
        "authrole": auth and auth.authrole,
        "authmethod": auth and auth.authmethod,
        "authrealm": auth and auth.authrealm,
        "authextra": auth and _encode(auth.authextra),
        "auth_at": auth and auth.at,
        "authid_hash": auth and hash_of(auth.authid),
    }


def record_of(row: Sequence[Any]) -> Cookie:
    """
    The row as a record.

    :raises ValueError: something else than this store has written to it. Shows nothing of it.
    """
    id, created, expires, seen, peer, user_agent, *login, authextra, at, authid_hash = row
    _check_types(int, created, expires, seen)
    _check_types(str, id)
    _check_types(str, *(text for text in (peer, user_agent, *login) if text is not None))
    if all(text is None for text in login):
        return Cookie(id, created, expires, seen, peer, user_agent)
    authid, authrole, authmethod, authrealm = login
    _check_types(int, *([] if at is None else [at]))
    if None in login:
        raise ValueError("a login that lacks a part")
    if hash_of(authid) != authid_hash:
        raise ValueError("an authid_hash of another authid")
    auth = Auth(authid, authrole, authmethod, authrealm, _decode(authextra), at)
    return Cookie(id, created, expires, seen, peer, user_agent, auth)


def _check_types(expected: type, *values: object) -> None:
    """Columns of SQLite take anything."""
    if any(type(value) is not expected for value in values):
        raise ValueError("a column with something of another type")


def _encode(authextra: Mapping[str, Any] | None) -> bytes | None:
    if authextra is None:
        return None
    if not isinstance(authextra, Mapping):
        raise ValueError("an authextra that cannot be stored: it is no mapping")
    check_depth(authextra)
    return packed(authextra)


def _decode(data: bytes | None) -> Mapping[str, Any] | None:
    if data is None:
        return None
    try:
        authextra = cbor2.loads(data)
    except TypeError:
        raise ValueError("an authextra that is no bytes") from None
    except (cbor2.CBORError, RecursionError) as error:
        raise ValueError("an authextra that cannot be read") from error
    if not isinstance(authextra, Mapping):
        raise ValueError("an authextra that is no mapping")
    return authextra
