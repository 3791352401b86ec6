"""Which cookie a handshake goes on with: one that we issued and that is valid, or a new one."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.access.metrics import Outcome
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.config.lifespan import SECOND
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.record import Cookie, Create
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import Connections
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.lifetime import Lifetimes
from cookietrack_plugin.tracking.validity import Validity

Issue = Callable[[], str]

_CLIENT = Actor(By.CLIENT)
# Time without a refused handshake before the log says that the store answers again. If only some
# handshakes fail, on a full disk or with a full queue, the log would otherwise flap.
ANSWERS_AGAIN_MS = 5000


class TooManyNewcomers(Exception):
    """
    The client gets no cookie now.

    :param retry_after: seconds after which it may have one.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many new clients")
        self.retry_after = retry_after


@frozen
class Visitor:
    """
    A handshake. `presented`: the ids of the values that came under our name, four at most. `peer`
    and `user_agent`: see `Cookie`.
    """

    presented: Sequence[str] = ()
    peer: str | None = None
    user_agent: str | None = None


@frozen
class Admission:
    """
    What a handshake goes on with.

    `cookie`: the record. `limit`: see `Policy.limit`. `created`: it is new, and was handed out to
    this visitor. `read`: when the store was asked, in seconds of the monotonic clock. `persists`:
    the store has the record; otherwise a login makes it, and `replaced` is the id of the valid
    record that is then superfluous.
    """

    cookie: Cookie
    limit: int
    created: bool
    read: float
    persists: bool = True
    replaced: str | None = None


