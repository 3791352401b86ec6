"""
Whether a record is valid: not ended, not expired, and not from the future. No other module decides
that.
"""

from collections.abc import Callable, Collection

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Cookie, UserRevoked
from cookietrack_plugin.tracking.clock import Clock

# A record that is later than this machine's time by more was stored before the clock was set back.
MAX_FUTURE_MS = 2000


class Validity:
    """
    Says whether records are valid. On the reactor's thread; for other threads: `snapshot`.

    :param deleted: ids that were ended, and whose deletion may not be stored yet.
    :param revoked: users that were revoked, while that may not be stored yet.
    """

    def __init__(
        self, clock: Clock, deleted: Collection[str], revoked: Collection[UserRevoked]
    ) -> None:
        self._clock = clock
        self._deleted = deleted
        self._revoked = revoked

    def now(self) -> int:
        """The time by which the records live, in Unix milliseconds."""
        return self._clock.now()

    def is_valid(self, cookie: Cookie, policy: Policy | None = None) -> bool:
        """Whether a record that the store has is valid, under `policy` if it is given."""
        until = _end_of(cookie, policy)
        return _is_within(self._clock.now(), cookie, until) and not self.is_ended(cookie)

    def is_ended(self, cookie: Cookie) -> bool:
        """Whether it was ended here, though the store may still have it."""
        return _is_ended(cookie, self._deleted, self._revoked)

    def valid(self, cookie: Cookie | None, policy: Policy | None = None) -> Cookie | None:
        """The record if there is one and it is valid."""
        return cookie if cookie is not None and self.is_valid(cookie, policy) else None

    def snapshot(self, policy: Policy | None = None) -> Callable[[Cookie], bool]:
        """`is_valid` as of now, as a function for another thread."""
        now = self._clock.now()
        deleted, revoked = frozenset(self._deleted), frozenset(self._revoked)
        return lambda cookie: (
            _is_within(now, cookie, _end_of(cookie, policy))
            and not _is_ended(cookie, deleted, revoked)
        )


def _end_of(cookie: Cookie, policy: Policy | None) -> int:
    return policy.good_until(cookie) if policy else cookie.expires


def _is_within(now: int, cookie: Cookie, until: int) -> bool:
    return now < until and max(cookie.created, cookie.seen) <= now + MAX_FUTURE_MS


def _is_ended(cookie: Cookie, deleted: Collection[str], revoked: Collection[UserRevoked]) -> bool:
    if cookie.id in deleted:
        return True
    # Nearly always there are none.
    return bool(revoked) and any(each.ends(cookie.id, cookie.auth) for each in revoked)
