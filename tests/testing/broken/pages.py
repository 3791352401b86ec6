"""Stores whose pages have too much or too little, whose cursors are bad, or that hold up others."""

import pickle

from cookietrack_plugin.record import Create, matches
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of, records
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.honest import SqliteStore
from tests.testing.registry import fails


@fails("test_a_walk_meets_every_record_once")
class GivesTheFirstTwice(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit - 1, authid, authrealm)
        return [*page[:1], *page], following


@fails("test_a_walk_of_an_empty_store_meets_nothing")
class NeedsARecord(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit, authid, authrealm)
        return [page[0], *page[1:]], following


@fails("test_a_page_has_no_more_than_its_limit")
class GivesAtLeastTwo(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        return super().page(cursor, max(limit, 2), authid, authrealm)


@fails("test_a_walk_can_be_of_one_user_or_realm")
class GivesEither(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit)
        return [
            each
            for each in page
            if each.auth and (each.auth.authid == authid or each.auth.authrealm == authrealm)
        ], following


@fails("test_users_with_names_alike_are_not_mixed_up")
class Collation(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit, None, authrealm)
        return [
            each
            for each in page
            if authid is None or each.auth.authid.casefold() == authid.casefold()
        ], following


@fails(
    "test_a_record_that_comes_and_goes_in_one_batch_leaves_nothing",
    "test_an_expired_record_leaves_every_index",
    "test_a_walk_follows_the_login",
    "test_a_deleted_record_is_on_no_page",
)
class StaleIndex(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.filed = []

    def commit(self, changes):
        self.filed += [each.cookie for each in changes if isinstance(each, Create)]
        return super().commit(changes)

    def page(self, cursor, limit, authid=None, authrealm=None):
        return [each for each in self.filed if matches(each.auth, authid, authrealm)], None


@fails("test_cursors_grow")
class NumbersItsPages(MemoryStore):
    """`10` comes before `9`, as texts."""

    def page(self, cursor, limit, authid=None, authrealm=None):
        start = int(cursor or 0)
        every = list(records(super(), authid, authrealm))
        end = start + limit
        return every[start:end], str(end) if end < len(every) else None


@fails("test_a_walk_goes_on_from_a_record_that_is_gone")
class WantsTheLastRecord(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        if cursor and not self.load([place_of(cursor).decode()]):
            return [], None
        return super().page(cursor, limit, authid, authrealm)


@fails("test_a_text_that_is_no_cursor_is_refused")
class TakesEveryCursor(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        try:
            return super().page(cursor, limit, authid, authrealm)
        except ValueError:
            return super().page(None, limit, authid, authrealm)


@fails("test_a_foreign_cursor_does_no_harm")
class UnpicklesCursors(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        cursor = cursor and pickle.loads(place_of(cursor))
        page, following = super().page(cursor, limit, authid, authrealm)
        return page, following and cursor_of(pickle.dumps(following))


@fails("test_nothing_is_held_between_two_pages")
class HoldsOnUntilTheEnd(MemoryStore):
    walks = 0

    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit, authid, authrealm)
        self.walks += (cursor is None) - (following is None)
        return page, following

    def commit(self, changes):
        assert not self.walks
        return super().commit(changes)


@fails("test_a_walk_goes_on_while_records_change", "test_pages_and_stats_go_on_during_commits")
class CountsTheRecords(MemoryStore):
    """A place is how many records come before it."""

    def page(self, cursor, limit, authid=None, authrealm=None):
        start = int(place_of(cursor)) if cursor else 0
        every = [
            self._get(id)
            for id in self._cookies.after("", start + limit)
            if matches(self._get(id).auth, authid, authrealm)
        ]
        end = start + limit
        return every[start:], cursor_of(b"%09d" % end) if len(every) == end else None


@fails("test_a_page_is_made_without_looking_at_all")
class SortsThemAll(MemoryStore):
    def page(self, cursor, limit, authid=None, authrealm=None):
        last = place_of(cursor).decode() if cursor else ""
        every = sorted(records(super(), authid, authrealm), key=lambda cookie: cookie.id)
        page = [each for each in every if each.id > last][:limit]
        return page, cursor_of(page[-1].id.encode()) if len(page) == limit else None


@fails("test_a_cursor_is_good_in_every_process", "test_a_cursor_is_good_after_reopening")
class RemembersCursors(SqliteStore):
    """As long as it is open."""

    def __init__(self, path):
        super().__init__(path)
        self.cursors = {}

    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(self.cursors.get(cursor), limit, authid, authrealm)
        if following:
            self.cursors[f"{len(self.cursors):09d}"] = following
            following = max(self.cursors)
        return page, following
