"""What lies in an LMDB store: records by key, two indexes, and the log of revocations."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.codec import decode, encode
from cookietrack_plugin.stores.fold import DAMAGED, Outcome, Stored, fold
from cookietrack_plugin.stores.lmdb_index import Index, record_key
from cookietrack_plugin.stores.lmdb_keys import KEY_SIZE, id_of, key_of, packed_authid, packed_time
from cookietrack_plugin.stores.lmdb_log import RevocationLog

# What one transaction reads of a scan: one that stays open longer makes the file grow.
_PAGE_RECORDS = 256
_PAGE_BYTES = 1_000_000

# Where the scan is, the key of a record, and its bytes.
_Step = tuple[bytes, bytes, bytes]


class Tables:
    """
    The databases of an environment. Every method works inside the caller's transaction.

    A record that cannot be decoded does not tell by which entries it is indexed: they stay when it
    is deleted. So an entry is never trusted, but compared with the record that it leads to.
    """

    def __init__(self, env: Any, txn: Any) -> None:
        self._records = env.open_db(b"records", txn=txn)
        self._by_authid = Index(env, txn, b"by_authid", _authid_prefix)
        self._by_expiry = Index(env, txn, b"by_expiry", _expiry_prefix)
        self._log = RevocationLog(env, txn)

    def load(self, txn: Any, ids: Iterable[str]) -> dict[str, Cookie]:
        found = {}
        for id in ids:
            key = key_of(id)
            data = txn.get(key, None, self._records) if key else None
            if data is not None:
                try:
                    found[id] = decode(id, data)
                except ValueError:
                    continue
        return found

    def apply(self, txn: Any, changes: Sequence[Change]) -> Sequence[bool]:
        """:raises ValueError: something cannot be stored; the transaction has to be aborted."""
        stored = {change.id: self._get(txn, change.id) for change in changes}
        outcome = fold(changes, {id: record for id, record in stored.items() if record is not None})
        self._write(txn, outcome)
        self._log.append(txn, [_must_key(id) for id in _revoked(outcome)])
        return outcome.applied

    def expire(self, txn: Any, now: int, limit: int) -> int:
        count, start, stop = 0, packed_time(0), packed_time(now + 1)
        while due := self._by_expiry.range(txn, start, stop, limit - count):
            count += sum(self._expire(txn, record_key(entry), now) for entry in due)
            self._by_expiry.remove(txn, due)
        return count

    def page(self, txn: Any, authid: str | None, start: bytes) -> tuple[list[Cookie], bytes | None]:
        """
        Some of all records, or of those that may be logged in as `authid`, from `start` on, and
        where to go on from: None at the end. The beginning is `b""`.
        """
        steps = self._all(txn, start) if authid is None else self._of(txn, authid, start)
        page, size, next_start = [], 0, None
        for place, key, data in islice(steps, _PAGE_RECORDS):
            record = _decoded(id_of(key), data)
            if isinstance(record, Cookie):
                page.append(record)
            next_start = place + b"\0"
            size += len(data)
            if size > _PAGE_BYTES:
                break
        return page, next_start

    def revoked_since(self, txn: Any, cursor: int | None, limit: int) -> tuple[list[str], int]:
        keys, cursor = self._log.since(txn, cursor, limit)
        return [id_of(key) for key in keys], cursor

    def stat(self, txn: Any) -> dict[str, int]:
        return {
            "cookies": txn.stat(self._records)["entries"],
            "authenticated": self._by_authid.count(txn),
            "revocations": self._log.count(txn),
        }

    def clear(self, txn: Any) -> None:
        txn.drop(self._records, delete=False)
        self._by_authid.clear(txn)
        self._by_expiry.clear(txn)
        self._log.clear(txn)

    def _get(self, txn: Any, id: str) -> Stored | None:
        key = key_of(id)
        data = txn.get(key, None, self._records) if key else None
        return None if data is None else _decoded(id, data)

    def _write(self, txn: Any, outcome: Outcome) -> None:
        ids = sorted(outcome.before.keys() | outcome.after.keys())
        pairs = ((id, outcome.before.get(id), outcome.after.get(id)) for id in ids)
        changed = [(id, old, new) for id, old, new in pairs if old is not new]
        for id, _, new in changed:
            if isinstance(new, Cookie):
                txn.put(_must_key(id), encode(new), db=self._records)
            else:
                txn.delete(_must_key(id), db=self._records)
        self._index(txn, [old for _, old, _ in changed], [new for _, _, new in changed])

    def _index(self, txn: Any, old: Iterable[Stored | None], new: Iterable[Stored | None]) -> None:
        gone, come = _readable(old), _readable(new)
        for index in (self._by_authid, self._by_expiry):
            index.update(txn, gone, come)

    def _expire(self, txn: Any, key: bytes, now: int) -> bool:
        """Delete a record, unless it says that it is not due: the entry that led to it is old."""
        data = txn.get(key, None, self._records)
        record = None if data is None else _decoded(id_of(key), data)
        if record is None or (isinstance(record, Cookie) and record.expires > now):
            return False
        txn.delete(key, db=self._records)
        self._index(txn, [record], [])
        return True

    def _all(self, txn: Any, start: bytes) -> Iterator[_Step]:
        with txn.cursor(self._records) as cursor:
            if cursor.set_range(start):
                for key, data in cursor:
                    yield key, key, data

    def _of(self, txn: Any, authid: str, start: bytes) -> Iterator[_Step]:
        prefix = packed_authid(authid)
        end = prefix + b"\xff" * (KEY_SIZE + 1)
        for entry in self._by_authid.range(txn, start or prefix, end, _PAGE_RECORDS):
            key = record_key(entry)
            yield entry, key, txn.get(key, b"", self._records)


def _decoded(id: str, data: bytes) -> Stored:
    try:
        return decode(id, data)
    except ValueError:
        return DAMAGED


def _readable(records: Iterable[Stored | None]) -> list[Cookie]:
    return [record for record in records if isinstance(record, Cookie)]


def _must_key(id: str) -> bytes:
    key = key_of(id)
    if key is None:
        raise ValueError(f"not the id of a cookie, which has 24 characters of base64url: {id!r}")
    return key


def _expiry_prefix(cookie: Cookie) -> bytes:
    return packed_time(cookie.expires)


def _authid_prefix(cookie: Cookie) -> bytes | None:
    return packed_authid(cookie.auth.authid) if cookie.auth else None


def _revoked(outcome: Outcome) -> list[str]:
    """The ids whose login is worth nothing any more, or is somebody else's now."""
    changed_hands = {
        id
        for id, old in outcome.before.items()
        if _authid(old) not in (None, _authid(outcome.after.get(id)))
    }
    return sorted(changed_hands.union(outcome.revoked))


def _authid(record: Stored | None) -> str | None:
    return record.auth.authid if isinstance(record, Cookie) and record.auth else None
