"""Random histories of a store, compared step by step with the meaning of the changes."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cookietrack_plugin.interfaces import IUserRevocation
from cookietrack_plugin.record import (
    Auth,
    Authenticate,
    Change,
    Cookie,
    Create,
    Delete,
    Touch,
    UserRevoked,
    after,
    applies,
    matches,
)
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import NOW, make_id

IDS = [make_id(n) for n in range(6)]
NAMES = ["joe", "mary", ""]

ids = st.sampled_from(IDS)
times = st.integers(NOW, NOW + 20)
# Any string, with halves of surrogate pairs.
strings = st.text(st.characters(), max_size=5)
texts = st.none() | st.text(st.characters(), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
extras = st.none() | st.dictionaries(st.text(max_size=5), values, max_size=4)
names = st.sampled_from(NAMES)
auths = st.builds(Auth, names, strings, strings, names, extras, st.none() | times)
cookies = st.builds(Cookie, ids, times, times, times, texts, texts, st.none() | auths)
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Create, cookies),
    st.builds(Authenticate, ids, auths, times),
    st.builds(Touch, ids, times, times, texts, texts),
    st.builds(Delete, ids),
)


class StoreHistory(RuleBasedStateMachine):
    """A store, and beside it a dictionary of what it has to hold."""

    def __init__(self, open_store: OpenStore, durable: bool) -> None:
        super().__init__()
        self._open_store = open_store
        self._durable = durable
        self.held: dict[str, Cookie] = {}

    @initialize()
    def begin_empty(self) -> None:
        self.store: Any = self._open_store()
        self.store.commit([Delete(id) for id in IDS])

    @rule(batch=st.lists(changes, min_size=1, max_size=6))
    def commit(self, batch: list[Change]) -> None:
        expected = []
        for change in batch:
            before = self.held.pop(change.id, None)
            expected.append(applies(before, change))
            cookie = after(before, change)
            if cookie is not None:
                self.held[change.id] = cookie
        assert list(self.store.commit(batch)) == expected

    @rule(now=times, limit=st.integers(1, 8))
    def expire(self, now: int, limit: int) -> None:
        due = {id for id, cookie in self.held.items() if cookie.expires <= now}
        assert self.store.expire(now, limit) == min(limit, len(due))
        gone = set(self.held) - set(self.store.load(IDS))
        assert gone <= due
        assert len(gone) == min(limit, len(due))
        for id in gone:
            del self.held[id]

    @rule(authid=st.none() | names, authrealm=st.none() | names)
    def walk(self, authid: str | None, authrealm: str | None) -> None:
        expected = {
            id: cookie
            for id, cookie in self.held.items()
            if matches(cookie.auth, authid, authrealm)
        }
        found = list(records(self.store, authid, authrealm))
        assert len(found) == len(expected)
        assert {cookie.id: cookie for cookie in found} == expected

    @precondition(lambda self: IUserRevocation.providedBy(self.store))
    @rule(authid=st.none() | names, authrealm=st.none() | names, keep=st.sets(ids, max_size=2))
    def revoke_user(self, authid: str | None, authrealm: str | None, keep: set[str]) -> None:
        revoked = UserRevoked(authid, authrealm, frozenset(keep))
        gone = {id for id, cookie in self.held.items() if revoked.ends(id, cookie.auth)}
        assert self.store.revoke_user(authid, authrealm, keep) == len(gone)
        for id in gone:
            del self.held[id]

    @precondition(lambda self: self._durable)
    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self._open_store()

    @invariant()
    def holds_what_it_should(self) -> None:
        if hasattr(self, "store"):
            assert dict(self.store.load(IDS)) == self.held

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


class ModelChecks(StoreCase):
    #: How many random histories are tried.
    histories = 30

    def test_any_history_leads_to_what_the_contract_says(self, open_store: OpenStore) -> None:
        """After any sequence of calls the store holds what `record.after` says it holds.

        after: "The record under `change.id` once `change` was applied: the meaning of the four
        changes."
        """
        run_state_machine_as_test(  # a function that makes one will do
            lambda: StoreHistory(open_store, self.durable),  # type: ignore[arg-type]
            settings=settings(
                max_examples=self.histories,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
