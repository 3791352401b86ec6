"""A store that records what is asked of it, waits at its gates, and fails on demand."""

import threading
from collections.abc import Callable, Mapping, Sequence
from socket import socketpair
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, INonBlockingCommit, INonBlockingLoad
from cookietrack_plugin.record import Change, Cookie, after, applies, matches

PATIENCE = 30.0


class Gate:
    """A place in a store: open, until it is shut. A caller that comes to a shut one waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_open = True
        self._openings = 0
        self.arrived = 0

    def shut(self) -> None:
        with self._changed:
            self._is_open = False

    def open(self) -> None:
        """All who have arrived get through, though it is shut again at once."""
        with self._changed:
            self._is_open = True
            self._openings += 1
            self._changed.notify_all()

    def pass_through(self) -> None:
        with self._changed:
            self.arrived += 1
            before = self._openings
            opened = self._changed.wait_for(
                lambda: self._is_open or self._openings > before, PATIENCE
            )
        assert opened, "a gate that nobody opens"

    def reached(self, number: int = 1) -> Callable[[], bool]:
        """The condition that somebody has come here for the `number`th time."""
        return lambda: self.arrived >= number


@implementer(ICookieStore)
class ScriptedStore:
    """A dictionary of records, durable at once. `reads`, `commits` and `pages` are its gates."""

    def __init__(self, reads_block: bool = False, commits_block: bool = False) -> None:
        self.reads_block = reads_block
        self.commits_block = commits_block
        self.cookies: dict[str, Cookie] = {}
        self.reads, self.commits, self.closing = Gate(), Gate(), Gate()
        self.pages = Gate()
        # What was asked: the ids of each load, the changes of each commit, (now, limit) of sweeps.
        self.loaded: list[list[str]] = []
        self.committed: list[list[Change]] = []
        self.expired: list[tuple[int, int]] = []
        self.closed = 0
        self.threads: dict[str, threading.Thread] = {}
        self._page_error: type[BaseException] | None = None
        self._load_error: Callable[[], BaseException] | None = None
        self._commit_error: Callable[[Sequence[Change]], BaseException | None] = lambda _: None
        self.expire_error: Exception | None = None
        self.close_error: Exception | None = None

    # -- the script ----------------------------------------------------------------------------

    def fail_loads(self, error: type[BaseException] = StoreUnavailable) -> None:
        """From now on nothing can be read."""
        self._load_error = lambda: error("the disk is away")

    def fail_pages(self, error: type[BaseException] = StoreUnavailable) -> None:
        """From now on records cannot be listed."""
        self._page_error = error

    def fail_commits(
        self,
        error: type[BaseException] = StoreUnavailable,
        of: Callable[[Change], bool] = lambda _: True,
    ) -> None:
        """From now on a batch fails with a change in it for which `of` is true."""

        def script(changes: Sequence[Change]) -> BaseException | None:
            return error("the disk is away") if any(of(change) for change in changes) else None

        self._commit_error = script

    def recover(self) -> None:
        """Nothing fails any more."""
        self._load_error = self._page_error = None
        self._commit_error = lambda _: None
        self.expire_error = None

    @property
    def changes(self) -> list[Change]:
        """Every change of every commit that succeeded, in order."""
        return [change for batch in self.committed for change in batch]

    # -- the store -----------------------------------------------------------------------------

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self._note_thread("load")
        self.loaded.append(list(ids))
        found = {id: self.cookies[id] for id in ids if id in self.cookies}
        # What it read lies in its hands while it waits: it may be stale when it gets through.
        self.reads.pass_through()
        if self._load_error:
            raise self._load_error()
        return found

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        self._note_thread("commit")
        self.commits.pass_through()
        if error := self._commit_error(changes):
            raise error
        self.committed.append(list(changes))
        return [self._apply(change) for change in changes]

    def _note_thread(self, method: str) -> None:
        self.threads[method] = threading.current_thread()

    def _apply(self, change: Change) -> bool:
        cookie = self.cookies.get(change.id)
        if not applies(cookie, change):
            return False
        changed = after(cookie, change)
        if changed is None:
            del self.cookies[change.id]
        else:
            self.cookies[change.id] = changed
        return True

    def expire(self, now: int, limit: int) -> int:
        self._note_thread("expire")
        self.expired.append((now, limit))
        if self.expire_error:
            raise self.expire_error
        due = [id for id, cookie in self.cookies.items() if cookie.expires <= now][:limit]
        for id in due:
            del self.cookies[id]
        return len(due)

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        self._note_thread("page")
        self.pages.pass_through()
        if self._page_error:
            raise self._page_error("the disk is away")
        ids = sorted(id for id in list(self.cookies) if cursor is None or id > cursor)[:limit]
        found = [self.cookies[id] for id in ids if id in self.cookies]
        page = [cookie for cookie in found if matches(cookie.auth, authid, authrealm)]
        return page, ids[-1] if len(ids) == limit else None

    def stat(self) -> Mapping[str, Any]:
        return {"cookies": len(self.cookies), "bytes": 0}

    def close(self) -> None:
        self._note_thread("close")
        self.closing.pass_through()
        self.closed += 1
        if self.close_error:
            raise self.close_error


@implementer(INonBlockingCommit)
class UnblockedStore(ScriptedStore):
    """
    One that takes batches without waiting too, while it `is_connected`. What becomes of them is the
    same script's business, and known at once, or when some `parts` of an answer have come.
    """

    parts = 0

    def __init__(self) -> None:
        super().__init__(commits_block=True)
        self.is_connected = True
        self.begun: list[list[Change]] = []
        self._near, self._far = socketpair()

    def begin(self, changes: Sequence[Change]) -> bool:
        if self.is_connected:
            self.begun.append(list(changes))
            self._far.send(b"!")
        return self.is_connected

    def fileno(self) -> int:
        return self._near.fileno()

    def finish(self) -> Sequence[bool] | None:
        if self.parts:
            self.parts -= 1
            return None
        self._near.recv(1)
        return self.commit(self.begun[-1])

    def close(self) -> None:
        self._near.close()
        self._far.close()
        super().close()


@implementer(INonBlockingLoad)
class UnblockedReadingStore(ScriptedStore):
    """The same for look-ups."""

    def __init__(self) -> None:
        super().__init__(reads_block=True)
        self.is_connected = True
        self.begun: list[list[str]] = []
        self._near, self._far = socketpair()

    def begin_load(self, ids: Sequence[str]) -> bool:
        if self.is_connected:
            self.begun.append(list(ids))
            self._far.send(b"!")
        return self.is_connected

    def load_fileno(self) -> int:
        return self._near.fileno()

    def finish_load(self) -> Mapping[str, Cookie] | None:
        self._near.recv(1)
        return self.load(self.begun[-1])

    def close(self) -> None:
        self._near.close()
        self._far.close()
        super().close()
