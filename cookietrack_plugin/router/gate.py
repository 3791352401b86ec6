"""
The gate before a session: nothing of a client reaches the router while its login is examined, and
no session joins before its login is stored.
"""

from enum import Enum, auto
from functools import partial
from typing import Any

from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.message import (
    Abort,
    Authenticate,
    Call,
    Challenge,
    Error,
    Goodbye,
    Hello,
    Result,
    Welcome,
)
from autobahn.wamp.types import Accept, Deny
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.audit.entry import By
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router.accepted import AcceptedLogins
from cookietrack_plugin.router.claimed import claimed_extra, claimed_identity
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.refusing import UNAVAILABLE
from cookietrack_plugin.tracking.audit import LoginNotAudited
from cookietrack_plugin.tracking.connections import TrackedConnection
from cookietrack_plugin.tracking.limits import TooManySessions
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.revocation import LOGOUT
from cookietrack_plugin.tracking.termination import INTERNAL_ERROR

# The reason of the ABORT where an authenticator raises, as Crossbar has it.
AUTHENTICATOR_FAILED = "wamp.error.authorization_failed"
# WebSocket close codes (RFC 6455, section 7.4.1).
PROTOCOL_ERROR, POLICY_VIOLATION = 1002, 1008
# The reason of the ABORT for a login that cannot be stored, or whose user was revoked during it.
NOT_STORED = "cookietrack.error.login_not_stored"
# The reason of the ABORT for a login of a user who has as many as the policy allows.
TOO_MANY_SESSIONS = "cookietrack.error.too_many_sessions"
# The reason of the ABORT for a login whose line cannot be written to an audit log that requires it.
NOT_AUDITED = "cookietrack.error.login_not_audited"
# The reason of the GOODBYE for a logout that cannot be stored yet.
LOGOUT_NOT_STORED = "cookietrack.error.logout_not_stored"


class Stage(Enum):
    """How far a session has come, as its client knows."""

    OUT = auto()
    # The router examines a HELLO or an AUTHENTICATE: what comes behind it is discarded.
    EXAMINED = auto()
    CHALLENGED = auto()
    JOINED = auto()
    # It has said GOODBYE, and may join again.
    LEFT = auto()


