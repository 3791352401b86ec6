"""The right that `allow` gives, and whether those who were let in by it still have it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.router.awaited import AwaitedStore
from cookietrack_plugin.tracking.visits import Visit

# What `allow` is about, by its keys.
_FIELDS = {"roles": "authrole", "authids": "authid", "realms": "authrealm"}
# Seconds between two looks at those who are let in.
RECHECK_S = 2.0


class Right:
    """:param allow: that of the guard item."""

    def __init__(self, allow: Mapping[str, Sequence[str]]) -> None:
        self._allowed = [(_FIELDS[key], frozenset(names)) for key, names in allow.items()]
        # The tracker ends what another user's login replaces; the same user's may be in another
        # role.
        self.can_be_lost = "roles" in allow

    def has(self, auth: Auth) -> bool:
        """Whether somebody who is logged in so is allowed."""
        return all(getattr(auth, field) in names for field, names in self._allowed)


class Rechecks:
    """
    Asks again about requests that take longer than a moment, such as streams and uploads, and cuts
    those whose user has lost the right: by a login on the same cookie, on any worker.

    :param awaited: the store of the guard's cookie.
    """

    log = make_logger()

    def __init__(self, awaited: AwaitedStore, right: Right) -> None:
        self._awaited = awaited
        self._right = right
        # The connections of visits, with the requests.
        self._running: dict[Any, Any] = {}
        self._timer: Any = None

    def watch(self, request: Any, visit: Visit) -> None:
        """Ask about a request that is let in, until it is over."""
        if not self._right.can_be_lost:
            return
        self._running[visit.connection] = request
        request.when_over(partial(self._running.pop, visit.connection, None))
        self._wait()

    def _wait(self) -> None:
        store: Any = self._awaited.store
        if self._timer is None and store is not None:
            self._timer = store.reactor.callLater(RECHECK_S, self._look, store.tracker)

    def _look(self, tracker: Any) -> None:
        self._timer = None
        # One that logs out goes on without its cookie until it is answered.
        for id in {connection.id for connection in self._running} - {None}:
            found = tracker.find(id)
            # While the store is away nobody new is let in, and the others go on.
            found.addCallbacks(self._found, lambda _: None, callbackArgs=(id,))
            found.addErrback(self._failed)
        if self._running:
            self._wait()

    def _found(self, record: Cookie | None, id: str) -> None:
        auth = record.auth if record else None
        if auth is not None and self._right.has(auth):
            return
        for connection, request in list(self._running.items()):
            if connection.id == id:
                request.abort()

    def _failed(self, failure: Failure) -> None:
        self.log.failure("a right cannot be looked at: {log_failure.value}", failure=failure)
