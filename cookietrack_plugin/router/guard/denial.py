"""How a request is turned away."""

from enum import Enum
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from cookietrack_plugin.config.guard import GuardSettings
from cookietrack_plugin.router.refusing import UNAVAILABLE, RetryLater

# No registered scheme stands for a cookie: it says where the challenge is to be met.
CHALLENGE = b'Cookie realm="cookietrack"'
SEE_OTHER = 303

# Of an Accept header; browsers send a tenth of it.
MAX_ACCEPT_BYTES = 1024


class Refusal(Enum):
    """Why a request does not go on: the status, and the sentence that its client reads."""

    NO_PATH = 400, "expected a path without dot segments, found another one"
    NO_USER = 401, "expected the cookie of somebody who is logged in, found none"
    NO_RIGHT = 403, "expected a user who is allowed here, found another one"
    CROSS_SITE = 403, "expected an Origin or Sec-Fetch-Site of the same site, found none"
    NO_METHOD = 405, "expected another method"
    NO_ANSWER = 503, UNAVAILABLE

    @property
    def code(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def text(self) -> str:
        """The message for the client."""
        return self.value[1]


def deny(request: Any, refusal: Refusal, settings: GuardSettings | None = None) -> None:
    """
    Answer a request that does not go on. If its user has to log in, and a browser asks for a page,
    redirect it to the configured place.
    """
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Vary", b"Cookie, Accept" if refusal is Refusal.NO_USER else b"Cookie")
    if refusal is Refusal.NO_ANSWER:
        request.setHeader(b"Retry-After", b"%d" % RetryLater.retry_after_s)
    if refusal is Refusal.NO_USER:
        target = settings.denied.get("redirect") if settings else None
        if target is not None and wants_page(request):
            send_to(request, location(target, request.uri))
            return
        request.setHeader(b"WWW-Authenticate", CHALLENGE)
    request.reply(refusal.code, refusal.text.encode() + b"\n")


def send_to(request: Any, url: bytes) -> None:
    """Send a browser elsewhere, with GET after any method."""
    request.setHeader(b"Location", url)
    request.reply(SEE_OTHER, b"")


def location(template: str, target: bytes) -> bytes:
    """
    The URL to redirect to.

    :param template: a URL, with `{path}` for where to come back to.
    :param target: of the request line.
    """
    # A path that begins with two slashes would name another host.
    path = b"/" + target.lstrip(b"/\\")
    return template.replace("{path}", quote(path, safe="")).encode()


def wants_page(request: Any) -> bool:
    """Whether a browser asks for a page, and not a script for data, which accepts `*/*`."""
    accept = b",".join(request.requestHeaders.getRawHeaders(b"accept", ()))
    accepted = parse_accept_header(accept[:MAX_ACCEPT_BYTES].decode("iso-8859-1"), MIMEAccept)
    return any(kind == "text/html" and quality > 0 for kind, quality in accepted)
