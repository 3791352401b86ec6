"""A logger for Crossbar's protocol, which logs much of each connection at `info`."""

from typing import Any


class QuietLogger:
    """
    Logs at `debug` what Crossbar logs at `info`, as the tracker has a line for it. Drops lines on
    cookies: our store stands aside then, and they say that there is none.
    """

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, level: str) -> Any:
        # Called once for each level: the log level no longer changes once the first line is logged.
        self.__dict__[level] = method = getattr(self._log, level)
        return method

    def info(self, text: str = "", **fields: Any) -> None:
        if "cookie" not in text:
            self.debug(text, **fields)
