"""A blocking store, used from the reactor: the face of this room."""

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import (
    Deferred,
    DeferredList,
    DeferredSemaphore,
    fail,
    inlineCallbacks,
)
from twisted.internet.threads import deferToThreadPool

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.access.feed import FeedReader
from cookietrack_plugin.access.listing import Listing
from cookietrack_plugin.access.lookup import Lookup
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    IRevocationFeed,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Cookie, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records

T = TypeVar("T")

# Records of a user that are deleted in one turn of the reactor, where the store has no
# `IUserRevocation`: a volatile one deletes them on its thread.
MAX_DELETED_PER_TURN = 500
# Walks at a time, and those that wait for their turn. Each takes time from the reactor, and while
# the store hangs a thread of the reactor's pool.
MAX_WALKS, MAX_WAITING = 2, 50


class AsyncStore:
    """
    Every method is called on the reactor's thread, and none waits. A Deferred fails with what the
    store raised, and with `StoreUnavailable` while the store is known not to answer or is closed.

    `reads_block`: see `ICookieStore`. Callers save a look-up of such a store where they can.

    :param reactor: gives threads and timers: see `MonotonicReactor`.
    """

    def __init__(self, store: ICookieStore, reactor: Any) -> None:
        self._store = store
        self._reactor = reactor
        self.metrics = Metrics()
        self._committer = Committer(store, reactor, self.metrics)
        self._lookup = Lookup(store, self._committer, reactor, self.metrics)
        self._listing = Listing(store, reactor)
        self._walks = DeferredSemaphore(MAX_WALKS)
        self.reads_block = bool(store.reads_block)
        self.is_verifiable = IVerifiable.providedBy(store)
        self._commits_block = bool(store.commits_block)

    @property
    def pending(self) -> int:
        """How many changes are queued or being stored."""
        return self._committer.pending

    def queue_age(self) -> float:
        """For how many seconds the oldest of them has waited; 0 where there is none."""
        return self._committer.queue_age()

    def submit(self, change: Change) -> Deferred[bool]:
        """Store a change. Fires with whether it applied, once that is durable."""
        submitted = self._committer.submit(change)
        return submitted.addBoth(self._invalidated, change.id) if self.reads_block else submitted

    def load(self, id: str) -> Deferred[Cookie | None]:
        """
        The record, as it will be once every queued change is stored. A login of it that is being
        stored is waited for.
        """
        return self._lookup.load(id)

    def load_at_once(self, id: str) -> Cookie | None:
        """The record, if `load` would fire with it at once; else None, as for no record."""
        return self._lookup.load_at_once(id)

    def list_user(
        self, authid: str, authrealm: str, wanted: Callable[[Cookie], bool]
    ) -> Deferred[list[Cookie]]:
        """
        The records that are logged in as a user and `wanted`, which is called on a thread. Changes
        that are queued are not seen; those whose Deferred has fired are.
        """
        return self._listing.of(authid, authrealm, wanted)

    def overlay(self, id: str, cookie: Cookie | None) -> Cookie | None:
        """
        The record that `cookie`, read from the store, becomes by the changes that are queued. A
        login counts only once it is durable.
        """
        return self._committer.overlay(id, cookie)

    def invalidate(self, id: str | None = None) -> None:
        """
        Somebody else has changed a record, None for any of them: look-ups in flight are made again.
        """
        if id is None:
            self._lookup.invalidate_all()
        else:
            self._lookup.invalidate(id)

    def answered(self) -> None:
        """The store has answered its feed's reader: the breaker refuses no look-up any more."""
        self._lookup.insist()

    def barrier(self) -> Deferred[None]:
        """Fires when everything that is queued now is stored, or has failed."""
        return self._committer.barrier()

    def revoke_user(self, revoked: UserRevoked) -> Deferred[int]:
        """
        Delete all records of a user; how many there were. Without `IUserRevocation` this is a walk
        and deletions: logins that other workers store at the same time can be left.
        """
        if not IUserRevocation.providedBy(self._store):
            deleted: Deferred[int] = self._delete_all(revoked)
            return deleted

        def revoke(store: Any) -> int:
            return int(store.revoke_user(revoked.authid, revoked.authrealm, revoked.keep))

        if self._commits_block:
            done = self._committer.ask(lambda: revoke(self._store))
        else:
            done = self.run(revoke)
        return done.addBoth(self._invalidated)

    def expire(self, now: int, limit: int) -> Deferred[int]:
        """How many records `ICookieStore.expire` has deleted."""
        return self._committer.ask(lambda: self._store.expire(now, limit))

    def run(self, function: Callable[[Any], T]) -> Deferred[T]:
        """
        What `function` makes of the store, on a thread of the reactor's pool, where it may wait.
        """
        if self._committer.closed:
            return fail(StoreUnavailable("the store is closed"))
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, function, self._store)

    def walk(self, function: Callable[[Any], T]) -> Deferred[T]:
        """
        The same for what reads through all records: a few at a time, the others in turn. A store
        that is known not to answer is not asked.
        """
        if len(self._walks.waiting) >= MAX_WAITING:
            return fail(StoreUnavailable("too many ask for lists at once"))
        return self._walks.run(self._walk, function)

    def _walk(self, function: Callable[[Any], T]) -> Deferred[T]:
        return fail(refusal) if (refusal := self.refusal()) else self.run(function)

    def next_turn(self) -> Deferred[None]:
        """Fires in the next turn of the reactor: for work that is too long for one."""
        turn: Deferred[None] = Deferred()
        self._reactor.callLater(0, turn.callback, None)
        return turn

    def feed(self) -> FeedReader | None:
        """What reads the store's feed, on a thread of its own; None where it has none."""
        if not IRevocationFeed.providedBy(self._store):
            return None
        return FeedReader(self._store, self._reactor)

    def refusal(self) -> StoreUnavailable | None:
        """Why nobody should wait for the store now: it is away or closed. None if it answers."""
        return self._committer.refusal() or self._lookup.refusal()

    def insist(self) -> None:
        """Let the next changes reach a store that was away a moment ago: they are the last."""
        self._committer.insist()

    def close(self) -> Deferred[Any]:
        """Store what is queued, then close the store, once nobody reads from it any more."""
        read = DeferredList([self._lookup.close(), self._listing.close()])
        return read.addBoth(lambda _: self._committer.close())

    @inlineCallbacks
    def _delete_all(self, revoked: UserRevoked) -> Any:
        def ids(store: ICookieStore) -> list[str]:
            found = records(store, revoked.authid, revoked.authrealm)
            return [each.id for each in found if revoked.ends(each.id, each.auth)]

        # Logins that are queued are stored first, and then found.
        yield self.barrier()
        doomed: list[str] = yield self.run(ids)
        count = 0
        for start in range(0, len(doomed), MAX_DELETED_PER_TURN):
            some = doomed[start : start + MAX_DELETED_PER_TURN]
            count += sum((yield gathered([self.submit(Delete(id)) for id in some])))
            yield self.next_turn()
        return count

    def _invalidated(self, result: Any, id: str | None = None) -> Any:
        self.invalidate(id)
        return result