class Gate:
    """
    Stands between a connection and its session. On the reactor's thread.

    :param protocol: the connection's `TrackedProtocol`.
    """

    log = make_logger()

    def __init__(
        self, protocol: Any, cookies: RouterCookieStore, connection: TrackedConnection
    ) -> None:
        self._protocol = protocol
        self._link = protocol.link
        self._cookies = cookies
        self._connection = connection
        self._accepted = AcceptedLogins(cookies, connection)
        self._stage = Stage.OUT
        # Who the client says that it is.
        self._claimed: tuple[str | None, str | None] = None, None
        # Whether the router hears the client's GOODBYE at this moment.
        self._leaving = False
        # The request ids of its calls that are not answered yet.
        self._calls: set[int] = set()

    def hear(self, session: Any, message: Any) -> None:
        """
        Hand a message of the client to the session, or discard it.

        :param session: Crossbar's session, of which this is the gate.
        """
        if self._link.ended or self._stage is Stage.EXAMINED:
            return
        if self._stage is Stage.JOINED and isinstance(message, Goodbye):
            heard = self._hear_goodbye(session, message)
        elif self._stage is not Stage.JOINED and isinstance(message, (Hello, Authenticate)):
            heard = self._examine(session, message)
        else:
            if isinstance(message, Call):
                self._note_call(message)
            heard = session.take(message)
        if isinstance(heard, Deferred):
            heard.addErrback(self.failed)

    def decided(self, answer: Any) -> Any:
        """What Crossbar gets for an authenticator's answer, or for its failure."""
        if isinstance(answer, Failure):
            # Crossbar would fail as well, and the client get no answer.
            self.log.failure("an authenticator failed: {log_failure.value}", failure=answer)
            answer = Deny(AUTHENTICATOR_FAILED, "the authenticator failed")
        return self.accept(answer) if isinstance(answer, Accept) else answer

    def accept(self, accept: Accept) -> Deferred[Accept]:
        """
        What an authenticator accepts, once its login is stored. If that fails, the connection ends
        with an ABORT, and the Deferred never fires; nor does it for a connection that was ended.
        """
        identity = accept.authid or "", accept.realm or ""
        tracker, stores = self._cookies.tracker, self._accepted.is_stored(accept)
        try:
            session = self._accepted.session_of(accept)
        except LoginRefused as refused:
            return self._refuse(Failure(refused), identity)
        resumed = accept.authprovider == "cookie"
        audited = tracker.audit.session(self._connection, session, resumed)
        accepted = audited.addCallback(lambda _: tracker.accept(self._connection, session, stores))
        return accepted.addCallbacks(lambda _: accept, self._refuse, errbackArgs=(identity,))

    def failed(self, failure: Failure) -> None:
        """End the connection for what its session raised later, as Autobahn does at once."""
        self.log.failure("a session failed: {log_failure.value}", failure=failure)
        kind, code = "Internal", INTERNAL_ERROR
        if failure.check(ProtocolError):
            kind, code = "Protocol", PROTOCOL_ERROR
        self._protocol._bailout(code, f"WAMP {kind} Error ({failure.value})")

    def lets_out(self, message: Any) -> bool:
        """
        Whether to send what the router says. A GOODBYE that answers none of the client's, and an
        ABORT within a session, end the connection, and are sent when that is durable.
        """
        if self._link.ended:
            return False
        if isinstance(message, Goodbye):
            # Also where the session was attached, and its WELCOME could not be sent.
            if not self._leaving and self._connection.session is not None:
                self._end(message.reason, message.message)
            return self._leaving
        if isinstance(message, Abort):
            self.killed(message.reason, message.message)
            # Behind a proxy one comes when the client has left.
            return self._stage in (Stage.EXAMINED, Stage.CHALLENGED)
        # After its GOODBYE a client gets nothing, even if a router does not know that it left.
        return self._stage is not Stage.LEFT

    def sent(self, message: Any) -> None:
        """Note a message that was sent, or that is held."""
        if isinstance(message, Welcome):
            self._stage = Stage.JOINED
            self._protocol.joined()
            self._expect(Goodbye)
        elif isinstance(message, Challenge):
            self._stage = Stage.CHALLENGED
        elif isinstance(message, Abort):
            if self._stage in (Stage.EXAMINED, Stage.CHALLENGED):
                self._deny(self._claimed, By.AUTHENTICATOR, message.reason)
            self._stage = Stage.OUT
            self._cookies.tracker.leave(self._connection)
            self._expect(None)
        elif isinstance(message, Goodbye):
            self._expect(None)
        elif self._calls and _is_last_answer(message):
            self._calls.discard(message.request)

    def killed(self, reason: str, explanation: str | None = None) -> None:
        """End the connection: the router has ended its session (`wamp.session.kill*`) or realm."""
        if self._stage is Stage.JOINED and not self._link.ended:
            self._end(reason, explanation)

    def _end(self, reason: str, explanation: str | None) -> None:
        self._link.explanation = explanation
        killed = self._cookies.tracker.kill(self._connection, reason)
        # `Insistence` has logged it, and tries again.
        killed.addErrback(lambda _: None)

    def _examine(self, session: Any, message: Any) -> Any:
        self._stage = Stage.EXAMINED
        if isinstance(message, Authenticate):
            return session.take(message)
        self._claimed = claimed_identity(message)
        self._expect(Abort)
        message.authextra = claimed_extra(message.authextra)
        # A HELLO may come long after the handshake: is the cookie's login still valid?
        begun = self._cookies.tracker.hello(self._connection)
        return begun.addCallback(self._take_hello, session, message)

    def _take_hello(self, record: Cookie | None, session: Any, message: Hello) -> Any:
        self._protocol.confirm_login(record)
        return None if self._link.ended else session.take(message)

    def _expect(self, farewell: type[Abort] | type[Goodbye] | None) -> None:
        """Note what ends the session for its client, once all that was said before has left."""
        self._protocol.held.send(partial(setattr, self._link, "farewell", farewell))

    def _refuse(self, failure: Failure, identity: tuple[str, str]) -> Deferred[Any]:
        # An end that came first has given its own reason.
        if not self._link.ended:
            cause, expected = str(failure.value), failure.check(LoginRefused, TooManySessions)
            if not failure.check(TooManySessions):
                self.log.error(
                    "{name}: a login is not stored: {cause}", name=self._name(), cause=cause
                )
            self._deny(identity, By.POLICY if expected else By.STORE, cause)
            self._link.explanation = cause if expected else UNAVAILABLE
            self._cookies.tracker.kill(self._connection, *_reason_of(failure))
        return Deferred()

    def _name(self) -> str:
        """What the log calls the connection: one without a cookie is known by its peer."""
        id = self._connection.id
        return f"cookie {id}" if id is not None else f"client {self._link.peer}"

    def _deny(self, identity: tuple[str | None, str | None], by: By, reason: str) -> None:
        self._cookies.tracker.deny(self._connection, identity, by, reason)

    def _note_call(self, call: Call) -> None:
        """
        Note a CALL. Of two with one request id Crossbar forgets one, and then fails to let the
        session leave: its registrations would stay.

        :raises ProtocolError: the client has a call with this id in flight.
        """
        if call.request in self._calls:
            raise ProtocolError(f"CALL {call.request} is not answered yet")
        self._calls.add(call.request)

    def _hear_goodbye(self, session: Any, message: Goodbye) -> Any:
        self._stage = Stage.LEFT
        self._calls.clear()
        if message.reason == LOGOUT:
            logged_out = self._cookies.tracker.log_out(self._connection)
            self._protocol.held.hold(logged_out, self._logout_not_stored)
        self._cookies.tracker.leave(self._connection)
        self._leaving = True
        try:
            return session.take(message)
        finally:
            self._leaving = False

    def _logout_not_stored(self, failure: Failure) -> None:
        text, id = "cookie {id}: a logout is not stored yet: {cause}", self._connection.came_with
        self.log.error(text, id=id, cause=failure.value)
        self._cookies.tracker.kill(self._connection, LOGOUT_NOT_STORED, INTERNAL_ERROR)


def _reason_of(failure: Failure) -> tuple[str, int]:
    """Of the ABORT for a login that failed, and the code of the Close."""
    if failure.check(TooManySessions):
        return TOO_MANY_SESSIONS, POLICY_VIOLATION
    return NOT_AUDITED if failure.check(LoginNotAudited) else NOT_STORED, INTERNAL_ERROR


def _is_last_answer(message: Any) -> bool:
    """Whether it is the last one to a call."""
    if isinstance(message, Error):
        return bool(message.request_type == Call.MESSAGE_TYPE)
    return isinstance(message, Result) and not message.progress
