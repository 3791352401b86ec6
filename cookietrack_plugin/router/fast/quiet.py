"""A logger for Crossbar's protocol, which tells much of each connection at `info`."""

from typing import Any


class QuietLogger:
    """
    Passes everything on, but tells what comes at `info` at `debug`: the tracker has a line for it.
    Not at all what is told about cookies, as our store stands aside then: it says that there are
    none.
    """

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, level: str) -> Any:
        # Called once for each level: by the time of the first line it is settled what is shown.
        self.__dict__[level] = method = getattr(self._log, level)
        return method

    def info(self, text: str = "", **fields: Any) -> None:
        if "cookie" not in text:
            self.debug(text, **fields)
