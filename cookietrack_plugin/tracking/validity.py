"""Whether a record is valid: not ended, not expired, and not from the future. The only place."""

from collections.abc import Container, Iterable

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Cookie, UserRevoked
from cookietrack_plugin.tracking.clock import Clock

# A record that is later than this machine's time by more was stored before the clock was set back.
MAX_FUTURE_MS = 2000


class Validity:
    """
    :param deleted: ids that were ended, though their deletion may not be stored yet.
    :param revoked: users that were revoked, though that may not be stored yet.
    """

    def __init__(
        self, clock: Clock, deleted: Container[str], revoked: Iterable[UserRevoked]
    ) -> None:
        self._clock = clock
        self._deleted = deleted
        self._revoked = revoked

    def is_valid(self, cookie: Cookie, policy: Policy | None = None) -> bool:
        """Whether a record that the store has is worth something, under `policy` if it is given."""
        now = self._clock.now()
        until = policy.good_until(cookie) if policy else cookie.expires
        if now >= until or max(cookie.created, cookie.seen) > now + MAX_FUTURE_MS:
            return False
        return not self.is_ended(cookie)

    def is_ended(self, cookie: Cookie) -> bool:
        """Whether it was ended here, though the store may still have it."""
        return cookie.id in self._deleted or any(
            revoked.ends(cookie.id, cookie.auth) for revoked in self._revoked
        )

    def valid(self, cookie: Cookie | None, policy: Policy | None = None) -> Cookie | None:
        """The record if there is one and it is valid."""
        return cookie if cookie is not None and self.is_valid(cookie, policy) else None
