"""The console as a resource: its page, and its API."""

from typing import Any

from twisted.web.resource import Resource
from txaio.tx import make_logger

from cookietrack_plugin.router.console.api import Api
from cookietrack_plugin.router.console.files import PageFiles
from cookietrack_plugin.router.console.hardening import harden
from cookietrack_plugin.router.console.refusals import Refused, WrongMethod
from cookietrack_plugin.router.web.answers import body_answer

PLAIN_TEXT = b"text/plain; charset=utf-8"
_FORBIDDEN, _MOVED = 403, 308


class ConsoleResource(Resource):
    """Answers requests that a guard has let in, and no others."""

    log = make_logger()
    isLeaf = True

    def __init__(self, api: Api) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._api = api
        self._files = PageFiles()

    def render(self, request: Any) -> Any:
        """
        :param request: a `GuardedRequest`.
        """
        harden(request)
        if getattr(request, "cookietrack", None) is None:
            # No configuration allows this: see `require_operators`.
            self.log.error("a request came to the console without a guard")
            return body_answer(request, _FORBIDDEN, PLAIN_TEXT, b"this console needs a guard\n")
        path = [each.decode("utf-8", "replace") for each in request.postpath]
        if not path and not request.path.endswith(b"/"):
            return _with_slash(request)
        if path[:1] == ["api"]:
            return self._api.render(request, path[1:])
        return self._page(request, "/".join(path))

    def _page(self, request: Any, name: str) -> bytes:
        try:
            return self._files.render(request, name)
        except Refused as refused:
            if isinstance(refused, WrongMethod):
                request.setHeader(b"allow", refused.allowed.encode())
            return body_answer(request, refused.code, PLAIN_TEXT, f"{refused}\n".encode())


def _with_slash(request: Any) -> bytes:
    """Redirect to the path with a slash: the page's links are relative to that."""
    last = request.path.rpartition(b"/")[2]
    request.setHeader(b"location", b"./" + last + b"/")
    return body_answer(request, _MOVED, PLAIN_TEXT, b"")
