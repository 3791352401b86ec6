"""The users that were revoked lately, for logins that began before: the fence in this worker."""

from collections import deque

from cookietrack_plugin.record import Auth, UserRevoked

# A login during which more users than this were revoked is refused.
MAX_REMEMBERED = 1000


class RecentRevocations:
    """What this worker knows of revoked users, in order. On the reactor's thread."""

    def __init__(self) -> None:
        self._revoked: deque[UserRevoked] = deque(maxlen=MAX_REMEMBERED)
        # How many there have been: what a login notes when it begins.
        self.position = 0

    def add(self, revoked: UserRevoked) -> None:
        self._revoked.append(revoked)
        self.position += 1

    def refuses(self, since: int, id: str | None, auth: Auth) -> bool:
        """Whether a login on the cookie `id`, begun at `since`, is of a user revoked after that."""
        count = self.position - since
        if count > len(self._revoked):
            return True
        return any(self._revoked[-n].ends(id, auth) for n in range(1, count + 1))
