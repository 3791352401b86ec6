"""How far this machine's clock is from that of a store's server."""

from collections.abc import Iterator
from time import monotonic

from cookietrack_plugin.admin.finding import Finding, ok, warning
from cookietrack_plugin.admin.text import now_ms
from cookietrack_plugin.interfaces import ICookieStore, IServerTime

# Records live by the server's clock; this difference is worth a warning, here and in the log.
TOLERANCE_MS = 2_000


def check_server_time(about: str, store: ICookieStore) -> Iterator[Finding]:
    """
    One finding for a store whose server has a clock of its own.

    :raises StoreUnavailable: the server does not answer.
    """
    if not IServerTime.providedBy(store):
        return
    offset = _offset(store)
    seconds = f"{abs(offset) / 1000:.1f} seconds"
    if abs(offset) <= TOLERANCE_MS:
        yield ok(about, f"this machine's clock is within {seconds} of its server's")
        return
    yield warning(
        about,
        f"this machine's clock is {seconds} {'ahead of' if offset > 0 else 'behind'} its server's,"
        " by which cookies live: synchronise both, for example by NTP",
    )


def _offset(store: IServerTime) -> int:
    """
    Milliseconds by which this clock is ahead. The server's time is taken to be that of the middle
    of the round trip.
    """
    began_s = monotonic()
    server = store.server_time()
    round_trip_ms = int((monotonic() - began_s) * 1000)
    return now_ms() - round_trip_ms // 2 - server
