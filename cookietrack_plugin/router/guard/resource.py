"""The guard as a resource: a leaf that asks, and then goes on with what is behind it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET
from txaio.tx import make_logger
from zope.interface import implementer

from cookietrack_plugin.router.guard.decision import Answer, Guard
from cookietrack_plugin.router.guard.denial import Refusal, deny
from cookietrack_plugin.router.guard.identity import IdentityHeaders
from cookietrack_plugin.router.guard.logout import LogOut
from cookietrack_plugin.router.guard.response import ResponseRules
from cookietrack_plugin.tracking.visits import Visit

# They show the client the service's headers, or make a tunnel (RFC 9110, sections 9.3.8 and 9.3.6).
NO_METHODS = frozenset({b"TRACE", b"CONNECT"})
NO_CONTENT = 204


@implementer(IResource)
class GuardResource(Resource):
    """
    Answers a request, or passes it to the resource behind. Crossbar adds to a service at `/` the
    services beside it: these `children` are not guarded.

    :param guarded: the resource behind, which is asked for its children once a user is let in.
    """

    log = make_logger()

    def __init__(self, guard: Guard, guarded: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.guarded = guarded
        self._guard = guard
        self._rules = ResponseRules(guard.settings)
        self._headers = IdentityHeaders(guard.names)
        self._log_out = LogOut(guard) if guard.settings.logout else None
        self._leaf = _Leaf(self)

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        if path in self.children:
            return self.children[path]
        request.postpath.insert(0, request.prepath.pop())
        return self._leaf

    def render(self, request: Any) -> int:
        """
        Ask the guard about a request, unless it was asked early, and go on.

        :param request: a `GuardedRequest`.
        """
        visit = request.visits.pop(self, None)
        if visit is not None:
            self._answered(request, visit)
        elif request.method in NO_METHODS:
            self.deny(request, Refusal.NO_METHOD)
        elif self._rules.is_preflight(request):
            request.reply(NO_CONTENT, b"")
        else:
            self._guard.ask(request, partial(self._answered, request))
        return NOT_DONE_YET

    def ask_early(self, request: Any, answer: Answer) -> None:
        """Ask about a request whose body has not come; the caller puts a visit into `visits`."""
        if request.method in NO_METHODS:
            answer(Refusal.NO_METHOD)
        else:
            self._guard.ask(request, answer)

    def deny(self, request: Any, refusal: Refusal) -> None:
        """Turn a request away."""
        if request.lost:
            return
        self._rules.let_read(request)
        deny(request, refusal, self._guard.settings)

    def _answered(self, request: Any, answer: Visit | Refusal) -> None:
        if isinstance(answer, Refusal):
            self.deny(request, answer)
            return
        # If the session was ended while the body came, the connection is being aborted.
        if answer.connection.ended or request.lost:
            return
        self._safely(request, self._let_in, answer)

    def _let_in(self, request: Any, visit: Visit) -> None:
        if self._log_out is not None and self._log_out.is_meant(request):
            self._log_out.begin(request, visit)
            return
        request.cookietrack = identity = self._guard.identity(visit)
        self._headers.stamp(request.requestHeaders, identity)
        request.eager = True
        request.before_response(partial(self._before_response, request, visit))
        request.render(getChildForRequest(self.guarded, request))

    def _before_response(self, request: Any, visit: Visit) -> None:
        self._rules.apply(request)
        if renewal := self._guard.renewal(request, visit):
            _set_cookie(request, renewal.encode())

    def _safely(self, request: Any, call: Callable[..., None], *args: Any) -> None:
        """As Twisted does where it calls a resource itself."""
        try:
            call(request, *args)
        except Exception:  # noqa: BLE001 - the service behind may raise anything
            request.processingFailed(Failure())


class _Leaf(Resource):
    """Ends the traversal at the guard, with the rest of the path in `postpath`."""

    isLeaf = True

    def __init__(self, guard: GuardResource) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._guard = guard

    def render(self, request: Any) -> int:
        return self._guard.render(request)


def _set_cookie(request: Any, field: bytes) -> None:
    # Twisted replaces the header by the cookies that were added in its other way.
    if request.cookies:
        request.cookies.append(field)
    else:
        request.responseHeaders.addRawHeader(b"Set-Cookie", field)
