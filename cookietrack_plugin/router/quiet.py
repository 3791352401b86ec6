"""A logger for code that tells at `info`, several times a connection, what belongs at `debug`."""

from typing import Any


class QuietLogger:
    """
    Passes `info` on as `debug`, and everything else as it is. With `debug` off, which is the
    default, that is a call of a function that does nothing.
    """

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        # Called once for each level: by the time of the first line it is settled what is shown.
        method = getattr(self._log, "debug" if name == "info" else name)
        self.__dict__[name] = method
        return method
