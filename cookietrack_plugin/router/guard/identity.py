"""Who a request that was let in is from, for what is behind the guard."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from attrs import Factory, frozen

from cookietrack_plugin.config.guard import IDENTITY_HEADERS
from cookietrack_plugin.router.web.headers import plain
from cookietrack_plugin.router.web.identityheaders import header_value

# Control characters, which could end a header (RFC 9110, section 5.5), and halves of characters.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# Headers with this prefix are ours, even if the configuration names others.
_OWN_PREFIX = b"x-cookietrack-"


@frozen
class GuardedIdentity:
    """
    The user that a request's cookie is logged in as. `id`: the public id of the cookie. `names`:
    the names of the headers that carry the fields, by field.
    """

    authid: str
    authrole: str
    authrealm: str
    id: str
    names: Mapping[str, str] = Factory(lambda: IDENTITY_HEADERS)


@lru_cache
def fit_headers(authid: str, *others: str) -> bool:
    """
    Whether headers carry an identity as it is. Readers strip a value: to them " alice" would be
    alice.
    """
    texts = (authid, *others)
    return authid != "" and all(text == text.strip() and not _UNFIT.search(text) for text in texts)


class IdentityHeaders:
    """
    Writes the identity headers of one guard.

    :param names: see `GuardedIdentity`.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {field: name.encode() for field, name in names.items()}
        self._own = frozenset(map(_folded, self._names.values()))
        # Most clients send the same ones, and most requests are from a few users.
        self._forged = lru_cache(self._forged_among)
        self._values = lru_cache(self._values_of)

    def stamp(self, headers: Any, identity: GuardedIdentity) -> None:
        """
        Put the identity into a request's headers, and remove what the client has sent under these
        names in any spelling: to services, all characters but letters and digits may be the same.
        """
        names = frozenset([name for name, _ in headers.getAllRawHeaders()])
        for name in self._forged(names):
            headers.removeHeader(name)
        if b"Connection" in names:
            self._unlist(headers)
        values = self._values(identity.authid, identity.authrole, identity.authrealm, identity.id)
        for name, value in values:
            headers.setRawHeaders(name, value)

    def _values_of(
        self, authid: str, authrole: str, authrealm: str, id: str
    ) -> list[tuple[bytes, list[bytes]]]:
        fields = {"authid": authid, "authrole": authrole, "authrealm": authrealm, "id": id}
        return [(name, [header_value(fields[field])]) for field, name in self._names.items()]

    def _forged_among(self, names: frozenset[bytes]) -> list[bytes]:
        return [name for name in names if self._is_forged(name)]

    def _is_forged(self, name: bytes) -> bool:
        folded = _folded(name)
        return folded in self._own or folded.startswith(_OWN_PREFIX)

    def _unlist(self, headers: Any) -> None:
        """A proxy takes out what `Connection` lists: it is for the next hop alone."""
        listed = headers.getRawHeaders(b"connection")
        tokens = [token.strip() for value in listed for token in value.split(b",")]
        kept = [token for token in tokens if not self._is_forged(token)]
        if len(kept) < len(tokens):
            headers.setRawHeaders(b"connection", [b", ".join(kept)])


def _folded(name: bytes) -> bytes:
    return plain(name.strip())
