"""close(): what it releases, and that nothing works afterwards."""

import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from zope.interface import Interface

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    INonBlockingCommit,
    IReaderSlots,
    IRevocationFeed,
    IRevocationSignal,
    IServerTime,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import NOW, make_cookie, make_id

FILES = Path("/proc/self/fd")
CHANGES: list[Change] = [Delete(make_id(0)), Create(make_cookie(1))]
# The interface that each method is of, and a call of it.
CALLS: dict[str, tuple[type[Interface], Callable[[Any], Any]]] = {
    "load": (ICookieStore, lambda store: store.load([make_id(0)])),
    "load-nothing": (ICookieStore, lambda store: store.load([])),
    "commit": (ICookieStore, lambda store: store.commit(CHANGES)),
    "commit-nothing": (ICookieStore, lambda store: store.commit([])),
    "expire": (ICookieStore, lambda store: store.expire(NOW, 10)),
    "page": (ICookieStore, lambda store: store.page(None, 10)),
    "page-user": (ICookieStore, lambda store: store.page(None, 10, "joe", "realm1")),
    "stat": (ICookieStore, lambda store: store.stat()),
    "revoke_user": (IUserRevocation, lambda store: store.revoke_user("joe", "realm1")),
    "revoke-all": (IUserRevocation, lambda store: store.revoke_user(None, None)),
    "revoked_since": (IRevocationFeed, lambda store: list(store.revoked_since(None)[0])),
    "await_revocation": (IRevocationSignal, lambda store: store.await_revocation(0.01)),
    "server_time": (IServerTime, lambda store: store.server_time()),
    "stale_readers": (IReaderSlots, lambda store: store.stale_readers()),
    "clear_stale_readers": (IReaderSlots, lambda store: store.clear_stale_readers()),
    "damaged": (IVerifiable, lambda store: list(store.damaged())),
    "repair": (IVerifiable, lambda store: store.repair()),
}


class CloseChecks(StoreCase):
    def test_close_is_idempotent(self, store: ICookieStore) -> None:
        """close() may be called again and again.

        ICookieStore.close: "Idempotent."
        """
        store.commit([Create(make_cookie())])
        store.close()
        store.close()

    @pytest.mark.skipif(not FILES.exists(), reason="this system does not list open files")
    def test_close_releases_everything(self, open_store: OpenStore) -> None:
        """close() leaves no thread and no open file of the store behind.

        ICookieStore.close: "Release every file, thread and connection."
        """
        first, *left = [_use(open_store()) for _ in range(6)]
        # Others in this process may begin something now and then; what leaks grows every time.
        assert any(before == after for before, after in pairwise(left)), (first, *left)

    @pytest.mark.parametrize(("interface", "call"), CALLS.values(), ids=CALLS)
    def test_a_closed_store_is_unavailable(
        self, store: ICookieStore, interface: type[Interface], call: Callable[[Any], Any]
    ) -> None:
        """After close() every method raises StoreUnavailable.

        interfaces: "After `close` every method but `close` raises `StoreUnavailable`."
        """
        if not interface.providedBy(store):
            pytest.skip(f"the store does not provide {interface.__name__}, and need not")
        store.commit([Create(make_cookie(0))])
        store.close()
        with pytest.raises(StoreUnavailable):
            call(store)

    def test_a_closed_store_begins_nothing(self, store: ICookieStore) -> None:
        """After close() begin() raises StoreUnavailable, or gives False.

        interfaces: "After `close` every method but `close` raises `StoreUnavailable`."
        """
        if not INonBlockingCommit.providedBy(store):
            pytest.skip("the store does not provide INonBlockingCommit, and need not")
        store.commit([Create(make_cookie(0))])
        store.close()
        with suppress(StoreUnavailable):
            assert store.begin(CHANGES) is False

    def test_an_unused_store_can_be_closed(self, open_store: OpenStore) -> None:
        """close() right after open() is no error.

        ICookieStore.close: "Release every file, thread and connection."
        """
        open_store().close()


def _use(store: ICookieStore) -> tuple[int, int]:
    """Use the store and close it: how many threads and open files there are afterwards."""
    store.commit([Create(make_cookie())])
    next(records(store))
    assert list(records(store)) == list(store.load([make_cookie().id]).values())
    store.close()
    return threading.active_count(), len(list(FILES.iterdir()))
