"""Bounds the logins of a user: counts them before a login is stored, and again after it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.revocation import Revoker
from cookietrack_plugin.tracking.settlement import Settlement
from cookietrack_plugin.tracking.turns import Turns
from cookietrack_plugin.tracking.validity import Validity

Identity = tuple[str, str]
Store = Callable[[], Deferred[None]]


class TooManySessions(Exception):
    """The user has as many logins as the policy allows: this one is refused."""


class SessionLimits:
    """
    `Policy.max_sessions`, for logins that are about to be stored. On the reactor's thread.

    Logins of one identity wait for one another, so the number is exact in this worker. What other
    workers store at the same moment is settled afterwards.

    :param is_shared: whether others write to the store.
    """

    def __init__(
        self,
        store: AsyncStore,
        validity: Validity,
        connections: Connections,
        revoker: Revoker,
        reactor: Any,
        is_shared: bool,
    ) -> None:
        self._store = store
        self._validity = validity
        self._connections = connections
        self._revoker = revoker
        self._is_shared = is_shared
        self._turns: Turns[Identity] = Turns(reactor)
        self._settlement = Settlement(self._logins_of, revoker, reactor)

    def admit(self, connection: TrackedConnection, session: Auth, store: Store) -> Deferred[None]:
        """
        Store a login of `session` if there may be one more, or once the oldest one was ended.

        :param store: stores it, unless its connection was ended.
        :returns: a Deferred that fires as that of `store` does. It fails with `TooManySessions`,
            and with the store's error if the logins cannot be counted.
        """
        if connection.policy.max_sessions is None:
            return store()
        login = partial(self._admit, connection, session, store)
        return self._turns.take(session.identity, login)

    def stop(self) -> None:
        """Count no more. Idempotent."""
        self._settlement.stop()

    def _admit(self, connection: TrackedConnection, session: Auth, store: Store) -> Deferred[None]:
        if connection.ended:
            return store()
        if refusal := self._store.refusal():
            return fail(refusal)
        policy = connection.policy
        counted = self._logins_of(session.identity, policy)
        counted.addCallback(self._make_room, connection)
        return counted.addCallback(lambda _: self._store_login(store, policy, session))

    def _store_login(self, store: Store, policy: Policy, session: Auth) -> Deferred[None]:
        def settle(result: Any) -> Any:
            if self._is_shared:
                self._settlement.settle(session.identity, policy)
            return result

        # After a failure too: the store may have the login all the same.
        return store().addBoth(settle)

    def _logins_of(self, identity: Identity, policy: Policy) -> Deferred[list[Cookie]]:
        """The records that a user can come back with, where this policy is in force."""
        return self._store.list_user(*identity, self._validity.snapshot(policy))

    def _make_room(
        self, logins: Sequence[Cookie], connection: TrackedConnection
    ) -> Deferred[Any] | None:
        most = connection.policy.max_sessions or 0
        excess = len(logins) + 1 - most
        # A login on a cookie that has one of this user already adds none.
        if excess <= 0 or any(each.id == connection.id for each in logins):
            return None
        if not connection.policy.ends_oldest:
            raise TooManySessions(f"{most} session{'' if most == 1 else 's'} at most: log one out")
        oldest = sorted(logins, key=self._last_heard)[:excess]
        return self._revoker.revoke_excess(oldest)

    def _last_heard(self, login: Cookie) -> tuple[int, str]:
        # The store has what was heard on open connections only from time to time.
        active = self._connections.active(login.id)
        return max(login.seen, active.last_heard() if active else 0), login.id
