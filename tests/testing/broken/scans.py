"""Stores whose scans give too much or too little, or hold up others."""

from collections.abc import Iterator

from cookietrack_plugin.record import Cookie, Create
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.registry import fails


@fails("test_a_scan_gives_every_record_once")
class ScansTheFirstTwice(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        for number, each in enumerate(super().scan(authid, authrealm)):
            yield from [each, each] if number == 0 else [each]


@fails("test_a_scan_of_an_empty_store_is_empty")
class ScansSome(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        yield next(super().scan(authid, authrealm))


@fails("test_a_scan_can_be_of_one_user_or_realm")
class ScansEither(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        for each in super().scan():
            if each.auth and (each.auth.authid == authid or each.auth.authrealm == authrealm):
                yield each


@fails("test_users_with_names_alike_are_not_mixed_up")
class Collation(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        for each in super().scan(None, authrealm):
            if authid is None or each.auth.authid.casefold() == authid.casefold():
                yield each


@fails(
    "test_a_record_that_comes_and_goes_in_one_batch_leaves_nothing",
    "test_an_expired_record_leaves_every_index",
    "test_a_scan_follows_the_login",
    "test_a_deleted_record_is_in_no_scan",
)
class StaleIndex(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.filed = []

    def commit(self, changes):
        self.filed += [each.cookie for each in changes if isinstance(each, Create)]
        return super().commit(changes)

    def scan(self, authid=None, authrealm=None):
        for each in self.filed:
            if each.auth and each.auth.authid == authid:
                yield each


@fails("test_a_scan_can_be_left_half_way")
class ScansToTheEnd(MemoryStore):
    scanning = False

    def scan(self, authid=None, authrealm=None):
        self.scanning = True
        return _Scan(self, super().scan(authid, authrealm))

    def commit(self, changes):
        assert not self.scanning
        return super().commit(changes)


@fails("test_a_scan_does_not_keep_writers_waiting")
class ScansLocked(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        every = list(super().scan(authid, authrealm))
        with self._lock:
            yield from every


@fails("test_a_scan_goes_on_while_records_change", "test_scans_and_stats_go_on_during_commits")
class ScansInPlace(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        for id in self._cookies:
            yield self._cookies[id]


@fails("test_a_scan_does_not_hold_the_whole_store")
class ScansAtOnce(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        return iter(list(super().scan(authid, authrealm)))


class _Scan:
    """An iterator that only its end sets the store free."""

    def __init__(self, store: ScansToTheEnd, cookies: Iterator[Cookie]) -> None:
        self.store, self.cookies = store, cookies

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self.cookies)
        except StopIteration:
            self.store.scanning = False
            raise
