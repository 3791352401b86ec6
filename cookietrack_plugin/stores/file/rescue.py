"""What was damaged in the `file` store's file, kept beside it when the file is rewritten."""

import os
from datetime import UTC, datetime
from itertools import count

from cookietrack_plugin.stores.file.crossbar import redact
from cookietrack_plugin.stores.file.lines import START


class Rescue:
    """
    `FILE.damaged-<time>`, made with its first line and readable by its owner alone.

    Lines are kept as they are; of Crossbar's, what may be a cookie's value is made unreadable.
    """

    def __init__(self, path: str) -> None:
        self._origin = path
        self._fd = -1
        self.path: str | None = None

    def keep(self, number: int, raw: bytes, is_ours: bool) -> None:
        """:param is_ours: the file is one that we wrote, in which no cookie's value can stand."""
        if self._fd < 0:
            self._create()
        text = raw if is_ours or raw.startswith(START) else redact(raw)
        with open(self._fd, "ab", closefd=False) as file:
            file.write(b"# line %d\n%b\n" % (number, text.rstrip(b"\n")))

    def close(self) -> None:
        """Make it durable. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.fsync(fd)
            os.close(fd)

    def discard(self) -> None:
        """Keep nothing: the file is left as it is."""
        self.close()
        if self.path is not None:
            os.unlink(self.path)

    def _create(self) -> None:
        name = f"{self._origin}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for number in count(1):
            self.path = name if number == 1 else f"{name}-{number}"
            try:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                return
            except FileExistsError:
                continue
