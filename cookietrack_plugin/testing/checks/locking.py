"""Who may open a store that is already open, and what is left of a lock afterwards."""

import pytest

from cookietrack_plugin.errors import StoreLocked
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.testing.case import OpenStore, StartProcess, StoreCase


class LockChecks(StoreCase):
    def test_a_store_that_cannot_be_shared_is_locked(
        self, store: ICookieStore, start_process: StartProcess
    ) -> None:
        """open() of a store that another process has raises StoreLocked with that process's pid.

        StoreLocked: "Another process holds a store that only one can open; the message has its
        pid."
        """
        if not self.new_provider().exclusive:
            pytest.skip("the store can be shared")
        store.close()
        holder = start_process()
        holder.open()
        with pytest.raises(StoreLocked, match=rf"\b{holder.pid}\b"):
            start_process().open()

    def test_a_closed_store_is_free(self, store: ICookieStore, start_process: StartProcess) -> None:
        """After close() another process can open the store.

        ICookieStore.close: "Release every file, thread and connection."
        """
        store.close()
        start_process().open()

    def test_the_lock_of_a_dead_process_is_free(
        self, start_process: StartProcess, open_store: OpenStore
    ) -> None:
        """A process that was killed holds nothing: the store opens at once.

        ICookieStoreProvider.open: "another process has it, and it cannot be shared"
        """
        holder = start_process()
        holder.open()
        holder.kill()
        open_store()
