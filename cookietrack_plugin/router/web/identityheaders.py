"""The headers that tell a Web service who a request is from."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from cookietrack_plugin.config.guard import IDENTITY_HEADERS
from cookietrack_plugin.router.web.headers import Header, plain

# Control characters, which could end a header (RFC 9110 section 5.5), and surrogates, which UTF-8
# has no bytes for.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Identity(Protocol):
    """Who a request is from, which a guard sets as the request's attribute `cookietrack`."""

    @property
    def authid(self) -> str: ...
    @property
    def authrole(self) -> str: ...
    @property
    def authrealm(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def names(self) -> Mapping[str, str]:
        """The headers' names, by the attribute that each carries."""


class IdentityNames:
    """
    The names of all headers that carry an identity in this worker, in every spelling: what a client
    sends under one of them passes no service, with and without a guard before it.
    """

    def __init__(self, names: Iterable[str] = IDENTITY_HEADERS.values()) -> None:
        self._names = frozenset(map(_plain_text, names))

    def add(self, names: Iterable[str]) -> None:
        """Note the names of a guard that is being started."""
        self._names = self._names.union(map(_plain_text, names))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and plain(name) in self._names


def _plain_text(name: str) -> bytes:
    return plain(name.encode())


identity_names = IdentityNames()


def identity_of(request: Any) -> Identity | None:
    """Whom the guard has let in; None where no guard is before the service."""
    identity: Identity | None = getattr(request, "cookietrack", None)
    return identity


def identity_headers(identity: Identity | None) -> Iterator[Header]:
    """Names and values of the headers that carry this identity; nothing without one."""
    for field, name in identity.names.items() if identity else ():
        yield name.encode(), header_value(getattr(identity, field))


def header_value(text: str) -> bytes:
    """
    The text in UTF-8, with a replacement character for all that could end a header or would be
    lost on the way, as spaces at either end are. Nothing is removed: "admin" and "admin " remain
    two users.
    """
    left, right = len(text) - len(text.lstrip()), len(text.rstrip())
    whole = _REPLACEMENT * left + text[left:right] + _REPLACEMENT * (len(text) - max(left, right))
    return _UNSAFE.sub(_REPLACEMENT, whole).encode()
