"""The audit log of a store: who came in, who was refused, what ended, and by whom."""

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.python.failure import Failure

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.audit.entry import Actor, By, Entry
from cookietrack_plugin.record import Auth
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import NO_LOGIN, TrackedConnection
from cookietrack_plugin.tracking.events import Event
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.trail import NotAudited, Trail

# How long a login waits for a disk that hangs.
WAIT_S = 10.0


class LoginNotAudited(LoginRefused):
    """The audit log requires a line for the login, and it cannot be written."""


class Audit:
    """
    Writes a line for each event, and for each session before it joins: a login that is refused
    later has a second line. On the reactor's thread; only logins wait, and only for trails whose
    lines are required.
    """

    def __init__(self, clock: Clock, reactor: Any) -> None:
        self._clock = clock
        self._reactor = reactor
        self._trails: list[Trail] = []

    def add(self, trail: Trail) -> None:
        """Write to `trail` as well, from now on. Idempotent."""
        if trail not in self._trails:
            self._trails.append(trail)

    def remove(self, trail: Trail) -> None:
        """Write to `trail` no longer. Idempotent."""
        if trail in self._trails:
            self._trails.remove(trail)

    def observe(self, event: Event) -> None:
        """Write a line for an event. No caller waits for it."""
        if self._trails:
            self._write(_entry_of(event, self._clock.now())).addErrback(_lost)

    def session(
        self, connection: TrackedConnection, session: Auth, resumed: bool
    ) -> Deferred[None]:
        """
        Write a line for a session that is about to join; anonymous sessions have none.

        :param resumed: whether it joins by the login of its cookie.
        :returns: a Deferred that fires when every trail that requires the line has written it. It
            fails with `LoginNotAudited`.
        """
        if not self._trails or session.authmethod in NO_LOGIN - {"cookie"}:
            return succeed(None)
        entry = Entry(
            self._clock.now(),
            "resumed" if resumed else "login",
            connection.id,
            *session.identity,
            peer=connection.link.peer,
            actor=Actor(By.CLIENT, *session.identity),
            reason=session.authmethod,
        )
        return self._write(entry).addErrback(_refused)

    def killed(self, connection: TrackedConnection, reason: str) -> None:
        """
        Write a line for a session that the router ends and whose cookie stays; anonymous sessions
        have none.
        """
        session = connection.session if connection.is_logged_in() else None
        if not self._trails or session is None:
            return
        entry = Entry(
            self._clock.now(),
            "killed",
            connection.id,
            *session.identity,
            peer=connection.link.peer,
            actor=Actor(By.ROUTER),
            reason=reason,
        )
        self._write(entry).addErrback(_lost)

    def _write(self, entry: Entry) -> Deferred[None]:
        """Fires when the trails that require the line have written it."""
        line = entry.line()
        awaited = []
        for trail in list(self._trails):
            written = trail.write(line)
            if trail.required:
                awaited.append(written.addTimeout(WAIT_S, self._reactor))
            else:
                written.addErrback(_lost)
        return gathered(awaited).addCallback(lambda _: None) if awaited else succeed(None)


def _entry_of(event: Event, now: int) -> Entry:
    return Entry(
        now,
        event.kind.value,
        event.id,
        event.authid,
        event.authrealm,
        peer=event.peer,
        actor=event.actor,
        reason=event.reason,
    )


def _lost(failure: Failure) -> None:
    """The trail has counted and logged it."""
    failure.trap(NotAudited, TimeoutError)


def _refused(failure: Failure) -> Deferred[None]:
    failure.trap(NotAudited, TimeoutError)
    return fail(LoginNotAudited("the login cannot be audited"))
