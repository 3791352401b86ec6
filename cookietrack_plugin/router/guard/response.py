"""What a response from behind a guard says to caches and to pages of other origins."""

from functools import lru_cache
from typing import Any

from cookietrack_plugin.config.guard import GuardSettings

# For how long a browser remembers the answer to a preflight, in seconds.
PREFLIGHT_S = 600
_CORS = b"access-control-"
_OLD_CACHE = (b"expires", b"pragma")


class ResponseRules:
    """Changes the headers of the responses behind one guard."""

    def __init__(self, settings: GuardSettings) -> None:
        self._cache = None if settings.cache is None else settings.cache.encode()
        self._origins = {origin.encode() for origin in settings.cors}

    def apply(self, request: Any) -> None:
        """Change the headers of a response that is about to leave."""
        headers = request.responseHeaders
        names = frozenset([name for name, _ in headers.getAllRawHeaders()])
        for name in _replaced(names, self._cache is not None):
            headers.removeHeader(name)
        if self._cache is not None:
            headers.setRawHeaders(b"Cache-Control", (_cache_of(headers, self._cache),))
        if b"Vary" in names:
            add_to(headers, b"Vary", b"Cookie")
        else:
            headers.setRawHeaders(b"Vary", (b"Cookie",))
        if self._origins:
            self.let_read(request)

    def let_read(self, request: Any) -> bool:
        """Let the page read the answer if its origin is a configured one; whether it is."""
        origins = request.requestHeaders.getRawHeaders(b"origin", ())
        if self._origins:
            add_to(request.responseHeaders, b"Vary", b"Origin")
        if len(origins) != 1 or origins[0] not in self._origins:
            return False
        request.setHeader(b"Access-Control-Allow-Origin", origins[0])
        request.setHeader(b"Access-Control-Allow-Credentials", b"true")
        return True

    def is_preflight(self, request: Any) -> bool:
        """
        Whether a browser asks, without a cookie as it has to, what a page of a configured origin
        may do (Fetch, section 4.8); then the answer's headers are set.
        """
        if request.method != b"OPTIONS":
            return False
        method = request.getHeader(b"access-control-request-method")
        if method is None or not self.let_read(request):
            return False
        request.setHeader(b"Access-Control-Allow-Methods", method)
        request.setHeader(b"Access-Control-Max-Age", b"%d" % PREFLIGHT_S)
        if names := request.getHeader(b"access-control-request-headers"):
            request.setHeader(b"Access-Control-Allow-Headers", names)
        return True


def add_to(headers: Any, name: bytes, item: bytes) -> None:
    """Add an item to a header that is a list, unless it is there."""
    values = headers.getRawHeaders(name)
    if values is None:
        headers.setRawHeaders(name, (item,))
        return
    items = [each.strip().lower() for value in values for each in value.split(b",")]
    if b"*" not in items and item.lower() not in items:
        headers.setRawHeaders(name, [b", ".join([*values, item])])


# Nearly all responses of a service have the same headers.
@lru_cache
def _replaced(names: frozenset[bytes], for_caches: bool) -> tuple[bytes, ...]:
    """The headers of a response that are removed, as the guard sets its own."""
    return tuple(
        name
        for name in names
        if name.lower().startswith(_CORS) or (for_caches and name.lower() in _OLD_CACHE)
    )


def _cache_of(headers: Any, value: bytes) -> bytes:
    # A response that must not be stored at all stays so.
    said = b",".join(headers.getRawHeaders(b"Cache-Control", ())).lower()
    return b"private, no-store" if b"no-store" in said else value
