"""What a provider says of its stores is true."""

from collections.abc import Mapping
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreLocked
from cookietrack_plugin.interfaces import ICookieStore, IRouterCookieStore
from cookietrack_plugin.record import Create
from cookietrack_plugin.testing.case import StartProcess, StoreCase
from cookietrack_plugin.testing.samples import make_cookie, make_id


class ClaimChecks(StoreCase):
    def test_claims_are_true_or_false(self) -> None:
        """volatile and exclusive are True or False, nothing like it.

        ICookieStoreProvider.exclusive: "True when one process at a time can have the store open."
        """
        provider = self.new_provider()
        assert isinstance(provider.volatile, bool)
        assert isinstance(provider.exclusive, bool)

    def test_the_place_is_an_option(self, store_options: Mapping[str, Any]) -> None:
        """place is the name of an option of the suite's `options`, with a text in it, or None.

        ICookieStoreProvider.place: "The option that says where the store is, such as 'path' or
        'url'; None without one."
        """
        place = self.new_provider().place
        assert place is None or isinstance(store_options[place], str)

    def test_what_is_opened_is_what_was_claimed(self, store: ICookieStore) -> None:
        """opens is ICookieStore or IRouterCookieStore, and open() gives that.

        ICookieStoreProvider.opens: "The interface of what `open` returns: ICookieStore or
        IRouterCookieStore."
        """
        opens = self.new_provider().opens
        assert opens in (ICookieStore, IRouterCookieStore)
        assert opens.providedBy(store)

    def test_records_last_unless_the_provider_is_volatile(
        self, store: ICookieStore, start_process: StartProcess
    ) -> None:
        """A record is there for the next process, unless `volatile` says that it is not.

        ICookieStoreProvider.volatile: "True when the records end with the process that has the
        store."
        """
        store.close()
        first = start_process()
        first.open()
        first.call("commit", [Create(make_cookie(1))])
        first.call("close")
        first.close()
        second = start_process()
        second.open()
        expected = [] if self.new_provider().volatile else [make_id(1)]
        assert list(second.call("load", [make_id(1)])) == expected
        assert self.durable is not self.new_provider().volatile

    def test_two_processes_can_open_the_store_unless_it_is_exclusive(
        self, store: ICookieStore, start_process: StartProcess
    ) -> None:
        """A second process can open the store, unless `exclusive` says that it is locked.

        ICookieStoreProvider.open: "another process has it, and it cannot be shared"
        """
        store.close()
        start_process().open()
        second = start_process()
        if self.new_provider().exclusive:
            with pytest.raises(StoreLocked):
                second.open()
        else:
            second.open()
