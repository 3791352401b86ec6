"""Stores with a feed: what a test lets another worker or node do to one, its feed tells."""

from collections.abc import Collection, Sequence
from queue import Empty, SimpleQueue

from zope.interface import implementer

from cookietrack_plugin.interfaces import IRevocationFeed, IRevocationSignal, IUserRevocation
from cookietrack_plugin.record import Change, UserRevoked
from tests.support.stores import PATIENCE, Gate, ScriptedStore


@implementer(IUserRevocation)
class RevokingStore(ScriptedStore):
    """One that ends a user in one step. It keeps no fence: who logs in again is the test's."""

    def __init__(self, reads_block: bool = False, commits_block: bool = False) -> None:
        super().__init__(reads_block, commits_block)
        self.revoked: list[UserRevoked] = []
        self.revoke_error: Exception | None = None

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        self._note_thread("revoke_user")
        self.commits.pass_through()
        if self.revoke_error:
            raise self.revoke_error
        self.revoked.append(revoked := UserRevoked(authid, authrealm, frozenset(keep)))
        doomed = [id for id, each in self.cookies.items() if revoked.ends(id, each.auth)]
        for id in doomed:
            del self.cookies[id]
        return len(doomed)


@implementer(IRevocationFeed)
class FeedStore(RevokingStore):
    """
    Its positions count entries. `questions` is the gate of those who ask; `feed_error` is what they
    get, once its gate is open.
    """

    def __init__(self, reads_block: bool = False, commits_block: bool = False) -> None:
        super().__init__(reads_block, commits_block)
        self.entries: list[str | UserRevoked] = []
        self.asked: list[int | None] = []
        self.questions = Gate()
        self.feed_error: Exception | None = None

    def elsewhere(self, change: Change | UserRevoked) -> None:
        """Another worker makes a change, or revokes a user."""
        if isinstance(change, UserRevoked):
            self.revoke_user(change.authid, change.authrealm, change.keep)
            self.entries.append(change)
        else:
            self._apply(change)
            self.entries.append(change.id)

    def revoked_since(self, cursor: int | None) -> tuple[Sequence[str | UserRevoked], int]:
        self._note_thread("feed")
        self.asked.append(cursor)
        self.questions.pass_through()
        if self.feed_error:
            raise self.feed_error
        return (self.entries[cursor:] if cursor is not None else []), len(self.entries)


@implementer(IRevocationSignal)
class SignallingStore(FeedStore):
    """One that says when to ask: when a test calls `signal`, as long as there is no error."""

    def __init__(self, reads_block: bool = False, commits_block: bool = False) -> None:
        super().__init__(reads_block, commits_block)
        self._signals: SimpleQueue[None] = SimpleQueue()
        # How often was asked before each waiting, and for how long it waits.
        self.waited: list[int] = []
        self.seconds: list[float] = []
        self.signal_error: Exception | None = None
        self.interrupted = 0
        self.interrupt_error: Exception | None = None

    def signal(self) -> None:
        self._signals.put(None)

    def await_revocation(self, seconds: float) -> None:
        self.waited.append(len(self.asked))
        self.seconds.append(seconds)
        if self.signal_error:
            raise self.signal_error
        try:
            self._signals.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError("a signal that nobody gives") from None

    def interrupt(self) -> None:
        self.interrupted += 1
        self.signal()
        if self.interrupt_error:
            raise self.interrupt_error
