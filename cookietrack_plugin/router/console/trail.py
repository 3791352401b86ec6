"""The latest lines of a store's audit log, for the console's streams."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from uuid import uuid4

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.router.console.observed import Observed

# Lines that are remembered. A client that reads too slowly misses older ones and gets their number.
MAX_LINES = 1000
# Names this process: in another one, and after a restart, positions begin again.
INSTANCE = uuid4().hex


class RecentTrail(Observed):
    """
    A `Trail` of the audit log that keeps the latest lines in memory. On the reactor's thread.

    `position`: how many lines there were so far.
    """

    required = False

    def __init__(self) -> None:
        super().__init__()
        self.position = 0
        self._lines: deque[str] = deque(maxlen=MAX_LINES)

    def write(self, line: str) -> Deferred[None]:
        self.position += 1
        self._lines.append(line)
        self._changed()
        return succeed(None)

    def close(self) -> Deferred[None]:
        return succeed(None)

    def after(self, position: int) -> tuple[int, Sequence[str]]:
        """How many lines behind a position are forgotten, and those that are not."""
        wanted = max(0, self.position - position)
        there = min(wanted, len(self._lines))
        return wanted - there, list(islice(self._lines, len(self._lines) - there, None))
