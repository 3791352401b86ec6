"""What a proxied service learns about the connection of its client."""

import re
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from cookietrack_plugin.router.web.headers import Header, plain

# RFC 9110 section 7.2: a name, an address or one in brackets, and a port.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.v]+\])(?::[0-9]*)?")
_FORWARDING = re.compile(rb"forwarded|x-real-ip|x-forwarded-.+")


class BadHost(ValueError):
    """A request with several `Host` headers, or with what is no host."""


def is_forwarding(name: bytes) -> bool:
    """Whether a header claims to tell of a client's connection, in any spelling of its name."""
    return _FORWARDING.fullmatch(plain(name)) is not None


@frozen
class Forwarding:
    """
    Makes the headers that Crossbar's service sends to an upstream, and `Forwarded` (RFC 7239), of
    the service's options `forwarded_port` and `forwarded_proto`.
    """

    port: int
    proto: str

    def headers(self, request: Any) -> Iterator[Header]:
        """
        The headers for a request. Its client is the peer of the connection: such headers in the
        request do not count.

        :raises BadHost: see `host_of`.
        """
        host, address = host_of(request), address_of(request)
        if address:
            yield b"X-Forwarded-For", address
            yield b"X-Real-IP", address
        if host:
            yield b"X-Forwarded-Host", host
        yield b"X-Forwarded-Port", str(self.port).encode()
        yield b"X-Forwarded-Proto", self.proto.encode()
        yield b"Forwarded", self._forwarded(host, address)

    def _forwarded(self, host: bytes, address: bytes) -> bytes:
        node = b'"[%b]"' % address if b":" in address else address
        pairs = [b"for=" + (node or b"unknown")]
        if host:
            pairs.append(b'host="%b"' % host)
        return b";".join([*pairs, b"proto=" + self.proto.encode()])


def host_of(request: Any) -> bytes:
    """
    The host that the client has asked for; empty where it named none (HTTP/1.0).

    :raises BadHost: RFC 9112 section 3.2.
    """
    hosts = request.requestHeaders.getRawHeaders(b"host", [b""])
    if len(hosts) > 1 or not _HOST.fullmatch(hosts[0]):
        raise BadHost("expected one Host header with a name or an address")
    return bytes(hosts[0])


def address_of(request: Any) -> bytes:
    """The client's IP address; empty where it is on a unix socket."""
    host = getattr(request.getClientAddress(), "host", None) or ""
    return host.partition("%")[0].encode("ascii", "ignore")
