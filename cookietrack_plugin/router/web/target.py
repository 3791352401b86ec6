"""What a proxied request asks the upstream for."""

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

# Every visible character but "#" goes on as the client wrote it, percent signs too.
_SAFE = "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# What servers take for the end of a path's segment.
_SEGMENTS = re.compile(rb"[/\\]")


class BadTarget(ValueError):
    """A request for something that may lie outside of the proxied path."""


def target_of(request: Any, base: bytes) -> bytes:
    """
    The request target for the upstream: the configured path `base`, then what of the client's URL
    lies below the service, byte by byte as it was encoded, and the query.

    :param request: with as many segments in `postpath` as lie below the service.
    :raises BadTarget: for a target that is no path, and for one with a dot segment in any encoding.
        A server that resolved it (RFC 3986 section 5.2.4) would leave `base`, and the guard's path.
    """
    if not request.path.startswith(b"/"):
        raise BadTarget("expected a path as the request's target")
    segments = request.path.split(b"/")
    below = segments[len(segments) - len(request.postpath) :]
    if any(map(_has_dots, below)):
        raise BadTarget("expected a path without dot segments")
    path = b"".join([base, *(b"/" + segment for segment in below)]) or b"/"
    _, mark, query = request.uri.partition(b"?")
    return quote(path + mark + query, safe=_SAFE).encode()


def _has_dots(segment: bytes) -> bool:
    parts = _SEGMENTS.split(unquote_to_bytes(segment))
    return any(part.partition(b";")[0].strip() in (b".", b"..") for part in parts)
