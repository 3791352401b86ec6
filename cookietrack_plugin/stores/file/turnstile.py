"""A fair lock."""

from threading import Lock
from types import TracebackType


class Turnstile:
    """
    Waiters get it in turn. A plain lock goes to the thread that asks first after its release, and
    that is the one that has just released it, again and again.
    """

    def __init__(self) -> None:
        # Held by the one who is next.
        self._entry = Lock()
        self._lock = Lock()

    def acquire(self, blocking: bool = True) -> bool:
        """False where somebody has it, or is next, and `blocking` is false."""
        if not self._entry.acquire(blocking):
            return False
        try:
            return self._lock.acquire(blocking)
        finally:
            self._entry.release()

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
