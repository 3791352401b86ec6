"""Turns a client's request into the one for the service that it is proxied to."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import h11
from attrs import frozen

from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.web.content import size_of
from cookietrack_plugin.router.web.cookies import joined
from cookietrack_plugin.router.web.forwarding import Forwarding, is_forwarding
from cookietrack_plugin.router.web.headers import Header, end_to_end, headers_of, plain
from cookietrack_plugin.router.web.identityheaders import (
    identity_headers,
    identity_names,
    identity_of,
)
from cookietrack_plugin.router.web.target import target_of
from cookietrack_plugin.router.web.upstream import UpstreamRequest

DEFAULT_PORT = 80
# Headers that the proxy sets itself, and `Expect`, which Twisted has answered. `Proxy` is no header
# of HTTP: CGI makes of it the variable HTTP_PROXY, which programs obey (httpoxy).
_OWN = frozenset([b"host", b"content-length", b"expect", b"proxy"])
_METHODS_WITH_BODY = (b"POST", b"PUT", b"PATCH")


@frozen
class Upstream:
    """The service that requests go on to: below `path`, which has no slash at its end."""

    host: str
    port: int
    path: bytes
    forwarding: Forwarding

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Upstream":
        """From the item of a configuration, with the defaults of Crossbar's service."""
        path = config.get("path", "").strip("/").encode()
        forwarding = Forwarding(
            config.get("forwarded_port", DEFAULT_PORT), config.get("forwarded_proto", "http")
        )
        port = config.get("port", DEFAULT_PORT)
        return cls(config["host"], port, path and b"/" + path, forwarding)

    @property
    def authority(self) -> bytes:
        """The value of `Host`."""
        host = self.host.encode("idna")
        host = b"[%b]" % host if b":" in host else host
        return host if self.port == DEFAULT_PORT else b"%b:%d" % (host, self.port)

    def request(self, request: Any) -> UpstreamRequest:
        """
        The upstream's request for a client's. The body is framed by its length, as Twisted has read
        all of it.

        :raises BadTarget, BadHost, h11.LocalProtocolError: the request must not go on.
        """
        size = size_of(request.content)
        has_body = size > 0 or _announces_body(request)
        head = h11.Request(
            method=request.method,
            target=target_of(request, self.path),
            headers=list(self._headers(request, size if has_body else None)),
        )
        return UpstreamRequest(head, request.content if has_body else None)

    def _headers(self, request: Any, size: int | None) -> Iterator[Header]:
        yield b"Host", self.authority
        yield b"Connection", b"close"
        if size is not None:
            yield b"Content-Length", str(size).encode()
        identity = identity_of(request)
        own = [*self.forwarding.headers(request), *identity_headers(identity)]
        said = {plain(name) for name, _ in own}
        yield from _passed_on(request, said, cookie_names.known() if identity else frozenset())
        yield from own


def _passed_on(
    request: Any, said: Collection[bytes], hidden_cookies: Collection[str]
) -> Iterator[Header]:
    """A client's headers for the service, without those that the proxy has `said` itself."""
    cookies = []
    for name, value in end_to_end(headers_of(request)):
        key = plain(name)
        if key == b"cookie":
            cookies.append(value)
        elif not (key in _OWN or key in said or key in identity_names or is_forwarding(key)):
            yield name, value
    if cookie := joined(cookies, hidden_cookies):
        yield b"Cookie", cookie


def _announces_body(request: Any) -> bool:
    headers = request.requestHeaders
    announced = headers.hasHeader(b"content-length") or headers.hasHeader(b"transfer-encoding")
    return announced or request.method in _METHODS_WITH_BODY
