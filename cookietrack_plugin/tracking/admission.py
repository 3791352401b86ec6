"""Which cookie a handshake goes on with: one that we issued and that is good, or a new one."""

from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.lookup import Lookup
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Change, Cookie, Create, Touch
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.lifetime import Lifetimes
from cookietrack_plugin.tracking.visit import Admission, Visitor

Issue = Callable[[], str]

# Milliseconds without a refusal after which the store is said to answer again: where only some
# handshakes fail, on a full disk or at the bound of the queue, the log would not stand still.
CALM = 5000


class Admissions:
    """
    The tracker's part for handshakes. On the reactor's thread.

    :param submit: queues a change, while the tracker is open.
    :param good: gives back the record that it gets, or None if it was ended or has expired.
    """

    log = make_logger()

    def __init__(
        self,
        committer: Committer,
        lookup: Lookup,
        lifetimes: Lifetimes,
        clock: Clock,
        events: Events,
        measures: Metrics,
        submit: Callable[[Change], Deferred[bool]],
        good: Callable[[Cookie | None], Cookie | None],
    ) -> None:
        self._committer = committer
        self._lookup = lookup
        self._lifetimes = lifetimes
        self._clock = clock
        self._events = events
        self._measures = measures
        self._submit = submit
        self._good = good
        # What the log calls the store.
        self.store = "the cookie store"
        # When a handshake was last refused, since the store was last said to answer.
        self._refused: int | None = None

    def admit(self, visitor: Visitor, issue: Issue, policy: Policy) -> Deferred[Admission]:
        """
        The record of a visitor's cookie if it is one that we issued and that is still good, and a
        new one, durable by the time this fires, for everybody else.

        :param issue: gives the id of a fresh secret value.
        :returns: a Deferred with an `Admission`. It fails with `StoreUnavailable`, or what else the
            store raised, when the truth cannot be known or the new record cannot be stored.
        """
        if visitor.presented is None:
            return self._create(visitor, issue, policy)
        found = self._lookup.soon(visitor.presented)
        return found.addCallback(self._looked_up, visitor, issue, policy)

    def _looked_up(
        self, cookie: Cookie | None, visitor: Visitor, issue: Issue, policy: Policy
    ) -> Admission | Deferred[Admission]:
        cookie = self._good(cookie)
        if cookie is not None and policy.outlives(cookie, self._clock.now()):
            if cookie.auth is not None or not policy.rotates:
                return self._returning(cookie, visitor, policy)
            self._events.tell(Event(Kind.ROTATED, cookie.id))
        return self._create(visitor, issue, policy)

    def _returning(self, cookie: Cookie, visitor: Visitor, policy: Policy) -> Admission:
        self._answers("returning")
        now = self._clock.now()
        limit = policy.limit(cookie.created, now)
        expires = policy.expires(limit, now) if policy.extends else cookie.expires
        touch = Touch(cookie.id, now, expires, visitor.peer, visitor.user_agent)
        self._lifetimes.touch(touch, cookie.expires)
        return Admission(evolve(cookie, seen=now, expires=expires), limit, created=False)

    def _create(self, visitor: Visitor, issue: Issue, policy: Policy) -> Deferred[Admission]:
        if (waiting := self._committer.pending) >= policy.max_pending:
            return fail(StoreUnavailable(f"{waiting} writes are waiting for the store"))
        cookie = self._new_cookie(issue(), visitor, policy)
        created = self._submit(Create(cookie))
        return created.addCallback(self._created, cookie, visitor, issue, policy)

    def _created(
        self,
        applied: bool,
        cookie: Cookie,
        visitor: Visitor,
        issue: Issue,
        policy: Policy,
    ) -> Admission | Deferred[Admission]:
        if not applied:
            # The id exists: a collision, which gets nobody in. Another value, then.
            return self._create(visitor, issue, policy)
        self._answers("new")
        self._events.tell(Event(Kind.CREATED, cookie.id, detail=visitor.peer))
        return Admission(cookie, policy.limit(cookie.created, cookie.created), created=True)

    def _new_cookie(self, id: str, visitor: Visitor, policy: Policy) -> Cookie:
        now = self._clock.now()
        expires = policy.expires(policy.limit(now, now), now)
        return Cookie(id, now, expires, now, visitor.peer, visitor.user_agent)

    def refused(self, id: str | None, failure: Failure) -> None:
        """A handshake cannot be answered by the store: note why."""
        if self._refused is None:
            self.log.error(
                "{store} does not answer: {cause}", store=self.store, cause=failure.value
            )
        self._refused = self._clock.now()
        self._measures.handshakes["refused"] += 1
        self._measures.faults[type(failure.value).__name__] += 1
        self._events.tell(Event(Kind.REFUSED, id, detail=str(failure.value)))

    def _answers(self, outcome: str) -> None:
        if self._refused is not None and self._clock.now() - self._refused >= CALM:
            self._refused = None
            self.log.info("{store} answers again", store=self.store)
        self._measures.handshakes[outcome] += 1
