"""Ending all cookies of a user, or of everybody, so that no login slips through meanwhile."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.threads import deferToThreadPool

from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.tracking.tracker import Tracker

# Ids that are ended at once; seconds until a store that others write to is looked through again.
AT_ONCE = 1000
SECOND_LOOK = 1.5


@frozen
class Ended:
    """How many records were ended, and how many connections were closed by this worker."""

    cookies: int
    connections: int

    def __add__(self, other: "Ended") -> "Ended":
        return Ended(self.cookies + other.cookies, self.connections + other.connections)


@inlineCallbacks
def revoke_by_authid(
    tracker: Tracker,
    authid: str | None,
    authrealm: str | None = None,
    keep: frozenset[str] = frozenset(),
) -> Any:
    """
    End every cookie that is logged in as `authid` (None: every cookie), in `authrealm` if given,
    except the ids in `keep`.

    A barrier: logins of that authid on this worker that are not stored yet are stored first and
    then ended, those that come while this runs are ended on arrival. On a store that others write
    to, logins that were under way there are ended by a second look, shortly after.

    :returns: a Deferred with `Ended`. It fails with the store's error.
    """
    began = tracker.clock.now()
    tracker.endings.bar(authid)
    try:
        yield tracker.committer.run(_nothing)
        ended = yield _end(tracker, authid, authrealm, keep)
    finally:
        tracker.endings.unbar(authid)
    if IRevocationFeed.providedBy(tracker.store):
        tracker.reactor.callLater(SECOND_LOOK, _look_again, tracker, authid, authrealm, keep, began)
    return ended


@inlineCallbacks
def _end(
    tracker: Tracker,
    authid: str | None,
    authrealm: str | None,
    keep: frozenset[str],
    before: int | None = None,
) -> Any:
    ids = yield _on_thread(tracker, _ids, tracker.store, authid, authrealm, before)
    ended = Ended(0, 0)
    if before is None:
        # A record that was made to forget its login has no name in the store; its sessions have.
        ids = {*ids, *tracker.connections.logged_in(authid, authrealm)}
    doomed = [id for id in ids if id not in keep]
    for start in range(0, len(doomed), AT_ONCE):
        counts = yield tracker.endings.revoke_all(doomed[start : start + AT_ONCE])
        ended += Ended(*counts)
    return ended


def _look_again(
    tracker: Tracker,
    authid: str | None,
    authrealm: str | None,
    keep: frozenset[str],
    began: int,
) -> None:
    _end(tracker, authid, authrealm, keep, began).addErrback(
        lambda failure: tracker.log.warn(
            "cookies of {authid} may be left: {cause}", authid=authid, cause=failure.value
        )
    )


def _ids(
    store: ICookieStore, authid: str | None, authrealm: str | None, before: int | None
) -> list[str]:
    cookies: Iterable[Cookie] = store.scan(authid, authrealm)
    return [cookie.id for cookie in cookies if before is None or cookie.seen <= before]


def _on_thread(tracker: Tracker, function: Any, *args: Any) -> Deferred[Any]:
    pool = tracker.reactor.getThreadPool()
    return deferToThreadPool(tracker.reactor, pool, function, *args)


def _nothing() -> None:
    """Queued behind what is queued already."""
