"""
Writing in a process of its own.

CPython has one interpreter lock (GIL) in a process, and py-lmdb releases and reacquires it in every
call. With a busy reactor each of these costs two switches of threads, which take longer than the
call itself. A process of its own has its own lock: a batch costs one message and its answer, and
neither needs a thread.
"""

import logging
import os
import pickle
from typing import Any

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.child.worker import Child, cause_of_death
from cookietrack_plugin.stores.lmdb.environment import FIRST_MAP, Environment, Work
from cookietrack_plugin.stores.lmdb.files import opening_again

log = logging.getLogger(__name__)

_WRITER = "cookietrack_plugin.stores.lmdb.writer"


class ChildWriterEnvironment(Environment):
    """
    An environment that is read here and written by a child process. The first write starts it, and
    the next one starts another if it was killed. It ends when this process ends.
    """

    _child: Child | None = None

    def write(self, maxsize: int, frees: bool, work: Work, *args: Any) -> Any:
        """
        As in `Environment`. `work` is a function of a module, or a partial of one.

        :raises StoreUnavailable: also where the child has ended: whether `work` was done is not
            known then.
        """
        request = pickle.dumps((maxsize, frees, work, args))
        with self._writer:
            self._prepare()
            return self._ask(request)

    def begin(self, maxsize: int, frees: bool, work: Work, *args: Any) -> bool:
        """
        Have the child begin what `write` would do, and wait for nothing; `finish` has the result.
        False where only `write` can do it: there is no child, another request is in flight, or this
        one is too large to be sent at once.
        """
        request = pickle.dumps((maxsize, frees, work, args))
        if not self._writer.acquire(blocking=False):
            return False
        begun = self._child is not None and self._child.channel.send_now(request)
        if not begun:
            self._writer.release()
        return begun

    def fileno(self) -> int:
        """It can be read once there is something to `finish`."""
        assert self._child
        return self._child.channel.fileno()

    def finish(self) -> Any:
        """
        The result of what was begun, None until it is there. Also on another thread.

        :raises StoreUnavailable: as `write` does.
        """
        assert self._child
        try:
            answer = self._child.channel.receive_now()
        except (OSError, EOFError) as error:
            # The next `write` waits until it has ended.
            self._child.channel.shut()
            self._writer.release()
            raise self._lost() from error
        if answer is None:
            return None
        self._writer.release()
        return _result(answer)

    def close(self) -> None:
        # In this order: a write that has waited for another one must not start a child afterwards.
        try:
            super().close()
        finally:
            with self._writer:
                self._end()

    def _prepare(self) -> None:
        """Start a child if none lives: no write fails because the last child was killed."""
        if self._closed:
            raise StoreUnavailable(f"{self.path} is closed")
        if self._child is None or not self._child.lives():
            self._end()
            self._begin()

    def _begin(self) -> None:
        # Slots of killed processes would leave none for the child.
        self.clear_dead_readers()
        try:
            self._child = Child.start(_WRITER)
        except OSError as error:
            raise StoreUnavailable(f"no process can be started to write {self.path}") from error
        try:
            # It must not write other files than those which are read here.
            place = self.place.identity
            with opening_again():
                self._ask(pickle.dumps((os.getpid(), self.path, FIRST_MAP, self.sync, place)))
        except BaseException:
            self._end()
            raise

    def _ask(self, request: bytes) -> Any:
        assert self._child
        try:
            self._child.channel.send(request)
            answer = self._child.channel.receive()
        except (OSError, EOFError) as error:
            self._end()
            raise self._lost() from error
        except BaseException:
            # An answer that comes later must not be taken for that to the next request.
            self._end()
            raise
        return _result(answer)

    def _lost(self) -> StoreUnavailable:
        return StoreUnavailable(f"the process that writes {self.path} has ended")

    def _end(self) -> None:
        if self._child is not None:
            if code := self._child.end():
                log.warning("the process that writes %s %s", self.path, cause_of_death(code))
            self._child = None


def _result(answer: bytes) -> Any:
    done, result = pickle.loads(answer)
    if not done:
        raise result
    return result
