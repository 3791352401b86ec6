"""A logger for Crossbar's protocol, without its lines about cookies."""

from typing import Any


class QuietLogger:
    """
    Passes everything on but for what is told about cookies at `info`: that is up to five lines a
    handshake, the tracker's one says what happened, and it knows better.
    """

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, level: str) -> Any:
        # Called once for each level: by the time of the first line it is settled what is shown.
        self.__dict__[level] = method = getattr(self._log, level)
        return method

    def info(self, text: str, **fields: Any) -> None:
        if "cookie" not in text:
            self._log.info(text, **fields)
