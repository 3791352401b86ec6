"""A server that has gone silent, and speaks again, as its store sees it."""

from typing import Any

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.samples import NOW, make_cookie, make_id


def check_unavailable(store: Any) -> None:
    """The store answers every call with the error that its server is away."""
    for call in (
        lambda: store.load([make_id(0)]),
        lambda: store.commit([Create(make_cookie(1))]),
        lambda: store.commit([Delete(make_id(0))]),
        lambda: store.expire(NOW, 10),
        lambda: list(records(store)),
        lambda: store.stat(),
        lambda: store.revoked_since(None),
    ):
        with pytest.raises(StoreUnavailable):
            call()


def answers(store: Any) -> bool:
    """Whether the store can be asked again."""
    try:
        store.load([make_id(0)])
    except StoreUnavailable:
        return False
    return True
