"""Stores in memory, each of them broken in one way, and honest otherwise."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident
from typing import ClassVar

from attrs import evolve

from cookietrack_plugin.errors import ConfigError, StoreFull
from cookietrack_plugin.record import Auth, Authenticate, Cookie, Create, Delete, Touch
from cookietrack_plugin.stores.memory import MemoryProvider, MemoryStore
from cookietrack_plugin.testing.samples import NOW
from tests.testing.registry import fails


class VolatileCase:
    """What the suite has to know of them."""

    options: ClassVar = {"type": "memory", "max_cookies": 1_000_000}
    wrong_options: ClassVar = [("max_cookies", {"type": "memory", "max_cookies": 0})]
    cramped_options: ClassVar = {"type": "memory", "max_cookies": 10}


class VolatileProvider(MemoryProvider):
    store_class = MemoryStore

    def open(self, options, node_dir):
        return self.store_class(options["max_cookies"])


# Providers.


@fails("test_the_provider_provides_its_interface")
class ProviderOfOtherShape(VolatileProvider):
    def check(self):
        pass


@fails("test_the_summary_is_one_line")
class WordyProvider(VolatileProvider):
    summary = "First line.\nSecond line."


@fails("test_valid_options_are_accepted")
class FussyProvider(VolatileProvider):
    def check(self, options):
        raise ConfigError('"max_cookies" in cookie store: no')


@fails(
    "test_an_unknown_option_is_refused",
    "test_a_value_of_a_wrong_type_is_refused",
    "test_what_the_author_calls_wrong_is_refused",
)
class TrustingProvider(VolatileProvider):
    def check(self, options):
        pass


@fails("test_null_is_a_value_like_any_other")
class ProviderThatCompares(VolatileProvider):
    def check(self, options):
        if options["max_cookies"] < 1:
            raise ConfigError("max_cookies")


@fails("test_a_missing_option_is_refused")
class ProviderThatLooksUp(VolatileProvider):
    def check(self, options):
        assert options["max_cookies"] is not None


@fails("test_check_opens_nothing")
class EagerProvider(VolatileProvider):
    def check(self, options):
        Path("cookies").touch()


@fails("test_paths_are_relative_to_the_node_directory")
class ProviderInTheWorkingDirectory(VolatileProvider):
    def open(self, options, node_dir):
        Path("cookies").touch()
        return super().open(options, node_dir)


@fails("test_a_place_that_cannot_be_used_is_unavailable")
class ProviderThatPassesErrorsOn(VolatileProvider):
    def open(self, options, node_dir):
        Path(node_dir, "cookies").touch()
        return super().open(options, node_dir)


# Interface.


@fails("test_the_store_provides_its_interface")
class StoreOfOtherShape(MemoryStore):
    def load(self, ids, deep):
        return super().load(ids)


@fails("test_a_feed_provides_its_interface")
class UndeclaredFeed(MemoryStore):
    def revoked_since(self, cursor):
        return [], 0


@fails("test_whether_it_blocks_is_true_or_false")
class AlmostTrue(MemoryStore):
    reads_block = 0


@fails("test_stat_has_records_and_bytes")
class StatWithoutBytes(MemoryStore):
    def stat(self):
        return {"cookies": super().stat()["cookies"]}


@fails("test_stat_of_an_empty_store_is_no_error")
class StatThatDivides(MemoryStore):
    def stat(self):
        stat = super().stat()
        return {**stat, "mean": stat["bytes"] / stat["cookies"]}


@fails("test_close_is_idempotent")
class ClosesOnce(MemoryStore):
    closed = False

    def close(self):
        assert not self.closed
        self.closed = True


@fails("test_an_unused_store_can_be_closed")
class ClosesWhatItUsed(MemoryStore):
    def commit(self, changes):
        self.used = True
        return super().commit(changes)

    def close(self):
        assert self.used


@fails("test_close_lets_go_of_everything")
class Leaky(MemoryStore):
    left: ClassVar = []

    def close(self):
        self.left.append(Path("/dev/null").open())  # noqa: SIM115  that is the fault


# Changes.


@fails("test_a_created_record_is_loaded_as_it_was")
class WithoutUserAgent(MemoryStore):
    def load(self, ids):
        return {id: evolve(each, user_agent=None) for id, each in super().load(ids).items()}


@fails("test_a_collision_overwrites_nothing")
class Overwriting(MemoryStore):
    def commit(self, changes):
        super().commit([Delete(each.id) for each in changes if isinstance(each, Create)])
        return super().commit(changes)


@fails("test_an_update_does_what_the_contract_says")
class LoginWithoutItsTime(MemoryStore):
    def commit(self, changes):
        return super().commit(
            [evolve(each, at=NOW) if isinstance(each, Authenticate) else each for each in changes]
        )


@fails("test_an_update_brings_no_record_into_being", "test_an_update_revives_no_record")
class Upserting(MemoryStore):
    def commit(self, changes):
        for each in changes:
            if isinstance(each, Authenticate | Touch):
                super().commit([Create(Cookie(each.id, NOW, NOW, NOW))])
        return super().commit(changes)


@fails("test_a_deleted_record_is_gone")
class LosingDeletes(MemoryStore):
    def commit(self, changes):
        kept = [each for each in changes if not isinstance(each, Delete)]
        return super().commit(kept) or [True] * len(changes)


@fails("test_delete_is_idempotent")
class DeletesOnce(MemoryStore):
    def commit(self, changes):
        for each in changes:
            assert not isinstance(each, Delete) or each.id in self._cookies
        return super().commit(changes)


@fails("test_a_deleted_id_can_be_created_anew")
class Tombstones(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.dead = set()

    def commit(self, changes):
        self.dead |= {each.id for each in changes if isinstance(each, Delete)}
        changes = [
            Delete(each.id) if isinstance(each, Create) and each.id in self.dead else each
            for each in changes
        ]
        return super().commit(changes)


@fails("test_loading_nothing_finds_nothing")
class LoadsSome(MemoryStore):
    def load(self, ids):
        assert ids
        return super().load(ids)


@fails("test_absent_ids_are_left_out")
class LoadsNone(MemoryStore):
    def load(self, ids):
        return {id: super(LoadsNone, self).load([id]).get(id) for id in ids}


@fails("test_many_ids_are_loaded_at_once", "test_a_large_batch_applies")
class NoMoreThanAThousand(MemoryStore):
    def load(self, ids):
        assert len(ids) <= 1_000
        return super().load(ids)

    def commit(self, changes):
        assert len(changes) <= 1_000
        return super().commit(changes)


@fails("test_ids_that_differ_in_case_are_two")
class CaseInsensitive(MemoryStore):
    def commit(self, changes):
        return super().commit(
            [evolve(each, cookie=evolve(each.cookie, id=each.id.lower())) for each in changes]
        )


# Batches.


@fails("test_an_empty_batch_is_no_error")
class NoEmptyBatch(MemoryStore):
    def commit(self, changes):
        assert changes[0]
        return super().commit(changes)


@fails("test_each_change_has_its_result")
class AlwaysTrue(MemoryStore):
    def commit(self, changes):
        return [True] * len(super().commit(changes))


@fails("test_changes_of_one_record_apply_in_order")
class CreatesFirst(MemoryStore):
    def commit(self, changes):
        return super().commit(sorted(changes, key=lambda each: not isinstance(each, Create)))


@fails("test_a_change_that_does_not_apply_holds_up_no_other")
class StopsEarly(MemoryStore):
    def commit(self, changes):
        results = []
        for each in changes:
            results += super().commit([each]) if all(results) else [False]
        return results


@fails("test_what_cannot_be_stored_spoils_the_whole_batch")
class HalfABatch(MemoryStore):
    def commit(self, changes):
        return [super(HalfABatch, self).commit([each])[0] for each in changes]


@fails("test_a_batch_that_finds_no_room_applies_nothing")
class HalfFull(MemoryStore):
    def commit(self, changes):
        for each in changes:
            if len(self._cookies) == self._max_cookies - 1:
                raise StoreFull
            super().commit([each])


# Values.


@fails("test_authextra_comes_back_unchanged")
class NothingIsNone(MemoryStore):
    def load(self, ids):
        return {id: _with(each, authextra=None) for id, each in super().load(ids).items()}


@fails("test_any_text_is_kept")
class Stripped(MemoryStore):
    def load(self, ids):
        found = super().load(ids).items()
        return {id: evolve(each, user_agent=each.user_agent.strip()) for id, each in found}


@fails("test_what_is_unknown_stays_unknown")
class EmptyIsNone(MemoryStore):
    def load(self, ids):
        return {id: evolve(each, peer=each.peer or "") for id, each in super().load(ids).items()}


@fails("test_long_texts_are_kept_apart")
class Varchar(MemoryStore):
    def scan(self, authid=None, authrealm=None):
        for each in super().scan():
            short = _with(each, authid=each.auth.authid[:255])
            if authid and short.auth.authid == authid[:255]:
                yield short


@fails("test_times_are_exact")
class Seconds(MemoryStore):
    def load(self, ids):
        return {
            id: evolve(each, seen=each.seen / 1000 * 1000) for id, each in super().load(ids).items()
        }


@fails("test_any_id_is_kept")
class AlphanumericIds(MemoryStore):
    def commit(self, changes):
        assert all(each.id.isalnum() for each in changes)
        return super().commit(changes)


@fails("test_what_was_passed_in_can_be_altered")
class KeepsWhatItGot(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.extras = {}

    def commit(self, changes):
        for each in changes:
            auth = each.auth if isinstance(each, Authenticate) else each.cookie.auth
            self.extras[each.id] = auth and auth.authextra
        return super().commit(changes)

    def load(self, ids):
        found = super().load(ids).items()
        return {id: _with(each, authextra=self.extras[id]) for id, each in found}


@fails("test_what_was_got_back_can_be_altered")
class GivesWhatItHas(MemoryStore):
    def load(self, ids):
        return {id: self._cookies[id] for id in ids}


# Expiry.


@fails("test_a_record_expires_at_its_millisecond")
class AMillisecondLate(MemoryStore):
    def expire(self, now, limit):
        return super().expire(now - 1, limit)


@fails("test_the_limit_is_respected")
class Unlimited(MemoryStore):
    def expire(self, now, limit):
        return super().expire(now, limit**3)


@fails("test_less_than_the_limit_means_that_no_more_are_left")
class HalfTheLimit(MemoryStore):
    def expire(self, now, limit):
        return super().expire(now, limit // 2)


@fails("test_expire_of_an_empty_store_is_no_error")
class ExpiresSome(MemoryStore):
    def expire(self, now, limit):
        assert self._cookies
        return super().expire(now, limit)


@fails(
    "test_a_touched_record_lives_longer",
    "test_a_touched_record_can_live_shorter",
    "test_a_record_created_anew_expires_at_its_new_time",
)
class FirstDeadline(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.first = {}

    def commit(self, changes):
        for each in changes:
            if isinstance(each, Create):
                self.first.setdefault(each.id, each.cookie.expires)
        return super().commit(changes)

    def expire(self, now, limit):
        due = [id for id in self._cookies if self.first[id] <= now][:limit]
        return sum(super().commit([Delete(id) for id in due]))


@fails("test_a_login_does_not_alter_the_expiry")
class LoginProlongs(MemoryStore):
    def commit(self, changes):
        results = super().commit(changes)
        for each in changes:
            if isinstance(each, Authenticate):
                super().commit([Touch(each.id, each.at, NOW + 10_000, None, None)])
        return results


# Scans.


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


# Threads.


@fails("test_every_call_may_come_from_another_thread")
class OfOneThread(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.thread = get_ident()

    def load(self, ids):
        assert self.thread == get_ident()
        return super().load(ids)


@fails("test_what_was_committed_is_seen_by_every_thread")
class SnapshotOfAThread(MemoryStore):
    def __init__(self, max_cookies):
        super().__init__(max_cookies)
        self.threads = threading.local()

    def load(self, ids):
        if not hasattr(self.threads, "seen"):
            self.threads.seen = super().load(ids)
        return self.threads.seen


@fails(
    "test_no_reader_sees_half_of_an_update",
    "test_no_reader_sees_half_of_a_coming_or_going",
)
class LocksEachChange(MemoryStore):
    def commit(self, changes):
        results = []
        for each in changes:
            results += super().commit([each])
            time.sleep(0)
        return results


@fails("test_any_history_leads_to_what_the_contract_says")
class ForgetsWhoTouchedLast(MemoryStore):
    """Right one change at a time: only the second Touch of a batch goes wrong."""

    def commit(self, changes):
        touched = set()
        for each in changes:
            if isinstance(each, Touch) and each.id in touched:
                changes = [evolve(c, peer=None) if c is each else c for c in changes]
            touched.add(each.id)
        return super().commit(changes)


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


def _with(cookie: Cookie, **changes: object) -> Cookie:
    auth: Auth | None = cookie.auth and evolve(cookie.auth, **changes)
    return evolve(cookie, auth=auth)
