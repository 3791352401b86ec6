"""Stores that give back something else than they were given."""

from attrs import evolve

from cookietrack_plugin.record import Auth, Authenticate, Cookie
from cookietrack_plugin.stores.memory import MemoryStore
from tests.testing.registry import fails


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
    def page(self, cursor, limit, authid=None, authrealm=None):
        page, following = super().page(cursor, limit)
        short = [_with(each, authid=each.auth.authid[:255]) for each in page]
        return [each for each in short if authid and each.auth.authid == authid[:255]], following


@fails("test_times_are_exact")
class Seconds(MemoryStore):
    def load(self, ids):
        return {
            id: evolve(each, seen=each.seen / 1000 * 1000) for id, each in super().load(ids).items()
        }


@fails("test_the_time_of_a_login_is_exact")
class KnowsNobodysLogin(MemoryStore):
    def load(self, ids):
        return {id: _with(each, at=None) for id, each in super().load(ids).items()}


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
        return {id: self._get(id) for id in ids}


def _with(cookie: Cookie, **changes: object) -> Cookie:
    auth: Auth | None = cookie.auth and evolve(cookie.auth, **changes)
    return evolve(cookie, auth=auth)
