"""Something that can be observed for changes."""

from collections.abc import Callable


class Observed:
    """Calls its observers. On the reactor's thread."""

    def __init__(self) -> None:
        self._observers: list[Callable[[], None]] = []

    def subscribe(self, observer: Callable[[], None]) -> None:
        """Call `observer` after each change. It must not raise."""
        self._observers.append(observer)

    def unsubscribe(self, observer: Callable[[], None]) -> None:
        """Call `observer` no longer. Idempotent."""
        if observer in self._observers:
            self._observers.remove(observer)

    def _changed(self) -> None:
        for observer in list(self._observers):
            observer()
