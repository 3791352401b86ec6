"""Which reverse proxies are believed when they say where a client comes from."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from attrs import frozen

# Stands for every connection to a Unix domain socket.
UNIX = "unix"

Address = IPv4Address | IPv6Address


def parse_address(text: str) -> Address:
    """
    The address that `text` is; one of IPv4 may be written as IPv6.

    :raises ValueError: it is none.
    """
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def address_of(peer: str) -> Address | None:
    """Of a peer as Crossbar writes it, such as `tcp4:192.0.2.1:52410`; None where it has none."""
    kind, _, place = peer.partition(":")
    try:
        return parse_address(place.rpartition(":")[0]) if kind in ("tcp4", "tcp6") else None
    except ValueError:
        return None


@frozen
class TrustedProxies:
    """Addresses and networks, and whether the peers of a Unix domain socket are among them."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    @classmethod
    def of(cls, items: Sequence[str]) -> "TrustedProxies":
        """
        :param items: such as `"10.0.0.0/8"`, `"::1"` and `"unix"`.
        :raises ValueError: one is none of these.
        """
        networks = tuple(ip_network(item) for item in items if item != UNIX)
        return cls(networks, UNIX in items)

    def __bool__(self) -> bool:
        return self.unix or bool(self.networks)

    def has(self, address: Address) -> bool:
        """Whether a proxy at this address is believed."""
        return any(address in network for network in self.networks)

    def has_peer(self, peer: str) -> bool:
        """The same for a peer as Crossbar writes it: `tcp4:192.0.2.1:52410`, `unix:…`."""
        if peer.partition(":")[0] == UNIX:
            return self.unix
        address = address_of(peer)
        return address is not None and self.has(address)
