"""What `OrderedStore` needs of an engine."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

Result = TypeVar("Result")
# What a write does: the new value under each key, None to remove it.
Writes = Mapping[bytes, bytes | None]


class View(Protocol):
    """Reads keys. Each call sees one moment; a commit may come between two calls."""

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        """The values of those `keys` that are there."""

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """The first `limit` keys, with their values, from `start` on and before `end`, in order."""


class Engine(Protocol):
    """
    Keys and values of bytes, in the order of the keys. Keys have up to 80 bytes.

    Its methods raise `StoreUnavailable`, `StoreFull` or `StoreCorrupt` in place of the driver's own
    errors, and `StoreUnavailable` after `close`. Any thread calls `get`, `scan`, `count` and
    `size`; one at a time calls `write`.
    """

    #: The most keys that one write can read, and the most that it can alter; None for no limit.
    max_keys: int | None
    #: Whether nobody else writes while a write is planned, so that what it has scanned is whole.
    is_locking: bool

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        """See `View`. What a `write` that has returned has stored is seen."""

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """See `View`. What a `write` that has returned has stored is seen."""

    def write(self, plan: Callable[[View], tuple[Writes, Result]]) -> Result:
        """
        Do what `plan` says, all or none, and return its result once it is on disk.

        Nothing that `plan` got by `View.get`, absent keys included, has changed when its writes
        take effect: the engine locks, or notices and calls `plan` again. Only with `is_locking` is
        that so of a range that was scanned, too. What `plan` raises is raised, and nothing is
        written.
        """

    def count(self, start: bytes, end: bytes) -> int:
        """How many keys there are from `start` on and before `end`; an estimate will do."""

    def size(self) -> int:
        """Bytes that the engine takes on disk, more than 0 where there is a record."""

    def close(self) -> None:
        """Release every file, thread and connection. Idempotent."""