class Admissions:
    """The tracker's part for handshakes. On the reactor's thread."""

    log = make_logger()

    def __init__(
        self,
        store: AsyncStore,
        validity: Validity,
        connections: Connections,
        lifetimes: Lifetimes,
        clock: Clock,
        events: Events,
        reactor: Any,
        label: str,
    ) -> None:
        self._store = store
        self._validity = validity
        self._connections = connections
        self._lifetimes = lifetimes
        self._clock = clock
        self._events = events
        self._seconds: Callable[[], float] = reactor.seconds
        # What the log calls the store.
        self._label = label
        # When a handshake was last refused; None once the log has said that the store answers.
        self._refused: int | None = None

    @property
    def _outcomes(self) -> Counter[str]:
        """The counter of what becomes of visitors."""
        return self._store.metrics.handshakes

    def admit(self, visitor: Visitor, issue: Issue, policy: Policy) -> Deferred[Admission]:
        """
        The record of a visitor's cookie if it is one that we issued and that is valid; a new one
        for every other visitor. It is durable when this fires. If `policy.rotates`, a new record
        is stored with its login only: before that, no other connection can use it, and clients
        that never log in cost the store nothing.

        :param issue: gives the id of a fresh secret value, or raises `TooManyNewcomers`.
        :returns: a Deferred with an `Admission`. It fails with `TooManyNewcomers`, and with what
            the store raised, such as `StoreUnavailable`, if it cannot say whether the cookie is
            valid or cannot store the new record. That is logged, counted and published.
        """
        admit: Callable[..., Any] = self._admit
        admitted: Deferred[Admission] = maybeDeferred(admit, visitor, issue, policy)
        return admitted.addErrback(self._refused_by, visitor)

    def _admit(
        self, visitor: Visitor, issue: Issue, policy: Policy
    ) -> Admission | Deferred[Admission]:
        if not visitor.presented:
            return self._create(visitor, issue, policy)
        asked = self._seconds()
        return self._load(visitor.presented).addCallback(
            self._loaded, visitor, issue, policy, asked
        )

    def _load(self, ids: Sequence[str]) -> Deferred[list[Cookie | None]]:
        if len(ids) == 1:
            # Nearly all visitors present one cookie.
            return self._store.load(ids[0]).addCallback(lambda cookie: [cookie])
        return gathered([self._store.load(id) for id in dict.fromkeys(ids)])

    def _loaded(
        self,
        cookies: list[Cookie | None],
        visitor: Visitor,
        issue: Issue,
        policy: Policy,
        asked: float,
    ) -> Admission | Deferred[Admission]:
        cookie = _chosen([each for each in cookies if self._validity.valid(each, policy)])
        if cookie is not None and len(cookies) > 1:
            # It may have been ended since, while another one was still being read.
            return self._admit(evolve(visitor, presented=(cookie.id,)), issue, policy)
        if cookie is not None:
            if cookie.auth is not None or not policy.rotates:
                return self._returning(cookie, visitor, policy, asked)
            self._events.publish(_rotated(cookie, visitor))
        return self._create(visitor, issue, policy, cookie)

    def _returning(
        self, cookie: Cookie, visitor: Visitor, policy: Policy, asked: float
    ) -> Admission:
        self._answered(Outcome.RETURNING)
        now = self._clock.now()
        limit = policy.limit(cookie.created, now)
        # One that has come back once lives as long as others.
        extends = policy.extends or policy.first_max_age is not None
        expires = policy.expires(limit, now) if extends else cookie.expires
        seen = evolve(
            cookie,
            seen=max(cookie.seen, now),
            expires=max(cookie.expires, expires),
            peer=visitor.peer,
            user_agent=visitor.user_agent,
        )
        self._lifetimes.touch(cookie, seen, [policy])
        return Admission(seen, limit, created=False, read=asked)

    def _create(
        self, visitor: Visitor, issue: Issue, policy: Policy, replaced: Cookie | None = None
    ) -> Admission | Deferred[Admission]:
        if (pending := self._store.pending) >= policy.max_pending:
            return fail(StoreUnavailable(f"{pending} writes are waiting for the store"))
        if refusal := self._store.refusal():
            return fail(refusal)
        asked = self._seconds()
        cookie = self._new_cookie(issue(), visitor, policy)
        if self._connections.active(cookie.id):
            # A collision with a cookie that the store may not have yet.
            return self._create(visitor, issue, policy, replaced)
        if policy.rotates:
            return self._handed_out(cookie, policy, asked, replaced)
        created = self._store.submit(Create(cookie))
        return created.addCallback(self._created, cookie, visitor, issue, policy, asked)

    def _handed_out(
        self, cookie: Cookie, policy: Policy, asked: float, replaced: Cookie | None
    ) -> Admission:
        self._note_new(cookie)
        limit = policy.limit(cookie.created, cookie.created)
        return Admission(cookie, limit, True, asked, False, replaced.id if replaced else None)

    def _created(
        self,
        applied: bool,
        cookie: Cookie,
        visitor: Visitor,
        issue: Issue,
        policy: Policy,
        asked: float,
    ) -> Admission | Deferred[Admission]:
        if not applied:
            # The id exists: a collision, which must let nobody in. Try another value.
            return self._create(visitor, issue, policy)
        self._note_new(cookie)
        return Admission(cookie, policy.limit(cookie.created, cookie.created), True, asked)

    def _note_new(self, cookie: Cookie) -> None:
        self._answered(Outcome.NEW)
        self._events.publish(_created(cookie))

    def _new_cookie(self, id: str, visitor: Visitor, policy: Policy) -> Cookie:
        now = self._clock.now()
        expires = policy.expires(policy.limit(now, now), now)
        if policy.first_max_age is not None and not policy.rotates:
            expires = min(expires, now + policy.first_max_age * SECOND)
        return Cookie(id, now, expires, now, visitor.peer, visitor.user_agent)

    def _refused_by(self, failure: Failure, visitor: Visitor) -> Failure:
        """Note why a handshake gets no cookie."""
        if failure.check(TooManyNewcomers):
            self._store.metrics.handshakes[Outcome.LIMITED] += 1
            return failure
        if self._refused is None:
            log = self.log.critical if failure.check(ConfigError) else self.log.error
            log("{store} does not answer: {cause}", store=self._label, cause=failure.value)
        self._refused = self._clock.now()
        metrics = self._store.metrics
        self._outcomes[Outcome.REFUSED] += 1
        metrics.faults[type(failure.value).__name__] += 1
        id = next(iter(visitor.presented), None)
        cause, actor = str(failure.value), Actor(By.STORE)
        refused = Event(
            Kind.REFUSED, id, detail=cause, peer=visitor.peer, actor=actor, reason=cause
        )
        self._events.publish(refused)
        return failure

    def _answered(self, outcome: Outcome) -> None:
        if self._refused is not None and self._clock.now() - self._refused >= ANSWERS_AGAIN_MS:
            self._refused = None
            self.log.info("{store} answers again", store=self._label)
        self._outcomes[outcome] += 1


def _created(cookie: Cookie) -> Event:
    peer = cookie.peer
    return Event(Kind.CREATED, cookie.id, detail=peer, peer=peer, actor=_CLIENT)


def _rotated(cookie: Cookie, visitor: Visitor) -> Event:
    reason, actor = "replaced, as it came without a login", Actor(By.POLICY)
    return Event(Kind.ROTATED, cookie.id, peer=visitor.peer, actor=actor, reason=reason)


def _chosen(valid: Sequence[Cookie | None]) -> Cookie | None:
    """The one valid cookie; of several the only one with a login; None where that is not clear."""
    if len(valid) > 1:
        valid = [each for each in valid if each is not None and each.auth is not None]
    return valid[0] if len(valid) == 1 else None
