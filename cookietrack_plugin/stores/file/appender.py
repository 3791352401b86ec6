"""
Appending in a process of its own. A writer thread would cost a busy reactor two or more switches of
threads for every batch.
"""

import errno
import os

from cookietrack_plugin.stores.child.worker import Child
from cookietrack_plugin.stores.file import writer
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.lock import FileLock


class Appender:
    """
    Appends to a file without waiting, by a child process. `start` starts it, once `begin` has asked
    for it. By one thread at a time.

    :param name: the file's path as configured.
    """

    def __init__(self, name: str, lock: FileLock) -> None:
        self._name = name
        self._lock = lock
        self._child: Child | None = None
        self._is_wanted = self._is_ready = False
        self._begun = 0

    def begin(self, file: AppendFile, data: bytes) -> bool:
        """Let `data` be appended; False where nothing was begun."""
        self._is_wanted = True
        if self._child is None or not self._answers(self._child):
            return False
        size = file.size.to_bytes(writer.SIZE_BYTES, "big")
        self._begun = len(data)
        return self._child.channel.send_now(size + data)

    def fileno(self) -> int:
        assert self._child
        return self._child.channel.fileno()

    def finish(self, file: AppendFile) -> bytes | None:
        """
        None until what was begun is over. Then it is appended: `writer.DONE`, or `writer.UNLOCKED`.

        :raises OSError: it was not appended. Where the child has ended, what is on disk is not
            known, and `file` is no longer trusted.
        """
        assert self._child
        try:
            answer = self._child.channel.receive_now()
        except (OSError, EOFError) as error:
            self._child.channel.shut()
            file.is_trusted = False
            raise OSError(0, "the process that writes it has ended") from error
        if answer in (writer.DONE, writer.UNLOCKED):
            file.appended(self._begun)
        elif answer is not None:
            self._failed(file, *map(int, answer.split()))
        return answer

    def start(self, file: AppendFile) -> None:
        """
        Start a process for `file` if `begin` has asked for one and there is none. May wait.

        :raises OSError: none can be started.
        """
        if self._is_wanted and not (self._child and self._child.lives()):
            self.end()
            child = Child.start(writer.__name__, file.fileno(), self._lock.fileno())
            self._child = child
            child.channel.send(writer.first_message(self._name, self._lock.path))

    def release(self) -> Child | None:
        """Give up the process, if there is one: the caller ends it."""
        child, self._child, self._is_ready = self._child, None, False
        return child

    def end(self) -> None:
        """End the process. Waits for it."""
        if (child := self.release()) is not None:
            child.end()

    def _answers(self, child: Child) -> bool:
        if not self._is_ready:
            try:
                self._is_ready = child.channel.receive_now() is not None
            except (OSError, EOFError):
                child.channel.shut()
        return self._is_ready

    def _failed(self, file: AppendFile, code: int, is_trusted: int) -> None:
        file.is_trusted = bool(is_trusted)
        file.forget_room()
        if code == errno.ESTALE:
            # It says what has happened.
            file.appended(self._begun)
            file.check(self._name)
        raise OSError(code, os.strerror(code))
