"""The databases of an LMDB store: records by key, two indexes, the revocation log, and fences."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from cookietrack_plugin.record import Change, Cookie, Create, Login, UserRevoked
from cookietrack_plugin.stores.kit.codec import decode, decode_again, encode
from cookietrack_plugin.stores.kit.fold import DAMAGED, Outcome, Stored, fold
from cookietrack_plugin.stores.lmdb.batch import Batch, New, applied, unpack
from cookietrack_plugin.stores.lmdb.fences import FenceTable
from cookietrack_plugin.stores.lmdb.index import Index, Keyed, record_key
from cookietrack_plugin.stores.lmdb.keys import id_of, key_of, packed_authid, packed_time
from cookietrack_plugin.stores.lmdb.revocations import RevocationLog


class Tables:
    """
    The databases of an environment. Every method works inside the caller's transaction.

    A record that cannot be decoded does not say which entries index it, so they stay when it is
    deleted. So an entry is never trusted: it is compared with the record that it leads to.
    """

    def __init__(self, env: Any, txn: Any) -> None:
        self.records = env.open_db(b"records", txn=txn)
        self.by_authid = Index(env, txn, b"by_authid", _authid_prefix)
        self.by_expiry = Index(env, txn, b"by_expiry", _expiry_prefix)
        self.log = RevocationLog(env, txn)
        self.fences = FenceTable(env, txn)

    def load(self, txn: Any, ids: Iterable[str]) -> dict[str, Cookie]:
        found = {}
        for id in ids:
            key = key_of(id)
            data = txn.get(key, None, self.records) if key else None
            if data is not None:
                try:
                    found[id] = decode_again(id, data)
                except ValueError:
                    continue
        return found

    def apply(self, txn: Any, batch: Batch) -> Sequence[bool]:
        """:raises ValueError: something cannot be stored; the transaction has to be aborted."""
        alone, new, others = batch
        created = self.create(txn, new)
        return applied(alone, created, self._change(txn, list(map(unpack, others))))

    def expire(self, txn: Any, now: int, limit: int) -> int:
        count, first, end = 0, packed_time(0), packed_time(now + 1)
        while entries := self.by_expiry.range(txn, first, end, limit - count):
            due = self._due(txn, entries, now)
            self.delete(txn, due)
            self.by_expiry.remove(txn, entries)
            count += len(due)
            # A damaged index may still have them.
            first = entries[-1] + b"\0"
        return count

    def find(self, txn: Any, keys: Iterable[bytes]) -> dict[bytes, Stored]:
        """The records that are there, by key."""
        found = ((key, self._get(txn, id_of(key), key)) for key in keys)
        return {key: record for key, record in found if record is not None}

    def delete(self, txn: Any, records: Mapping[bytes, Stored]) -> None:
        """Delete the records, given by their keys, and the entries that lead to them."""
        for key in sorted(records):
            txn.delete(key, db=self.records)
        cookies = _readable(records, records)
        for index in (self.by_authid, self.by_expiry):
            index.remove(txn, index.entries(cookies))

    def note(self, txn: Any, entries: Sequence[bytes]) -> None:
        """Add to the log; the fences of what it drops are dropped, too."""
        for position, revoked in self.log.append(txn, entries):
            self.fences.forget(txn, position, revoked)

    def forget(self, txn: Any, count: int) -> int:
        """Remove the oldest `count` entries of the log, and their fences; how many there were."""
        found, users = self.log.shorten(txn, count)
        for position, revoked in users:
            self.fences.forget(txn, position, revoked)
        return found

    def revoked_since(
        self, txn: Any, cursor: Any, limit: int
    ) -> tuple[list[str | UserRevoked], int]:
        return self.log.since(txn, cursor, limit)

    def count(self, txn: Any) -> int:
        entries: int = txn.stat(self.records)["entries"]
        return entries

    def stat(self, txn: Any) -> dict[str, int]:
        return {
            "cookies": self.count(txn),
            "authenticated": self.by_authid.count(txn),
            "revocations": self.log.count(txn),
            "fences": self.fences.count(txn),
        }

    def clear(self, txn: Any) -> None:
        self.empty(txn)
        self.log.clear(txn)
        self.fences.clear(txn)

    def empty(self, txn: Any) -> None:
        """Remove all records."""
        txn.drop(self.records, delete=False)
        self.by_authid.clear(txn)
        self.by_expiry.clear(txn)

    def create(self, txn: Any, new: Sequence[New]) -> Sequence[bool]:
        """For each whether it was stored: there was no record of its id, and no fence."""
        by_authid, by_expiry, created = [], [], set()
        # In the order of keys, so that records of one page are put one after the other.
        for key, (id, data, authid, expires, login) in _by_key(new):
            if login is not None and self._refuses(txn, Login(id, *login)):
                continue
            if txn.put(key, data, overwrite=False, db=self.records):
                created.add(id)
                by_expiry.append(packed_time(expires) + key)
                if authid is not None:
                    by_authid.append(packed_authid(authid) + key)
        self.by_authid.add(txn, by_authid)
        self.by_expiry.add(txn, by_expiry)
        return [id in created for id, *_ in new]

    def _change(self, txn: Any, changes: Sequence[Change]) -> Sequence[bool]:
        keys = {change.id: key for change in changes if (key := _key(change))}
        found = {id: self._get(txn, id, key) for id, key in keys.items()}
        before = {id: record for id, record in found.items() if record is not None}
        outcome = fold(changes, before, lambda login: self._refuses(txn, login))
        self._write(txn, keys, outcome)
        self.note(txn, [keys[id] for id in outcome.revoked])
        return outcome.applied

    def _refuses(self, txn: Any, login: Login) -> bool:
        return not self.log.knows(txn, login.since) or self.fences.refuses(txn, login)

    def _get(self, txn: Any, id: str, key: bytes) -> Stored | None:
        data = txn.get(key, None, self.records)
        return None if data is None else _decoded(id, data)

    def _write(self, txn: Any, keys: Mapping[str, bytes], outcome: Outcome) -> None:
        old = {keys[id]: record for id, record in outcome.before.items()}
        new = {keys[id]: record for id, record in outcome.after.items()}
        changed = sorted(key for key in old | new if old.get(key) is not new.get(key))
        for key in changed:
            record = new.get(key)
            if isinstance(record, Cookie):
                txn.put(key, encode(record), db=self.records)
            else:
                txn.delete(key, db=self.records)
        gone, come = _readable(old, changed), _readable(new, changed)
        for index in (self.by_authid, self.by_expiry):
            index.update(txn, gone, come)

    def _due(self, txn: Any, entries: Iterable[bytes], now: int) -> dict[bytes, Stored]:
        """The records to which entries lead, except those whose own `expires` is later."""
        return {
            key: record
            for key, record in self.find(txn, map(record_key, entries)).items()
            if record is DAMAGED or record.expires <= now
        }


def _key(change: Change) -> bytes | None:
    return _new_key(change.id) if isinstance(change, Create) else key_of(change.id)


def _by_key(new: Sequence[New]) -> list[tuple[bytes, New]]:
    return sorted(((_new_key(each[0]), each) for each in new), key=itemgetter(0))


def _new_key(id: str) -> bytes:
    if (key := key_of(id)) is None:
        raise ValueError(f"an id has 24 characters of base64url: {id!r}")
    return key


def _decoded(id: str, data: bytes) -> Stored:
    try:
        return decode(id, data)
    except ValueError:
        return DAMAGED


def _readable(records: Mapping[bytes, Stored], keys: Iterable[bytes]) -> list[Keyed]:
    found = ((key, records.get(key)) for key in keys)
    return [(key, record) for key, record in found if isinstance(record, Cookie)]


def _expiry_prefix(cookie: Cookie) -> bytes:
    return packed_time(cookie.expires)


def _authid_prefix(cookie: Cookie) -> bytes | None:
    return packed_authid(cookie.auth.authid) if cookie.auth else None
