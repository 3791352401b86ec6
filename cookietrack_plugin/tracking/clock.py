"""What time it is: in milliseconds, and never earlier than before."""

import time
from collections.abc import Callable
from typing import Protocol

from cookietrack_plugin.access.servertime import TimeSample

# By how much this machine's clock may differ from that of a store's server before the log says so.
MAX_SKEW_S = 2.0


class Clock(Protocol):
    """The time by which records live and end."""

    def now(self) -> int:
        """Unix milliseconds."""

    def skew(self) -> float:
        """The seconds by which this machine's wall clock is ahead of this one."""


class LocalClock:
    """
    This machine's time, for stores that nobody else uses.

    It passes at least as fast as the monotonic clock, and follows the wall clock when that is
    ahead. If the wall clock jumps back, a lifetime that began before ends when it would have; a
    jump ahead can end it earlier.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._latest = wall()
        self._read_at = monotonic()

    def now(self) -> int:
        # In this order: if the process stands still in between, the other one would count that
        # twice, and be ahead for good.
        wall = self._wall()
        read_at = self._monotonic()
        self._latest = max(self._latest + read_at - self._read_at, wall)
        self._read_at = read_at
        return int(self._latest * 1000)

    def skew(self) -> float:
        return self._wall() - self.now() / 1000


class ServerClock:
    """
    The time of a store's server, so that the clocks of several machines need not agree. `adjust`
    takes a measurement; in between, time passes by this machine's monotonic clock.

    :param sample: the first measurement.
    """

    def __init__(
        self,
        sample: TimeSample,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        # By how many seconds the server's clock is ahead of the monotonic clock.
        self._offset = sample.server - (sample.sent + sample.received) / 2
        # Whether the last sample was so far ahead that another one has to confirm it.
        self._jumped = False
        self._latest = 0

    def now(self) -> int:
        self._latest = max(self._latest, int((self._offset + self._monotonic()) * 1000))
        return self._latest

    def adjust(self, sample: TimeSample) -> None:
        """
        Take another measurement. Only what is certain counts: a slow round trip moves nothing, and
        a server whose clock was set back does not lengthen lifetimes here. A jump ahead counts when
        the next sample confirms it, as it cannot be taken back.
        """
        earliest, latest = sample.server - sample.received, sample.server - sample.sent
        confirmed, self._jumped = self._jumped, earliest > self._offset + MAX_SKEW_S
        if self._jumped and not confirmed:
            return
        if earliest > self._offset:
            self._offset = earliest
        elif self._offset - MAX_SKEW_S < latest < self._offset:
            self._offset = latest

    def skew(self) -> float:
        return self._wall() - self._monotonic() - self._offset
