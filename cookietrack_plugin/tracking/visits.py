"""Which user a request is from. It gets no new cookie; the one that it has counts as active."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.python.failure import Failure

from cookietrack_plugin.access.metrics import Outcome
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.tracking.admission import Admission, Admissions, Visitor
from cookietrack_plugin.tracking.connections import (
    NO_LOGIN,
    ActiveCookie,
    Link,
    TrackedConnection,
)
from cookietrack_plugin.tracking.lifetime import URGENT_MS

# How long after a visit was noted no further one of the same visitor is noted, unless the record
# expires soon.
NOTED_MS = 500


class Unrecognised(Exception):
    """No cookie of the request is a valid one."""


@frozen(kw_only=True)
class Recognition(Admission):
    """
    The admission of a visit. It holds for another visit from `since` until `until`, in Unix
    milliseconds, as long as the store has the same `record`.
    """

    record: Cookie
    since: int
    until: int


@frozen
class RecentVisit:
    """A visit without its request, for the visitor's next one. `due`: see `TrackedConnection`."""

    admission: Recognition
    auth: Auth
    policy: Policy
    due: int


@frozen
class Visit:
    """
    Who is logged in with the cookie of `admission`, and the connection that the tracker knows until
    it is dropped.
    """

    admission: Admission
    auth: Auth
    connection: TrackedConnection

    def recent(self) -> RecentVisit | None:
        """For the next visit of the same visitor; None if that one has to be looked up in full."""
        if not isinstance(self.admission, Recognition):
            return None
        connection = self.connection
        return RecentVisit(self.admission, self.auth, connection.policy, connection.due)


class Visits(Admissions):
    """The tracker's part for requests: `Admissions` without new cookies."""

    def recognise(
        self, visitor: Visitor, policy: Policy, recent: RecentVisit | None = None
    ) -> Deferred[Admission | None]:
        """
        The admission of a visitor by what the store says now; None if no cookie is valid. Fails as
        `Admissions.admit` does.

        :param visitor: presents one cookie or more.
        :param recent: a visit of the same visitor under this policy.
        """
        if len(visitor.presented) > 1:
            admit: Callable[..., Any] = self._admit
            admitted: Deferred[Any] = maybeDeferred(admit, visitor, _none, policy)
            return admitted.addErrback(self._refused_by, visitor)
        # Nearly all visitors present one cookie: nothing has to be chosen.
        loaded = self._store.load(visitor.presented[0])
        return loaded.addCallbacks(
            self._one_loaded,
            self._refused_by,
            callbackArgs=(visitor, policy, self._seconds(), recent),
            errbackArgs=(visitor,),
        )

    def again(self, recent: RecentVisit, link: Link) -> Visit | None:
        """
        The result of `Tracker.visit`, if the store says at once that it has the same record as at
        a recent visit, and there is nothing to note; otherwise None.
        """
        admission = recent.admission
        if not self._is_covered(admission.record, admission):
            # The visit has to be noted, or the record is another one.
            return None
        id = admission.record.id
        if not _is_same(self._store.load_at_once(id), admission.record):
            return None
        cookie = self._connections.active(id)
        self._answered(Outcome.RETURNING)
        if cookie is None:
            cookie = self._connections.activate(admission.cookie, admission.read)
        cookie.handshake = self._clock.now()
        return Visit(admission, recent.auth, self._entered(cookie, recent, link))

    def _entered(self, cookie: ActiveCookie, recent: RecentVisit, link: Link) -> TrackedConnection:
        admission = recent.admission
        connection = TrackedConnection(
            link, cookie, recent.policy, admission.limit, False, admission.cookie.seen
        )
        self._connections.add(connection)
        self._lifetimes.watch_from(connection, recent.due)
        self._connections.join(connection, recent.auth)
        return connection

    def _is_covered(self, record: Cookie, before: Recognition) -> bool:
        """Whether a visit now, with this record in the store, has the same result as `before`."""
        if not before.since <= self._clock.now() < before.until:
            return False
        if not _is_same(record, before.record):
            return False
        cookie = self._connections.active(record.id)
        # The recent visit must not undo what another connection has noted since.
        if cookie is not None and (
            cookie.record.auth != record.auth or cookie.record.seen > before.cookie.seen
        ):
            return False
        return not self._validity.is_ended(record)

    def _one_loaded(
        self,
        cookie: Cookie | None,
        visitor: Visitor,
        policy: Policy,
        asked: float,
        recent: RecentVisit | None,
    ) -> Admission | None:
        if cookie is not None and recent and self._is_covered(cookie, recent.admission):
            self._answered(Outcome.RETURNING)
            return recent.admission
        if cookie is not None and self._validity.is_valid(cookie, policy):
            admission = self._returning(cookie, visitor, policy, asked)
            return self._recognition(admission, cookie, policy)
        self._outcomes[Outcome.UNKNOWN] += 1
        return None

    def _recognition(self, admission: Admission, record: Cookie, policy: Policy) -> Recognition:
        now = self._clock.now()
        return Recognition(
            admission.cookie,
            admission.limit,
            created=False,
            read=admission.read,
            record=record,
            since=now,
            until=min(now + NOTED_MS, policy.good_until(record) - URGENT_MS),
        )

    @property
    def _outcomes(self) -> Counter[str]:
        return self._store.metrics.requests

    def _create(self, *_: Any) -> Deferred[Admission]:
        return fail(Unrecognised())

    def _refused_by(self, failure: Failure, visitor: Visitor) -> Any:
        if failure.check(Unrecognised):
            self._outcomes[Outcome.UNKNOWN] += 1
            return None
        return super()._refused_by(failure, visitor)


def _is_same(record: Cookie | None, before: Cookie) -> bool:
    # A volatile store gives the same object: to compare it takes longer than to look it up.
    return record is before or record == before


def _none() -> str:
    raise Unrecognised


def user_of(admission: Admission | None) -> Auth | None:
    """Who is logged in with the cookie that was admitted."""
    auth = admission.cookie.auth if admission else None
    return None if auth is None or auth.authmethod in NO_LOGIN else auth
