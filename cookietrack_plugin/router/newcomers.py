"""Bounds how many clients get a new cookie, on a transport and from each peer."""

from collections import OrderedDict
from math import ceil
from typing import Any

from attrs import define
from txaio.tx import make_logger

from cookietrack_plugin.config.proxies import address_of
from cookietrack_plugin.tracking.admission import TooManyNewcomers

# The time that a peer's share is for, and in which the log has one line at most.
MINUTE_S = 60.0
# Peers that are remembered. If there are more, the transport's rate bounds them.
MAX_PEERS = 10_000
# Bits of an address of IPv6 that stand for one site (RFC 6177).
_SITE_BITS = 64


@define
class _Bucket:
    """A token bucket, which had `tokens` at the time `at`."""

    tokens: float
    at: float

    def wait(self, now: float, rate: float, capacity: float) -> float:
        """Fill the bucket up to `now`; the seconds until it has a token."""
        self.tokens = min(capacity, self.tokens + (now - self.at) * rate)
        self.at = now
        return max(0.0, (1 - self.tokens) / rate)


class Newcomers:
    """
    Token buckets for the new cookies of one transport. On the reactor's thread.

    :param per_second: new cookies in a second, and the size of a burst; None for any.
    :param per_peer: new cookies of one peer in a minute, and the size of a burst; None for any. A
        peer is an IPv4 address, or a /64 of IPv6.
    """

    log = make_logger()

    def __init__(self, per_second: int | None, per_peer: int | None, reactor: Any) -> None:
        self._per_second = per_second
        self._per_peer = per_peer
        self._reactor = reactor
        self._all = _Bucket(per_second or 0, reactor.seconds())
        self._peers: OrderedDict[str, _Bucket] = OrderedDict()
        # How many were turned away since the last line of the log.
        self._refused = 0

    def admit(self, peer: str) -> None:
        """
        Take a token for a client that is about to get a new cookie.

        :param peer: as Crossbar writes it.
        :raises TooManyNewcomers: there is none.
        """
        buckets: list[tuple[_Bucket, float, int]] = []
        if self._per_second is not None:
            buckets.append((self._all, self._per_second, self._per_second))
        if self._per_peer is not None:
            buckets.append((self._bucket(peer), self._per_peer / MINUTE_S, self._per_peer))
        now = self._reactor.seconds()
        wait = max((bucket.wait(now, rate, size) for bucket, rate, size in buckets), default=0.0)
        if wait:
            self._note_refusal()
            raise TooManyNewcomers(ceil(wait))
        for bucket, *_ in buckets:
            bucket.tokens -= 1

    def _bucket(self, peer: str) -> _Bucket:
        site = _site_of(peer)
        bucket = self._peers.get(site)
        if bucket is None:
            bucket = self._peers[site] = _Bucket(self._per_peer or 0, self._reactor.seconds())
            if len(self._peers) > MAX_PEERS:
                self._peers.popitem(last=False)
        self._peers.move_to_end(site)
        return bucket

    def _note_refusal(self) -> None:
        if not self._refused:
            self._reactor.callLater(MINUTE_S, self._report)
        self._refused += 1

    def _report(self) -> None:
        self.log.warn(
            "handshakes of new clients that were answered with 429 in the last minute: {count}",
            count=self._refused,
        )
        self._refused = 0


def _site_of(peer: str) -> str:
    address = address_of(peer)
    if address is None:
        return peer.partition(":")[0]
    if address.version == 4:
        return str(address)
    return f"{int(address) >> (128 - _SITE_BITS):x}"
