"""What happened at two nodes: who was in, who was revoked, and when the store was out of reach."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import Factory, define, field

from tests.support.rude import RudeClient

now = time.monotonic
# Seconds after an acknowledged revocation, or after its node can reach the store again, from which
# on a session that had begun before answers no call.
BOUND_S = 2.0


@define
class Span:
    """From when to when; `end` is None while it lasts."""

    start: float = field(factory=now)
    end: float | None = None


@define(eq=False)
class Session:
    """`half`: which node it is at. `began`: before its HELLO. `over`: when it was found closed."""

    user: str
    half: int
    cookie: str
    client: RudeClient
    began: float
    over: float | None = None


@define
class History:
    """
    `outages`: of each node's way to the store. `revoked`: by user, from the request to the answer;
    no end: it was not acknowledged, and may have been done or not. `left`: the same by cookie, for
    logouts.
    """

    outages: tuple[list[Span], list[Span]] = Factory(lambda: ([], []))
    revoked: dict[str, list[Span]] = Factory(dict)
    left: dict[str, list[Span]] = Factory(dict)
    sessions: list[Session] = Factory(list)
    faults: list[str] = Factory(list)

    @contextmanager
    def outage(self, half: int) -> Iterator[None]:
        span = Span()
        self.outages[half].append(span)
        yield
        span.end = now()

    def due(self, half: int, acknowledged: float) -> float:
        """When that node must have heard of what was acknowledged; infinite while it is cut off."""
        moment = acknowledged + BOUND_S
        for span in self.outages[half]:
            if span.start < moment and (span.end is None or span.end > acknowledged):
                moment = max(moment, (span.end or float("inf")) + BOUND_S)
        return moment

    def must_be_over(self, session: Session) -> float:
        """From when on it answers nobody; infinite if nothing ends it, as far as is known."""
        return self._due(self._ends(session.user, session.cookie), session.half, session.began)

    def must_be_refused(self, user: str, cookie: str, given: float, half: int) -> float:
        """The same for a cookie that is presented to a node."""
        return self._due(self._ends(user, cookie), half, given)

    def can_be_over(self, user: str, cookie: str, half: int, began: float) -> bool:
        """Whether anything that was asked for can have ended a login that began then."""
        ends = self._ends(user, cookie)
        return any(began <= self._heard(half, span) for span in ends)

    def _ends(self, user: str, cookie: str) -> list[Span]:
        return [*self.revoked.get(user, ()), *self.left.get(cookie, ())]

    def _due(self, ends: list[Span], half: int, began: float) -> float:
        acknowledged = [span.end for span in ends if span.end is not None and began < span.start]
        return min((self.due(half, end) for end in acknowledged), default=float("inf"))

    def _heard(self, half: int, span: Span) -> float:
        """Until when a login at that node may be ended by it: a worker that reads late does so."""
        return float("inf") if span.end is None else self.due(half, span.end)
