"""A store and its provider are what they claim to be."""

import threading
from pathlib import Path

import pytest
from zope.interface.verify import verifyObject

from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    IRevocationFeed,
    IRevocationSignal,
)
from cookietrack_plugin.record import Create
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import make_cookie

FILES = Path("/proc/self/fd")


class InterfaceChecks(StoreCase):
    def test_the_provider_provides_its_interface(self) -> None:
        """The provider declares ICookieStoreProvider, and has its attributes and methods."""
        verifyObject(ICookieStoreProvider, self.new_provider())

    def test_the_store_provides_its_interface(self, store: ICookieStore) -> None:
        """The store declares ICookieStore, and has its attributes and methods."""
        verifyObject(ICookieStore, store)

    def test_a_feed_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with revoked_since() declares IRevocationFeed, with the method's signature."""
        if hasattr(store, "revoked_since"):
            verifyObject(IRevocationFeed, store)

    def test_a_signal_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with await_revocation() declares IRevocationSignal and IRevocationFeed."""
        if hasattr(store, "await_revocation"):
            verifyObject(IRevocationSignal, store)
            verifyObject(IRevocationFeed, store)

    def test_a_commit_without_waiting_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with finish() declares INonBlockingCommit, with the methods' signatures."""
        if hasattr(store, "finish"):
            verifyObject(INonBlockingCommit, store)

    def test_the_summary_is_one_line(self) -> None:
        """The provider's summary is one line of text that is not empty."""
        assert len(self.new_provider().summary.strip().splitlines()) == 1

    def test_whether_it_blocks_is_true_or_false(self, store: ICookieStore) -> None:
        """reads_block and commits_block are True or False, nothing like it."""
        assert isinstance(store.reads_block, bool)
        assert isinstance(store.commits_block, bool)

    def test_stat_has_records_and_bytes(self, store: ICookieStore) -> None:
        """stat() has `cookies` and `bytes`, integers that are more than 0 where records are."""
        store.commit([Create(make_cookie(n)) for n in range(100)])
        stat = store.stat()
        assert isinstance(stat["cookies"], int)
        assert isinstance(stat["bytes"], int)
        assert stat["cookies"] > 0
        assert stat["bytes"] > 0

    def test_stat_of_an_empty_store_is_no_error(self, store: ICookieStore) -> None:
        """stat() of a store without records counts none."""
        assert store.stat()["cookies"] == 0

    def test_close_is_idempotent(self, store: ICookieStore) -> None:
        """close() may be called again and again."""
        store.commit([Create(make_cookie())])
        store.close()
        store.close()

    @pytest.mark.skipif(not FILES.exists(), reason="this system does not list open files")
    def test_close_lets_go_of_everything(self, open_store: OpenStore) -> None:
        """close() leaves no thread and no open file of the store behind."""
        left = [_use(open_store()) for _ in range(5)]
        assert len(left[1:]) * [left[1]] == left[1:]

    def test_an_unused_store_can_be_closed(self, open_store: OpenStore) -> None:
        """close() right after open() is no error."""
        open_store().close()


def _use(store: ICookieStore) -> tuple[int, int]:
    """Use the store and close it: how many threads and open files there are afterwards."""
    store.commit([Create(make_cookie())])
    assert list(store.scan()) == list(store.load([make_cookie().id]).values())
    store.close()
    return threading.active_count(), len(list(FILES.iterdir()))
