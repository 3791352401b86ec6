"""The records in Crossbar's own zLMDB database, for reading: values leave it as ids."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

from zope.interface import implementer

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.header import id_of
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Auth, Change, Cookie, matches
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of

# Crossbar stores logins of anonymous clients too, with the cookie's value as their authid.
_ANONYMOUS = ("anonymous", "anonymous-proxy")
# Records that a page has at most.
_MAX_PAGE = 1_000


@implementer(ICookieStore)
class DatabaseRecords:
    """
    Crossbar's database, open for reading; a node may have it open too.

    A record that cannot be decoded counts as absent, and so does a login that lacks a part.

    :param path: of the directory.
    :raises StoreUnavailable: there is none, or it cannot be opened.
    :raises StoreCorrupt: it is no cookie database of Crossbar's.
    """

    reads_block = True
    commits_block = True

    def __init__(self, path: str) -> None:
        self._file = os.path.join(path, "data.mdb")
        if not os.access(self._file, os.R_OK):
            cause = "cannot be read" if os.path.exists(self._file) else "is not there"
            raise StoreUnavailable(f"the database {self._file} {cause}")
        # Both take seconds to import, and only `database` needs them. cfxdb comes first: it tells
        # zlmdb's logging which framework there is.
        from cfxdb.cookiestore import Cookies
        from zlmdb import Database

        self._path = path
        self._closed = False
        with _named(path):
            self._db = Database(path, readonly=True, create=False)
            try:
                self._cookies = self._db.attach_table(Cookies)
            except BaseException:
                self.close()
                raise
        # By id, made when `load` is called first: the database's own index is by value.
        self._keys: Mapping[str, Any] | None = None

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        if self._keys is None:
            self._keys = {cookie.id: key for key, cookie in self._all()}
        wanted = [self._keys[id] for id in ids if id in self._keys]
        with self._begin() as txn:
            found = [self._read(txn, key) for key in wanted]
        return {cookie.id: cookie for cookie in found if cookie is not None}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        raise StoreUnavailable(f"the database {self._path} is open for reading alone")

    def expire(self, now: int, limit: int) -> int:
        raise StoreUnavailable(f"the database {self._path} is open for reading alone")

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        """In the order of the database's keys; it reads all for one user, too."""
        last = None if cursor is None else UUID(bytes=place_of(cursor))
        limit = min(limit, _MAX_PAGE)
        with self._begin() as txn:
            # The first can be the last of the page before.
            some = self._cookies.select(txn, from_key=last, return_values=False, limit=limit + 1)
            keys = [key for key in some if key != last][:limit]
            found = [cookie for key in keys if (cookie := self._read(txn, key)) is not None]
        page = [each for each in found if matches(each.auth, authid, authrealm)]
        return page, cursor_of(keys[-1].bytes) if len(keys) == limit else None

    def stat(self) -> Mapping[str, Any]:
        with self._begin() as txn:
            count = self._cookies.count(txn)
        return {"cookies": count, "bytes": os.path.getsize(self._file)}

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._db.__exit__(None, None, None)

    def _begin(self) -> AbstractContextManager[Any]:
        """A transaction, in which Crossbar's writes go on."""
        if self._closed:
            raise StoreUnavailable(f"the database {self._path} is closed")
        transaction: AbstractContextManager[Any] = self._db.begin()
        return transaction

    def _all(self) -> Iterator[tuple[Any, Cookie]]:
        with self._begin() as txn:
            for key in self._cookies.select(txn, return_values=False):
                if (cookie := self._read(txn, key)) is not None:
                    yield key, cookie

    def _read(self, txn: Any, key: Any) -> Cookie | None:
        """The record, read while its transaction lasts; None where it cannot be decoded."""
        # Damaged bytes make the readers of flat buffers and CBOR raise anything.
        try:
            return _cookie(self._cookies[txn, key])
        except Exception:  # noqa: BLE001
            return None


def _cookie(found: Any) -> Cookie:
    created = int(found.created) // 1_000_000
    expires = created + found.max_age * 1000
    return Cookie(id_of(found.value), created, expires, created, auth=_auth(found))


def _auth(found: Any) -> Auth | None:
    names = (found.authid, found.authrole, found.authmethod, found.authrealm)
    if not all(names) or found.authmethod in _ANONYMOUS:
        return None
    # Crossbar puts the peer's port into it, which outlives no connection.
    extra = {key: each for key, each in found.authextra.items() if not key.startswith("x_cb_")}
    return Auth(*names, extra or None)


@contextmanager
def _named(path: str) -> Iterator[None]:
    """What opening it raises, as errors of ours."""
    try:
        yield
    except Exception as error:
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise StoreCorrupt(f"{path} is no cookie database of Crossbar's ({cause})") from error
