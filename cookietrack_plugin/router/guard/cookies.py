"""The node's cookies in a request: guards get their ids, services behind get nothing else."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from attrs import frozen

from cookietrack_plugin import header
from cookietrack_plugin.config.lifespan import SECOND
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.redactor import attributes_of


class RequestCookies:
    """
    The cookies that came with a request, under the names of the node's cookies.

    :param field: the `Cookie` header, of several fields one.
    """

    def __init__(self, field: str, names: Collection[str]) -> None:
        # What each guard knows of the visitor, for the next request with the same cookies.
        self.known: dict[Any, Any] = {}
        # The values, by name and id. No other object has them.
        self._values = {
            name: {header.id_of(value): value for value in header.parse(field, name)}
            for name in names
            if name in field
        }

    def presented(self, name: str) -> list[str]:
        """The ids of the cookies of this name: four at most."""
        return list(self._values.get(name, ()))

    def set_cookie(self, settings: CookieSettings, id: str, left_ms: int) -> str:
        """The `Set-Cookie` header that keeps a presented cookie for `left_ms` from now on."""
        lasting = max(1, round(left_ms / SECOND)) if settings.persistent else None
        value = self._values[settings.name][id]
        return header.render(settings.name, value, lasting, attributes_of(settings))


@frozen
class _Taken:
    """What was made of the fields `sent`, for cookies with these `names`."""

    sent: Sequence[bytes]
    names: frozenset[str]
    field: bytes
    received: Mapping[bytes, bytes]
    cookies: RequestCookies


# For each connection its latest: a browser sends the same fields again on it.
_latest: WeakKeyDictionary[Any, _Taken] = WeakKeyDictionary()


def take_cookies(request: Any, names: frozenset[str]) -> RequestCookies:
    """
    Take the node's cookies out of a request. A service that reads its headers or `received_cookies`
    from now on finds ids in place of their values.
    """
    headers = request.requestHeaders
    # Crossbar would take it for a login: see `HandshakeRedactor.redact_request`.
    headers.removeHeader(b"set-cookie")
    sent = headers.getRawHeaders(b"cookie")
    if sent is None:
        return RequestCookies("", names)
    taken = _latest.get(request.channel)
    if taken is None or taken.sent != sent or taken.names != names:
        taken = _latest[request.channel] = _take(request, sent, names)
    headers.setRawHeaders(b"cookie", (taken.field,))
    request.received_cookies = dict(taken.received)
    return taken.cookies


def _take(request: Any, sent: Sequence[bytes], names: frozenset[str]) -> _Taken:
    # To a server, split fields are one (RFC 9113 section 8.2.3).
    field = b"; ".join(sent).decode("iso-8859-1")
    hidden = header.hide(field, names).encode("iso-8859-1")
    request.requestHeaders.setRawHeaders(b"cookie", (hidden,))
    request.received_cookies.clear()
    request.parseCookies()
    received = dict(request.received_cookies)
    return _Taken(sent, names, hidden, received, RequestCookies(field, names))
