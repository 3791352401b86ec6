"""The users that were revoked lately: the fence of this worker for logins that began before."""

from cookietrack_plugin.record import Auth, UserRevoked

# A login during which more users than this were revoked is refused.
MAX_REMEMBERED = 1000


class RecentRevocations:
    """What this worker knows of revoked users, in order. On the reactor's thread."""

    def __init__(self) -> None:
        # The position of each user's last revocation, in the order of positions.
        self._revoked: dict[UserRevoked, int] = {}
        # The latest position that is not remembered.
        self._forgotten = 0
        # How many revocations there were. A login notes it when it begins.
        self.position = 0

    def add(self, revoked: UserRevoked) -> None:
        self.position += 1
        self._revoked.pop(revoked, None)
        self._revoked[revoked] = self.position
        if len(self._revoked) > MAX_REMEMBERED:
            self._forgotten = self._revoked.pop(next(iter(self._revoked)))

    def lose(self) -> None:
        """Note that any user may have been revoked: the feed has lost its position."""
        self.position += 1
        self._forgotten = self.position

    def refuses(self, since: int, id: str | None, auth: Auth) -> bool:
        """Whether a login on the cookie `id`, begun at `since`, is of a user revoked after that."""
        if since < self._forgotten:
            return True
        for revoked, position in reversed(self._revoked.items()):
            if position <= since:
                return False
            if revoked.ends(id, auth):
                return True
        return False
