"""What a tracker is made of: each part once, and of which others it is made."""

from collections import Counter
from functools import cached_property, partial
from typing import Any, TypeVar

from attrs import define

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Delete, UserRevoked
from cookietrack_plugin.tracking.admission import Admissions
from cookietrack_plugin.tracking.audit import Audit
from cookietrack_plugin.tracking.clock import Clock, ServerClock
from cookietrack_plugin.tracking.clocksync import ClockSync
from cookietrack_plugin.tracking.connections import Connections
from cookietrack_plugin.tracking.events import Event, Events
from cookietrack_plugin.tracking.expiry import Expiry
from cookietrack_plugin.tracking.feed import Feed
from cookietrack_plugin.tracking.freshness import Freshness
from cookietrack_plugin.tracking.health import Health
from cookietrack_plugin.tracking.insistence import Insistence
from cookietrack_plugin.tracking.lifetime import Lifetimes
from cookietrack_plugin.tracking.limits import SessionLimits
from cookietrack_plugin.tracking.login import Logins
from cookietrack_plugin.tracking.recent import RecentRevocations
from cookietrack_plugin.tracking.remote import RemoteRevocations
from cookietrack_plugin.tracking.revocation import Revoker
from cookietrack_plugin.tracking.spread import SpreadCalls
from cookietrack_plugin.tracking.stored import StoredRecords
from cookietrack_plugin.tracking.sweep import Sweep
from cookietrack_plugin.tracking.termination import Termination
from cookietrack_plugin.tracking.touches import Touches
from cookietrack_plugin.tracking.validity import Validity
from cookietrack_plugin.tracking.visits import Visits

A = TypeVar("A", bound=Admissions)


@define(slots=False, eq=False)
class Parts:
    """
    The parts of one tracker; its parameters are those of `Tracker`. A part is made when it is first
    asked for, after those that it is made of.
    """

    store: AsyncStore
    reactor: Any
    clock: Clock
    position: Any
    label: str

    @cached_property
    def connections(self) -> Connections:
        return Connections()

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.clock, self.reactor)

    @cached_property
    def events(self) -> Events:
        events = Events()
        events.subscribe(partial(_count, self.store.metrics.events))
        events.subscribe(self.audit.observe)
        return events

    @cached_property
    def freshness(self) -> Freshness:
        return Freshness(self.reactor.seconds, self.position)

    @cached_property
    def health(self) -> Health:
        return Health(self.store, self.freshness)

    @cached_property
    def deletions(self) -> Insistence[str]:
        """Of cookies that were ended."""
        return Insistence(
            lambda id: self.store.submit(Delete(id)), lambda id: f"cookie {id}", self.reactor
        )

    @cached_property
    def revocations(self) -> Insistence[UserRevoked]:
        """Of users that were ended."""
        return Insistence(self.store.revoke_user, _name_of, self.reactor)

    @cached_property
    def recent(self) -> RecentRevocations:
        return RecentRevocations()

    @cached_property
    def validity(self) -> Validity:
        return Validity(self.clock, self.deletions, self.revocations)

    @cached_property
    def stored(self) -> StoredRecords:
        return StoredRecords(self.store, self.validity, self.clock)

    @cached_property
    def calls(self) -> SpreadCalls:
        return SpreadCalls(self.reactor)

    @cached_property
    def termination(self) -> Termination:
        return Termination(self.connections, self.calls)

    @cached_property
    def lifetimes(self) -> Lifetimes:
        return Lifetimes(
            self.connections,
            self.store,
            self.clock,
            self.termination,
            self.events,
            Touches(self.store, self.reactor),
            Expiry(self.clock, self.reactor),
        )

    @cached_property
    def revoker(self) -> Revoker:
        return Revoker(
            self.connections,
            self.termination,
            self.lifetimes,
            self.recent,
            self.deletions,
            self.revocations,
            self.freshness,
            self.events,
            self.calls,
        )

    @cached_property
    def limits(self) -> SessionLimits:
        is_shared = self.position is not None
        return SessionLimits(
            self.store, self.validity, self.connections, self.revoker, self.reactor, is_shared
        )

    @cached_property
    def logins(self) -> Logins:
        return Logins(
            self.store,
            self.validity,
            self.connections,
            self.revoker,
            self.recent,
            self.revocations,
            self.freshness,
            self.clock,
            self.events,
            self.limits,
            self.reactor,
        )

    @cached_property
    def admissions(self) -> Admissions:
        return self._of_look_ups(Admissions)

    @cached_property
    def visits(self) -> Visits:
        return self._of_look_ups(Visits)

    def background(self) -> list[Sweep | Feed | ClockSync]:
        """Start what works in the background; to be stopped before the store is closed."""
        started: list[Sweep | Feed | ClockSync] = [
            Sweep(self.store, self.clock, self.reactor, self.label)
        ]
        if (reader := self.store.feed()) is not None:
            remote = RemoteRevocations(self.store, self.connections, self.termination, self.revoker)
            started.append(Feed(remote, reader, self.freshness, self.reactor, self.label))
        if isinstance(self.clock, ServerClock):
            started.append(ClockSync(self.store, self.clock, self.reactor))
        return started

    def _of_look_ups(self, kind: type[A]) -> A:
        return kind(
            self.store,
            self.validity,
            self.connections,
            self.lifetimes,
            self.clock,
            self.events,
            self.reactor,
            self.label,
        )


def _count(events: Counter[str], event: Event) -> None:
    events[event.kind.value] += 1


def _name_of(revoked: UserRevoked) -> str:
    whom = "everybody" if revoked.authid is None else f"user {revoked.authid!r}"
    return whom if revoked.authrealm is None else f"{whom} in realm {revoked.authrealm!r}"
