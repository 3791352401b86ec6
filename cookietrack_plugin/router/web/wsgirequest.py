"""A request as a WSGI application may see it."""

import re
from collections.abc import Iterator
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.web.http_headers import Headers

from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.web.content import size_of
from cookietrack_plugin.router.web.cookies import joined
from cookietrack_plugin.router.web.headers import Header, end_to_end, headers_of, plain
from cookietrack_plugin.router.web.identityheaders import (
    header_value,
    identity_headers,
    identity_names,
    identity_of,
)
from cookietrack_plugin.router.web.window import ClientWindow

# WSGI turns each hyphen into an underscore: a header with underscores would pass for another one.
_UNAMBIGUOUS = re.compile(rb"[a-z0-9-]+")
# `Content-Length` is that of the body as it came. `Proxy` would be the variable HTTP_PROXY, which
# programs obey.
_OWN = frozenset([b"content-length", b"proxy"])
# Stands in for the address of a unix socket: WSGI knows hosts and ports only.
_NOWHERE = IPv4Address("TCP", "", 0)


class WsgiRequest:
    """
    A request for Twisted's `WSGIResource`, with the headers that an application may see alone, and
    that finishes once at most.
    """

    def __init__(self, request: Any, window: ClientWindow) -> None:
        self._request = request
        self._window = window
        self.requestHeaders = Headers()
        for name, value in _visible(request):
            self.requestHeaders.addRawHeader(name, value)
        # WSGIResource would set it on this stand-in: the application alone sets a content type.
        request.defaultContentType = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    def variables(self) -> dict[str, Any]:
        """Further variables of the application's environment."""
        more: dict[str, Any] = {"wsgi.input_terminated": True}
        if identity := identity_of(self._request):
            # Of UTF-8, one character for each byte (PEP 3333, "Unicode Issues").
            more["REMOTE_USER"] = header_value(identity.authid).decode("latin-1")
        return more

    def getHeader(self, key: bytes) -> bytes | None:
        values = self.requestHeaders.getRawHeaders(key)
        return values[-1] if values else None

    def getClientAddress(self) -> Any:
        return _with_port(self._request.getClientAddress())

    def getHost(self) -> Any:
        return _with_port(self._request.getHost())

    def finish(self) -> None:
        """End the response, unless the client has gone."""
        if self._window.close():
            self._request.finish()


def _visible(request: Any) -> Iterator[Header]:
    identity = identity_of(request)
    own = dict(identity_headers(identity))
    said = _OWN.union(map(plain, own))
    cookies = []
    for name, value in end_to_end(headers_of(request)):
        key = name.lower()
        if key == b"cookie":
            cookies.append(value)
        elif _UNAMBIGUOUS.fullmatch(key) and key not in said and key not in identity_names:
            yield name, value
    if cookie := joined(cookies, cookie_names.known() if identity else ()):
        yield b"Cookie", cookie
    yield b"Content-Length", str(size_of(request.content)).encode()
    yield from own.items()


def _with_port(address: Any) -> Any:
    return address if hasattr(address, "port") else _NOWHERE
