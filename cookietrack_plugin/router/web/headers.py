"""Which headers of a request and of a response concern more than the connection they came on."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

Header = tuple[bytes, bytes]

_SEPARATORS = re.compile(rb"[^a-z0-9]")

# RFC 9110 section 7.6.1, RFC 9112 section 7 and appendix C.2.2, and what early proxies invented.
HOP_BY_HOP = frozenset(
    [
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)


def plain(name: bytes) -> bytes:
    """
    The name in lower case, with hyphens for underscores, dots and the like. CGI, WSGI and others
    make one variable of all these spellings.
    """
    return _SEPARATORS.sub(b"-", name.lower())


def end_to_end(headers: Iterable[Header]) -> Iterator[Header]:
    """
    Those that are meant for the last recipient, in their order, repeated ones too. A name in
    `Connection` makes a header one of the connection.
    """
    headers = list(headers)
    named = {
        name
        for field, value in headers
        if field.lower() == b"connection"
        for name in map(plain, map(bytes.strip, value.split(b",")))
    }
    left_out = HOP_BY_HOP | named
    return (header for header in headers if plain(header[0]) not in left_out)


def headers_of(request: Any) -> Iterator[Header]:
    """The headers of a request, repeated ones one by one."""
    for name, values in request.requestHeaders.getAllRawHeaders():
        for value in values:
            yield name, value
