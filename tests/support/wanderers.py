"""Clients of two nodes, who revokes them, and a network that fails: all of them at random."""

import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Event

from attrs import Factory, define

from benchmarks.load import wire
from tests.support.apart import Apart, Half
from tests.support.endings import command
from tests.support.history import History, Session, Span, now
from tests.support.rude import RudeClient
from tests.support.sites import OPERATOR
from tests.support.wamp import GOODBYE, LOGOUT, Closed

# How often each is done, compared with the others.
STEPS = {"log_in": 6, "come_back": 4, "talk": 8, "log_out": 1}
DOORS = ("router", "proxy")
# Seconds between two steps; for which a network is slow each way, silent or cut, and well.
PAUSE_S, SLOW_S, AWAY_S, WELL_S = (0.0, 0.1), (0.02, 0.15), (0.2, 0.8), (0.3, 2.5)
# Seconds between two revocations, and how many of them the command does.
REVOKE_S, BY_COMMAND = (0.1, 0.6), 0.1
# Cookies that a wanderer presents in the end.
SAMPLE = 25


@define
class Wanderer:
    """Has users of its own; what must not be goes to `history.faults`."""

    apart: Apart
    history: History
    users: Sequence[str]
    choice: random.Random
    inside: list[Session] = Factory(list)
    #: The cookies of logins: whose, and since when.
    known: dict[str, tuple[str, float]] = Factory(dict)

    def wander(self, steps: int) -> None:
        for _ in range(steps):
            [name] = self.choice.choices(list(STEPS), list(STEPS.values()))
            with suppress(Closed, OSError):
                getattr(self, name)()
            self.check_ended()
            time.sleep(self.choice.uniform(*PAUSE_S))

    # -- steps -------------------------------------------------------------------------------

    def log_in(self) -> None:
        user, half, began = self.choice.choice(self.users), self._half(), now()
        client = self._client(half)
        if client.status != 101:
            client.close()
            return
        client.say_hello(user, ["ticket"])
        if client.prove()[0] == wire.WELCOME:
            assert client.given is not None
            self._enter(Session(user, half, client.given, client, began))
            self.known[client.given] = user, began

    def come_back(self) -> None:
        if self.known:
            self.present(self.choice.choice(list(self.known)))

    def present(self, cookie: str) -> bool:
        """Whether it was let in by the cookie."""
        user, since = self.known[cookie]
        half, began = self._half(), now()
        late = began - self.history.must_be_refused(user, cookie, since, half)
        client = self._client(half, cookie)
        if client.status != 101 or client.say_hello(user)[0] != wire.WELCOME:
            client.close()
            return False
        if late > 0:
            self.history.faults.append(f"{user} is in by a cookie, {late:.2f} s too late")
        # It began with the login that the cookie stands for.
        self._enter(Session(user, half, cookie, client, since))
        return True

    def talk(self) -> None:
        if self.inside:
            self._answers(self.choice.choice(self.inside))

    def log_out(self) -> None:
        if not self.inside:
            return
        session = self.inside.pop(self.choice.randrange(len(self.inside)))
        span = Span()
        self.history.left.setdefault(session.cookie, []).append(span)
        with session.client as client:
            answer = client.log_out()
            # A GOODBYE with the logout reason is what another end has told it.
            if answer[0] == GOODBYE and answer[2] != LOGOUT:
                span.end = now()

    # -- what must be ------------------------------------------------------------------------

    def check_ended(self) -> None:
        """Those whose time has come answer nobody."""
        for session in list(self.inside):
            late = now() - self.history.must_be_over(session)
            if late > 0 and self._answers(session):
                fault = f"{session.user} answers {late:.2f} s too late at node {session.half}"
                self.history.faults.append(fault)
                self.inside.remove(session)

    def check_others(self) -> None:
        """Those who were ended by nothing are in, and their cookies are good."""
        for session in list(self.inside):
            self._answers(session)
        for cookie in self.choice.sample(list(self.known), min(SAMPLE, len(self.known))):
            user, since = self.known[cookie]
            can_be_over = any(self.history.can_be_over(user, cookie, n, since) for n in (0, 1))
            if not self.present(cookie) and not can_be_over:
                self.history.faults.append(f"the cookie of {user} is refused, ended by nothing")

    # -- helpers -----------------------------------------------------------------------------

    def _half(self) -> int:
        return self.choice.randrange(len(self.apart.halves))

    def _client(self, half: int, cookie: str | None = None) -> RudeClient:
        door = self.apart.halves[half].doors[self.choice.choice(DOORS)]
        return door.client(cookie, "patient")

    def _enter(self, session: Session) -> None:
        self.inside.append(session)
        self.history.sessions.append(session)

    def _answers(self, session: Session) -> bool:
        if session.client.answers():
            return True
        session.over = now()
        session.client.close()
        self.inside.remove(session)
        return False


@define
class Revoker:
    """Revokes users, at one node or the other, by the procedure and by the command."""

    apart: Apart
    history: History
    users: Sequence[str]
    choice: random.Random
    stop: Event = Factory(Event)

    def run(self) -> None:
        while not self.stop.wait(self.choice.uniform(*REVOKE_S)):
            user, half = self.choice.choice(self.users), self.choice.choice(self.apart.halves)
            span = Span()
            self.history.revoked.setdefault(user, []).append(span)
            by_command = self.choice.random() < BY_COMMAND
            if (self._command if by_command else self._call)(half, user.partition("@")[0]):
                span.end = now()

    def _command(self, half: Half, authid: str) -> bool:
        try:
            command(half.place.node, "--authid", authid)
        except subprocess.CalledProcessError:
            return False
        return True

    def _call(self, half: Half, authid: str) -> bool:
        with half.doors["router"].client(demand="plain") as operator:
            if operator.status != 101:
                return False
            operator.say_hello(OPERATOR, ["ticket"])
            if operator.prove()[0] != wire.WELCOME:
                return False
            return isinstance(operator.call("cookietrack.revoke_by_authid", authid), dict)


@define
class Network:
    """One node's way to the store after the other is slow, silent, or cut."""

    apart: Apart
    history: History
    choice: random.Random
    stop: Event = Factory(Event)

    def run(self) -> None:
        while not self.stop.wait(self.choice.uniform(*WELL_S)):
            number = self.choice.randrange(len(self.apart.halves))
            link, away = self.apart.halves[number].link, self.choice.uniform(*AWAY_S)
            trouble = self.choice.choice(["slow", "silent", "cut"])
            if trouble == "slow":
                link.delay_s = self.choice.uniform(*SLOW_S)
                self.stop.wait(away)
                link.delay_s = 0.0
                continue
            begin, end = (link.hold, link.release) if trouble == "silent" else (link.cut, link.mend)
            with self.history.outage(number):
                begin()
                self.stop.wait(away)
                end()
