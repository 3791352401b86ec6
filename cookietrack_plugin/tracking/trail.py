"""Where the lines of the audit log go: to a file, by a thread, or to Crossbar's log."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.audit.entry import Entry
from cookietrack_plugin.audit.linefile import LineFile

# Lines that may wait for the disk; more than these are lost.
MAX_PENDING = 10_000
# How long a worker that stops waits for a disk that hangs.
CLOSE_TIMEOUT_S = 3.0


class NotAudited(Exception):
    """A line is lost; the message says why."""


class Trail(Protocol):
    """
    A place for lines of the audit log. On the reactor's thread.

    `required`: no session joins before its line is written.
    """

    required: bool

    def write(self, line: str) -> Deferred[None]:
        """
        Fires when the line is written, and on disk if lines are required. A failure is logged
        already.
        """

    def close(self) -> Deferred[None]:
        """Write what is queued, and fire. Idempotent."""


class LogTrail:
    """Writes to the worker's log, at `info`. It cannot be required: a log may drop lines."""

    log = make_logger()
    required = False

    def write(self, line: str) -> Deferred[None]:
        self.log.info("{audit}", audit=line)
        return succeed(None)

    def close(self) -> Deferred[None]:
        return succeed(None)


class FileTrail:
    """
    Writes to a file that can be rotated: see `LineFile`. A line that cannot be written is lost.
    Lost lines are counted; the log has a line when it begins, and one when it is over.

    :param path: absolute.
    """

    log = make_logger()

    def __init__(self, path: str, reactor: Any) -> None:
        self.required = False
        self._reactor = reactor
        self._file = LineFile(path)
        self._thread: BatchingThread[tuple[str, bool]] = BatchingThread(
            "cookietrack-audit", self._append, reactor
        )
        self._pending = 0
        # How many lines were lost since the last that was written.
        self._lost = 0
        self._closed: Deferred[None] | None = None

    def write(self, line: str) -> Deferred[None]:
        if self._closed is not None:
            return fail(self._lose("the worker has closed it"))
        if self._pending >= MAX_PENDING:
            return fail(self._lose(f"{self._pending} lines are waiting for the disk"))
        self._pending += 1
        done: Deferred[None] = Deferred()
        written = self._thread.put((line, self.required))
        written.addBoth(self._written, done)
        return done

    def close(self) -> Deferred[None]:
        if self._closed is None:
            self._closed = self._thread.close()
            self._closed.addTimeout(CLOSE_TIMEOUT_S, self._reactor)
            self._closed.addCallbacks(lambda _: self._file.close(), self._not_closed)
        return fan_out(self._closed)

    def _not_closed(self, failure: Failure) -> None:
        self.log.error(
            "the audit log {path} cannot be closed within {seconds:.0f} seconds: its last lines may"
            " be lost",
            path=self._file.path,
            seconds=CLOSE_TIMEOUT_S,
        )

    def _append(self, batch: Sequence[tuple[str, bool]]) -> Sequence[None]:
        """On the thread."""
        lines = "".join(f"{line}\n" for line, _ in batch)
        self._file.append(lines.encode(), any(required for _, required in batch))
        return [None] * len(batch)

    def _written(self, result: Any, done: Deferred[None]) -> None:
        self._pending -= 1
        if isinstance(result, Failure):
            done.errback(self._lose(str(result.value)))
            return
        if self._lost:
            self._report()
        done.callback(None)

    def _lose(self, cause: str) -> NotAudited:
        if not self._lost:
            self.log.error(
                "the audit log {path} cannot be written, lines are lost: {cause}",
                path=self._file.path,
                cause=cause,
            )
        self._lost += 1
        return NotAudited(cause)

    def _report(self) -> None:
        lost, self._lost = self._lost, 0
        self.log.warn(
            "the audit log {path} is written again; lost lines: {count}",
            path=self._file.path,
            count=lost,
        )
        entry = Entry(int(time.time() * 1000), "lost", reason=f"{lost} lines")
        self.write(entry.line()).addErrback(lambda _: None)
