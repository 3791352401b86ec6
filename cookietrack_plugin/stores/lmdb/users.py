"""The revocation of a user in an LMDB store, within a transaction."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from cookietrack_plugin.record import Cookie, Create, UserRevoked
from cookietrack_plugin.stores.lmdb.batch import new_record
from cookietrack_plugin.stores.lmdb.index import record_key
from cookietrack_plugin.stores.lmdb.keys import KEY_SIZE, packed_authid
from cookietrack_plugin.stores.lmdb.revocations import user_entry
from cookietrack_plugin.stores.lmdb.tables import Tables

_PAGE = 256
_END = b"\xff" * 64


def revoke_user(
    tables: Tables, txn: Any, authid: str | None, authrealm: str | None, keep: Collection[str]
) -> int:
    """
    All of `IUserRevocation.revoke_user`: the records, the entry in the log, and the fence.
    """
    revoked = UserRevoked(authid, authrealm, frozenset(keep))
    if authid is authrealm is None:
        count = _delete_all(tables, txn, revoked.keep)
    else:
        count = sum(_deletions(tables, txn, revoked))
    tables.note(txn, [user_entry(revoked)])
    tables.fences.raise_to(txn, tables.log.last(txn), revoked)
    return count


def delete_some(
    tables: Tables,
    txn: Any,
    user: tuple[str | None, str | None],
    keep: Collection[str],
    start: bytes,
    limit: int,
) -> tuple[int, bytes | None]:
    """
    Delete at most `limit` of the records that `revoke_user` deletes: how many, and where to go on,
    None at the end. The log has no entry for them: `revoke_user` follows, and adds the user's.
    """
    revoked = UserRevoked(*user, frozenset(keep))
    first, end = _range(revoked)
    entries = tables.by_authid.range(txn, start or first, end, limit)
    return _delete(tables, txn, entries, revoked), entries[-1] + b"\0" if entries else None


def _delete_all(tables: Tables, txn: Any, keep: Collection[str]) -> int:
    count = tables.count(txn)
    kept = tables.load(txn, keep).values()
    tables.empty(txn)
    tables.create(txn, [new_record(Create(cookie)) for cookie in kept])
    return count - len(kept)


def _deletions(tables: Tables, txn: Any, revoked: UserRevoked) -> Iterator[int]:
    """Deletes some at a time: how many."""
    start, end = _range(revoked)
    while entries := tables.by_authid.range(txn, start, end, _PAGE):
        yield _delete(tables, txn, entries, revoked)
        start = entries[-1] + b"\0"


def _range(revoked: UserRevoked) -> tuple[bytes, bytes]:
    """Where the user's entries begin and end in the index of logins."""
    if revoked.authid is None:
        return b"\0", _END
    start = packed_authid(revoked.authid)
    return start, start + b"\xff" * (KEY_SIZE + 1)


def _delete(tables: Tables, txn: Any, entries: Sequence[bytes], revoked: UserRevoked) -> int:
    """Delete the user's records among those to which the entries lead; how many."""
    found = tables.find(txn, map(record_key, entries))
    ended = {
        key: record
        for key, record in found.items()
        if isinstance(record, Cookie) and revoked.ends(record.id, record.auth)
    }
    tables.delete(txn, ended)
    return len(ended)
