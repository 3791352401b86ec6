"""Which calls of a store fail, and how often each was made: shared with `disk.c`."""

import mmap
import struct
from pathlib import Path
from types import TracebackType

# In the order of disk.c's `enum call`.
CALLS = (
    *("open", "write", "truncate", "rename", "unlink", "sync", "read", "mmap", "lock", "thread"),
)
_NONE = -1
_ORDER = struct.Struct("4q")
_MADE = struct.Struct(f"{len(CALLS)}q")
# An errno that stands for a write of a part.
SHORT = 0
FOR_EVER = 1 << 40


class Plan:
    """Calls that fail, in all processes that have it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(_ORDER.size + _MADE.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.end()

    def begin(self, call: str, first: int, count: int, number: int) -> None:
        """The `first` call of this kind from the beginning on fails with the errno `number`, and
        the `count - 1` that follow."""
        _ORDER.pack_into(self._memory, 0, CALLS.index(call), first, count, number)

    def end(self) -> None:
        """Nothing fails any more."""
        _ORDER.pack_into(self._memory, 0, _NONE, 0, 0, 0)

    def made(self) -> dict[str, int]:
        """How often each call was made."""
        return dict(zip(CALLS, _MADE.unpack_from(self._memory, _ORDER.size), strict=True))

    def __enter__(self) -> "Plan":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._memory.close()
