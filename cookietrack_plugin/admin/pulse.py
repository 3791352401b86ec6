"""What a command reports to its supervisor: which store it reads, and that it makes progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import PAGESIZE, mmap
from struct import Struct

# Beats so far, whether they are expected, and the length of the label that follows.
_STATE = Struct("=QHH")


class Pulse:
    """
    A page of memory that two processes share. The command writes and the supervisor reads: no
    system call is needed, and what was written stays when the writer dies.
    """

    def __init__(self) -> None:
        self._memory = mmap(-1, PAGESIZE)

    @property
    def beats(self) -> int:
        """How many records have been read so far."""
        return self._state[0]

    @property
    def is_expected(self) -> bool:
        """Whether a process that uses the processor and does not beat hangs."""
        return bool(self._state[1])

    @property
    def label(self) -> str:
        """The store that is worked on, empty before there is one."""
        length = self._state[2]
        return self._memory[_STATE.size : _STATE.size + length].decode("utf-8", "replace")

    @contextmanager
    def naming(self, label: str) -> Iterator[None]:
        """Within the block, this store is worked on, beside those that are already."""
        before = self.label
        self._name(f"{before} or {label}" if before else label)
        try:
            yield
        finally:
            self._name(before)

    def beat(self) -> None:
        """Say that there was progress."""
        beats, is_expected, length = self._state
        self._write(beats + 1, is_expected, length)

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Within the block, using the processor for long without a beat means that it hangs."""
        self._write(self.beats, True, self._state[2])
        try:
            yield
        finally:
            self._write(self.beats, False, self._state[2])

    @property
    def _state(self) -> tuple[int, int, int]:
        beats, is_expected, length = _STATE.unpack_from(self._memory)
        return beats, is_expected, length

    def _name(self, label: str) -> None:
        text = label.encode("utf-8", "replace")[: PAGESIZE - _STATE.size]
        self._memory[_STATE.size : _STATE.size + len(text)] = text
        self._write(self.beats, self.is_expected, len(text))

    def _write(self, beats: int, is_expected: int, length: int) -> None:
        _STATE.pack_into(self._memory, 0, beats, is_expected, length)


# Shared by this process and the one that it forks.
PULSE = Pulse()
