"""
What a worker and the process that writes for it send one another.

Changes travel as what is stored of them (most are new records, which a `Batch` holds encoded): what
an application put into `authextra` is refused here if it cannot be stored, and nothing of it is
unpickled.
"""

import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

from cookietrack_plugin.record import Auth, Authenticate, Cookie, Create, Delete, Touch
from cookietrack_plugin.stores.codec import decode, encode
from cookietrack_plugin.stores.lmdb.batch import Batch

_Reduced = tuple[Callable[..., Any], tuple[Any, ...]]

loads = pickle.loads


def dumps(message: Any) -> bytes:
    """:raises ValueError: there is a change in it that cannot be stored."""
    buffer = BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCED
    pickler.dump(message)
    return buffer.getvalue()


def _reduce_create(change: Create) -> _Reduced:
    return _create, (change.id, encode(change.cookie))


def _create(id: str, data: bytes) -> Create:
    return Create(decode(id, data))


def _reduce_authenticate(change: Authenticate) -> _Reduced:
    return _authenticate, (change.id, change.at, change.auth and _auth_data(change.auth))


def _authenticate(id: str, at: int, data: bytes | None) -> Authenticate:
    return Authenticate(id, decode(id, data).auth if data else None, at)


def _auth_data(auth: Auth) -> bytes:
    return encode(Cookie("", 0, 0, 0, auth=auth))


def _reduce_touch(change: Touch) -> _Reduced:
    return Touch, (change.id, change.seen, change.expires, change.peer, change.user_agent)


def _reduce_delete(change: Delete) -> _Reduced:
    return Delete, (change.id,)


def _reduce_batch(batch: Batch) -> _Reduced:
    return Batch, (batch.alone, batch.new, batch.others)


_REDUCED: dict[type, Callable[[Any], Any]] = {
    Batch: _reduce_batch,
    Create: _reduce_create,
    Authenticate: _reduce_authenticate,
    Touch: _reduce_touch,
    Delete: _reduce_delete,
}
