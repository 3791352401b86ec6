"""
Whether a request that changes things was made by a page of the same site (Fetch Metadata; OWASP
Cross-Site Request Forgery Prevention Cheat Sheet).
"""

from collections.abc import Collection
from typing import Any

from cookietrack_plugin.config.origin import origin_of

# Those that change nothing (RFC 9110, section 9.2.1).
SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_SAME_SITE = ("same-origin", "same-site")


def is_same_site(request: Any, origins: Collection[str]) -> bool:
    """
    Whether a browser says so, or says that the page is of one of `origins`. What says neither is no
    page of ours.
    """
    if request.method in SAFE_METHODS:
        return True
    origin = _only(request, b"origin")
    if origin is not None and origin_of(origin) in origins:
        return True
    if request.requestHeaders.hasHeader(b"sec-fetch-site"):
        # A script cannot set it; older browsers, and newer ones without TLS, do not send it.
        return _only(request, b"sec-fetch-site") in _SAME_SITE
    return origin is not None and _is_own(origin, _only(request, b"host"))


def _is_own(origin: str, host: str | None) -> bool:
    """Whether it is that of this host. The scheme may be a proxy's business: its own is taken."""
    scheme, separator, _ = origin.partition("://")
    found = origin_of(origin)
    return bool(host and separator and found) and origin_of(f"{scheme}://{host}") == found


def _only(request: Any, name: bytes) -> str | None:
    """A header, where there is one of this name and not more."""
    values = request.requestHeaders.getRawHeaders(name, ())
    return values[0].decode("iso-8859-1") if len(values) == 1 else None
