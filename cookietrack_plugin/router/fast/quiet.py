"""A logger for Crossbar's protocol, which logs much of each connection at `info` and `warn`."""

from typing import Any

# Autobahn's lines on a client that breaks the rules: anybody can be one, any number of times.
_BROKEN_RULES = "failing WebSocket connection", "dropping connection to peer"


class QuietLogger:
    """
    Logs at `debug` what Crossbar logs at `info`, as the tracker has a line for it. Drops lines on
    cookies: our store stands aside then, and they say that there is none. What a client alone is to
    blame for is logged at `debug`, too.
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

    def warn(self, text: str = "", **fields: Any) -> None:
        log = self.debug if text.startswith(_BROKEN_RULES) else self._log.warn
        log(text, **fields)
