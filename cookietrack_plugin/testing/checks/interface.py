"""A store and its provider are what they claim to be."""

from pathlib import Path
from time import time
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from cookietrack_plugin.interfaces import (
    IBatchLimit,
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    INonBlockingLoad,
    IReaderSlots,
    IRecognizer,
    IRevocationFeed,
    IRevocationSignal,
    IServerTime,
    IUserRevocation,
)
from cookietrack_plugin.record import Create
from cookietrack_plugin.testing.bulk import MAX_CHANGES, commit_all
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import make_cookie

# Milliseconds. A server's clock may be wrong, but its unit is not.
DAY = 86_400_000


class InterfaceChecks(StoreCase):
    def test_the_provider_provides_its_interface(self) -> None:
        """The provider declares ICookieStoreProvider, and has its attributes and methods.

        ICookieStoreProvider: "the entry point's object is a provider"
        """
        verifyObject(ICookieStoreProvider, self.new_provider())

    def test_the_store_provides_its_interface(self, store: ICookieStore) -> None:
        """The store declares ICookieStore, and has its attributes and methods.

        ICookieStore: "A set of `Cookie` records by id."
        """
        verifyObject(ICookieStore, store)

    def test_a_feed_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with revoked_since() declares IRevocationFeed, with the method's signature.

        IRevocationFeed: "An optional power of a store that several workers or nodes share"
        """
        if hasattr(store, "revoked_since"):
            verifyObject(IRevocationFeed, store)

    def test_a_signal_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with await_revocation() declares IRevocationSignal and IRevocationFeed.

        IRevocationSignal: "An optional power of a store with `IRevocationFeed`"
        """
        if hasattr(store, "await_revocation"):
            verifyObject(IRevocationSignal, store)
            verifyObject(IRevocationFeed, store)

    def test_a_commit_without_waiting_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with finish() declares INonBlockingCommit, with the methods' signatures.

        INonBlockingCommit: "An optional power of a store whose changes are made durable by another
        process or a server"
        """
        if hasattr(store, "finish"):
            verifyObject(INonBlockingCommit, store)

    def test_a_look_up_without_waiting_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with finish_load() declares INonBlockingLoad, with the methods' signatures.

        INonBlockingLoad: "An optional power of a store that reads from a server"
        """
        if hasattr(store, "finish_load"):
            verifyObject(INonBlockingLoad, store)

    def test_a_user_revocation_provides_its_interface(self, store: ICookieStore) -> None:
        """A store with revoke_user() declares IUserRevocation, with the method's signature.

        IUserRevocation: "An optional power of a store"
        """
        if hasattr(store, "revoke_user"):
            verifyObject(IUserRevocation, store)

    def test_a_batch_limit_is_a_number(self, store: ICookieStore) -> None:
        """A store with max_changes declares IBatchLimit; it is an integer from 1 to 1024.

        IBatchLimit: "An optional power of a store whose engine takes fewer than 1024 changes in a
        transaction."
        """
        if hasattr(store, "max_changes"):
            verifyObject(IBatchLimit, store)
            assert isinstance(store.max_changes, int)
            assert 1 <= store.max_changes <= MAX_CHANGES

    def test_a_server_has_the_time(self, store: ICookieStore) -> None:
        """A store with server_time() declares IServerTime; it gives Unix milliseconds that go on.

        IServerTime.server_time: "The server's time in Unix milliseconds"
        """
        if not hasattr(store, "server_time"):
            pytest.skip("the store does not provide IServerTime, and need not")
        verifyObject(IServerTime, store)
        first, second = store.server_time(), store.server_time()
        assert type(first) is type(second) is int
        assert abs(first - time() * 1000) < DAY
        assert abs(second - first) < DAY

    def test_slots_of_readers_provide_their_interface(self, store: ICookieStore) -> None:
        """A store with stale_readers() declares IReaderSlots; where no reader was killed, it is 0.

        IReaderSlots.stale_readers: "How many slots belong to processes that have ended."
        """
        if hasattr(store, "stale_readers"):
            verifyObject(IReaderSlots, store)
            slots: Any = store
            assert (slots.stale_readers(), slots.clear_stale_readers()) == (0, 0)

    def test_what_is_no_store_is_not_recognized(self, tmp_path: Path) -> None:
        """A provider with recognize() declares IRecognizer; an empty folder and file are no store.

        IRecognizer.recognize: "None where it is none of this type."
        """
        provider = self.new_provider()
        if hasattr(provider, "recognize"):
            verifyObject(IRecognizer, provider)
            (tmp_path / "folder").mkdir()
            (tmp_path / "file").touch()
            for name in ("folder", "file"):
                assert provider.recognize(str(tmp_path / name)) is None

    def test_the_summary_is_one_line(self) -> None:
        """The provider's summary is one line of text that is not empty.

        ICookieStoreProvider.summary: "One line for people who choose a store."
        """
        assert len(self.new_provider().summary.strip().splitlines()) == 1

    def test_whether_it_blocks_is_true_or_false(self, store: ICookieStore) -> None:
        """reads_block and commits_block are True or False, nothing like it.

        ICookieStore.reads_block: "True when load() can wait on a network or a disk"
        """
        assert isinstance(store.reads_block, bool)
        assert isinstance(store.commits_block, bool)

    def test_stat_has_records_and_bytes(self, store: ICookieStore) -> None:
        """stat() has `cookies` and `bytes`, integers that are more than 0 where records are.

        ICookieStore.stat: "`cookies` (records, expired ones included, possibly estimated), `bytes`
        (room that they take on disk or in memory)"
        """
        commit_all(store, [Create(make_cookie(n)) for n in range(100)])
        stat = store.stat()
        assert isinstance(stat["cookies"], int)
        assert isinstance(stat["bytes"], int)
        assert stat["cookies"] > 0
        assert stat["bytes"] > 0

    def test_stat_of_an_empty_store_is_no_error(self, store: ICookieStore) -> None:
        """stat() of a store without records counts none.

        ICookieStore.stat: "`cookies` (records, expired ones included, possibly estimated)"
        """
        assert store.stat()["cookies"] == 0
