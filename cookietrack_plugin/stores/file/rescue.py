"""Damaged lines of the `file` store's file, kept beside it when it is rewritten."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

from cookietrack_plugin.stores.file import format1
from cookietrack_plugin.stores.file.crossbar import redact
from cookietrack_plugin.stores.file.lines import START

_SUFFIX = ".rescuing"


class Rescue:
    """
    `FILE.damaged-<time>`, readable by its owner alone, made with its first line. Until `publish` it
    has a name of its own, the same for every attempt: what fails again and again fills no disk.

    Lines are kept as they are; of Crossbar's, what may be a cookie's value is made unreadable.
    """

    def __init__(self, path: str) -> None:
        self._origin = path
        self._draft = path + _SUFFIX
        self._fd = -1
        self._is_empty = True

    def keep(self, number: int, raw: bytes, is_ours: bool) -> None:
        """:param is_ours: the file is one that we wrote, in which no cookie's value can stand."""
        if self._is_empty:
            self._create()
        text = raw if is_ours or raw.startswith((START, format1.START)) else redact(raw)
        with open(self._fd, "ab", closefd=False) as file:
            file.write(b"# line %d\n%b\n" % (number, text.rstrip(b"\n")))

    def close(self) -> None:
        """Make it durable: the file may be rewritten. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def discard(self) -> None:
        """Keep nothing: the file is left as it is."""
        with suppress(OSError):
            self.close()
        if not self._is_empty:
            os.unlink(self._draft)

    def publish(self) -> str | None:
        """
        Give it its name, as the file has been rewritten: where it is now, None where nothing was
        kept. What a process has left that ended before it could do so gets its name, too.
        """
        path = self._draft
        if os.path.lexists(path):
            # If this fails, it is kept under its draft's name until the next time.
            with suppress(OSError):
                os.rename(self._draft, path := self._free_name())
        return None if self._is_empty else path

    def _create(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._draft)
        self._fd = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._is_empty = False

    def _free_name(self) -> str:
        # The lock is held: nobody else makes one.
        name = f"{self._origin}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        return next(each for each in names if not os.path.lexists(each))
