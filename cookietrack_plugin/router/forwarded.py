"""Where a client comes from that came through reverse proxies (RFC 7239)."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from cookietrack_plugin.config.proxies import Address, TrustedProxies, parse_address

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_VALUE = f"(?:{_TOKEN}|{_QUOTED})"
_ELEMENT = f"{_TOKEN}={_VALUE}(?:;{_TOKEN}={_VALUE})*"
# The whole of it has to be well-formed: a quote that a client left open would swallow what a proxy
# has added behind it.
_FORWARDED = re.compile(rf"{_ELEMENT}(?:[ \t]*,[ \t]*{_ELEMENT})*")
_PAIRS = re.compile(f"({_TOKEN})=({_VALUE})|(,)")
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?")
# Clients can put any number of hops in front. Of X-Forwarded-For the last ones are read; a longer
# Forwarded is ignored, as it counts whole or not at all.
_MOST_HOPS = 32
_MOST_CHARACTERS = 4096
_LAST_PORT = 65_535
# Stands for a hop without an address, such as "unknown".
_HIDDEN: Final = None


@frozen
class Hop:
    """A node that a request came through; `port` is 0 if it is not known."""

    address: Address
    port: int = 0

    @property
    def peer(self) -> str:
        """The address as Crossbar writes it."""
        return f"tcp{self.address.version}:{self.address}:{self.port}"


def client_of(peer: str, headers: Mapping[str, str], trusted: TrustedProxies) -> str:
    """
    The last hop that is no trusted proxy, as far as trusted ones say.

    :param peer: the other end of the connection, as Crossbar writes it.
    :param headers: of the request, names in lower case. `Forwarded` and `X-Forwarded-For` count if
        they do not contradict each other: a proxy that writes one of them passes the other as its
        client made it.
    """
    if not trusted.has_peer(peer):
        return peer
    for hop in reversed(_hops(headers)):
        if hop is _HIDDEN:
            break
        peer = hop.peer
        if not trusted.has(hop.address):
            break
    return peer


def _hops(headers: Mapping[str, str]) -> Sequence[Hop | None]:
    said = [
        read(headers[name])
        for name, read in (("forwarded", _of_forwarded), ("x-forwarded-for", _of_list))
        if name in headers
    ]
    addresses = {tuple(hop and hop.address for hop in hops) for hops in said}
    return said[0] if len(addresses) == 1 else ()


def _of_forwarded(header: str) -> Sequence[Hop | None]:
    if len(header) > _MOST_CHARACTERS or not _FORWARDED.fullmatch(header.strip()):
        return ()
    hops: list[Hop | None] = [_HIDDEN]
    for name, value, comma in _PAIRS.findall(header):
        if comma:
            hops.append(_HIDDEN)
        elif name.lower() == "for":
            hops[-1] = _hop(value.strip('"'))
    return hops


def _of_list(header: str) -> Sequence[Hop | None]:
    nodes = header.rsplit(",", _MOST_HOPS)
    return [_hop(node.strip()) for node in nodes[-_MOST_HOPS:]]


def _hop(node: str) -> Hop | None:
    # X-Forwarded-For has addresses of IPv6 without brackets.
    bare = node.count(":") > 1 and not node.startswith("[")
    found = _NODE.fullmatch(f"[{node}]" if bare else node)
    if found is None or int(found[3] or 0) > _LAST_PORT:
        return _HIDDEN
    try:
        return Hop(parse_address(found[1] or found[2]), int(found[3] or 0))
    except ValueError:
        return _HIDDEN
