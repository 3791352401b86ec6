"""Which lines that end logins are repeated, so far behind that no damage reaches both."""

from collections import deque
from collections.abc import Collection

# A page: the damage that disks and file systems do comes in these.
DISTANCE_BYTES = 4096
# Keys that a batch repeats at most.
_MOST = 100


class Echo:
    """
    Keys of records whose state a later batch repeats, so far behind that one lost page cannot take
    both lines. By one thread at a time.
    """

    def __init__(self) -> None:
        # The size of the file when the line was written, and the key.
        self._pending: deque[tuple[int, bytes]] = deque()

    def note(self, size: int, keys: Collection[bytes]) -> None:
        """The states of `keys` were written; the file has `size` bytes now."""
        if self._pending and self._pending[-1][0] > size:
            # Another file, in which they may be anywhere.
            self._pending = deque((size, key) for _, key in self._pending)
        self._pending.extend((size, key) for key in keys)

    def due(self, size: int) -> list[bytes]:
        """The keys to be repeated by what is appended to a file of `size` bytes."""
        found: list[bytes] = []
        for end, key in self._pending:
            if end + DISTANCE_BYTES > size or len(found) == _MOST:
                break
            found.append(key)
        return found

    def repeated(self, count: int) -> None:
        """The first `count` of them are written."""
        for _ in range(count):
            self._pending.popleft()
