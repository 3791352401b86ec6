"""Whether a request goes on: the only place that says so."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from attrs import define
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.metrics import Outcome
from cookietrack_plugin.config.guard import GuardSettings
from cookietrack_plugin.config.proxies import TrustedProxies
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.awaited import AwaitedStore
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.forwarded import client_of
from cookietrack_plugin.router.guard.cookies import RequestCookies
from cookietrack_plugin.router.guard.csrf import is_same_site
from cookietrack_plugin.router.guard.denial import Refusal
from cookietrack_plugin.router.guard.identity import GuardedIdentity, fit_headers
from cookietrack_plugin.router.guard.link import RequestLink
from cookietrack_plugin.router.guard.once import Once
from cookietrack_plugin.router.guard.right import Rechecks, Right
from cookietrack_plugin.router.handshake import MAX_USER_AGENT
from cookietrack_plugin.tracking.admission import Visitor
from cookietrack_plugin.tracking.tracker import Tracker
from cookietrack_plugin.tracking.visits import RecentVisit, Visit

Answer = Callable[[Visit | Refusal], None]


@define
class KnownVisitor:
    """
    Who sends requests on one connection. `agent`: the raw fields; `recent`: the latest visit that
    was looked up in full and let in. Outlives the request, so it must not refer to it.
    """

    visitor: Visitor
    peer: str
    agent: Sequence[bytes]
    recent: RecentVisit | None = None


class Guard:
    """
    Of one path service. On the reactor's thread.

    :param awaited: the store of the guard's cookie.
    """

    log = make_logger()

    def __init__(self, settings: GuardSettings, awaited: AwaitedStore) -> None:
        self.settings = settings
        self.cookie = CookieSettings.of(settings.cookie)
        self.names = settings.names
        # Without logins of its own: nobody gets a new cookie here.
        self._policy = self.cookie.policy(offers_login=False)
        self._proxies = TrustedProxies.of(self.cookie.trusted_proxies)
        self._right = Right(settings.allow)
        self._rechecks = Rechecks(awaited, self._right)
        self._origins = frozenset(settings.cors)
        self._checks_site = settings.csrf == "on"
        self._awaited = awaited
        # Most requests are from a few users.
        self._identity = lru_cache(partial(GuardedIdentity, names=self.names))

    def ask(self, request: Any, answer: Answer) -> None:
        """
        Find out who a request is from.

        :param request: a `GuardedRequest`.
        :param answer: called once, maybe at once: with a visit, which ends with the request, or
            with why it does not go on.
        """
        cookies: RequestCookies = request.own_cookies()
        known: KnownVisitor | None = cookies.known.get(self)
        presented = known.visitor.presented if known else cookies.presented(self.cookie.name)
        store = self.store()
        if not presented:
            answer(Refusal.NO_USER)
        elif self._checks_site and not is_same_site(request, self._origins):
            # Before the look-up: what another site's page does is no activity of the user.
            self._count(Outcome.CROSS_SITE)
            answer(Refusal.CROSS_SITE)
        elif store is None:
            answer(Refusal.NO_ANSWER)
        else:
            if known is None or not self._is_by(known, request):
                known = cookies.known[self] = self._visitor(request, presented)
            self._look_up(request, known, store, answer)

    def store(self) -> RouterCookieStore | None:
        """The store, once it is open."""
        store: Any = self._awaited.store
        return store

    def identity(self, visit: Visit) -> GuardedIdentity:
        """For what is behind the guard."""
        auth = visit.auth
        return self._identity(auth.authid, auth.authrole, auth.authrealm, visit.admission.cookie.id)

    def renewal(self, request: Any, visit: Visit) -> str | None:
        """The Set-Cookie header by which the browser keeps a rolling cookie for longer."""
        if not self._policy.rolling or (store := self.store()) is None:
            return None
        left = visit.admission.limit - store.tracker.clock.now()
        cookies = request.own_cookies()
        return cookies.set_cookie(self.cookie, visit.admission.cookie.id, left)

    def _is_by(self, known: KnownVisitor, request: Any) -> bool:
        """Whether a further request on a connection is from the same visitor."""
        if _agent_of(request) != known.agent:
            return False
        return not self._proxies or self._peer(request) == known.peer

    def _visitor(self, request: Any, presented: Sequence[str]) -> KnownVisitor:
        agent = _agent_of(request)
        text = b"".join(agent[-1:])[:MAX_USER_AGENT].decode("iso-8859-1") or None
        peer = self._peer(request)
        return KnownVisitor(Visitor(presented, peer, text), peer, agent)

    def _look_up(
        self, request: Any, known: KnownVisitor, store: RouterCookieStore, answer: Answer
    ) -> None:
        visitor, tracker = known.visitor, store.tracker
        link = RequestLink(request, known.peer)
        visited = tracker.visit(visitor, self._policy, link, known.recent)
        if isinstance(visited, Visit):
            # The right that the record gave when it was looked up.
            self._let_in(request, tracker, visited)
            answer(visited)
            return
        if visited.called and isinstance(visited.result, Visit):
            # A store that is read in place has answered.
            answer(self._examined(visited.result, request, tracker, known))
            return
        question = Once(answer)
        visited.addCallbacks(
            self._visited,
            lambda _: question.answer(Refusal.NO_ANSWER),
            callbackArgs=(request, tracker, known, question),
        )
        visited.addErrback(self._failed)
        question.give_time(store.reactor, Refusal.NO_ANSWER)

    def _visited(
        self,
        visit: Visit | None,
        request: Any,
        tracker: Tracker,
        known: KnownVisitor,
        question: Once[Visit | Refusal],
    ) -> None:
        if visit is None:
            question.answer(Refusal.NO_USER)
        elif question.is_open and not request.lost:
            question.answer(self._examined(visit, request, tracker, known))
        else:
            tracker.drop(visit.connection)

    def _examined(
        self, visit: Visit, request: Any, tracker: Tracker, known: KnownVisitor
    ) -> Visit | Refusal:
        """Of somebody who is logged in."""
        if self._has_right(visit):
            if known.recent is None or known.recent.admission is not visit.admission:
                known.recent = visit.recent()
            self._let_in(request, tracker, visit)
            return visit
        tracker.drop(visit.connection)
        self._count(Outcome.FORBIDDEN)
        return Refusal.NO_RIGHT

    def _let_in(self, request: Any, tracker: Tracker, visit: Visit) -> None:
        request.when_over(partial(tracker.drop, visit.connection))
        self._rechecks.watch(request, visit)

    def _has_right(self, visit: Visit) -> bool:
        auth = visit.auth
        if not self._right.has(auth):
            return False
        if fit_headers(auth.authid, auth.authrole, auth.authrealm):
            return True
        self.log.error(
            "cookie {id}: its user is refused: expected an authid, authrole and authrealm without"
            " control characters and outer spaces, which headers can carry, found others",
            id=visit.admission.cookie.id,
        )
        return False

    def _peer(self, request: Any) -> str:
        peer = _peer_of(request.getClientAddress())
        if not self._proxies:
            return peer
        headers = {
            name: b", ".join(values).decode("iso-8859-1")
            for name in ("forwarded", "x-forwarded-for")
            if (values := request.requestHeaders.getRawHeaders(name.encode()))
        }
        return client_of(peer, headers, self._proxies)

    def _count(self, outcome: Outcome) -> None:
        if store := self.store():
            store.tracker.metrics.requests[outcome] += 1

    def _failed(self, failure: Failure) -> None:
        self.log.failure("a request failed: {log_failure.value}", failure=failure)


def _agent_of(request: Any) -> Sequence[bytes]:
    agent: Sequence[bytes] = request.requestHeaders.getRawHeaders(b"user-agent", ())
    return agent


def _peer_of(address: Any) -> str:
    """An address as Crossbar writes it."""
    if isinstance(address, IPv4Address):
        return f"tcp4:{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"tcp6:{address.host}:{address.port}"
    return "unix:None"
