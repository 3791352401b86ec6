"""`api/v1`: what the page asks for, and other programs may (docs/console.md)."""

from collections.abc import Callable, Mapping
from typing import Any

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import maybeDeferred
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from txaio.tx import make_logger

from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.router.configwarnings import config_warnings
from cookietrack_plugin.router.console.body import json_of
from cookietrack_plugin.router.console.connections import LiveConnections
from cookietrack_plugin.router.console.endings import Endings
from cookietrack_plugin.router.console.numbers import StoreNumbers
from cookietrack_plugin.router.console.query import query_of
from cookietrack_plugin.router.console.refusals import (
    NotFound,
    Refused,
    TooMany,
    WrongMethod,
    WrongQuery,
)
from cookietrack_plugin.router.console.sessions import Sessions
from cookietrack_plugin.router.console.stream import Streams
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.console.whoami import Operator
from cookietrack_plugin.router.refusing import RetryLater
from cookietrack_plugin.router.web.answers import json_answer

VERSION = "v1"
_ACCEPTED = 202

Answer = Callable[[Any], Any]


class Api:
    """The API of one console. Every answer is a JSON object; that of an error has an `error`."""

    log = make_logger()

    def __init__(self, watched: WatchedStore, operator: Operator) -> None:
        self._streams = Streams(watched)
        self._sessions = sessions = Sessions(watched)
        self._endings = Endings(watched)
        numbers, connections = StoreNumbers(watched), LiveConnections(watched)
        self._read: Mapping[str, Answer] = {
            "me": operator.of,
            "sessions": lambda request: sessions.find(query_of(request)),
            "count": lambda request: sessions.count(query_of(request)),
            "connections": lambda request: connections.find(query_of(request)),
            "numbers": lambda _: numbers.with_history(),
            "health": lambda _: numbers.health(),
            "warnings": lambda _: {"warnings": config_warnings()},
        }

    def render(self, request: Any, path: list[str]) -> int:
        """Answer a request for what is below `api`."""
        if path == [VERSION, "stream"] and request.method == b"GET":
            return self._stream(request)
        answer = maybeDeferred(self._answer, request, path)
        answer.addCallbacks(
            lambda found: _reply(request, _status(found), found),
            self._refuse,
            errbackArgs=(request,),
        )
        answer.addErrback(_failed, request)
        return NOT_DONE_YET

    def _answer(self, request: Any, path: list[str]) -> Any:
        match path:
            case [version, *_] if version != VERSION:
                raise NotFound(f"expected the version {VERSION}, found another")
            case [_, name] if name in self._read:
                _require(request, "GET")
                return self._read[name](request)
            case [_, "sessions", id]:
                _require(request, "GET")
                return self._sessions.one(id)
            case [_, "stream"]:
                raise WrongMethod("GET")
            case [_, "end"]:
                _require(request, "POST")
                return self._endings.end(json_of(request), request.cookietrack)
            case _:
                raise NotFound("there is no such resource")

    def _stream(self, request: Any) -> int:
        try:
            query = query_of(request)
            if set(query) - {"connections"} or query.get("connections", "1") != "1":
                raise WrongQuery("expected connections=1, or nothing, found something else")
            return self._streams.begin(request, "connections" in query)
        except (Refused, CookieTrackError):
            self._refuse(Failure(), request)
            return NOT_DONE_YET

    def _refuse(self, failure: Failure, request: Any) -> None:
        error: Any = failure.value
        match error:
            case WrongMethod():
                request.setHeader(b"allow", error.allowed.encode())
                code, text = error.code, str(error)
            case Refused():
                code, text = error.code, str(error)
            case ApplicationError(error=ApplicationError.INVALID_ARGUMENT):
                code, text = WrongQuery.code, str(error.args[0])
            case CookieTrackError():
                self.log.error("the console cannot answer: {cause}", cause=error)
                code, text = TooMany.code, "the cookie store cannot answer now"
            case _:
                failure.raiseException()
        if code == TooMany.code:
            request.setHeader(b"retry-after", b"%d" % RetryLater.retry_after_s)
        _reply(request, code, {"error": text})


def _failed(failure: Failure, request: Any) -> None:
    """As Twisted does where it calls a resource itself."""
    if not request.lost:
        request.processingFailed(failure)


def _require(request: Any, method: str) -> None:
    methods = ("GET", "HEAD") if method == "GET" else (method,)
    if request.method.decode("ascii", "replace") not in methods:
        raise WrongMethod(method)


def _status(answer: Mapping[str, Any]) -> int:
    """202 for an end that is in force and not stored yet (RFC 9110, section 15.3.3)."""
    return _ACCEPTED if answer.get("stored") is False else 200


def _reply(request: Any, status: int, answer: Mapping[str, Any]) -> None:
    # The session may have been ended by its own request.
    if not request.lost:
        request.write(json_answer(request, status, answer))
        request.finish()
